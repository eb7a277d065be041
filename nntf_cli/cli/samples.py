"""``nntf samples``: what became of each sample, as a table and as a pixel chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from nntf_cli.cli import options
from nntf_cli.cli.boundary import note_line
from nntf_cli.cli.options import Choice
from nntf_cli.errors import InputError
from nntf_cli.wording import quantity

if TYPE_CHECKING:
    import numpy as np

    from nntf_cli.cli.samplesoutput import Selected
    from nntf_cli.files.atomic import Writer
    from nntf_cli.model import LabelLog

FORMATS = ("text", "csv", "md", "tex", "json")

#: What --by takes: the fields of nntf_cli.samples, which is not loaded for the sake of --help.
FIELDS = (
    "n_changes", "last_change", "n_classes_visited", "n_forgotten", "first_learned", "share_correct",
    "most_wrong_share",
)  # fmt: skip

#: Formats that programs read: all samples, unless --top says otherwise.
_FOR_PROGRAMS = ("csv", "json")

#: Rows for people, and samples in a figure, where neither --top nor --class says how many; and the most in a figure.
_FOR_PEOPLE, _IN_FIGURE, _MOST_IN_FIGURE = 20, 200, 2000


# fmt: off
@click.command("samples")
@click.argument("log", metavar="LOG")
@click.option("--top", type=click.IntRange(min=1), metavar="N",
              help="The first N samples in order of --by.  [default: all in csv and json, else 20; 200 in a figure]")
@click.option("--by", type=click.Choice(FIELDS), metavar="FIELD",
              help=f"Order by a field, the largest first: {', '.join(FIELDS)}.  [default: with --top or --rising "
              "n_forgotten, or n_changes without true classes; else the order of the log]")
@click.option("--rising", is_flag=True, help="The smallest first.")
@click.option("--class", "names", multiple=True, metavar="NAME",
              help="Only samples of this true class, by name or number; may be given again.")
@options.figure("Also draw these samples: a row each, a column per snapshot")
@click.option("--colour", type=click.Choice(["correct", "class"]),
              help="In the figure, right and wrong or the predicted class.  [default: correct, or class without true "
              "classes]")
@options.output("the table")
@options.fmt(FORMATS, "text on a terminal, csv in a pipe")
@options.split
@options.snapshots
@options.force
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, log: str, top: int | None, by: str | None, rising: bool, names: tuple[str, ...],
    figure: str | None, colour: str | None, output: str | None, fmt: str | None, split: str | None, every: int,
    from_step: int | None, to_step: int | None, quiet: bool,
) -> None:
    """Say what became of each sample: how often its label changed, when it was learned, how often it was forgotten.

    LOG is a label log. A row per sample: n_changes is how often its label changed and last_change the step of the
    last time, n_classes_visited how many classes it was taken for, final its last label. With true classes also
    n_forgotten, how often it went from correct to wrong (Toneva et al. 2019), first_learned, the first step at which
    it was correct, never_learned, share_correct of the snapshots, and most_wrong, the class it was most often taken
    for wrongly, with its share of the snapshots. A missing label takes part in nothing.

    \b
      nntf samples run.h5 -o samples.csv
      nntf samples run.h5 --top 50 --by n_forgotten -t text
      nntf samples run.h5 --class cat --figure cats.png --colour class
    """
    from nntf_cli.artifacts.tables import ENDINGS
    from nntf_cli.cli.inputs import files_of, load_log
    from nntf_cli.cli.outputs import deliver, pick_format, picture_format, require_places, to_terminal
    from nntf_cli.cli.samplesoutput import summary, table_writer

    form = pick_format(output, fmt, FORMATS, "text" if to_terminal() else "csv", ENDINGS)
    if figure is None and colour is not None:
        raise click.UsageError("--colour goes with --figure")
    if figure is not None:
        picture = picture_format(figure)
    require_places(output, figure=figure)
    run = load_log(log, Choice((split,) if split else (), every, from_step, to_step))
    _require_true_classes(ctx, run)
    selected = _select(run, split, names)
    note_line(summary(selected))
    limit = top if form in _FOR_PROGRAMS else top or _FOR_PEOPLE
    rows = _chosen(ctx, selected, limit)
    field = _order(ctx, selected, limit)
    order = f"{field}, the smallest first" if rising else field
    outputs: dict[str | None, Writer] = {output: table_writer(selected, rows, form, order)}
    if figure is not None:
        outputs[figure] = _drawn(ctx, selected, picture)
    deliver(outputs, files_of([log]), binary=False)
# fmt: on


def _require_true_classes(ctx: click.Context, run: LabelLog) -> None:
    """Refuse what needs true classes where there are none, before anything is read."""
    from nntf_cli.samples import WITHOUT_TRUE

    given, chosen = ctx.params, run.split(ctx.params["split"])
    if given["by"] is not None and given["by"] not in WITHOUT_TRUE:
        run.true_classes(chosen, f"--by {given['by']}", f"--by {' or '.join(WITHOUT_TRUE)}")
    if given["names"]:
        run.true_classes(chosen, "--class", "--top N")
    if given["colour"] == "correct":
        run.true_classes(chosen, "--colour correct", "--colour class")


def _select(run: LabelLog, split: str | None, names: tuple[str, ...]) -> Selected:
    """Follow all samples, and choose those of some classes."""
    from nntf_cli.cli.classnames import numbers_of
    from nntf_cli.cli.samplesoutput import Selected
    from nntf_cli.samples import histories

    found, chosen = histories(run, split), run.split(split)
    classes = numbers_of(names, run.class_names, run.n_classes) if names else None
    selected = Selected(run, chosen, found, None if classes is None else tuple(classes))
    if names and selected.n == 0:
        cause = f"has no sample of true class {' or '.join(names)} in split '{chosen.name}'"
        raise InputError(cause, "name another one with --class", where=run.source)
    return selected


def _order(ctx: click.Context, selected: Selected, limit: int | None) -> str | None:
    """Return the field that samples are in order of; None for the order of the log."""
    by: str | None = ctx.params["by"]
    if by is None and (limit is not None or ctx.params["rising"]):
        return "n_changes" if selected.found.true is None else "n_forgotten"
    return by


def _chosen(ctx: click.Context, selected: Selected, limit: int | None) -> np.ndarray | None:
    """Return the samples asked for, in order; None for all of them in the order of the log."""
    field = _order(ctx, selected, limit)
    if field is None:
        return selected.among
    return selected.found.order(field, selected.among, rising=ctx.params["rising"])[:limit]


def _drawn(ctx: click.Context, selected: Selected, picture: Literal["png", "svg", "pdf"]) -> Writer:
    """Return what writes the figure."""
    from nntf_cli.cli.samplesoutput import draw

    limit = ctx.params["top"] or (_IN_FIGURE if selected.classes is None else selected.n)
    if min(limit, selected.n) > _MOST_IN_FIGURE:
        limit = _MOST_IN_FIGURE
        note_line(
            f"{selected.run.source}: the figure has {limit:,} of {selected.n:,} samples, which get a row of pixels "
            "each; choose them with --by, or fewer with --top"
        )
    rows = _chosen(ctx, selected, limit)
    assert rows is not None
    field, which = _order(ctx, selected, limit), "smallest" if ctx.params["rising"] else "largest"
    what = f"the {len(rows):,} of {quantity(selected.n, 'sample')} with the {which} {field}"
    if len(rows) == 1 < selected.n:
        what = f"of {selected.n:,} samples the one with the {which} {field}"
    if len(rows) == selected.n:
        what = f"all {selected.n:,} samples" if selected.n > 1 else "the only sample"
    colour = ctx.params["colour"] or ("class" if selected.found.true is None else "correct")
    return draw(selected, rows, colour, what + ", alike ones side by side" * (len(rows) > 1), picture)
