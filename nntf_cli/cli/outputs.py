"""Where a command's results go: a file written whole or not at all, or stdout."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

import click

from nntf_cli.cli import signals
from nntf_cli.cli.stdout import write_stdout
from nntf_cli.errors import ParameterError
from nntf_cli.files.atomic import Writer, publish, refuse_inputs, remove_unfinished

PICTURES: tuple[Literal["png", "svg", "pdf"], ...] = ("png", "svg", "pdf")

_Format = TypeVar("_Format", bound=str)

signals.before_end(remove_unfinished)


def pick_format(
    path: str | None,
    wanted: str | None,
    formats: Sequence[_Format],
    default: _Format,
    endings: Mapping[str, str] | None = None,
    option: str = "-o",
) -> _Format:
    """Return the format asked for, else the one the ending names, else the default of stdout.

    Raises
    ------
    click.BadParameter
        The ending names no format of ours.
    """
    if path is None or path == "-":
        name = wanted or default
    else:
        ending = os.path.splitext(path)[1].lower().removeprefix(".")
        name = wanted or (endings or {}).get(ending, ending)
    for known in (*formats, default):
        if name == known:
            return known
    listed = ", ".join(f".{known}" for known in formats)
    instead = ", or say -t FORMAT" if option == "-o" else ""
    raise click.BadParameter(
        f"{path}: unknown ending {'.' + name if name else '(none)'}; use {listed}{instead}", param_hint=f"'{option}'"
    )


def picture_format(path: str) -> Literal["png", "svg", "pdf"]:
    """Return the format of the picture beside a table: what its ending names, PNG on stdout."""
    return pick_format(path, None, PICTURES, "png", option="--figure")


def require_places(table: str | None, **others: str | None) -> None:
    """Refuse what :func:`deliver` could not do, before anything is computed.

    Parameters
    ----------
    table : str or None
        Where the table goes; None is stdout.
    **others : str or None
        Where the results beside it go, all of them binary, by what they are called; None where there is none.

    Raises
    ------
    click.UsageError
        Two results would go to one place, or a binary one to a terminal.
    """
    taken: dict[str, str] = {}
    given = {name: path for name, path in others.items() if path is not None}
    for name, path in {"table": table or "-", **given}.items():
        place = path if path == "-" else os.path.realpath(path)
        if place not in taken:
            taken[place] = name
        elif path == "-":
            raise click.UsageError(f"the {taken[place]} and the {name} cannot both go to stdout: name a file for one")
        else:
            raise click.UsageError(f"the {taken[place]} and the {name} need a file each")
    if "-" in given.values() and to_terminal():
        raise click.UsageError("binary data is not written to a terminal: name a file, or pipe it on")


def files_for(addresses: Sequence[str], folder: str, ending: str) -> dict[str, str]:
    """Name a file in a folder after each run, one of its own whatever they are called.

    Parameters
    ----------
    addresses : sequence of str
        The runs; one that is given twice, under whatever spelling of its path, is one run.
    folder : str
        Where the files go.
    ending : str
        Of the files, without the dot.

    Returns
    -------
    dict
        Address -> file. Runs of the same name are told apart by the end of their paths, and where that is not enough
        by a number.
    """
    from nntf_cli.cli.inputs import distinct_names, normalized

    runs: dict[str, str] = {}
    for address in addresses:
        runs.setdefault(normalized(address), address)
    files: dict[str, str] = {}
    taken: set[str] = set()
    for address, name in zip(runs.values(), distinct_names([("", run) for run in runs]), strict=True):
        stem = name.replace("/", "_").replace("::", "_").lstrip(".") or "run"
        for number in itertools.count(1):
            path = os.path.join(folder, f"{stem}{f'-{number}' if number > 1 else ''}.{ending}")
            # a link in the folder may lead to another file there, and some systems take A for a
            if (place := os.path.realpath(path).casefold()) not in taken:
                break
        taken.add(place)
        files[address] = path
    return files


def refuse_any(inputs: Iterable[str]) -> Callable[[str], None]:
    """Return what refuses to write to any of many inputs; they are looked at once."""

    def identity(path: str) -> tuple[int, int] | None:
        with contextlib.suppress(OSError):
            status = os.stat(path)
            return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
        return None

    protected = {identity(path) for path in inputs} - {None}

    def refuse(path: str) -> None:
        if identity(path) in protected:
            raise ParameterError("is an input and would be overwritten", "name another output", where=path)

    return refuse


def to_terminal() -> bool:
    """Return whether stdout is read by a person."""
    return sys.stdout is not None and sys.stdout.isatty()


def deliver(outputs: Mapping[str | None, Writer], inputs: Iterable[str] = (), *, binary: bool = True) -> None:
    """Write all outputs; ``None`` and ``-`` are stdout, written after the files are in place.

    Raises
    ------
    click.UsageError
        Binary data would go to a terminal, or several results to stdout.
    OutputError
        An output cannot be written.
    """
    to_stdout = [writer for path, writer in outputs.items() if path is None or path == "-"]
    if len(to_stdout) > 1:
        raise click.UsageError("only one result can go to stdout: name a file for the other")
    if to_stdout and binary and to_terminal():
        raise click.UsageError("binary data is not written to a terminal: name a file with -o, or pipe it on")
    files = {path: writer for path, writer in outputs.items() if path is not None and path != "-"}
    refuse_inputs(files, inputs)
    _protect_logs(files)
    publish(files, inputs)
    for writer in to_stdout:
        write_stdout(writer)


def _protect_logs(paths: Iterable[str]) -> None:
    """Refuse to replace a label log: a result can be computed again, a training cannot."""
    from nntf_cli.labellog import is_log
    from nntf_cli.labellog.reader import is_recorded

    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get("nntf.force"):
        return
    for path in paths:
        if is_recorded(path) or (os.path.isfile(path) and is_log(path)):
            raise ParameterError("is a label log", "name another output, or say --force", where=path)


def bytes_writer(content: bytes) -> Writer:
    """Return what writes bytes."""
    return lambda stream: stream.write(content)
