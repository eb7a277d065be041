"""Flows as bars, and loops as frames."""

from dataclasses import replace

import numpy as np

from drawing import SMALL, axes_called, make_fingerprint, texts
from nntf_cli.figures import Bars, Style, draw_explained, draw_looped, encode

PAIR = Bars(
    "a run",
    [(0, 1), (2, 3)],
    np.array([9, 2, 4, 1]),
    np.array([3, 7, 4, 0]),
    "I: step 1",
    "J: step 2",
    class_names=["cat", "dog", "a long name of a class that nobody has room for", "$x$"],
)


def bars_of(figure):
    (plot,) = axes_called(figure, "flows")
    return {
        bars.get_label(): [(patch.get_x(), patch.get_width()) for patch in bars.patches]
        for bars in plot.containers
        if not bars.get_label().startswith("_")
    }


def assert_apart(figure):
    """Check that no text is cut or on another; numbers beside short bars are on the axes, though not on bars."""
    encode(figure, "png")
    boxes = [text.get_window_extent(figure.canvas.get_renderer()) for text in figure.texts]
    for k, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])


def test_bars_are_common_in_grey_and_the_rest_in_colour():
    figure = draw_explained(PAIR, style=SMALL)
    assert bars_of(figure) == {
        "common": [(0, -3), (0, -2)],
        "more in I": [(-3, -6), (-2, 0)],
        "more in J": [(3, 0), (2, 5)],
    }
    said = texts(figure)
    for text in ("a run", "cat", "dog", "$x$", "9", "7", "more in I than in J: 7", "more in J than in I: 5"):
        assert text in said
    assert "as many in both: 9 on either side; d is the share of colour" in said
    assert "2 other flows, counted in but not drawn: difference 1, in both 4" in said
    assert_apart(figure)


def test_colour_is_no_share_of_a_distance_normalized_otherwise():
    figure = draw_explained(replace(PAIR, is_share=False), style=SMALL)
    assert "as many in both: 9 on either side | " in texts(figure)


def test_one_transition_has_bars_to_one_side():
    figure = draw_explained(Bars("a run", [(0, 1)], np.array([5, 1200]), head_i="step 1"), style=SMALL)
    assert bars_of(figure) == {"moved": [(0, 5)]}
    assert "1 other flow: 1200 samples" in texts(figure)
    assert_apart(figure)


def test_what_was_asked_for_is_bold():
    figure = draw_explained(replace(PAIR, marked=[1]), style=SMALL)
    bold = {text.get_text() for text in figure.texts if text.get_weight() == "bold"}
    assert len(bold) == 2
    assert "$x$" in bold
    assert "bold: what was asked for" in texts(figure)
    assert_apart(figure)
    assert "bold" not in texts(draw_explained(PAIR, style=SMALL))


def test_nothing_moved():
    figure = draw_explained(Bars("a run", [], np.zeros(0, dtype=np.int64), head_i="step 1"), style=SMALL)
    assert "nothing moved" in texts(figure)
    empty = np.zeros(0, dtype=np.int64)
    draw_explained(Bars("a run", [], empty, empty, "I", "J"), style=SMALL)


def test_loops_and_their_rounds_are_framed():
    figure = draw_looped(make_fingerprint(20, list(range(1, 21))), [(4, 13, 3)], style=SMALL)
    (plot,) = axes_called(figure, "heatmap")
    frames = [(patch.get_x(), patch.get_y(), patch.get_width()) for patch in plot.patches]
    expected = [(begin - 0.5, begin - 0.5, side) for begin, side in ((4, 3), (7, 3), (10, 3), (13, 1), (4, 10))]
    assert frames == [frame for frame in expected for _ in range(2)]  # white on black
    assert [text.get_text() for text in plot.texts] == ["every 3"]
    assert "1 loop |" in texts(figure)
    assert encode(figure, "png") == encode(
        draw_looped(make_fingerprint(20, list(range(1, 21))), [(4, 13, 3)], style=SMALL), "png"
    )


def test_labels_of_loops_are_on_nothing_else():
    rng = np.random.default_rng(1)
    first, period, rounds = rng.integers(0, 90, 25), rng.integers(2, 9, 25), rng.integers(3, 12, 25)
    spans = [(int(a), int(min(a + p * n, 119)), int(p)) for a, p, n in zip(first, period, rounds, strict=True)]
    figure = draw_looped(make_fingerprint(120), [(0, 119, 40), *spans], style=Style(size=4))
    encode(figure, "png")
    (plot,) = axes_called(figure, "heatmap")
    renderer, inside = figure.canvas.get_renderer(), plot.get_window_extent()
    boxes = [text.get_window_extent(renderer) for text in plot.texts]
    assert 2 < len(boxes) < 26
    assert plot.texts[0].get_text() == "every 40"  # what comes first is named first
    assert f"26 loops, {len(boxes)} of them named" in texts(figure)
    frames = [patch.get_window_extent(renderer) for patch in plot.patches]
    for k, box in enumerate(boxes):
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        assert inside.y0 <= box.y0 < box.y1 <= inside.y1
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])
        assert all(
            not box.overlaps(frame) or all(frame.contains(*corner) for corner in box.corners()) for frame in frames
        )


def test_a_training_without_a_loop_says_so():
    figure = draw_looped(make_fingerprint(20), [], style=SMALL)
    assert "run_a (train) | no loops | 20 transitions" in texts(figure)
