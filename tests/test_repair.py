"""``nntf repair`` saves what was intact, says what was not, and makes nothing up."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import badlogs
from badinputs import CASES, LABELS, TRACE, C, N, T, hdf5, npz, npz_members, rewrite_npz
from goodlogs import GOOD
from nntf_cli import memory
from nntf_cli.files.rescue import lookup3
from nntf_cli.labellog import open_log, write_log
from nntf_cli.labellog.repair import _longest_increase
from running import refused, run, succeeded
from test_check import LOGS, NO_LOG
from test_pack import assert_same_log, labels_of

#: Cases of the corpus of which nothing can be saved, for there is no label in them, or no saying which.
NOTHING_LEFT = {
    "a_number_twice",
    "labels_0d",
    "labels_1d",
    "labels_4d",
    "labels_and_predictions",
    "labels_and_train_labels",
    "labels_complex",
    "labels_compound",
    "labels_is_a_group",
    "labels_is_a_type",
    "labels_null",
    "labels_of_references",
    "labels_of_text",
    "labels_of_text_in_hdf5",
    "labels_of_time",
    "labels_of_variable_length",
    "labels_pickled",
    "no_samples",
    "no_snapshots",
    "scores_of_one_class",
    "scores_of_one_class_per_snapshot",
    "two_families_of_numbered_arrays",
}


@pytest.fixture(autouse=True)
def one_gibibyte(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2.0**30)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "saved.h5"


def repaired(path, out):
    """Repair a log, and return what was said of it and the log that came out, which must be a good one."""
    said = json.loads(succeeded(run("repair", path, "-o", out, "-f", "--json")))
    assert run("check", out).code == 0
    return said["runs"][0], open_log(out)


@pytest.mark.parametrize("case", LOGS, ids=lambda case: case.name)
def test_whatever_is_wrong_there_is_a_good_log_or_none(case, tmp_path, out):
    address = case.make(tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file() and not path.is_symlink()}
    done = run("repair", address, "-o", out)
    if done.code:
        refused(done, 5 if case.code == 5 else 3)
        assert not list(out.parent.iterdir())
        assert case.make.__module__ == "badinputs" or case.name in NO_LOG | NOTHING_LEFT, done
    else:
        assert case.name not in NO_LOG | NOTHING_LEFT
        assert run("check", out).code == 0
        assert re.search(" snapshots? saved\n", done.out.decode())
    assert not (tmp_path / TRACE).exists()
    assert all(path.read_bytes() == content for path, content in files.items())


@pytest.mark.parametrize("make", GOOD, ids=lambda make: make.__name__)
def test_of_a_good_log_nothing_is_lost(make, tmp_path, out):
    address = str(make(tmp_path))
    done = succeeded(run("repair", address, "-o", out)).decode()
    assert "nothing is lost" in done
    if not open_log(address).chosen_split:
        assert_same_log(open_log(address), open_log(out))


def damaged_blocks(path, dataset, *places):
    """Change bytes in the blocks that hold these labels."""
    with h5py.File(path) as file:
        begin = [file[dataset].id.get_chunk_info_by_coord(place).byte_offset for place in places]
    content = bytearray(path.read_bytes())
    for place in begin:
        content[place + 12] ^= 0xFF
    path.unlink()
    path.write_bytes(content)


def test_damaged_blocks_become_missing_and_empty_snapshots_are_dropped(tmp_path, out):
    path = hdf5(tmp_path, labels={"data": LABELS, "chunks": (2, 4), "compression": "gzip", "fletcher32": True})
    damaged_blocks(path, "labels", (0, 4), (2, 0), (2, 4))
    said, log = repaired(path, out)
    expected = LABELS[[0, 1, 4, 5]].copy()
    expected[:2, 4:] = -1
    assert_array_equal(labels_of(log), expected)
    assert log.step.tolist() == [0, 10, 40, 50]
    assert_array_equal(log.scalars["loss"], np.linspace(1.0, 0.5, T)[[0, 1, 4, 5]])
    assert said["dropped"] == [{"snapshot": 2, "step": 20}, {"snapshot": 3, "step": 30}]
    assert said["labels"] == {"train": {"n_missing": 8, "steps": [0, 10]}}
    assert (said["others"], said["splits"], said["steps_lost"]) == ([], [], False)
    text = succeeded(run("repair", path, "-o", out, "-f")).decode()
    assert f"{path} -> {out}: 4 of 6 snapshots saved\n" in text
    assert "  lost: 2 snapshots, steps 20, 30\n" in text
    assert "  lost: 8 labels of split 'train', now missing, in 2 snapshots, steps 0, 10\n" in text


def test_a_snapshot_is_kept_if_one_split_of_it_is(tmp_path, out):
    path = tmp_path / "run.h5"
    write_log(path, {"train": LABELS, "test": LABELS[:, :3]}, n_classes=C)
    with h5py.File(path, "r+") as file:
        del file["labels/train"]
        file.create_dataset("labels/train", data=LABELS, dtype="u1", chunks=(1, N), compression="gzip", fletcher32=True)
    damaged_blocks(path, "labels/train", (3, 0))
    said, log = repaired(path, out)
    assert said["labels"] == {"train": {"n_missing": N, "steps": [3]}}
    assert said["dropped"] == []
    assert_array_equal(labels_of(log, "test"), LABELS[:, :3])
    expected = LABELS.copy()
    expected[3] = -1
    assert_array_equal(labels_of(log), expected)


def test_rows_that_were_never_written(tmp_path, out):
    path = badlogs.hdf5(tmp_path, labels={"shape": (T, N), "dtype": "u1", "chunks": (2, N)})
    with h5py.File(path, "r+") as file:
        file["labels"][2:4] = LABELS[2:4]
    said, log = repaired(path, out)
    assert_array_equal(labels_of(log), LABELS[2:4])
    assert log.step.tolist() == [20, 30]
    assert "only 1 of 3 blocks were ever written" in said["violations"][0]["cause"]


def test_what_stands_beside_is_left_out_as_a_whole(tmp_path, out):
    labels = LABELS.copy()
    labels[1, 2] = 7
    path = hdf5(tmp_path, labels=labels, loss=np.ones(T + 1), targets=[C] * N, class_names=["ant", "bee", "cat"])
    said, log = repaired(path, out)
    assert said["labels"] == {"train": {"n_missing": 1, "steps": [10]}}
    assert [where.rpartition(": ")[2] for where in said["others"]] == ["loss", "targets"]
    labels[1, 2] = -1
    assert_array_equal(labels_of(log), labels)
    assert list(log.scalars) == ["accuracy"]
    assert log.class_names == ("ant", "bee", "cat")
    assert log.split().true is None


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([0, 10, 20, 10, 20, 30], [0, 3, 4, 5]),  # went back and on: the later ones count
        ([0, 10, 10**9, 30, 40, 50], [0, 1, 3, 4, 5]),
        ([0, 10, 10, 20, 30, 40], [0, 2, 3, 4, 5]),
    ],
)
def test_steps_that_repeat_or_go_back(tmp_path, out, steps, kept):
    said, log = repaired(hdf5(tmp_path, iterations=steps), out)
    assert log.step.tolist() == [steps[i] for i in kept]
    assert_array_equal(labels_of(log), LABELS[kept])
    assert [one["snapshot"] for one in said["dropped"]] == [i for i in range(T) if i not in kept]


def test_steps_that_cannot_be_read_are_numbers(tmp_path, out):
    path = badlogs.native(tmp_path, lambda file: file.__delitem__("snapshots/step"))
    said, log = repaired(path, out)
    assert said["steps_lost"]
    assert log.step.tolist() == list(range(T))
    assert (
        "lost: the steps: snapshots are numbered, from 0 to 5, instead"
        in run("repair", path, "-o", out, "-f").out.decode()
    )


@given(st.lists(st.integers(0, 8), max_size=12))
def test_as_few_steps_as_possible_are_dropped(values):
    found = _longest_increase(values)
    chosen = [values[i] for i in found]
    assert found == sorted(set(found))
    assert chosen == sorted(set(chosen))
    best = [1] * len(values)
    for i in range(len(values)):
        best[i] += max((best[j] for j in range(i) if values[j] < values[i]), default=0)
    assert len(found) == max(best, default=0)


def test_a_damaged_array_of_an_npz_is_lost_as_a_whole(tmp_path, out):
    members = npz_members(npz(tmp_path))
    path = rewrite_npz(tmp_path / "run.npz", members.items())
    content = bytearray(path.read_bytes())
    content[content.index(members["loss.npy"]) + 130] ^= 1
    path.write_bytes(content)
    said, log = repaired(path, out)
    assert [where.rpartition(": ")[2] for where in said["others"]] == ["loss"]
    assert_array_equal(labels_of(log), LABELS)
    assert "loss" not in log.scalars


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_that_was_cut_off_gives_the_arrays_that_are_whole(tmp_path, out, save):
    path = tmp_path / "run.npz"
    save(path, steps=np.arange(T) * 3, labels=LABELS, loss=np.ones(T), accuracy=np.ones(T))
    content = path.read_bytes()
    for after, scalars in ((b"accuracy.npy", ["loss"]), (b"loss.npy", [])):
        path.write_bytes(content[: content.index(after) + 60])
        said, log = repaired(path, out)
        assert_array_equal(labels_of(log), LABELS)
        assert log.step.tolist() == list(range(0, 3 * T, 3))
        assert list(log.scalars) == scalars
        assert said["dropped"] == []
    path.write_bytes(content[: content.index(b"labels.npy") + 60])
    refused(run("repair", path, "-o", out, "-f"), 3, "has no dataset 'labels'")


def test_snapshots_of_their_own(tmp_path, out):
    rows = {f"epoch_{i}": LABELS[i, : N - (i == 3)] for i in range(T)}
    said, log = repaired(npz(tmp_path, labels=None, iterations=None, **rows), out)
    assert said["dropped"] == [{"snapshot": 3, "step": 3}]
    assert log.step.tolist() == [0, 1, 2, 4, 5]
    assert_array_equal(labels_of(log), LABELS[[0, 1, 2, 4, 5]])
    assert_array_equal(log.scalars["loss"], np.delete(np.linspace(1.0, 0.5, T), 3))


def test_several_runs(tmp_path, out):
    path = badlogs.several_runs(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["wd_0/labels/train"], file["wd_0/labels/test"]
    done = run("repair", path, "-o", out)
    assert done.code == 0, done
    assert f"{path}::wd_0: nothing could be saved" in done.out.decode()
    assert_same_log(open_log(f"{path}::wd_1"), open_log(out))


def test_the_input_is_never_written_to(tmp_path):
    path = hdf5(tmp_path)
    before = path.read_bytes()
    for name in (path, tmp_path / "link.h5"):
        if name != path:
            name.symlink_to(path)
        refused(run("repair", path, "-o", name, "-f"), 2, "is an input")
    refused(run("repair", "-", "-o", tmp_path / "x.h5"), 2, "from file to file")
    assert path.read_bytes() == before


def test_lookup3_is_that_of_hdf5(tmp_path):
    for n in range(1, 40):
        with h5py.File(tmp_path / f"{n}.h5", "w", libver="latest") as file:
            file.attrs["a" * n] = n
        head = (tmp_path / f"{n}.h5").read_bytes()[:48]
        assert lookup3(head[:44]) == int.from_bytes(head[44:], "little")
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551  # from lookup3.c


_KILLED = """
    import os, signal, sys, h5py, numpy as np
    file = h5py.File(sys.argv[1], "w", libver="latest")
    stored = file.create_dataset("labels", data=np.arange(48).reshape(6, 8) % 3, maxshape=(None, 8), chunks=(1, 8))
    file.swmr_mode = True
    stored.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
def test_a_writer_that_was_killed(tmp_path, out):
    path = tmp_path / "run.h5"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(_KILLED), path], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert run("info", path).code == 3
    _, log = repaired(path, out)
    assert_array_equal(labels_of(log), np.arange(48).reshape(6, 8) % 3)


def original(tmp_path, kind):
    """Return a log that is checksummed throughout, with its labels."""
    labels = np.random.default_rng(2).integers(0, 5, (12, 500))
    scalars = {"loss": np.linspace(1, 0, 12)}
    path = tmp_path / f"run.{kind.split()[0]}"
    write_log(path, {"train": labels}, n_classes=5, step=np.arange(12) * 3, scalars=scalars)
    if kind == "h5 in blocks":
        packed = tmp_path / "blocks.h5"
        with h5py.File(path) as file, h5py.File(packed, "w", libver=("v110", "v110")) as copy:
            options = {"chunks": (3, 64), "compression": "gzip", "fletcher32": True}
            copy.attrs.update(file.attrs)
            copy.create_group("run")
            copy.create_dataset("labels/train", data=file["labels/train"][()], **options)
            for name in ("step", "loss"):
                copy.create_dataset(
                    f"snapshots/{name}", data=file[f"snapshots/{name}"][()], compression="gzip", fletcher32=True
                )
        path = packed
    return path, labels


def assert_nothing_is_made_up(log, labels, steps_lost):
    found = labels_of(log)
    rows = log.step if steps_lost else log.step // 3
    if log.n_snapshots < 12 and steps_lost:
        return
    there = found != -1
    assert there.any()
    assert_array_equal(found[there], labels[rows][there])
    if not steps_lost:
        assert set(log.step) <= set(range(0, 36, 3))
        if "loss" in log.scalars:
            assert_array_equal(log.scalars["loss"], np.linspace(1, 0, 12)[rows])


@pytest.mark.parametrize("kind", ["h5", "h5 in blocks", "npz"])
@pytest.mark.parametrize("how", ["bytes", "stretches", "cut"])
def test_whatever_is_saved_of_a_damaged_log_is_as_it_was(kind, how, tmp_path, out):
    path, labels = original(tmp_path, kind)
    content = path.read_bytes()
    rng = np.random.default_rng(9)
    n_saved = 0
    for number in range(120):
        mutant = bytearray(content)
        if how == "bytes":
            for place in rng.integers(0, len(content), rng.integers(1, 6)):
                mutant[place] ^= rng.integers(1, 256)
        elif how == "stretches":
            begin = int(rng.integers(0, len(content)))
            mutant[begin : begin + 512] = bytes(len(mutant[begin : begin + 512]))
        else:
            del mutant[int(rng.integers(len(content) // 2, len(content))) :]
        damaged = tmp_path / f"damaged{number}"
        damaged.write_bytes(mutant)
        done = run("repair", damaged, "-o", out, "-f", "--json")
        assert done.code in (0, 3, 5), done
        if done.code == 0:
            n_saved += 1
            assert_nothing_is_made_up(open_log(out), labels, json.loads(done.out)["runs"][0]["steps_lost"])
            os.unlink(out)
        else:
            refused(done, done.code)
        assert not list(out.parent.iterdir())
        damaged.unlink()
    if kind == "h5 in blocks" and how != "cut":
        assert n_saved > 60


@pytest.mark.parametrize("chunks", [None, (2, 50)])
def test_a_file_that_was_cut_off_gives_what_lies_before(tmp_path, out, chunks):
    """As other programs write them: without checksums, the tables first and the labels last."""
    labels = np.random.default_rng(4).integers(1, 6, (40, 400)).astype("u1")
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file["steps"] = np.arange(40)
        file.create_dataset("labels", data=labels, chunks=chunks)
    content = path.read_bytes()
    saved = []
    for share in (0.3, 0.5, 0.8, 0.99):
        damaged = tmp_path / f"cut{share}.h5"
        damaged.write_bytes(content[: int(len(content) * share)])
        done = run("repair", damaged, "-o", out, "-f")
        if done.code == 0:
            log = open_log(out)
            found = labels_of(log)
            there = found != -1
            assert_array_equal(found[there], labels[log.step][there])
            saved.append(np.count_nonzero(there) / labels.size)
        else:
            refused(done, 3)
    if chunks is None:
        assert len(saved) == 4
        assert saved[3] > 0.9 > saved[0] > 0.1


def test_every_case_of_the_list_exists():
    assert {case.name for case in CASES} >= NOTHING_LEFT
