"""Counts, measures, clusters and confusions of classes equal plain loops, and what was planted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import naive_classes
import planted
from nntf_cli import memory
from nntf_cli.classes import MEASURES, ORDERS, cluster_classes, confusion, order_classes, tally
from nntf_cli.errors import InputError, LimitError
from nntf_cli.labellog import open_log, write_log
from nntf_cli.model import NO_MISSING, LabelLog, Panel, Split


class Labels:
    """Labels in memory, delivered in panels of some rows and columns."""

    def __init__(self, labels, missing=NO_MISSING, rows=3, columns=7):
        self.n_snapshots, self.n_samples = labels.shape
        self.missing, self._labels, self._rows, self._columns = missing, labels, rows, columns

    def panels(self):
        for column in range(0, self.n_samples, self._columns):
            for row in range(0, self.n_snapshots, self._rows):
                part = np.ascontiguousarray(self._labels[row : row + self._rows, column : column + self._columns])
                known = part[part != self.missing]
                yield Panel(row, column, part, int(known.max(initial=0)) + 1)

    def n_classes(self):
        return int(self._labels[self._labels != self.missing].max(initial=0)) + 1


def log_of(labels, true=None, missing=NO_MISSING, declared=None, **shape):
    split = Split("train", Labels(labels, missing, **shape), None if true is None else np.asarray(true, dtype=np.int64))
    return LabelLog("log", "log", "memory", np.arange(len(labels)) * 10, {"train": split}, declared_classes=declared)


def rows_of(counted):
    """Return what a tally says, in the form of the naive one."""
    rows = []
    measured = {name: counted.measure(name) for name in MEASURES if counted.n_true is not None or name in ("share",)}
    for c in range(counted.n_classes):
        for t in range(counted.n_snapshots):
            row = {"class": c, "snapshot": t}
            for name in ("n_true", "n_predicted", "n_correct"):
                counts = getattr(counted, name)
                row[name] = None if counts is None else int(counts[t, c])
            for name in ("inflow", "outflow"):
                row[name] = int(getattr(counted, name)[t, c]) if t else None
            for name in ("share", "error", "precision"):
                value = measured.get(name)
                row[name] = None if value is None or np.isnan(value[c, t]) else float(value[c, t])
            rows.append(row)
    return rows


@settings(deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1), shape=st.tuples(st.integers(1, 8), st.integers(1, 30)), n_classes=st.integers(1, 6),
    missing_fraction=st.sampled_from([0.0, 0.3, 1.0]), knows=st.booleans(), rows=st.integers(1, 9),
)  # fmt: skip
def test_a_tally_equals_plain_loops(kernels, seed, shape, n_classes, missing_fraction, knows, rows):
    labels, facts = planted.random_log(seed, *shape, n_classes, missing_fraction)
    true = np.random.default_rng(seed).integers(0, n_classes, shape[1]) if knows else None
    counted = tally(log_of(labels, true, facts["missing"], n_classes, rows=rows))
    assert rows_of(counted) == naive_classes.measures(labels, n_classes, facts["missing"], true)
    if knows:
        errors = [None if np.isnan(error) else error for error in counted.overall_error().tolist()]
        assert errors == naive_classes.overall_error(labels, facts["missing"], true)


@pytest.mark.parametrize(("dtype", "n_classes"), [("u1", 200), ("u2", 300), ("u4", 70_000)])
def test_a_tally_of_many_samples_and_classes(kernels, dtype, n_classes):
    """More labels than are looked at at a time, and classes that are met late."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, n_classes // 2, (4, 9_000)).astype(dtype)
    labels[2:, ::5] = rng.integers(0, n_classes, (2, 1_800))
    true = rng.integers(0, n_classes, 9_000)
    counted = tally(log_of(labels, true, rows=2, columns=5_000))
    last = int(max(labels.max(), true.max()))
    assert counted.n_classes == last + 1
    for t in range(4):
        predicted = np.bincount(labels[t], minlength=last + 1)
        right = np.bincount(true[labels[t] == true], minlength=last + 1)
        np.testing.assert_array_equal(counted.n_predicted[t], predicted)
        np.testing.assert_array_equal(counted.n_correct[t], right)
        np.testing.assert_array_equal(counted.n_true[t], np.bincount(true, minlength=last + 1))
        moved = labels[t] != labels[t - 1] if t else np.zeros(9_000, dtype=bool)
        np.testing.assert_array_equal(counted.inflow[t], np.bincount(labels[t][moved], minlength=last + 1))
        before = labels[t - 1][moved]
        np.testing.assert_array_equal(counted.outflow[t], np.bincount(before, minlength=last + 1))


def test_a_class_that_dissolves_shows(kernels):
    labels, facts = planted.dissolving()
    counted = tally(log_of(labels, facts["true"]))
    for name in ("n_correct", "n_predicted", "inflow", "outflow"):
        np.testing.assert_array_equal(getattr(counted, name), facts[name])
    error = counted.measure("error")
    np.testing.assert_array_equal(error.T, facts["error"])
    source = error[facts["source"]]
    assert source[facts["start"]] == 0
    assert (np.diff(source[facts["start"] : facts["emptied_at"] + 1]) > 0).all()
    assert (source[facts["emptied_at"] :] == 1).all()
    assert counted.n_predicted[facts["emptied_at"], facts["source"]] == counted.n_predicted[-1, facts["source"]] == 0


@pytest.mark.parametrize("n_snapshots", [1, 6])
def test_what_flows_in_and_out_explains_the_sizes(kernels, n_snapshots):
    labels, _ = planted.random_log(5, n_snapshots, 80, 5)
    counted = tally(log_of(labels, declared=7))
    assert counted.n_classes == 7
    assert (counted.n_predicted.sum(axis=1) == 80).all()
    np.testing.assert_array_equal(np.diff(counted.n_predicted, axis=0), (counted.inflow - counted.outflow)[1:])
    np.testing.assert_array_equal(counted.inflow.sum(axis=1), counted.outflow.sum(axis=1))
    assert np.isnan(counted.measure("inflow")[:, 0]).all()


def test_the_order_of_samples_does_not_matter(kernels):
    labels, facts = planted.dissolving()
    order = np.random.default_rng(3).permutation(labels.shape[1])
    one, other = (tally(log_of(x, y)) for x, y in ((labels, facts["true"]), (labels[:, order], facts["true"][order])))
    for name in ("n_true", "n_correct", "n_predicted", "inflow", "outflow"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_table_that_does_not_fit_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2.0**20)
    labels = np.zeros((4, 3), dtype=np.uint8)
    with pytest.raises(LimitError, match="counting 10,000,000 classes at 4 snapshots needs"):
        tally(log_of(labels, declared=10_000_000))


# Clusters and orders


def test_classes_that_evolve_alike_are_one_cluster():
    _, facts = planted.dissolving()
    error = np.array(facts["error"]).T
    clusters = cluster_classes(error, 3)
    easy = [c for c in facts["easy"] if c != facts["source"]]
    assert set(clusters[easy]) == {0}
    assert len(set(clusters[facts["hard"]])) == 1
    assert len({clusters[easy[0]], clusters[facts["hard"][0]], clusters[facts["source"]]}) == 3
    means = [error[clusters == g].mean() for g in range(3)]
    assert means == sorted(means)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_single_class_would_do_better_in_another_cluster(seed):
    """Nor is any split of them at random better: what k-means is for."""
    error = np.random.default_rng(seed).random((30, 8))
    clusters = cluster_classes(error, 4, seed)
    np.testing.assert_array_equal(clusters, cluster_classes(error, 4, seed))
    least = naive_classes.spread(error.tolist(), clusters.tolist())
    rng = np.random.default_rng(seed)
    for _ in range(50):
        assert naive_classes.spread(error.tolist(), rng.permutation(clusters).tolist()) >= least
    centres = np.array([error[clusters == g].mean(axis=0) for g in range(4)])
    nearest = ((error[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, clusters)


@pytest.mark.parametrize("seed", range(4))
def test_clusters_of_few_classes_are_the_best_of_all(seed):
    """Every way to put 8 classes into 3 clusters is tried: no seed gets stuck in a worse one."""
    error = np.random.default_rng(5).random((8, 6))
    ways = itertools.product(range(3), repeat=7)
    least = min(naive_classes.spread(error.tolist(), [0, *way]) for way in ways)
    clusters = cluster_classes(error, 3, seed).tolist()
    assert naive_classes.spread(error.tolist(), clusters) == pytest.approx(least, rel=1e-12)


def test_clusters_of_what_has_gaps_or_is_all_alike():
    error = np.full((6, 4), 0.25)
    error[1:3] = 0.75
    error[2, 1] = np.nan
    error[4] = np.nan
    assert cluster_classes(error, 4).tolist() == [0, 1, 1, 0, -1, 0]
    assert cluster_classes(error, 1).tolist() == [0, 0, 0, 0, -1, 0]
    assert cluster_classes(np.full((3, 4), np.nan)).tolist() == [-1, -1, -1]
    assert cluster_classes(np.zeros((0, 4))).tolist() == []


def test_orders():
    error = np.array([[0.5, 0.5], [0.1, 0.9], [np.nan, np.nan], [0.2, 0.0], [0.6, 0.6]])
    clusters = np.array([1, 1, -1, 0, 1])
    names = ["b10", "b9", "a", "C", "b9"]
    given = {"error": error, "shown": error, "clusters": clusters, "names": names}
    orders = {by: order_classes(by, 5, **given).tolist() for by in ORDERS}
    assert orders == {
        "error": [3, 0, 1, 4, 2],
        "cluster": [3, 0, 1, 4, 2],
        "name": [2, 1, 4, 0, 3],
        "change": [1, 3, 0, 2, 4],
    }
    assert order_classes("name", 3).tolist() == [0, 1, 2]


# Confusion


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1), n_classes=st.integers(1, 6), missing_fraction=st.sampled_from([0.0, 0.3, 1.0]),
    rows=st.sampled_from([[0], [4], [1, 3], [0, 5]]), columns=st.integers(1, 40),
)  # fmt: skip
def test_confusions_equal_plain_loops(seed, n_classes, missing_fraction, rows, columns):
    labels, facts = planted.random_log(seed, 6, 30, n_classes, missing_fraction)
    true = np.random.default_rng(seed).integers(0, n_classes, 30)
    found = confusion(log_of(labels, true, facts["missing"], n_classes, columns=columns), rows)
    expected = naive_classes.confusion_table(labels, rows, facts["missing"], true)
    assert list(zip(found.true.tolist(), found.predicted.tolist(), found.n.T.tolist(), strict=True)) == expected
    assert found.step.tolist() == [10 * row for row in rows]
    n_true = [[int((true[labels[row] != facts["missing"]] == c).sum()) for c in range(n_classes)] for row in rows]
    assert found.n_true.tolist() == n_true
    shares = [[n / n_true[i][own] if n_true[i][own] else None for own, _, counts in expected for n in counts[i : i + 1]]
              for i in range(len(rows))]  # fmt: skip
    assert [[None if np.isnan(share) else share for share in row] for row in found.share.tolist()] == shares


def test_the_class_that_dissolves_is_what_changed_most():
    labels, facts = planted.dissolving()
    found = confusion(log_of(labels, facts["true"]), [facts["start"], facts["emptied_at"]])
    assert (found.true[0], found.predicted[0]) == (facts["source"], facts["target"])
    assert found.n[:, 0].tolist() == [0, 40]
    assert found.change[0] == 40
    assert found.share[1, 0] == 1
    only = found.of([facts["source"]])
    assert (only.true == facts["source"]).all()
    assert only.n_classes == 6


def test_confusions_need_true_classes(tmp_path):
    with pytest.raises(InputError, match=r"log: has no true classes of split 'train', which a confusion needs"):
        confusion(log_of(np.zeros((2, 3), dtype=np.uint8)), [0])


def test_a_tally_of_a_file(tmp_path, kernels):
    labels, facts = planted.dissolving()
    names = [f"c{k}" for k in range(6)]
    write_log(tmp_path / "run.h5", {"train": labels}, n_classes=6, true={"train": facts["true"]}, class_names=names)
    counted = tally(open_log(tmp_path / "run.h5").select(every=2))
    np.testing.assert_array_equal(counted.n_correct, facts["n_correct"][::2])
    assert (counted.run, counted.split, counted.class_names) == ("run", "train", tuple(names))
