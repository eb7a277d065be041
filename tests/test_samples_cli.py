"""``nntf samples`` end to end, contents asserted."""

import csv
import io
import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

import naive_samples
import planted
from nntf_cli.artifacts import columns
from nntf_cli.artifacts.columns import Column, LongTable, table_writer
from nntf_cli.artifacts.tables import FORMATS, Table, format_table
from nntf_cli.cli.samples import FIELDS
from nntf_cli.cli.samplesoutput import COLUMNS
from nntf_cli.labellog import write_log
from nntf_cli.samples import FIELDS as FIELDS_OF_THE_ROOM
from running import refused, run, succeeded

NAMES = ("cat", "dog", "=emu", "fo,x", 'g"nu')
STEP = np.arange(13) * 5


@pytest.fixture(scope="module")
def facts():
    labels, facts = planted.random_log(3, 13, 60, 5, missing_fraction=0.1)
    labels[:, 11] = facts["missing"]
    true = np.random.default_rng(0).integers(0, 5, 60)
    labels = labels.astype(np.int64)
    labels[labels == facts["missing"]] = -1
    return {"labels": labels, "true": true, "missing": -1}


@pytest.fixture(scope="module")
def log(tmp_path_factory, facts):
    path = tmp_path_factory.mktemp("samples") / "zoo.h5"
    write_log(
        path, {"train": facts["labels"], "test": facts["labels"][:, :9]}, n_classes=5, step=STEP, class_names=NAMES,
        true={"train": facts["true"]}, ids={"train": np.array([f"img_{k}" for k in range(60)])},
    )  # fmt: skip
    return path


@pytest.fixture
def bare(tmp_path, facts):
    """A log without true classes, names and ids."""
    write_log(tmp_path / "bare.npz", {"train": facts["labels"]}, n_classes=5, step=STEP)
    return tmp_path / "bare.npz"


def rows_of(out):
    return list(csv.DictReader(io.StringIO(out.decode())))


def expected_rows(facts, true=True):
    for k, labels in enumerate(facts["labels"].T.tolist()):
        one = naive_samples.history(labels, STEP.tolist(), int(facts["true"][k]) if true else None, facts["missing"])
        names = {}
        if true:
            one |= {"id": f"img_{k}", "true": int(facts["true"][k])}
            names = {
                f"{name}_name": None if one[name] is None else NAMES[one[name]]
                for name in ("true", "final", "most_wrong")
            }
        yield dict.fromkeys(COLUMNS) | {"sample": k} | one | names


def as_csv(cell):
    """An expected cell as CSV has it; what a spreadsheet would compute is text."""
    return "" if cell is None else "'=emu" if cell == "=emu" else str(cell)


def test_csv_has_what_plain_loops_find(kernels, log, facts):
    done = run("samples", log)
    table = rows_of(succeeded(done))
    assert tuple(table[0]) == COLUMNS
    assert table == [{name: as_csv(cell) for name, cell in row.items()} for row in expected_rows(facts)]
    assert "zoo (train): 60 samples in 13 snapshots: " in done.err
    assert "1 without a label" in done.err
    assert run("samples", log, "-q").err == ""


def test_json_has_the_same(log, facts):
    table = json.loads(succeeded(run("samples", log, "-t", "json")))
    assert table == [row | {"run": "zoo", "split": "train"} for row in expected_rows(facts)]


def test_without_true_classes(kernels, bare, facts):
    done = run("samples", bare)
    table = rows_of(succeeded(done))
    assert table == [{name: as_csv(cell) for name, cell in row.items()} for row in expected_rows(facts, true=False)]
    assert "there are no true classes, so nothing is right or wrong" in done.err
    text = succeeded(run("samples", bare, "-t", "text")).decode()
    assert text.splitlines()[1].split() == ["sample", "n_changes", "last_change", "n_classes_visited", "final"]
    assert "in order of n_changes" in text


@pytest.mark.parametrize(
    ("options", "instead"),
    [
        (["--by", "n_forgotten"], "take --by n_changes or last_change or n_classes_visited, which does without"),
        (["--by", "share_correct", "--top", "3"], "which --by share_correct needs"),
        (["--class", "1"], "take --top N, which does without"),
        (["--figure", "x.png", "--colour", "correct"], "take --colour class, which does without"),
    ],
)
def test_what_needs_true_classes_says_what_does_without(bare, options, instead):
    refused(run("samples", bare, *options), 3, "bare.npz: has no true classes of split 'train'", instead)


def test_top_and_order(log, facts):
    expected = list(expected_rows(facts))
    for field in FIELDS:
        for rising in (False, True):
            options = ["--by", field, *(["--rising"] if rising else [])]
            table = rows_of(succeeded(run("samples", log, "-q", *options)))
            known = [row for row in expected if row[field] is not None]
            known.sort(key=lambda row, field=field: row[field], reverse=not rising)
            known += [row for row in expected if row[field] is None]
            assert [row["sample"] for row in table] == [str(row["sample"]) for row in known]
            top = rows_of(succeeded(run("samples", log, "-q", "--top", "7", *options)))
            assert top == table[:7]
    assert rows_of(succeeded(run("samples", log, "--top", "4"))) == rows_of(
        succeeded(run("samples", log, "--top", "4", "--by", "n_forgotten"))
    )


def test_the_fields_are_those_of_the_room():
    assert FIELDS == FIELDS_OF_THE_ROOM


def test_one_class(log, facts):
    mine = np.flatnonzero(facts["true"] == 3)
    for name in ("fo,x", "3"):
        done = run("samples", log, "--class", name)
        assert [int(row["sample"]) for row in rows_of(succeeded(done))] == mine.tolist()
        assert f"zoo (train), class fo,x: {len(mine)} samples in 13 snapshots: " in done.err
    both = rows_of(succeeded(run("samples", log, "--class", "fo,x", "--class", "0", "-q")))
    assert {row["true"] for row in both} == {"0", "3"}
    assert "classes cat, fo,x: " in run("samples", log, "--class", "fo,x", "--class", "0").err
    for name in ("wolf", "7", "99999999999999999999", "-1", "\u00b2"):
        refused(run("samples", log, "--class", name), 2, "--class", f"{name!r} is no class", "numbered 0 to 4")


def test_a_class_without_samples(tmp_path, facts):
    path = tmp_path / "run.h5"
    write_log(path, {"train": facts["labels"]}, n_classes=5, true={"train": np.zeros(60, dtype=int)})
    refused(run("samples", path, "--class", "4"), 3, "has no sample of true class 4 in split 'train'")


@pytest.mark.parametrize("fmt", ["text", "md", "tex"])
def test_people_get_twenty_rows_and_no_empty_columns(log, fmt):
    text = succeeded(run("samples", log, "-t", fmt)).decode()
    assert "zoo (train): 20 of 60 samples, in order of n_forgotten" in text
    assert sum("img" in line for line in text.splitlines()) == 20
    assert ("true_name" in text) or (r"true\_name" in text)
    assert "never_learned" not in text
    assert (
        sum("img" in line for line in succeeded(run("samples", log, "-t", fmt, "--top", "3")).decode().splitlines())
        == 3
    )


def test_snapshots_and_splits(log, facts):
    table = rows_of(succeeded(run("samples", f"{log}::test", "--every", "2", "--from", "10")))
    assert len(table) == 9
    for k, row in enumerate(table):
        one = naive_samples.history(facts["labels"][2::2, k].tolist(), STEP[2::2].tolist(), None, facts["missing"])
        assert {name: row[name] for name in one} == {name: as_csv(cell) for name, cell in one.items()}
    assert rows_of(succeeded(run("samples", log, "--split", "test", "--every", "2", "--from", "10"))) == table
    piped = run("samples", "-", "-q", stdin=log.read_bytes())
    assert succeeded(piped) == succeeded(run("samples", log, "-q"))


@pytest.mark.parametrize(
    ("options", "code", "fragment"),
    [
        (["--colour", "class"], 2, "--colour goes with --figure"),
        (["--by", "loss"], 2, "'loss' is not one of"),
        (["--top", "0"], 2, "0 is not in the range"),
        (["--figure", "x.gif"], 2, "unknown ending .gif; use .png, .svg, .pdf"),
        (["--figure", "x.png", "-o", "x.png", "-t", "csv"], 2, "need a file each"),
        (["-o", "x.npy"], 2, "unknown ending .npy"),
        (["--split", "val"], 3, "has no split 'val'"),
        (["--from", "999"], 2, "no snapshot lies between"),
        (["--max-memory", "1K"], 5, "but only"),
    ],
)
def test_errors(log, options, code, fragment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(run("samples", log, *options), code, fragment)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_log(tmp_path):
    np.save(tmp_path / "D.npy", np.zeros((3, 3)))
    refused(run("samples", tmp_path / "D.npy"), 3)
    refused(run("samples", "nowhere.h5"), 3, "no such file")
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file["labels"] = np.array([[0, -1]])
    refused(run("samples", tmp_path / "bad.h5", "-o", tmp_path / "out.csv"), 3, "is negative")
    assert not (tmp_path / "out.csv").exists()


def test_a_log_is_not_overwritten(log):
    refused(run("samples", log, "-o", log, "-t", "csv"), 2, "is an input and would be overwritten")
    refused(run("samples", log, "-q", "--figure", log), 2, "unknown ending .h5")


@pytest.mark.parametrize("options", [[], ["--top", "5", "--colour", "class"], ["--class", "cat", "--colour", "class"]])
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_figure_and_table_together(log, tmp_path, options, ending):
    picture = tmp_path / f"chart.{ending}"
    made = []
    for _ in range(2):
        succeeded(run("samples", log, "--figure", picture, "-o", tmp_path / "table.csv", *options))
        made.append((picture.read_bytes(), (tmp_path / "table.csv").read_bytes()))
    assert made[0] == made[1], "the same bytes each time"
    assert made[0][0].startswith(b"\x89PNG" if ending == "png" else b"<?xml")


def test_a_figure_without_true_classes_has_classes(bare, tmp_path):
    succeeded(run("samples", bare, "--figure", tmp_path / "a.svg", "-o", tmp_path / "a.csv"))
    succeeded(run("samples", bare, "--figure", tmp_path / "b.svg", "-o", tmp_path / "b.csv", "--colour", "class"))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_figure_has_a_most(log, tmp_path, monkeypatch):
    monkeypatch.setattr("nntf_cli.cli.samples._MOST_IN_FIGURE", 10)
    done = run("samples", log, "--figure", tmp_path / "a.png", "-o", tmp_path / "a.csv")
    assert "the figure has 10 of 60 samples, which get a row of pixels each" in done.err
    assert len(rows_of((tmp_path / "a.csv").read_bytes())) == 60


# ---- long tables, written in pieces ------------------------------------------------------------------------------


def long_columns(n, seed=0):
    rng = np.random.default_rng(seed)
    texts = ["plain", "with, comma", 'with "quotes"', "=formula", "", "line\nbreak", "\u00fcml\u00e4ut", "\udc80"]
    return {
        "index": Column(np.arange(n)),
        "wide": Column(rng.integers(-(2**62), 2**62, n)),
        "narrow": Column(rng.integers(-3, 300, n).astype(np.int32), rng.random(n) < 0.7),
        "share": Column(rng.integers(0, 60, n) / 59, rng.random(n) < 0.9),
        "odd": Column(np.array([0.1, -0.0, 1e-300, 1e22, 2 / 3])[rng.integers(0, 5, n)]),
        "flag": Column(rng.random(n) < 0.5, rng.random(n) < 0.5),
        "text": Column(rng.integers(0, len(texts), n), rng.random(n) < 0.8, texts),
        "short": Column(rng.integers(0, 5, n), None, texts[:3]),
        "name": Column(np.array([f"n{k:x}," if k % 3 else "" for k in rng.integers(0, 9999, n)])),
        "none": Column(np.zeros(n, dtype=np.int8), np.zeros(n, dtype=bool)),
    }


@pytest.mark.parametrize("n", [0, 1, 7, 300])
@pytest.mark.parametrize("chosen", [False, True])
def test_pieces_make_the_same_bytes(n, chosen, monkeypatch):
    columns = long_columns(n)
    rows = np.random.default_rng(1).permutation(n)[: n // 2 + 1] if chosen else None
    whole = columns if rows is None else {name: column.taken(rows) for name, column in columns.items()}
    monkeypatch.setattr("nntf_cli.artifacts.columns._PIECE", 64)
    monkeypatch.setattr("nntf_cli.artifacts.columns._OBJECTS", 50)
    cells = [column.cells() for column in whole.values()]
    table = Table([dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)], list(columns))
    about = {"run": "50%s", "alpha": None, "share": 0.5}
    table = replace(table, title="so many", measured={"share"}, about=about)
    long = LongTable(columns, rows, "so many", frozenset({"share"}), about)
    for fmt in FORMATS:
        table_writer(long, fmt)(stream := io.BytesIO())
        assert stream.getvalue() == format_table(table, fmt).encode(errors="backslashreplace")


def test_a_long_name_takes_fewer_rows_at_a_time(monkeypatch):
    sizes = []
    joined = columns._joined
    monkeypatch.setattr(
        "nntf_cli.artifacts.columns._joined", lambda texts: sizes.append(len(texts[0])) or joined(texts)
    )
    names = ["x" * 2**20, "short"]
    table = LongTable({"n": Column(np.arange(40)), "name": Column(np.arange(40) % 2, None, names)})
    table_writer(table, "csv")(stream := io.BytesIO())
    assert sizes == [15, 15, 10]
    assert stream.getvalue().split(b"\n")[40:] == [b"39,short", b""]


def test_zero_bytes_do_not_reach_a_csv():
    stream = io.BytesIO()
    columns = {"a": Column(np.array([0, 1]), None, ["a\0b", "c"]), "b": Column(np.array([1, 2]))}
    table_writer(LongTable(columns), "csv")(stream)
    assert stream.getvalue() == "a,b\na\ufffdb,1\nc,2\n".encode()
