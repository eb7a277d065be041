"""``nntf render``: pictures of fingerprints, differences, bands and transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import click

from nntf_cli.cli import options
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import ListType, NumberType, RangeType

if TYPE_CHECKING:
    from nntf_cli.artifacts.matrices import Matrix
    from nntf_cli.figures import Style
    from nntf_cli.model import Difference

#: Lines of a panel's title up to which it says what is not given.
_MOST_LINES = 3

FORMATS: tuple[Literal["png", "svg", "pdf"], ...] = ("png", "svg", "pdf")


# fmt: off
@click.command("render")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@options.output("the figure")
@options.fmt(FORMATS, "png")
@click.option("--with", "beside", type=click.Choice(["hamming"]),
              help="Set beside the fingerprint of a log the matrix of samples whose labels differ between snapshots.")
@click.option("--of", type=ListType(click.Choice(options.OF), "distance|floor|excess[,...]"), default=("distance",),
              metavar="distance|floor|excess[,...]",
              help=options.OF_HELP + " In an excess, pairs that do not stand out from chance are pale. Several of one "
              "input become panels.  [default: distance]")
@click.option("--diffs", type=click.Choice(["neighbours", "ends"]),
              help="Several inputs: also draw the differences of neighbours, or of the first and the last.")
@click.option("--band", type=RangeType(), help="Draw the matrix binarised to this band of distances.")
@click.option("--transitions", "steps", type=ListType(click.STRING, "STEP[,STEP...]|all"), metavar="STEP[,STEP...]|all",
              help="Draw what moved from class to class on the way to these steps, or to every one.")
@click.option("--size", type=NumberType(min=0.5, max=40), default=4.5, show_default=True, metavar="INCHES",
              help="Side of one matrix; cells are whole pixels, so it may come out a little smaller.")
@click.option("--dpi", type=click.IntRange(min=36, max=1200), default=150, show_default=True,
              help="Pixels per inch.")
@click.option("--cmap", metavar="NAME", help="One of matplotlib's colour maps.  [default: viridis; differences RdBu_r]")
@click.option("--title", help="Title of the figure.  [default: what is drawn]")
@options.splits("--split", "Which samples of a log; a panel for each.  [default: the only split, else train]")
@options.snapshots
@options.distance
@options.force
@options.jobs
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, inputs: tuple[str, ...], output: str | None, fmt: str | None, beside: str | None,
    of: tuple[str, ...], diffs: str | None, band: tuple[float, float] | None, steps: tuple[str, ...] | None,
    size: float, dpi: int, cmap: str | None, title: str | None, splits: tuple[str, ...], every: int,
    from_step: int | None, to_step: int | None, metric: str, normalize: str | None, quiet: bool,
) -> None:
    """Draw INPUT: label logs and matrices (.npy, .csv, .npz, .h5), - is stdin.

    A fingerprint becomes a heatmap from 0 to 1, time running from the top left corner; where it is known, samples
    moved and accuracy stand underneath. Rows and columns in which nothing moved are grey. A difference has a
    diverging colour scale around 0. Several inputs become a row of panels on one scale, titled by the
    hyperparameters in which they differ; a bad one is reported and the others are drawn, except with --diffs, for a
    difference of runs that are no neighbours is not what was asked for.

    \b
      nntf render run.h5 -o run.png
      nntf render wd_*.h5 --diffs neighbours -o sweep.pdf
      nntf render run.h5 --transitions 10,20 -o flows.svg
      nntf render run.h5 --of distance,floor,excess -o noise.png
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
    if of != ("distance",):
        _check_of(of, len(inputs), {"--with": beside, "--diffs": diffs, "--transitions": steps}, choice)
        if len(of) > 1 and (band or len(splits) > 1):
            raise click.UsageError("--of: name one here, for --band and for several splits")
    if sum(given is not None for given in (beside, diffs, band, steps)) > 1:
        raise click.UsageError("--with, --diffs, --band and --transitions exclude each other")
    code = 0
    if steps is not None:
        figure = _transitions(_only(inputs, "--transitions"), steps, choice, style)
    elif beside is not None:
        figure = _with_hamming(_only(inputs, "--with"), choice, style)
    else:
        code, matrices = _load(inputs, choice, of)
        if code and (diffs or not matrices):
            ctx.exit(code)
        figure = _of_one(matrices, style) if len(of) > 1 else _matrices(matrices, diffs, band, style)
    content = encode(figure, form)
    deliver({output: lambda stream: stream.write(content)}, files_of(inputs))
    ctx.exit(code)


def _check_of(of: tuple[str, ...], n_inputs: int, others: Mapping[str, object], choice: Choice) -> None:
    from nntf_cli.cli.inputs import refuse_noise_of

    for option, given in others.items():
        if given is not None:
            raise click.UsageError(f"{option} goes with --of distance")
    if len(of) > 1 and n_inputs > 1:
        raise click.UsageError("--of: name one for several inputs, for panels share a colour scale")
    refuse_noise_of(choice, f"--of {','.join(of)}")


def _load(inputs: tuple[str, ...], choice: Choice, of: tuple[str, ...]) -> tuple[int, list[Matrix]]:
    """Return the matrices of all inputs, and the code of the first that is bad."""
    from nntf_cli.cli.inputs import load_matrices, require_fingerprint
    from nntf_cli.cli.jobs import run_each

    def load(address: str) -> list[Matrix]:
        if of == ("distance",):
            return load_matrices(address, choice)
        from nntf_cli.noise import view

        loaded = [require_fingerprint(matrix) for matrix in load_matrices(address, choice, noise=True)]
        return [view(matrix, one, judged=True) for matrix in loaded for one in of]

    code, lists = run_each(inputs, load)
    return code, [matrix for several in lists for matrix in several]


def _only(inputs: tuple[str, ...], option: str) -> str:
    if len(inputs) != 1:
        raise click.UsageError(f"{option} goes with one label log")
    return inputs[0]


def _transitions(address: str, steps: tuple[str, ...], choice: Choice, style: Style) -> Any:
    from nntf_cli.cli.inputs import load_log
    from nntf_cli.figures import draw_transitions
    from nntf_cli.fingerprint import flows

    log = load_log(address, choice)
    split = _only_split(choice)
    counted = flows(log, split, diagonal=log.n_classes <= 10_000)
    which = None if steps == ("all",) else [_transition_at(step, counted.to_step.tolist()) for step in steps]
    title = f"{log.name} ({log.split(split).name})"
    return draw_transitions(counted, which, class_names=log.class_names, style=style, title=title)


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


def _of_one(views: Sequence[Matrix], style: Style) -> Any:
    """Draw what one fingerprint is made of: an excess on a scale of its own, the others on one."""
    from nntf_cli.figures import draw_panels
    from nntf_cli.figures.fingerprint import default_title
    from nntf_cli.model import Fingerprint

    titles = {"distance": "distance d", "floor": "noise floor: d by chance", "excess": "excess: d beyond chance"}
    named = [(matrix, titles[matrix.of]) for matrix in views if isinstance(matrix, Fingerprint)]
    excess = [(matrix, title) for matrix, title in named if matrix.of == "excess"]
    others = [(matrix, title) for matrix, title in named if matrix.of != "excess"]
    return draw_panels(
        [matrix for matrix, _ in others],
        [title for _, title in others],
        differences=[matrix for matrix, _ in excess],
        difference_titles=[title for _, title in excess],
        subtitle=default_title(replace(others[0][0], of="distance")),
        style=style,
    )


def _matrices(
    matrices: list[Matrix], diffs: str | None, band: tuple[float, float] | None, style: Style
) -> Any:
    from nntf_cli.figures import draw_band, draw_difference, draw_fingerprint, draw_panels
    from nntf_cli.model import Band, Fingerprint

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
    pairs = _pairs(len(matrices), diffs)
    differences = [_difference(matrices[i], matrices[j]) for i, j in pairs]
    draw_all: Any = draw_panels  # of matrices of one kind, as was made sure of
    lines, shared = _titles(matrices)
    return draw_all(
        matrices,
        [[f"{name} {value}".strip() for name, value in line.items()] for line in lines],
        differences=differences,
        difference_titles=[_between(lines[i], lines[j]) for i, j in pairs],
        subtitle=shared,
        style=style,
    )


def _between(a: dict[str, str], b: dict[str, str]) -> list[str]:
    """Return in what two panels differ: ``weight_decay 0 minus 0.01``."""
    lines = [f"{name} {a[name]} minus {b[name]}".strip() for name in a if a[name] != b[name]]
    return lines or ["no difference but the run"]


def _difference(a: Matrix, b: Matrix) -> Difference:
    from nntf_cli.cli.inputs import require_fingerprint
    from nntf_cli.diff import difference

    first, second = (require_fingerprint(matrix) for matrix in (a, b))
    return difference(first, second)


def _pairs(n: int, diffs: str | None) -> list[tuple[int, int]]:
    if diffs == "neighbours":
        return [(i, i + 1) for i in range(n - 1)]
    return [(0, n - 1)] if diffs == "ends" else []


def _titles(matrices: Sequence[Matrix]) -> tuple[list[dict[str, str]], str]:
    """Return for each panel name -> value of what tells it from the others, and in words what all share.

    That is the hyperparameters in which the runs differ, else their names; and the split where that differs. Where they
    differ in many, those that not all of them have are left out, for the names of the runs say more.
    """
    from nntf_cli.artifacts.tables import as_given
    from nntf_cli.cli.inputs import distinct_names
    from nntf_cli.rqa.summary import varying_hparams

    hparams = [matrix.axes.rows.hparams for matrix in matrices]
    varying = varying_hparams(hparams)
    names = distinct_names([(matrix.title, matrix.origin) for matrix in matrices])
    splits = [matrix.split or "" for matrix in matrices]
    shown = [key for key in varying if len(varying) <= _MOST_LINES or all(as_given(run.get(key)) for run in hparams)]
    panels = [{key: as_given(given.get(key)) or "not given" for key in shown} for given in hparams]
    # the same values in several runs, or some of them left out
    if len({tuple(panel.values()) for panel in panels}) < len(set(names)) or len(shown) < max(len(varying), 1):
        panels = [{"": name, **panel} for panel, name in zip(panels, names, strict=True)]
    if len(set(splits)) > 1:
        return [{**panel, "split": split} for panel, split in zip(panels, splits, strict=True)], ""
    return panels, f"split {splits[0]}" if splits[0] else ""
