"""The pixel chart: its cells read back from the picture."""

import numpy as np
import pytest

from drawing import HOSTILE, SMALL, assert_clean, axes_called, pixel_box, pixels, rgb, texts
from nntf_cli.errors import ParameterError
from nntf_cli.figures import Chart, Style, draw_pixels
from nntf_cli.figures.palette import MISSING, RIGHT, WRONG, class_colours


def make_chart(n=30, n_snapshots=20, n_classes=3, seed=0, **changes):
    rng = np.random.default_rng(seed)
    given = {
        "name": "run (train)",
        "step": np.arange(n_snapshots) * 10,
        "labels": rng.integers(-1, n_classes, (n, n_snapshots)),
        "true": rng.integers(0, n_classes, n),
    }
    return Chart(**(given | changes))


def cells_of(figure, chart, label="samples"):
    """Return the colour of every cell, having checked that each is a whole number of pixels."""
    (plot,) = axes_called(figure, label)
    image = pixels(figure)
    part = image[pixel_box(figure, plot, len(image))]
    n, m = chart.labels.shape
    down, across = part.shape[0] // n, part.shape[1] // m
    cells = part[::down, ::across]
    np.testing.assert_array_equal(part, np.repeat(np.repeat(cells, down, 0), across, 1))
    return cells


def test_right_and_wrong():
    chart = make_chart()
    figure = draw_pixels(chart, style=Style(size=3))
    assert_clean(figure)
    cells = cells_of(figure, chart)
    right = chart.labels == chart.true[:, None]
    assert (cells[right] == rgb(RIGHT)).all()
    assert (cells[~right & (chart.labels >= 0)] == rgb(WRONG)).all()
    assert (cells[chart.labels < 0] == rgb(MISSING)).all()
    for word in ("run (train)", "30 samples", "correct", "wrong", "no label", "step", "share"):
        assert word in texts(figure), word
    assert "no label" not in texts(draw_pixels(make_chart(labels=np.ones((30, 20), dtype=int)), style=SMALL))


def test_the_share_underneath():
    labels = np.array([[0, 0, 1, -1], [0, 1, 1, -1], [1, 1, -1, -1]])
    figure = draw_pixels(make_chart(3, 4, labels=labels, true=np.array([0, 0, 1])), style=Style())
    (plot,) = axes_called(figure, "share correct")
    values = plot.patches[0].get_data().values
    np.testing.assert_array_equal(values, [1, 2 / 3, 0, np.nan])
    assert not axes_called(draw_pixels(make_chart(true=None), "class", style=SMALL), "share correct")


def test_classes_have_their_colours_and_the_true_one_a_bar():
    chart = make_chart(n_classes=4, class_names=("cat", "dog", HOSTILE, "fox"))
    figure = draw_pixels(chart, "class", style=Style(size=3))
    assert_clean(figure)
    cells = cells_of(figure, chart)
    colours = class_colours(chart.labels)
    assert [number for number, _ in colours.shown] == [0, 1, 2, 3]
    for number, colour in colours.shown:
        assert (cells[chart.labels == number] == rgb(colour)).all()
    (bar,) = axes_called(figure, "true classes")
    image = pixels(figure)
    part = image[pixel_box(figure, bar, len(image))]
    beside = part[:: part.shape[0] // 30, 0]
    np.testing.assert_array_equal(beside, [rgb(dict(colours.shown)[k]) for k in chart.true.tolist()])
    assert "predicted:" in texts(figure)
    assert "fox" in texts(figure)


def test_one_class_is_light_and_has_no_bar():
    chart = make_chart(one_class=1, true=np.ones(30, dtype=int), class_names=("cat", "dog", "emu"))
    figure = draw_pixels(chart, "class", style=Style(size=3))
    cells = cells_of(figure, chart)
    assert (cells[chart.labels == 1] == rgb(RIGHT)).all()
    assert (cells[chart.labels == 2] != rgb(RIGHT)).any(axis=1).all()
    assert "dog (correct)" in texts(figure)
    assert not axes_called(figure, "true classes")


def test_rare_classes_share_a_grey():
    rng = np.random.default_rng(0)
    labels = np.minimum(rng.geometric(0.12, (40, 30)), 25)
    colours = class_colours(labels)
    counts = np.bincount(labels.ravel())
    assert len(colours.shown) == 10
    rare = sorted(set(np.flatnonzero(counts)) - {number for number, _ in colours.shown})
    assert colours.n_others == len(rare)
    assert max(counts[rare]) <= min(counts[number] for number, _ in colours.shown)
    assert (colours.paint(labels)[np.isin(labels, rare)] == colours.rgba[11]).all()
    figure = draw_pixels(make_chart(40, 30, labels=labels, true=None), "class", style=Style())
    assert f"{len(rare)} others" in texts(figure)
    assert_clean(figure)


def test_colours_are_apart():
    colours = [rgb(c).astype(int) for _, c in class_colours(np.arange(10)).shown]
    colours += [rgb(c).astype(int) for c in (RIGHT, WRONG, MISSING)]
    apart = [np.abs(a - b).sum() for i, a in enumerate(colours) for b in colours[:i]]
    assert min(apart) > 40
    grey = [float(rgb(c)[:3] @ np.array([0.299, 0.587, 0.114])) for c in (RIGHT, WRONG)]
    assert grey[0] - grey[1] > 80, "right and wrong differ in lightness too"


def test_more_snapshots_than_pixels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (5, 1000))
    chart = make_chart(5, 1000, labels=labels, true=np.zeros(5, dtype=int))
    (plot,) = axes_called(figure := draw_pixels(chart, style=Style(size=2, dpi=100)), "samples")
    image = pixels(figure)
    part = image[pixel_box(figure, plot, len(image))][:: len(image)]
    block = -(-1000 // part.shape[1])
    assert f"a column is {block} snapshots" in texts(figure)
    share = (labels[0, :block] == 0).mean()
    expected = share * rgb(RIGHT) + (1 - share) * rgb(WRONG)
    np.testing.assert_allclose(part[0, 0], expected[:3] if len(expected) > 3 else expected, atol=1)
    classes = draw_pixels(chart, "class", style=Style(size=2, dpi=100))
    (plot,) = axes_called(classes, "samples")
    image = pixels(classes)
    most = np.bincount(labels[0, :block]).argmax()
    first = image[pixel_box(classes, plot, len(image))][0, 0]
    np.testing.assert_array_equal(first, rgb(dict(class_colours(labels).shown)[int(most)]))


def test_names_where_there_is_room():
    few = make_chart(5, names=["a", "b", HOSTILE, "d" * 200, "e"])
    figure = draw_pixels(few, style=Style())
    assert_clean(figure)
    assert "| e |" in texts(figure)
    assert "5 samples" not in texts(figure)
    many = draw_pixels(make_chart(300, names=[f"name{k}" for k in range(300)]), style=Style())
    assert "name" not in texts(many)
    assert "300 samples" in texts(many)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (700, 3), (2, 2)])
def test_odd_shapes(shape):
    chart = make_chart(*shape, what="what they are, in words which are longer than the chart is wide")
    for colour in ("correct", "class"):
        figure = draw_pixels(chart, colour, style=Style(size=3))
        assert_clean(figure)
        assert cells_of(figure, chart).shape[:2] == shape
        lines = [text.get_text() for text in figure.texts if text.get_text().startswith(("what they", "than", "is"))]
        assert len(lines) <= 2, "there is room for words"
        assert " ".join(lines).split()[:9] == chart.what.split()[:9]


def test_uneven_steps_are_said_to_be():
    chart = make_chart(5, 3, step=np.array([0, 10, 100]))
    figure = draw_pixels(chart, style=Style(size=3))
    assert_clean(figure)
    assert "step (a column per snapshot)" in texts(figure)
    assert "column" not in texts(draw_pixels(make_chart(5, 3), style=Style(size=3)))


def test_nothing_to_draw():
    with pytest.raises(ParameterError, match="no sample to draw"):
        draw_pixels(make_chart(0))
    with pytest.raises(ParameterError, match="nothing is right or wrong"):
        draw_pixels(make_chart(true=None))
