"""Differences: exact, antisymmetric, and only between what can be compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive
from nntf_cli.diff import difference, exceeds, summarize_difference
from nntf_cli.errors import MismatchError
from nntf_cli.model import Axes, Axis, Fingerprint


def matrix(values, metric="flows", normalize="flows", **axis):
    rows = Axis(**axis)
    return Fingerprint(np.asarray(values, dtype=float), Axes(rows, rows), metric, normalize)


unit = st.floats(0, 1, allow_nan=False)


@settings(deadline=None, derandomize=True)
@given(pair=arrays(np.float64, (2, 4, 4), elements=unit))
def test_difference_is_exact_and_antisymmetric(pair):
    a, b = matrix(pair[0]), matrix(pair[1])
    result = difference(a, b).difference
    np.testing.assert_array_equal(result, naive.difference(pair[0], pair[1]))
    np.testing.assert_array_equal(result, -difference(b, a).difference)
    assert np.abs(result).max() <= 1


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (matrix(np.zeros((2, 2))), matrix(np.zeros((3, 3))), "have 2 x 2 and 3 x 3 distances"),
        (matrix([[0]]), matrix([[0]], metric="hamming"), "different metrics: flows and hamming"),
        (matrix([[0]]), matrix([[0]], normalize="none"), "different normalizations: flows and none"),
        (
            matrix(np.zeros((2, 2)), to_step=np.array([10, 20])),
            matrix(np.zeros((2, 2)), to_step=np.array([10, 30])),
            "transition 1 leads to step 20 in one and 30 in the other",
        ),
        (
            matrix([[0]], from_step=np.array([0]), to_step=np.array([10])),
            matrix([[0]], from_step=np.array([5]), to_step=np.array([10])),
            "transition 0 leads from step 0 in one and 5 in the other",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_differs(a, b, message):
    with pytest.raises(MismatchError, match=message):
        difference(a, b)


def test_a_bare_matrix_is_compared_by_shape_alone():
    bare = matrix([[0.5]], metric=None, normalize=None)
    known = matrix([[0.25]], to_step=np.array([10]))
    result = difference(bare, known)
    assert result.difference.tolist() == [[0.25]]
    assert (result.metric, result.normalize) == ("flows", "flows")


def test_summary_names_the_places_of_the_extremes():
    steps = np.array([10, 20, 30])
    a = matrix([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]], to_step=steps)
    b = matrix([[0, 0, 0], [0, 0, 0.75], [0, 0.75, 0]], to_step=steps)
    summary = summarize_difference(difference(a, b))
    assert (summary.largest, summary.largest_at) == (0.5, (10, 20))
    assert (summary.smallest, summary.smallest_at) == (-0.75, (20, 30))
    assert summary.mean == pytest.approx(-0.5 / 9)
    assert summary.mean_absolute == pytest.approx(2.5 / 9)


def test_tolerance_is_inclusive_and_nan_exceeds_any():
    result = difference(matrix([[0.5]]), matrix([[0.25]]))
    assert exceeds(result, 0.2)
    assert not exceeds(result, 0.25)
    assert exceeds(difference(matrix([[np.nan]]), matrix([[0.0]])), 1.0)
