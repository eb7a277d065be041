"""Lines counted while rows arrive: in whatever pieces, by however many threads, and of what has come so far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nntf_cli.errors import InputError
from nntf_cli.fingerprint import fingerprint
from nntf_cli.kernels import blocks, compiled, lines, sharing, vectorized
from nntf_cli.labellog import open_log
from nntf_cli.model import Axes, Axis, Band, Fingerprint
from nntf_cli.rqa import Settings, per_band, summarize

BANDS = [
    Settings(),
    Settings(convention="standard"),
    Settings(convention="standard", width="0.005"),
    Settings(band=Band(0.2, 0.2)),
    Settings(convention="standard", band=Band(0.1, 0.45)),
]


def edges_of(bands):
    return [np.array(column) for column in zip(*((b.lo, b.hi, b.closed) for b in bands.bands), strict=True)]


def assert_same_lines(ours, theirs):
    for name in set(ours._fields) - {"symmetric"}:  # not each looks at that
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@settings(deadline=None, derandomize=True)
@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(1, 14), st.integers(1, 14)),
        elements=st.sampled_from([0.0, 0.1, 0.2, 0.21, 0.4, 0.45, 0.7, 1.0]),
    ),
    symmetric=st.booleans(),
    bands=st.sampled_from(BANDS),
    windows=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    at_once=st.sampled_from([1, 30, 2**24]),
    threads=st.sampled_from(["1", "2", "3"]),
    cut=st.integers(1, 14),
)
def test_rows_may_arrive_in_any_number(values, symmetric, bands, windows, at_once, threads, cut):
    if symmetric:
        n = min(values.shape)
        values = np.maximum(values[:n, :n], values[:n, :n].T)
    edges, cut = edges_of(bands), min(cut, len(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNTF_THREADS", threads)
        patch.setattr(lines, "_PANEL_ENTRIES", at_once)
        patch.setattr(lines, "_WORTH_THREADS", 0)
        counter = compiled.LineCounter(None if symmetric else values.shape[1], *edges, *windows)
        counter.add(values[:cut])
        so_far = values[:cut, :cut] if symmetric else values[:cut]
        assert_same_lines(counter.lines(), vectorized.band_lines(so_far, *edges, *windows))
        counter.add(values[cut:])
        assert_same_lines(counter.lines(), vectorized.band_lines(values, *edges, *windows))


def test_of_a_symmetric_matrix_nothing_beyond_the_diagonal_is_looked_at():
    values = np.tril(np.random.default_rng(0).integers(0, 20, (9, 9)) / 20)
    edges = edges_of(Settings(convention="standard"))
    counter = compiled.LineCounter(None, *edges, 1, 0)
    counter.add(np.where(np.triu(np.ones((9, 9)), 1), np.nan, values))
    whole = values + np.tril(values, -1).T
    assert_same_lines(counter.lines(), vectorized.band_lines(whole, *edges, 1, 0))


@pytest.mark.parametrize("n", [1, 2, 9, 64, 65, 75])
@pytest.mark.parametrize("at_once", [300, 2**24])
def test_one_entry_decides_whether_a_matrix_is_symmetric(n, at_once, monkeypatch):
    monkeypatch.setattr(lines, "_PANEL_ENTRIES", at_once)
    monkeypatch.setattr(lines, "_WORTH_THREADS", 0)
    monkeypatch.setenv("NNTF_THREADS", "3")
    rng, edges = np.random.default_rng(n), edges_of(Settings())
    values = rng.integers(0, 21, (n, n)) / 20
    values = np.maximum(values, values.T)
    assert compiled.band_lines(values, *edges, 1, 0).symmetric
    assert_same_lines(compiled.band_lines(values, *edges, 1, 0), vectorized.band_lines(values, *edges, 1, 0))
    for _ in range(4):
        i, j = rng.integers(0, n, 2)
        wrong = values.copy()
        wrong[i, j] = (wrong[i, j] + 0.25) % 1
        ours = compiled.band_lines(wrong, *edges, 0, 0)
        assert ours.symmetric == (i == j)
        assert_same_lines(ours, vectorized.band_lines(wrong, *edges, 0, 0))


@pytest.mark.parametrize(
    ("lo", "hi", "n_bands"), [(0, 1, 20), (-1, 1, 100), (0, 3e-300, 7), (1e6, 1e6 + 1, 20), (-5, 1e9, 999)]
)
def test_at_the_edges_the_edges_decide(lo, hi, n_bands):
    edges = edges_of(Settings(convention="standard", width=f"1/{n_bands}", value_range=(lo, hi)))
    at = np.concatenate([edges[0], edges[1], [lo - (hi - lo), hi + 1e4 * (hi - lo)]])
    values = np.concatenate([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), at + (hi - lo) * 1e-11])[None]
    assert compiled.band_lines(values, *edges, 0, 0).outside
    assert_same_lines(compiled.band_lines(values, *edges, 0, 0), vectorized.band_lines(values, *edges, 0, 0))
    uneven = [np.array([0.0, 0.1, 0.7]), np.array([0.1, 0.6, 0.7]), np.array([True, False, True])]
    values = np.array([[-0.1, 0.0, 0.05, 0.1, 0.3, 0.6, 0.65, 0.7, 0.8]])
    assert_same_lines(compiled.band_lines(values, *uneven, 0, 0), vectorized.band_lines(values, *uneven, 0, 0))


@pytest.mark.parametrize("wrong", [np.nan, -np.inf, 1.0000000000000002, -5e-324])
def test_what_is_in_no_band_is_refused(kernels, wrong):
    values = np.zeros((3, 3))
    values[2, 1] = values[1, 2] = wrong
    matrix = Fingerprint(values, Axes(Axis(), Axis()), origin="D.npy")
    for measure in (per_band, summarize):
        with pytest.raises(InputError, match=r"D.npy: (the matrix holds nan or infinity|values run from)"):
            measure(matrix)


def test_lines_are_as_long_when_time_runs_backwards():
    rng = np.random.default_rng(1)
    values = np.round(rng.random((23, 23)) * 6) / 20
    values = np.maximum(values, values.T)
    edges = edges_of(Settings(convention="standard"))
    ours = compiled.lines_of_panels(iter([values[::-1, ::-1][:5], values[::-1, ::-1][5:]]), *edges, 2, 1)
    theirs = vectorized.band_lines(values, *edges, 2, 1)
    assert_same_lines(ours._replace(main=ours.main[:, ::-1]), theirs)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("normalize", ["flows", "samples"])
@pytest.mark.parametrize("permutations", [0, 9])
def test_measures_of_distances_that_are_not_stored_are_those_of_stored_ones(
    monkeypatch, engine, normalize, permutations
):
    monkeypatch.setenv("NNTF_ENGINE", engine)
    monkeypatch.setattr(blocks, "_WIDTH", 4)
    monkeypatch.setattr(sharing, "_blocks_are_cheaper", lambda *arguments: True)
    log = open_log(Path(__file__).parent.parent / "sample_logs" / "lenet_wd_0.h5")
    bands = Settings(convention="standard", permutations=permutations)
    stored, streamed = (fingerprint(log, "train", normalize=normalize, stored=kept) for kept in (True, False))
    assert not isinstance(streamed.matrix, np.ndarray)
    assert per_band(streamed, bands) == per_band(stored, bands)
    assert summarize(streamed, bands).lam == summarize(stored, bands).lam
    assert streamed.shape == stored.shape
    np.testing.assert_array_equal(streamed.distances, stored.distances)


def test_recurrence_is_not_decided_from_rounded_distances():
    axis = Axis()
    rounded = Fingerprint(np.zeros((3, 3), dtype=np.float32), Axes(axis, axis), origin="D.npy")
    with pytest.raises(InputError, match="D.npy: holds 32-bit values.*give the label log"):
        per_band(rounded)
