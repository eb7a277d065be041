"""Imports point one way, heavy packages stay where they belong, and every command is whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import click
import pytest

import nntf_cli
from nntf_cli.cli.group import COMMANDS, nntf
from nntf_cli.cli.types import ListType

PACKAGE = Path(nntf_cli.__file__).parent
ROOT = PACKAGE.parent

#: What each room may import of ours, besides itself and what every room may.
EVERY_ROOM = {"errors", "model", "memory", "progress", "shares", "threads", "wording"}
ROOMS = {
    "errors": set(),
    "model": set(),
    "memory": set(),
    "progress": set(),
    "shares": set(),
    "threads": set(),
    "wording": set(),
    "kernels": set(),
    "files": set(),
    "labellog": {"files"},
    "artifacts": {"files"},
    "importing": {"files"},
    "fingerprint": {"kernels"},
    "distributed": {"kernels", "files", "labellog", "fingerprint"},
    "diff": set(),
    "rqa": {"kernels"},
    "classes": {"kernels"},
    "anomalies": {"kernels"},
    "samples": {"kernels"},
    "explain": {"kernels", "fingerprint", "rqa"},
    "noise": {"kernels"},
    "growing": {"kernels", "rqa"},
    "figures": set(),
    "recorders": {"files", "labellog"},
    "cli": {
        *("files", "labellog", "artifacts", "fingerprint", "diff", "rqa", "figures", "distributed", "importing"),
        *("classes", "anomalies", "samples", "explain", "noise"),
    },
}

#: Modules of ours that import nothing but the standard library and each other.
LIGHT = {"cli", "errors", "files.atomic", "progress", "shares", "wording", "__version__"}

#: Packages from outside that only some rooms may import.
OUTSIDE = {
    "click": {"cli"},
    "numba": {"kernels"},
    "h5py": {"files", "cli"},
    "pandas": {"artifacts"},
    "matplotlib": {"figures"},
    "scipy": {"classes", "anomalies", "samples", "noise"},
    "distributed": {"distributed"},
    "dask": {"distributed"},
    "keras": {"recorders"},
    "lightgbm": {"recorders"},
    "lightning": {"recorders"},
    "pytorch_lightning": {"recorders"},
    "sklearn": {"recorders"},
    "torch": {"recorders"},
    "transformers": {"recorders"},
    "xgboost": {"recorders"},
}


def imports_of(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                [f"nntf_cli.{alias.name}" for alias in node.names] if node.module == "nntf_cli" else [node.module]
            )


def files():
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in ("__init__", "__main__"):
            yield pytest.param(path, room, id=str(path.relative_to(PACKAGE)))


@pytest.mark.parametrize(("path", "room"), list(files()))
def test_imports_point_one_way(path, room):
    allowed = ROOMS[room] | EVERY_ROOM | {room, "__version__"}
    for name in imports_of(path):
        first, *rest = name.split(".")
        if first == "nntf_cli":
            assert rest[0] in allowed, f"{room} may not import {name}"
        if first in OUTSIDE:
            assert room in OUTSIDE[first], f"{room} may not import {first}"
    assert not any("pyplot" in name for name in imports_of(path))


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=lambda path: path.name)
def test_command_files_import_nothing_heavy_at_the_top(path):
    light = {"click", "nntf_cli", *(f"nntf_cli.{name}" for name in LIGHT)}
    for name in imports_of(path, top_level_only=True):
        is_light = name in light or name.startswith("nntf_cli.cli.") or name.split(".")[0] in sys.stdlib_module_names
        assert is_light, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short_enough_to_read(path):
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_a_place_in_the_readme(name):
    command = nntf.get_command(None, name)
    assert COMMANDS[name].endswith(".")
    assert f"nntf {name} " in command.help
    assert f"nntf {name}" in (ROOT / "README.md").read_text()


def test_a_letter_means_one_thing_in_every_command():
    meanings = {}
    for name in COMMANDS:
        for parameter in nntf.get_command(None, name).params:
            for letter in (option for option in parameter.opts if len(option) == 2):
                long = next(option for option in parameter.opts if option.startswith("--"))
                assert meanings.setdefault(letter, long) == long
    assert meanings == {
        "-o": "--output", "-t": "--format", "-f": "--force", "-q": "--quiet", "-b": "--bands", "-h": "--help",
    }  # fmt: skip


def test_no_option_takes_what_is_not_finite():
    others = (click.types.StringParamType, click.types.BoolParamType, click.Path, click.Choice, ListType)
    types = {
        f"nntf {name} {parameter.opts[0]}": parameter.type
        for name in COMMANDS
        for parameter in nntf.get_command(None, name).params
        if not isinstance(parameter.type, others)
    }
    assert {"nntf diff --tolerance", "nntf anomalies --threshold", "nntf rqa --range"} <= set(types)
    for option, kind in types.items():
        for text in ("nan", "inf", "-inf", "nan%", "inf%", "nan:1", "0:inf", "nanM"):
            with pytest.raises(click.BadParameter):
                pytest.fail(f"{option} {text} is {kind.convert(text, None, None)}")


@pytest.mark.parametrize(
    "module",
    [
        "fingerprint",
        "labellog",
        "rqa",
        "diff",
        "figures",
        "artifacts.tables",
        "recorders",
        "importing",
        "classes",
        "anomalies",
    ],
)
def test_rooms_can_be_imported_alone(module):
    subprocess.run([sys.executable, "-c", f"import nntf_cli.{module}"], check=True, timeout=60)


def test_recording_without_a_framework_imports_none():
    code = "import sys, nntf_cli.recorders as r; r.LabelRecorder; print([n for n in sys.argv[1:] if n in sys.modules])"
    frameworks = [name for name, rooms in OUTSIDE.items() if rooms == {"recorders"}]
    done = subprocess.run([sys.executable, "-c", code, *frameworks], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_the_naive_twins_import_nothing_of_ours():
    twins = ("naive", *(path.stem for path in (ROOT / "tests").glob("naive_*.py")), "planted", "golden/make_rqa_golden")
    for name in twins:
        assert not any("nntf" in imported for imported in imports_of(ROOT / "tests" / f"{name}.py"))
