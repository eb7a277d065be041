"""Differences, bands and panels of several matrices."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from drawing import SMALL, assert_clean, axes_called, cell_colors, make_difference, make_fingerprint, rgb, texts
from nntf_cli.errors import MismatchError, ParameterError
from nntf_cli.figures import (
    Style,
    draw_band,
    draw_difference,
    draw_panels,
)
from nntf_cli.figures.style import QUIET_DIFFERENCE
from nntf_cli.model import Band

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
    assert "run_a (train) | recurrence: 0.40 \u2264 d \u2264 0.60 | 8 transitions" in texts(figure)
    assert f"RR = {n / 56:.4f} ({n} of 56 cells off the diagonal)" in texts(figure)
    assert "nothing moved in 1 of 8" in texts(figure)


@pytest.mark.parametrize(
    ("band", "text"),
    [
        (Band(0.1 + 0.2, 0.6, closed=False), "0.30 \u2264 d < 0.60"),
        (Band(0.125, 1 / 3), "0.125 \u2264 d \u2264 0.333333"),
    ],
)
def test_a_band_is_written_short_and_with_its_upper_edge(band, text):
    assert f"recurrence: {text} |" in texts(draw_band(make_fingerprint(5), band))


def test_a_band_keeps_its_limits_under_another_title():
    figure = draw_band(make_fingerprint(5), Band(0.2, 0.4), style=Style(size=1, dpi=100, title="mine"))
    assert_clean(figure)
    assert "mine | recurrence: 0.20" in texts(figure)
    difference = make_difference(make_fingerprint(5), make_fingerprint(5, split="test"))
    shown = texts(draw_band(difference, Band(-0.5, 0.5)))
    assert "run_a: train \u2212 test | recurrence: \u22120.50 \u2264 difference \u2264 0.50" in shown


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
    high = replace(low, matrix=low.distances * 10)
    figure = draw_panels([low, high], ["low", "high"], style=SMALL)
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (4, 4))
    expected = matplotlib.colormaps["magma"](low.values / high.values.max(), bytes=True)[..., :3]
    np.testing.assert_array_equal(cells, expected)


def test_differences_stand_between_their_pairs():
    panels = [make_fingerprint(6, seed=k, run=f"run {k}") for k in range(3)]
    pairs = [make_difference(panels[0], panels[1]), make_difference(panels[1], panels[2])]
    figure = draw_panels(panels, ["a", "b", "c"], differences=pairs, difference_titles=["a - b", "b - c"], style=SMALL)
    a, b, c, ab, bc = (axes.get_window_extent() for axes in axes_called(figure, "heatmap"))
    assert ab.x0 == pytest.approx((a.x0 + b.x0) / 2, abs=1)
    assert bc.x0 == pytest.approx((b.x0 + c.x0) / 2, abs=1)
    assert ab.y1 < a.y0
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
