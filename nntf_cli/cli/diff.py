"""``nntf diff``: the difference of two fingerprints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nntf_cli.cli import options
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import NumberType

if TYPE_CHECKING:
    from nntf_cli.diff import DifferenceSummary
    from nntf_cli.model import Fingerprint

FORMATS = ("npy", "csv", "npz", "h5")


@click.command("diff")
@click.argument("a")
@click.argument("b", required=False)
@options.output("the difference")
@options.fmt(FORMATS, "npy")
@options.splits("--splits", "Compare two splits of one log: --splits train,test.")
@options.split
@options.snapshots
@options.distance
@click.option("--summary", is_flag=True, help="Print a few figures instead of the matrix (unless -o is given).")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit 1 if the difference exceeds the tolerance anywhere; on a terminal, write nothing else.",
)
@click.option("--tolerance", type=NumberType(min=0), default=0.0, show_default=True, metavar="X",
              help="Largest absolute difference that --exit-code lets pass.")  # fmt: skip
@options.force
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, a: str, b: str | None, output: str | None, fmt: str | None, splits: tuple[str, ...],
    split: str | None, every: int, from_step: int | None, to_step: int | None, metric: str, normalize: str | None,
    summary: bool, exit_code: bool, tolerance: float, quiet: bool,
) -> None:  # fmt: skip
    """Subtract the fingerprint of B from that of A: where two trainings went different ways.

    A and B are matrices (.npy, .csv, .npz, .h5) or label logs, whose fingerprints are computed; they must have the
    same steps. Written is the P x P matrix D(A) - D(B), between -1 and 1.

    \b
      nntf diff wd_0.h5 wd_0.01.h5 -o difference.npz
      nntf diff run.h5 --splits train,test --summary
      nntf diff old.npy new.npy --exit-code --tolerance 1e-9 --summary
    """
    from nntf_cli.artifacts.matrices import write_matrix
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.outputs import deliver, pick_format, to_terminal
    from nntf_cli.cli.stdout import write_text
    from nntf_cli.diff import difference, exceeds, summarize_difference

    form = pick_format(output, fmt, FORMATS, "npy")
    sides = _sides(a, b, splits, Choice((split,) if split else (), every, from_step, to_step, metric, normalize))
    result = difference(*sides)
    if summary:
        text = _summary_text(summarize_difference(result), *sides)
        if output not in (None, "-"):
            deliver({output: lambda stream: write_matrix(stream, result, form)}, files_of([a, b]))
        write_text(text)
    elif output is not None or not (exit_code and to_terminal()):
        deliver({output: lambda stream: write_matrix(stream, result, form)}, files_of([a, b]), binary=form != "csv")
    if exit_code and exceeds(result, tolerance):
        ctx.exit(1)


def _sides(a: str, b: str | None, splits: tuple[str, ...], choice: Choice) -> tuple[Fingerprint, Fingerprint]:
    """Return the two fingerprints, of two inputs or of two splits of one log."""
    from dataclasses import replace

    from nntf_cli.cli.inputs import load_matrices, require_fingerprint

    if b is not None and splits:
        raise click.UsageError("--splits compares two splits of one log: leave out B, or use --split")
    if b is None and len(splits) != 2:
        raise click.UsageError("name two inputs A and B, or one label log and --splits train,test")
    if a == b == "-":
        raise click.UsageError("only one of A and B can come through the pipe")
    if b is not None:
        loaded = [matrix for address in (a, b) for matrix in load_matrices(address, choice)]
    else:
        loaded = load_matrices(a, replace(choice, splits=splits))
    first, second = (require_fingerprint(matrix) for matrix in loaded)
    return first, second


def _summary_text(summary: DifferenceSummary, a: Fingerprint, b: Fingerprint) -> str:
    from nntf_cli.artifacts.tables import printable
    from nntf_cli.cli.inputs import distinct_names

    axes = [side.axes.rows for side in (a, b)]
    names = distinct_names([(side.title, side.origin) for side in (a, b)])
    titles = [f"{name} ({axis.split})" if axis.split else name for name, axis in zip(names, axes, strict=True)]
    unit = "steps" if axes[0].to_step is not None else "positions (from 0)"
    lines = [
        f"difference         {titles[0]} - {titles[1]}",
        f"mean               {summary.mean:+.6f}",
        f"mean absolute      {summary.mean_absolute:.6f}",
        f"largest positive   {_extreme(summary.largest, summary.largest_at, unit, positive=True)}",
        f"largest negative   {_extreme(summary.smallest, summary.smallest_at, unit, positive=False)}",
    ]
    return "".join(printable(line) + "\n" for line in lines)


def _extreme(value: float, at: tuple[int, int], unit: str, *, positive: bool) -> str:
    if value == 0 or (value > 0) != positive:
        return "none"
    return f"{value:+.6f} at {unit} {at[0]}, {at[1]}"
