"""One reader for every layout; what is written is read back; labels stream."""

from __future__ import annotations

import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntf_cli.errors import InputError, ParameterError
from nntf_cli.files import store
from nntf_cli.labellog import describe, open_log, write_log
from nntf_cli.model import NO_MISSING

LABELS = np.random.default_rng(0).integers(0, 4, (6, 30))


def labels_of(log, split=None):
    """Put the panels back together, and check on the way that they tile the labels."""
    source = log.split(split).labels
    whole = np.full((source.n_snapshots, source.n_samples), 2**33)
    for row, column, part, width in source.panels():
        assert part.max(where=part != source.missing, initial=0) < width
        place = whole[row : row + part.shape[0], column : column + part.shape[1]]
        assert (place == 2**33).all()
        place[:] = part
        assert part.flags.c_contiguous
        assert part.dtype in (np.uint8, np.uint16, np.uint32)
    return whole


def write_everything(path, **changes):
    content = {
        "n_classes": 4,
        "step": np.arange(6) * 5,
        "scalars": {"loss": np.linspace(1, 0, 6), "test_accuracy": np.linspace(0, 1, 6)},
        "hparams": {"learning_rate": 0.1, "layers": 3, "augment": True, "optimizer": "sgd\u00e9"},
        "name": "my run",
        "class_names": ["a", "\u03b2", "c", "d"],
        "true": {"train": LABELS[0]},
        "ids": {"train": np.arange(30) + 100},
    }
    write_log(path, {"train": LABELS, "test": LABELS[:, :7]}, **(content | changes))


@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_what_is_written_is_read_back(tmp_path, ending):
    path = tmp_path / f"run.{ending}"
    write_everything(path)
    log = open_log(path)
    assert log.layout == f"native {'HDF5' if ending == 'h5' else 'NPZ'}, version 1"
    assert (log.name, log.n_classes, log.class_names) == ("my run", 4, ("a", "\u03b2", "c", "d"))
    assert log.hparams == {"learning_rate": 0.1, "layers": 3, "augment": True, "optimizer": "sgd\u00e9"}
    np.testing.assert_array_equal(log.step, np.arange(6) * 5)
    np.testing.assert_array_equal(log.scalars["loss"], np.linspace(1, 0, 6))
    np.testing.assert_array_equal(labels_of(log), LABELS)
    np.testing.assert_array_equal(labels_of(log, "test"), LABELS[:, :7])
    np.testing.assert_array_equal(log.splits["train"].true, LABELS[0])
    np.testing.assert_array_equal(log.splits["train"].ids, np.arange(30) + 100)


@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_the_same_content_gives_the_same_bytes(tmp_path, ending):
    paths = [tmp_path / f"{i}.{ending}" for i in range(2)]
    for path in paths:
        write_everything(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_native_file_is_what_the_layout_says(tmp_path):
    write_everything(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5") as file:
        assert file.attrs["format"] == b"nntf-labellog" or file.attrs["format"] == "nntf-labellog"
        assert (file.attrs["format-version"], file.attrs["n-classes"]) == (1, 4)
        labels = file["labels/train"]
        assert (labels.dtype, labels.compression, labels.fletcher32) == (np.uint8, "gzip", True)
        assert file["classes/name"].dtype.kind == "S"  # of fixed length
        assert set(file["snapshots"]) == {"step", "loss", "test_accuracy"}
        assert set(file["samples/train"]) == {"true", "id"}
        assert set(file["run"].attrs) == {"name", "learning_rate", "layers", "augment", "optimizer"}


@pytest.mark.parametrize(("n_classes", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4")])
def test_the_narrowest_type_with_room_for_missing(tmp_path, n_classes, dtype):
    path = tmp_path / "run.h5"
    labels = np.array([[0, -1], [n_classes - 1, 0]])
    write_log(path, {"train": labels}, n_classes=n_classes)
    with h5py.File(path) as file:
        assert file["labels/train"].dtype == dtype
    log = open_log(path)
    missing = int(np.iinfo(dtype).max)
    assert (log.split().labels.missing, log.split().labels.n_missing()) == (missing, 1)
    np.testing.assert_array_equal(labels_of(log), np.where(labels < 0, missing, labels))


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        ({}, {}, "at least one split"),
        (LABELS, {}, "must map at least one split to its labels"),
        ({"train": LABELS}, {"hparams": {"schedule": None}}, "hyperparameter 'schedule' is None, neither number"),
        ({"train": LABELS[0]}, {}, "must be whole numbers of shape"),
        ({"train": LABELS / 2}, {}, "must be whole numbers of shape"),
        ({"train": LABELS}, {"n_classes": 3}, "holds label 3, but there are 3 classes"),
        ({"train": LABELS, "test": LABELS[:3]}, {}, "has 3 snapshots, others 6"),
        ({"train": LABELS}, {"step": [0, 1, 2, 2, 3, 4]}, "not strictly increasing"),
        ({"train": LABELS}, {"scalars": {"loss": [1.0]}}, "snapshots/loss has 1 snapshot,"),
        ({"train": LABELS}, {"class_names": ["a"]}, "1 class names for 4 classes"),
        ({"train": LABELS}, {"true": {"test": LABELS[0]}}, "does not fit"),
        ({"train": LABELS}, {"true": {"train": LABELS[0] + 1}}, "class outside"),
    ],
)
def test_the_writer_refuses_what_does_not_fit(tmp_path, labels, changes, message):
    with pytest.raises(ParameterError, match=message):
        write_log(tmp_path / "run.h5", labels, **({"n_classes": 4} | changes))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_log_is_replaced_by_force_only(tmp_path):
    path = tmp_path / "run.h5"
    write_log(path, {"train": LABELS}, n_classes=4)
    before = path.read_bytes()
    with pytest.raises(ParameterError, match="exists already"):
        write_log(path, {"train": LABELS[:, :5]}, n_classes=4)
    assert path.read_bytes() == before
    write_log(path, {"train": LABELS[:, :5]}, n_classes=4, force=True)
    assert open_log(path).split().labels.n_samples == 5


FLAT = {
    "labels": LABELS.astype(np.uint8),
    "iterations": np.arange(6) * 100,
    "targets": LABELS[0],
    "loss": np.ones(6),
    "accuracy": np.ones(6) / 2,
    "test_labels": LABELS[:, :9],
    "test_targets": LABELS[0, :9],
    "test_accuracy": np.ones(6) / 4,
    "class_names": np.array(["w", "x", "y", "z"]),
}


@pytest.mark.parametrize("main", ["labels", "predictions"])
@pytest.mark.parametrize("steps", ["iterations", "steps", "epochs"])
def test_flat_npz(tmp_path, main, steps):
    content = {{"labels": main, "iterations": steps}.get(name, name): value for name, value in FLAT.items()}
    np.savez(tmp_path / "flat.npz", learning_rate=0.5, num_classes=4, **content)
    log = open_log(tmp_path / "flat.npz")
    assert (log.layout, log.name, list(log.splits)) == ("flat NPZ", "flat", ["train", "test"])
    assert log.hparams == {"learning_rate": 0.5}
    assert set(log.scalars) == {"loss", "accuracy", "test_accuracy"}
    assert log.class_names == ("w", "x", "y", "z")
    assert log.step[-1] == 500
    np.testing.assert_array_equal(labels_of(log, "test"), LABELS[:, :9])
    np.testing.assert_array_equal(log.splits["test"].true, LABELS[0, :9])


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 5), "compression": "gzip"}, {"chunks": (6, 3)}])
def test_flat_hdf5(tmp_path, options):
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        for name, value in FLAT.items():
            kind = "S1" if name == "class_names" else value.dtype
            file.create_dataset(name, data=value.astype(kind), **(options if name == "labels" else {}))
        file.attrs["momentum"] = 0.9
        file.attrs["notes"] = np.arange(3)  # not one scalar: no hyperparameter
        file.create_group("hparams").attrs["optimizer"] = "adam"
    log = open_log(tmp_path / "flat.h5")
    np.testing.assert_array_equal(labels_of(log), LABELS)
    assert log.hparams == {"momentum": 0.9, "optimizer": "adam"}
    assert log.declared_classes == 4


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", ">i4", ">u2", "f2", "f4", "f8", "?"])
@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_any_type_that_holds_whole_numbers(tmp_path, dtype, ending):
    labels = (LABELS % 2).astype(dtype)
    path = tmp_path / f"run.{ending}"
    if ending == "npz":
        np.savez(path, labels=labels)
    else:
        with h5py.File(path, "w") as file:
            file["labels"] = labels
    np.testing.assert_array_equal(labels_of(open_log(path)), LABELS % 2)


def test_in_flat_files_the_largest_byte_is_a_class(tmp_path):
    labels = np.array([[255, 0], [254, 255]], dtype=np.uint8)
    np.savez(tmp_path / "run.npz", labels=labels)
    log = open_log(tmp_path / "run.npz")
    assert (log.n_classes, log.split().labels.missing) == (256, NO_MISSING)
    np.testing.assert_array_equal(labels_of(log), labels)


@pytest.mark.parametrize("names", [["9", "10", "100"], ["epoch_9", "epoch_010", "epoch_100"]])
def test_numbered_snapshots_are_ordered_by_number(tmp_path, names):
    np.savez(tmp_path / "run.npz", **{name: LABELS[i] for i, name in reversed(list(enumerate(names)))})
    log = open_log(tmp_path / "run.npz")
    assert (log.layout, log.step.tolist()) == ("NPZ, one array per snapshot", [9, 10, 100])
    np.testing.assert_array_equal(labels_of(log), LABELS[:3])


@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_numbered_snapshots_in_a_group_with_what_stands_beside(tmp_path, ending):
    content = {f"snapshot/{i:06d}": LABELS[i] for i in range(6)} | {"targets": LABELS[0], "loss": np.arange(6.0)}
    path = tmp_path / f"run.{ending}"
    if ending == "npz":
        np.savez(path, **content)
    else:
        with h5py.File(path, "w") as file:
            for name, value in content.items():
                file[name] = value
    log = open_log(path)
    np.testing.assert_array_equal(labels_of(log), LABELS)
    assert log.scalars["loss"].tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(log.split().true, LABELS[0])


def test_labels_win_over_numbered_arrays(tmp_path):
    np.savez(tmp_path / "run.npz", labels=LABELS, **{"1": LABELS[3], "2": LABELS[4]})
    np.testing.assert_array_equal(labels_of(open_log(tmp_path / "run.npz")), LABELS)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "i4"])
def test_scores_become_labels_by_argmax_lowest_class_on_ties(tmp_path, order, dtype):
    scores = np.random.default_rng(1).integers(0, 3, (5, 8, 4)).astype(dtype)
    np.savez(tmp_path / "run.npz", labels=np.asarray(scores, order=order))
    log = open_log(tmp_path / "run.npz")
    np.testing.assert_array_equal(labels_of(log), scores.argmax(axis=2))
    assert "holds scores" in log.warnings[0]
    assert log.n_classes == 4
    np.savez(tmp_path / "single.npz", **{f"epoch{i}": s for i, s in enumerate(scores)})
    np.testing.assert_array_equal(labels_of(open_log(tmp_path / "single.npz")), scores.argmax(axis=2))


def several_runs(path):
    with h5py.File(path, "w") as file:
        for i, name in enumerate(["wd_0", "deep/wd_1"]):
            group = file.create_group(name)
            group.attrs["format"] = "nntf-labellog"
            group.attrs["format-version"] = 1
            group.attrs["n-classes"] = 4
            for split in ("train", "test"):
                group[f"labels/{split}"] = (LABELS[:, i:]).astype(np.uint8)
            group["snapshots/step"] = np.arange(6)
        file["unknown"] = np.zeros(3)


def test_several_runs_in_a_file_are_addressed_by_group(tmp_path):
    path = tmp_path / "sweep.h5"
    several_runs(path)
    log = open_log(f"{path}::deep/wd_1")
    assert (log.name, log.source) == ("sweep::deep/wd_1", f"{path}::deep/wd_1")
    np.testing.assert_array_equal(labels_of(log), LABELS[:, 1:])
    assert open_log(f"{path}::wd_0::test").split().name == "test"
    with pytest.raises(ParameterError, match="names split 'test', but --split asks for 'train'"):
        open_log(f"{path}::wd_0::test").split("train")
    with pytest.raises(InputError, match=r"holds 2 runs \(deep/wd_1, wd_0\); name one: .*::deep/wd_1"):
        open_log(path)
    with pytest.raises(InputError, match="neither a run nor a split 'val'"):
        open_log(f"{path}::wd_0::val")


def test_a_split_may_be_part_of_the_address(tmp_path):
    write_everything(tmp_path / "run.h5")
    log = open_log(f"{tmp_path}/run.h5::test")
    assert (log.split().name, log.name) == ("test", "my run")


def test_the_default_split_is_the_only_one_else_train(tmp_path):
    np.savez(tmp_path / "one.npz", val_labels=LABELS)
    assert open_log(tmp_path / "one.npz").split().name == "val"
    np.savez(tmp_path / "two.npz", val_labels=LABELS, test_labels=LABELS)
    with pytest.raises(InputError, match="no split 'train'; name one with --split: val, test"):
        open_log(tmp_path / "two.npz").split()
    with pytest.raises(InputError, match="no split 'eval'; it has: val, test"):
        open_log(tmp_path / "two.npz").split("eval")


@pytest.mark.parametrize(
    ("choice", "steps"),
    [
        ({"every": 2}, [0, 10, 20]),
        ({"every": 4}, [0, 20]),
        ({"from_step": 7}, [10, 15, 20, 25]),
        ({"from_step": 5, "to_step": 20, "every": 2}, [5, 15]),
    ],
)
@pytest.mark.parametrize("rows_at_a_time", [1, 4, 99])
def test_snapshots_are_chosen_by_range_and_number(tmp_path, monkeypatch, choice, steps, rows_at_a_time):
    write_everything(tmp_path / "run.h5")
    monkeypatch.setattr("nntf_cli.files.hdf5.PANEL_BYTES", 30 * rows_at_a_time)
    log = open_log(tmp_path / "run.h5").select(**choice)
    assert log.step.tolist() == steps
    rows = np.array(steps) // 5
    np.testing.assert_array_equal(labels_of(log), LABELS[rows])
    np.testing.assert_array_equal(log.scalars["loss"], np.linspace(1, 0, 6)[rows])
    np.testing.assert_array_equal(next(log.split().labels.column_panels(10**6)).labels, LABELS[rows])


def test_an_empty_choice_is_refused(tmp_path):
    write_everything(tmp_path / "run.h5")
    with pytest.raises(ParameterError, match="no snapshot lies between --from and --to; steps run from 0 to 25"):
        open_log(tmp_path / "run.h5").select(from_step=26)


@settings(deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 40)),
    chunks=st.tuples(st.integers(1, 9), st.integers(1, 40)),
    panel_bytes=st.integers(1, 100),
    column_bytes=st.integers(1, 400),
    layout=st.sampled_from(["contiguous", "chunked", "C", "F", "single"]),
)
def test_panels_tile_the_labels_however_they_are_stored(
    tmp_path_factory, shape, chunks, panel_bytes, column_bytes, layout
):
    labels = np.random.default_rng(0).integers(0, 250, shape).astype(np.uint8)
    path = tmp_path_factory.mktemp("panels") / "run"
    if layout in ("contiguous", "chunked"):
        with h5py.File(path, "w") as file:
            limits = tuple(min(c, n) for c, n in zip(chunks, shape, strict=True))
            file.create_dataset("labels", data=labels, chunks=limits if layout == "chunked" else None)
    else:
        content = {f"s{i}": row for i, row in enumerate(labels)} if layout == "single" else {
            "labels": np.asarray(labels, order=layout)
        }  # fmt: skip
        with open(path, "wb") as stream:
            np.savez_compressed(stream, **content)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("files.hdf5", "files.npz", "labellog.labels"):
            patch.setattr(f"nntf_cli.{module}.PANEL_BYTES", panel_bytes)
        log = open_log(path)
        np.testing.assert_array_equal(labels_of(log), labels)
        columns = list(log.split().labels.column_panels(column_bytes))
    assert [panel.row for panel in columns] == [0] * len(columns)
    np.testing.assert_array_equal(np.concatenate([panel.labels for panel in columns], axis=1), labels)


@pytest.mark.parametrize("layout", ["contiguous", "rows", "columns", "npz"])
def test_memory_does_not_grow_with_the_log(tmp_path, layout):
    n_snapshots, n_samples = 400, 250_000  # 100 MB of labels
    path = tmp_path / "run"
    if layout == "npz":
        with open(path, "wb") as stream:
            np.savez_compressed(stream, labels=np.zeros((n_snapshots, n_samples), dtype=np.uint8))
    else:
        chunks = {"contiguous": None, "rows": (1, n_samples), "columns": (n_snapshots, 4096)}[layout]
        with h5py.File(path, "w") as file:
            data = np.zeros((n_snapshots, n_samples), dtype=np.uint8)
            file.create_dataset("labels", data=data, chunks=chunks, compression=chunks and "gzip")
            del data
    log = open_log(path)
    tracemalloc.start()
    for _ in log.split().labels.panels():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * store.PANEL_BYTES


def test_names_are_utf_8_whatever_h5py_calls_the_bytes(tmp_path):
    """Two that differ only beyond ASCII must not become one."""
    path, names = tmp_path / "run.h5", ["p\u00e9che", "p\u00eache", "\u6843"]
    with h5py.File(path, "w") as file:
        file["labels"] = np.array([[0, 1, 2]] * 2, np.uint8)
        file["class_names"] = np.array([name.encode() for name in names])  # h5py marks it as ASCII
    assert open_log(path).class_names == tuple(names)


def test_every_split_is_validated_even_if_another_is_asked_for(tmp_path):
    bad = LABELS[:, :5].astype(np.int8)
    bad[2, 3] = -7
    np.savez(tmp_path / "run.npz", labels=LABELS, test_labels=bad)
    log = open_log(tmp_path / "run.npz")
    with pytest.raises(InputError, match="label -7 of snapshot 2, sample 3 is negative"):
        _ = log.n_classes


def test_a_snapshot_left_out_is_validated_all_the_same(tmp_path):
    bad = LABELS.astype(np.int8)
    bad[1, 0] = -1
    np.savez(tmp_path / "run.npz", labels=bad)
    with pytest.raises(InputError, match="snapshot 1, sample 0 is negative"):
        list(open_log(tmp_path / "run.npz").select(every=2).split().labels.panels())


def test_description(tmp_path):
    labels = np.array([[0, 1, 2], [1, 1, 2], [1, 1, 2], [1, 2, 2], [1, 2, 2]])
    labels[0, 2] = -1
    write_log(
        tmp_path / "run.h5",
        {"train": labels},
        n_classes=3,
        step=[0, 10, 20, 30, 40],
        scalars={"loss": [3, 1, np.nan, 2, 1.5], "accuracy": [0, 0.5, 0.4, np.inf, 0.3]},
    )
    facts = describe(open_log(tmp_path / "run.h5"))
    assert facts["steps"] == {"first": 0, "last": 40, "every": 10}
    train = facts["splits"]["train"]
    assert (train["n_missing"], train["n_quiet"], train["quiet_steps"], train["quiet_from_step"]) == (
        1,
        2,
        [20, 40],
        30,
    )
    assert (train["moved_first"], train["moved_last"]) == (1, 0)
    assert facts["scalars"]["loss"] == {"first": 3.0, "last": 1.5, "best": 1.0, "best_step": 10}
    assert facts["scalars"]["accuracy"]["best"] == 0.5
    assert facts["warnings"] == ["1 label of split 'train' is missing"]


def _stored(folder, layout, labels):
    if layout == "one npz array":
        np.savez(folder / "run.npz", labels=labels)
    elif layout == "npz per snapshot":
        np.savez(folder / "run.npz", **{f"epoch_{i}": row for i, row in enumerate(labels)})
    else:
        with h5py.File(folder / "run.h5", "w") as file:
            file.create_dataset("labels", data=labels, chunks=layout)
    return next(folder.iterdir())


@pytest.mark.parametrize("layout", [None, (1, 90), (24, 16), (2, 32), (2, 90), "one npz array", "npz per snapshot"])
def test_blocks_tile_the_labels_and_are_read_alone(tmp_path, monkeypatch, layout):
    labels = np.random.default_rng(0).integers(0, 9, (24, 90)).astype(np.uint16)
    whole = open_log(_stored(tmp_path, layout, labels)).split().labels
    monkeypatch.setattr("nntf_cli.files.hdf5.PANEL_BYTES", 300)
    blocks, seen = whole.blocks(500), np.zeros(labels.shape, int)
    assert len(blocks) == 1 if layout == "one npz array" else len(blocks) > 1
    assert whole.n_bytes == labels.nbytes
    for block in blocks:
        part = whole.part(block)
        assert (part.n_snapshots, part.n_samples) == (block.bottom - block.top, block.right - block.left)
        for panel in part.panels():
            place = np.s_[panel.row :, panel.column :]
            n_rows, n_columns = panel.labels.shape
            np.testing.assert_array_equal(panel.labels, labels[place][:n_rows, :n_columns])
            seen[place][:n_rows, :n_columns] += 1
            assert block.top <= panel.row
            assert panel.row + n_rows <= block.bottom
    assert (seen == 1).all()
    if layout != "one npz array":
        (row,) = whole.part(blocks[-1]._replace(top=7, bottom=8)).panels()
        np.testing.assert_array_equal(row.labels[0], labels[7, blocks[-1].left : blocks[-1].right])
