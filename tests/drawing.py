"""What the tests of figures share: matrices and flows to draw, and ways to read pictures back."""

from dataclasses import replace
from io import BytesIO

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from nntf_cli.figures import (
    Style,
    encode,
)
from nntf_cli.model import Axes, Axis, Difference, Fingerprint, Flows

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


def assert_clean(figure):
    """Check that nothing on a page is cut, and that no text is on another, on cells or on a colour bar."""
    encode(figure, "png")
    renderer, page = figure.canvas.get_renderer(), figure.bbox
    written = [text for text in figure.texts if text.get_text().strip()]
    for axes in figure.axes:
        written += [t for t in [*axes.get_xticklabels(), *axes.get_yticklabels()] if t.get_text()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in written]
    areas = [(axes.get_label(), axes.get_window_extent(renderer)) for axes in figure.axes]
    for k, (text, box) in enumerate(boxes):
        assert page.x0 <= box.x0 < box.x1 <= page.x1, f"{text!r} is cut"
        assert page.y0 <= box.y0 < box.y1 <= page.y1, f"{text!r} is cut"
        for other, its in [*boxes[k + 1 :], *areas]:
            apart = box.x1 <= its.x0 or its.x1 <= box.x0 or box.y1 <= its.y0 or its.y1 <= box.y0
            assert apart, f"{text!r} is on {other!r}"


def find_text(figure, start):
    """Return the one text of a figure that begins with ``start``."""
    (found,) = (text for text in figure.texts if text.get_text().startswith(start))
    return found


def rgb(color):
    return np.round(np.array(to_rgb(color)) * 255).astype(int)
