"""``nntf classes``: how every class fares while a classifier trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nntf_cli.cli import options
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import StepsType

if TYPE_CHECKING:
    from nntf_cli.files.atomic import Writer
    from nntf_cli.model import LabelLog

FORMATS = ("text", "csv", "md", "tex", "json")
SHOWN = ("error", "share", "inflow", "outflow", "precision")
ORDERS = ("error", "name", "cluster", "change")


# fmt: off
@click.command("classes")
@click.argument("log", metavar="LOG")
@options.output("the table")
@options.fmt(FORMATS, "text on a terminal, csv in a pipe")
@options.figure("Also draw it: a stripe for each class")
@click.option("--show", type=click.Choice(SHOWN),
              help="What the stripes show.  [default: error where true classes are known, else share]")
@click.option("--sort", type=click.Choice(ORDERS),
              help="Order of the classes: by mean error (easy to hard), by name, by cluster (easy to hard), by how "
              "much what is shown goes up and down (most first).  [default: by number; in the figure by cluster, where "
              "true classes are known]")
@click.option("--clusters", type=click.IntRange(1, 100), metavar="N",
              help="Cluster classes whose error rates evolve alike (k-means), and name the cluster of each.  "
              "[default: 4, where they are needed]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="Seed of the clusters.")
@click.option("--class", "names", multiple=True, metavar="NAME",
              help="Only this class, by name or number; may be given again.")
@click.option("--confusion", "steps", type=StepsType(), metavar="STEP|FROM:TO",
              help="Instead, which classes are taken for which at a step, or how that changed from one to another.")
@options.split
@options.snapshots
@options.force
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, log: str, output: str | None, fmt: str | None, figure: str | None, show: str | None,
    sort: str | None, clusters: int | None, seed: int, names: tuple[str, ...], steps: tuple[int, ...] | None,
    split: str | None, every: int, from_step: int | None, to_step: int | None, quiet: bool,
) -> None:
    """Tell how every class of LOG fares from snapshot to snapshot; - is stdin.

    A row per class and snapshot: samples of the class (n_true), predicted as the class (n_predicted) and both
    (n_correct); share, error and precision between 0 and 1; inflow and outflow, the samples that came from and went
    to other classes since the snapshot before. Columns that need true classes are empty where the log has none. With
    --confusion a row per true and predicted class, the most frequent or most changed first.

    \b
      nntf classes run.h5 -o classes.csv --figure classes.png
      nntf classes run.h5 --sort change --show share --figure sizes.png -o sizes.csv
      nntf classes run.h5 --class dog --class cat -t text
      nntf classes run.h5 --confusion 40:50 -t text
    """
    # fmt: on
    from nntf_cli.artifacts.tables import ENDINGS
    from nntf_cli.cli.inputs import files_of, load_log
    from nntf_cli.cli.outputs import bytes_writer, deliver, pick_format, picture_format, require_places, to_terminal

    form = pick_format(output, fmt, FORMATS, "text" if to_terminal() else "csv", ENDINGS)
    picture = None if figure is None else picture_format(figure)
    require_places(output, figure=figure)
    if steps is not None:
        _refuse_with_confusion({"--show": show, "--sort": sort, "--clusters": clusters})
    elif show is not None and figure is None and sort != "change":
        raise click.UsageError("--show goes with --figure, or with --sort change: the table has all of it")
    opened = load_log(log, Choice(every=every, from_step=from_step, to_step=to_step))
    if steps is not None:
        table, drawn = _confusion(opened, split, steps, names, figure is not None, form)
    else:
        table, drawn = _stripes(ctx, opened, form)
    outputs: dict[str | None, Writer] = {output: table}
    if figure is not None and picture is not None:
        from nntf_cli.figures import encode

        outputs[figure] = bytes_writer(encode(drawn, picture))
    deliver(outputs, files_of([log]), binary=False)


def _refuse_with_confusion(given: dict[str, object]) -> None:
    for option, value in given.items():
        if value is not None:
            raise click.UsageError(f"{option} does not go with --confusion, which shows what it shows in its own order")


def _stripes(ctx: click.Context, log: LabelLog, form: str) -> tuple[Writer, Any]:
    from nntf_cli.classes import tally
    from nntf_cli.cli.classesoutput import Wanted, class_table, note_what_is_unknown, require_what_is_needed, view_of
    from nntf_cli.cli.classnames import numbers_of

    given = ctx.params
    wanted = Wanted(given["show"], given["sort"], given["clusters"], given["seed"])
    split = log.split(given["split"])
    require_what_is_needed(log, split, wanted)
    counted = tally(log, given["split"])
    only = numbers_of(given["names"], counted.class_names, counted.n_classes)
    note_what_is_unknown(counted)
    table = class_table(counted, wanted, only, form)
    if given["figure"] is None:
        return table, None
    from nntf_cli.figures import draw_classes

    view, subtitle = view_of(log, counted, wanted, only)
    return table, draw_classes(view, only=only, subtitle=subtitle)


def _confusion(
    log: LabelLog, split: str | None, steps: tuple[int, ...], names: tuple[str, ...], drawn: bool, form: str
) -> tuple[Writer, Any]:
    from nntf_cli.classes import confusion
    from nntf_cli.cli.classesoutput import confusion_table, confusion_view, rows_of_steps
    from nntf_cli.cli.classnames import numbers_of

    found = confusion(log, rows_of_steps(log, steps), split)
    only = numbers_of(names, found.class_names, found.n_classes)
    if only is not None:
        found = found.of(only)
    table = confusion_table(found, form)
    if not drawn:
        return table, None
    from nntf_cli.figures import draw_confusion

    view, subtitle = confusion_view(found, only)
    return table, draw_confusion(view, subtitle=subtitle)
