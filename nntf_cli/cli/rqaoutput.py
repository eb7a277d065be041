"""What ``nntf rqa`` writes: tables with their rows and columns in order, and the figure over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from nntf_cli.wording import quantity

if TYPE_CHECKING:
    from nntf_cli.artifacts.matrices import Matrix
    from nntf_cli.artifacts.tables import Cell, Table
    from nntf_cli.figures import Windowed
    from nntf_cli.files.atomic import Writer
    from nntf_cli.rqa import Settings, Summary
    from nntf_cli.rqa.measures import Value

_PER_BAND = {
    "paper": ("lam", "lam_chance", "lam_mean", "lam_p", "ent"),
    "standard": (
        "det", "det_chance", "det_mean", "det_p", "l_mean", "l_max", "div", "entr",
        "lam", "lam_chance", "lam_mean", "lam_p", "tt", "v_max", "v_entr", "t2", "t_max", "rte",
    ),
}  # fmt: skip

#: What people read with four decimals; a hyperparameter never is, whatever its name.
_MEASURED_PER_BAND = frozenset({"band_lo", "band_hi", "rr", *_PER_BAND["paper"], *_PER_BAND["standard"]})
_MEASURED_PER_RUN = frozenset({"lam", "ent", "acc", "rr_lam", "lam_chance", "lam_mean", "lam_p"})

#: What is measured where it is not the distances.
OF_TITLES = {"floor": "noise floor", "excess": "excess over the noise floor"}

#: From where to where a window is, in tables of windows.
_EXTENTS = ("from_step", "to_step", "from_row", "to_row")

#: What permutations add; people are spared the columns where nothing was permuted.
_PERMUTED = ("lam_mean", "lam_p", "det_mean", "det_p")


class Part(NamedTuple):
    """What was measured of a matrix, or of one window of it."""

    split: str | None
    extent: dict[str, int]  #: from where to where a window is; empty for a whole matrix
    summary: Summary | None  #: what stands for it, where a row per run is wanted
    bands: list[dict[str, Value]] | None  #: its measures per band, where these are wanted


#: The name of every input, and its parts.
Results = Sequence[tuple[str, Sequence[Part]]]


def measuring(
    settings: Settings, windows: tuple[int, int] | None, select: str | None, *, bands: bool
) -> Callable[[Matrix], list[Part]]:
    """Return what measures a matrix, or every window of it: a row per run if ``select``, and ``bands`` if wanted."""
    from nntf_cli.progress import task
    from nntf_cli.rqa import per_band, summarize
    from nntf_cli.rqa import windows as cut

    def part(matrix: Matrix, extent: dict[str, int]) -> Part:
        summary = summarize(matrix, settings, select) if select else None
        return Part(matrix.split, extent, summary, per_band(matrix, settings) if bands else None)

    def measure(matrix: Matrix) -> list[Part]:
        if windows is None:
            return [part(matrix, {})]
        settings.check(matrix)
        parts = []
        pieces = list(cut(matrix, *windows))
        with task("measuring windows", len(pieces)) as done:
            for window in pieces:
                parts.append(part(window.matrix, window.extent))
                done(1)
        return parts

    return measure


def band_table(results: Results, settings: Settings, windows: tuple[int, int] | None) -> Table:
    """Return a table with a row per band, of every window where there are windows."""
    from nntf_cli.artifacts.tables import Table

    rows: list[dict[str, Cell]] = [
        {"run": name, "split": part.split, **part.extent, **row}
        for name, parts in results
        for part in parts
        for row in part.bands or ()
    ]
    extents = _extents_in(rows) if windows else ()
    columns = ("run", "split", *extents, "band_lo", "band_hi", "n_points", "rr", *_PER_BAND[settings.convention])
    about = {"convention": settings.convention}
    return Table(rows, columns, _title(settings, windows), measured=_MEASURED_PER_BAND, about=about)


def summary_table(results: Results, settings: Settings, windows: tuple[int, int] | None, select: str) -> Table:
    """Return a table with a row per run, or per window of a run."""
    from nntf_cli.artifacts.tables import Table
    from nntf_cli.rqa import most_adequate, summary_rows

    flat = [(name, part.extent, part.summary) for name, parts in results for part in parts if part.summary]
    summaries = [summary for _, _, summary in flat]
    plain = summary_rows(summaries, [name for name, _, _ in flat])
    rows: list[dict[str, Cell]] = [
        {"run": row["run"], "split": row["split"], **extent, **row}
        for (_, extent, _), row in zip(flat, plain, strict=True)
    ]
    columns = [column for column in (rows[0] if rows else ()) if column not in _EXTENTS]
    if windows:
        columns[2:2] = _extents_in(rows)
    # windows of one run are not rivals: which of them is bold would say nothing
    bold = frozenset() if windows else most_adequate(summaries)
    title = f"{_title(settings, windows)}, {select} band"
    about = {"convention": settings.convention}
    return Table(rows, columns, title, bold, measured=_MEASURED_PER_RUN, about=about)


def _extents_in(rows: Sequence[Mapping[str, Cell]]) -> tuple[str, ...]:
    """Return the columns that say where windows are; of runs without steps they are rows of the matrix."""
    return tuple(name for name in _EXTENTS if any(name in row for row in rows))


def for_people(table: Table) -> Table:
    """Return the table without columns of permutations that would be empty, and without what a column beside it says.

    Programs get every column in every file.
    """
    absent = {name for name in _PERMUTED if all(row.get(name) is None for row in table.rows)}
    if "rr_lam" in table.columns and all(row["lam"] is None or row["lam_mean"] is not None for row in table.rows):
        absent.add("lam_chance")  # in a row per run one of the two is enough, and room is short
    return replace(table, columns=[column for column in table.columns if column not in absent])


def _title(settings: Settings, windows: tuple[int, int] | None) -> str:
    bands = f"band {settings.band}" if settings.band else f"bands of {settings.width}"
    if settings.value_range and not settings.band:
        low, high = settings.value_range
        bands = f"{len(settings.bands)} bands of {(high - low) / len(settings.bands):g} from {low:g} to {high:g}"
    parts = [f"RQA, {settings.convention} convention"]
    parts += [f"{settings.edges} edges"] if settings.convention == "standard" else []
    parts += [bands, f"l_min {settings.l_min}"]
    parts += [f"v_min {settings.v_min}"] if settings.v_min not in (None, settings.l_min) else []
    parts += [f"theiler {settings.theiler}"] if settings.theiler is not None else []
    parts += [f"theiler_vertical {settings.theiler_vertical}"] if settings.theiler_vertical is not None else []
    parts += [f"border {settings.border}"] if settings.border != "none" else []
    parts += [quantity(settings.permutations, "permutation")] if settings.permutations else []
    parts += [f"seed {settings.seed}"] if settings.seed else []
    parts += ["windows of {} moved by {}".format(*windows)] if windows else []
    return ", ".join(parts)


def draw(
    results: Results,
    settings: Settings,
    windows: tuple[int, int] | None,
    form: Literal["png", "svg", "pdf"],
    of: str = "distance",
) -> Writer:
    """Return what writes a figure of the measures of every band over time."""
    from nntf_cli.figures import draw_windows, encode

    measures = ("lam", "ent") if settings.convention == "paper" else ("lam", "det", "entr")
    runs = [_over_time(name, parts, settings, measures) for name, parts in results]
    title = _title(settings, windows)
    subtitle = f"{OF_TITLES[of]}: {title}" if of in OF_TITLES else title
    content = encode(draw_windows(runs, measures, subtitle=subtitle), form)
    return lambda stream: stream.write(content)


def _over_time(name: str, parts: Sequence[Part], settings: Settings, measures: Sequence[str]) -> Windowed:
    import numpy as np

    from nntf_cli.figures import Windowed

    def value(row: Mapping[str, Value], measure: str) -> float:
        given = row[measure]
        return np.nan if given is None or not row["n_points"] else float(given)  # the paper's 0 / 0 is 0

    ends = [part.extent.get("to_step", part.extent.get("to_row")) for part in parts]
    values = {m: np.array([[value(row, m) for row in part.bands or ()] for part in parts]).T for m in measures}
    edges = np.array([band.lo for band in settings.bands] + [settings.bands[-1].hi])
    unit = "step" if "to_step" in parts[0].extent else "transition"
    split = parts[0].split
    upwards = "band of distances" if settings.value_range is None else "band of values"
    return Windowed(f"{name} ({split})" if split else name, np.array(ends), unit, edges, values, upwards)


def in_order(table: Table, column: str | None) -> Table:
    """Return the table with its rows in order of a column, empty cells last, bold cells along with their rows."""
    if column is None:
        return table
    falling, name = column.startswith("-"), column.removeprefix("-")
    if name not in table.columns:
        raise click.BadParameter(f"{name!r} is no column; there are: {', '.join(table.columns)}", param_hint="'--sort'")
    keys = {i: key for i, row in enumerate(table.rows) if (key := _sort_key(row.get(name))) is not None}
    empty = [i for i in range(len(table.rows)) if i not in keys]
    order = sorted(keys, key=keys.__getitem__, reverse=falling) + empty
    bold = {(order.index(i), marked) for i, marked in table.bold}
    return replace(table, rows=[table.rows[i] for i in order], bold=bold)


def _sort_key(cell: Any) -> tuple[int, float, str] | None:
    """Numbers come before text; a band counts by its lower edge."""
    if cell is None or cell == "":
        return None
    value = getattr(cell, "lo", cell)
    return (0, float(value), "") if isinstance(value, (int, float)) else (1, 0.0, str(value))
