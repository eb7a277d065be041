"""Cells and one matrix: whole pixels, exact colours, what stands underneath."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from drawing import (
    SMALL,
    assert_clean,
    axes_called,
    cell_colors,
    find_text,
    make_axis,
    make_difference,
    make_fingerprint,
    rgb,
    texts,
)
from nntf_cli.errors import InputError, LimitError
from nntf_cli.figures import (
    Style,
    draw_difference,
    draw_fingerprint,
    encode,
)
from nntf_cli.figures.cells import Grid, Quiet, Side, block_means, fit_grid, quiet_share
from nntf_cli.figures.style import QUIET_BOTH, QUIET_ONE
from nntf_cli.figures.ticks import value_ticks
from nntf_cli.model import Axes, Axis, Fingerprint

# Cells


@pytest.mark.parametrize("n", [1, 2, 7, 49, 199, 261, 282, 283, 400, 5000])
def test_a_panel_has_whole_pixels_and_about_the_size_asked_for(n):
    grid = fit_grid((n, n), 200)
    assert 1 in (grid.rows.pixels, grid.rows.block)
    assert 200 / 1.5 < grid.width < 200 * 1.5
    assert grid.height == grid.width


@pytest.mark.parametrize("block", [1, 2, 3, 5])
def test_block_means_equal_a_naive_loop(block):
    rng = np.random.default_rng(block)
    values = rng.random((11, 8))
    quiet = Quiet(rng.random(11) < 0.5, rng.random(8) < 0.4)
    grid = Grid(Side(11, 1, block), Side(8, 1, block))
    means = block_means(values, grid, quiet)
    off, both = quiet_share(grid, quiet)
    for i in range(means.shape[0]):
        for j in range(means.shape[1]):
            kept, n_both, n = [], 0, 0
            for r in range(i * block, min(11, (i + 1) * block)):
                for c in range(j * block, min(8, (j + 1) * block)):
                    n += 1
                    n_both += quiet.rows[r] and quiet.columns[c]
                    if not quiet.rows[r] and not quiet.columns[c]:
                        kept.append(values[r, c])
            assert off[i, j] == (not kept)
            assert both[i, j] == (not kept and 2 * n_both >= n)
            if kept:
                assert means[i, j] == pytest.approx(np.mean(kept), rel=1e-14)
            else:
                assert np.isnan(means[i, j])


def test_block_means_read_the_matrix_in_strips():
    class Strips:
        def __getitem__(self, rows):
            assert rows.stop - rows.start == 4
            return np.full((4, 12), 0.5)

    nothing = np.zeros(12, dtype=bool)
    means = block_means(Strips(), Grid(Side(12, 1, 4), Side(12, 1, 4)), Quiet(nothing, nothing))
    np.testing.assert_array_equal(means, np.full((3, 3), 0.5))


# One fingerprint


def test_every_cell_is_whole_pixels_of_exactly_its_colour():
    fingerprint = make_fingerprint(9)
    figure = draw_fingerprint(fingerprint, style=SMALL)
    (heatmap,) = axes_called(figure, "heatmap")
    cells = cell_colors(figure, heatmap, (9, 9))
    expected = matplotlib.colormaps["viridis"](fingerprint.distances, bytes=True)[..., :3]
    np.testing.assert_array_equal(cells, expected)


def test_cells_stay_whole_at_odd_sizes():
    for n, size, dpi in [(1, 1, 72), (2, 1.7, 97), (13, 3.33, 150), (49, 4.5, 150), (120, 1.11, 300)]:
        figure = draw_fingerprint(make_fingerprint(n), style=Style(size, dpi))
        cell_colors(figure, axes_called(figure, "heatmap")[0], (n, n))


def test_more_cells_than_pixels_are_averaged():
    fingerprint = make_fingerprint(500)
    figure = draw_fingerprint(fingerprint, style=Style(size=1, dpi=100))
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (100, 100))
    means = fingerprint.distances.reshape(100, 5, 100, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(cells, matplotlib.colormaps["viridis"](means, bytes=True)[..., :3], atol=2)
    assert "5 \u00d7 5" in draw_texts(fingerprint, Style(size=2, dpi=50))


def draw_texts(fingerprint, style):
    return texts(draw_fingerprint(fingerprint, style=style))


def test_quiet_cells_are_grey_and_counted():
    moved = [5, 0, 3, 0, 0, 1, 2]
    figure = draw_fingerprint(make_fingerprint(7, moved), style=SMALL)
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (7, 7))
    quiet = np.array(moved) == 0
    assert (cells[np.ix_(quiet, quiet)] == rgb(QUIET_BOTH)).all()
    assert (cells[np.ix_(quiet, ~quiet)] == rgb(QUIET_ONE)).all()
    assert (cells[np.ix_(~quiet, quiet)] == rgb(QUIET_ONE)).all()
    assert not (cells[np.ix_(~quiet, ~quiet)] == rgb(QUIET_ONE)).all(axis=-1).any()
    assert "nothing moved (3 of 7 transitions)" in texts(figure)


def test_all_quiet_is_one_grey():
    figure = draw_fingerprint(make_fingerprint(5, np.zeros(5, dtype=int)), style=SMALL)
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (5, 5))
    assert (cells == rgb(QUIET_BOTH)).all()
    assert "(5 of 5 transitions)" in texts(figure)


def test_without_counts_nothing_is_marked_and_rows_are_numbered():
    matrix = make_fingerprint(7, [5, 0, 3, 0, 0, 1, 2]).distances
    bare = Fingerprint(matrix, Axes(Axis(), Axis()))
    figure = draw_fingerprint(bare, style=SMALL)
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (7, 7))
    np.testing.assert_array_equal(cells, matplotlib.colormaps["viridis"](matrix, bytes=True)[..., :3])
    assert "grey" not in texts(figure)
    assert "transition" in texts(figure)
    labels = [label.get_text() for label in axes_called(figure, "heatmap")[0].get_xticklabels()]
    assert labels[0] == "0"


@pytest.mark.parametrize(
    ("metric", "normalize", "factor", "cmap", "label", "top"),
    [
        ("flows", "flows", 1, "viridis", "distance d (Eq. 1)", 1),
        ("flows", "samples", 1, "viridis", "share of samples", 1),
        ("flows", "none", 500, "magma", "distance (samples)", None),
        ("hamming", "none", 500, "magma", "Hamming distance (samples)", None),
        (None, None, 1, "viridis", "distance d", 1),
        (None, None, 500, "magma", "distance", None),
    ],
)
def test_scale_follows_metric(metric, normalize, factor, cmap, label, top):
    fingerprint = make_fingerprint(6, metric=metric, normalize=normalize)
    values = np.round(fingerprint.distances * factor) if factor > 1 else fingerprint.distances
    figure = draw_fingerprint(replace(fingerprint, matrix=values), style=Style())
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (6, 6))
    expected = matplotlib.colormaps[cmap](values / (top or values.max()), bytes=True)[..., :3]
    np.testing.assert_array_equal(cells, expected)
    (bar,) = axes_called(figure, "colour bar")
    assert label in bar.get_label()


def test_a_bare_matrix_with_negative_values_is_drawn_as_a_difference():
    values = np.array([[0, -0.5], [0.25, 0]])
    figure = draw_fingerprint(Fingerprint(values, Axes(Axis(), Axis())), style=SMALL)
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (2, 2))
    expected = matplotlib.colormaps["RdBu_r"]((values + 0.5) / 1, bytes=True)[..., :3]
    np.testing.assert_array_equal(cells, expected)


def test_colour_bar_is_as_high_as_the_heatmap():
    figure = draw_fingerprint(make_fingerprint(9), style=SMALL)
    (bar,), (heatmap,) = axes_called(figure, "colour bar"), axes_called(figure, "heatmap")
    bar_box, box = bar.get_window_extent(), heatmap.get_window_extent()
    assert (bar_box.y0, bar_box.y1) == pytest.approx((box.y0, box.y1), abs=1e-4)
    assert [tick.get_text() for tick in bar.get_yticklabels()] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_panels_underneath_share_the_columns():
    fingerprint = make_fingerprint(9)
    figure = draw_fingerprint(fingerprint, style=SMALL)
    (heatmap,), (moved,), (accuracy,) = (axes_called(figure, name) for name in ("heatmap", "samples moved", "accuracy"))
    for panel in (moved, accuracy):
        box, wanted = panel.get_window_extent(), heatmap.get_window_extent()
        assert (box.x0, box.x1) == pytest.approx((wanted.x0, wanted.x1), abs=1e-4)
        assert panel.get_xlim() == heatmap.get_xlim()
    assert [bar.get_height() for bar in moved.patches] == list(range(1, 10))
    curves = [line for line in accuracy.get_lines() if len(line.get_xdata()) == 9]
    scalars = fingerprint.axes.columns.scalars
    np.testing.assert_array_equal(curves[0].get_ydata(), scalars["accuracy"][1:])
    np.testing.assert_array_equal(curves[1].get_ydata(), scalars["test_accuracy"][1:])
    assert "training" in texts(figure)


def test_panels_underneath_only_for_what_is_known():
    figure = draw_fingerprint(make_fingerprint(5, scalars={"loss": np.ones(6)}), style=SMALL)
    assert axes_called(figure, "samples moved")
    assert not axes_called(figure, "accuracy")
    gaps = {
        "accuracy": np.array([np.nan, 0.5, np.nan, 0.7, 0.8, np.nan]),
        "test_accuracy": np.full(6, np.nan),
    }
    figure = draw_fingerprint(make_fingerprint(5, scalars=gaps), style=SMALL)
    assert "training" in texts(figure)
    assert "test" not in texts(figure).replace("training", "")
    figure = draw_fingerprint(make_fingerprint(5), style=SMALL, underneath=False)
    assert len(figure.axes) == 2


def test_hamming_fingerprint_beside_has_its_own_scale():
    hamming = make_fingerprint(8, metric="hamming", normalize="none", scalars={})
    hamming = replace(hamming, matrix=np.round(hamming.distances * 90))
    figure = draw_fingerprint(make_fingerprint(7), style=SMALL, beside=hamming)
    left, right = axes_called(figure, "heatmap")
    assert left.get_window_extent().x1 < right.get_window_extent().x0
    cells = cell_colors(figure, right, (8, 8))
    expected = matplotlib.colormaps["magma"](hamming.distances / hamming.distances.max(), bytes=True)
    np.testing.assert_array_equal(cells, expected[..., :3])


def test_cross_fingerprint_names_both_runs():
    rows, columns = make_axis(5), make_axis(8, [0] * 8, run="run_b")
    figure = draw_fingerprint(Fingerprint(np.ones((5, 8)), Axes(rows, columns), "flows", "flows"), style=Style())
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (5, 8))
    assert (cells == rgb(QUIET_ONE)).all()
    shown = texts(figure)
    assert "run_a (train) \u00d7 run_b (train)" in shown
    assert "step of run_b (train)" in shown
    assert "0 of 5 rows, 8 of 8 columns" in shown


@pytest.mark.parametrize("n", [1, 2, 3, 49, 700])
def test_nothing_is_cut_and_labels_do_not_overlap(n):
    figure = draw_fingerprint(make_fingerprint(n), style=SMALL)
    encode(figure, "png")
    page = figure.bbox
    renderer = figure.canvas.get_renderer()
    for artist in [*figure.texts, *figure.axes]:
        box = artist.get_tightbbox(renderer) if artist in figure.axes else artist.get_window_extent(renderer)
        assert page.x0 <= box.x0
        assert page.y0 <= box.y0
        assert box.x1 <= page.x1
        assert box.y1 <= page.y1
    for axes in figure.axes:
        boxes = [t.get_window_extent(renderer) for t in axes.get_xticklabels() if t.get_text()]
        assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def test_a_matrix_without_cells_is_refused():
    empty = Fingerprint(np.zeros((0, 0)), Axes(Axis(), Axis()))
    with pytest.raises(InputError, match="no transition"):
        draw_fingerprint(empty)


def test_a_figure_too_large_is_refused():
    with pytest.raises(LimitError, match="pixels"):
        draw_fingerprint(make_fingerprint(3), style=Style(size=50, dpi=2400))


# What is said about a matrix


def test_hamming_beside_has_a_heading_and_the_title_is_for_both():
    hamming = make_fingerprint(8, metric="hamming", normalize="none", scalars={})
    figure = draw_fingerprint(make_fingerprint(7), beside=hamming)
    assert_clean(figure)
    title = find_text(figure, "run_a (train)")
    left, right = find_text(figure, "distance between transitions"), find_text(figure, "Hamming distance between")
    assert left.get_position()[1] == pytest.approx(right.get_position()[1], abs=0.02)
    assert title.get_position()[1] > max(left.get_position()[1], right.get_position()[1])
    assert title.get_fontsize() > left.get_fontsize() == right.get_fontsize()
    other = replace(hamming, axes=Axes(make_axis(8, run="run_b"), make_axis(8, run="run_b")))
    assert "Hamming distance between snapshots, run_b" in texts(draw_fingerprint(make_fingerprint(7), beside=other))


def test_what_is_underneath_a_cross_fingerprint_is_of_the_columns():
    cross = Fingerprint(np.ones((5, 8)), Axes(make_axis(5), make_axis(8, run="run_b")), "flows", "flows")
    figure = draw_fingerprint(cross)
    assert_clean(figure)
    assert "samples | moved, | run_b (train)" in texts(figure)
    assert "accuracy, | run_b (train) | training | test" in texts(figure)
    unnamed = replace(cross, axes=Axes(make_axis(5), make_axis(8, run="", split=None)))
    assert "moved, | columns" in texts(draw_fingerprint(unnamed))
    assert "samples | moved | accuracy | training" in texts(draw_fingerprint(make_fingerprint(8)))


def test_both_numbers_of_samples_are_named():
    a, b = make_fingerprint(4, n_samples=1200), make_fingerprint(4, split="test", n_samples=597)
    assert "4 transitions, 1,200 and 597 samples, 4 classes" in texts(draw_difference(make_difference(a, b)))
    assert "4 transitions, 1,200 samples, 4 classes" in texts(draw_difference(make_difference(a, a)))
    unknown = make_fingerprint(4, n_samples=None)
    assert "samples" not in texts(draw_difference(make_difference(a, unknown)))


@pytest.mark.parametrize("shape", [(30, 1200), (1200, 30), (1, 7), (2, 50), (9, 40)])
@pytest.mark.parametrize("size", [1, 4.5])
def test_strips_are_neither_flat_nor_narrow(shape, size):
    values = np.random.default_rng(0).random(shape)
    figure = draw_fingerprint(Fingerprint(values, Axes(Axis(), Axis())), style=Style(size, 100))
    assert_clean(figure)
    box = axes_called(figure, "heatmap")[0].get_window_extent()
    assert max(box.width, box.height) < 6 * min(box.width, box.height)
    assert "\u2026" not in texts(figure).replace("transi\u2026", "")


def test_cells_of_a_strip_are_exact():
    values = np.random.default_rng(0).random((3, 40))
    figure = draw_fingerprint(Fingerprint(values, Axes(Axis(), Axis())), style=SMALL)
    (heatmap,) = axes_called(figure, "heatmap")
    image = np.asarray(heatmap.images[0].get_array())
    down, across = image.shape[0] // 3, image.shape[1] // 40
    assert down > across
    expected = matplotlib.colormaps["viridis"](values, bytes=True)
    np.testing.assert_array_equal(image, np.repeat(np.repeat(expected, down, 0), across, 1))


def test_an_axis_has_two_values_at_least_and_not_too_many():
    assert value_ticks(0.26, 0.52, 3) == [0.3, 0.4, 0.5]  # 0.2 apart there would be one
    assert value_ticks(0, 1, 3) == [0.0, 0.5, 1.0]
    assert value_ticks(0.2, 0.8, 3, whole=True) == []
    rng = np.random.default_rng(0)
    for low, span in zip(rng.random(300) * 10.0 ** rng.integers(-4, 4, 300), rng.random(300), strict=True):
        ticks = value_ticks(low, low + span, 3)
        assert 2 <= len(ticks) <= 4
        assert low <= ticks[0] + 1e-9 and ticks[-1] <= low + span + 1e-9
