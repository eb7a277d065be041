"""One transition or two taken apart: equal to plain loops, and adding up to the fingerprint exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_explain
import planted
from nntf_cli import explain as room
from nntf_cli.errors import InputError, LimitError, ParameterError
from nntf_cli.explain import explain_one, explain_pair, read_moves, transition_at
from nntf_cli.explain.pair import IN_BOTH
from nntf_cli.fingerprint import fingerprint
from nntf_cli.model import NO_MISSING
from test_fingerprint import MemoryLabels, log_of

pytestmark = pytest.mark.usefixtures("kernels")


@st.composite
def spots(draw):
    """A log with missing labels, and two of its transitions."""
    n_classes = draw(st.sampled_from([2, 4, 300]))
    labels, facts = planted.random_log(
        seed=draw(st.integers(0, 2**32 - 1)),
        n_snapshots=draw(st.integers(2, 6)),
        n_samples=draw(st.integers(1, 40)),
        n_classes=n_classes,
        missing_fraction=draw(st.sampled_from([0.0, 0.2])),
    )
    i, j = (draw(st.integers(0, len(labels) - 2)) for _ in "ij")
    return labels, facts["missing"], n_classes, i, j


def pair_of(labels, missing, n_classes, i, j, normalize="flows", **panels):
    log = log_of(labels, n_classes, missing, **panels)
    return log, explain_pair(*read_moves(log, None, [i, j]), normalize)


def rows_of(pair):
    columns = (*pair.classes, pair.count_i, pair.count_j, pair.common, pair.same_samples, pair.difference)
    return [tuple(row) for row in np.stack(columns, axis=1).tolist()]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(case=spots(), normalize=st.sampled_from(["flows", "samples", "none"]))
def test_the_flows_of_a_distance_equal_the_plain_loops_and_add_up(case, normalize):
    labels, missing, _, i, j = case
    log, pair = pair_of(*case, normalize, columns=7)
    expected = naive_explain.explain_pair(*((labels[k], labels[k + 1], missing) for k in (i, j)))
    assert rows_of(pair) == expected
    assert pair.numerator == sum(row[6] for row in expected)
    exact = naive_explain.distance(expected, labels.shape[1], normalize)
    assert pair.numerator == exact * pair.denominator
    assert pair.distance == exact.numerator / exact.denominator
    assert pair.distance == fingerprint(log, normalize=normalize).distances[i, j]


@settings(deadline=None, derandomize=True, max_examples=25)
@given(case=spots(), data=st.data())
def test_the_samples_behind_flows_equal_the_plain_loops(case, data):
    labels, missing, _, i, j = case
    _, pair = pair_of(*case)
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, max(0, pair.n_flows - 1))))), dtype=np.int64)
    chosen = chosen[chosen < pair.n_flows]
    behind = pair.samples(chosen)
    before, after = (classes[behind.flow] for classes in pair.classes)
    found = [
        (s, m, n, ("both", "I", "J")[w])
        for s, m, n, w in zip(behind.sample.tolist(), before.tolist(), after.tolist(), behind.where, strict=True)
    ]
    flows = [tuple(int(classes[k]) for classes in pair.classes) for k in chosen]
    both = ((labels[k], labels[k + 1], missing) for k in (i, j))
    assert found == naive_explain.samples_behind(*both, flows)
    everything = pair.samples(np.arange(pair.n_flows))
    assert len(everything.sample) == pair.i.moved + pair.j.moved - int(pair.same_samples.sum())


@settings(deadline=None, derandomize=True, max_examples=20)
@given(case=spots())
def test_one_transition_equals_the_plain_loops(case):
    labels, missing, n_classes, i, _ = case
    (moves,) = read_moves(log_of(labels, n_classes, missing, rows=2, columns=5), None, [i])
    single = explain_one(moves)
    rows = list(zip(*(column.tolist() for column in (*single.classes, single.count)), strict=True))
    assert rows == naive_explain.explain_one(labels[i], labels[i + 1], missing)
    assert int(single.count.sum()) == moves.moved == len(single.samples(np.arange(single.n_flows)).sample)


@settings(deadline=None, derandomize=True, max_examples=10)
@given(case=spots(), seed=st.integers(0, 99))
def test_the_order_of_samples_does_not_matter(case, seed):
    labels, missing, n_classes, i, j = case
    order = np.random.default_rng(seed).permutation(labels.shape[1])
    _, pair = pair_of(*case)
    _, other = pair_of(labels[:, order], missing, n_classes, i, j)
    assert rows_of(pair) == rows_of(other)


def test_swapping_the_transitions_swaps_the_counts():
    labels, facts = planted.random_log(seed=3)
    _, pair = pair_of(labels, facts["missing"], 5, 2, 7)
    _, other = pair_of(labels, facts["missing"], 5, 7, 2)
    assert [(m, n, b, a, *rest) for m, n, a, b, *rest in rows_of(pair)] == rows_of(other)
    assert pair.distance == other.distance


def test_a_planted_distance():
    labels, facts = planted.two_cycle_loop(n_from_zero=30, n_from_one=10)
    _, pair = pair_of(labels, facts["missing"], 4, 0, 1)
    assert rows_of(pair) == [(0, 1, 30, 10, 10, 0, 20), (1, 0, 10, 30, 10, 0, 20)]
    assert (pair.numerator, pair.denominator, pair.distance) == (40, 80, facts["odd_distance"])
    _, same = pair_of(labels, facts["missing"], 4, 0, 2)
    assert same.distance == 0
    assert same.same_samples.tolist() == [30, 10]
    assert set(same.samples(np.array([1])).where.tolist()) == {IN_BOTH}


def test_quiet_transitions_have_no_flows():
    labels, facts = planted.frozen()
    _, pair = pair_of(labels, facts["missing"], 3, 0, 5)
    assert (pair.n_flows, pair.numerator, pair.denominator, pair.distance) == (0, 0, 0, 0.0)
    assert len(pair.samples(np.arange(0)).sample) == 0
    labels, facts = planted.converged()
    _, pair = pair_of(labels, facts["missing"], 5, 0, facts["converged_at"])
    assert pair.distance == 1
    assert pair.common.sum() == 0


def test_large_labels_keep_apart():
    labels = np.array([[0, 70_000, 1, 1], [70_000, 0, 2**31, 1]], dtype=np.uint32)
    (moves,) = read_moves(log_of(labels, missing=NO_MISSING), None, [0])
    single = explain_one(moves)
    assert [column.tolist() for column in single.classes] == [[0, 1, 70_000], [70_000, 2**31, 0]]


def test_transitions_are_found_by_the_step_they_arrive_at():
    log = log_of(np.zeros((4, 2), dtype=np.uint8), step=np.array([0, 10, 15, 40]))
    assert [transition_at(log, step) for step in (10, 15, 40)] == [0, 1, 2]
    assert transition_at(log, 2, by_index=True) == 2
    nearest = {12: "10 and 15", -4: "nearest: 10", 99: "nearest: 40", 0: "first one arrives at step 10"}
    for wanted, said in nearest.items():
        with pytest.raises(ParameterError, match=said):
            transition_at(log, wanted)
    with pytest.raises(ParameterError, match="numbered 0 to 2"):
        transition_at(log, 3, by_index=True)
    with pytest.raises(InputError, match="has 1 snapshot"):
        transition_at(log_of(np.zeros((1, 2), dtype=np.uint8)), 0)


def test_all_labels_are_validated_and_few_are_kept(monkeypatch):
    seen = []

    class Watched(MemoryLabels):
        def _panel(self, row, column, part):
            seen.append(part.size)
            return super()._panel(row, column, part)

    log = log_of(np.zeros((9, 8), dtype=np.uint8))
    split = dataclasses.replace(log.split(), labels=Watched(np.zeros((9, 8), dtype=np.uint8), columns=3))
    log = dataclasses.replace(log, splits={"train": split})
    first, second = read_moves(log, None, [0, 7])
    assert sum(seen) == 9 * 8
    assert first.before.shape == second.after.shape == (8,)
    monkeypatch.setattr(room.reading.memory, "available", lambda: 10)
    with pytest.raises(LimitError, match="comparing snapshots needs"):
        read_moves(log, None, [0])
