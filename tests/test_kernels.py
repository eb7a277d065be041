"""Both implementations of the kernels give the same arrays, and the cheaper one is taken."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive
from nntf_cli import threads
from nntf_cli.kernels import blocks, choice, compiled, runs, sharing, vectorized
from nntf_cli.model import Band, Flows
from nntf_cli.rqa import Settings


@settings(deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 200), divisor=st.sampled_from([0, 1, 34]))
def test_distances_are_finished_alike(seed, n, divisor):
    rng = np.random.default_rng(seed)
    moved = rng.integers(0, 20, n)
    shared = np.minimum(moved[:, None], moved) * rng.integers(0, 2, (n, n))
    for symmetric in (True, False):
        mine = np.tril(shared) if symmetric else shared
        ours, theirs = (m.finish(mine.copy(), moved, moved, divisor, symmetric) for m in (compiled, vectorized))
        np.testing.assert_array_equal(ours, theirs)
        if symmetric:
            np.testing.assert_array_equal(ours, ours.T)


#: Values on and one bit beside the edges of bands.
GRID = sorted(
    {x for i in range(-10, 21) for e in [i / 20] for x in (e, np.nextafter(e, 2), np.nextafter(e, -2), e + 0.02)}
)


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


#: Bands that tile exactly, that share edges, that are many, that leave some values out.
BANDS = [
    Settings(), Settings(width="0.1"), Settings(width="0.01"), Settings(convention="standard"),
    Settings(convention="standard", width="1/3"), Settings(convention="standard", width="0.005"),
    Settings(value_range=(-0.5, 0.5)), Settings(band=Band(0.1, 0.15)), Settings(band=Band(0.2, 0.2)),
]  # fmt: skip


def edges_of(bands):
    return [np.array(column) for column in zip(*((b.lo, b.hi, b.closed) for b in bands), strict=True)]


@settings(deadline=None, derandomize=True)
@given(
    values=arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from(GRID)),
    mirror=st.booleans(),
    bands=st.sampled_from(BANDS),
    theiler=st.integers(0, 3),
    theiler_vertical=st.integers(0, 3),
    at_once=st.sampled_from([1, 30, 2**21]),
)
@pytest.mark.parametrize("engine", [vectorized, compiled], ids=["numpy", "numba"])
def test_lines_in_bands(engine, values, mirror, bands, theiler, theiler_vertical, at_once):
    if mirror and values.shape[0] == values.shape[1]:
        values = np.maximum(values, values.T)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_AT_ONCE", at_once)
        lines = engine.band_lines(values, *edges_of(bands.bands), theiler, theiler_vertical)
    shortest = min(values.shape)
    assert [counts.dtype for counts in lines[:6]] == [np.int64] * 5 + [np.bool_]
    assert lines.outside == (not np.any([band.holds(values) for band in bands.bands], axis=0).all())
    assert lines.symmetric in (None, np.array_equal(values, values.T))
    for k, band in enumerate(bands.bands):
        recurrence = band.holds(values)
        kept = naive.outside_theiler(recurrence, theiler_vertical)
        expected = (
            (lines.diagonal, naive.diagonal_lines(recurrence, theiler=theiler), shortest),
            (lines.border, [length for _, length in naive.border_lines(recurrence, theiler)], shortest),
            (lines.vertical, naive.vertical_lines(kept), len(values)),
            (lines.gaps, naive.white_gaps(kept), len(values)),
        )
        for counts, lengths, longest in expected:
            np.testing.assert_array_equal(counts[k], naive.line_counts(lengths, longest))
        assert lines.n_points[k] == recurrence.sum()
        np.testing.assert_array_equal(lines.main[k], np.diagonal(recurrence))


@settings(deadline=None, derandomize=True)
@given(
    values=arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from(GRID)),
    bands=st.sampled_from(BANDS),
    n=st.integers(1, 3),
    with_border=st.booleans(),
)
def test_lines_of_matrices_laid_out_alike(values, bands, n, with_border):
    edges, n_bands, shortest = edges_of(bands.bands), len(bands.bands), min(values.shape)
    codes = runs.band_codes(values, *edges)
    many = np.zeros((n, values.size + 1), dtype=codes.dtype)
    orders = [np.random.default_rng(k).permutation(values.size) for k in range(n)]
    many[:, :-1] = [codes.ravel()[order] for order in orders]
    (columns,), (diagonals,) = runs.columns_of(values.shape, 0), runs.diagonals_of(values.shape, 0)
    vertical, _ = runs.shuffled_lines(many, columns, n_bands, len(values), False)
    diagonal, border = runs.shuffled_lines(many, diagonals, n_bands, shortest, with_border)
    for k, order in enumerate(orders):
        lines = vectorized.band_lines(values.ravel()[order].reshape(values.shape), *edges, 0, 0)
        np.testing.assert_array_equal(vertical[k], lines.vertical)
        np.testing.assert_array_equal(diagonal[k], lines.diagonal)
        np.testing.assert_array_equal(border[k], lines.border if with_border else 0 * lines.border)


def flows_of(counts):
    """Flows whose cells are numbered anywhere among five classes."""
    cells = np.array([1, 2, 5, 9, 14, 21])[: counts.shape[1]]
    transition, k = np.nonzero(counts)
    return Flows(
        start=np.searchsorted(transition, np.arange(len(counts) + 1)),
        from_class=(cells[k] // 5).astype(np.uint8),
        to_class=(cells[k] % 5).astype(np.uint8),
        count=counts[transition, k].astype(np.int32),
        from_step=np.arange(len(counts)),
        to_step=np.arange(len(counts)) + 1,
        n_samples=100,
        n_classes=5,
    )


def naive_shared(a, b):
    return np.array([[np.minimum(x, y).sum() for y in b] for x in a])


matrices = arrays(
    np.int64, st.tuples(st.integers(1, 8), st.just(6)), elements=st.sampled_from([0, 0, 1, 3, 255, 256, 600, 70_000])
)


@settings(deadline=None, derandomize=True)
@given(n=st.integers(1, 300), at=st.tuples(st.integers(0, 299), st.integers(0, 299)), wrong=st.booleans())
def test_symmetry_is_found_out(n, at, wrong):
    values = np.add.outer(np.arange(n), np.arange(n)).astype(float)
    i, j = (k % n for k in at)
    if wrong and i != j:
        values[i, j] += 0.5
    for module in (compiled, vectorized):
        assert module.is_symmetric(values) == (not wrong or i == j)
        assert not module.is_symmetric(np.zeros((n, n + 1)))


LANES = {"blocks of bytes": np.uint8, "blocks of words": np.uint16}


@contextmanager
def algorithm_chosen(algorithm):
    """Take one way to compare transitions, in pieces so small that there are several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "_blocks_are_cheaper", lambda *arguments: algorithm in LANES)
        if algorithm in LANES:
            patch.setattr(blocks, "_narrowest", lambda *arguments: (LANES[algorithm], 0.0))
        patch.setattr(sharing, "_RANGE", 3)
        patch.setattr(blocks, "_WIDTH", 2)
        yield vectorized if algorithm == "numpy" else compiled


@settings(deadline=None, derandomize=True)
@given(a=matrices, b=matrices)
@pytest.mark.parametrize("algorithm", ["numpy", "lists", *LANES])
def test_shared_moves(algorithm, a, b):
    with algorithm_chosen(algorithm) as kernels:
        np.testing.assert_array_equal(kernels.shared_moves(flows_of(a), flows_of(b)), naive_shared(a, b))
        np.testing.assert_array_equal(np.tril(kernels.shared_moves(flows_of(a), None)), np.tril(naive_shared(a, a)))


def naive_distances(a, b, divisor):
    moved = a.sum(axis=1)[:, None] + b.sum(axis=1)
    return (moved - 2 * naive_shared(a, b)) / (divisor or np.maximum(moved, 1))


@settings(deadline=None, derandomize=True)
@given(a=matrices, b=matrices, divisor=st.sampled_from([0, 1, 34]), dtype=st.sampled_from([np.float64, np.float32]))
@pytest.mark.parametrize("algorithm", ["numpy", "lists", *LANES])
def test_distances(algorithm, a, b, divisor, dtype):
    with algorithm_chosen(algorithm) as kernels:
        for other in (a, b):
            expected = naive_distances(a, other, divisor).astype(dtype)
            ours = kernels.distances(flows_of(a), None if other is a else flows_of(other), divisor, np.dtype(dtype))
            np.testing.assert_array_equal(ours, expected)
            assert ours.dtype == dtype


@settings(deadline=None, derandomize=True)
@given(a=matrices, divisor=st.sampled_from([0, 34]), threads=st.sampled_from(["1", "2"]))
@pytest.mark.parametrize("algorithm", LANES)
def test_panels_of_distances_run_backwards(algorithm, a, divisor, threads):
    with algorithm_chosen(algorithm), pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNTF_THREADS", threads)
        panels = compiled.distance_panels(flows_of(a), divisor)
        if panels is None:
            assert not a.any()
            return
        expected = naive_distances(a, a, divisor)[::-1, ::-1]
        row = 0
        for panel in panels:
            for values in panel:
                np.testing.assert_array_equal(values[: row + 1], expected[row, : row + 1])
                row += 1
        assert row == len(a)


def test_the_cost_model_takes_blocks_for_long_runs_and_lists_for_many_classes():
    rng = np.random.default_rng(0)

    def many(n_transitions, n_classes, n_flows):
        pairs = rng.integers(0, n_classes, (n_transitions, n_flows, 2))
        start = np.arange(n_transitions + 1) * n_flows
        before, after = pairs.reshape(-1, 2).T.astype(np.uint16)
        steps = np.arange(n_transitions)
        ones = np.ones(len(before), dtype=np.int32)
        return Flows(start, before, after, ones, steps, steps + 1, 10**6, n_classes)

    for flows, expected in ((many(1000, 10, 80), True), (many(100, 3000, 5000), False)):
        number = blocks.number_cells(flows, flows.n_classes)
        assert sharing._blocks_are_cheaper(flows, flows, number) == expected


def modules_after(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('numba' in sys.modules)"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.split()[-1] == "True"


@pytest.mark.process
@pytest.mark.parametrize(("seconds", "loads"), [([0.1], False), ([0.1, 0.1], False), ([0.3, 0.3], True), ([5], True)])
def test_numba_is_loaded_when_the_work_adds_up_to_its_price(seconds, loads):
    assert modules_after(f"from nntf_cli.kernels import engine\nfor s in {seconds}: engine(s)") == loads


def test_the_choice_can_be_overruled(monkeypatch):
    monkeypatch.setenv("NNTF_ENGINE", "numpy")
    assert choice.engine(1e9) is vectorized
    monkeypatch.setenv("NNTF_ENGINE", "numba")
    assert choice.engine(0.0) is compiled


def test_a_thread_may_have_to_work_alone(monkeypatch):
    monkeypatch.delenv("NNTF_THREADS", raising=False)
    several = threads.n_threads()
    with threads.one_thread():
        assert threads.n_threads() == 1
        with threads.one_thread():
            pass
        assert threads.n_threads() == 1
        monkeypatch.setenv("NNTF_THREADS", "3")
        assert threads.n_threads() == 3
    monkeypatch.delenv("NNTF_THREADS")
    assert threads.n_threads() == several
