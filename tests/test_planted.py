"""The planted logs hold what they say is planted, by the oracle's own measure."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import naive
import naive_samples
import planted

PLANTED = {
    "converged": planted.converged(),
    "converged at once": planted.converged(seed=1, n_snapshots=6, converged_at=0),
    "two-cycle loop": planted.two_cycle_loop(),
    "two-cycle loop, both ways": planted.two_cycle_loop(seed=1, n_from_zero=30, n_from_one=10),
    "two-cycle loop, balanced": planted.two_cycle_loop(seed=2, n_from_zero=15, n_from_one=15),
    "p-cycle loop": planted.p_cycle_loop(),
    "p-cycle loop of 2": planted.p_cycle_loop(seed=1, period=2),
    "frozen": planted.frozen(),
    "frozen, one class": planted.frozen(n_classes=1),
    "collapse": planted.collapse(),
    "dissolving": planted.dissolving(),
    "random walk": planted.random_walk(),
    "forgetting": planted.forgetting(),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_facts_hold(name):
    labels, facts = PLANTED[name]
    assert labels.shape == (facts["n_snapshots"], facts["n_samples"])
    assert labels.dtype == np.uint8
    assert labels.max() < facts["n_classes"] < facts["missing"] == 255
    deltas = naive.transitions(labels, facts["n_classes"])
    assert [naive.moved(delta) for delta in deltas] == facts["moved"]
    assert facts["quiet"] == [i for i, delta in enumerate(deltas) if naive.moved(delta) == 0]
    D = naive.distances(deltas)
    known = ~np.isnan(facts["distances"])
    assert known.diagonal().all()
    assert_array_equal(D[known], facts["distances"][known])
    assert_array_equal(D, D.T)


def test_planted_logs_follow_their_seed():
    for log in (
        planted.converged,
        planted.two_cycle_loop,
        planted.frozen,
        planted.collapse,
        planted.dissolving,
        planted.random_log,
    ):
        assert_array_equal(log(seed=7)[0], log(seed=7)[0])
        assert not np.array_equal(log(seed=7)[0], log(seed=8)[0])


def test_converged_log_stops_where_planted():
    labels, facts = PLANTED["converged"]
    assert facts["converged_at"] == 18
    assert facts["quiet"] == list(range(18, 29))
    assert (labels[18:] == labels[18]).all()
    assert (labels[17] != labels[18]).any()


def test_two_cycle_loop_is_a_checkerboard():
    for name, odd in (("two-cycle loop", 1.0), ("two-cycle loop, both ways", 0.5)):
        _, facts = PLANTED[name]
        assert facts["odd_distance"] == odd
        assert facts["distances"][:3, :3].tolist() == [[0, odd, 0], [odd, 0, odd], [0, odd, 0]]
    assert not PLANTED["two-cycle loop, balanced"][1]["distances"].any()


@pytest.mark.parametrize("name", ["p-cycle loop", "p-cycle loop of 2"])
def test_p_cycle_loop_has_the_planted_diagonals(name):
    labels, facts = PLANTED[name]
    D = naive.distances(naive.transitions(labels, facts["n_classes"]))
    lowest = naive.standard_recurrences(D)[0]
    lines = sorted(naive.diagonal_lines(lowest, main=False))
    assert lines == facts["diagonal_lengths"]
    assert set(naive.vertical_lines(lowest)) == {1}
    measures = naive.standard_measures(lowest)
    assert measures["l_max"] == facts["n_snapshots"] - 1 - facts["period"]
    assert measures["lam"] == 0.0


def test_frozen_log_recurs_everywhere():
    labels, facts = PLANTED["frozen"]
    lowest = naive.standard_recurrences(naive.distances(naive.transitions(labels, facts["n_classes"])))[0]
    measures = naive.standard_measures(lowest)
    assert (measures["rr"], measures["lam"], measures["v_max"]) == (1.0, 1.0, 14)
    assert measures["det"] == 1 - 2 / (14 * 13)  # the two corners are diagonals of one cell
    assert naive.paper_lam(lowest) == 1.0


def test_collapse_empties_the_class():
    labels, facts = PLANTED["collapse"]
    assert facts["batches"] == [12, 12, 12, 12, 2]
    assert facts["emptied_at"] == 11
    counts = (labels == facts["source"]).sum(axis=1)
    assert counts[:12].tolist() == [50, 50, 50, 50, 50, 50, 50, 38, 26, 14, 2, 0]
    assert not counts[11:].any()
    assert (labels[-1] == facts["target"]).sum() == 100
    with pytest.raises(ValueError, match="too few snapshots"):
        planted.collapse(n_snapshots=8)


def test_forgetting_is_what_toneva_counts():
    labels, facts = planted.forgetting(seed=2)
    correct = (labels == facts["true"]).T.astype(int).tolist()
    counted = [naive_samples.toneva(one) for one in correct]
    assert counted == np.where(facts["learned_at"] < 0, np.inf, facts["forgotten"]).tolist()


def test_random_walk_has_a_level_and_no_structure():
    labels, facts = PLANTED["random walk"]
    D = naive.distances(naive.transitions(labels, facts["n_classes"]))
    off = D[np.triu_indices(len(D), 1)]
    assert facts["mean_flow"] == 50.0
    assert off.mean() == pytest.approx(facts["expected_distance"], rel=0.1)
    assert off.max() < 2 * off.mean()
    # Neighbouring transitions are no closer than distant ones.
    assert D.diagonal(1).mean() == pytest.approx(off.mean(), rel=0.1)


@pytest.mark.parametrize(
    ("n_classes", "dtype"),
    [(1, np.uint8), (255, np.uint8), (256, np.uint16), (65535, np.uint16), (65536, np.uint32)],
)
def test_label_dtype_leaves_its_largest_value_free(n_classes, dtype):
    assert planted.label_dtype(n_classes) == dtype


def test_random_log_with_missing_labels():
    labels, facts = planted.random_log(3, 12, 50, 4, missing_fraction=0.2)
    assert facts["missing"] == 255
    assert (labels == 255).sum() == facts["n_missing"] > 0
    deltas = naive.transitions(labels, 4, missing=255)
    for i, delta in enumerate(deltas):
        assert delta.sum() == ((labels[i] != 255) & (labels[i + 1] != 255)).sum()
    # Between neighbouring snapshots, who moved is who differs.
    assert_array_equal(naive.hamming(labels, 255).diagonal(1), [naive.moved(delta) for delta in deltas])


def test_random_log_has_quiet_and_full_transitions():
    labels, facts = planted.random_log(1, 60, 200, 5)
    moved = [naive.moved(delta) for delta in naive.transitions(labels, 5)]
    assert facts["n_missing"] == 0
    assert min(moved) == 0
    assert max(moved) > 130
