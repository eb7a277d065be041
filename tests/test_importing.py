"""Every layout that is imported, end to end: the log holds what the source did, its fingerprint is the naive one."""

import csv
import json

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import naive
from foreign import IDS, LABELS, LAYOUTS, LOSS, NAMES, STEPS, TRUE, C, N, T, jsonl, lm_eval_record, pickled, table
from nntf_cli import memory
from nntf_cli.cli.group import nntf
from nntf_cli.importing import LAYOUTS as READ
from nntf_cli.importing.numbering import steps_of
from nntf_cli.labellog import open_log
from running import refused, run, succeeded


@pytest.fixture(autouse=True)
def one_gibibyte(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2.0**30)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def imported(folder, *arguments):
    """Import and return (log, labels by split with -1 for missing, what was said)."""
    path = folder.parent / "run.h5"
    done = run("import", *arguments, "-o", path)
    assert succeeded(done) == b""
    succeeded(run("info", path))
    labels = {}
    with h5py.File(path) as file:
        for split, stored in file["labels"].items():
            values = stored[:].astype(np.int64)
            labels[split] = np.where(values == np.iinfo(stored.dtype).max, -1, values)
    return open_log(path), labels, done.err


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read(name, folder):
    write, steps, split, has = LAYOUTS[name]
    log, labels, said = imported(folder, *write(folder), *has.get("options", ()))
    assert list(labels) == [split]
    assert_array_equal(labels[split], LABELS)
    assert log.step.tolist() == steps
    assert log.n_classes == C
    assert log.class_names == (tuple(NAMES) if has.get("named") else None)
    ids = log.splits[split].ids
    expected = {True: IDS, "numbers": list(range(N))}.get(has.get("ids"))
    assert (None if ids is None else ids.tolist()) == expected
    if has.get("true"):
        assert_array_equal(log.splits[split].true, TRUE)
    else:
        assert log.splits[split].true is None
    assert set(has.get("scalars", ())) <= set(log.scalars)
    if "loss" in log.scalars:
        assert_array_equal(log.scalars["loss"], LOSS)
    assert f"{T} snapshots x {N} samples ({split}); {C} classes" in said
    assert ("largest score" in said) == bool(has.get("scored"))
    assert ("sorted by id" in said) == bool(has.get("shuffled"))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_fingerprint_is_the_naive_one(name, folder):
    write, _, _, has = LAYOUTS[name]
    imported(folder, *write(folder), *has.get("options", ()))
    matrix = folder.parent / "D.npy"
    succeeded(run("fingerprint", folder.parent / "run.h5", "-o", matrix))
    assert_array_equal(np.load(matrix), naive.distances(naive.transitions(LABELS, C)))


def test_every_layout_is_written_by_some_test_and_offered():
    names = {name.split("_of")[0].split("_in_")[0] for name in LAYOUTS}
    assert {"pickle", "npy", "npz", "folder", "csv_wide", "csv_long", "cartography", "lm_eval"} <= names
    option = next(p for p in nntf.get_command(None, "import").params if p.name == "layout")
    assert tuple(option.type.choices) == tuple(READ)


@pytest.mark.parametrize("name", LAYOUTS)
def test_said_instead_of_recognised(name, folder):
    write, _, split, has = LAYOUTS[name]
    sources = write(folder)
    _, _, said = imported(folder, *sources, *has.get("options", ()), "--split", "dev")
    words = next(layout.name for layout in READ.values() if f": {layout.words};" in said)
    _, labels, _ = imported(folder, *sources, *has.get("options", ()), "--from", words, "--force", "-q")
    assert_array_equal(labels[split], LABELS)


def test_the_twin(folder):
    np.save(folder / "run.npy", LABELS)
    succeeded(run("import", folder / "run.npy", "-o", folder / "run.npz", "-q"))
    assert open_log(folder / "run.npz").layout == "native NPZ, version 1"


# ---- missing samples, missing labels -----------------------------------------------------------------------------


def test_a_sample_that_a_snapshot_leaves_out_is_missing_there(folder):
    rows = [(t, IDS[i], LABELS[t, i]) for t in range(T) for i in range(N) if (t, i) not in ((2, 3), (4, 0))]
    log, labels, said = imported(folder, *table(folder / "run.csv", ("step", "sample", "label"), rows))
    expected = LABELS.copy()
    expected[2, 3] = expected[4, 0] = -1
    assert_array_equal(labels["train"], expected)
    assert "2 labels missing" in said
    matrix = folder.parent / "D.npy"
    succeeded(run("fingerprint", folder.parent / "run.h5", "-o", matrix))
    assert_array_equal(np.load(matrix), naive.distances(naive.transitions(expected, C, missing=-1)))
    assert log.splits["train"].ids.tolist() == IDS


@pytest.mark.parametrize("nothing", ["", "NA", "nan", "null"])
def test_cells_that_say_nothing_are_missing_among_numbers(folder, nothing):
    rows = LABELS.T.tolist()
    rows[3][2] = nothing
    _, labels, said = imported(folder, *table(folder / "run.csv", [f"e{s}" for s in STEPS], rows))
    assert labels["train"][2, 3] == -1
    assert "1 label missing" in said


def test_numbers_that_pandas_made_floats_of(folder):
    rows = [[f"{label}.0" for label in row] for row in LABELS.T]
    rows[0][0] = ""
    _, labels, _ = imported(folder, *table(folder / "run.csv", [f"e{s}" for s in STEPS], rows))
    assert labels["train"][0, 0] == -1
    assert_array_equal(labels["train"].ravel()[1:], LABELS.ravel()[1:])


def test_samples_that_come_later(folder):
    for t in range(3):
        records = [{"guid": i, f"logits_epoch_{t}": np.eye(C)[LABELS[t, i]].tolist(), "gold": 0} for i in range(4 + t)]
        jsonl(folder / f"dynamics_epoch_{t}.jsonl", records)
    log, labels, said = imported(folder, folder)
    expected = LABELS[:3, :6].copy()
    expected[0, 4:] = expected[1, 5:] = -1
    assert_array_equal(labels["train"], expected)
    assert log.splits["train"].true.tolist() == [0] * 6
    assert "3 labels missing" in said


def test_tasks_become_splits(folder):
    for t, step in enumerate(STEPS):
        for task in ("arc_easy", "piqa"):
            place = folder / f"checkpoint-{step}" / f"samples_{task}_2024-05-01T10-00-00.1.jsonl"
            jsonl(place, [lm_eval_record(i, LABELS[t, i], 0) for i in range(N)])
    _, labels, _ = imported(folder, folder)
    assert list(labels) == ["arc_easy", "piqa"]
    assert_array_equal(labels["piqa"], LABELS)


def test_splits_of_a_long_table(folder):
    rows = [(s, t, i, LABELS[t, i]) for s in ("train", "test") for t in range(T) for i in range(N)]
    _, labels, _ = imported(folder, *table(folder / "run.csv", ("split", "step", "id", "label"), rows))
    assert_array_equal(labels["test"], labels["train"])


def test_splits_are_called_what_a_file_can_hold(folder):
    rows = [(split, t, i, LABELS[t, i]) for split in ("a/b", "..") for t in range(T) for i in range(N)]
    _, labels, _ = imported(folder, *table(folder / "run.csv", ("split", "step", "id", "label"), rows))
    assert set(labels) == {"a_b", ".._"}


def test_a_class_that_is_never_predicted_counts(folder):
    rows = [(t, i, 0.5, 0.4, 0.1) for t in range(2) for i in range(3)]
    source = table(folder / "run.csv", ("step", "id", "score_0", "score_1", "score_2"), rows)
    assert imported(folder, *source)[0].n_classes == 3
    rows = [(i, "[0.1, 0.2, 0.3, 0.05]", "[0.1, 0.2, 0.3, 0.05]") for i in range(3)]
    source = table(folder / "wide.csv", ("id", "e1", "e2"), rows)
    assert imported(folder, *source, "-f")[0].n_classes == 4


def test_what_only_python_takes_for_a_space_is_stripped(folder):
    _, labels, _ = imported(
        folder, *table(folder / "run.csv", ("id", "e1", "e2"), [(0, "2\x1d", "1"), (1, "1", "\xa01")])
    )
    assert labels["train"].tolist() == [[2, 1], [1, 1]]
    succeeded(run("import", *table(folder / "other.csv", ("0\x1d", "1"), [(0, 1)]), "-o", folder / "other.h5"))


# ---- what is given beside the source -------------------------------------------------------------------------------


def test_true_ids_and_classes_beside_an_array(folder):
    np.save(folder / "run.npy", LABELS)
    np.save(folder / "y.npy", TRUE)
    (folder / "ids.txt").write_text("\n".join(IDS) + "\n")
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    log, _, _ = imported(
        folder, folder / "run.npy", "--true", folder / "y.npy", "--ids", folder / "ids.txt",
        "--classes", folder / "names.txt", "--hparam", "lr=0.1", "--hparam", "batch=32", "--hparam", "nesterov=true",
        "--hparam", "optimizer==SGD", "--hparam", "tag=1_000",
    )  # fmt: skip
    assert_array_equal(log.splits["train"].true, TRUE)
    assert log.splits["train"].ids.tolist() == IDS
    assert log.class_names == tuple(NAMES)
    assert dict(log.hparams) == {"lr": 0.1, "batch": 32, "nesterov": True, "optimizer": "=SGD", "tag": "1_000"}


def test_true_classes_by_id_and_name(folder):
    write, *_ = LAYOUTS["csv_long"]
    source = write(folder)
    table(folder / "y.csv", ("id", "label"), [(IDS[i], NAMES[TRUE[i]]) for i in reversed(range(N))])
    log, _, _ = imported(folder, *source, "--true", folder / "y.csv")
    assert_array_equal(log.splits["train"].true, TRUE)


def test_classes_in_an_order_of_their_own(folder):
    (folder / "names.txt").write_text("cat\nbee\nant\nunused\n")
    source = table(folder / "run.csv", [f"e{s}" for s in STEPS], np.array(NAMES)[LABELS.T])
    log, labels, _ = imported(folder, *source, "--classes", folder / "names.txt")
    assert log.class_names == ("cat", "bee", "ant", "unused")
    assert_array_equal(labels["train"], 2 - LABELS)


def test_signs_as_names_of_classes(folder):
    (folder / "names.txt").write_text("-1\n1\n")
    source = table(folder / "run.csv", ("id", "e1", "e2"), [(0, "-1", "1"), (1, "1", "-1")])
    _, labels, _ = imported(folder, *source, "--classes", folder / "names.txt")
    assert labels["train"].tolist() == [[0, 1], [1, 0]]


def keras(path):
    rows = [(step, 1 - LOSS[t], LOSS[t], "NA" if t else 0.5) for t, step in enumerate(STEPS)]
    table(path, ("epoch", "accuracy", "loss", "val_loss"), rows)
    return path


def lightning(path):
    """Validation and training stand on rows of their own."""
    rows = [(step // 5, step, "", LOSS[t]) for t, step in enumerate(STEPS)]
    rows += [(step // 5, step, 1 - LOSS[t], "") for t, step in enumerate(STEPS)]
    table(path, ("epoch", "step", "val_acc", "train/loss"), rows)
    return path


def test_scalars_of_keras(folder):
    log, _, _ = imported(folder, *LAYOUTS["folder_of_npy"][0](folder), "--scalars", keras(folder.parent / "log.csv"))
    assert_array_equal(log.scalars["loss"], LOSS)
    assert_array_equal(log.scalars["val_loss"], [0.5] + [np.nan] * (T - 1))


def test_scalars_of_lightning(folder):
    log, _, _ = imported(folder, *LAYOUTS["folder_of_npy"][0](folder), "--scalars", lightning(folder.parent / "m.csv"))
    assert_array_equal(log.scalars["train_loss"], LOSS)
    assert_array_equal(log.scalars["val_acc"], 1 - LOSS)
    assert set(log.scalars) == {"train_loss", "val_acc", "epoch"}


def test_scalars_between_the_snapshots(folder):
    rows = [(step, step / 100) for step in range(0, 24)]
    table(folder.parent / "log.csv", ("step", "loss"), rows)
    log, _, said = imported(folder, *LAYOUTS["folder_of_npy"][0](folder), "--scalars", folder.parent / "log.csv")
    assert_array_equal(log.scalars["loss"], [0, 0.05, 0.10, 0.15, 0.20, 0.23])
    assert "last value before it" in said


# ---- names -> steps ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["0", "5", "10"], [0, 5, 10]),
        (["epoch_10", "epoch_9"], [10, 9]),
        (["epoch_3_resnet18", "epoch_4_resnet18"], [3, 4]),
        (["epoch=3-loss=0.21", "epoch=4-loss=0.19"], [3, 4]),
        (["step001000", "step000500"], [1000, 500]),
        (["a/checkpoint-500/predictions", "a/checkpoint-1000/predictions"], [500, 1000]),
        (["step_only_7"], [7]),
        (["resnet18_7"], [7]),
        (["epoch_7_resnet18"], [7]),
        (["run2_seed1_step10", "run2_seed1_step20"], [10, 20]),
    ],
)
def test_steps_of_names(names, steps):
    assert steps_of(names, "x") == steps


# ---- text that means something to others ----------------------------------------------------------------------------


def test_text_that_is_a_formula_elsewhere_is_only_text(folder):
    names = ['=HYPERLINK("x")', "+1", "@cmd", "<script>"]
    rows = [(i, *(names[c] for c in LABELS[:, i])) for i in range(N)]
    source = table(folder / "run.csv", ("id", *(f"e{s}" for s in STEPS)), rows)
    log, _, _ = imported(folder, *source, "--hparam", "note=-2+3+cmd|' /C calc'!A0")
    assert set(log.class_names) < set(names)
    out = succeeded(run("rqa", folder.parent / "run.h5", "-q", "-t", "csv"))
    cells = [cell for row in csv.reader(out.decode().splitlines()) for cell in row]
    assert not any(cell.startswith(("=", "+", "@")) or cell.startswith("-2+") for cell in cells)


# ---- outputs -----------------------------------------------------------------------------------------------------


def test_a_log_is_replaced_only_by_force(folder):
    np.save(folder / "run.npy", LABELS)
    out = folder.parent / "run.h5"
    arguments = ("import", folder / "run.npy", "-o", out)
    succeeded(run(*arguments))
    before = out.read_bytes()
    refused(run(*arguments, "--hparam", "a=1"), 2, "is a label log", "--force")
    assert out.read_bytes() == before
    succeeded(run(*arguments, "--hparam", "a=1", "--force"))
    assert out.read_bytes() != before
    out.write_text("something else")
    succeeded(run(*arguments))
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("{in}", "-o", "{in}"), 2, "unknown ending"),
        (("{in}", "-o", "x.txt"), 2, "unknown ending"),
        (("{in}",), 2, "Missing option '-o'"),
        (("-", "-o", "{out}"), 2, "cannot come through a pipe"),
        (("{in}", "{in}", "-o", "{out}", "--from", "npy"), 2, "each of the 2 sources is a whole run"),
        (("{in}", "-o", "{out}", "--axis", "2"), 2, "--axis"),
        (("{in}", "-o", "{out}", "--split", "a/b"), 2, "is no name of a split"),
        (("{in}", "-o", "{out}", "--hparam", "x"), 2, "is no NAME=VALUE"),
        (("{in}", "-o", "{out}", "--hparam", "x=1", "--hparam", "x=2"), 2, "is given twice"),
        (("{in}", "-o", "{folder}/nowhere/run.h5"), 4, "create its directory first"),
        (("{in}", "-o", "{out}", "--max-memory", "1K"), 5, "--max-memory"),
    ],
)
def test_wrong_usage(arguments, code, fragment, folder, monkeypatch):
    if code == 5:
        monkeypatch.undo()
    np.save(folder / "run.npy", LABELS)
    out = folder.parent / "run.h5"
    filled = [a.format(**{"in": folder / "run.npy", "out": out, "folder": folder}) for a in arguments]
    refused(run("import", *filled), code, fragment)
    assert not out.exists()


def test_an_input_is_never_overwritten(folder):
    np.savez(folder / "run.npz", labels=LABELS)
    refused(run("import", folder / "run.npz", "-o", folder / "run.npz", "-f"), 2, "is an input")
    (folder / "y.npz").write_bytes((folder / "run.npz").read_bytes())
    refused(
        run("import", folder / "run.npz", "--true", folder / "y.npz", "-o", folder / "y.npz", "-f"), 2, "is an input"
    )


def test_a_log_beside_the_snapshots_is_no_snapshot(folder):
    source = LAYOUTS["folder_of_npy"][0](folder)
    for _ in range(2):
        succeeded(run("import", *source, "-o", folder / "run.h5", "-f"))
    np.savez(folder / "run.npz", labels=LABELS)
    refused(run("import", *source, "-o", folder / "run.npz", "-f"), 2, "is an input")


def test_the_same_input_gives_the_same_bytes(folder):
    source = LAYOUTS["cartography"][0](folder)
    for name in ("a.h5", "b.h5"):
        succeeded(run("import", *source, "-o", folder / name, "-q"))
    assert (folder / "a.h5").read_bytes() == (folder / "b.h5").read_bytes()


def test_quiet(folder):
    assert run("import", *LAYOUTS["csv_wide"][0](folder), "-o", folder / "run.h5", "-q").err == ""


def test_many_classes_are_stored_as_narrow_as_they_fit(folder):
    labels = np.arange(T * 300).reshape(T, 300) % 290
    path = pickled(folder, {i: row for i, row in enumerate(labels)})
    _, found, _ = imported(folder, *path)
    assert_array_equal(found["train"], labels)
    with h5py.File(folder.parent / "run.h5") as file:
        assert file["labels/train"].dtype == np.uint16


def test_json_in_lines_of_any_name_is_told_by_its_content(folder):
    for t in range(2):
        jsonl(folder / f"epoch{t}.jsonl", [{"guid": 1, f"logits_epoch_{t}": [0.1, 0.2], "gold": 1}])
    _, labels, _ = imported(folder, folder / "epoch0.jsonl", folder / "epoch1.jsonl")
    assert labels["train"].tolist() == [[1], [1]]
    assert json.loads((folder / "epoch0.jsonl").read_text())["gold"] == 1
