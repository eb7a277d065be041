"""``nntf classes`` end to end, contents asserted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import naive_classes
import planted
from nntf_cli.labellog import open_log, write_log
from running import refused, run, succeeded
from threeruns import table_of

COLUMNS = ["step", "class", "name", "n_true", "n_predicted", "share", "n_correct", "error", "precision", "inflow",
           "outflow"]  # fmt: skip
NAMES = ["ant", "bee", "cat", "bee", "=emu", "fox"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A run in which a class dissolves, with missing labels and true classes of both splits."""
    labels, facts = planted.dissolving(n_snapshots=16, n_per_class=12, start=6, batch=4)
    labels[np.random.default_rng(0).random(labels.shape) < 0.05] = facts["missing"]
    labels[:, facts["true"] == 5] = facts["missing"]
    path = tmp_path_factory.mktemp("classes") / "run.h5"
    given = np.where(labels == facts["missing"], -1, labels.astype(np.int64))
    write_log(
        path,
        {"train": given, "test": given[:, ::3]},
        n_classes=6,
        step=np.arange(16) * 10,
        true={"train": facts["true"], "test": facts["true"][::3]},
        class_names=NAMES,
        scalars={"accuracy": np.linspace(0, 1, 16)},
    )
    return path, labels, facts


@pytest.fixture
def unknown(tmp_path):
    """The same labels without true classes or names."""
    labels, _ = planted.dissolving(n_snapshots=5, start=2, batch=40)
    scalars = {"accuracy": np.linspace(0, 0.9, 5), "val_accuracy": np.linspace(0, 80, 5)}
    write_log(tmp_path / "unknown.h5", {"train": labels}, n_classes=6, step=np.arange(5), scalars=scalars)
    return tmp_path / "unknown.h5"


def rows_of(out):
    """Return a CSV table as rows of cells, numbers as such and empty ones None."""
    rows = table_of(out).to_dict("records")
    number = {"name": str, "true_name": str, "predicted_name": str}
    return [
        {key: None if cell == "" else number.get(key, lambda x: float(x))(cell) for key, cell in row.items()}
        for row in rows
    ]


def test_the_table_is_what_plain_loops_give(log, kernels):
    path, labels, facts = log
    out = succeeded(run("classes", path))
    assert out.decode().splitlines()[0].split(",") == COLUMNS
    expected = naive_classes.measures(labels, 6, facts["missing"], facts["true"])
    rows = rows_of(out)
    assert len(rows) == len(expected) == 96
    for row, known in zip(rows, expected, strict=True):
        assert row["step"] == 10 * known.pop("snapshot")
        assert row.pop("name") == NAMES[known["class"]].replace("=", "'=")
        assert {name: row[name] for name in known} == known
    undefined = [row for row in rows if row["error"] is None]
    assert {row["class"] for row in undefined} == {5}


def test_formats_say_the_same(log):
    path = log[0]
    rows = rows_of(succeeded(run("classes", path)))
    listed = json.loads(succeeded(run("classes", path, "-t", "json")))
    assert {(row.pop("run"), row.pop("split")) for row in listed} == {("run", "train")}
    assert [row | {"name": row["name"].replace("=", "'=")} for row in listed] == rows
    text = succeeded(run("classes", path, "-t", "text")).decode().splitlines()
    assert text[0] == "classes of run (train)"
    assert text[1].split() == COLUMNS
    assert len(text) == 98
    for fmt, begin in (("md", "classes of run (train)\n\n| step | class |"), ("tex", "% classes of run (train)")):
        assert succeeded(run("classes", path, "-t", fmt)).decode().startswith(begin)


def test_what_is_not_known_is_empty_and_said(unknown):
    done = run("classes", unknown)
    rows = rows_of(succeeded(done))
    assert list(rows[0]) == COLUMNS
    for name in ("name", "n_true", "n_correct", "error", "precision"):
        assert {row[name] for row in rows} == {None}
    assert "nntf: note: " in done.err
    assert "has no true classes of split 'train': n_true, n_correct, error and precision are unknown" in done.err
    text = succeeded(run("classes", unknown, "-t", "text", "-q")).decode().splitlines()
    assert text[1].split() == ["step", "class", "n_predicted", "share", "inflow", "outflow"]
    assert run("classes", unknown, "-q").err == ""


@pytest.mark.parametrize(
    ("options", "purpose"),
    [
        (["--show", "error", "--sort", "change"], "--show error needs; log them, or take --show share, inflow or"),
        (["--show", "precision", "--figure", "a.png"], "--show precision needs"),
        (["--sort", "cluster"], "--sort cluster needs; log them, or take --sort name or change"),
        (["--sort", "error"], "--sort error needs"),
        (["--clusters", "2"], "--clusters needs"),
        (["--confusion", "1"], "a confusion needs"),
    ],
)
def test_what_needs_true_classes_says_so(unknown, options, purpose):
    refused(run("classes", unknown, *options), 3, "unknown.h5: has no true classes of split 'train', which", purpose)


def test_orders_and_clusters(log):
    path, _, facts = log

    def order(*options):
        rows = rows_of(succeeded(run("classes", path, *options)))
        assert [row["step"] for row in rows[:16]] == list(range(0, 160, 10))
        return [int(row["class"]) for row in rows[::16]]

    assert order() == [0, 1, 2, 3, 4, 5]
    assert order("--sort", "name") == [4, 0, 1, 3, 2, 5]
    assert order("--sort", "error")[-1] == order("--sort", "cluster")[-1] == 5  # of which no error is known
    assert order("--sort", "change")[0] == facts["source"]
    rows = rows_of(succeeded(run("classes", path, "--clusters", "3", "--sort", "cluster")))
    assert list(rows[0]) == [*COLUMNS[:3], "cluster", *COLUMNS[3:]]
    clusters = {int(row["class"]): row["cluster"] for row in rows}
    assert clusters[0] == clusters[2] == 1
    assert clusters[3] == clusters[4]
    assert len({clusters[0], clusters[3], clusters[facts["source"]]}) == 3
    assert clusters[5] is None
    again = succeeded(run("classes", path, "--clusters", "3", "--sort", "cluster", "--seed", "0"))
    assert rows_of(again) == rows


def test_classes_by_name_and_by_number(log):
    path = log[0]

    def chosen(*options):
        return sorted({int(row["class"]) for row in rows_of(succeeded(run("classes", path, *options)))})

    assert chosen("--class", "cat") == chosen("--class", "2") == [2]
    assert chosen("--class", "bee", "--class", "5") == [1, 3, 5]  # two are called so
    text = refused(run("classes", path, "--class", "bea"), 2, "'--class'", "'bea' is no class; names like it are bee")
    assert "bee, and they are numbered 0 to 5" in text
    refused(run("classes", path, "--class", "6"), 2, "'6' is no class; names are ant, bee, cat, bee, =emu, ...")


def test_snapshots_and_splits_can_be_chosen(log):
    path, labels, facts = log
    rows = rows_of(succeeded(run("classes", path, "--split", "test", "--from", "20", "--to", "90", "--every", "3")))
    expected = naive_classes.measures(labels[2:10:3, ::3], 6, facts["missing"], facts["true"][::3])
    assert [row["step"] for row in rows[:3]] == [20, 50, 80]
    assert [row["inflow"] for row in rows] == [row["inflow"] for row in expected]
    refused(run("classes", path, "--split", "dev"), 3, "has no split 'dev'")


def test_figures(log, unknown, tmp_path):
    path = log[0]
    table = succeeded(run("classes", path))
    for ending, magic in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        picture = tmp_path / f"c.{ending}"
        assert succeeded(run("classes", path, "--figure", picture)) == table
        assert picture.read_bytes().startswith(magic)
    first = picture.read_bytes()
    out = tmp_path / "c.csv"
    assert succeeded(run("classes", path, "-o", out, "--figure", picture)) == b""
    assert (out.read_bytes(), picture.read_bytes()) == (table, first)
    for options in (["--show", "inflow"], ["--sort", "change"], ["--class", "cat"], ["--sort", "name"]):
        succeeded(run("classes", path, "--figure", picture, *options))
        assert picture.read_bytes() != first
    succeeded(run("classes", unknown, "--figure", picture))
    refused(run("classes", path, "--figure", tmp_path / "c.jpg"), 2, "'--figure'", "unknown ending .jpg; use .png")
    refused(run("classes", path, "-t", "csv", "-o", picture, "--figure", picture), 2, "need a file each")
    refused(run("classes", path, "--figure", path), 2, "'--figure'")


def test_error_curves_come_from_labels_else_from_what_was_logged(log, unknown):
    from nntf_cli.classes import tally
    from nntf_cli.cli.classesoutput import Wanted, view_of

    path, labels, facts = log
    opened = open_log(path)
    view, subtitle = view_of(opened, tally(opened, "test"), Wanted())
    curves = dict(view.curves)
    assert list(curves) == ["train", "test"]
    for name, part in (("train", slice(None)), ("test", slice(None, None, 3))):
        expected = naive_classes.overall_error(labels[:, part], facts["missing"], facts["true"][part])
        assert curves[name].tolist() == expected
    assert subtitle == "error rate; 6 classes, 24 samples"
    _, subtitle = view_of(opened, tally(opened, "test"), Wanted(), only=[1, 4])
    assert subtitle == "error rate; 2 of 6 classes, 24 samples in all"
    opened = open_log(unknown)
    view, subtitle = view_of(opened, tally(opened), Wanted())
    assert [(name, values.tolist()) for name, values in view.curves] == [
        ("train", (1 - np.linspace(0, 0.9, 5)).tolist())
    ]
    assert view.clusters is None
    assert subtitle == "share of samples predicted as each class; 6 classes, 240 samples"


@pytest.mark.parametrize("steps", ["60", "60:100"])
def test_confusions(log, steps, tmp_path):
    path, labels, facts = log
    picture = tmp_path / "c.png"
    rows = rows_of(succeeded(run("classes", path, "--confusion", steps, "--figure", picture)))
    assert picture.read_bytes().startswith(b"\x89PNG")
    at = [int(step) // 10 for step in steps.split(":")]
    expected = naive_classes.confusion_table(labels, at, facts["missing"], facts["true"])
    assert [(row["true"], row["predicted"]) for row in rows] == [cell[:2] for cell in expected]
    if len(at) == 1:
        assert list(rows[0]) == ["step", "true", "true_name", "predicted", "predicted_name", "n", "share"]
        assert [[row["n"]] for row in rows] == [counts for *_, counts in expected]
        return
    assert list(rows[0]) == [
        *("from_step", "to_step", "true", "true_name", "predicted", "predicted_name"),
        *("n_from", "n_to", "change", "share_from", "share_to"),
    ]
    assert (rows[0]["true"], rows[0]["predicted"]) == (facts["source"], facts["target"])
    for row, (own, _, counts) in zip(rows, expected, strict=True):
        assert [row["n_from"], row["n_to"], row["change"]] == [*counts, counts[1] - counts[0]]
        members = facts["true"] == own
        n_true = [int((labels[t, members] != facts["missing"]).sum()) for t in at]
        assert [row["share_from"], row["share_to"]] == [n / whole for n, whole in zip(counts, n_true, strict=True)]


def test_confusions_of_some_classes(log, tmp_path):
    path = log[0]
    picture = tmp_path / "c.png"
    rows = rows_of(succeeded(run("classes", path, "--confusion", "100", "--class", "bee", "--figure", picture)))
    assert {row["true_name"] for row in rows} == {"bee"}
    assert len(rows) >= 1
    text = succeeded(run("classes", path, "--confusion", "60:100", "--class", "bee", "-t", "text")).decode()
    assert text.startswith("confusions of run (train), step 60 to 100\n")


@pytest.mark.parametrize(
    ("given", "fragment"),
    [
        ("55", "there is no snapshot of step 55; near it is 50 and 60, and steps run from 0 to 150"),
        ("0:151", "there is no snapshot of step 151; near it is 150, and"),
        ("-5", "near it is 0, and"),
        ("a", "is not STEP or FROM:TO"),
        ("5:5", "FROM before TO"),
        ("9:5", "FROM before TO"),
        ("1:2:3", "FROM before TO"),
        (str(2**70), "no step is so large"),
    ],
)
def test_steps_that_are_none(log, given, fragment):
    refused(run("classes", log[0], f"--confusion={given}"), 2, "'--confusion'", fragment)


@pytest.mark.parametrize("option", [["--show", "share"], ["--sort", "name"], ["--clusters", "2"]])
def test_confusions_have_an_order_of_their_own(log, option):
    refused(run("classes", log[0], "--confusion", "60", *option), 2, f"{option[0]} does not go with --confusion")


def test_one_snapshot_and_no_sample_of_a_class(tmp_path):
    labels = np.array([[0, 1, 1]], dtype=np.uint8)
    write_log(tmp_path / "one.h5", {"train": labels}, n_classes=3, step=[7], true={"train": np.array([0, 0, 1])})
    rows = rows_of(succeeded(run("classes", tmp_path / "one.h5", "--figure", tmp_path / "one.png", "--clusters", "9")))
    assert [row["error"] for row in rows] == [0.5, 0, None]
    assert [row["precision"] for row in rows] == [1, 0.5, None]
    assert {row["inflow"] for row in rows} == {None}
    assert [row["cluster"] for row in rows] == [2, 1, None]


def test_a_bad_log_leaves_what_was_there(tmp_path, log):
    bad, out = tmp_path / "bad.h5", tmp_path / "c.csv"
    bad.write_bytes(log[0].read_bytes()[:3000])
    out.write_text("of last week")
    refused(run("classes", bad, "-o", out, "--figure", tmp_path / "c.png"), 3, "bad.h5: ")
    assert out.read_text() == "of last week"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.h5", "c.csv"]
    assert succeeded(run("classes", "-", stdin=log[0].read_bytes())) == succeeded(run("classes", log[0]))
    refused(run("classes", log[0], "-o", log[0], "-t", "csv"), 2, "is an input and would be overwritten")


def test_tables_that_do_not_fit_are_refused(log, monkeypatch):
    monkeypatch.setattr("nntf_cli.memory.available", lambda: 2.0**16)
    refused(
        run("classes", log[0], "-t", "text"),
        5,
        "a table of 96 rows in columns as wide as they must be needs",
        "take -t csv",
    )
    assert len(succeeded(run("classes", log[0], "-t", "csv")).splitlines()) == 97
    monkeypatch.setattr("nntf_cli.memory.available", lambda: 2.0**13)
    refused(run("classes", log[0], "-t", "csv"), 5, "the table needs", "--class")
