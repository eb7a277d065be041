"""``nntf rqa``: recurrence quantification as a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nntf_cli.cli import options
from nntf_cli.cli.boundary import error_line, note_line
from nntf_cli.cli.cluster import begin, connect
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import BandWidthType, RangeType
from nntf_cli.errors import ClusterError, NntfError

if TYPE_CHECKING:
    from nntf_cli.artifacts.matrices import Matrix
    from nntf_cli.artifacts.tables import Table
    from nntf_cli.rqa import Settings

FORMATS = ("text", "csv", "md", "tex", "json")

_PER_BAND = {
    "paper": ("lam", "ent"),
    "standard": ("det", "l_mean", "l_max", "div", "entr", "lam", "tt", "v_max", "v_entr", "lam_chance"),
}

#: What people read with four decimals; a hyperparameter never is, whatever its name.
_MEASURED_PER_BAND = frozenset({"band_lo", "band_hi", "rr", *_PER_BAND["paper"], *_PER_BAND["standard"]})
_MEASURED_PER_RUN = frozenset({"lam", "ent", "acc", "rr_lam"})  # names that no hyperparameter's column can have


# fmt: off
@click.command("rqa", short_help="Quantify recurrence: a table, one row per run or per band.")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option("-b", "--bands", "width", type=BandWidthType(), default="0.05", show_default=True,
              help="Width of the bands that tile [0, 1]; 1 / WIDTH is a whole number. With --range, a share of it.")
@click.option("--band", type=RangeType(), help="Measure this one band instead.")
@click.option("--range", "value_range", type=RangeType(),
              help="Tile this range instead of [0, 1]; needed for differences and unnormalized matrices.")
@click.option("--convention", type=click.Choice(["paper", "standard"]), default="paper", show_default=True,
              help="The published tables' measures, or those of the recurrence literature (pyunicorn, PyRQA).")
@click.option("--edges", type=click.Choice(["half-open", "closed"]),
              help="Standard convention: every entry in exactly one band, or the paper's edges.  [default: half-open]")
@click.option("--l-min", type=click.IntRange(min=1), default=2, show_default=True, metavar="N",
              help="Shortest line that counts.")
@click.option("--v-min", type=click.IntRange(min=1), metavar="N",
              help="Shortest vertical line that counts.  [default: as --l-min]")
@click.option("--per-band", is_flag=True, help="One row per band instead of one per run.")
@click.option("--select", type=click.Choice(["lowest", "max"]), default="lowest", show_default=True,
              help="Which band stands for a run: the lowest with a value above 0 (the paper's text), or the first "
              "with the largest lam and smallest ent (its program).")
@click.option("--sort", metavar="COLUMN", help="Sort rows by a column; -COLUMN in falling order.")
@options.output("the table")
@options.fmt(FORMATS, "text on a terminal, csv in a pipe")
@options.splits("--split", "Which samples of a log; a row for each.  [default: the only split, else train]")
@options.snapshots
@options.distance
@options.scheduler
@options.force
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, inputs: tuple[str, ...], width: str, band: tuple[float, float] | None,
    value_range: tuple[float, float] | None, convention: str, edges: str | None, l_min: int, v_min: int | None,
    per_band: bool, select: str, sort: str | None, output: str | None, fmt: str | None, splits: tuple[str, ...],
    every: int, from_step: int | None, to_step: int | None, metric: str, normalize: str | None, scheduler: str | None,
    quiet: bool,
) -> None:
    """Quantify how trainings recur: laminarity (they linger) and entropy (how mixed the repeats are).

    INPUT is any number of matrices (.npy, .csv, .npz, .h5) and label logs; none means stdin. In every band of
    distances the matrix is binarised and its lines are counted. By default each run gets one row, as in the
    published tables: b_lam and lam, b_ent and ent are the bands and values that stand for it, acc its accuracy at
    the last snapshot, n_lam and rr_lam how many entries lam rests on; the note says what would mislead.

    \b
      nntf rqa wd_*.h5
      nntf rqa wd_*.h5 --split train,test --sort -lam -o table.tex
      nntf fingerprint run.h5 | nntf rqa --bands 0.05 --per-band --convention standard
    """
    from nntf_cli.artifacts.tables import ENDINGS, format_table
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.outputs import deliver, pick_format, text_writer
    from nntf_cli.model import Band
    from nntf_cli.rqa import Settings

    form = pick_format(output, fmt, FORMATS, _default_format(), ENDINGS)
    if convention == "paper" and edges is not None:
        raise click.UsageError("--edges goes with --convention standard: the paper's edges are what they are")
    one_band = Band(*band) if band else None
    settings = Settings(convention, width, l_min, v_min, one_band, value_range, edges or "half-open")
    cluster = connect(ctx, scheduler, _addresses(inputs))
    choice = Choice(splits, every, from_step, to_step, metric, normalize, cluster)
    if per_band:
        code, table = _band_table(_addresses(inputs), choice, settings)
    else:
        code, table = _summary_table(_addresses(inputs), choice, settings, select)
    if table.rows:
        text = format_table(_sorted(table, sort), form)
        if form == "csv":
            note_line(table.title)  # CSV has no place for it
        deliver({output: text_writer(text)}, files_of(inputs), binary=False)
    ctx.exit(code)
# fmt: on


def _default_format() -> str:
    return "text" if sys.stdout is not None and sys.stdout.isatty() else "csv"


def _addresses(inputs: tuple[str, ...]) -> tuple[str, ...]:
    from nntf_cli.cli.inputs import stdin_is_pipe

    if inputs.count("-") > 1:
        raise click.UsageError("stdin (-) can be read only once")
    if not inputs and not stdin_is_pipe():
        raise click.UsageError("no input: name matrices or label logs, or pipe one in")
    return inputs or ("-",)


def _measured(
    addresses: Sequence[str], choice: Choice, settings: Settings, measure: Callable[[Matrix], Any]
) -> tuple[int, list[tuple[str, Any]]]:
    """Return (name, what was measured) of every matrix; a bad input is reported, and its code is the command's."""
    from nntf_cli.cli.inputs import distinct_names, load_matrices

    code, runs, results = 0, [], []
    begin(choice, addresses)
    for address in addresses:
        try:
            for matrix in load_matrices(address, choice):
                results.append(measure(matrix))
                _note_what_is_outside(matrix, settings)
                runs.append((matrix.title, matrix.origin))
        except ClusterError:
            raise  # nor could it do any other
        except NntfError as error:
            error_line(str(error))
            code = code or error.exit_code
    return code, list(zip(distinct_names(runs), results, strict=True))


def _note_what_is_outside(matrix: Matrix, settings: Settings) -> None:
    n_outside = settings.outside(matrix) if settings.value_range else 0
    if n_outside:
        note_line(f"{matrix.origin}: {n_outside} of {matrix.values.size} entries lie outside --range, in no band")


def _band_table(addresses: Sequence[str], choice: Choice, settings: Settings) -> tuple[int, Table]:
    from nntf_cli.artifacts.tables import Table
    from nntf_cli.rqa import per_band

    code, results = _measured(addresses, choice, settings, lambda m: (m.split, per_band(m, settings)))
    rows = [{"run": name, "split": split, **row} for name, (split, bands) in results for row in bands]
    columns = ("run", "split", "band_lo", "band_hi", "n_points", "rr", *_PER_BAND[settings.convention])
    about = {"convention": settings.convention}
    return code, Table(rows, columns, _title(settings), measured=_MEASURED_PER_BAND, about=about)


def _summary_table(addresses: Sequence[str], choice: Choice, settings: Settings, select: str) -> tuple[int, Table]:
    from nntf_cli.artifacts.tables import Table
    from nntf_cli.rqa import most_adequate, summarize, summary_rows

    code, results = _measured(addresses, choice, settings, lambda matrix: summarize(matrix, settings, select))
    summaries = [summary for _, summary in results]
    rows = summary_rows(summaries, [name for name, _ in results])
    columns = tuple(rows[0]) if rows else ()
    title = f"{_title(settings)}, {select} band"
    about = {"convention": settings.convention}
    return code, Table(rows, columns, title, most_adequate(summaries), measured=_MEASURED_PER_RUN, about=about)


def _title(settings: Settings) -> str:
    bands = f"band {settings.band}" if settings.band else f"bands of {settings.width}"
    if settings.value_range:
        bands += " of {:g}:{:g}".format(*settings.value_range)
    edges = f", {settings.edges} edges" if settings.convention == "standard" else ""
    return f"RQA, {settings.convention} convention{edges}, {bands}, l_min {settings.l_min}" + (
        f", v_min {settings.v_min}" if settings.v_min not in (None, settings.l_min) else ""
    )


def _sorted(table: Table, column: str | None) -> Table:
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
