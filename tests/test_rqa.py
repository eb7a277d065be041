"""RQA equals the definitions, the published constants, and an independent package."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import planted
from golden import make_rqa_golden as golden
from nntf_cli.errors import InputError, ParameterError
from nntf_cli.model import Axes, Axis, Band, Difference, Fingerprint
from nntf_cli.rqa import Settings, most_adequate, per_band, summarize, summary_rows
from nntf_cli.rqa.lines import Lengths, count_lines
from nntf_cli.rqa.measures import paper_entropy, paper_laminarity

pytestmark = pytest.mark.usefixtures("kernels")

STANDARD = Settings(convention="standard")
PYUNICORN = {
    "det": "determinism",
    "lam": "laminarity",
    "entr": "diag_entropy",
    "v_entr": "vert_entropy",
    "l_mean": "average_diaglength",
    "tt": "trapping_time",
    "l_max": "max_diaglength",
    "v_max": "max_vertlength",
}


WHITE = {"t2": "mean_recurrence_time", "t_max": "max_white_vertlength", "rte": "white_vert_entropy"}


def matrix(values, **axis):
    rows = Axis(**axis)
    return Fingerprint(np.asarray(values, dtype=np.float64), Axes(rows, rows))


def random_matrix(seed, n, grid=None):
    rng = np.random.default_rng(seed)
    values = rng.random((n, n)) if grid is None else rng.integers(0, grid + 1, (n, n)) / grid
    values = np.maximum(values, values.T)
    np.fill_diagonal(values, 0)
    return values


def rows_close(row, expected):
    for name, value in expected.items():
        if value is None:
            assert row[name] is None, name
        else:
            assert row[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


OPTIONS = {
    "theiler": st.integers(0, 3),
    "theiler_vertical": st.integers(0, 3),
    "border": st.sampled_from(["none", "kelo"]),
}
sizes = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([None, 10, 20, 40]))


@settings(deadline=None, derandomize=True)
@given(case=sizes, l_min=st.integers(1, 3))
def test_paper_convention_equals_the_definition(case, l_min):
    values = random_matrix(*case)
    rows = per_band(matrix(values), Settings(l_min=l_min))
    bands = naive.paper_bands(0.05)
    recurrences = naive.paper_recurrences(values)
    assert [(row["band_lo"], row["band_hi"]) for row in rows] == bands
    for row, b in zip(rows, recurrences, strict=True):
        rows_close(row, {"lam": naive.paper_lam(b, l_min), "ent": naive.paper_ent(b, l_min)})
        standard = naive.standard_measures(b, l_min)
        rows_close(row, {"n_points": standard["n_points"], "rr": standard["rr"]})


@settings(deadline=None, derandomize=True)
@given(
    case=sizes,
    l_min=st.integers(1, 3),
    edges=st.sampled_from(["half-open", "closed"]),
    options=st.fixed_dictionaries({}, optional=OPTIONS),
)
def test_standard_convention_equals_the_definition(case, l_min, edges, options):
    values = random_matrix(*case)
    rows = per_band(matrix(values), Settings(convention="standard", l_min=l_min, edges=edges, **options))
    for row, b in zip(rows, naive.standard_recurrences(values, 20, edges), strict=True):
        rows_close(row, naive.standard_measures(b, l_min, **options))
    if edges == "half-open":
        assert sum(row["n_points"] for row in rows) == values.size


@settings(deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    options=st.fixed_dictionaries({}, optional=OPTIONS),
)
def test_rectangular_matrices_have_no_main_diagonal_to_leave_out(seed, shape, options):
    values = np.random.default_rng(seed).integers(0, 4, shape) / 10
    rows = per_band(matrix(values), Settings(convention="standard", **options))
    for row, b in zip(rows, naive.standard_recurrences(values, 20), strict=True):
        rows_close(row, naive.standard_measures(b, 2, **options))
    for row, b in zip(per_band(matrix(values)), naive.paper_recurrences(values), strict=True):
        rows_close(row, {"lam": naive.paper_lam(b, 2), "ent": naive.paper_ent(b, 2)})


@settings(deadline=None, derandomize=True)
@given(case=sizes, select=st.sampled_from(["lowest", "max"]))
def test_the_band_of_a_summary_is_the_one_the_rule_names(case, select):
    values = random_matrix(*case)
    recurrences = naive.paper_recurrences(values)
    lams = [naive.paper_lam(b, 2) for b in recurrences]
    ents = [naive.paper_ent(b, 2) for b in recurrences]
    rule = naive.select_lowest if select == "lowest" else naive.select_max
    i_lam, i_ent = rule(lams, ents)
    summary = summarize(matrix(values), Settings(), select)
    bands = [Band(*band) for band in naive.paper_bands(0.05)]
    assert summary.b_lam == (None if i_lam is None else bands[i_lam])
    assert summary.b_ent == (None if i_ent is None else bands[i_ent])
    assert summary.lam == (None if i_lam is None else pytest.approx(lams[i_lam], rel=1e-12))
    assert summary.ent == (None if i_ent is None else pytest.approx(ents[i_ent], rel=1e-12))


def golden_cases():
    for case in json.loads(golden.GOLDEN.read_text())["matrices"]:
        values = golden.matrix(case["recipe"], case["seed"], case["size"], case.get("grid"))
        assert golden.sha256(values) == case["sha256"]
        for band in case["bands"]:
            yield values, band


def test_standard_measures_equal_pyunicorn():
    n_compared = 0
    for values, band in golden_cases():
        # its hi_closed decides whether an entry on the upper edge belongs to the band
        lo_hi = Band(band["lo"], band["hi"], band["hi_closed"])
        (lines,) = count_lines(values, [lo_hi], theiler=1)
        for counts, name in ((lines.diagonal, "diagline_counts"), (lines.vertical, "vertline_counts")):
            ours = {str(v): int(counts[v]) for v in np.flatnonzero(counts)}
            assert ours == band[name]
        settings_ = Settings(convention="standard", band=lo_hi, edges="closed" if band["hi_closed"] else "half-open")
        row = per_band(matrix(values), settings_)[0]
        for ours, theirs in PYUNICORN.items():
            expected = band[theirs]
            # where a measure is undefined pyunicorn has 0, and 1e-8 / n for the entropy of equal lengths
            assert (row[ours] or 0) == pytest.approx(expected, rel=1e-6, abs=1.1e-8), ours
            n_compared += 1
    assert n_compared > 500


def test_recurrence_times_equal_pyunicorn_where_no_gap_is_cut():
    n_compared = 0
    for values, band in golden_cases():
        framed = values.copy()
        framed[[0, -1], :] = framed[:, [0, -1]] = band["lo"]  # then every gap lies between two points
        lo_hi = Band(band["lo"], band["hi"], band["hi_closed"])
        (lines,) = count_lines(framed, [lo_hi])
        assert {str(v): int(lines.gaps[v]) for v in np.flatnonzero(lines.gaps)} == band["framed"][
            "white_vertline_counts"
        ]
        edges = "closed" if band["hi_closed"] else "half-open"
        row = per_band(matrix(framed), Settings(convention="standard", band=lo_hi, edges=edges))[0]
        for ours, theirs in WHITE.items():
            assert (row[ours] or 0) == pytest.approx(band["framed"][theirs], rel=1e-6, abs=1.1e-8), ours
            n_compared += row[ours] is not None
    assert n_compared > 200


def test_live_pyunicorn_agrees_where_it_is_installed():
    plots = pytest.importorskip("pyunicorn.timeseries", reason="pyunicorn is not installed")
    values = random_matrix(1, 40, 20)
    band = Band(0.2, 0.5)
    plot = plots.RecurrencePlot(np.arange(40.0), threshold=0.1, silence_level=2)
    plot.R = band.holds(values).astype(np.int8)
    row = per_band(matrix(values), Settings(convention="standard", band=band, edges="closed"))[0]
    assert row["lam"] == pytest.approx(plot.laminarity(v_min=2), rel=1e-6)
    assert row["det"] == pytest.approx(plot.determinism(l_min=2), rel=1e-6)


@pytest.mark.parametrize(("p", "expected"), [(49, 0.0794), (29, 0.1161)])
def test_a_lone_main_diagonal_gives_the_constant_of_the_published_tables(p, expected):
    values = np.ones((p, p)) - np.eye(p)
    summary = summarize(matrix(values))
    assert (summary.b_ent.lo, round(summary.ent, 4)) == (0.0, expected)
    assert summary.ent == pytest.approx(math.log(p) / p, abs=1e-7)
    assert "ent: diagonal only (ln P / P)" in summary.notes


def test_the_float_edges_of_the_published_program_are_kept():
    bands = Settings().bands
    named = {str(band): band for band in bands}
    assert named["0.35-0.40"].hi == 0.39999999999999997
    assert [str(band) for band in bands if band.holds(np.array(0.4))] == ["0.40-0.45"]
    assert [str(band) for band in bands if band.holds(np.array(0.15))] == ["0.10-0.15", "0.15-0.20"]


def test_standard_edges_are_the_rounded_quotients():
    bands = Settings(convention="standard").bands
    assert [band.lo for band in bands] == [i / 20 for i in range(20)]
    assert [str(band) for band in bands if band.holds(np.array(0.15))] == ["0.15-0.20"]
    assert bands[-1].holds(np.array(1.0))


def test_a_full_row_and_column():
    recurrence = np.zeros((5, 5), dtype=bool)
    recurrence[2, :] = recurrence[:, 2] = True
    values = np.where(recurrence, 0.5, 0.99)
    assert per_band(matrix(values), Settings(band=Band(0.45, 0.55)))[0]["lam"] == 0.5
    standard = per_band(matrix(values), Settings(convention="standard", band=Band(0.45, 0.55)))[0]
    assert standard["lam"] == 5 / 9


@settings(deadline=None, derandomize=True)
@given(case=sizes)
def test_laminarity_never_grows_with_the_shortest_line(case):
    values = random_matrix(*case)
    rows = [per_band(matrix(values), Settings(convention="standard", v_min=v)) for v in range(1, 6)]
    for of_band in zip(*rows, strict=True):
        lams = [row["lam"] for row in of_band if row["lam"] is not None]
        assert lams == sorted(lams, reverse=True)


@settings(deadline=None, derandomize=True)
@given(case=sizes, options=st.fixed_dictionaries({}, optional={"theiler": st.integers(0, 3)}))
def test_keeping_the_longest_adds_no_line(case, options):
    values = random_matrix(*case)
    plain, corrected = (
        per_band(matrix(values), Settings(convention="standard", l_min=1, border=border, **options))
        for border in ("none", "kelo")
    )
    for before, after in zip(plain, corrected, strict=True):
        assert after["l_max"] == before["l_max"]  # whether the border cut it or not, the longest line stays
        assert (after["det"] or 0) <= (before["det"] or 0)


def test_a_converged_block_has_no_entropy_once_its_cut_lines_are_gone():
    labels, facts = planted.converged()
    size = len(facts["quiet"])
    values = naive.distances(naive.transitions(labels, facts["n_classes"]))
    values[:-size, :-size] = 1  # only the block recurs
    plain, corrected = (
        per_band(matrix(values), Settings(convention="standard", border=border))[0] for border in ("none", "kelo")
    )
    assert plain["entr"] == pytest.approx(math.log(size - 2))  # a line of every length from 2 to size - 1, twice
    assert corrected["entr"] == 0
    assert (plain["l_max"], corrected["l_max"], corrected["l_mean"]) == (size - 1, size - 1, size - 1)


def test_recurrence_times_are_the_gaps_between_lines():
    values = np.ones((6, 4))
    values[[0, 1, 3, 5], 0] = 0  # gaps of one and one; nothing after the last
    values[[1, 5], 1] = 0  # a gap of three; what is above the first line is cut by the border
    row = per_band(matrix(values), STANDARD)[0]
    assert (row["t2"], row["t_max"]) == (5 / 3, 3)
    assert row["rte"] == pytest.approx(math.log(3) - 2 / 3 * math.log(2))
    row = per_band(matrix(values), Settings(convention="standard", theiler_vertical=1))[0]
    assert (row["t2"], row["t_max"]) == (1, 1)  # without (0, 0) and (1, 1) two gaps are left, 3-5 and 1-3
    row = per_band(matrix(values), Settings())[0]
    assert "t2" not in row


def test_of_a_range_of_its_own_every_value_is_in_one_band():
    values = np.array([[0.0, 0.15], [0.15, 0.0]])  # as a difference has them: 0 is an edge
    rows = per_band(matrix(values), Settings(value_range=(-1.0, 1.0)))
    assert [(row["band_lo"], row["n_points"]) for row in rows if row["n_points"]] == [(0.0, 2), (pytest.approx(0.1), 2)]
    assert Settings(value_range=(0.0, 1.0)).bands == Settings().bands


def test_the_two_conventions_are_tied_by_an_identity():
    (lines,) = count_lines(random_matrix(4, 30, 10), [Band(0.0, 0.5)])
    diaglines = lines.diagonal
    lengths = np.flatnonzero(diaglines[2:]) + 2
    p = diaglines[lengths] / diaglines[lengths].sum()
    entr, mean = -(p * np.log(p)).sum(), (lengths @ diaglines[lengths]) / diaglines[lengths].sum()
    expected = (entr + math.log(mean)) / mean
    assert paper_entropy(lines.diagonal_lengths.at_least(2)) == pytest.approx(expected, abs=1e-8 * len(lengths))


def test_nothing_recurs():
    nothing = Lengths.of(np.zeros(6, dtype=np.int64))
    assert paper_entropy(nothing) == 0.0
    assert paper_laminarity(nothing, 2, 5) == 0.0
    assert (nothing.n_points, nothing.n_lines, nothing.longest) == (0, 0, 0)
    row = per_band(matrix(random_matrix(0, 5) * 0.5), STANDARD)[-1]
    assert row["n_points"] == 0
    assert (row["l_max"], row["v_max"], row["rr"]) == (0, 0, 0.0)
    assert [row[name] for name in ("det", "l_mean", "div", "entr", "lam", "tt", "v_entr", "t2", "rte")] == [None] * 9


def test_a_single_cell():
    row = per_band(matrix([[0.0]]), STANDARD)[0]
    assert (row["n_points"], row["rr"], row["lam_chance"], row["det"]) == (1, None, None, None)
    assert per_band(matrix([[0.0]]))[0]["lam"] == 0.0


def test_entropy_of_lines_of_one_length_is_zero_without_a_sign():
    values = np.ones((4, 4))
    values[0, 1] = values[1, 2] = values[1, 0] = values[2, 1] = 0
    entropy = per_band(matrix(values), STANDARD)[0]["entr"]
    assert math.copysign(1, entropy) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0, np.nan], [np.nan, 0]]), "holds nan or infinity"),
        (np.array([[0, -0.5], [-0.5, 0]]), r"values run from -0.5 to 0, outside \[0, 1\]"),
        (np.array([[0, 2.5], [2.5, 0]]), "--range 0:3"),
        (np.full((2, 2), -0.5), "--range -1:1"),
        (np.full((2, 2), -17.2), "--range -18:18"),
        (np.zeros((0, 0)), "is empty"),
    ],
)
def test_what_the_bands_cannot_hold_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        per_band(matrix(values))


def test_a_range_is_tiled_by_as_many_bands():
    values = random_matrix(2, 9, 10) * 2 - 1
    axes = Axes(Axis(), Axis())
    rows = per_band(Difference(values, axes, axes), Settings(value_range=(-1.0, 1.0), convention="standard"))
    assert len(rows) == 20
    assert (rows[0]["band_lo"], rows[-1]["band_hi"]) == (-1.0, 1.0)
    assert sum(row["n_points"] for row in rows) == values.size


@settings(deadline=None, derandomize=True)
@given(case=sizes, options=st.fixed_dictionaries({}, optional=OPTIONS), mirror=st.booleans())
def test_differences_are_measured_like_fingerprints(case, options, mirror):
    values = np.round(random_matrix(*case) * 2 - 1, 2)
    if not mirror:
        values[np.triu_indices(len(values), 1)] *= -1
    axes = Axes(Axis(), Axis())
    wanted = Settings("standard", "0.25", value_range=(-1.0, 1.0), **options)
    recurrences = naive.standard_recurrences(values, 4, low=-1.0, high=1.0)
    for row, b in zip(per_band(Difference(values, axes, axes), wanted), recurrences, strict=True):
        rows_close(row, naive.standard_measures(b, **options))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": "0.3"}, "whole number"),
        ({"width": "0"}, "whole number"),
        ({"width": "wide"}, "whole number"),
        ({"width": "1e-9", "convention": "standard"}, "more than 1000 bands"),
        ({"width": "0.0625"}, "multiple of 0.01"),
        ({"convention": "own"}, "unknown convention"),
        ({"edges": "open"}, "unknown edges"),
        ({"l_min": 0}, "at least 1 point"),
        ({"border": "both"}, "unknown border"),
        ({"border": "kelo"}, "go with the standard convention"),
        ({"theiler": 1}, "go with the standard convention"),
        ({"theiler": -1, "convention": "standard"}, "whole numbers from 0 on"),
        ({"permutations": -1}, "whole numbers from 0 on"),
        ({"value_range": (1.0, 0.0)}, "range is empty"),
    ],
)
def test_senseless_settings_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        Settings(**arguments)


def test_a_width_may_be_any_unit_fraction_in_the_standard_convention():
    assert len(Settings(convention="standard", width="1/3").bands) == 3
    assert len(Settings(convention="standard", width=0.0625).bands) == 16


def test_notes_say_what_would_mislead():
    values = np.ones((6, 6)) - np.eye(6)
    values[0, 1] = values[1, 0] = 0.0
    moved = np.array([5, 4, 0, 3, 0, 0])
    steps = np.arange(7) * 10
    summary = summarize(matrix(values, moved=moved, from_step=steps[:-1], to_step=steps[1:]))
    assert summary.notes == (
        "ent: diagonal only (ln P / P)",
        "lam rests on 2 points",
        "quiet from step 40",
        "1 more quiet",
    )
    assert (summary.n_lam, summary.rr_lam) == (8, 2 / 30)


def test_summary_rows_set_runs_side_by_side():
    runs = []
    for i, (p, decay) in enumerate([(6, 0.1), (6, 0.2), (7, 0.2)]):
        axis = {"run": f"run{i}", "split": "train", "hparams": {"decay": decay, "seed": 1, "note": i}}
        scalars = {"accuracy": np.array([0.1, 0.8])} | ({"test_accuracy": np.array([0.1, 0.7])} if i else {})
        runs.append(summarize(matrix(random_matrix(i, p, 10), **axis, scalars=scalars)))
    rows = summary_rows(runs)
    assert list(rows[0]) == [
        *("run", "split", "decay", "hp_note", "b_lam", "lam", "b_ent", "ent", "acc", "acc_split", "n_lam", "rr_lam"),
        *("lam_chance", "lam_mean", "lam_p", "note"),
    ]
    assert [(row["decay"], row["acc"], row["acc_split"]) for row in rows] == [
        (0.1, 0.8, "train"),
        (0.2, 0.7, "test"),
        (0.2, 0.7, "test"),
    ]
    assert all("runs differ in P" in row["note"] for row in rows)


def test_the_most_adequate_values_are_the_largest_lam_and_smallest_ent_of_the_lowest_band():
    summaries = [summarize(matrix(random_matrix(seed, 9, 10))) for seed in range(6)]
    marked = most_adequate(summaries)
    lowest = min(s.b_lam.lo for s in summaries)
    best = max(s.lam for s in summaries if s.b_lam.lo == lowest)
    assert {i for i, column in marked if column == "lam"} == {
        i for i, s in enumerate(summaries) if s.b_lam.lo == lowest and s.lam == best
    }
    assert len({s.ent for s in summaries}) == 1  # what is the same in every run distinguishes none
    assert not any(column == "ent" for _, column in marked)


def test_hyperparameters_never_share_a_column():
    runs = [
        summarize(matrix(random_matrix(0, 5), hparams={"lam": i, "hp_lam": -i, "seed": one, "nan": float("nan")}))
        for i, one in ((1, 1), (2, 1.0))
    ]
    rows = summary_rows(runs)
    assert [{key: row[key] for key in row if "hp_" in key} for row in rows] == [
        {"hp_hp_lam": 1, "hp_lam": -1},
        {"hp_hp_lam": 2, "hp_lam": -2},
    ]
    assert "seed" not in rows[0]


def test_a_cross_fingerprint_has_the_accuracy_of_neither_run():
    a, b = (Axis(run=name, scalars={"accuracy": np.ones(5)}) for name in "ab")
    crossed = Fingerprint(random_matrix(0, 4), Axes(a, b))
    (row,) = summary_rows([summarize(crossed)], [crossed.title])
    assert (row["run"], row["acc"]) == ("a x b", None)
    difference = Difference(random_matrix(0, 4), Axes(a, a), Axes(b, b))
    assert (difference.title, summary_rows([summarize(difference)])[0]["acc"]) == ("a - b", None)
