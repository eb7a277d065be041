"""Confusions have the colours and the numbers of their pairs."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from drawing import HOSTILE, SMALL, assert_clean, axes_called, texts
from nntf_cli.errors import ParameterError
from nntf_cli.figures import ConfusionView, Style, draw_confusion, encode

NAMES = ["cat", "dog", "owl"]


def view_of(pairs, names=NAMES, **changes):
    """Make a view of {(true, predicted): samples}, 100 samples a class."""
    true, predicted = (np.array([pair[k] for pair in pairs], dtype=np.int64) for k in range(2))
    n = np.array(list(pairs.values()), dtype=np.int64)
    return replace(ConfusionView("run_a (train)", true, predicted, n, n / 100, names), **changes)


def numbers_in(figure):
    (plot,) = axes_called(figure, "confusion")
    return {text.get_position()[::-1]: text.get_text() for text in plot.texts}


def labels_in(figure):
    (plot,) = axes_called(figure, "confusion")
    return [[label.get_text() for label in axis] for axis in (plot.get_yticklabels(), plot.get_xticklabels())]


def test_a_confusion_has_a_number_and_a_colour_for_each_pair():
    figure = draw_confusion(view_of({(0, 1): 64, (2, 0): 16}), style=Style(size=3))
    assert numbers_in(figure) == {(0, 1): "64", (2, 0): "16"}
    assert labels_in(figure) == [NAMES, NAMES]
    colors = colors_in(figure)
    scale = matplotlib.colormaps["YlGnBu"]
    for place, share in (((0, 1), 1.0), ((2, 0), 0.5)):  # the root of 16 / 64
        np.testing.assert_allclose(colors[place], np.array(scale(share, bytes=True))[:3], atol=2)
    assert (colors[[0, 1, 2], [0, 1, 2]] == 0xE9).all()
    assert (colors[1, 0] == 255).all()


def colors_in(figure):
    """Return the colour of each of 3 x 3 cells, under the numbers."""
    (plot,) = axes_called(figure, "confusion")
    image = np.asarray(plot.images[0].get_array())[..., :3].astype(int)
    k = len(image) // 3
    return image[k // 2 :: k, k // 2 :: k]


def test_a_change_is_red_where_more_and_blue_where_fewer():
    figure = draw_confusion(view_of({(0, 1): 20, (1, 2): -20, (2, 0): 0}, is_change=True), style=SMALL)
    assert numbers_in(figure) == {(0, 1): "+20", (1, 2): "\u221220"}
    colors = colors_in(figure)
    more, fewer = colors[0, 1], colors[1, 2]
    assert more[0] > more[2]
    assert fewer[2] > fewer[0]
    assert "change of the share" in texts(figure)
    assert "samples more or fewer" in texts(figure)


def test_of_many_classes_the_largest_confusions_are_shown():
    rng = np.random.default_rng(0)
    pairs = {(int(a), int(b)): 1 for a, b in rng.integers(0, 400, (500, 2)) if a != b}
    pairs |= {(390, 17): 90, (17, 390): 80, (5, 399): -85}
    figure = draw_confusion(view_of(pairs, [f"c{k}" for k in range(400)]))
    down, across = labels_in(figure)
    assert down == across
    assert len(down) == 25
    assert {"c390", "c17", "c5", "c399"} <= set(down)
    assert "25 of 400 classes, " in texts(figure)
    assert_clean(figure)


def test_classes_that_were_asked_for_are_the_rows():
    pairs = {(7, k): k + 1 for k in range(30) if k != 7}
    figure = draw_confusion(view_of(pairs, [f"c{k}" for k in range(30)], only=[7]))
    down, across = labels_in(figure)
    assert down == ["c7"]
    assert across == [f"c{k}" for k in range(4, 30) if k != 7]
    assert_clean(figure)
    none = draw_confusion(view_of({}, only=[1]), style=SMALL)
    assert labels_in(none) == [["dog"], NAMES]
    with pytest.raises(ParameterError, match="no class to draw"):
        draw_confusion(view_of({}, only=[]))


@pytest.mark.parametrize("n_classes", [1, 2, 10, 25, 26, 1000])
@pytest.mark.parametrize("is_change", [False, True])
def test_nothing_overlaps(n_classes, is_change):
    rng = np.random.default_rng(1)
    pairs = {(int(a), int(b)): int(n) for a, b, n in rng.integers(0, n_classes, (300, 3)) * [1, 1, 99] if a != b}
    names = [HOSTILE * (k % 2) + f" class {k}" for k in range(n_classes)]
    figure = draw_confusion(view_of(pairs, names, is_change=is_change), subtitle="step 10", style=Style(size=3, dpi=80))
    assert_clean(figure)
    assert encode(figure, "png") == encode(figure, "png")
