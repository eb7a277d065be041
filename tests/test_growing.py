"""A run that is still going on is, after every snapshot, what it would be computed afresh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive
from nntf_cli.errors import InputError, ParameterError
from nntf_cli.fingerprint import distances, flows
from nntf_cli.growing import GrowingRun
from nntf_cli.kernels import newest, vectorized
from nntf_cli.labellog import open_log
from nntf_cli.model import Axes, Axis, Fingerprint
from nntf_cli.rqa import Settings, per_band


@settings(deadline=None, derandomize=True)
@given(
    labels=arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 20)), elements=st.integers(0, 4)),
    n_classes=st.sampled_from([5, 70_000]),
    missing=st.sampled_from([None, 4, -1]),
    in_table=st.booleans(),
    threads=st.sampled_from(["1", "2"]),
)
def test_distances_equal_the_naive_ones(labels, n_classes, missing, in_table, threads):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNTF_THREADS", threads)
        patch.setattr(newest, "_WORTH_THREADS", 0)
        patch.setattr(newest, "_LARGEST_TABLE", 2**22 if in_table else 0)
        run = GrowingRun(labels.shape[1], n_classes, missing=missing)
        given = np.where(labels == 4, -1, labels) if missing == -1 else labels
        rows = [run.append(step, row) for step, row in enumerate(given)]
    expected = naive.distances(naive.transitions(labels, 5, missing=None if missing is None else 4))
    np.testing.assert_array_equal(run.distances, np.reshape(expected, run.distances.shape))
    for i, row in enumerate(rows[1:]):
        np.testing.assert_array_equal(row, run.distances[i, : i + 1])


@pytest.mark.parametrize("bands", [Settings(), Settings(convention="standard", width="0.1")])
def test_flows_distances_and_lines_after_every_tenth_snapshot(bands):
    log = open_log(Path(__file__).parent.parent / "sample_logs" / "lenet_wd_0.h5")
    labels = np.concatenate([panel.labels for panel in log.split("train").labels.panels()])
    run = GrowingRun(labels.shape[1], log.n_classes, settings=bands)
    edges = [np.array(column) for column in zip(*((b.lo, b.hi, b.closed) for b in bands.bands), strict=True)]
    for i, (step, row) in enumerate(zip(log.step.tolist(), labels, strict=True)):
        run.append(step, row)
        if i % 10 == 9:
            afresh = flows(log.select(to_step=step), "train")
            for name in ("start", "from_class", "to_class", "count", "from_step", "to_step", "moved"):
                np.testing.assert_array_equal(getattr(run.flows, name), getattr(afresh, name))
            matrix = distances(afresh)
            np.testing.assert_array_equal(run.distances, matrix)
            windows = bands.theiler_windows(matrix.shape)
            for ours, theirs in zip(run.lines[:6], vectorized.band_lines(matrix, *edges, *windows)[:6], strict=True):
                np.testing.assert_array_equal(ours, theirs)
            axis = Axis()
            assert run.per_band() == per_band(Fingerprint(matrix, Axes(axis, axis)), replace(bands, permutations=0))


@pytest.mark.parametrize(
    ("step", "labels", "said"),
    [
        (2, [0, 1], "give 3 whole numbers"),
        (2, [0.0, 1.0, 1.0], "float64"),
        (2, [0, 1, 2], "label 2 of sample 2 is no class"),
        (2, [0, -1, 1], "label -1 of sample 1 is no class"),
        (1, [0, 1, 1], "step 1 does not come after step 1"),
        (1.5, [0, 1, 1], "step 1.5 is not a whole number"),
    ],
)
def test_what_does_not_fit_changes_nothing(step, labels, said):
    run = GrowingRun(3, 2)
    run.append(0, [0, 0, 0])
    run.append(1, [1, 0, 0])
    with pytest.raises(ParameterError, match=said):
        run.append(step, labels)
    run.append(2, [1, 1, 0])
    assert run.n_transitions == 2
    np.testing.assert_array_equal(run.flows.moved, [1, 1])


def test_before_the_second_snapshot_there_is_nothing_to_measure():
    run = GrowingRun(3, 2)
    assert run.append(0, [0, 0, 0]).shape == (0,)
    assert run.distances.shape == (0, 0)
    with pytest.raises(InputError, match="append two snapshots first"):
        run.per_band()
    with pytest.raises(InputError, match="append two snapshots first"):
        run.lines  # noqa: B018
    run.append(1, [1, 0, 0])[:] = 9
    assert run.distances == 0


def test_there_must_be_samples_and_classes():
    with pytest.raises(ParameterError, match="at least one"):
        GrowingRun(0, 2)
