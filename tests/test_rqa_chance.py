"""What LAM and DET are read against: chance levels in closed form, and by permutation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import naive_chance
from nntf_cli.errors import LimitError
from nntf_cli.model import Axes, Axis, Band, Fingerprint
from nntf_cli.rqa import Settings, per_band, summarize
from nntf_cli.rqa.chance import laminarity_chance
from nntf_cli.rqa.lines import count_lines
from test_rqa import OPTIONS, matrix, random_matrix

pytestmark = pytest.mark.usefixtures("kernels")


def lines_of(values, band):
    (lines,) = count_lines(values, [band])
    return lines


@settings(deadline=None, derandomize=True)
@given(case=st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 12), st.sampled_from([5, 10])), v_min=st.integers(1, 4))
def test_chance_laminarity_is_the_mean_over_all_permutations(case, v_min):
    values = random_matrix(*case)
    expected = naive_chance.lam_chance_exact(values <= 0.3, v_min)
    assert laminarity_chance(lines_of(values, Band(0.0, 0.3)), v_min) == pytest.approx(expected, rel=1e-10, abs=1e-12)


def sparse_matrix():
    """48 points at RR 0.02 of 49 transitions, none beside another."""
    values = np.ones((49, 49))
    values[np.arange(24), np.arange(24) + 5] = 0.3
    return np.minimum(values, values.T)


def test_chance_laminarity_of_independent_points():
    values = sparse_matrix()
    assert laminarity_chance(lines_of(values, Band(0.0, 0.5)), 2) == pytest.approx(
        naive_chance.chance(48 / (49 * 48), 2)
    )
    np.fill_diagonal(values, 0)
    assert laminarity_chance(lines_of(values, Band(0.0, 0.5)), 2) == pytest.approx(0.0582, abs=1e-4)


def test_the_mean_of_many_permutations_is_the_chance_level():
    values = sparse_matrix()
    np.fill_diagonal(values, 0)
    n = 4000
    row = per_band(matrix(values), Settings("standard", band=Band(0.0, 0.5), permutations=n, seed=3))[0]
    lams = [naive.standard_measures(b <= 0.5)["lam"] for b in naive_chance.shuffled(values, 200, 3)]
    error = np.std(lams) / math.sqrt(n)
    assert abs(row["lam_mean"] - row["lam_chance"]) < 4 * error
    assert row["lam_chance"] == pytest.approx(0.0582, abs=1e-4)


shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    seed=st.integers(0, 99),
    shape=shapes,
    mirror=st.booleans(),
    convention=st.sampled_from(["paper", "standard"]),
    options=st.fixed_dictionaries({}, optional=OPTIONS),
    l_min=st.integers(1, 3),
    v_min=st.sampled_from([1, 2, 20]),
)
def test_permutations_are_the_ones_that_are_documented(seed, shape, mirror, convention, options, l_min, v_min):
    options = options if convention == "standard" else {}
    values = np.random.default_rng(seed).integers(0, 5, shape) / 20
    square = shape[0] == shape[1]
    if mirror and square:
        values = np.maximum(values, values.T)
    wanted = Settings(convention, "0.1", l_min, v_min, permutations=9, seed=seed, edges="closed", **options)
    rows = per_band(matrix(values), wanted)
    nearest = max(int(square), options.get("theiler", 0), options.get("theiler_vertical", 0))
    permuted = list(naive_chance.shuffled(values, 9, seed, nearest))
    movable = np.abs(np.subtract.outer(*map(np.arange, shape))) >= nearest
    n_movable = movable.sum() // (2 if square and (values == values.T).all() else 1)
    for row, band in zip(rows, wanted.bands, strict=True):
        for name in ("lam", "det") if convention == "standard" else ("lam",):
            if convention == "standard":
                measured = [naive.standard_measures(band.holds(d), l_min, v_min, **options)[name] for d in permuted]
            else:
                measured = [naive.paper_lam(band.holds(d), v_min) for d in permuted]
            if row[name] is None or n_movable < 2:
                assert row[f"{name}_mean"] is row[f"{name}_p"] is None
                continue
            assert row[f"{name}_mean"] == pytest.approx(np.mean(measured), rel=1e-12, abs=1e-15)
            assert row[f"{name}_p"] == naive_chance.permutation_p(row[name], measured)
            assert 0 < row[f"{name}_p"] <= 1


def test_a_seed_reproduces_and_another_one_does_not():
    values = random_matrix(5, 20, 10)
    first, again, other = (
        per_band(matrix(values), Settings("standard", permutations=50, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert [row["lam_mean"] for row in first] != [row["lam_mean"] for row in other]


def test_few_at_a_time_and_many_give_the_same(monkeypatch):
    values = random_matrix(6, 20, 10)
    wanted = Settings("standard", permutations=20, border="kelo")
    expected = per_band(matrix(values), wanted)
    monkeypatch.setattr("nntf_cli.rqa.significance._AT_ONCE", 900)
    assert per_band(matrix(values), wanted) == expected


def test_one_band_has_the_same_permutations_as_all():
    values = random_matrix(7, 20, 10)
    rows = per_band(matrix(values), Settings(permutations=50))
    summary = summarize(matrix(values), Settings(permutations=50))
    (row,) = [row for row in rows if row["band_lo"] == summary.b_lam.lo]
    assert (summary.lam_mean, summary.lam_p) == (row["lam_mean"], row["lam_p"])
    assert summary.lam_chance == row["lam_chance"]


def test_what_lingers_is_told_from_what_is_dense():
    walk = np.cumsum(np.random.default_rng(0).integers(-1, 2, 40))
    lingers = np.abs(walk[:, None] - walk) / 40
    assert summarize(matrix(lingers), Settings(permutations=99)).lam_p == 0.01
    axes = Axes(Axis(), Axis())
    rng = np.random.default_rng(1)
    dense = summarize(Fingerprint(rng.random((30, 40)), axes), Settings(permutations=99, band=Band(0.0, 0.5)))
    assert dense.lam > 0.7  # and yet
    assert dense.lam_p > 0.05
    assert f"lam not above chance (p = {dense.lam_p:.2f})" in dense.notes


def test_what_does_not_fit_is_refused_before_it_is_shuffled(monkeypatch):
    monkeypatch.setattr("nntf_cli.memory.available", lambda: 1000.0)
    with pytest.raises(LimitError, match=r"shuffling the 8 x 8 matrix needs .*; .*--permutations 0"):
        per_band(matrix(random_matrix(0, 8)), Settings(permutations=5))


def test_permutations_are_made_unless_a_side_is_long():
    automatic = Settings(permutations=None)
    assert [automatic.n_permutations(shape) for shape in ((500, 500), (501, 5), (5, 501), (1, 1))] == [199, 0, 0, 199]
    assert Settings(permutations=7).n_permutations((9000, 9000)) == 7
    assert Settings().n_permutations((5, 5)) == 0
    assert per_band(matrix(random_matrix(0, 6)), Settings())[0]["lam_p"] is None
