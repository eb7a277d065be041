"""Windows hold what belongs to them, in tables and in the figure."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

import naive
import planted
from drawing import assert_clean, axes_called, make_difference, make_fingerprint, pixel_box, pixels, texts
from nntf_cli.errors import ParameterError
from nntf_cli.figures import Style, Windowed, draw_windows, encode
from nntf_cli.labellog import write_log
from nntf_cli.model import Axes, Axis, Fingerprint
from nntf_cli.rqa import Settings, per_band, windows
from running import refused, run, succeeded

STANDARD = ["--convention", "standard"]


def table_of(data):
    return pd.read_csv(BytesIO(data), keep_default_na=False)


@pytest.fixture
def log(tmp_path):
    labels, _ = planted.random_log(seed=3, n_snapshots=13, n_samples=80, n_classes=4)
    scalars = {"accuracy": np.linspace(0, 1.2, 13)}
    write_log(tmp_path / "run.h5", {"train": labels}, step=np.arange(13) * 10, scalars=scalars, n_classes=4)
    return tmp_path / "run.h5", naive.distances(naive.transitions(labels, 4))


def test_a_window_has_the_axes_that_belong_to_it():
    matrix = make_fingerprint(9)
    pieces = list(windows(matrix, 4, 2))
    assert [(piece.first, piece.last) for piece in pieces] == [(0, 3), (2, 5), (4, 7)]
    piece = pieces[1].matrix
    np.testing.assert_array_equal(piece.values, matrix.values[2:6, 2:6])
    assert piece.axes.rows is piece.axes.columns
    rows, whole = piece.axes.rows, matrix.axes.rows
    np.testing.assert_array_equal(rows.from_step, whole.from_step[2:6])
    np.testing.assert_array_equal(rows.to_step, whole.to_step[2:6])
    np.testing.assert_array_equal(rows.moved, whole.moved[2:6])
    np.testing.assert_array_equal(rows.scalars["accuracy"], whole.scalars["accuracy"][2:7])  # one more snapshot
    assert pieces[1].extent == {"from_step": 20, "to_step": 60}


def test_windows_of_snapshots_have_one_scalar_each():
    matrix = make_fingerprint(8, metric="hamming")
    scalars = {"accuracy": np.arange(8.0), "odd": np.arange(3.0)}
    axis = replace(matrix.axes.rows, scalars=scalars)
    (piece, *_) = windows(replace(matrix, axes=Axes(axis, axis)), 3)
    assert {name: values.tolist() for name, values in piece.matrix.axes.rows.scalars.items()} == {"accuracy": [0, 1, 2]}


def test_windows_of_differences_and_of_rectangles():
    a, b = make_fingerprint(6, seed=1), make_fingerprint(6, seed=2)
    (first, *others) = windows(make_difference(a, b), 5)
    assert len(others) == 1
    np.testing.assert_array_equal(first.matrix.values, (a.distances - b.distances)[:5, :5])
    assert len(first.matrix.b.rows.from_step) == 5
    crossed = Fingerprint(np.random.default_rng(0).random((4, 7)), Axes(Axis(run="a"), Axis(run="b")))
    pieces = list(windows(crossed, 3))
    assert [piece.extent for piece in pieces] == [{"from_row": 0, "to_row": 2}, {"from_row": 1, "to_row": 3}]
    assert pieces[0].matrix.axes.is_cross


@pytest.mark.parametrize(
    ("width", "step", "message"), [(7, 1, "only 6 long"), (1, 1, "at least 2"), (2, 0, "at least 1")]
)
def test_senseless_windows_are_refused(width, step, message):
    with pytest.raises(ParameterError, match=message):
        windows(make_fingerprint(6), width, step)


def test_a_row_per_window_is_what_the_window_alone_gives(log):
    path, values = log
    table = table_of(succeeded(run("rqa", path, "--windows", "6:3", "--per-band", *STANDARD)))
    assert list(table.columns[:6]) == ["run", "split", "from_step", "to_step", "band_lo", "band_hi"]
    assert table["from_step"].drop_duplicates().tolist() == [0, 30, 60]
    assert table["to_step"].drop_duplicates().tolist() == [60, 90, 120]
    for k, first in enumerate((0, 3, 6)):
        recurrences = naive.standard_recurrences(values[first : first + 6, first : first + 6])
        expected = [naive.standard_measures(b)["lam"] for b in recurrences]
        given = [None if cell == "" else float(cell) for cell in table["lam"][20 * k : 20 * k + 20]]
        assert given == [None if lam is None else pytest.approx(lam, rel=1e-12) for lam in expected]
    assert set(table["lam_p"]) == {""}  # not permuted unless asked for


def test_a_row_per_window_stands_for_it(log):
    path, values = log
    table = table_of(succeeded(run("rqa", path, "--windows", "6", "--permutations", "19")))
    assert table["from_step"].tolist() == list(range(0, 70, 10))
    assert table["acc"].tolist() == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2])
    bands = [naive.paper_recurrences(values[k : k + 6, k : k + 6]) for k in range(7)]
    lams = [next((lam for b in of_window if (lam := naive.paper_lam(b)) > 0), None) for of_window in bands]
    assert [None if cell == "" else float(cell) for cell in table["lam"]] == pytest.approx(lams)
    assert all(cell == "" or 0.05 <= float(cell) <= 1 for cell in table["lam_p"])
    text = succeeded(run("rqa", path, "--windows", "6", "-t", "text")).decode()
    assert text.startswith("RQA, paper convention, bands of 0.05, l_min 2, windows of 6 moved by 1, lowest band")
    assert "lam_chance" in text
    assert "lam_p" not in text
    assert "**" not in succeeded(run("rqa", path, "--windows", "6", "-t", "md")).decode()


def test_windows_of_a_bare_matrix_are_known_by_their_rows(tmp_path):
    np.save(tmp_path / "D.npy", make_fingerprint(6).distances)
    table = table_of(succeeded(run("rqa", tmp_path / "D.npy", "--windows", "4:2")))
    assert table[["from_row", "to_row"]].to_numpy().tolist() == [[0, 3], [2, 5]]


def test_what_has_no_room_for_a_window_is_told_and_the_rest_done(log, tmp_path):
    np.save(tmp_path / "small.npy", np.zeros((3, 3)))
    done = run("rqa", tmp_path / "small.npy", log[0], "--windows", "6:6", "-t", "json")
    assert done.code == 2
    assert "small.npy: --windows 6: the matrix is only 3 long; use at most 3" in done.err
    assert [(row["from_step"], row["to_step"]) for row in json.loads(done.out)] == [(0, 60), (60, 120)]


@pytest.mark.parametrize("given", ["1", "a", "5:0", "5:1:1", "", "5:"])
def test_windows_are_whole_numbers(log, given):
    refused(run("rqa", log[0], "--windows", given), 2, "'--windows'")


def test_the_figure_goes_with_windows(log, tmp_path):
    refused(run("rqa", log[0], "--figure", tmp_path / "w.png"), 2, "--figure goes with --windows")
    refused(
        run("rqa", log[0], "--windows", "5", "--figure", tmp_path / "w.jpg"),
        2,
        "'--figure'",
        "unknown ending .jpg; use .png, .svg, .pdf",
    )
    both = tmp_path / "w.png"
    refused(run("rqa", log[0], "--windows", "5", "-t", "csv", "-o", both, "--figure", both), 2, "need a file each")
    out = tmp_path / "table.csv"
    for ending, magic in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        picture = tmp_path / f"w.{ending}"
        assert succeeded(run("rqa", log[0], "--windows", "5", "-o", out, "--figure", picture)) == b""
        assert picture.read_bytes().startswith(magic)
        assert len(table_of(out.read_bytes())) == 8


def windowed(name="run_a (train)", n=5, n_bands=4, **values):
    rng = np.random.default_rng(0)
    measured = {m: rng.random((n_bands, n)) for m in ("lam", "ent")} | values
    return Windowed(name, np.arange(n) * 10 + 40, "step", np.linspace(0, 1, n_bands + 1), measured)


def test_cells_of_the_figure_have_the_colours_of_their_values():
    lam = np.array([[0.0, 0.5, 1.0], [np.nan, 0.25, 0.0]])
    figure = draw_windows([windowed(n=3, n_bands=2, lam=lam)], ["lam"], style=Style(size=2, dpi=100))
    (panel,) = axes_called(figure, "windows of")
    colors = cell_colors_of(figure, panel, lam.shape)
    viridis = Style().colour_map("viridis")
    for (row, column), value in np.ndenumerate(lam[::-1]):  # the lowest band is at the bottom
        expected = [0xCC] * 3 if np.isnan(value) else np.array(viridis(value, bytes=True))[:3]
        np.testing.assert_array_equal(colors[row, column], expected)
    assert "grey: undefined" in texts(figure)
    assert [label.get_text() for label in panel.get_xticklabels()] == ["40", "50", "60"]


def cell_colors_of(figure, panel, shape):
    """Cells of this figure need not be square."""
    image = pixels(figure)
    part = image[pixel_box(figure, panel, len(image))]
    down, across = part.shape[0] // shape[0], part.shape[1] // shape[1]
    cells = part[::down, ::across]
    np.testing.assert_array_equal(part, np.repeat(np.repeat(cells, down, 0), across, 1))
    return cells


@pytest.mark.parametrize("n", [1, 5, 3000])
@pytest.mark.parametrize("n_runs", [1, 3])
def test_nothing_in_the_figure_overlaps(n, n_runs):
    name = "a_run_with_a_rather_long_name_that_ends_in_what_matters_0.0005"
    runs = [windowed(f"{name} ({k})" * 2, n, 20) for k in range(n_runs)]
    figure = draw_windows(runs, ["lam", "ent"], subtitle="windows of 5 moved by 1", style=Style(size=3, dpi=80))
    assert_clean(figure)
    assert len(axes_called(figure, "windows of")) == 2 * n_runs
    assert len(axes_called(figure, "colour bar")) == 2
    assert encode(figure, "png") == encode(figure, "png")
    for words in ("laminarity (lam)", "entropy (ent)", "step at the end of the window", "band of distances"):
        assert words in texts(figure)
    assert "grey" not in texts(figure)


def test_a_figure_without_windows_is_refused():
    for runs, measures in (([], ["lam"]), ([windowed()], []), ([windowed(n=0)], ["lam"])):
        with pytest.raises(ParameterError, match="no window to draw"):
            draw_windows(runs, measures)


def test_a_window_is_measured_like_a_matrix():
    (piece, *_) = windows(make_fingerprint(6), 4)
    alone = Fingerprint(piece.matrix.values.copy(), Axes(Axis(), Axis()))
    assert per_band(piece.matrix, Settings()) == per_band(alone, Settings())
