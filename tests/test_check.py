"""``nntf check`` names all that a reader would refuse, not only the first of it."""

import json

import h5py
import numpy as np
import pytest

import badlogs
from badinputs import CASES, LABELS, TRACE, C, N, T, hdf5, npz
from goodlogs import GOOD
from nntf_cli import memory
from nntf_cli.labellog.writer import write_log
from running import error_of, refused, run

#: Files of the corpus that are no log at all, or of a version whose rules are not known.
NO_LOG = {
    "another_schema",
    "fingerprint_given_as_log",
    "labels_in_capitals",
    "digits_of_another_script",
    "native_of_another_kind",
    "native_of_version_2",
    "newer_schema",
    "no_labels",
    "nothing_in_it",
    "nothing_in_the_npz",
    "npy_given_as_log",
    "run_that_is_not_there",
    "schema_version_as_text",
    "split_that_is_not_there",
}

#: Good logs: what is odd about them is the command line that met them.
NOT_WRONG = {
    "one_snapshot",
    "one_snapshot_chosen",
    "several_runs",
    "split_asked_for_is_not_there",
    "splits_without_train",
}

#: Those of matrices register themselves where their module is imported.
LOGS = [case for case in CASES if case.make.__module__ in ("badinputs", "badlogs")]


@pytest.fixture(autouse=True)
def one_gibibyte(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2.0**30)


@pytest.mark.parametrize("case", LOGS, ids=lambda case: case.name)
def test_whatever_a_reader_refuses_is_named(case, tmp_path):
    address = case.make(tmp_path)
    done = run("check", address)
    out = done.out.decode()
    if case.name in NOT_WRONG:
        assert done.code == 0, (out, done.err)
        assert "nothing wrong" in out
    elif case.make.__module__ == "badlogs" and case.name not in NO_LOG:
        assert done.code == 1, done
        assert done.err == ""
        *violations, total = out.splitlines()
        assert any(all(part in line for part in case.fragments) for line in violations), out
        assert total == f"{len(violations)} violation{'s' * (len(violations) > 1)} in 1 log"
        assert all(line.startswith(str(address)) and "; " in line for line in violations), out
    elif done.code == 1:
        assert any(all(part in line for part in case.fragments) for line in out.splitlines()), out
    else:
        refused(done, case.code, *case.fragments)
    assert not (tmp_path / TRACE).exists()


@pytest.mark.parametrize("make", GOOD, ids=lambda make: make.__name__)
def test_good_logs_pass(make, tmp_path):
    done = run("check", make(tmp_path))
    assert (done.code, done.err) == (0, ""), done
    assert f"{T} snapshots" in done.out.decode()


def test_every_violation_is_named_not_only_the_first(tmp_path):
    wrong = LABELS.astype("u1")
    wrong[2, 3] = wrong[4, 5] = 9

    def spoil(file):
        file["labels/train"].write_direct(wrong)
        badlogs.replace(file, "labels/test", np.full((T, 5), -2))
        badlogs.replace(file, "snapshots/step", [0, 2, 1, 4, 3, 5])
        badlogs.replace(file, "snapshots/loss", np.ones(T - 1))
        file["snapshots/accuracy"] = np.array([b"much"] * T)
        file["samples/train/true"] = [0, 1, 2, 3, 4, 0, 0, 0]
        file["samples/train/id"] = np.arange(N + 1)
        file["classes/name"] = np.array([b"ant", b"bee"])

    path = badlogs.native(tmp_path, spoil)
    done = run("check", path)
    assert done.code == 1
    lines = done.out.decode().splitlines()
    for place, what in (
        ("labels/train", "label 9 of snapshot 2, sample 3 is no class: the file says that there are 3 (and 1 more)"),
        ("labels/test", f"label -2 of snapshot 0, sample 0 is negative (and {T * 5 - 1} more)"),
        ("snapshots/step", "is not strictly increasing: 2 is followed by 1 at snapshot 2 (and 1 more)"),
        ("snapshots/loss", "has length 5, expected 6"),
        ("snapshots/accuracy", "must be a list of numbers, found text"),
        ("samples/train/true", "true class 3 of sample 3 is outside the 3 classes (and 1 more)"),
        ("samples/train/id", "has length 9, expected 8"),
        ("classes/name", "has length 2, expected 3"),
    ):
        assert sum(line.startswith(f"{path}: {place}: {what}") for line in lines) == 1, (place, lines)
    assert f"{path}: labels/test: has type int64, the native layout uint8, uint16 or uint32" in done.out.decode()
    assert len(lines) == 10
    assert lines[-1] == "9 violations in 1 log"
    assert run("check", path).out == done.out
    found = json.loads(run("check", path, "--json").out)
    assert found["n_violations"] == 9
    assert found["logs"][0]["violations"][0]["where"] == f"{path}: labels/test"


def test_damaged_blocks_are_named_with_what_they_held(tmp_path):
    path = hdf5(tmp_path, labels={"data": LABELS, "chunks": (2, 4), "compression": "gzip", "fletcher32": True})
    with h5py.File(path) as file:
        places = [file["labels"].id.get_chunk_info_by_coord(at).byte_offset for at in ((2, 0), (4, 4))]
    content = bytearray(path.read_bytes())
    for place in places:
        content[place + 12] ^= 0xFF
    path.write_bytes(content)
    done = run("check", path)
    assert done.code == 1
    first, *others = done.out.decode().splitlines()
    assert first.startswith(f"{path}: labels: is damaged or truncated (")
    assert "snapshots 2 to 3, samples 0 to 3" in first
    assert "(and 1 more)" in first or "snapshots 4 to 5, samples 4 to 7" in others[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: npz(folder), "checksums of 6 arrays verified"),
        (lambda folder: hdf5(folder), "no checksums: integrity cannot be verified"),
        (lambda folder: badlogs.native(folder), "checksums of 4 arrays verified"),
        (
            lambda folder: hdf5(folder, labels={"data": LABELS, "chunks": (2, N), "fletcher32": True}),
            "checksums of 1 array verified, 5 arrays without checksums: their integrity cannot be verified",
        ),
    ],
)
def test_what_was_verified_is_said(make, words, tmp_path):
    path = make(tmp_path)
    done = run("check", path)
    assert done.code == 0
    assert words in done.out.decode()
    assert f"{path}: nothing wrong: " in done.out.decode()
    assert f"{T} snapshots, train {N} samples" in done.out.decode()


def test_several_logs(tmp_path):
    good, bad = hdf5(tmp_path), npz(tmp_path, labels=LABELS + 1)
    done = run("check", good, bad, good)
    assert done.code == 1
    assert done.out.decode().splitlines()[-1] == "1 violation in 1 of 3 logs"
    done = run("check", bad, tmp_path / "nowhere.h5")
    assert done.code == 3
    assert "no such file" in error_of(done)
    assert b"is no class" in done.out
    assert run("check", good, good).out.decode().endswith("nothing wrong in 2 logs\n")


def test_all_runs_of_a_file_are_checked(tmp_path):
    path = badlogs.several_runs(tmp_path)
    with h5py.File(path, "r+") as file:
        badlogs.replace(file, "wd_1/snapshots/step", np.zeros(T))
    done = run("check", path)
    assert done.code == 1
    lines = done.out.decode().splitlines()
    assert lines[0].startswith(f"{path}::wd_0: nothing wrong")
    assert lines[1].startswith(f"{path}::wd_1: snapshots/step: is not strictly increasing")
    assert run("check", f"{path}::wd_0").code == 0


def test_a_log_through_a_pipe(tmp_path):
    write_log(tmp_path / "run.h5", {"train": LABELS}, n_classes=C)
    done = run("check", "-", stdin=(tmp_path / "run.h5").read_bytes())
    assert done.code == 0, done
    assert done.out.startswith(b"-: nothing wrong")


def test_missing_labels_are_no_violation(tmp_path):
    write_log(tmp_path / "run.h5", {"train": np.where(LABELS == 1, -1, LABELS)}, n_classes=C)
    done = run("check", tmp_path / "run.h5")
    assert done.code == 0
    assert f"({np.count_nonzero(LABELS == 1)} labels missing)" in done.out.decode()
