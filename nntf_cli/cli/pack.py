"""``nntf pack``: label logs rewritten for size, or several in one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nntf_cli.cli import options
from nntf_cli.wording import quantity

if TYPE_CHECKING:
    from nntf_cli.labellog.packing import Run
    from nntf_cli.model import LabelLog


_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9}


@click.command("pack")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(), help="Write the packed log here, as HDF5."
)
@options.force
@options.limits
@options.quiet
def command(logs: tuple[str, ...], output: str, quiet: bool) -> None:
    """Rewrite LOG in the native layout for size, and for reading one sample, or several logs into one file.

    Labels, steps, scalars, hyperparameters, ids, true classes and names stay what they are: all is read back and
    compared before FILE takes its place. Of several logs, or a file of several runs, each run becomes a group, and is
    FILE::NAME from then on. A log need not fit into memory.

    \b
      nntf pack run.h5 -o packed.h5
      nntf pack sweep/*.h5 -o sweep.h5 && nntf info sweep.h5
    """
    from nntf_cli.artifacts.tables import printable
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.outputs import deliver, pick_format
    from nntf_cli.cli.stdout import write_text
    from nntf_cli.labellog.packing import write_runs

    if output == "-":
        raise click.UsageError("a packed log is written to a file: name one with -o")
    pick_format(output, None, ["h5"], "h5", {"hdf5": "h5"})
    files = list(dict.fromkeys(files_of(logs)))
    runs = _runs(logs)
    deliver({output: lambda stream: write_runs(stream, runs, output)}, files)
    write_text("".join(printable(line) + "\n" for line in _said(files, output, runs)))


def _runs(logs: Sequence[str]) -> list[Run]:
    from nntf_cli.cli.boundary import note_line
    from nntf_cli.labellog.packing import run_of_log
    from nntf_cli.labellog.reader import open_unnamed, runs_of

    addresses = [f"{log}::{run}" if run else log for log in logs for run in (runs_of(log) or [""])]
    if "-" in addresses:
        raise click.UsageError("a log to be packed is read twice, which a pipe cannot be: name a file")
    opened = [open_unnamed(address) for address in addresses]
    for log, _ in opened:
        for warning in log.warnings:
            note_line(f"{log.source}: {warning}")
    if len(opened) == 1:
        return [run_of_log(opened[0][0], opened[0][0].name)]
    names = [log.name or default for log, default in opened]
    groups = _distinct(names, [log for log, _ in opened])
    return [run_of_log(log, name, group) for (log, _), name, group in zip(opened, names, groups, strict=True)]


def _distinct(names: Sequence[str], logs: Sequence[LabelLog]) -> list[str]:
    """Return names for groups, none of which is part of a path, or that of another."""
    import itertools

    from nntf_cli.cli.inputs import distinct_names

    groups: list[str] = []
    for name in distinct_names([(name, log.source) for name, log in zip(names, logs, strict=True)]):
        stem = name.replace("::", "_").replace("/", "_").replace("\0", "_").strip(". ") or "run"
        stem = f"{stem}_run" if stem in ("labels", "predictions") else stem  # which would be an array there
        numbered = (f"{stem}-{number}" if number > 1 else stem for number in itertools.count(1))
        groups.append(next(group for group in numbered if group not in groups))
    return groups


def _said(files: Sequence[str], output: str, runs: Sequence[Run]) -> list[str]:
    before, after = sum(map(_size_of, files)), os.path.getsize(output)
    lines = [
        f"{f'{len(files)} files' if len(files) > 1 else files[0]}, {_size(before)} -> {output}, {_size(after)}: "
        f"{_change(before, after)}"
    ]
    for run in runs:
        splits = ", ".join(f"{name} {quantity(labels.n_samples, 'sample')}" for name, labels in run.labels.items())
        address = f"{output}::{run.group}" if run.group else output
        lines.append(f"  {address}: {quantity(len(run.step), 'snapshot')}, {splits}; read back, and the same")
    return lines


def _size_of(path: str) -> int:
    """Return the bytes of a log, its journal included where a recording has left one."""
    from nntf_cli.labellog.journal import journal_path

    return sum(os.path.getsize(part) for part in (path, journal_path(path)) if os.path.isfile(part))


def _size(n_bytes: int) -> str:
    if n_bytes < 1000:
        return quantity(n_bytes, "byte")
    unit = next((unit for unit in ("kB", "MB") if n_bytes < _UNITS[unit] * 1000), "GB")
    return f"{n_bytes / _UNITS[unit]:,.1f} {unit}"


def _change(before: int, after: int) -> str:
    return f"{before / after:.1f} times smaller" if after < before else f"{after / before:.1f} times the size"
