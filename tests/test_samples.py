"""What became of each sample: the kernels against plain loops, planted logs, properties, and the order of rows."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_samples
import planted
from nntf_cli import memory
from nntf_cli.errors import InputError, LimitError, ParameterError
from nntf_cli.kernels import vectorized_histories
from nntf_cli.labellog import open_log, write_log
from nntf_cli.model import NO_MISSING, LabelLog, Panel, Split
from nntf_cli.samples import FIELDS, MOST_OPTIMAL, WITHOUT_TRUE, histories, labels_of, seriated
from nntf_cli.samples.stacks import stacks

MEASURES = (
    *("n_changes", "last_change", "n_classes_visited", "final", "n_forgotten", "first_learned", "never_learned"),
    *("share_correct", "most_wrong", "most_wrong_share"),
)


class InMemory:
    """Labels that come in panels of some rows and columns, as a file would deliver them."""

    def __init__(self, labels, missing=NO_MISSING, rows=None, columns=None, column_step=None):
        self.labels, self.missing = np.asarray(labels), missing
        self.n_snapshots, self.n_samples = self.labels.shape
        self.rows, self.columns, self.n_readings = rows or self.n_snapshots, columns or self.n_samples, 0
        self.column_step = column_step or self.n_samples

    def column_panels(self, max_bytes):
        self.rows = self.n_snapshots
        width = max_bytes // self.labels[:, :1].nbytes
        assert width >= self.column_step
        self.columns = width // self.column_step * self.column_step
        return self.panels()

    def panels(self):
        self.n_readings += 1
        for column in range(0, self.n_samples, self.columns):
            for row in range(0, self.n_snapshots, self.rows):
                part = np.ascontiguousarray(self.labels[row : row + self.rows, column : column + self.columns])
                present = part[part != self.missing]
                yield Panel(row, column, part, int(present.max(initial=0)) + 1)


def log_of(labels, true=None, missing=NO_MISSING, step=None, **panels):
    labels = np.asarray(labels)
    step = 10 * np.arange(len(labels)) if step is None else step
    true = None if true is None else np.asarray(true, dtype=np.int64)
    return LabelLog("log", "log", "", step, {"train": Split("train", InMemory(labels, missing, **panels), true)})


def cells(found, name):
    values, defined = found.values(name)
    return [value if known else None for value, known in zip(values.tolist(), defined.tolist(), strict=True)]


def assert_equals_plain_loops(found, labels, step, true, missing):
    for k in range(labels.shape[1]):
        given_true = None if true is None else int(true[k])
        expected = naive_samples.history(labels[:, k].tolist(), list(step), given_true, missing)
        assert {name: cells(found, name)[k] for name in MEASURES} == expected, k


# ---- against plain loops ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [1, 2, 5, 300, 70_000])
@pytest.mark.parametrize("known", [True, False])
def test_equal_to_plain_loops(kernels, n_classes, known):
    labels, facts = planted.random_log(3, 21, 90, n_classes, missing_fraction=0.1)
    labels[:, 7] = facts["missing"]
    true = np.random.default_rng(1).integers(0, n_classes, 90) if known else None
    log = log_of(labels, true, facts["missing"], rows=4)
    assert_equals_plain_loops(histories(log), labels, log.step, true, facts["missing"])


@pytest.mark.parametrize("n_snapshots", [1, 2])
def test_few_snapshots(kernels, n_snapshots):
    labels, _ = planted.random_log(0, n_snapshots, 30, 3)
    true = np.arange(30) % 3
    assert_equals_plain_loops(histories(log_of(labels, true)), labels, 10 * np.arange(n_snapshots), true, None)


def test_classes_far_apart(kernels):
    """A table of all classes would take gigabytes; some true classes are never predicted."""
    known = np.array([0, 3, 2**31, 2**32 - 2], dtype=np.uint32)
    rng = np.random.default_rng(2)
    labels = known[rng.integers(0, 4, (12, 40))]
    labels[rng.random(labels.shape) < 0.1] = 2**32 - 1
    true = np.array([0, 3, 2**31, 2**31 + 5])[rng.integers(0, 4, 40)]
    for missing in (2**32 - 1, NO_MISSING):
        labels = labels if missing == 2**32 - 1 else np.minimum(labels, np.uint32(2**32 - 2))
        log = log_of(labels, true, missing)
        assert_equals_plain_loops(histories(log), labels, log.step, true, missing)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 70), st.integers(1, 4), st.floats(0, 0.6))
def test_both_kernels_agree(seed, n_snapshots, n_samples, n_classes, gone):
    labels, facts = planted.random_log(seed, n_snapshots, n_samples, n_classes, gone)
    true = np.random.default_rng(seed).integers(-1, n_classes + 1, n_samples)
    from nntf_cli.kernels import histories as compiled

    given_all = labels, true, facts["missing"], n_classes
    np.testing.assert_array_equal(compiled.histories(*given_all), vectorized_histories.histories(*given_all))


# ---- the published definitions ----------------------------------------------------------------------------------


def test_forgetting_is_that_of_toneva(kernels):
    labels, facts = planted.random_log(5, 6, 200, 3)
    true = np.random.default_rng(6).integers(0, 4, 200)
    found = histories(log_of(labels, true))
    correct = (labels == true).astype(int).T.tolist()
    never = np.array(cells(found, "never_learned"))
    counted = np.where(never, np.inf, cells(found, "n_forgotten"))
    assert counted.tolist() == [naive_samples.toneva(one) for one in correct]
    tally = found.tally()
    assert tally.unforgettable == sum(naive_samples.unforgettable(one) for one in correct) > 0
    assert tally.never_learned == sum(np.isinf([naive_samples.toneva(one) for one in correct])) > 0
    assert sum(tally) == 200


def test_planted_forgetting(kernels):
    labels, facts = planted.forgetting()
    log = log_of(labels, facts["true"])
    found = histories(log)
    never = facts["learned_at"] < 0
    assert cells(found, "n_forgotten") == facts["forgotten"].tolist()
    assert cells(found, "first_learned") == [None if t < 0 else 10 * t for t in facts["learned_at"].tolist()]
    assert cells(found, "never_learned") == never.tolist()
    assert cells(found, "most_wrong") == facts["next_class"].tolist()
    assert found.tally() == (4, 16, 24, 0)
    most = found.order("n_forgotten")[:8]
    assert (facts["forgotten"][most] == 5).all()
    assert (np.diff(most) > 0).all(), "equal ones stay in order"


def test_edge_cases():
    gone = 255
    labels = np.array([
        [1, 1, 2, gone, 1, gone],
        [1, 0, 2, gone, gone, 1],
        [1, 1, 2, gone, 0, 0],
        [1, 0, 1, gone, 0, 0],
    ], dtype=np.uint8)  # fmt: skip
    found = histories(log_of(labels, [1] * 6, gone))
    assert cells(found, "n_forgotten") == [0, 2, 0, 0, 0, 1], "nothing is forgotten across a gap"
    assert cells(found, "first_learned") == [0, 0, 30, None, 0, 10]
    assert cells(found, "never_learned") == [False, False, False, None, False, False]
    assert cells(found, "share_correct") == [1.0, 0.5, 0.25, None, 1 / 3, 1 / 3]
    assert cells(found, "n_changes") == [0, 3, 1, 0, 0, 1]
    assert cells(found, "final") == [1, 0, 1, None, 0, 0]
    assert cells(found, "most_wrong") == [None, 0, 2, None, 0, 0]
    assert cells(found, "most_wrong_share") == [0.0, 0.5, 0.75, None, 2 / 3, 2 / 3]
    assert found.tally() == (0, 3, 2, 1)
    assert found.tally(np.array([0, 3])) == (0, 1, 0, 1)


def test_ties_go_to_the_lowest_class(kernels):
    labels = np.array([[3, 2], [2, 3], [1, 1], [3, 2], [2, 3], [1, 1], [0, 2]], dtype=np.uint8)
    assert cells(histories(log_of(labels, [0, 1])), "most_wrong") == [1, 2]


# ---- properties -------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_properties(seed):
    rng = np.random.default_rng(seed)
    labels, facts = planted.random_log(seed, 12, 40, 4, 0.1)
    true = rng.integers(0, 4, 40)
    found = histories(log_of(labels, true, facts["missing"]))
    order = rng.permutation(40)
    permuted = histories(log_of(labels[:, order], true[order], facts["missing"]))
    np.testing.assert_array_equal(permuted.facts, found.facts[:, order])
    reversed_changes = histories(log_of(labels[::-1], true, facts["missing"])).fact("n_changes")
    np.testing.assert_array_equal(reversed_changes, found.fact("n_changes"))
    swap = np.append(rng.permutation(4), np.full(252, 255)).astype(np.uint8)
    relabelled = histories(log_of(swap[labels], swap[true], facts["missing"]))
    for name in ("n_changes", "n_forgotten", "n_classes_visited", "first_learned", "n_correct", "n_most_wrong"):
        np.testing.assert_array_equal(relabelled.fact(name), found.fact(name))
    learned = (found.fact("n_correct") > 0).astype(int)
    assert (found.fact("n_forgotten") <= found.fact("n_changes")).all()
    assert (
        found.fact("n_classes_visited") <= found.fact("n_changes") + (labels == facts["missing"]).sum(axis=0) + 1
    ).all()
    assert (learned <= found.fact("n_classes_visited")).all()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("rising", [False, True])
def test_order(field, rising):
    labels, facts = planted.random_log(8, 9, 50, 4, 0.3)
    found = histories(log_of(labels, np.arange(50) % 5, facts["missing"]))
    among = np.arange(3, 50, 2)
    order = found.order(field, among, rising=rising)
    assert sorted(order.tolist()) == among.tolist()
    values = [cells(found, field)[k] for k in order]
    given_values = [value for value in values if value is not None]
    assert given_values == sorted(given_values, reverse=not rising)
    assert values[len(given_values) :] == [None] * (len(values) - len(given_values))


def test_order_by_what_there_is_not():
    with pytest.raises(ParameterError, match="no field 'loss'"):
        histories(log_of([[0, 1]])).order("loss")


def test_without_true_classes():
    found = histories(log_of([[0, 1], [1, 1]]))
    for name in MEASURES:
        assert found.values(name).defined.any() == (name in (*WITHOUT_TRUE, "final")), name


def test_no_snapshot():
    with pytest.raises(InputError, match="has no snapshot"):
        histories(log_of(np.empty((0, 4), dtype=np.uint8)))


# ---- streaming --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(None, None), (3, None), (1, 20), (None, 7), (5, 64)])
@pytest.mark.parametrize("n_bytes", [1, 100, 10_000])
@pytest.mark.parametrize("column_step", [None, 1, 2])
def test_stacks_tile_the_labels(rows, columns, n_bytes, column_step):
    labels, _ = planted.random_log(4, 11, 64, 5)
    source = InMemory(labels, rows=rows, columns=columns, column_step=column_step)
    whole, seen = np.full_like(labels, 99), np.zeros(64, dtype=int)
    for column, part, width in stacks(source, n_bytes):
        assert len(part) == 11
        assert part.nbytes <= max(n_bytes, 11)
        assert part.max() < width
        whole[:, column : column + part.shape[1]] = part
        seen[column : column + part.shape[1]] += 1
    np.testing.assert_array_equal(whole, labels)
    assert (seen == 1).all()
    assert source.n_readings == 1 or (n_bytes <= 100 and (columns or 64) * 11 > n_bytes)


@pytest.mark.parametrize("chunks", [None, (1, 400), (3, 50), (40, 16)])
def test_layouts_and_limits_change_nothing(kernels, tmp_path, chunks):
    labels, facts = planted.random_log(4, 40, 400, 5)
    true = np.random.default_rng(0).integers(0, 5, 400)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        packed = {} if chunks is None else {"chunks": chunks, "compression": "gzip"}
        file.create_dataset("labels", data=labels, **packed)
        file["targets"] = true
    expected = histories(log_of(labels, true)).facts
    log = open_log(tmp_path / "run.h5")
    np.testing.assert_array_equal(histories(log).facts, expected)
    np.testing.assert_array_equal(histories(log.select(every=3)).facts, histories(log_of(labels[::3], true)).facts)


def test_memory_is_asked_for(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 30.0)
    with pytest.raises(LimitError, match="what became of each sample"):
        histories(log_of(np.zeros((3, 100), dtype=np.uint8)))
    with pytest.raises(LimitError, match="all labels of some samples"):
        list(stacks(InMemory(np.zeros((300, 2), dtype=np.uint8), rows=1)))


def test_labels_of_some_samples(tmp_path):
    labels, _ = planted.random_log(4, 11, 64, 5)
    samples = np.array([5, 60, 0, 5, 33])
    for panels in ({}, {"rows": 3}, {"rows": 2, "columns": 9}, {"columns": 1}):
        np.testing.assert_array_equal(labels_of(log_of(labels, **panels), samples), labels[:, samples])
    write_log(tmp_path / "run.npz", {"train": labels, "test": labels[:, ::-1]}, n_classes=5)
    np.testing.assert_array_equal(
        labels_of(open_log(tmp_path / "run.npz"), samples, "test"), labels[:, ::-1][:, samples]
    )


# ---- order of rows ----------------------------------------------------------------------------------------------


def neighbours(rows):
    return int((rows[1:] != rows[:-1]).sum())


def test_seriation_finds_blocks():
    rng = np.random.default_rng(3)
    kinds = rng.integers(0, 2, (6, 80))
    rows = np.repeat(kinds, 25, axis=0) ^ (rng.random((150, 80)) < 0.03)
    shuffled = rng.permutation(150)
    order = seriated(rows[shuffled], np.zeros(150))
    kind = (shuffled // 25)[order]
    assert (np.diff(kind) != 0).sum() == 5, "rows of a kind stand together"
    assert neighbours(rows[shuffled][order]) < neighbours(rows[shuffled]) / 3


def test_seriation_does_not_depend_on_the_order_given():
    rows, _ = planted.random_log(3, 60, 12, 2)
    rank = -rows.sum(axis=1).astype(float)
    order = seriated(rows, rank)
    assert sorted(order.tolist()) == list(range(60))
    again = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(rows[again][seriated(rows[again], rank[again])], rows[order])
    half = rank[order]
    assert half[:30].mean() <= half[30:].mean()


def test_seriation_of_many_rows():
    n = MOST_OPTIMAL + 100
    rows = np.random.default_rng(1).integers(0, 2, (n, 30))
    rank = rows.sum(axis=1)
    order = seriated(rows, rank)
    assert sorted(order.tolist()) == list(range(n))
    assert neighbours(rows[order]) < 0.75 * neighbours(rows)
    again = np.random.default_rng(0).permutation(n)
    np.testing.assert_array_equal(rows[again][seriated(rows[again], rank[again])], rows[order])


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_seriation_of_few_rows(n):
    assert seriated(np.arange(n)[::-1, None], np.arange(n)).tolist() == list(range(n))
    assert seriated(np.zeros((n, 4)), np.arange(n)).tolist() == list(range(n))
