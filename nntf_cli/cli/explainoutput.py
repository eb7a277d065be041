"""The tables, sentences and figures of ``nntf explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from nntf_cli.cli.outputs import bytes_writer, picture_format
from nntf_cli.wording import plural, quantity

if TYPE_CHECKING:
    import numpy as np

    from nntf_cli.artifacts.columns import Column, Columns, LongTable
    from nntf_cli.artifacts.tables import Cell, Table
    from nntf_cli.explain import Loop, Moves, Pair, Search, Single, Steady
    from nntf_cli.files.atomic import Writer
    from nntf_cli.model import Fingerprint, LabelLog

Names = Sequence[str] | None

#: What people read with four decimals.
_MEASURED = frozenset({"share", "distance", "between", "p_value", "steady"})

#: Of a number that can be a class's, fewer than these.
_DIGITS = 12

#: What JSON says of two transitions in every one of a million rows.
_ABOUT_SAMPLES = ("run", "split", "against", "i_to_step", "j_to_step")

#: Circuits that a sentence and a cell name.
_CIRCUITS = 3


def flow_table(found: Pair | Single, names: Names, most: int | None, *, all_columns: bool) -> LongTable:
    """Return a table with a row per flow, the first ``most`` of them; people are spared names that are numbers."""
    from nntf_cli.artifacts.columns import Column
    from nntf_cli.explain import Pair

    shown = slice(most)
    columns = _class_columns(found, names, shown, all_columns=all_columns)
    if isinstance(found, Pair):
        numbers = {"count_i": found.count_i, "count_j": found.count_j, "common": found.common,
                   "same_samples": found.same_samples, "difference": found.difference}  # fmt: skip
        share = _share(found.difference[shown], found.numerator)
        title, about = _pair_title(found), _about_pair(found)
        told = int(found.difference[shown].sum()), found.numerator
    else:
        numbers, share = {"count": found.count}, _share(found.count[shown], found.moves.moved)
        title, about = f"{_run(found.moves)}: {_what_moved(found)}", _about_moves(found.moves)
        told = int(found.count[shown].sum()), found.moves.moved
    columns |= {name: Column(values[shown]) for name, values in numbers.items()} | {"share": Column.of(share)}
    n_shown = len(share)
    if n_shown < found.n_flows:
        largest = f"the {n_shown:,} largest" if n_shown > 1 else "the largest"
        title += f"; {largest} of {found.n_flows:,} flows, {told[0]:,} of {told[1]:,}"
    return _long(columns, title, about)


def _long(columns: Columns, title: str, about: Mapping[str, Cell]) -> LongTable:
    from nntf_cli.artifacts.columns import LongTable

    return LongTable(columns, title=title, measured=_MEASURED, about=about)


def _class_columns(found: Pair | Single, names: Names, shown: slice, *, all_columns: bool) -> dict[str, Column]:
    from nntf_cli.artifacts.columns import Column

    before, after = (classes[shown] for classes in found.classes)
    columns = {"from": Column(before), "to": Column(after)}
    if names is not None and (all_columns or list(names) != [str(k) for k in range(len(names))]):
        columns |= {"from_name": Column(before, texts=names), "to_name": Column(after, texts=names)}
    return columns


def _share(part: np.ndarray, whole: int) -> np.ndarray:
    return part / whole if whole else part.astype("float64")


def _run(moves: Moves) -> str:
    return f"{moves.log.name} ({moves.split.name})"


def _way(moves: Moves) -> str:
    return f"step {moves.from_step} to {moves.to_step}"


def _what_moved(found: Single) -> str:
    moves = found.moves
    if not moves.moved:
        return f"nothing moved from {_way(moves)}: the transition is quiet"
    return f"from {_way(moves)}, {quantity(moves.moved, 'sample')} moved, in {quantity(found.n_flows, 'flow')}"


def _pair_title(found: Pair) -> str:
    i, j = found.i, found.j
    other = "" if i.log.source == j.log.source else f"{_run(j)}, "
    by = "" if found.normalize == "flows" else f", normalized by {found.normalize}"
    d = f"d = {found.numerator:,} / {found.denominator:,} = {found.distance:.6g}{by}"
    return f"{_run(i)}: {d} between I, {_way(i)}, and J, {other}{_way(j)}; {_in_both(found)}"


def _in_both(found: Pair) -> str:
    quiet = [name for name, moves in (("I", found.i), ("J", found.j)) if not moves.moved]
    if len(quiet) == 2:
        return "nothing moved in either, so they are 0 apart by definition"
    if quiet:
        several = quantity(found.i.moved + found.j.moved, "sample")
        return f"nothing moved in {quiet[0]}, which is quiet, and {several} in the other: they have nothing in common"
    same = int(found.same_samples.sum())
    return (
        f"{found.i.moved:,} and {found.j.moved:,} samples moved, {int(found.common.sum()):,} of each alike, "
        f"{same:,} of them the same {plural(same, 'sample')}"
    )


def _about_pair(found: Pair) -> dict[str, Cell]:
    return {
        "run": found.i.log.name,
        "split": found.i.split.name,
        "against": "" if found.i.log.source == found.j.log.source else found.j.log.name,
        "i_from_step": found.i.from_step,
        "i_to_step": found.i.to_step,
        "j_from_step": found.j.from_step,
        "j_to_step": found.j.to_step,
        "moved_i": found.i.moved,
        "moved_j": found.j.moved,
        "numerator": found.numerator,
        "denominator": found.denominator,
        "distance": found.distance,
        "normalize": found.normalize,
    }


def _about_moves(moves: Moves) -> dict[str, Cell]:
    return {
        "run": moves.log.name,
        "split": moves.split.name,
        "from_step": moves.from_step,
        "to_step": moves.to_step,
        "moved": moves.moved,
    }


def parse_flow(text: str, found: Pair | Single, names: Names) -> np.ndarray:
    """Return which flows ``FROM:TO`` are: by names of classes, which may hold colons and be shared, else by numbers.

    Raises
    ------
    click.BadParameter
        There is no such class, or nothing moved so.
    """
    import numpy as np

    ends = [(text[:k], text[k + 1 :]) for k, sign in enumerate(text) if sign == ":"]
    classes = [(_classes(first, names), _classes(second, names)) for first, second in ends]
    first, second = next((both for both in classes if all(both)), ([], []))
    if not first:
        raise click.BadParameter(f"{text!r} is not FROM:TO, two classes by number or name", param_hint="'--flow'")
    before, after = found.classes
    which = np.flatnonzero(np.isin(before, first) & np.isin(after, second))
    if not len(which):
        raise click.BadParameter(f"nothing moved {text} here; the largest flow is {_largest(found, names)}",
                                 param_hint="'--flow'")  # fmt: skip
    return which


def _classes(text: str, names: Names) -> list[int]:
    """Return the classes of a name, else the one of a number; none where it is neither."""
    called = [k for k, name in enumerate(names or ()) if name == text]
    return called or ([int(text)] if text.isascii() and text.isdecimal() and len(text) < _DIGITS else [])


def _largest(found: Pair | Single, names: Names) -> str:
    if not found.n_flows:
        return "none"
    return ":".join(_name(int(classes[0]), names) for classes in found.classes)


def _name(k: int, names: Names) -> str:
    return str(k) if names is None else names[k]


def sample_table(found: Pair | Single, names: Names, flows: np.ndarray | None, most: int | None) -> LongTable:
    """Return a table with a row per sample and flow: of ``flows``, else of the first ``most``."""
    import numpy as np

    from nntf_cli.artifacts.columns import Column
    from nntf_cli.explain import Pair
    from nntf_cli.explain.pair import IN_BOTH

    chosen = np.arange(found.n_flows)[:most] if flows is None else flows
    behind = found.samples(chosen)
    first = found.i if isinstance(found, Pair) else found.moves
    before, after = (classes[behind.flow] for classes in found.classes)
    columns = {"sample": Column(behind.sample)}
    if first.split.ids is not None:
        columns["id"] = Column(first.split.ids[behind.sample])
    if first.split.true is not None:
        columns["true"] = Column(first.split.true[behind.sample])
    columns |= {"from": Column(before), "to": Column(after)}
    if names is not None:
        called = [name for name in ("true", "from", "to") if name in columns]
        columns |= {f"{name}_name": Column(columns[name].values, texts=names) for name in called}
    about: dict[str, Cell] = {"run": first.log.name, "split": first.split.name, "to_step": first.to_step}
    title = f"{_run(first)}: {_way(first)}"
    if isinstance(found, Pair):
        columns["moved_in"] = Column(behind.where, texts=("both", "I", "J"))
        title = _pair_title(found)
        about = {key: value for key, value in _about_pair(found).items() if key in _ABOUT_SAMPLES}
    n_both = int(np.count_nonzero(behind.where == IN_BOTH))
    what = f"{quantity(len(behind.sample), 'sample')} of {len(chosen):,} of {quantity(found.n_flows, 'flow')}"
    twice = f", {n_both:,} of them in both" if isinstance(found, Pair) else ""
    return _long(columns, f"{title}; {what}{twice}", about)


def loop_table(log: LabelLog, matrix: Fingerprint, loops: Sequence[Loop], steady: Sequence[Steady]) -> Table:
    """Return a table with a row per loop."""
    from nntf_cli.artifacts.tables import Table

    columns = ("from_step", "to_step", "period", "period_steps", "rounds", "transitions", "distance", "between",
               "p_value", "steady", "classes")  # fmt: skip
    rows: list[dict[str, Cell]] = [
        {
            "from_step": int(log.step[loop.first]),
            "to_step": int(log.step[loop.last + 1]),
            "period": loop.period,
            "period_steps": _steps_of_period(log, loop),
            "rounds": loop.n_rounds,
            "transitions": loop.n_transitions,
            "distance": loop.distance,
            "between": loop.between,
            "p_value": loop.p_value,
            "steady": flows.share,
            "classes": "; ".join(_circuits(flows, log.class_names)),
        }
        for loop, flows in zip(loops, steady, strict=True)
    ]
    about = {"run": log.name, "split": matrix.split}
    several = quantity(len(loops), "loop")
    return Table(rows, columns, f"{log.name} ({matrix.split}): {several}", measured=_MEASURED, about=about)


def _steps_of_period(log: LabelLog, loop: Loop) -> int | None:
    """Return how many steps a round takes; None where snapshots are unevenly spaced."""
    import numpy as np

    spacing = np.diff(log.step[loop.first : loop.last + 2])
    return int(spacing[0]) * loop.period if (spacing == spacing[0]).all() else None


def _circuits(flows: Steady, names: Names) -> list[str]:
    return [
        " -> ".join(_name(k, names) for k in (*circuit.classes, circuit.classes[0])) + f" ({circuit.samples:,})"
        for circuit in flows.circuits[:_CIRCUITS]
    ]


def loops_in_words(
    log: LabelLog, matrix: Fingerprint, loops: Sequence[Loop], steady: Sequence[Steady], search: Search
) -> str:
    """Return a paragraph for people, ended by a newline."""
    from nntf_cli.artifacts.tables import printable

    several = quantity(len(loops), "loop") if loops else "no loops"
    rule = (
        f"{search.rounds} rounds or more, at most {search.within:g} from one to the next, and {search.margin:.0%} less "
        "than after fewer transitions"
    )
    lines = [f"{log.name} ({matrix.split}): {several} ({rule})"]
    for loop, flows in zip(loops, steady, strict=True):
        lines += _loop_in_words(log, loop, flows)
    return "\n".join(map(printable, lines)) + "\n"


def _loop_in_words(log: LabelLog, loop: Loop, flows: Steady) -> list[str]:
    steps = _steps_of_period(log, loop)
    per_round = f" ({steps:,} steps)" if steps is not None and steps != loop.period else ""
    transitions, rounds = quantity(loop.period, "transition"), quantity(loop.n_rounds, "round")
    chance = "" if loop.p_value is None else f" (p {loop.p_value:.2g})"
    round_go = ", ".join(_circuits(flows, log.class_names)) or "none"
    return [
        f"from step {log.step[loop.first]} to step {log.step[loop.last + 1]} the training repeats every "
        f"{transitions}{per_round}, for {rounds}",
        f"  transitions {loop.period} apart are at a mean distance of {loop.distance:.2g}, those nearer in time at "
        f"{loop.between:.2g}{chance}",
        f"  classes that go round, with samples a round: {round_go}; {flows.share:.1%} of the moves are in every round",
    ]


def draw_flows(found: Pair | Single, names: Names, path: str, most: int, asked: np.ndarray | None) -> Writer:
    """Return what writes a figure of the first flows, and of those that were ``asked`` for, which it marks."""
    import numpy as np

    from nntf_cli.explain import Pair
    from nntf_cli.figures import Bars, draw_explained, encode

    first, wanted = np.arange(min(most, found.n_flows)), np.arange(0) if asked is None else asked
    shown = np.union1d(first, wanted)
    rows = np.concatenate([shown, np.setdiff1d(np.arange(found.n_flows), shown)])
    marked = np.flatnonzero(np.isin(shown, wanted)).tolist()
    before, after = (classes[shown].tolist() for classes in found.classes)
    flows = list(zip(before, after, strict=True))
    if isinstance(found, Pair):
        d = f"d = {found.numerator:,} / {found.denominator:,} = {found.distance:.4f}"
        title = f"{_both_runs(found)}: {d}"
        heads, is_share = (f"I: {_head(found.i)}", f"J: {_head(found.j)}"), found.normalize == "flows"
        bars = Bars(title, flows, found.count_i[rows], found.count_j[rows], *heads, is_share, names, marked)
    else:
        head = _head(found.moves)
        bars = Bars(_run(found.moves), flows, found.count[rows], head_i=head, class_names=names, marked=marked)
    return bytes_writer(encode(draw_explained(bars), picture_format(path)))


def _head(moves: Moves) -> str:
    return f"step {moves.from_step} \N{RIGHTWARDS ARROW} {moves.to_step}, {moves.moved:,} moved"


def _both_runs(found: Pair) -> str:
    a, b = _run(found.i), _run(found.j)
    return a if found.i.log.source == found.j.log.source else f"{a} \N{MULTIPLICATION SIGN} {b}"


def draw_loops(matrix: Fingerprint, loops: Sequence[Loop], path: str) -> Writer:
    """Return what writes a figure of the fingerprint with its loops marked."""
    from nntf_cli.figures import draw_looped, encode

    strongest_first = sorted(loops, key=lambda loop: -loop.strength)
    spans = [(loop.first, loop.last, loop.period) for loop in strongest_first]
    return bytes_writer(encode(draw_looped(matrix, spans), picture_format(path)))
