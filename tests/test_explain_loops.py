"""Loops: planted ones are found with their period and classes, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import naive_explain
import planted
from nntf_cli.errors import LimitError, ParameterError
from nntf_cli.explain import Circuit, Loop, Search, find_loops, steady_flows
from nntf_cli.explain import loops as module
from nntf_cli.explain.rounds import _circuits
from nntf_cli.fingerprint import fingerprint, flows
from nntf_cli.labellog import open_log
from test_fingerprint import log_of
from test_rqa import matrix

pytestmark = pytest.mark.usefixtures("kernels")

UNSHUFFLED = Search(permutations=0)


def loops_of(labels, facts, search=UNSHUFFLED):
    log = log_of(labels, facts["n_classes"], facts["missing"])
    counted = flows(log)
    return find_loops(fingerprint(log, counted=counted), search), counted


@pytest.mark.parametrize("period", [2, 3, 10])
@pytest.mark.parametrize("noise", [0, 6])
def test_a_planted_loop_is_found_where_it_is(period, noise):
    labels, facts = planted.looping(seed=1, period=period, n_classes=12, noise=noise)
    (loop,), counted = loops_of(labels, facts, Search(permutations=19))
    assert loop.period == period
    assert (loop.first, loop.last, loop.n_rounds) == (facts["first"], facts["last"], facts["n_rounds"])
    assert loop.distance <= noise / 20
    assert loop.between > 0.8
    assert loop.p_value == 0.05
    steady = steady_flows(counted, loop)
    assert steady.circuits[0] == Circuit(facts["circuit"], facts["n_per_move"])
    assert steady.share == pytest.approx(40 / (40 + noise), abs=0.05)
    assert steady.place[:period].tolist() == list(range(period))
    assert set(steady.count[:period].tolist()) == {40}


@pytest.mark.parametrize(("n_from_zero", "n_from_one"), [(30, 0), (30, 10)])
def test_samples_that_swap_classes_go_round_in_twos(n_from_zero, n_from_one):
    labels, facts = planted.two_cycle_loop(n_from_zero=n_from_zero, n_from_one=n_from_one)
    (loop,), counted = loops_of(labels, facts)
    assert loop == Loop(0, 18, 2, 0.0, facts["odd_distance"], None)
    assert loop.n_rounds == 9
    steady = steady_flows(counted, loop)
    assert steady.share == 1
    assert steady.circuits == (Circuit((0, 1), n_from_zero + n_from_one),)


def test_the_shortest_period_is_told_and_no_multiple_of_it():
    labels, facts = planted.p_cycle_loop(period=4, n_snapshots=60)
    (loop,), counted = loops_of(labels, facts)
    assert (loop.first, loop.last, loop.period) == (0, 58, 4)
    assert steady_flows(counted, loop).circuits == (Circuit((0, 1, 2, 3), 40),)


def test_a_move_that_two_places_of_a_round_share_does_not_shorten_it():
    step = np.array([0, 1, 0, 2] * 6)  # 0 -> 1 -> 0 -> 2: half of what is two apart is alike
    labels = np.stack([step] * 9, axis=1)
    (loop,), counted = loops_of(labels, {"n_classes": 3, "missing": 255})
    assert (loop.period, loop.n_rounds, loop.distance) == (4, 5, 0)
    assert steady_flows(counted, loop).circuits == (Circuit((0, 1), 9), Circuit((0, 2), 9))


def test_what_settles_or_stands_still_is_no_loop():
    for labels, facts in (planted.converged(), planted.frozen(), planted.collapse()):
        assert not loops_of(labels, facts)[0]
    labels, facts = planted.two_cycle_loop(n_from_zero=20, n_from_one=20)  # all transitions alike: period 1
    assert facts["odd_distance"] == 0
    assert not loops_of(labels, facts)[0]


def test_chance_gives_few_loops_and_says_so(monkeypatch):
    monkeypatch.setenv("NNTF_ENGINE", "numpy")  # the figures do not depend on it, the time without compilation does
    found = told = 0
    for seed in range(60):
        labels, facts = planted.random_walk(seed, n_snapshots=100, n_samples=300, flip_probability=0.1)
        loops, _ = loops_of(labels, facts, Search(permutations=19, seed=seed))
        found += bool(loops)
        told += any(loop.p_value <= module.LEVEL for loop in loops)
    assert found >= 3  # so the test tests something
    assert told <= 6  # 3 of 60 are to be expected


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    period=st.integers(2, 5),
    noise=st.sampled_from([0, 10, 60]),
    within=st.sampled_from([0.2, 0.5, 0.9]),
    margin=st.sampled_from([0.0, 0.25]),
    rounds=st.sampled_from([2, 3]),
)
def test_loops_equal_the_plain_loops(seed, period, noise, within, margin, rounds):
    labels, facts = planted.looping(seed, period, 4, 4, 4, n_samples=140, n_classes=5, n_per_move=20, noise=noise)
    labels[seed % 15 + 1] = labels[seed % 15]  # a quiet transition
    found, counted = loops_of(labels, facts, Search(within, margin, rounds, 0))
    D = naive.distances(naive.transitions(labels, 5))
    quiet = set(np.flatnonzero(counted.moved == 0).tolist())
    told = [(loop.first, loop.last, loop.period, loop.distance, loop.between) for loop in found]
    assert told == naive_explain.find_loops(D, quiet, within, margin, rounds)
    movers = [naive_explain.movers(labels[i], labels[i + 1]) for i in range(len(labels) - 1)]
    for loop in found:
        steady = steady_flows(counted, loop)
        rows, share = naive_explain.steady_flows(movers, loop.first, loop.last, loop.period)
        columns = (steady.place, steady.from_class, steady.to_class, steady.count)
        assert list(zip(*(column.tolist() for column in columns), strict=True)) == rows
        assert steady.share == share
        assert [tuple(circuit) for circuit in steady.circuits] == naive_explain.circuits(rows)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 4)), st.integers(1, 9), max_size=12))
def test_circuits_equal_those_found_by_trying_every_way(counts):
    flow = [(m, n, count) for (m, n), count in counts.items() if m != n]
    before, after, count = (np.array([row[k] for row in flow], dtype=np.int64) for k in range(3))
    expected = naive_explain.circuits([(0, *row) for row in flow])
    assert [tuple(circuit) for circuit in _circuits(before, after, count, 5)] == expected


def test_a_loop_reads_the_same_however_it_is_shuffled():
    labels, facts = planted.looping(seed=4)
    one, two = (loops_of(labels, facts, Search(permutations=30, seed=5))[0] for _ in range(2))
    assert one == two
    assert one[0].p_value == 1 / 31


def test_the_training_of_a_unit_repeats_every_ten_transitions():
    log = open_log("sample_logs/scenario_b_k50.h5")
    counted = flows(log)
    (loop,) = find_loops(fingerprint(log, counted=counted))
    assert (loop.period, loop.n_rounds, loop.p_value) == (10, 11, 0.005)
    (strict,) = find_loops(fingerprint(log, counted=counted), Search(within=0.01, permutations=0))
    assert (strict.first, strict.last, strict.period) == (12, 118, 10)
    assert steady_flows(counted, strict).circuits[0].classes == (0, 1)


def test_values_out_of_range_are_refused():
    for wrong in ({"within": 1.0}, {"within": -0.1}, {"margin": 1.0}, {"rounds": 1}):
        with pytest.raises(ParameterError):
            Search(**wrong)
    assert [Search().n_permutations(n) for n in (49, 500, 501, 2000, 2001)] == [199, 199, 99, 99, 39]


def test_no_transition_and_too_little_memory(monkeypatch):
    assert find_loops(matrix(np.zeros((0, 0)))) == []
    assert find_loops(matrix(np.zeros((1, 1)))) == []
    monkeypatch.setattr(module.memory, "available", lambda: 10)
    with pytest.raises(LimitError, match="5 x 5 matrix and its diagonals"):
        find_loops(matrix(np.zeros((5, 5))))
