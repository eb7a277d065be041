import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from nntf_cli.errors import InputError, LimitError, MismatchError, ParameterError
from nntf_cli.figures import (
    Style,
    draw_band,
    draw_difference,
    draw_fingerprint,
    draw_panels,
    draw_transitions,
    encode,
)
from nntf_cli.figures.cells import Grid, Quiet, block_means, fit_grid, quiet_share
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.style import QUIET_BOTH, QUIET_DIFFERENCE, QUIET_ONE
from nntf_cli.figures.text import fit, number, plain
from nntf_cli.figures.ticks import step_ticks, value_ticks
from nntf_cli.model import Axes, Axis, Band, Difference, Fingerprint, Flows

SMALL = Style(size=2, dpi=100)
HOSTILE = "$x^{ \\frac <script>alert(1)</script> & --> \x07\n\ud800 \u202e %s"


def make_axis(n=7, moved=None, **changes):
    steps = np.arange(n + 1) * 10
    axis = Axis(
        run="run_a",
        source="run_a.h5",
        split="train",
        from_step=steps[:-1],
        to_step=steps[1:],
        moved=np.arange(1, n + 1) if moved is None else np.asarray(moved),
        n_samples=100,
        n_classes=4,
        scalars={"accuracy": np.linspace(0.2, 0.9, n + 1), "test_accuracy": np.linspace(0.1, 0.8, n + 1)},
    )
    return replace(axis, **changes)


def make_fingerprint(n=7, moved=None, seed=0, *, metric="flows", normalize="flows", **changes):
    d = np.random.default_rng(seed).random((n, n))
    d = (d + d.T) / 2
    np.fill_diagonal(d, 0)
    axis = make_axis(n, moved, **changes)
    if axis.quiet is not None and metric != "hamming":
        d[axis.quiet] = 1
        d[:, axis.quiet] = 1
        d[np.ix_(axis.quiet, axis.quiet)] = 0
    return Fingerprint(d, Axes(axis, axis), metric, normalize)


def make_difference(a, b):
    return Difference(a.distances - b.distances, a.axes, b.axes, a.metric, a.normalize)


def make_flows(deltas, stayed=True):
    deltas = np.asarray(deltas)
    n_transitions, n_classes, _ = deltas.shape
    index = np.arange(n_classes)
    diagonal = deltas[:, index, index].copy()
    off = deltas.copy()
    off[:, index, index] = 0
    which, before, after = np.nonzero(off)
    start = np.searchsorted(which, np.arange(n_transitions + 1))
    steps = np.arange(n_transitions + 1) * 10
    return Flows(
        start,
        before.astype(np.uint32),
        after.astype(np.uint32),
        off[which, before, after],
        steps[:-1],
        steps[1:],
        int(deltas[0].sum()),
        n_classes,
        diagonal if stayed else None,
    )


def random_flows(n_transitions=12, n_classes=4, seed=0, quiet=(3,)):
    deltas = np.random.default_rng(seed).integers(0, 30, (n_transitions, n_classes, n_classes))
    for i in set(quiet) & set(range(n_transitions)):
        deltas[i] = np.diag(np.diagonal(deltas[i]))
    return make_flows(deltas)


def axes_called(figure, label):
    return [axes for axes in figure.axes if axes.get_label().startswith(label)]


def texts(figure):
    return " | ".join(text.get_text() for text in figure.texts)


def pixels(figure):
    image = imread(BytesIO(encode(figure, "png")))
    return np.round(image[..., :3] * 255).astype(int)


def pixel_box(figure, axes, height):
    box = axes.get_window_extent().extents
    assert np.abs(box - np.round(box)).max() < 1e-4, "axes are not on whole pixels"
    left, bottom, right, top = np.round(box).astype(int)
    return slice(height - top, height - bottom), slice(left, right)


def cell_colors(figure, axes, shape):
    """Return the colour of each cell as read from the PNG, having checked that it is the same all over."""
    image = pixels(figure)
    part = image[pixel_box(figure, axes, len(image))]
    k = part.shape[0] // shape[0]
    assert part.shape[:2] == (k * shape[0], k * shape[1])
    cells = part[::k, ::k]
    np.testing.assert_array_equal(part, np.repeat(np.repeat(cells, k, 0), k, 1))
    return cells


def rgb(color):
    return np.round(np.array(to_rgb(color)) * 255).astype(int)


# Cells


@pytest.mark.parametrize("n", [1, 2, 7, 49, 199, 261, 282, 283, 400, 5000])
def test_a_panel_has_whole_pixels_and_about_the_size_asked_for(n):
    grid = fit_grid((n, n), 200)
    assert 1 in (grid.pixels, grid.block)
    assert 200 / 1.5 < grid.width < 200 * 1.5
    assert grid.height == grid.width


@pytest.mark.parametrize("block", [1, 2, 3, 5])
def test_block_means_equal_a_naive_loop(block):
    rng = np.random.default_rng(block)
    values = rng.random((11, 8))
    quiet = Quiet(rng.random(11) < 0.5, rng.random(8) < 0.4)
    grid = Grid(11, 8, 1, block)
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
    means = block_means(Strips(), Grid(12, 12, 1, 4), Quiet(nothing, nothing))
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
    figure = draw_fingerprint(replace(fingerprint, distances=values), style=Style())
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
    hamming = replace(hamming, distances=np.round(hamming.distances * 90))
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


# Differences, bands, panels


def test_difference_is_symmetric_around_zero_and_grey_where_either_is_quiet():
    a, b = (
        make_fingerprint(6, [1, 2, 0, 4, 5, 6]),
        make_fingerprint(6, [1, 0, 3, 4, 5, 6], seed=1, run="run_b"),
    )
    difference = make_difference(a, b)
    figure = draw_difference(difference, style=Style())
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (6, 6))
    quiet = np.array([False, True, True, False, False, False])
    assert (cells[quiet] == rgb(QUIET_DIFFERENCE)).all()
    assert (cells[:, quiet] == rgb(QUIET_DIFFERENCE)).all()
    kept = difference.values[np.ix_(~quiet, ~quiet)]
    end = np.abs(kept).max()
    expected = matplotlib.colormaps["RdBu_r"]((kept + end) / (2 * end), bytes=True)[..., :3]
    np.testing.assert_allclose(cells[np.ix_(~quiet, ~quiet)], expected, atol=3)
    assert "d(run_a) \u2212 d(run_b)" in texts(figure)
    assert "nothing moved in A or in B (2 of 6 transitions)" in texts(figure)


def test_difference_of_equals_has_limits_of_one():
    a = make_fingerprint(4)
    figure = draw_difference(make_difference(a, a), style=SMALL)
    (bar,) = axes_called(figure, "colour bar")
    labels = [label.get_text() for label in bar.get_yticklabels()]
    assert (labels[0], labels[-1]) == ("\u22121", "1")


def test_difference_of_splits_names_splits():
    a = make_fingerprint(4)
    b = make_fingerprint(4, split="test")
    assert "d(train) \u2212 d(test)" in texts(draw_difference(make_difference(a, b), style=Style()))


def test_band_is_black_on_white_with_its_rate():
    fingerprint = make_fingerprint(8, [1, 0, 2, 3, 4, 5, 6, 7])
    band = Band(0.4, 0.6)
    figure = draw_band(fingerprint, band, style=Style())
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (8, 8))
    inside = band.holds(fingerprint.distances)
    np.testing.assert_array_equal(cells, np.where(inside[..., None], 0, 255) * np.ones(3, dtype=int))
    n = int(inside.sum())
    assert "0.40-0.60" in texts(figure)
    assert f"RR = {n / 56:.4f} ({n} of 56 cells off the diagonal)" in texts(figure)
    assert "nothing moved in 1 of 8" in texts(figure)


def test_band_leaves_the_diagonal_out_of_the_rate():
    figure = draw_band(make_fingerprint(4), Band(0, 1), style=Style())
    assert "RR = 1.0000 (12 of 12 cells off the diagonal)" in texts(figure)
    assert "RR is undefined" in texts(draw_band(make_fingerprint(1), Band(0, 1), style=Style()))


def test_panels_share_one_scale_and_differ_in_size():
    panels = [make_fingerprint(6), make_fingerprint(9, seed=1), make_fingerprint(300, seed=2)]
    figure = draw_panels(panels, ["one", "two", "three"], style=SMALL)
    heatmaps = axes_called(figure, "heatmap")
    assert len(heatmaps) == 3
    assert len(axes_called(figure, "colour bar")) == 1
    for axes, panel in zip(heatmaps[:2], panels, strict=False):
        cells = cell_colors(figure, axes, panel.values.shape)
        expected = matplotlib.colormaps["viridis"](panel.values, bytes=True)[..., :3]
        np.testing.assert_array_equal(cells, expected)
    assert {"one", "two", "three"} <= {text.get_text() for text in figure.texts}


def test_counts_share_the_largest():
    low = make_fingerprint(4, normalize="none")
    high = replace(low, distances=low.distances * 10)
    figure = draw_panels([low, high], ["low", "high"], style=SMALL)
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (4, 4))
    expected = matplotlib.colormaps["magma"](low.values / high.values.max(), bytes=True)[..., :3]
    np.testing.assert_array_equal(cells, expected)


def test_difference_stands_between_its_pair():
    a, b = make_fingerprint(6), make_fingerprint(6, seed=1, run="b")
    figure = draw_panels(
        [a, b], ["a", "b"], differences=[make_difference(a, b)], difference_titles=["a - b"], style=SMALL
    )
    first, second, below = (axes.get_window_extent() for axes in axes_called(figure, "heatmap"))
    assert below.x0 == pytest.approx((first.x0 + second.x0) / 2, abs=1)
    assert below.y1 < first.y0
    assert len(axes_called(figure, "colour bar")) == 2


def test_many_panels_wrap():
    panels = [make_fingerprint(4, [1, 0, 2, 3]) for _ in range(8)]
    figure = draw_panels(panels, [str(k) for k in range(8)], style=SMALL)
    boxes = [axes.get_window_extent() for axes in axes_called(figure, "heatmap")]
    assert len({round(box.y0) for box in boxes}) == 2
    assert len({round(box.x0) for box in boxes}) == 4
    assert "up to 1 of 4" in texts(figure)


def test_panels_of_differences():
    a, b = make_fingerprint(5), make_fingerprint(5, seed=1)
    d = make_difference(a, b)
    figure = draw_panels([d, replace(d, difference=-d.difference)], ["a - b", "b - a"], style=SMALL)
    assert len(axes_called(figure, "heatmap")) == 2


def test_panels_refuse_what_has_no_common_scale():
    a = make_fingerprint(4)
    with pytest.raises(MismatchError, match="colour scale"):
        draw_panels([a, make_fingerprint(4, normalize="none")], ["a", "b"])
    with pytest.raises(MismatchError, match="colour scale"):
        draw_panels([a, make_difference(a, a)], ["a", "b"])
    with pytest.raises(ParameterError, match="1 titles"):
        draw_panels([a, a], ["a"])
    with pytest.raises(ParameterError, match="nothing to draw"):
        draw_panels([], [])


# Transitions


def test_annotated_transition_shows_counts_and_greys_the_diagonal():
    deltas = np.array([[[40, 3, 0], [1, 50, 9], [0, 0, 60]]])
    figure = draw_transitions(make_flows(deltas), [0], class_names=["cat", "dog", "owl"], style=Style())
    (plot,) = axes_called(figure, "transition 0")
    written = {text.get_position(): text.get_text() for text in plot.texts}
    assert written == {(0, 0): "40", (1, 0): "3", (0, 1): "1", (1, 1): "50", (2, 1): "9", (2, 2): "60"}
    assert [label.get_text() for label in plot.get_yticklabels()] == ["cat", "dog", "owl"]
    assert "step 0 \u2192 10, 13 moved" in texts(figure)
    image = plot.images[0].get_array()
    k = len(image) // 3
    cells = np.asarray(image)[2::k, 2::k, :3]
    assert (cells[[0, 1, 2], [0, 1, 2]] == 0xE9).all()
    assert (cells[0, 2] == 255).all()
    expected = matplotlib.colormaps["YlGnBu"](np.sqrt([3 / 9, 1 / 9, 1]), bytes=True)[:, :3]
    np.testing.assert_allclose(cells[[0, 1, 1], [1, 0, 2]].astype(int), expected, atol=3)


def test_transitions_without_the_diagonal_write_none():
    figure = draw_transitions(make_flows([[[40, 3], [1, 50]]], stayed=False), [0], style=SMALL)
    assert {text.get_text() for text in axes_called(figure, "transition")[0].texts} == {"3", "1"}


def test_few_transitions_stand_side_by_side():
    figure = draw_transitions(random_flows(), [0, 3, 5], style=Style(), title="a title")
    boxes = [axes.get_window_extent() for axes in axes_called(figure, "transition ")]
    assert len(boxes) == 3
    assert boxes[0].x1 < boxes[1].x0 < boxes[1].x1 < boxes[2].x0
    assert "step 30 \u2192 40, nothing moved" in texts(figure)
    assert "a title" in texts(figure)


def test_all_transitions_are_tiles_with_quiet_ones_grey():
    flows = random_flows(12, 4, quiet=(3, 7))
    figure = draw_transitions(flows, None, style=SMALL)
    image = np.asarray(axes_called(figure, "transitions")[0].images[0].get_array())
    assert (image == [*rgb(QUIET_ONE), 255]).all(axis=-1).any()
    assert "grey: nothing moved (2 of 12 transitions)" in texts(figure)
    assert {str(10 * k) for k in range(1, 13)} <= {text.get_text() for text in figure.texts}


def test_tiles_are_in_the_order_of_time_on_one_scale():
    deltas = np.zeros((2, 2, 2), dtype=int)
    deltas[0, 0, 1], deltas[1, 1, 0] = 16, 4
    figure = draw_transitions(make_flows(deltas), None, style=SMALL)
    image = np.asarray(axes_called(figure, "transitions")[0].images[0].get_array())[..., :3].astype(int)
    top, half = (matplotlib.colormaps["YlGnBu"](x, bytes=True)[:3] for x in (1.0, 0.5))
    where = [np.argwhere((np.abs(image - color) <= 2).all(axis=-1)) for color in (top, half)]
    assert where[0][:, 1].max() < where[1][:, 1].min()
    assert len(where[0]) == len(where[1])


def test_hundreds_of_tiles_make_one_page_and_thousands_do_not():
    flows = random_flows(300, 10)
    figure = draw_transitions(flows, None, style=SMALL)
    assert max(figure.get_size_inches()) < 8
    assert "rows named by" in texts(figure)
    with pytest.raises(LimitError, match="1,001 transitions"):
        draw_transitions(random_flows(1001, 2), None)


def test_of_many_classes_the_busiest_are_shown():
    n = 60_000
    before = np.array([5, 5, 59_999, *range(100, 140)], dtype=np.uint32)
    after = np.array([7, 59_999, 5, *range(200, 240)], dtype=np.uint32)
    count = np.array([50, 20, 30, *[1] * 40])
    flows = Flows(np.array([0, 43]), before, after, count, np.array([0]), np.array([10]), 1000, n)
    figure = draw_transitions(flows, [0], style=Style())
    (plot,) = axes_called(figure, "transition")
    labels = [label.get_text() for label in plot.get_yticklabels()]
    assert {"5", "7", "59999"} <= set(labels)
    assert len(labels) == 25
    assert "25 of 60,000 classes, 71% of the moves" in texts(figure)


def test_transitions_are_checked():
    flows = random_flows(3)
    with pytest.raises(ParameterError, match="no transition 3"):
        draw_transitions(flows, [3])
    with pytest.raises(ParameterError, match="2 names"):
        draw_transitions(flows, [0], class_names=["a", "b"])
    with pytest.raises(ParameterError, match="no transition was chosen"):
        draw_transitions(flows, [])


def test_one_class_and_nothing_moved():
    flows = make_flows([[[10]]])
    assert "nothing moved" in texts(draw_transitions(flows, [0], style=SMALL))
    assert "1 of 1 transitions" in texts(draw_transitions(flows, None, style=SMALL))


# Files and surroundings


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_same_input_same_bytes(fmt):
    first, second = (encode(draw_fingerprint(make_fingerprint(5, [1, 0, 2, 3, 4]), style=SMALL), fmt) for _ in range(2))
    assert first == second
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[fmt])
    assert b"CreationDate" not in first
    assert b"dc:date" not in first
    assert b"Software" not in first


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_hostile_text_is_drawn_as_it_is(fmt):
    axis = make_axis(4, run=HOSTILE, split="a\\b$")
    fingerprint = Fingerprint(make_fingerprint(4).distances, Axes(axis, axis), "flows", "flows")
    figures = [
        draw_fingerprint(fingerprint, style=SMALL),
        draw_panels([fingerprint], [HOSTILE], style=replace(SMALL, title=HOSTILE)),
        draw_transitions(random_flows(2), [0], class_names=[HOSTILE, "$", "\\frac{1}{0", ""], style=SMALL),
        draw_transitions(random_flows(9), None, class_names=["\u4e2d\u6587", "b", "c", "d"], title=HOSTILE),
    ]
    for figure in figures:
        data = encode(figure, fmt)
        assert b"<script" not in data
        assert b"\x07" not in data or fmt != "svg"


def test_unknown_formats_and_colour_maps_are_refused():
    with pytest.raises(ParameterError, match="not a picture format"):
        encode(draw_fingerprint(make_fingerprint(2), style=SMALL), "gif")
    with pytest.raises(ParameterError, match="viridis, cividis"):
        Style(cmap="nonsense")
    for wrong in ({"size": 0}, {"size": float("nan")}, {"dpi": 1}):
        with pytest.raises(ParameterError):
            Style(**wrong)


def test_colour_map_and_title_can_be_chosen():
    fingerprint = make_fingerprint(4)
    figure = draw_fingerprint(fingerprint, style=replace(SMALL, cmap="cividis", title="mine"))
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (4, 4))
    expected = matplotlib.colormaps["cividis"](fingerprint.distances, bytes=True)[..., :3]
    np.testing.assert_array_equal(cells, expected)
    assert "mine" in texts(figure)


SCRIPT = """
import sys
import numpy as np
from nntf_cli.figures import Style, draw_fingerprint, encode
from nntf_cli.model import Axes, Axis, Fingerprint
axis = Axis(run="$a$")
data = encode(draw_fingerprint(Fingerprint(np.eye(3), Axes(axis, axis)), style=Style(1, 100)), sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
assert "numba" not in sys.modules and "click" not in sys.modules and "pandas" not in sys.modules
sys.stdout.buffer.write(data)
"""


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_surroundings_change_nothing(tmp_path, fmt):
    tree = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MPL", "XDG", "COV"))}
    environment["PYTHONPATH"] = tree
    hostile = {"MPLBACKEND": "nonsense", "HOME": "/dev/null/home", "XDG_CONFIG_HOME": "/dev/null/x"}
    (tmp_path / "matplotlibrc").write_text(
        "figure.facecolor: red\nimage.interpolation: bilinear\nfont.size: 30\nsavefig.dpi: 11\n"
        "savefig.bbox: tight\naxes.facecolor: nonsense\nsvg.fonttype: none\ntext.usetex: True\n"
    )
    command = [sys.executable, "-c", SCRIPT, fmt]
    (tmp_path / "plain").mkdir()
    calm = subprocess.run(command, env=environment, cwd=tmp_path / "plain", capture_output=True, check=True)
    rough = subprocess.run(command, env=environment | hostile, cwd=tmp_path, capture_output=True, check=True)
    assert rough.stdout == calm.stdout
    assert rough.stderr == b""


def test_the_callers_settings_are_left_alone():
    with matplotlib.rc_context({"font.size": 23.0, "figure.facecolor": "red"}):
        figure = draw_fingerprint(make_fingerprint(3), style=SMALL)
        assert (pixels(figure)[0, 0] == 255).all()
        assert matplotlib.rcParams["font.size"] == 23.0


# Text and ticks


def test_plain_text():
    assert plain("a\tb\nc\x00\x7f\ud800\u202e") == "a b c\ufffd\ufffd\ufffd\ufffd"
    assert plain("épée 中") == "épée 中"


def test_text_is_cut_to_its_room():
    assert fit("short", 8, 100) == "short"
    cut = fit("x" * 5000, 8, 100)
    assert cut.endswith("…")
    assert 5 < len(cut) < 40


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (9999, "9999"), (12345, "12,345"), (0.25, "0.25"), (-0.5, "\u22120.5")]
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("steps", "labels"),
    [
        (np.arange(1, 50) * 10, ["50", "100", "150", "200", "250", "300", "350", "400", "450"]),
        (np.array([1, 2, 3, 5, 10, 100]), ["1", "2", "3", "5", "10", "100"]),
        (np.array([7]), ["7"]),
        (np.arange(1, 2001) * 391, None),
        (np.cumsum(np.arange(1, 300)) * 7 + 3, None),
        (np.arange(5) - 2**62, None),
    ],
)
def test_step_ticks(steps, labels):
    chosen, texts = step_ticks(steps, 600 / len(steps), lambda labels: 30)
    assert len(chosen) == len(texts) <= 9
    assert np.all(np.diff(chosen) * 600 / len(steps) >= 30)
    if labels is not None:
        assert texts == labels
    else:
        assert len(texts) >= 3


@pytest.mark.parametrize(
    ("low", "high", "whole", "values"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-0.3, 0.3, False, [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
        (0, 2, True, [0, 1, 2]),
        (5, 5, False, [5]),
    ],
)
def test_value_ticks(low, high, whole, values):
    assert value_ticks(low, high, 6, whole=whole) == pytest.approx(values)


def test_page_holds_everything():
    page = Page(Style(size=1, dpi=100))
    page.axes(Box(-30, -20, 50, 40))
    page.text(200, 5, "to the right")
    figure = page.finish()
    width, height = figure.bbox.size
    assert width > 230
    assert height > 40
