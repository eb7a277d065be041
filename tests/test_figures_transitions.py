"""Transitions: annotated, and as small multiples."""

import matplotlib
import numpy as np
import pytest

from drawing import SMALL, assert_clean, axes_called, make_flows, random_flows, rgb, texts
from nntf_cli.errors import LimitError, ParameterError
from nntf_cli.figures import (
    Style,
    draw_transitions,
)
from nntf_cli.figures.style import QUIET_ONE
from nntf_cli.model import Flows

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


def test_of_many_classes_the_largest_flows_are_shown():
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
    assert "25 of 60,000 classes, 79% of the moves" in texts(figure)


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
    assert "1 of 1 transition" in texts(draw_transitions(flows, None, style=SMALL))


def test_the_colour_bar_begins_at_one_for_zero_is_white():
    figure = draw_transitions(make_flows([[[5, 400], [1, 0]]]), [0], style=Style())
    (bar,) = axes_called(figure, "colour bar")
    labels = [label.get_text() for label in bar.get_yticklabels()]
    assert (labels[0], labels[-1]) == ("1", "400")
    places = bar.get_yticks()
    assert (places[0], places[-1]) == pytest.approx((0, 1))
    lowest = np.asarray(bar.images[0].get_array())[-1, 0, :3].astype(int)
    of_one = np.asarray(axes_called(figure, "transition 0")[0].images[0].get_array())[-1, 0, :3].astype(int)
    assert np.abs(lowest - of_one).max() <= 2
    assert "white: none moved, grey: stayed in their class" in texts(figure)


@pytest.mark.parametrize("most", [0, 1, 2, 21, 10_001])
@pytest.mark.parametrize("size", [0.8, 4.5])
def test_the_colour_bar_holds_any_count(most, size):
    figure = draw_transitions(make_flows([[[5, most], [0, 3]]]), [0], style=Style(size, 100))
    (bar,) = axes_called(figure, "colour bar")
    places = bar.get_yticks()
    assert len(set(places)) == len(places)
    assert places.min() >= 0
    assert places.max() <= 1
    assert_clean(figure)


def test_numbers_are_of_one_size_in_all_panels():
    deltas = np.array([[[12345, 1], [2, 3]], [[1, 1], [2, 3]]])
    figure = draw_transitions(make_flows(deltas), [0, 1], style=Style(size=1.2, dpi=100))
    sizes = [{text.get_fontsize() for text in plot.texts} for plot in axes_called(figure, "transition ")]
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == 1
