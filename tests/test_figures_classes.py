"""Stripes have the colours of their values, and stand where their classes do."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from drawing import HOSTILE, SMALL, assert_clean, axes_called, pixel_box, pixels, rgb, texts
from nntf_cli.errors import ParameterError
from nntf_cli.figures import ClassView, Mark, Style, draw_classes, encode
from nntf_cli.figures.style import QUIET_ONE


def view_of(values, clusters=None, **changes):
    values = np.asarray(values, dtype=np.float64)
    n_classes, n_snapshots = values.shape
    order = np.arange(n_classes) if clusters is None else np.argsort(clusters, kind="stable")
    view = ClassView(
        title="run_a (train)",
        measure="error",
        step=np.arange(n_snapshots) * 10,
        values=values,
        names=[f"class {k}" for k in range(n_classes)],
        order=order,
        clusters=None if clusters is None else np.asarray(clusters),
        curves=[("train", np.nan_to_num(values).mean(axis=0)), ("test", np.linspace(1, 0.2, n_snapshots))],
    )
    return replace(view, **changes)


def random_view(n_classes, n_snapshots, n_clusters=4, **changes):
    rng = np.random.default_rng(0)
    return view_of(rng.random((n_classes, n_snapshots)), rng.integers(0, n_clusters, n_classes), **changes)


def stripes_of(figure, n_snapshots):
    """Return the colours in the middle of each stripe and snapshot: rows of all pixels, one column per snapshot."""
    (plot,) = axes_called(figure, "classes")
    image = pixels(figure)
    part = image[pixel_box(figure, plot, len(image))]
    across = part.shape[1] // n_snapshots
    return part[:, across // 2 :: across]


def test_stripes_have_the_colours_of_their_values():
    values = np.array([[0.0, 0.25, 1.0], [np.nan, 0.5, 0.04]])
    figure = draw_classes(view_of(values, order=np.array([1, 0])), style=SMALL)
    rows = stripes_of(figure, 3)
    colors = rows[[len(rows) // 4, 3 * len(rows) // 4]]
    wrong = matplotlib.colormaps["magma_r"]
    for (k, t), value in np.ndenumerate(values[[1, 0]]):  # the last class is on top
        expected = rgb(QUIET_ONE) if np.isnan(value) else np.array(wrong(np.sqrt(value), bytes=True))[:3]
        np.testing.assert_allclose(colors[k, t], expected, atol=2)
    assert "grey: undefined, no sample of the class has a label" in texts(figure)
    assert "error rate" in texts(figure)


def test_right_and_wrong_are_told_apart_without_red_and_green():
    """By lightness, which everybody sees: it falls all the way from right to wrong."""
    colors = matplotlib.colormaps["magma_r"](np.linspace(0, 1, 256))[:, :3]
    assert (np.diff(colors @ [0.2126, 0.7152, 0.0722]) < 0.01).all()


def test_clusters_stand_together_under_their_means():
    values = np.array([[0.9] * 4, [0.0] * 4, [0.8, 0.8, 0.4, 0.4], [0.1] * 4])
    figure = draw_classes(view_of(values, clusters=[1, 0, 1, 0]), style=SMALL)
    wrong = matplotlib.colormaps["magma_r"]
    for cluster, means in ((1, [0.05] * 4), (2, [0.85, 0.85, 0.65, 0.65])):
        (plot,) = axes_called(figure, f"mean of cluster {cluster}")
        image = np.asarray(plot.images[0].get_array())
        colors = image[0, :: image.shape[1] // 4, :3]
        np.testing.assert_allclose(colors.astype(int), wrong(np.sqrt(means), bytes=True)[:, :3], atol=2)
    written = [text.get_text() for text in figure.texts]
    assert [text for text in written if text.startswith("cluster ")] == ["cluster 1: 2 classes", "cluster 2: 2 classes"]
    assert [text for text in written if text.startswith("class ")] == ["class 1", "class 3", "class 0", "class 2"]
    assert {"1", "2"} <= set(written)


def test_curves_are_aligned_with_the_stripes():
    view = random_view(5, 30)
    figure = draw_classes(view, style=SMALL)
    (errors,), (stripes,) = (axes_called(figure, label) for label in ("error of all", "classes"))
    assert errors.get_xlim() == stripes.get_xlim()
    a, b = errors.get_window_extent(), stripes.get_window_extent()
    assert (a.x0, a.x1) == (b.x0, b.x1)
    assert a.y0 > b.y1
    np.testing.assert_array_equal(errors.lines[0].get_ydata(), view.curves[0][1])
    assert "train | test" in texts(figure)


@pytest.mark.parametrize("n_classes", [1, 10, 120, 1000, 3000])
@pytest.mark.parametrize("n_snapshots", [1, 200, 1500])
def test_nothing_overlaps_at_any_size(n_classes, n_snapshots):
    view = random_view(n_classes, n_snapshots, title=HOSTILE, names=[HOSTILE * (k % 2) for k in range(n_classes)])
    figure = draw_classes(view, subtitle="error rate", style=Style(size=3, dpi=80))
    assert_clean(figure)
    assert figure.get_size_inches().max() < 16
    if n_snapshots == 200:
        assert encode(figure, "png") == encode(figure, "png")
    written = texts(figure).replace(" | ", " ")
    assert ("classes are named" in written) == (n_classes >= 120)
    assert ("is the mean of up to" in written) == (n_classes >= 1000)


def marks_of(plot, rule):
    """Return (snapshot, height, width) of each mark."""
    (drawn,) = [marks for marks in plot.collections if marks.get_label() == rule]
    return [(x, y, np.sqrt(size)) for (x, y), size in zip(drawn.get_offsets().tolist(), drawn.get_sizes(), strict=True)]


def test_marks_are_where_they_belong():
    marks = [Mark(2, 1, "left", 1.0), Mark(0, 3, "right", 0.0), Mark(1, 0, "left", 0.5)]
    view = view_of(np.zeros((4, 3)), clusters=[0, 1, 0, 1])
    figure = draw_classes(view, marks=marks, only=[1, 2, 3], style=SMALL)
    (plot,) = axes_called(figure, "classes")
    left, right = (marks_of(plot, rule) for rule in ("left", "right"))
    assert len(left) == len(right) == 1  # class 0 is not shown
    assert not axes_called(figure, "mean of cluster")  # they would be of class 0, too
    assert "clusters of all classes by their error curves (k-means), easy to hard" in texts(figure).replace(" | ", " ")
    assert "the mean of each" not in texts(figure)
    assert (left[0][0], right[0][0]) == (2, 0)
    assert left[0][2] > 2 * right[0][2]
    names = {text.get_text(): text for text in figure.texts}
    assert "class 0" not in names
    encode(figure, "png")
    for mark, name in ((left, "class 1"), (right, "class 3")):
        y = plot.transData.transform((0, mark[0][1]))[1]
        box = names[name].get_window_extent(figure.canvas.get_renderer())
        assert box.y0 < y < box.y1
    assert "left rule" in texts(figure)
    assert "left rule" not in texts(draw_classes(view, style=SMALL))


def test_marks_say_whether_samples_became_wrong():
    marks = [Mark(t, t, "left", 1.0, lost) for t, lost in enumerate((0.0, 0.49, 0.5, 1.0))]
    figure = draw_classes(random_view(4, 4), marks=marks, style=SMALL)
    (plot,) = axes_called(figure, "classes")
    drawn = next(marks for marks in plot.collections if marks.get_label() == "left")
    shown = {x: (face[0], edge[0]) for (x, _), face, edge in zip(
        drawn.get_offsets().tolist(), drawn.get_facecolors(), drawn.get_edgecolors(), strict=True
    )}  # fmt: skip
    assert all(
        (inside > 0.9 > 0.2 > edge) if x < 2 else (inside < 0.2 < 0.9 < edge) for x, (inside, edge) in shown.items()
    )
    said = texts(figure).replace(" | ", " ")
    assert "black: half of them or more became wrong; white: most became right" in said
    assert "▼ left rule: samples that changed after a rest; the larger, the more samples" in said
    assert "right rule" not in said
    both = draw_classes(random_view(4, 4), marks=[Mark(1, 1, "left", 1.0), Mark(2, 1, "right", 1.0)], style=SMALL)
    assert_clean(both)
    said = texts(both).replace(" | ", " ")
    assert "▲ right rule: samples that changed, then rested; the larger" in said
    assert "black" not in said


def test_where_few_classes_can_be_named_the_marked_ones_are():
    view = random_view(600, 20)
    chosen = np.random.default_rng(1).choice(600, 5, replace=False).tolist()
    figure = draw_classes(view, marks=[Mark(3, k, "left", 0.5) for k in chosen], style=Style(size=3, dpi=80))
    assert_clean(figure)
    names = {text.get_text() for text in figure.texts}
    places = np.argsort(np.argsort(view.clusters, kind="stable"))[chosen]
    far_apart = [k for k, place in zip(chosen, places, strict=True) if (np.abs(places - place) < 20).sum() == 1]
    assert far_apart
    assert {f"class {k}" for k in far_apart} <= names


def test_marks_of_both_rules_at_one_place_do_not_cover_each_other():
    marks = [Mark(1, 2, "left", 0.5), Mark(1, 2, "right", 1.0), Mark(0, 2, "left", 0.5)]
    figure = draw_classes(random_view(4, 3), marks=marks, style=SMALL)
    (plot,) = axes_called(figure, "classes")
    (alone, left), (right,) = (sorted(marks_of(plot, rule)) for rule in ("left", "right"))
    assert left[1] < alone[1] < right[1]  # downwards
    assert (left[0], right[0]) == (1, 1)


@pytest.mark.parametrize("measure", ["share", "inflow", "outflow", "precision"])
def test_other_measures(measure):
    values = np.random.default_rng(0).integers(0, 50, (4, 6)) / (50 if measure in ("share", "precision") else 1)
    values[:, 0] = np.nan
    figure = draw_classes(view_of(values, measure=measure, curves=[]), style=SMALL)
    assert_clean(figure)
    assert not axes_called(figure, "error of all")
    assert "grey: undefined" in texts(figure)
    if measure in ("inflow", "outflow"):
        assert f"{measure} (samples)" in texts(figure)  # the bar is short, and the words are not cut


def test_uneven_steps_are_said_to_be():
    even, uneven = random_view(3, 4), random_view(3, 4, step=np.array([0, 1, 10, 100]))
    assert "| step |" in texts(draw_classes(even, style=SMALL))
    assert "| step (a column per snapshot) |" in texts(draw_classes(uneven, style=SMALL))
    many = random_view(3, 1000, step=np.arange(1000) ** 2)
    assert "step (a column per 5 snapshots)" in texts(draw_classes(many, style=SMALL))


def test_classes_that_are_none():
    for only in ([], [7]):
        with pytest.raises(ParameterError, match="no class to draw"):
            draw_classes(view_of(np.zeros((2, 3))), only=only)
