"""``nntf explain``: which flows, and whose, are behind a spot of the fingerprint; and where it goes in loops."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nntf_cli.cli import options
from nntf_cli.cli.boundary import note_line
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import NumberType
from nntf_cli.wording import quantity

if TYPE_CHECKING:
    from nntf_cli.artifacts.columns import LongTable
    from nntf_cli.artifacts.tables import Table
    from nntf_cli.explain import Pair, Single
    from nntf_cli.files.atomic import Writer

FORMATS = ("text", "csv", "md", "tex", "json")

#: Of a step, fewer characters than these.
_DIGITS = 20

#: Flows that a person is shown unless asked for more.
_SHOWN = 20

#: What --loops takes and what the others take.
_OF_LOOPS = ("within", "margin", "rounds", "permutations", "seed")
_OF_SPOTS = ("between", "by_index", "samples", "flow", "top", "normalize")


# fmt: off
@click.command("explain")
@click.argument("places", nargs=-1, metavar="LOG [I [J]]")
@click.option("--between", nargs=2, metavar="LOG LOG",
              help="Instead of LOG, two runs of the same samples and their cross fingerprint: I is in the first, J in "
              "the second.")
@click.option("--index", "by_index", is_flag=True,
              help="I and J are rows and columns of the matrix, from 0, instead of steps.")
@click.option("--samples", is_flag=True, help="List the samples behind each flow instead, a row per sample and flow.")
@click.option("--flow", metavar="FROM:TO", help="Only the samples of this flow, its classes by number or by name; "
              "implies --samples. In a figure it is bold, and the largest others are beside it.")
@click.option("--top", type=click.IntRange(min=1), metavar="N",
              help="Only the N flows that contribute most.  [default: 20 in text and figures, else all]")
@click.option("--loops", is_flag=True, help="Find where the training goes in loops, and which classes go round.")
@click.option("--within", type=NumberType(0, 1, max_open=True), metavar="D",
              help="Loops: largest mean distance from a round to the next.  [default: 0.5]")
@click.option("--margin", type=NumberType(0, 1, max_open=True), metavar="SHARE",
              help="Loops: how much less that must be than after any smaller number of transitions.  [default: 0.25]")
@click.option("--rounds", type=click.IntRange(min=2), metavar="N", help="Loops: fewest rounds.  [default: 3]")
@click.option("--permutations", type=click.IntRange(min=0), metavar="K",
              help="Loops: shuffle the transitions K times and leave out loops that chance gives; 0 for not at all.  "
              "[default: 199 up to 500 transitions, 99 up to 2,000, else 39]")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the permutations.  [default: 0]")
@options.figure("Also draw the flows as bars, or the loops on the fingerprint")
@options.output("the table")
@options.fmt(FORMATS, "text on a terminal, csv in a pipe")
@options.split
@options.snapshots
@options.normalize("flows")
@options.force
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, places: tuple[str, ...], between: tuple[str, str] | None, by_index: bool, samples: bool,
    flow: str | None, top: int | None, loops: bool, within: float | None, margin: float | None, rounds: int | None,
    permutations: int | None, seed: int | None, figure: str | None, output: str | None, fmt: str | None,
    split: str | None, every: int, from_step: int | None, to_step: int | None, normalize: str | None, quiet: bool,
) -> None:
    """Say what is behind a spot of the fingerprint of LOG: why transitions I and J are as far apart as they are.

    I and J are the steps at which transitions arrive, as on the axes of the picture. Listed are the flows that make up
    their distance, largest contribution first: samples that moved from a class to another in I and in J, what both
    have in common and how many of those are the same samples, the difference, and its share of the distance. The
    differences add up to the numerator exactly. With I alone: what moved there.

    With --loops: where rounds of transitions repeat, how often, and through which classes.

    \b
      nntf explain run.h5 40 60
      nntf explain run.h5 40 60 --flow cat:dog
      nntf explain --between a.h5 b.h5 40 60 -o spot.csv --figure spot.png
      nntf explain run.h5 --loops
    """
    # fmt: on
    from nntf_cli.artifacts.tables import ENDINGS
    from nntf_cli.cli.outputs import pick_format, picture_format, require_places

    form = pick_format(output, fmt, FORMATS, "text" if _to_person() else "csv", ENDINGS)
    if figure is not None:
        picture_format(figure)
    require_places(output, figure=figure)
    logs, steps = _told_apart(places, between, loops)
    if logs.count("-") > 1:
        raise click.UsageError("stdin (-) can be read only once")
    _refuse_what_does_not_go_together(ctx, len(steps))
    if loops:
        _explain_loops(ctx, logs[0], form)
    elif not steps:
        raise click.UsageError("name one step or two, or say --loops")
    else:
        _explain_spot(ctx, logs, steps, form)


def _told_apart(
    places: tuple[str, ...], between: tuple[str, str] | None, loops: bool
) -> tuple[list[str], list[int]]:
    """Return the logs, one or two, and the transitions, at most two."""
    logs, steps = (list(places[:1]), places[1:]) if between is None else (list(between), places)
    if not logs:
        raise click.UsageError("Missing argument 'LOG'.")
    wrong = next((step for step in steps if not _is_whole(step)), None)
    if wrong is not None:
        raise click.UsageError(f"{wrong!r} is not a whole number: I and J are steps, or with --index rows and columns")
    if len(steps) > 2:
        raise click.UsageError(f"{len(steps)} transitions are too many: name I and J")
    if between is not None and len(steps) < 2 and not loops:
        raise click.UsageError("--between goes with two transitions: name I and J")
    return logs, [int(step) for step in steps]


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) < _DIGITS


def _to_person() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _refuse_what_does_not_go_together(ctx: click.Context, n_steps: int) -> None:
    given = {name for name, value in ctx.params.items() if value is not None and value is not False}
    names = {parameter.name: parameter.opts[-1] for parameter in ctx.command.params}
    if "loops" in given:
        if n_steps:
            raise click.UsageError("--loops looks at all transitions: leave the steps out")
        wrong = [name for name in _OF_SPOTS if name in given]
    else:
        wrong = [name for name in _OF_LOOPS if name in given]
    if wrong:
        without = "does not go" if "loops" in given else "goes"
        raise click.UsageError(f"{names[wrong[0]]} {without} with --loops")
    if {"flow", "top"} <= given:
        raise click.UsageError("--top does not go with --flow, which names the flow")
    if "normalize" in given and n_steps < 2:
        raise click.UsageError("--normalize goes with two transitions: name I and J")


def _explain_spot(ctx: click.Context, logs: list[str], steps: list[int], form: str) -> None:
    from nntf_cli.cli.explainoutput import flow_table, parse_flow, sample_table

    given = ctx.params
    found, names = _spot(ctx, logs, steps)
    shown = given["top"] or (_SHOWN if form == "text" else None)
    flows = parse_flow(given["flow"], found, names) if given["flow"] else None
    if given["flow"] or given["samples"]:
        table = sample_table(found, names, flows, shown)
    else:
        table = flow_table(found, names, shown, all_columns=form in ("csv", "json"))
    outputs = {given["output"]: _long_writer(table, form)}
    if given["figure"]:
        from nntf_cli.cli.explainoutput import draw_flows

        outputs[given["figure"]] = draw_flows(found, names, given["figure"], given["top"] or _SHOWN, flows)
    _deliver(outputs, logs, table.title, form)


def _spot(ctx: click.Context, logs: list[str], steps: list[int]) -> tuple[Pair | Single, tuple[str, ...] | None]:
    """Return the flows of one transition or of two, and the names of the classes."""
    from nntf_cli.cli.inputs import load_log
    from nntf_cli.explain import explain_one, explain_pair, read_moves, transition_at
    from nntf_cli.fingerprint import require_same_samples

    given = ctx.params
    choice, split, by_index = _choice(ctx), given["split"], given["by_index"]
    log = load_log(logs[0], choice)
    row = transition_at(log, steps[0], by_index=by_index)
    if len(steps) == 1:
        return explain_one(read_moves(log, split, [row])[0]), log.class_names
    normalize = given["normalize"] or "flows"
    if len(logs) == 1:
        column = transition_at(log, steps[1], by_index=by_index)
        first, second = read_moves(log, split, [row, column])
        return explain_pair(first, second, normalize), log.class_names
    other = load_log(logs[1], choice)
    require_same_samples(log, log.split(split), other, other.split(split))
    column = transition_at(other, steps[1], by_index=by_index)
    first, second = read_moves(log, split, [row])[0], read_moves(other, split, [column])[0]
    return explain_pair(first, second, normalize), log.class_names or other.class_names


def _choice(ctx: click.Context) -> Choice:
    given = ctx.params
    return Choice((), given["every"], given["from_step"], given["to_step"])


def _explain_loops(ctx: click.Context, address: str, form: str) -> None:
    from nntf_cli.artifacts.tables import format_table
    from nntf_cli.cli.explainoutput import draw_loops, loop_table, loops_in_words
    from nntf_cli.cli.inputs import load_log
    from nntf_cli.cli.stdout import text_writer
    from nntf_cli.explain import Search, find_loops, steady_flows
    from nntf_cli.explain.loops import LEVEL
    from nntf_cli.fingerprint import fingerprint, flows

    given = ctx.params
    search = Search(**{name: given[name] for name in _OF_LOOPS if given[name] is not None})
    log = load_log(address, _choice(ctx))
    counted = flows(log, given["split"])
    matrix = fingerprint(log, given["split"], counted=counted)
    every = find_loops(matrix, search)
    kept = [loop for loop in every if loop.p_value is None or loop.p_value <= LEVEL]
    if len(kept) < len(every):
        note_line(f"{log.source}: {_left_out(len(every) - len(kept))}")
    if any(loop.p_value is None for loop in kept):
        note_line(f"{log.source}: loops were not held against chance, which gives many; leave out --permutations 0")
    steady = [steady_flows(counted, loop) for loop in kept]
    table = loop_table(log, matrix, kept, steady)
    words = loops_in_words(log, matrix, kept, steady, search)
    text = words + ("\n" + _text(table) if kept else "") if form == "text" else format_table(table, form)
    outputs = {given["output"]: text_writer(text)}
    if given["figure"]:
        outputs[given["figure"]] = draw_loops(matrix, kept, given["figure"])
    _deliver(outputs, [address], table.title, form)


def _left_out(n: int) -> str:
    several = f"{quantity(n, 'loop')} {'was' if n == 1 else 'were'}"
    return f"{several} left out, for chance gives as strong ones (p > 0.05); --permutations 0 shows all"


def _text(table: Table) -> str:
    from dataclasses import replace

    from nntf_cli.artifacts.tables import format_table

    return format_table(replace(table, title=""), "text")


def _long_writer(table: LongTable, form: str) -> Writer:
    from dataclasses import replace

    from nntf_cli.artifacts.columns import table_writer

    if form == "text":
        table = replace(table, title=table.title.replace("; ", "\n"))  # a terminal is not as wide as that
    return table_writer(table, form)


def _deliver(outputs: dict[str | None, Writer], logs: list[str], title: str, form: str) -> None:
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.outputs import deliver

    if form in ("csv", "json"):
        note_line(title)  # they have no place for it
    deliver(outputs, files_of(logs), binary=False)
