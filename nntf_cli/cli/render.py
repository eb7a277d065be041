"""``nntf render``: pictures of fingerprints, differences, bands and transitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from nntf_cli.cli import options
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import ListType, RangeType

if TYPE_CHECKING:
    from nntf_cli.artifacts.matrices import Matrix
    from nntf_cli.figures import Style
    from nntf_cli.model import Difference, Fingerprint

FORMATS: tuple[Literal["png", "svg", "pdf"], ...] = ("png", "svg", "pdf")


# fmt: off
@click.command("render", short_help="Draw fingerprints, differences, bands and transitions.")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@options.output("the figure")
@options.fmt(FORMATS, "png")
@click.option("--with", "beside", type=click.Choice(["hamming"]),
              help="Set beside the fingerprint of a log the matrix of samples whose labels differ between snapshots.")
@click.option("--diffs", type=click.Choice(["neighbours", "ends"]),
              help="Several inputs: also draw the differences of neighbours, or of the first and the last.")
@click.option("--band", type=RangeType(), help="Draw the matrix binarised to this band of distances.")
@click.option("--transitions", "steps", type=ListType(click.STRING, "STEP[,STEP...]|all"), metavar="STEP[,STEP...]|all",
              help="Draw what moved from class to class on the way to these steps, or to every one.")
@click.option("--size", type=click.FloatRange(min=0.5, max=40), default=4.5, show_default=True, metavar="INCHES",
              help="Side of one matrix; cells are whole pixels, so it may come out a little smaller.")
@click.option("--dpi", type=click.IntRange(min=36, max=1200), default=150, show_default=True,
              help="Pixels per inch.")
@click.option("--cmap", metavar="NAME", help="One of matplotlib's colour maps.  [default: viridis; differences RdBu_r]")
@click.option("--title", help="Title of the figure.  [default: what is drawn]")
@options.splits("--split", "Which samples of a log; a panel for each.  [default: the only split, else train]")
@options.snapshots
@options.distance
@options.quiet
def command(
    inputs: tuple[str, ...], output: str | None, fmt: str | None, beside: str | None, diffs: str | None,
    band: tuple[float, float] | None, steps: tuple[str, ...] | None, size: float, dpi: int, cmap: str | None,
    title: str | None, splits: tuple[str, ...], every: int, from_step: int | None, to_step: int | None, metric: str,
    normalize: str | None, quiet: bool,
) -> None:
    """Draw INPUT: label logs and matrices (.npy, .csv, .npz, .h5), - is stdin.

    A fingerprint becomes a heatmap from 0 to 1, time running from the top left corner; where it is known, samples
    moved and accuracy stand underneath. Rows and columns in which nothing moved are grey. A difference has a
    diverging colour scale around 0. Several inputs become a row of panels on one scale, titled by the
    hyperparameters in which they differ.

    \b
      nntf render run.h5 -o run.png
      nntf render wd_*.h5 --diffs neighbours -o sweep.pdf
      nntf render run.h5 --transitions 10,20 -o flows.svg
      nntf fingerprint run.h5 | nntf render - -o D.png
    """
    # fmt: on
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.outputs import deliver, pick_format
    from nntf_cli.figures import Style, encode

    form = pick_format(output, fmt, FORMATS, "png")
    style = Style(size=size, dpi=dpi, cmap=cmap, title=title)
    choice = Choice(splits, every, from_step, to_step, metric, normalize)
    if inputs.count("-") > 1:
        raise click.UsageError("stdin (-) can be read only once")
    if sum(given is not None for given in (beside, diffs, band, steps)) > 1:
        raise click.UsageError("--with, --diffs, --band and --transitions exclude each other")
    if steps is not None:
        figure = _transitions(_only(inputs, "--transitions"), steps, choice, style)
    elif beside is not None:
        figure = _with_hamming(_only(inputs, "--with"), choice, style)
    else:
        figure = _matrices(inputs, choice, diffs, band, style)
    content = encode(figure, form)
    deliver({output: lambda stream: stream.write(content)}, files_of(inputs))


def _only(inputs: tuple[str, ...], option: str) -> str:
    if len(inputs) != 1:
        raise click.UsageError(f"{option} goes with one label log")
    return inputs[0]


def _transitions(address: str, steps: tuple[str, ...], choice: Choice, style: Style) -> Any:
    from nntf_cli.cli.inputs import load_log
    from nntf_cli.figures import draw_transitions
    from nntf_cli.fingerprint import flows

    log = load_log(address, choice)
    counted = flows(log, _only_split(choice), diagonal=log.n_classes <= 10_000)
    which = None if steps == ("all",) else [_transition_at(step, counted.to_step.tolist()) for step in steps]
    return draw_transitions(counted, which, class_names=log.class_names, style=style, title=log.name)


def _only_split(choice: Choice) -> str | None:
    if len(choice.splits) > 1:
        raise click.UsageError("--split: name one here")
    return choice.splits[0] if choice.splits else None


def _transition_at(step: str, to_steps: list[int]) -> int:
    try:
        return to_steps.index(int(step))
    except ValueError:
        known = ", ".join(map(str, to_steps[:3])) + (", ..." if len(to_steps) > 3 else "")
        raise click.BadParameter(
            f"{step!r}: no transition leads to this step; they lead to {known} (last {to_steps[-1]})",
            param_hint="'--transitions'",
        ) from None


def _with_hamming(address: str, choice: Choice, style: Style) -> Any:
    from nntf_cli.cli.inputs import fingerprint_of, load
    from nntf_cli.errors import InputError
    from nntf_cli.figures import draw_fingerprint
    from nntf_cli.fingerprint import fingerprint
    from nntf_cli.model import LabelLog

    log = load(address, choice)
    if not isinstance(log, LabelLog):
        raise InputError("is a matrix", "--with hamming needs the label log", where=address)
    split = _only_split(choice)
    return draw_fingerprint(
        fingerprint_of(log, split, choice), style=style, beside=fingerprint(log, split, metric="hamming")
    )


def _matrices(
    inputs: tuple[str, ...], choice: Choice, diffs: str | None, band: tuple[float, float] | None, style: Style
) -> Any:
    from nntf_cli.cli.inputs import load_matrices
    from nntf_cli.figures import draw_band, draw_difference, draw_fingerprint, draw_panels
    from nntf_cli.model import Band, Fingerprint

    matrices = [matrix for address in inputs for matrix in load_matrices(address, choice)]
    first = matrices[0]
    if band is not None:
        if len(matrices) > 1:
            raise click.UsageError("--band draws one matrix")
        return draw_band(first, Band(*band), style=style)
    if len(matrices) == 1:
        if diffs:
            raise click.UsageError("--diffs needs at least two inputs")
        draw: Any = draw_fingerprint if isinstance(first, Fingerprint) else draw_difference
        return draw(first, style=style)
    if len({type(matrix) for matrix in matrices}) > 1:
        raise click.UsageError("fingerprints and differences do not share a colour scale: draw them apart")
    titles, short = _titles(matrices)
    pairs = _pairs(len(matrices), diffs)
    differences = [_difference(matrices[i], matrices[j]) for i, j in pairs]
    draw_all: Any = draw_panels
    return draw_all(
        matrices,
        titles,
        differences=differences,
        difference_titles=[f"{short[i]} minus {short[j]}" for i, j in pairs],
        style=style,
    )


def _difference(a: Matrix, b: Matrix) -> Difference:
    from nntf_cli.cli.inputs import require_fingerprint
    from nntf_cli.diff import difference

    first, second = (require_fingerprint(matrix) for matrix in (a, b))
    return difference(first, second)


def _pairs(n: int, diffs: str | None) -> list[tuple[int, int]]:
    if diffs == "neighbours":
        return [(i, i + 1) for i in range(n - 1)]
    return [(0, n - 1)] if diffs == "ends" else []


def _titles(matrices: Sequence[Fingerprint | Difference]) -> tuple[list[str], list[str]]:
    """Name panels by the hyperparameters in which they differ, else by run; by split where that differs.

    The second list has the short names: values without the hyperparameter's name where there is only one.
    """
    from nntf_cli.cli.inputs import distinct_names
    from nntf_cli.rqa.summary import varying_hparams

    axes = [matrix.axes.rows for matrix in matrices]
    varying = varying_hparams([axis.hparams for axis in axes])
    names = distinct_names([(axis.run, axis.source) for axis in axes])
    several_splits = len({axis.split for axis in axes}) > 1
    titles, short = [], []
    for axis, name in zip(axes, names, strict=True):
        values = {key: axis.hparams.get(key, "not given") for key in varying}
        title = ", ".join(f"{key} {value}" for key, value in values.items()) or name
        suffix = f" ({axis.split})" if several_splits and axis.split else ""
        titles.append(title + suffix)
        short.append((str(next(iter(values.values()))) if len(values) == 1 else title) + suffix)
    return titles, short
