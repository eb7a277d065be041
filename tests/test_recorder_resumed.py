"""Recordings that are continued, published, and read by every command while they go on."""

import json
import os
import warnings

import h5py
import numpy as np
import pytest

from nntf_cli.errors import InputError, MismatchError, OutputError, ParameterError
from nntf_cli.labellog import is_log, open_log, runs_of, write_log
from nntf_cli.recorders import publishing as publishing_module
from recordings import N, journal, recorder, rows_of
from running import refused, run, succeeded

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
    refused(run("info", path), 3, "is missing, but the journal beside it continues its 1 snapshot")


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


@pytest.mark.parametrize("published", [True, False])
def test_an_interrupted_recording_is_checked_and_packed_but_not_repaired(path, labels, tmp_path, published):
    log = recorder(path)
    for step, row in enumerate(labels):
        log.snapshot(step, row)
    kept = journal(path).read_bytes()
    log.close()
    journal(path).write_bytes(kept)
    if not published:
        path.unlink()
    assert b"nothing wrong" in succeeded(run("check", path))
    assert b"8 snapshots" in succeeded(run("pack", path, "-o", tmp_path / "packed.h5"))
    np.testing.assert_array_equal(rows_of(tmp_path / "packed.h5"), labels)
    refused(run("repair", path, "-o", tmp_path / "repaired.h5"), 3, "has a journal beside it", "nntf pack")
    assert not (tmp_path / "repaired.h5").exists()
