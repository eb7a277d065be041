"""One row per run, as in the paper's Tables 1 to 6: the band that stands for it, and what would mislead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nntf_cli.errors import ParameterError
from nntf_cli.model import Axis, Band, Difference, Fingerprint, Scalar
from nntf_cli.rqa.bands import Settings
from nntf_cli.rqa.lines import Lines
from nntf_cli.rqa.measures import Value, beside_chance, lines_of, measure
from nntf_cli.rqa.significance import permutation_test
from nntf_cli.wording import quantity

SELECTIONS = ("lowest", "max")

#: The columns of a summary; the hyperparameters in which runs differ come after the second.
COLUMNS = (
    "run", "split", "from_step", "to_step", "from_row", "to_row", "b_lam", "lam", "b_ent", "ent", "acc", "acc_split",
    "n_lam", "rr_lam", "lam_chance", "lam_mean", "lam_p", "note",
)  # fmt: skip

#: From which p-value on a laminarity is not said to be more than chance.
_LEVEL = 0.05

#: Permutations from which on a p-value can be at that level.
_FEWEST = 19

#: The authors' program takes no entropy from here on.
_LARGEST_ENTROPY = 2.0


@dataclass(frozen=True)
class Summary:
    """What stands for one matrix: laminarity and entropy, each with its band."""

    axis: Axis  #: the run that the rows of the matrix belong to
    split: str | None
    of_one_run: bool  #: not a difference, and not two runs crossed
    shape: tuple[int, ...]  #: of the matrix
    b_lam: Band | None
    lam: float | None
    b_ent: Band | None
    ent: float | None
    n_lam: int | None  #: points in the band of lam
    rr_lam: float | None  #: its recurrence rate
    lam_chance: float | None  #: the lam to expect at that rate
    lam_mean: float | None  #: the mean of lam over permutations of the matrix, where asked for
    lam_p: float | None  #: the share of permutations that reach lam
    notes: tuple[str, ...] = ()


def summarize(matrix: Fingerprint | Difference, settings: Settings | None = None, select: str = "lowest") -> Summary:
    """Choose the bands that stand for a matrix.

    Parameters
    ----------
    matrix : Fingerprint or Difference
        (P, Q) values.
    settings : Settings, optional
        Convention and bands. In the standard convention LAM and ENTR take the places of lam and ent.
    select : {"lowest", "max"}
        "lowest": the lowest band with a value above 0, as the paper's text says. "max": the first band with the
        largest laminarity, and the first with the smallest entropy above 0 and below 2, as its program does.

    Raises
    ------
    ParameterError
        Unknown ``select``.
    InputError
        As :func:`~nntf_cli.rqa.measures.per_band`.
    """
    settings = settings or Settings()
    if select not in SELECTIONS:
        raise ParameterError(f"unknown selection {select!r}", f"one of {', '.join(SELECTIONS)}")
    lines = lines_of(matrix, settings)
    rows = [measure(of_band, settings) for of_band in lines]
    lams = [row["lam"] for row in rows]
    ents = [row["ent" if settings.convention == "paper" else "entr"] for row in rows]
    if select == "lowest":
        i_lam, i_ent = _first_positive(lams), _first_positive(ents)
    else:
        i_lam = _first_best(lams, lambda lam: lam)
        i_ent = _first_best(ents, lambda ent: -ent if 0 < ent < _LARGEST_ENTROPY else None)
    of_lam = None if i_lam is None else lines[i_lam]
    of_ent = None if i_ent is None else lines[i_ent]
    beside = _beside(matrix, settings, of_lam, None if i_lam is None else lams[i_lam])
    return Summary(
        axis=matrix.axes.rows,
        split=matrix.split,
        of_one_run=isinstance(matrix, Fingerprint) and not matrix.axes.is_cross,
        shape=matrix.shape,
        b_lam=None if of_lam is None else of_lam.band,
        lam=None if i_lam is None else lams[i_lam],
        b_ent=None if of_ent is None else of_ent.band,
        ent=None if i_ent is None else ents[i_ent],
        n_lam=None if of_lam is None else of_lam.n_points,
        rr_lam=None if of_lam is None else of_lam.rate(settings.apart(of_lam.shape)),
        lam_chance=beside.get("lam_chance"),
        lam_mean=beside.get("lam_mean"),
        lam_p=beside.get("lam_p"),
        notes=(
            *_line_notes(settings, of_lam, of_ent),
            *_chance_notes(beside, settings.n_permutations(matrix.shape)),
            *_quiet_notes(matrix),
        ),
    )


def _beside(matrix: Fingerprint | Difference, settings: Settings, of_lam: Lines | None, lam: Value) -> dict[str, Value]:
    """Return the lam of one band and what it is to be read against."""
    if of_lam is None:
        return {}
    tested = permutation_test(matrix, [of_lam], settings, names=["lam"])
    return beside_chance({"lam": lam}, of_lam, settings, tested, 0)


def _chance_notes(beside: Mapping[str, Value], n_permutations: int) -> list[str]:
    lam, chance, p = (beside.get(name) for name in ("lam", "lam_chance", "lam_p"))
    if p is not None and n_permutations < _FEWEST:
        return [f"{quantity(n_permutations, 'permutation')} {'is' if n_permutations == 1 else 'are'} too few to tell"]
    if p is not None:
        return [f"lam not above chance (p = {p:.{2 if round(p, 2) > _LEVEL else 3}f})"] if p > _LEVEL else []
    return ["lam not above lam_chance"] if lam is not None and chance is not None and lam <= chance else []


def _first_positive(values: Sequence[Value]) -> int | None:
    return next((i for i, value in enumerate(values) if value is not None and value > 0), None)


def _first_best(values: Sequence[Value], score: Callable[[float], float | None]) -> int | None:
    """Return the first index with the largest score; None where nothing has one."""
    scores = {i: score(value) for i, value in enumerate(values) if value is not None}
    scored = {i: value for i, value in scores.items() if value is not None}
    return max(scored, key=scored.__getitem__) if scored else None


def _line_notes(settings: Settings, of_lam: Lines | None, of_ent: Lines | None) -> list[str]:
    notes = []
    if of_lam is None:
        notes.append("no band has a line of points")
    if of_ent is not None and settings.convention == "paper" and len(of_ent.main):
        lone = of_ent.diagonal[-1] == 1 and of_ent.diagonal[settings.l_min :].sum() == 1
        notes += ["ent: diagonal only (ln P / P)"] if lone else []
    if of_lam is not None and of_lam.n_off <= of_lam.shape[1]:  # not even one per column besides the diagonal
        notes.append(f"lam rests on {quantity(of_lam.n_off, 'point')}")
    return notes


def _quiet_notes(matrix: Fingerprint | Difference) -> list[str]:
    axis = matrix.axes.rows
    quiet, steps = axis.quiet, axis.from_step
    if quiet is None or steps is None or not quiet.any():
        return []
    moving = np.flatnonzero(~quiet)
    first_of_tail = int(moving[-1]) + 1 if len(moving) else 0
    notes = []
    if first_of_tail < len(quiet):
        notes.append(f"quiet from step {steps[first_of_tail]}")
    n_before = int(np.count_nonzero(quiet[:first_of_tail]))
    if n_before:
        notes.append(f"{n_before} more quiet" if notes else f"{n_before} of {quantity(len(quiet), 'transition')} quiet")
    return notes


def summary_rows(
    summaries: Sequence[Summary], names: Sequence[str] | None = None
) -> list[dict[str, Scalar | Band | None]]:
    """Set runs side by side.

    Parameters
    ----------
    summaries : sequence of Summary
        One per row.
    names : sequence of str, optional
        The runs' names, where those in the matrices do not tell them apart.

    Returns
    -------
    list of dict
        Keys as in ``COLUMNS``, the hyperparameters in which the runs differ after ``split``; None is an empty cell.
    """
    varying = varying_hparams([summary.axis.hparams for summary in summaries])
    differ_in_p = len({summary.shape for summary in summaries}) > 1
    rows = []
    for i, summary in enumerate(summaries):
        axis = summary.axis
        accuracy, accuracy_split = final_accuracy(axis) if summary.of_one_run else (None, None)
        notes = [*summary.notes, *(["runs differ in P"] if differ_in_p else [])]
        row: dict[str, Scalar | Band | None] = {
            "run": names[i] if names else axis.run,
            "split": summary.split,
        }
        row |= {column: axis.hparams.get(name) for name, column in varying.items()}
        row |= {"b_lam": summary.b_lam, "lam": summary.lam, "b_ent": summary.b_ent, "ent": summary.ent}
        row |= {"acc": accuracy, "acc_split": accuracy_split}
        row |= {"n_lam": summary.n_lam, "rr_lam": summary.rr_lam, "lam_chance": summary.lam_chance}
        row |= {"lam_mean": summary.lam_mean, "lam_p": summary.lam_p, "note": "; ".join(notes)}
        rows.append(row)
    return rows


def most_adequate(summaries: Sequence[Summary]) -> set[tuple[int, str]]:
    """Return the cells that the published tables print bold: (row, "lam") or (row, "ent").

    The largest laminarity and the smallest entropy among the runs whose band is the lowest of all; nothing where all
    runs are alike in that.
    """
    lams = {i: (-s.b_lam.lo, s.lam) for i, s in enumerate(summaries) if s.b_lam and s.lam is not None}
    ents = {i: (-s.b_ent.lo, -s.ent) for i, s in enumerate(summaries) if s.b_ent and s.ent is not None}
    best: set[tuple[int, str]] = set()
    for column, keys in (("lam", lams), ("ent", ents)):
        if len(set(keys.values())) > 1:
            best |= {(i, column) for i, key in keys.items() if key == max(keys.values())}
    return best


def varying_hparams(runs: Sequence[Mapping[str, Scalar]]) -> dict[str, str]:
    """Return the hyperparameters in which runs differ, each with its column: ``hp_`` where the name is taken."""
    names = dict.fromkeys(name for run in runs for name in run)
    columns: dict[str, str] = {}
    for name in names:
        if len({_comparable(run.get(name)) for run in runs}) > 1:
            column = name
            while column in COLUMNS or column in columns.values() or (column != name and column in names):
                column = f"hp_{column}"
            columns[name] = column
    return columns


def _comparable(value: Scalar | None) -> object:
    """Return what compares as a reader would: 1 and 1.0 are alike, 1 and True are not, nan is like itself."""
    return (isinstance(value, bool), "nan" if value != value else value)


def final_accuracy(axis: Axis) -> tuple[float | None, str | None]:
    """Return the accuracy at the last snapshot and its split: on the test set where it is known, else training."""
    for scalar, split in (("test_accuracy", "test"), ("accuracy", "train")):
        values = axis.scalars.get(scalar)
        if values is not None and len(values) and np.isfinite(values[-1]):
            return float(values[-1]), split
    return None, None
