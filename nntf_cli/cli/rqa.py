"""``nntf rqa``: recurrence quantification as a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nntf_cli.cli import options
from nntf_cli.cli.boundary import note_line
from nntf_cli.cli.cluster import begin, connect
from nntf_cli.cli.inputs import refuse_noise_of
from nntf_cli.cli.options import Choice
from nntf_cli.cli.types import BandWidthType, RangeType, WindowsType

if TYPE_CHECKING:
    from nntf_cli.artifacts.matrices import Matrix
    from nntf_cli.cli.rqaoutput import Results
    from nntf_cli.files.atomic import Writer
    from nntf_cli.rqa import Settings

FORMATS = ("text", "csv", "md", "tex", "json")

#: Formats that programs read.
_FOR_PROGRAMS = ("csv", "json")


# fmt: off
@click.command("rqa")
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
@click.option("--theiler", type=click.IntRange(min=0), metavar="N",
              help="Standard convention: leave out the diagonals closer than N to the main one.  "
              "[default: 1; rectangular 0]")
@click.option("--theiler-vertical", type=click.IntRange(min=0), metavar="N",
              help="Standard convention: the same of the cells of vertical lines.  [default: 0]")
@click.option("--border", type=click.Choice(["none", "kelo"]), default="none", show_default=True,
              help="Standard convention: of the diagonal lines cut by the border keep the longest only.")
@click.option("--permutations", type=click.IntRange(min=0), metavar="K",
              help="Shuffle the matrix K times to tell what lam and det would be by chance; 0 for not at all.  "
              "[default: 199 up to 500 x 500, else 0; 0 with --windows]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="Seed of the permutations.")
@click.option("--windows", type=WindowsType(),
              help="Measure windows of W transitions, each STEP after the one before.  [default STEP: 1]")
@options.figure("With --windows: also draw the measures of every band over time")
@click.option("--matrix-out", metavar="FILE", type=click.Path(),
              help="One log: also write its fingerprint (.npy, .csv, .npz, .h5), computed once for both.")
@click.option("--per-band", is_flag=True, help="One row per band instead of one per run.")
@click.option("--select", type=click.Choice(["lowest", "max"]),
              help="Which band stands for a run: the lowest with a value above 0 (the paper's text), or the first "
              "with the largest lam and smallest ent (its program).  [default: lowest]")
@click.option("--of", type=click.Choice(options.OF), default="distance", show_default=True,
              help=options.OF_HELP + " The bands of an excess tile [-1, 1].")
@click.option("--sort", metavar="COLUMN", help="Sort rows by a column; -COLUMN in falling order.")
@options.output("the table")
@options.fmt(FORMATS, "text on a terminal, csv in a pipe")
@options.splits("--split", "Which samples of a log; a row for each.  [default: the only split, else train]")
@options.snapshots
@options.distance
@options.scheduler
@options.force
@options.jobs
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, inputs: tuple[str, ...], width: str, band: tuple[float, float] | None,
    value_range: tuple[float, float] | None, convention: str, edges: str | None, l_min: int, v_min: int | None,
    theiler: int | None, theiler_vertical: int | None, border: str, permutations: int | None, seed: int,
    windows: tuple[int, int] | None, figure: str | None, matrix_out: str | None, per_band: bool, select: str | None,
    of: str, sort: str | None, output: str | None, fmt: str | None, splits: tuple[str, ...], every: int,
    from_step: int | None, to_step: int | None, metric: str, normalize: str | None, scheduler: str | None,
    quiet: bool,
) -> None:
    """Quantify how trainings recur: laminarity (they linger) and entropy (how mixed the repeats are).

    INPUT is any number of matrices (.npy, .csv, .npz, .h5) and label logs; none means stdin. In every band of
    distances the matrix is binarised and its lines are counted. By default each run gets one row, as in the
    published tables: b_lam and lam, b_ent and ent are the bands and values that stand for it, acc its accuracy at
    the last snapshot, n_lam and rr_lam how many entries lam rests on, lam_mean the lam of the same entries shuffled
    and lam_p how often that reaches lam; the note says what would mislead.

    \b
      nntf rqa wd_*.h5
      nntf rqa wd_*.h5 --split train,test --sort -lam -o table.tex
      nntf rqa run.h5 --windows 20:5 --figure lingering.png
      nntf rqa run.h5 --matrix-out D.npy -o table.csv
      nntf rqa run.h5 --of excess --convention standard
      nntf fingerprint run.h5 | nntf rqa --bands 0.05 --per-band --convention standard
    """
    from nntf_cli.artifacts.tables import ENDINGS
    from nntf_cli.cli.outputs import pick_format, picture_format, require_places
    from nntf_cli.cli.rqaoutput import measuring
    from nntf_cli.model import Band
    from nntf_cli.rqa import Settings

    form = pick_format(output, fmt, FORMATS, _default_format(), ENDINGS)
    if convention == "paper":
        _refuse_with_paper({"--edges": edges, "--theiler": theiler, "--theiler-vertical": theiler_vertical,
                            "--border": None if border == "none" else border})
    if figure is not None:
        if windows is None:
            raise click.UsageError("--figure goes with --windows: it draws measures over time (a matrix: nntf render)")
        picture_format(figure)
    if matrix_out is not None:
        if len(inputs) != 1 or len(splits) > 1:
            raise click.UsageError("--matrix-out goes with one log and one split; nntf fingerprint writes many")
        _matrix_format(matrix_out)
        if of != "distance":
            raise click.UsageError("--matrix-out writes distances; nntf fingerprint --noise-floor adds the floor")
    if per_band and select is not None:
        raise click.UsageError("--select does not go with --per-band, which has all bands")
    require_places(output, figure=figure, matrix=matrix_out)
    if windows is not None and permutations is None:
        permutations = 0  # for every window they would cost many times what they cost for a run
    if of == "excess" and value_range is None:
        value_range = (-1.0, 1.0)
    settings = Settings(convention, width, l_min, v_min, Band(*band) if band else None, value_range,
                        edges or "half-open", theiler, theiler_vertical, border, permutations, seed)
    cluster = connect(ctx, scheduler, _addresses(inputs))
    choice = Choice(splits, every, from_step, to_step, metric, normalize, cluster=cluster)
    if of != "distance":
        refuse_noise_of(choice, f"--of {of}")
    selected = None if per_band else select or "lowest"
    measure = measuring(settings, windows, selected, bands=per_band or figure is not None)
    kept: list[Matrix] = []
    code, results = _measured(_addresses(inputs), choice, settings, measure, kept if matrix_out else None, of)
    _write(ctx, results, settings, form, kept)
    ctx.exit(code)
# fmt: on


def _write(ctx: click.Context, results: Results, settings: Settings, form: str, kept: Sequence[Matrix]) -> None:
    """Write the table and, where they are asked for, the figure and the matrix: all files or none."""
    from nntf_cli.artifacts.tables import format_table
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.outputs import deliver, picture_format
    from nntf_cli.cli.rqaoutput import OF_TITLES, band_table, draw, for_people, in_order, summary_table
    from nntf_cli.cli.stdout import text_writer

    given = ctx.params
    if given["per_band"]:
        table = band_table(results, settings, given["windows"])
    else:
        table = summary_table(results, settings, given["windows"], given["select"] or "lowest")
    if not table.rows:
        return
    table = in_order(table, given["sort"])
    if given["of"] != "distance":
        table = replace(
            table, title=f"{OF_TITLES[given['of']]}: {table.title}", about={**table.about, "of": given["of"]}
        )
    text = format_table(table if form in _FOR_PROGRAMS else for_people(table), form)
    outputs = {given["output"]: text_writer(text)}
    if given["figure"]:
        picture = picture_format(given["figure"])
        outputs[given["figure"]] = draw(results, settings, given["windows"], picture, given["of"])
    for matrix in kept:
        outputs[given["matrix_out"]] = _matrix_writer(matrix, given["matrix_out"])
    if form == "csv":
        note_line(table.title)  # CSV has no place for it
    deliver(outputs, files_of(given["inputs"]), binary=False)


def _matrix_format(path: str) -> str:
    from nntf_cli.artifacts.matrices import FORMATS as MATRIX_FORMATS
    from nntf_cli.cli.outputs import pick_format

    return pick_format(path, None, MATRIX_FORMATS, "npy", option="--matrix-out")


def _matrix_writer(matrix: Matrix, path: str) -> Writer:
    from nntf_cli.artifacts.matrices import write_matrix

    return lambda stream: write_matrix(stream, matrix, _matrix_format(path))


def _refuse_with_paper(given: dict[str, object]) -> None:
    for option, value in given.items():
        if value is not None:
            raise click.UsageError(f"{option} goes with --convention standard: the paper's measures are what they are")


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
    addresses: Sequence[str],
    choice: Choice,
    settings: Settings,
    measure: Callable[[Matrix], Any],
    kept: list[Matrix] | None,
    of: str,
) -> tuple[int, list[tuple[str, Any]]]:
    """Return (name, what was measured) of every matrix; a bad input is reported, and its code is the command's.

    Matrices are dropped as they are measured (of a thousand, few fit into memory), or put into ``kept``.
    """
    from nntf_cli.cli.inputs import distinct_names, load_matrices, require_fingerprint
    from nntf_cli.cli.jobs import run_each

    def measured(address: str) -> list[tuple[tuple[str, str], Any]]:
        found = []
        # bands within [0, 1] hold all distances between flows: such a matrix need not be stored to be looked through
        stored = kept is not None or settings.value_range is not None or choice.normalize == "none"
        for matrix in load_matrices(address, choice, stored=stored, noise=of != "distance"):
            if of != "distance":
                from nntf_cli.noise import view

                matrix = view(require_fingerprint(matrix), of)
            found.append(((matrix.title, matrix.origin), measure(matrix)))
            _note_what_is_outside(matrix, settings)
            if kept is not None:
                kept.append(matrix)
        return found

    begin(choice, addresses)
    code, lists = run_each(addresses, measured)
    found = [one for several in lists for one in several]
    return code, list(zip(distinct_names([run for run, _ in found]), [result for _, result in found], strict=True))


def _note_what_is_outside(matrix: Matrix, settings: Settings) -> None:
    n_outside = settings.outside(matrix) if settings.value_range else 0
    if n_outside:
        note_line(f"{matrix.origin}: {n_outside:,} of {matrix.values.size:,} entries lie outside --range, in no band")
