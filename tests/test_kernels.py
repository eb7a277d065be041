"""Both implementations of the kernels give the same arrays, and the cheaper one is taken."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive
from nntf_cli.kernels import choice, compiled, sharing, threads, vectorized
from nntf_cli.model import NO_MISSING, Band, Flows
from nntf_cli.rqa import Settings


@settings(deadline=None, derandomize=True)
@given(
    rows=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 30)), elements=st.integers(0, 4)),
    missing=st.sampled_from([NO_MISSING, 4]),
)
def test_tabulated_transitions(rows, missing):
    expected = naive.transitions(rows, 5, missing=missing)
    for module in (compiled, vectorized):
        np.testing.assert_array_equal(module.tabulate(rows, missing, 5), expected)


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

labels = st.sampled_from([np.uint8, np.uint16, np.uint32]).flatmap(
    lambda dtype: arrays(dtype, st.tuples(st.just(2), st.integers(1, 50)), elements=st.integers(0, 6))
)


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


@settings(deadline=None, derandomize=True)
@given(rows=labels, missing=st.sampled_from([NO_MISSING, 6, 2]), width=st.sampled_from([7, 600, 5000]))
def test_moves_and_stays(rows, missing, width):
    assert_same(*(module.count_moves(*rows, missing, width) for module in (compiled, vectorized)))
    assert_same(*([module.count_stays(*rows, missing, width)] for module in (compiled, vectorized)))


@settings(deadline=None, derandomize=True)
@given(
    values=arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from(GRID)),
    mirror=st.booleans(),
    bands=st.sampled_from([
        Settings(), Settings(width="0.1"), Settings(width="0.01"), Settings(convention="standard"),
        Settings(convention="standard", width="1/3"), Settings(convention="standard", width="0.005"),
        Settings(value_range=(-0.5, 0.5)), Settings(band=Band(0.1, 0.15)), Settings(band=Band(0.2, 0.2)),
    ]),
)  # fmt: skip
def test_lines_in_bands(values, mirror, bands):
    if mirror and values.shape[0] == values.shape[1]:
        values = np.maximum(values, values.T)
    edges = [np.array(column) for column in zip(*((b.lo, b.hi, b.closed) for b in bands.bands), strict=True)]
    assert_same(*(module.band_lines(values, *edges) for module in (compiled, vectorized)))
    diagonal, vertical = vectorized.band_lines(values, *edges)
    for k, band in enumerate(bands.bands):
        recurrence = band.holds(values)
        expected = [naive.diagonal_lines(recurrence), naive.vertical_lines(recurrence)]
        for counts, lengths in zip((diagonal[k], vertical[k]), expected, strict=True):
            np.testing.assert_array_equal(counts[1:], np.bincount(lengths, minlength=len(counts))[1:])


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


matrices = arrays(np.int64, st.tuples(st.integers(1, 8), st.just(6)), elements=st.sampled_from([0, 0, 1, 3, 70_000]))


@settings(deadline=None, derandomize=True)
@given(a=matrices, b=matrices)
@pytest.mark.parametrize("algorithm", ["numpy", "lists", "blocks"])
def test_shared_moves(algorithm, a, b):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "_blocks_are_cheaper", lambda *arguments: algorithm == "blocks")
        patch.setattr(sharing, "_RANGE", 3)
        patch.setattr(sharing, "_WIDTH", 4)
        shared_moves = (vectorized if algorithm == "numpy" else sharing).shared_moves
        np.testing.assert_array_equal(shared_moves(flows_of(a), flows_of(b)), naive_shared(a, b))
        np.testing.assert_array_equal(np.tril(shared_moves(flows_of(a), None)), np.tril(naive_shared(a, a)))


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
        number = sharing._number_cells(flows, flows.n_classes)
        assert sharing._blocks_are_cheaper(flows, flows, True, number) == expected


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
