"""What is written is read back as it was, in every format; tables say what they should."""

from __future__ import annotations

import io
import json

import h5py
import numpy as np
import pandas as pd
import pytest

from nntf_cli.artifacts.cells import right
from nntf_cli.artifacts.matrices import FORMATS, read_matrix, write_matrix
from nntf_cli.artifacts.tables import Table, format_table, printable
from nntf_cli.artifacts.transitions import COLUMNS, write_transitions
from nntf_cli.errors import InputError
from nntf_cli.files import atomic
from nntf_cli.files.atomic import publish
from nntf_cli.model import Axes, Axis, Band, Difference, Fingerprint, Flows


def axis(n=3, **changes):
    steps = np.arange(n + 1) * 10
    known = {
        "run": "run a",
        "source": "a.h5",
        "split": "train",
        "from_step": steps[:-1],
        "to_step": steps[1:],
        "moved": np.arange(n) * 2,
        "n_samples": 100,
        "n_classes": 7,
        "scalars": {"accuracy": np.linspace(0, 1, n + 1), "loss": np.ones(n + 1)},
        "hparams": {"lr": 0.1, "nesterov": True, "layers": 3, "note": "\u00e9"},
    }
    return Axis(**(known | changes))


def fingerprint(cross=False):
    values = np.random.default_rng(0).random((3, 5 if cross else 3))
    rows = axis()
    columns = axis(5, run="run b", source="b.h5", hparams={"lr": 0.2}) if cross else rows
    return Fingerprint(values, Axes(rows, columns), "flows", "flows")


def difference():
    return Difference(
        np.random.default_rng(1).random((3, 3)) - 0.5,
        Axes(*[axis()] * 2),
        Axes(*[axis(run="run b", source="b.h5")] * 2),
        "flows",
        "samples",
    )


def written(matrix, fmt):
    stream = io.BytesIO()
    write_matrix(stream, matrix, fmt)
    return stream.getvalue()


def assert_same_axis(a, b):
    for name in ("run", "source", "split", "n_samples", "n_classes", "hparams"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("from_step", "to_step", "moved"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.scalars.keys() == b.scalars.keys()
    for name in a.scalars:
        np.testing.assert_array_equal(a.scalars[name], b.scalars[name])


@pytest.mark.parametrize("through_a_pipe", [True, False])
@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("make", [fingerprint, lambda: fingerprint(cross=True), difference], ids=["D", "cross", "diff"])
def test_matrices_come_back_bit_for_bit(tmp_path, fmt, make, through_a_pipe):
    matrix = make()
    data = written(matrix, fmt)
    assert data == written(matrix, fmt)
    path = tmp_path / f"m.{fmt}"
    path.write_bytes(data)
    back = read_matrix(str(path), data if through_a_pipe else None)
    np.testing.assert_array_equal(back.values, matrix.values)
    if fmt in ("npz", "h5"):
        assert type(back) is type(matrix)
        assert (back.metric, back.normalize) == (matrix.metric, matrix.normalize)
        for mine, theirs in ((back.axes, matrix.axes), *([(back.b, matrix.b)] if fmt and make is difference else [])):
            assert mine.is_cross == theirs.is_cross
            assert_same_axis(mine.rows, theirs.rows)
            assert_same_axis(mine.columns, theirs.columns)
    if fmt == "csv":
        np.testing.assert_array_equal(back.axes.columns.to_step, matrix.axes.columns.to_step)


def test_the_keys_are_those_of_the_documented_layout():
    with np.load(io.BytesIO(written(fingerprint(), "npz")), allow_pickle=False) as content:
        assert {"distances", "from_step", "to_step", "moved", "snapshots/accuracy", "run/lr", "run/name"} <= set(
            content
        )
        assert content["format"].item() == "nntf-fingerprint"
        assert content["format-version"].item() == 1
        assert (content["metric"].item(), content["split"].item(), content["source"].item()) == (
            "flows",
            "train",
            "a.h5",
        )
        assert (content["n-samples"].item(), content["n-classes"].item()) == (100, 7)
    with h5py.File(io.BytesIO(written(difference(), "h5"))) as file:
        assert h5py.check_string_dtype(file.attrs.get_id("format").dtype).encoding == "utf-8"
        assert {"difference", "from_step", "to_step", "a", "b"} <= set(file)
        assert file["b"].attrs["source"] in (b"b.h5", "b.h5")
        assert file["difference"].fletcher32


def test_csv_has_steps_in_the_first_row_and_column():
    lines = written(fingerprint(), "csv").decode().splitlines()
    assert lines[0] == "step,10,20,30"
    assert [line.split(",")[0] for line in lines[1:]] == ["10", "20", "30"]
    assert float(lines[1].split(",")[2]) == fingerprint().distances[0, 1]


def test_a_log_is_no_matrix_and_a_newer_version_is_refused(tmp_path):
    with h5py.File(tmp_path / "log.h5", "w") as file:
        file["labels"] = np.zeros((2, 2), dtype=np.uint8)
    assert read_matrix(str(tmp_path / "log.h5")) is None
    with h5py.File(tmp_path / "new.h5", "w") as file:
        file.attrs["format"], file.attrs["format-version"] = "nntf-fingerprint", 2
    with pytest.raises(InputError, match="is of version 2, this nntf reads version 1; upgrade nntf-cli"):
        read_matrix(str(tmp_path / "new.h5"))


FLOWS = Flows(
    start=np.array([0, 2, 2, 3]),
    from_class=np.array([0, 1, 2], dtype=np.uint32),
    to_class=np.array([1, 2, 0], dtype=np.uint32),
    count=np.array([4, 1, 2]),
    from_step=np.array([0, 10, 20]),
    to_step=np.array([10, 20, 30]),
    n_samples=9,
    n_classes=3,
    stayed=np.array([[1, 2, 1], [3, 3, 3], [5, 1, 1]]),
)


@pytest.mark.parametrize("fmt", ["npz", "h5", "csv"])
def test_flows_are_a_table_of_five_columns(fmt):
    stream = io.BytesIO()
    write_transitions(stream, FLOWS, fmt)
    data = stream.getvalue()
    if fmt == "csv":
        columns = {name: column.to_numpy() for name, column in pd.read_csv(io.BytesIO(data)).items()}
        assert list(columns) == list(COLUMNS)
    elif fmt == "npz":
        with np.load(io.BytesIO(data), allow_pickle=False) as content:
            columns = {name: content[name] for name in COLUMNS}
            assert content["format"].item() == "nntf-transitions"
    else:
        with h5py.File(io.BytesIO(data)) as file:
            columns = {name: file[name][()] for name in COLUMNS}
    expected = {
        "from_step": [0, 0, 20],
        "to_step": [10, 10, 30],
        "from": [0, 1, 2],
        "to": [1, 2, 0],
        "count": [4, 1, 2],
    }
    assert {name: column.tolist() for name, column in columns.items()} == expected


def test_dense_transitions_have_their_diagonals():
    stream = io.BytesIO()
    write_transitions(stream, FLOWS, "npy")
    dense = np.load(io.BytesIO(stream.getvalue()), allow_pickle=False)
    assert (dense.shape, dense.dtype) == ((3, 3, 3), np.int64)
    assert dense[0].tolist() == [[1, 4, 0], [0, 2, 1], [0, 0, 1]]
    assert dense.sum(axis=(1, 2)).tolist() == [9, 9, 9]


TABLE = Table(
    rows=[
        {"run": "wd_0", "decay": 0.0005, "lam": 1 / 3, "b_lam": Band(0.05, 0.1), "n_lam": 12, "note": ""},
        {"run": "=cmd|'x'_&", "decay": None, "lam": None, "b_lam": None, "n_lam": None, "note": "a | b\n\x1b[31m"},
    ],
    columns=("run", "decay", "b_lam", "lam", "n_lam", "note"),
    title="RQA, paper convention",
    bold={(0, "lam")},
    measured={"lam"},
)


def test_csv_keeps_full_precision_and_no_formula():
    text = format_table(TABLE, "csv")
    frame = pd.read_csv(io.StringIO(text), dtype={"b_lam": str, "lam": str})
    assert list(frame.columns) == list(TABLE.columns)
    assert float(frame["lam"][0]) == 1 / 3
    assert frame["b_lam"][0] == "0.05-0.10"
    assert frame["n_lam"].isna()[1]
    assert frame["run"][1] == "'=cmd|'x'_&"
    assert text.splitlines()[1].startswith("wd_0,0.0005,0.05-0.10,0.3333333333333333,12,")


def test_json_keeps_numbers_and_null():
    rows = json.loads(format_table(TABLE, "json"))
    assert rows[0] == {"run": "wd_0", "decay": 0.0005, "b_lam": "0.05-0.10", "lam": 1 / 3, "n_lam": 12, "note": ""}
    assert rows[1]["lam"] is None


def test_text_is_aligned_and_named():
    title, head, first, second = format_table(TABLE, "text").splitlines()
    assert title == "RQA, paper convention"
    assert first[head.index("lam", head.index("b_lam") + 5) - 3 :].split()[0] == "0.3333"
    assert "0.0005" in first
    assert "\x1b" not in second


def test_markdown_escapes_and_emphasizes():
    lines = format_table(TABLE, "md").splitlines()
    assert lines[0] == "RQA, paper convention"
    assert lines[3] == "| --- | ---: | --- | ---: | ---: | --- |"
    assert "| **0.3333** |" in lines[4]
    assert r"a \| b" in lines[5]


def test_text_is_aligned_by_the_cells_of_a_terminal():
    """East Asian wide characters and emoji take two cells, combining marks none."""
    names = ["cat", "猫", "ﾈｺ", "ＣＡＴ", "🐱", "cafe\N{COMBINING ACUTE ACCENT}"]
    rows = [{"name": name, "note": name, "n": n} for n, name in enumerate(names)]
    head, *lines = format_table(Table(rows, ("name", "note", "n")), "text").splitlines()
    assert head == "name    note    n"
    assert lines == [
        "cat     cat     0",
        "猫      猫      1",
        "ﾈｺ      ﾈｺ      2",
        "ＣＡＴ  ＣＡＴ  3",
        "🐱      🐱      4",
        "cafe\N{COMBINING ACUTE ACCENT}    cafe\N{COMBINING ACUTE ACCENT}    5",
    ]
    assert [right(name, 6) for name in names[1:3]] == ["    猫", "    ﾈｺ"]
    notes = Table([{"run": "a", "note": "猫" * 50 + "; " + "犬" * 50}], ("run", "note"))
    assert len(format_table(notes, "text").splitlines()) == 3  # 105 characters, 205 cells


def test_tex_is_a_booktabs_table():
    lines = format_table(TABLE, "tex").splitlines()
    assert lines[0] == "% RQA, paper convention"
    assert lines[1:3] == [r"\begin{tabular}{lrlrrl}", r"\toprule"]
    assert r"\textbf{0.3333}" in lines[5]
    assert r"wd\_0 & 0.0005 & 0.05-0.10" in lines[5]
    assert r"=cmd\textbar{}'x'\_\&" in lines[6]
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
    assert r"a \textless{} b -\textgreater{} c" in format_table(Table([{"note": "a < b -> c"}], ("note",)), "tex")


def test_printable_leaves_letters_alone():
    assert printable("wd=0.1 \u00e9\u03b2") == "wd=0.1 \u00e9\u03b2"
    assert printable("a\u202eb\x07") == "a\ufffdb\ufffd"


def test_nothing_is_replaced_unless_all_is_written(tmp_path):
    old = tmp_path / "old"
    old.write_bytes(b"old")

    def fails(stream):
        stream.write(b"half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        publish({str(old): lambda stream: stream.write(b"new"), str(tmp_path / "other"): fails})
    assert old.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_temporary_of_a_dead_process_is_swept(tmp_path):
    (tmp_path / f".out.{atomic._MACHINE}.999999999.tmp").write_bytes(b"left over")
    other = tmp_path / ".out.another-machine.999999999.tmp"
    other.write_bytes(b"in use")
    publish({str(tmp_path / "out"): lambda stream: stream.write(b"new")})
    assert {path.name for path in tmp_path.iterdir()} == {"out", other.name}


def test_notes_have_lines_of_their_own_where_a_line_would_be_too_long():
    rows = [{"run": "a" * 120, "note": "one thing; and another that is long enough"}, {"run": "b", "note": ""}]
    head, first, second, last = format_table(Table(rows, ("run", "note")), "text").splitlines()
    assert first == "a" * 120 + "  one thing"
    assert second == " " * 122 + "and another that is long enough"
    assert (head.split(), last) == (["run", "note"], "b")
    assert "one thing; and" in format_table(Table([rows[0] | {"run": "a"}], ("run", "note")), "text")
    assert (
        format_table(Table(rows, ("run", "note")), "csv")
        .splitlines()[1]
        .endswith(",one thing; and another that is long enough")
    )
