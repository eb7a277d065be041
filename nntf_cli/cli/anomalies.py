"""``nntf anomalies``: classes of which many samples change at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nntf_cli.cli import options
from nntf_cli.cli.boundary import note_line
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import NumberType, ThresholdType

if TYPE_CHECKING:
    from nntf_cli.files.atomic import Writer

FORMATS = ("text", "csv", "md", "tex", "json")


# fmt: off
@click.command("anomalies")
@click.argument("address", metavar="LOG")
@click.option("--of", type=click.Choice(["correct", "label"]),
              help="What changes: whether a sample is correct, or its predicted class.  "
              "[default: correct where the log has true classes, else label]")
@click.option("--window", type=click.IntRange(min=1), metavar="K",
              help="Count samples that rested for K snapshots before (left rule) or after (right rule) they changed.  "
              "[default: 5; with --auto the best of 2, 3, 5, 8, 13, 21, 34]")
@click.option("--threshold", type=ThresholdType(),
              help="The least score: so many samples, or so many percent of the class.  "
              "[default: 10%; with --auto what chance does not give]")
@click.option("--rule", type=click.Choice(["left", "right", "both"]), default="both", show_default=True,
              help="Changes after a rest, before one, or either.")
@click.option("--auto", is_flag=True,
              help="Choose the window, and for each class the threshold by a null model; a --threshold must be "
              "reached, too.")
@click.option("--null", type=click.Choice(["rate", "share"]), default="rate", show_default=True,
              help="What chance is: the changes of each class spread at random over its samples and snapshots, or "
              "those of each snapshot over the classes, each with its usual share.")
@click.option("--alpha", type=NumberType(0, 1, min_open=True, max_open=True), metavar="P",
              help="With --auto: the false discovery rate (Benjamini-Hochberg).  [default: 0.05]")
@options.figure("Also draw them, on a stripe for each class")
@click.option("--only-anomalous", is_flag=True, help="With --figure: only the classes that have an anomaly.")
@options.output("the table")
@options.fmt(FORMATS, "text on a terminal, csv in a pipe")
@options.split
@options.snapshots
@options.force
@options.limits
@options.quiet
def command(
    address: str, of: str | None, window: int | None, threshold: tuple[float, bool] | None, rule: str, auto: bool,
    null: str, alpha: float | None, figure: str | None, only_anomalous: bool, output: str | None, fmt: str | None,
    split: str | None, every: int, from_step: int | None, to_step: int | None, quiet: bool,
) -> None:
    """Find the classes of LOG of which many samples change at once: when, by which rule, and how surprising that is.

    The rules are DeepTracker's. Left: a sample changes after K snapshots in which it did not. Right: it changes and
    then stays as it is for K snapshots. A score is the number of samples of a class that a rule picks at a snapshot,
    expected and p are what chance gives. Written is a row for each score that reaches its threshold, the most
    surprising first.

    \b
      nntf anomalies run.h5
      nntf anomalies run.h5 --window 10 --threshold 20 --rule left
      nntf anomalies run.h5 --auto --threshold 5% -o anomalies.csv
      nntf anomalies run.h5 --auto --null share --split test
      nntf anomalies run.h5 --figure anomalies.png --only-anomalous -o anomalies.csv
    """
    # fmt: on
    from nntf_cli.anomalies import RULES, Settings, Threshold, find_anomalies
    from nntf_cli.artifacts.tables import ENDINGS
    from nntf_cli.cli.anomaliesoutput import chosen, draw, table_writer, title_of
    from nntf_cli.cli.inputs import files_of, load_log
    from nntf_cli.cli.outputs import bytes_writer, deliver, pick_format, picture_format, require_places, to_terminal

    if alpha is not None and not auto:
        raise click.UsageError("--alpha goes with --auto: without it, --threshold decides")
    if only_anomalous and figure is None:
        raise click.UsageError("--only-anomalous goes with --figure: the table has no other classes anyway")
    require_places(output, figure=figure)
    form = pick_format(output, fmt, FORMATS, "text" if to_terminal() else "csv", ENDINGS)
    picture = None if figure is None else picture_format(figure)
    rules = RULES if rule == "both" else (rule,)
    least = Threshold(*threshold) if threshold else None
    settings = Settings(of, window, least, rules, auto, null, 0.05 if alpha is None else alpha)
    log = load_log(address, Choice((split,) if split else (), every, from_step, to_step))
    samples = log.split(split)
    found = find_anomalies(log, samples, settings)
    outputs: dict[str | None, Writer] = {output: table_writer(found, log, samples, form)}
    if picture is not None:
        from nntf_cli.figures import encode

        outputs[figure] = bytes_writer(encode(draw(found, log, samples, only_anomalous=only_anomalous), picture))
    if auto:
        note_line(chosen(found))
    elif not len(found.score):
        note_line(f"{log.source}: no score reaches the threshold")
    if form == "csv":
        note_line(title_of(found, log, samples))  # CSV has no place for it
    deliver(outputs, files_of([address]), binary=False)
