"""``nntf info``: what is in a label log."""

from __future__ import annotations

import math
from typing import Any

import click

from nntf_cli.cli import options
from nntf_cli.cli.boundary import error_line
from nntf_cli.cli.options import Choice
from nntf_cli.errors import NntfError


@click.command("info", short_help="Say what is in a label log.")
@click.argument("log")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@options.quiet
@click.pass_context
def command(ctx: click.Context, log: str, as_json: bool, quiet: bool) -> None:
    """Say what is in LOG: layout, splits, snapshots, samples, classes, scalars, hyperparameters, what is odd.

    All labels are read and validated. For a file of several runs, the runs are listed; name one as FILE::GROUP.

    \b
      nntf info run.h5
      nntf info sweep.h5::wd_0.01
      nntf info run.h5 --json | jq .splits.train.n_quiet
    """
    import json

    from nntf_cli.artifacts.tables import printable
    from nntf_cli.cli.inputs import load_log, read_stdin
    from nntf_cli.cli.outputs import write_text
    from nntf_cli.labellog import describe, runs_of

    data = read_stdin() if log == "-" else None
    runs = runs_of(log, data)
    if len(runs) < 2:
        described = describe(load_log(log, Choice(), data, say_warnings=False))
        content: Any = described
        text, code = _as_text(described), 0
    else:
        facts, code = _describe_each([f"{log}::{run}" for run in runs], data)
        content, text = {"source": log, "runs": facts}, _several_as_text(log, facts)
    if as_json:
        write_text(json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        write_text("".join(printable(line) + "\n" for line in text))
    ctx.exit(code)


def _describe_each(addresses: list[str], data: bytes | None) -> tuple[list[dict[str, Any]], int]:
    """Describe every run of a file; a bad one is reported, and its code is the command's."""
    from nntf_cli.cli.inputs import load_log
    from nntf_cli.labellog import describe

    described, code = [], 0
    for address in addresses:
        try:
            described.append(describe(load_log(address, Choice(), data, say_warnings=False)))
        except NntfError as error:
            error_line(str(error))
            code = code or error.exit_code
    return described, code


def _finite(content: Any) -> Any:
    """Return the same with null for nan and infinity, which JSON does not have."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _several_as_text(source: str, runs: list[dict[str, Any]]) -> list[str]:
    width = max((len(run["source"]) for run in runs), default=0)
    return [f"{source}: {len(runs)} runs; name one of them"] + [
        f"  {run['source']:<{width}}  {run['n_snapshots']} snapshots, {_classes(run)}, {', '.join(run['splits'])}"
        for run in runs
    ]


def _as_text(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"{facts['source']}",
        _line("run", facts["name"]),
        _line("layout", facts["layout"]),
        _line("snapshots", f"{facts['n_snapshots']}, {_steps(facts['steps'])}"),
        _line("classes", _classes(facts) + _listed(facts["class_names"])),
    ]
    for name, split in facts["splits"].items():
        lines.append(_line(f"split {name}", _split(split)))
        lines += [_line("", text) for text in _movement(split)]
    for name, scalar in facts["scalars"].items():
        lines.append(_line(name, _scalar(scalar)))
    if facts["hparams"]:
        lines.append(_line("hparams", ", ".join(f"{k}={v}" for k, v in facts["hparams"].items())))
    lines += [_line("warning", warning) for warning in facts["warnings"]]
    return lines


def _line(head: str, text: str) -> str:
    return f"  {head:<16}{text}".rstrip()


def _steps(steps: dict[str, Any]) -> str:
    if steps["first"] == steps["last"]:
        return f"step {steps['first']}"
    spacing = f"every {steps['every']}" if steps["every"] else "unevenly spaced"
    return f"steps {steps['first']} to {steps['last']}, {spacing}"


def _classes(facts: dict[str, Any]) -> str:
    return f"{facts['n_classes']:,} classes"


def _listed(names: list[str] | None) -> str:
    if not names:
        return ""
    return f" ({', '.join(names[:10])}{', ...' if len(names) > 10 else ''})"


def _split(split: dict[str, Any]) -> str:
    extras = [text for key, text in (("true_labels", "true labels"), ("ids", "ids")) if split[key]]
    missing = f", {split['n_missing']:,} labels missing" if split["n_missing"] else ""
    return f"{split['n_samples']:,} samples" + "".join(f", {text}" for text in extras) + missing


def _movement(split: dict[str, Any]) -> list[str]:
    if not split["n_transitions"]:
        return []
    lines = [
        f"moved per transition: first {split['moved_first']:,}, median {split['moved_median']:,g}, "
        f"last {split['moved_last']:,}"
    ]
    if split["n_quiet"]:
        rest = f", quiet from step {split['quiet_from_step']}" if split["quiet_from_step"] is not None else ""
        lines.append(f"quiet: {split['n_quiet']} of {split['n_transitions']} transitions{rest}")
    return lines


def _scalar(facts: dict[str, Any]) -> str:
    def number(value: float | None) -> str:
        return "not finite" if value is None else f"{value:.6g}"

    best = f", best {number(facts['best'])} at step {facts['best_step']}" if "best" in facts else ""
    return f"first {number(facts['first'])}, last {number(facts['last'])}{best}"
