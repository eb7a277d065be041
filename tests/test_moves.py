"""Moves between snapshots are counted alike by every algorithm, and as plain loops count them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nntf_cli.kernels import changes, compiled, vectorized
from nntf_cli.kernels._jit import jit
from nntf_cli.model import NO_MISSING

labels = st.tuples(st.sampled_from([np.uint8, np.uint16, np.uint32]), st.integers(2, 5), st.integers(1, 200)).flatmap(
    lambda a: arrays(a[0], a[1:], elements=st.integers(0, 6), fill=st.just(a[0](3)))
)


def naive_moves(rows, missing):
    """Loop over snapshots and samples."""
    sizes, flows = [], []
    for before, after in zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True):
        counts = {}
        for a, b in zip(before, after, strict=True):
            if a != b and missing not in (a, b):
                counts[a, b] = counts.get((a, b), 0) + 1
        sizes.append(len(counts))
        flows += [(a, b, counts[a, b]) for a, b in sorted(counts)]
    return sizes, *np.array(flows, dtype=np.int64).reshape(-1, 3).T


def assert_counted(rows, missing, width):
    expected = naive_moves(rows, missing)
    for module in (compiled, vectorized):
        found = module.count_moves(rows[0], rows[1:], missing, width)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert [column.dtype for column in found] == [np.int64, rows.dtype, rows.dtype, np.int32]


@settings(deadline=None, derandomize=True)
@given(rows=labels, missing=st.sampled_from([NO_MISSING, 6, 2]), width=st.sampled_from([7, 130, 600, 5000, 70_000]))
def test_moves(rows, missing, width):
    if width == 7 and missing == 6:
        width = 6
    assert_counted(rows, missing, width)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("n", [64, 4095, 4096, 4097, 9000])
def test_moves_of_several_tiles(dtype, share, n):
    rng = np.random.default_rng(n)
    top = np.iinfo(dtype).max
    n_classes = min(250, top)
    rows = rng.integers(0, n_classes, (1, n)) + np.cumsum(rng.random((4, n)) < share, axis=0)
    rows = (rows % n_classes).astype(dtype)
    assert_counted(rows, NO_MISSING, n_classes)
    rows[rng.random(rows.shape) < 0.1] = top
    assert_counted(rows, int(top), n_classes)


@pytest.mark.parametrize("width", [2, 15, 16, 127, 128, 255, 256, 4095, 4096, 65_535, 65_536, 2**32 - 1])
def test_moves_of_the_largest_labels(width):
    dtype = np.uint16 if width <= 2**16 else np.uint32
    rows = np.array([[0, width - 1, width - 1, 0], [width - 1, 0, width - 1, width - 1]], dtype=dtype)
    assert_counted(rows, NO_MISSING, width)


@pytest.mark.parametrize("module", [compiled, vectorized])
def test_moves_in_several_threads(module, monkeypatch):
    rows = np.random.default_rng(5).integers(0, 9, (40, 300)).astype(np.uint8)
    alone = [module.count_moves(rows[0], rows[1:], NO_MISSING, width) for width in (9, 1000, 9000)]
    for where in ("moves", "vectorized"):
        monkeypatch.setattr(f"nntf_cli.kernels.{where}._WORTH_THREADS", 1)
    monkeypatch.setenv("NNTF_THREADS", "3")
    for width, expected in zip((9, 1000, 9000), alone, strict=True):
        for a, b in zip(module.count_moves(rows[0], rows[1:], NO_MISSING, width), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@settings(deadline=None, derandomize=True)
@given(rows=labels, missing=st.sampled_from([NO_MISSING, 6, 2]))
def test_stays(rows, missing):
    for module in (compiled, vectorized):
        stayed = module.count_stays(*rows[:2], missing, 7)
        expected = [sum(a == b == c != missing for a, b in rows[:2].T.tolist()) for c in range(7)]
        np.testing.assert_array_equal(stayed, expected)


@settings(deadline=None, derandomize=True)
@given(differs=arrays(bool, st.integers(0, 300)))
def test_changes_are_listed(differs):
    @jit
    def listed(before, after, masks, places):
        n = changes.find_changes(before, after, masks)
        changes.list_changes(masks, len(before), places)
        return n

    masks, places = np.zeros(changes.TILE // changes.BLOCK, np.uint64), np.zeros(changes.ROOM, np.uint16)
    before = np.arange(len(differs)).astype(np.uint16)
    n = listed(before, before ^ differs, masks, places)
    np.testing.assert_array_equal(places[:n], np.flatnonzero(differs))
