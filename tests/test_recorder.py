"""The recorder stores what it is given, continues a log only when that fits, and says at once what is a mistake."""

import os

import h5py
import numpy as np
import pytest

from nntf_cli.errors import OutputError, ParameterError
from nntf_cli.labellog import open_log, write_log
from recordings import N, recorder, rows_of

# -- what is stored


def test_a_closed_log_is_one_native_file(path, labels):
    names = [f"class {i}" for i in range(10)]
    true, ids = labels[0], np.arange(N) + 100
    with recorder(
        path, classes=names, true=true, ids=ids, hparams={"lr": 0.5, "net": "mlp", "n": 3}, name="first"
    ) as log:
        for step, row in enumerate(labels):
            log.snapshot(step * 10, row, loss=1 / (step + 1), accuracy=None if step == 2 else step / 10)
    assert os.listdir(path.parent) == ["run.h5"]
    found = open_log(path)
    assert found.layout == "native HDF5, version 1"
    assert found.name == "first"
    assert found.step.tolist() == list(range(0, 80, 10))
    assert found.class_names == tuple(names)
    assert found.hparams == {"lr": 0.5, "net": "mlp", "n": 3}
    np.testing.assert_array_equal(rows_of(path), labels)
    np.testing.assert_array_equal(found.split().true, true)
    np.testing.assert_array_equal(found.split().ids, ids)
    np.testing.assert_array_equal(found.scalars["loss"], 1 / np.arange(1, 9))
    np.testing.assert_array_equal(found.scalars["accuracy"], [0, 0.1, np.nan, 0.3, 0.4, 0.5, 0.6, 0.7])
    with h5py.File(path, locking=False) as file:
        assert sorted(file) == ["classes", "labels", "run", "samples", "snapshots"]
        assert file["labels/train"].dtype == np.uint8


def test_the_file_is_the_one_the_writer_writes(path, tmp_path, labels):
    with recorder(path, true=labels[0], hparams={"lr": 0.5}) as log:
        for step, row in enumerate(labels):
            log.snapshot(step, row, loss=step)
    other = tmp_path / "other.h5"
    write_log(
        other, {"train": labels}, n_classes=10, scalars={"loss": np.arange(8)}, true={"train": labels[0]},
        hparams={"lr": 0.5},
    )  # fmt: skip
    with h5py.File(path) as ours, h5py.File(other, "r+") as theirs:
        theirs.attrs.modify("run-uuid", ours.attrs["run-uuid"])
        assert dict(ours.attrs) == dict(theirs.attrs)
        for name in ("labels/train", "samples/train/true", "snapshots/step", "snapshots/loss"):
            assert ours[name].dtype == theirs[name].dtype
            assert ours[name].chunks == theirs[name].chunks
            np.testing.assert_array_equal(ours[name][()], theirs[name][()])


def test_every_snapshot_is_there_when_its_call_returns(path, labels):
    with recorder(path) as log:
        for step, row in enumerate(labels):
            log.snapshot(step, row, loss=step)
            np.testing.assert_array_equal(rows_of(path), labels[: step + 1])
            assert open_log(path).scalars["loss"].tolist() == list(range(step + 1))


@pytest.mark.parametrize(
    ("n_classes", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2"), (65_535, "u2"), (65_536, "u4"), (100_000, "u4")]
)
def test_the_type_is_the_narrowest_that_can_say_missing(path, n_classes, dtype):
    with recorder(path, classes=n_classes) as log:
        log.update([0], [n_classes - 1])
        log.commit(1)
    assert open_log(path).split().labels.n_missing() == N - 1
    with h5py.File(path) as file:
        stored = file["labels/train"][0]
    assert stored.dtype == np.dtype(dtype)
    assert stored[0] == n_classes - 1
    assert (stored[1:] == np.iinfo(dtype).max).all()


def test_scores_become_labels_before_anything_is_stored(path, labels):
    scores = np.random.default_rng(1).random((3, N, 10)).astype(np.float32)
    scores[1, 5] = 0.25  # all equal: the first
    scores[2, 7, 3] = np.nan
    with recorder(path) as log:
        log.snapshot(0, scores[0])
        log.snapshot(1, scores[1])
        log.update(np.arange(N)[::-1], scores[2][::-1])
        log.commit(2)
    expected = scores.argmax(axis=2)
    assert expected[1, 5] == 0
    expected[2, 7] = 255
    np.testing.assert_array_equal(rows_of(path), expected)


def test_batches_are_scattered_by_index_and_what_was_not_seen_is_missing(path, labels):
    order = np.random.default_rng(2).permutation(N)
    with recorder(path) as log:
        for step in range(2):
            for start in range(0, N, 16):
                index = order[start : start + 16]
                padded = np.concatenate([index, index[:1].repeat(16 - len(index))])
                log.update(padded, labels[step][padded])
            log.commit(step, loss=0.5)
        log.update(slice(0, N, 2), labels[2][::2])
        log.update([], [])
        log.commit(2)
    rows = rows_of(path)
    np.testing.assert_array_equal(rows[:2], labels[:2])
    np.testing.assert_array_equal(rows[2, ::2], labels[2, ::2])
    assert (rows[2, 1::2] == 255).all()


def test_several_splits_share_the_snapshots(path, labels):
    with recorder(path, n_samples={"train": N, "test": 7}, true={"test": np.zeros(7, int)}) as log:
        log.snapshot(0, {"train": labels[0], "test": labels[0][:7]})
        log.snapshot(1, {"test": labels[1][:7]}, test_accuracy=0.5)
        log.update([3], [2])
        log.update([1, 2], np.eye(10)[[4, 5]], split="test")
        log.commit(2)
    np.testing.assert_array_equal(rows_of(path, "test")[:2], labels[:2, :7])
    np.testing.assert_array_equal(rows_of(path, "test")[2], [255, 4, 5, 255, 255, 255, 255])
    assert (rows_of(path, "train")[1] == 255).all()
    assert rows_of(path, "train")[2].tolist() == [255] * 3 + [2] + [255] * (N - 4)
    assert open_log(path).split("test").true.tolist() == [0] * 7


class Tensor:
    """What torch's tensors have, as far as it matters."""

    def __init__(self, values, numpy_knows=True):
        self._values, self._numpy_knows, self.on_host = np.asarray(values), numpy_knows, False

    def detach(self):
        return self

    def cpu(self):
        copy = Tensor(self._values, self._numpy_knows)
        copy.on_host = True
        return copy

    def float(self):
        return np.asarray(self._values, dtype=np.float32)

    def __array__(self, dtype=None, copy=None):
        if not self.on_host or not self._numpy_knows:
            raise TypeError("cannot be converted")
        return self._values


class Foreign:
    """What the arrays of JAX and TensorFlow have."""

    def __init__(self, values):
        self._values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return self._values


def test_arrays_of_frameworks_need_no_framework(path, labels):
    scores = np.random.default_rng(3).random((N, 10))
    with recorder(path, true=Tensor(labels[0])) as log:
        log.snapshot(0, Tensor(labels[0]), loss=Tensor(0.25))
        log.snapshot(Tensor(1), Tensor(scores, numpy_knows=False), loss=np.float32(0.5))
        log.update(Tensor(np.arange(N)), Foreign(scores))
        log.commit(2, loss=Foreign([0.75]))
        log.snapshot(3, labels[0].tolist())
        log.snapshot(4, labels[0].astype(np.float32))
    best = scores.argmax(axis=1)
    np.testing.assert_array_equal(rows_of(path), [labels[0], best, best, labels[0], labels[0]])
    assert open_log(path).scalars["loss"].tolist()[:3] == [0.25, 0.5, 0.75]


def test_what_is_given_is_not_changed_nor_kept(path, labels):
    row = labels[0].copy()
    with recorder(path) as log:
        log.snapshot(0, row)
        row[:] = 3
        log.snapshot(1, row)
    np.testing.assert_array_equal(rows_of(path)[0], labels[0])


def test_neither_random_numbers_nor_signals_are_touched(path, labels):
    import random
    import signal

    random.seed(5)
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist(), [signal.getsignal(s) for s in signal.valid_signals()]
    with recorder(path) as log:
        log.snapshot(0, labels[0])
        after = random.getstate(), np.random.get_state()[1].tolist()
        assert (*after, [signal.getsignal(s) for s in signal.valid_signals()]) == before


# -- mistakes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": 0}, "not a number of samples"),
        ({"n_samples": {}}, "names no split"),
        ({"n_samples": {"a/b": 3}}, "the name of a split cannot be 'a/b'"),
        ({"classes": 0}, "there must be one"),
        ({"classes": "abc"}, "neither a number of classes nor a list"),
        ({"classes": 2**32}, "more than a label log can hold"),
        ({"true": [1, 2]}, "true of split 'train' has shape (2,)"),
        ({"true": [10] * N}, "holds label 10 for its sample 0"),
        ({"true": {"test": [1]}}, "of split 'test': there is none"),
        ({"true": [1] * N, "n_samples": {"a": N, "b": N}}, "true of which split?"),
        ({"ids": [1] * N}, "not all different"),
        ({"ids": [1.5] * N}, "must be 60 whole numbers or texts"),
        ({"hparams": {"lr": [1]}}, "neither number nor text"),
        ({"hparams": {"lr": 2**70}}, "that HDF5 does not store"),
        ({"classes": ["a", "\ud800"]}, "that HDF5 does not store"),
        ({"hparams": {"name": "x"}}, "cannot be called 'name'"),
        ({"on_rewind": "maybe"}, "it can be 'error' or 'truncate'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(path, changes, message):
    with pytest.raises(ParameterError) as error:
        recorder(path, **changes)
    assert message in str(error.value)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("name", ["run.npz", "run.h5.journal"])
def test_a_name_that_is_not_a_logs(tmp_path, name):
    with pytest.raises(ParameterError, match="not a name for a log"):
        recorder(tmp_path / name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros(N - 1, int), "has shape (59,), expected (60,) or, as scores, (60, 10)"),
        (np.zeros((N, 9)), "has shape (60, 9)"),
        (np.zeros((N, 1)), "scores of a single class"),
        (np.full(N, 10), "holds label 10 for its sample 0, but classes are 0 to 9"),
        (np.full(N, 256 + 3), "holds label 259"),
        (np.r_[np.zeros(N - 1, int), -1], "holds label -1 for its sample 59"),
        (np.full(N, 0.5), "not a whole number"),
        (np.full(N, np.nan), "not a whole number"),
        (np.array(["a"] * N), "must be an array of numbers"),
        (np.array([None] * N), "must be an array of numbers"),
        ({"test": np.zeros(N)}, "labels of split 'test': there is none"),
        ({}, "a snapshot of no split"),
    ],
)
def test_wrong_labels_raise_at_once_and_leave_no_trace(path, labels, given, message):
    with recorder(path) as log:
        log.snapshot(0, labels[0])
        with pytest.raises(ParameterError) as error:
            log.snapshot(1, given)
        assert message in str(error.value)
        log.snapshot(1, labels[1])
    np.testing.assert_array_equal(rows_of(path), labels[:2])


@pytest.mark.parametrize(
    ("index", "values", "message"),
    [
        ([N], [1], "index reaches from 60 to 60"),
        ([-1], [1], "index reaches from -1"),
        ([0.5], [1], "index must be a list of whole numbers"),
        (np.ones(N, bool), np.ones(N), "index must be a list of whole numbers"),
        ([1, 2], [1], "has shape (1,), expected (2,)"),
        ([1], [10], "holds label 10"),
    ],
)
def test_wrong_updates_raise_at_once(path, labels, index, values, message):
    with recorder(path) as log:
        with pytest.raises(ParameterError) as error:
            log.update(index, values)
        assert message in str(error.value)
        with pytest.raises(ParameterError, match="without update"):
            log.commit(0)
        with pytest.raises(ParameterError, match="no split 'test'"):
            log.update([0], [1], split="test")


@pytest.mark.parametrize("step", [1, 0, -5, 1.5, "2", True, 2**63, float("inf"), float("nan"), [3]])
def test_wrong_steps_raise_at_once(path, labels, step):
    with recorder(path) as log:
        log.snapshot(1, labels[0])
        with pytest.raises(ParameterError):
            log.snapshot(step, labels[1])
        log.snapshot(2, labels[1])
    assert open_log(path).step.tolist() == [1, 2]


@pytest.mark.parametrize(
    "scalars", [{"loss": [1, 2]}, {"loss": "low"}, {"a/b": 1}, {"": 1}, {"loss": None, "accuracy": object()}]
)
def test_wrong_scalars_raise_at_once(path, labels, scalars):
    with recorder(path) as log:
        with pytest.raises(ParameterError):
            log.snapshot(0, labels[0], **scalars)
        log.update([0], [1])
        with pytest.raises(ParameterError):
            log.commit(0, **scalars)
        with pytest.raises(ParameterError, match="without commit"):
            log.snapshot(0, labels[0])
        log.commit(0)
    assert rows_of(path)[0, 0] == 1


def test_a_closed_recorder_says_so(path, labels):
    with recorder(path) as log:
        log.snapshot(0, labels[0])
    log.close()
    assert log.flush()
    for call in (lambda: log.snapshot(1, labels[0]), lambda: log.update([0], [0]), lambda: log.commit(1)):
        with pytest.raises(ParameterError, match="is closed"):
            call()


def test_a_place_that_cannot_be_written_to(tmp_path):
    with pytest.raises(OutputError) as error:
        recorder(tmp_path / "nowhere" / "run.h5")
    assert "run.h5: cannot be recorded to (No such file or directory)" in str(error.value)


def test_nothing_recorded_leaves_nothing(path):
    recorder(path).close()
    assert os.listdir(path.parent) == []
