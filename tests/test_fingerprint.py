"""D equals the equations bit for bit, and has the properties that follow from them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import naive
import planted
from nntf_cli import fingerprint as room
from nntf_cli.errors import InputError, LimitError, MismatchError, ParameterError
from nntf_cli.fingerprint import distances, fingerprint, flows, hamming
from nntf_cli.kernels import moves, vectorized
from nntf_cli.model import NO_MISSING, Flows, LabelLog, Panel, Split

pytestmark = pytest.mark.usefixtures("kernels")


class MemoryLabels:
    """A label source over an array, cut into panels of a chosen size."""

    def __init__(self, labels, missing=NO_MISSING, rows=3, columns=None):
        self.labels, self.missing = np.ascontiguousarray(labels), missing
        self.n_snapshots, self.n_samples = self.labels.shape
        self._rows, self._columns = rows, columns or max(1, self.n_samples)

    def panels(self):
        for column in range(0, self.n_samples, self._columns):
            for row in range(0, self.n_snapshots, self._rows):
                part = self.labels[row : row + self._rows, column : column + self._columns]
                yield self._panel(row, column, part)

    def column_panels(self, max_bytes):
        width = max(1, min(max_bytes, self._columns))
        for column in range(0, self.n_samples, width):
            yield self._panel(0, column, self.labels[:, column : column + width])

    def _panel(self, row, column, part):
        width = 1 + int(part.max(where=part != self.missing, initial=0))
        return Panel(row, column, np.ascontiguousarray(part), width)

    def n_classes(self):
        present = self.labels[self.labels != self.missing]
        return int(present.max(initial=0)) + 1

    def n_missing(self):
        return int(np.count_nonzero(self.labels == self.missing))


def log_of(labels, n_classes=None, missing=NO_MISSING, step=None, **panels):
    labels = np.asarray(labels)
    if labels.dtype.kind == "i":
        labels = labels.astype(np.uint8 if labels.max(initial=0) < 256 else np.uint32)
    return LabelLog(
        source="memory",
        name="memory",
        layout="memory",
        step=np.arange(len(labels)) if step is None else np.asarray(step),
        splits={"train": Split("train", MemoryLabels(labels, missing, **panels))},
        declared_classes=n_classes,
    )


def log_arrays(max_classes=5):
    def build(shape):
        return arrays(np.uint8, shape, elements=st.integers(0, max_classes - 1))

    return st.tuples(st.integers(2, 9), st.integers(1, 14)).flatmap(build)


@pytest.mark.parametrize("n_classes", [1, 2, 5, 40])
@pytest.mark.parametrize("missing_fraction", [0.0, 0.3])
@pytest.mark.parametrize("normalize", room.NORMALIZATIONS)
def test_distances_equal_the_equations(n_classes, missing_fraction, normalize):
    labels, facts = planted.random_log(
        seed=n_classes, n_snapshots=14, n_samples=50, n_classes=n_classes, missing_fraction=missing_fraction
    )
    missing = facts["missing"]
    log = log_of(labels, n_classes, NO_MISSING if missing is None else missing)
    deltas = naive.transitions(labels, n_classes, missing=missing)
    expected = naive.distances(deltas, normalize=normalize, n_samples=labels.shape[1])
    np.testing.assert_array_equal(fingerprint(log, normalize=normalize).distances, expected)


@pytest.mark.parametrize("panels", [{"rows": 1}, {"rows": 4}, {"rows": 5, "columns": 7}, {"rows": 99, "columns": 1}])
def test_the_cutting_into_panels_does_not_matter(panels):
    labels, facts = planted.random_log(seed=3, n_snapshots=11, n_samples=40, n_classes=6, missing_fraction=0.1)
    whole = flows(log_of(labels, 6, facts["missing"]), diagonal=True)
    cut = flows(log_of(labels, 6, facts["missing"], **panels), diagonal=True)
    for field in dataclasses.fields(whole):
        np.testing.assert_array_equal(getattr(whole, field.name), getattr(cut, field.name))


@pytest.mark.parametrize(("small", "large"), [(0, 0), (0, 12), (7, 12)])
def test_counting_by_table_and_by_sorting_agree_with_the_definition(monkeypatch, small, large):
    monkeypatch.setattr(moves, "_SMALL", small)
    monkeypatch.setattr(moves, "_LARGE", large)
    monkeypatch.setattr(vectorized, "_TABLE", 2**small)
    monkeypatch.setattr(vectorized, "_WIDEST_TABLE", 2**large)
    labels, facts = planted.random_log(seed=5, n_snapshots=8, n_samples=60, n_classes=7, missing_fraction=0.2)
    counted = flows(log_of(labels, 7, facts["missing"]), diagonal=True)
    expected = naive.transitions(labels, 7, missing=facts["missing"])
    for i, delta in enumerate(expected):
        np.testing.assert_array_equal(counted.dense(i), delta)
    np.testing.assert_array_equal(counted.moved, [naive.moved(delta) for delta in expected])


@pytest.mark.parametrize("panels", [{"rows": 2}, {"rows": 2, "columns": 30_000}])
def test_counts_that_do_not_fit_two_bytes(panels):
    labels = np.zeros((6, 70_000), dtype=np.uint8)
    labels[1:, :40_000] = 1
    labels[3, 5:9] = 2
    labels[5] = 1
    counted = flows(log_of(labels, 3, **panels))
    expected = naive.transitions(labels, 3)
    for i, delta in enumerate(expected):
        np.testing.assert_array_equal(counted.dense(i), delta * (1 - np.eye(3, dtype=int)))
    np.testing.assert_array_equal(counted.moved, [naive.moved(delta) for delta in expected])
    assert counted.count.dtype == np.int32
    assert flows(log_of(labels[1:5], 3, **panels)).count.dtype == np.int16


@settings(derandomize=True)
@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=12), at_once=st.integers(1, 9))
def test_what_moved_is_added_up_in_pieces(sizes, at_once):
    start = np.concatenate([[0], np.cumsum(sizes)])
    count = (np.arange(start[-1]) + 30_000).astype(np.int16)
    steps = np.arange(len(sizes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nntf_cli.model._SUMMED", at_once)
        moved = Flows(start, count, count, count, steps, steps + 1, 1, 1).moved
    expected = [sum(count[a:b].tolist()) for a, b in zip(start, start[1:], strict=False)]
    np.testing.assert_array_equal(moved, expected)


def test_fifty_thousand_classes_take_room_for_what_moved_only():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 50_257, (6, 300)).astype(np.uint32)
    log = log_of(labels, 50_257)
    small = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    expected = fingerprint(log_of(small, int(small.max()) + 1)).distances
    np.testing.assert_array_equal(fingerprint(log).distances, expected)


PLANTS = [planted.converged, planted.two_cycle_loop, planted.p_cycle_loop, planted.frozen, planted.collapse]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_planted_logs_give_the_known_answer(plant):
    labels, facts = plant()
    result = fingerprint(log_of(labels, facts["n_classes"]))
    known = ~np.isnan(facts["distances"])
    np.testing.assert_array_equal(result.distances[known], facts["distances"][known])
    np.testing.assert_array_equal(result.axes.rows.moved, facts["moved"])
    np.testing.assert_array_equal(np.flatnonzero(result.axes.rows.quiet), facts["quiet"])


def test_a_random_walk_has_the_distance_that_chance_gives():
    labels, facts = planted.random_walk()
    d = fingerprint(log_of(labels, facts["n_classes"])).distances
    off = d[~np.eye(len(d), dtype=bool)]
    assert off.mean() == pytest.approx(facts["expected_distance"], rel=0.1)


@settings(deadline=None, derandomize=True)
@given(labels=log_arrays(), seed=st.integers(0, 2**32 - 1))
def test_properties(labels, seed):
    rng = np.random.default_rng(seed)
    d = fingerprint(log_of(labels, 5)).distances
    np.testing.assert_array_equal(d, d.T)
    assert d.min() >= 0
    assert d.max() <= 1
    np.testing.assert_array_equal(np.diagonal(d), np.zeros(len(d)))

    def same(other, n_classes=5):
        return fingerprint(log_of(other, n_classes)).distances

    np.testing.assert_array_equal(same(rng.permutation(5).astype(np.uint8)[labels]), d)
    np.testing.assert_array_equal(same(labels[:, rng.permutation(labels.shape[1])]), d)
    np.testing.assert_array_equal(same(np.concatenate([labels, labels], axis=1)), d)
    np.testing.assert_array_equal(same(np.pad(labels, ((0, 0), (0, 3)), constant_values=4)), d)
    np.testing.assert_array_equal(same(labels, 9), d)
    np.testing.assert_array_equal(same(labels[::-1]), d[::-1, ::-1])
    np.testing.assert_array_equal(same(labels[:-1]) if len(labels) > 2 else d[:-1, :-1], d[:-1, :-1])


@settings(deadline=None, derandomize=True)
@given(pair=st.tuples(st.integers(2, 8), st.integers(2, 8), st.integers(0, 2**32 - 1)))
def test_cross_fingerprint_equals_the_equations_and_transposes(pair):
    t_a, t_b, seed = pair
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (t_a, 20)), rng.integers(0, 4, (t_b, 20))
    result = fingerprint(log_of(a, 4), against=log_of(b, 4))
    expected = naive.cross_distances(naive.transitions(a, 4), naive.transitions(b, 4))
    np.testing.assert_array_equal(result.distances, expected)
    swapped = fingerprint(log_of(b, 4), against=log_of(a, 4)).distances
    np.testing.assert_array_equal(swapped, result.distances.T)
    assert result.axes.is_cross
    np.testing.assert_array_equal(fingerprint(log_of(a, 4), against=log_of(a, 4)).distances,
                                  fingerprint(log_of(a, 4)).distances)  # fmt: skip


@pytest.mark.parametrize("columns", [None, 7])
def test_hamming_equals_the_definition(columns):
    labels, facts = planted.random_log(seed=7, n_snapshots=9, n_samples=45, n_classes=5, missing_fraction=0.2)
    log = log_of(labels, 5, facts["missing"], columns=columns)
    expected = naive.hamming(labels, missing=facts["missing"])
    np.testing.assert_array_equal(hamming(log.split()), expected)
    result = fingerprint(log, metric="hamming")
    np.testing.assert_array_equal(result.distances, expected)
    assert (result.metric, result.normalize) == ("hamming", "none")
    np.testing.assert_array_equal(fingerprint(log, metric="hamming", normalize="samples").distances, expected / 45)


def test_hamming_between_runs_whose_files_are_cut_differently():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, (4, 30)), rng.integers(0, 3, (6, 30))
    result = fingerprint(log_of(a, 3, columns=7), metric="hamming", against=log_of(b, 3, columns=11))
    np.testing.assert_array_equal(result.distances, naive.cross_hamming(a, b))


def test_a_missing_label_takes_part_in_nothing():
    labels = np.array([[0, 1, 255], [255, 1, 2], [1, 0, 2]], dtype=np.uint8)
    counted = flows(log_of(labels, 3, missing=255), diagonal=True)
    np.testing.assert_array_equal(counted.moved, [0, 1])
    np.testing.assert_array_equal(counted.stayed, [[0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_a_missing_label_of_a_wide_type_costs_nothing(dtype):
    missing = int(np.iinfo(dtype).max)
    labels = np.array([[0, 1, missing], [missing, 2, missing], [1, 2, 2]], dtype=dtype)
    counted = flows(log_of(labels, 3, missing=missing), diagonal=True)
    np.testing.assert_array_equal(counted.moved, [1, 0])
    np.testing.assert_array_equal(counted.stayed, [[0, 0, 0], [0, 0, 1]])


def test_axes_carry_what_is_known_of_the_run():
    labels, _ = planted.converged()
    log = dataclasses.replace(log_of(labels, 5, step=np.arange(30) * 10), hparams={"lr": 0.1})
    axis = fingerprint(log).axes.rows
    assert (axis.from_step[0], axis.to_step[0], axis.to_step[-1]) == (0, 10, 290)
    assert (axis.split, axis.n_samples, axis.n_classes, axis.hparams) == ("train", 200, 5, {"lr": 0.1})


def test_two_snapshots_give_one_by_one_and_one_is_refused():
    assert fingerprint(log_of([[0, 1], [1, 1]], 2)).distances.tolist() == [[0.0]]
    with pytest.raises(InputError, match="a transition needs two"):
        fingerprint(log_of([[0, 1]], 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "emd"}, "unknown metric"),
        ({"normalize": "rows"}, "unknown normalization"),
        ({"metric": "hamming", "normalize": "flows"}, "does not go with"),
    ],
)
def test_senseless_parameters_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        fingerprint(log_of([[0, 1], [1, 1]], 2), **arguments)


def test_runs_of_other_samples_are_not_crossed():
    a, b = log_of([[0, 1], [1, 1]], 2), log_of([[0, 1, 0], [1, 1, 0]], 2)
    with pytest.raises(MismatchError, match="have 2 and 3 samples"):
        fingerprint(a, against=b)
    with pytest.raises(MismatchError, match="have 2 and 5 classes"):
        fingerprint(a, against=dataclasses.replace(a, declared_classes=5))
    named = [dataclasses.replace(a, class_names=names) for names in (("x", "y"), ("y", "x"))]
    with pytest.raises(MismatchError, match="class names"):
        fingerprint(named[0], against=named[1])
    known = [
        dataclasses.replace(a, splits={"train": dataclasses.replace(a.split(), ids=np.array(ids))})
        for ids in ([1, 2], [2, 1])
    ]
    with pytest.raises(MismatchError, match="sample ids"):
        fingerprint(known[0], against=known[1])


def test_a_matrix_that_does_not_fit_is_refused_before_it_is_allocated(monkeypatch):
    counted = flows(log_of(planted.random_walk(n_snapshots=20)[0], 4))
    monkeypatch.setattr("nntf_cli.memory.available", lambda: 1000.0)
    with pytest.raises(LimitError, match="19 x 19 matrix"):
        distances(counted)


def test_somebody_else_may_count_and_compare():
    a, b = log_of(np.array([[0, 1], [1, 1], [1, 0]]), 2), log_of(np.array([[0, 0], [1, 0]]), 2)
    asked = []

    def count(log, split):
        asked.append((log, split))
        return flows(log, split)

    def compare(rows, normalize, columns):
        asked.append((rows.n_transitions, normalize, columns and columns.n_transitions))
        return distances(rows, normalize, columns) + 5

    crossed = fingerprint(a, against=b, normalize="none", count=count, compare=compare)
    np.testing.assert_array_equal(crossed.distances, fingerprint(a, against=b, normalize="none").distances + 5)
    assert asked == [(a, None), (b, None), (2, "none", 1)]
    fingerprint(a, count=count, compare=compare)
    assert asked[3:] == [(a, None), (2, "flows", None)]
