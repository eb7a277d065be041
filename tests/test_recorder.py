"""The recorder stores what it is given, continues a log only when that fits, and says at once what is a mistake."""

import json
import os
import warnings

import h5py
import numpy as np
import pytest

from nntf_cli.errors import InputError, MismatchError, OutputError, ParameterError
from nntf_cli.labellog import is_log, open_log, runs_of, write_log
from nntf_cli.recorders import LabelRecorder
from nntf_cli.recorders import publishing as publishing_module
from running import refused, run, succeeded

N = 60


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 10, (8, N))


def recorder(path, **changes):
    return LabelRecorder(path, **{"n_samples": N, "classes": 10} | changes)


def rows_of(path, split=None):
    source = open_log(path).split(split).labels
    whole = np.full((source.n_snapshots, source.n_samples), -1, dtype=np.int64)
    for panel in source.panels():
        height, width = panel.labels.shape
        whole[panel.row : panel.row + height, panel.column : panel.column + width] = panel.labels
    return whole


def journal(path):
    return path.with_name(path.name + ".journal")


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


# -- continuing


def test_a_closed_log_is_continued(path, labels):
    for begin in (0, 3, 6):
        with recorder(path, hparams={"lr": begin, f"from_{begin}": True}) as log:
            assert log.last_step == (begin - 1 if begin else None)
            for step in range(begin, min(begin + 3, 8)):
                log.snapshot(step, labels[step], **{f"scalar_{begin}": step})
                np.testing.assert_array_equal(rows_of(path), labels[: step + 1])
    found = open_log(path)
    assert found.hparams == {"from_0": True, "from_3": True, "from_6": True, "lr": 6}
    assert found.scalars["scalar_3"].tolist()[3:6] == [3, 4, 5]
    assert np.isnan(found.scalars["scalar_3"][[0, 1, 2, 6, 7]]).all()
    assert os.listdir(path.parent) == ["run.h5"]


def abandoned(path, labels, steps, **changes):
    """Record as a process does that is killed: nothing is closed."""
    log = recorder(path, **changes)
    for step in steps:
        log.snapshot(step, labels[step], loss=step)
    log._publisher.abandon()
    log._appender.close()
    log._is_open = False


@pytest.mark.parametrize("published", [True, False])
def test_an_interrupted_recording_is_continued(path, labels, published):
    for begin in (0, 3, 6):
        abandoned(path, labels, range(begin, min(begin + 3, 8)))
        if not published:
            path.unlink()
        np.testing.assert_array_equal(rows_of(path), labels[: begin + 3])
    uuid = open_log(path).run_uuid
    recorder(path).close()
    np.testing.assert_array_equal(rows_of(path), labels)
    assert open_log(path).run_uuid == uuid
    assert os.listdir(path.parent) == ["run.h5"]


def test_an_unfinished_snapshot_is_ignored_and_then_cut_off(path, labels):
    abandoned(path, labels, range(3))
    with open(journal(path), "ab") as stream:
        stream.write(b"NNRC\3\0\0\0half a record")
    assert open_log(path).warnings == ("ignored 21 bytes of an unfinished snapshot",)
    with recorder(path) as log:
        log.snapshot(3, labels[3])
        assert open_log(path).warnings == ()
    np.testing.assert_array_equal(rows_of(path), labels[:4])


def test_a_log_of_the_writer_is_continued(path, labels):
    write_log(path, {"train": labels[:3]}, n_classes=10, ids={"train": [f"id {i}" for i in range(N)]})
    uuid = open_log(path).run_uuid
    with recorder(path, true=labels[0], classes=list("abcdefghij")) as log:
        log.snapshot(3, labels[3])
        np.testing.assert_array_equal(open_log(path).split().true, labels[0])
        assert open_log(path).name == "run"
    found = open_log(path)
    assert found.split().ids[4] == "id 4"
    assert found.class_names == tuple("abcdefghij")
    assert found.run_uuid == uuid
    np.testing.assert_array_equal(rows_of(path), labels[:4])


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": N + 1, "true": None, "ids": None}, "has splits train of 60, not train of 61"),
        ({"n_samples": {"test": N}}, "has splits train of 60, not test of 60"),
        ({"classes": 11}, "has 10 classes, not 11"),
        ({"classes": list("abcdefghik")}, "has other class names"),
        ({"true": np.ones(N, int)}, "has other true classes in split 'train'"),
        ({"ids": np.arange(N) + 1}, "has other ids in split 'train'"),
    ],
)
def test_a_log_of_something_else_is_not_continued(path, labels, interrupted, changes, message):
    first = {"classes": list("abcdefghij"), "true": labels[0], "ids": np.arange(N)}
    abandoned(path, labels, range(3), **first)
    if not interrupted:
        recorder(path).close()
    before = {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)}
    with pytest.raises(MismatchError) as error:
        recorder(path, **first | changes)
    assert message in str(error.value)
    assert {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)} == before


@pytest.mark.parametrize(
    "content", ["text", "flat", "matrix", "weights", "samples/train/weight", "classes/color", "@note"]
)
def test_a_file_that_is_no_native_log_is_left_alone(path, labels, content):
    if content == "text":
        path.write_text("notes")
    elif content == "matrix":
        with h5py.File(path, "w") as file:
            file.attrs["format"] = "nntf-fingerprint"
    elif content == "flat":
        with h5py.File(path, "w") as file:
            file["labels"] = labels
    else:
        write_log(path, {"train": labels}, n_classes=10)
        with h5py.File(path, "a") as file:
            if content == "@note":
                file.attrs["note"] = "kept by hand"
            else:
                file[content] = labels
    before = path.read_bytes()
    with pytest.raises(InputError, match="record to another file|store the labels"):
        recorder(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.h5"]


@pytest.mark.parametrize("resumed", ["open", "closed", "interrupted"])
def test_rewinding_replaces_what_follows_only_when_asked_to(path, labels, resumed):
    steps = [0, 10, 20, 30]
    log = recorder(path, on_rewind="truncate")
    for step, row in zip(steps, labels, strict=False):
        log.snapshot(step, row, loss=step)
    if resumed != "open":
        log.close()
        if resumed == "interrupted":
            log = recorder(path, on_rewind="error")
            log.snapshot(40, labels[4])
            steps.append(40)
            log._appender.close()
            log._is_open = False
        with recorder(path) as log, pytest.raises(ParameterError, match=f"is not after the last one, {steps[-1]}"):
            log.snapshot(15, labels[5])
        assert open_log(path).step.tolist() == steps
        log = recorder(path, on_rewind="truncate")
    log.snapshot(15, labels[5])
    assert open_log(path).step.tolist() == [0, 10, 15]
    log.snapshot(16, labels[6])
    log.snapshot(10, labels[7])
    np.testing.assert_array_equal(rows_of(path), labels[[0, 7]])
    assert log.flush()
    np.testing.assert_array_equal(rows_of(path), labels[[0, 7]])
    log.snapshot(-1, labels[3])
    log.close()
    np.testing.assert_array_equal(rows_of(path), labels[[3]])


def test_a_second_recorder_is_told_who_holds_the_log(path, labels):
    with recorder(path) as log:
        log.snapshot(0, labels[0])
        with pytest.raises(OutputError) as error:
            recorder(path)
        assert f"is being recorded already, by process {os.getpid()} on " in str(error.value)
        log.snapshot(1, labels[1])
    np.testing.assert_array_equal(rows_of(path), labels[:2])


def test_labels_of_another_type_are_not_continued(path, labels):
    write_log(path, {"train": labels}, n_classes=10)
    with h5py.File(path, "a") as file:
        del file["labels/train"]
        file["labels/train"] = labels.astype(np.uint16)
    with pytest.raises(InputError, match="labels/train as uint16, not uint8"):
        recorder(path)


def test_the_writer_does_not_write_over_a_recording(path, labels):
    with recorder(path) as log:
        log.snapshot(0, labels[0])
        with pytest.raises(ParameterError, match="is being recorded"):
            write_log(path, {"train": labels}, n_classes=10, force=True)
    write_log(path, {"train": labels}, n_classes=10, force=True)


def test_one_that_is_forgotten_gives_up_the_lock(path, labels):
    log = recorder(path)
    log.snapshot(0, labels[0])
    del log
    with recorder(path) as log:
        assert log.last_step == 0


def test_a_link_is_followed(path, labels, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target.h5"
    path.symlink_to(target)
    with recorder(path) as log:
        log.snapshot(0, labels[0])
        assert sorted(os.listdir(target.parent)) == ["target.h5", "target.h5.journal"]
        np.testing.assert_array_equal(rows_of(path), rows_of(target))
    assert path.is_symlink()
    np.testing.assert_array_equal(rows_of(path), labels[:1])


# -- the HDF5 file


def test_a_large_file_is_made_by_another_process(path, labels, monkeypatch):
    monkeypatch.setattr(publishing_module, "in_process_bytes", 0)
    with recorder(path) as log:
        log.snapshot(0, labels[0])
        assert log._publisher._making is not None
        log.snapshot(1, labels[1])
        assert log.flush()
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["labels/train"][()], labels[:2])
        log.snapshot(2, labels[2])
    np.testing.assert_array_equal(rows_of(path), labels[:3])
    assert os.listdir(path.parent) == ["run.h5"]


def test_a_file_made_before_a_rewind_does_not_take_its_place(path, labels, monkeypatch):
    monkeypatch.setattr(publishing_module, "in_process_bytes", 0)
    with recorder(path, on_rewind="truncate") as log:
        log.snapshot(0, labels[0])
        log.snapshot(0, labels[1])
        log._publisher._making[0].wait()
        log._publisher._collect(wait=True)
        assert not path.exists()
    np.testing.assert_array_equal(rows_of(path), labels[1:2])


def test_at_most_a_twentieth_of_the_time_goes_into_the_file(path, labels):
    now = [0.0]
    with recorder(path) as log:
        publisher = log._publisher
        made = []
        publisher._clock = lambda: now[0]
        place = publisher._place

        def slow(*arguments):
            now[0] += 1
            made.append(log.last_step)
            place(*arguments)

        publisher._place = slow
        for step in range(100):
            now[0] += 0.5
            log.snapshot(step, labels[step % 8])
        assert made == [0, 40, 80]


def test_the_mode_of_the_file_is_kept(path, labels):
    with recorder(path) as log:
        log.snapshot(0, labels[0])
    path.chmod(0o640)
    with recorder(path) as log:
        log.snapshot(1, labels[1])
    assert path.stat().st_mode & 0o777 == 0o640


# -- every command reads a log with, without, or only its journal


@pytest.fixture(params=["closed", "both", "behind", "journal alone", "continued"])
def recorded(request, path, labels):
    """A log of 8 snapshots in each state that it can be in."""
    options = {"true": labels[0], "hparams": {"lr": 0.5}}
    abandoned(path, labels, range(4), **options)
    if request.param in ("behind", "continued"):
        if request.param == "continued":
            recorder(path).close()
        held = path.read_bytes()
    abandoned(path, labels, range(4, 8), **options)
    if request.param == "closed":
        recorder(path).close()
    elif request.param == "journal alone":
        path.unlink()
    elif request.param != "both":
        path.write_bytes(held)
    return path


def test_every_command_reads_it(recorded, labels, tmp_path):
    plain = tmp_path / "plain" / "run.h5"
    plain.parent.mkdir()
    write_log(
        plain, {"train": labels}, n_classes=10, scalars={"loss": np.arange(8)}, hparams={"lr": 0.5},
        true={"train": labels[0]},
    )  # fmt: skip
    assert is_log(str(recorded))
    assert runs_of(recorded) == []
    facts, expected = (json.loads(succeeded(run("info", log, "--json"))) for log in (recorded, plain))
    assert facts.pop("layout").startswith(expected.pop("layout")[:7])
    assert facts.pop("source")
    assert expected.pop("source")
    assert facts == expected
    for command in (["fingerprint"], ["rqa", "--permutations", "9"]):
        assert succeeded(run(command[0], recorded, *command[1:])) == succeeded(run(command[0], plain, *command[1:]))
    assert succeeded(run("fingerprint", f"{recorded}::train")) == succeeded(run("fingerprint", plain))
    succeeded(run("diff", recorded, plain, "--exit-code", "--summary"))
    succeeded(run("render", recorded, "-o", tmp_path / "picture.png"))
    for by_columns in (1, 100, 10**6):
        panels = open_log(recorded).split().labels.column_panels(by_columns)
        np.testing.assert_array_equal(np.concatenate([panel.labels for panel in panels], axis=1), labels)


def test_results_do_not_replace_what_is_recorded(recorded):
    paths = [str(recorded), str(journal(recorded))] if journal(recorded).exists() else [str(recorded)]
    for path in paths:
        for source in (recorded, "sample_logs/lenet_wd_0.h5"):
            refused(run("fingerprint", source, "-o", path, "-t", "npz"), 2)


def test_info_says_who_records(path, labels):
    with recorder(path) as log:
        log.snapshot(0, labels[0])
        log.snapshot(1, labels[1])
        text = succeeded(run("info", path)).decode()
        assert f"native HDF5 and journal, version 1, being recorded by process {os.getpid()} on " in text
        assert succeeded(run("info", journal(path))) == succeeded(run("info", path))
    assert "journal" not in succeeded(run("info", path)).decode()


def test_a_journal_without_a_snapshot_says_so(path):
    log = recorder(path)
    refused(run("info", path), 3, "run.h5: holds no snapshot yet; wait for the first")
    log.close()
    refused(run("info", path), 3, "no such file")


def test_a_journal_of_another_run_is_refused(path, labels, tmp_path):
    abandoned(path, labels, range(3))
    other = tmp_path / "other.h5"
    write_log(other, {"train": labels}, n_classes=10)
    os.replace(other, path)
    for command in (["info"], ["fingerprint"]):
        refused(run(*command, path), 3, "is not the run that the journal run.h5.journal", "move one of the two away")
    with pytest.raises(InputError, match="move one of the two away"):
        recorder(path)


def test_a_log_whose_first_snapshots_are_gone_is_refused(path, labels):
    with recorder(path) as log:
        log.snapshot(0, labels[0])
    abandoned(path, labels, range(1, 3))
    path.unlink()
    refused(run("info", path), 3, "is missing, but the journal beside it continues its 1 snapshots")


def test_damage_is_not_taken_for_an_end(path, labels):
    abandoned(path, labels, range(5))
    path.unlink()
    whole = journal(path).read_bytes()
    begins = [i for i in range(len(whole)) if whole[i : i + 5] == b"NNRC\3"]
    for at in (0, 9, 30, begins[0] + 6, begins[1] + 50, begins[3] - 1):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        journal(path).write_bytes(damaged)
        refused(run("info", path), 3, "run.h5.journal: is damaged at byte", "restore a copy")
        with pytest.raises(InputError, match="is damaged at byte"):
            recorder(path)
        assert journal(path).read_bytes() == damaged


def test_every_flipped_byte_is_noticed(path, labels):
    abandoned(path, labels[:, :5], range(3), n_samples=5)
    path.unlink()
    whole = journal(path).read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        journal(path).write_bytes(damaged)
        try:
            found = open_log(path)
        except InputError as error:
            assert "damaged" in str(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(rows_of(path), labels[:2, :5])
            assert "ignored" in found.warnings[0]


def test_no_warning_where_nothing_went_wrong(path, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with recorder(path) as log:
            for step, row in enumerate(labels):
                log.snapshot(step, row)
    assert log.lost == []
