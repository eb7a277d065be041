"""Panels: titles of several lines, what they share, where a single difference stands, what grey means."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from drawing import SMALL, assert_clean, axes_called, find_text, make_difference, make_fingerprint, texts
from nntf_cli.figures import Style, draw_fingerprint, draw_panels
from nntf_cli.figures.text import LABEL, fit_end, squeeze, text_width, wrap

# Text


def test_a_cut_text_keeps_its_value():
    cut = fit_end("learning_rate_of_the_optimizer 0.0005", 8, 80)
    assert cut.endswith("\u2026 0.0005") or cut.endswith(" 0.0005")
    assert "\u2026" in cut
    assert text_width(cut, 8) <= 80
    assert fit_end("seed_" * 50 + "7", 8, 60).endswith("_7")
    assert fit_end("x" * 5000 + "12", 8, 60).endswith("x12")
    assert fit_end("short", 8, 100) == "short"
    assert fit_end("anything", 8, 0) == "\u2026"


def test_a_text_is_made_smaller_before_it_is_cut():
    text = "weight_decay 0.0005"
    full = text_width(text, 8)
    assert squeeze(text, 8, full + 1) == (text, 8)
    whole, size = squeeze(text, 8, 0.8 * full)
    assert (whole, 5.6 < size < 8) == (text, True)
    assert text_width(text, size) <= 0.8 * full
    cut, size = squeeze(text, 8, 0.5 * full)
    assert size == pytest.approx(5.6)
    assert cut.endswith("\u2026 0.0005") or cut.endswith(" 0.0005")


def test_wrapped_text_is_whole():
    text = "grey: nothing moved (31 of 49 transitions); light: d = 0, dark: d = 1, by definition"
    lines = wrap(text, 7, 120)
    assert " ".join(lines) == text
    assert len(lines) > 1
    assert all(text_width(line, 7) <= 120 for line in lines)
    assert wrap("", 7, 120) == []


# Titles


def sweep(n, moved=None):
    return [make_fingerprint(12, moved, seed=k, run=f"run_{k}") for k in range(n)]


RATES = [0.001, 0.1, 0.0125, 0.5, 0.7, 0.9]


def test_titles_of_several_lines_are_whole_and_end_at_their_panels():
    titles = [[f"learning_rate {rate}", "weight_decay 0.0005"] for rate in RATES[:3]]
    titles.append(["only one"])
    figure = draw_panels(sweep(4), titles)
    assert_clean(figure)
    shown = {text.get_text() for text in figure.texts}
    assert {line for lines in titles for line in lines} <= shown
    lowest = [find_text(figure, "only one")]
    lowest += [text for text in figure.texts if text.get_text().startswith("weight_decay")]
    above = [text for text in figure.texts if text.get_text().startswith("learning_rate")]
    assert len({text.get_position()[1] for text in lowest}) == 1
    assert len({text.get_position()[1] for text in above}) == 1
    assert above[0].get_position()[1] > lowest[0].get_position()[1]
    for text, axes in zip(above, axes_called(figure, "heatmap"), strict=False):
        assert text.get_window_extent().x0 == pytest.approx(axes.get_window_extent().x0, abs=2)


def test_long_lines_shrink_alike_and_then_keep_their_values():
    titles = [[f"learning_rate {rate}", f"{'long_' * 12}name {rate}"] for rate in RATES]
    figure = draw_panels(sweep(6), titles)
    assert_clean(figure)
    for rate in RATES:
        assert find_text(figure, f"learning_rate {rate}").get_fontsize() == LABEL
    cut = [text for text in figure.texts if text.get_text().startswith("long_")]
    assert len(cut) == 6
    assert [text.get_fontsize() for text in cut] == pytest.approx([0.7 * LABEL] * 6)
    assert [text.get_text().rsplit(" ", 1)[1] for text in cut] == [str(rate) for rate in RATES]
    one_line = draw_panels(sweep(6), [f"learning_rate {rate}, weight_decay 5" for rate in RATES])
    sizes = {text.get_fontsize() for text in one_line.texts if text.get_text().startswith("learning")}
    assert len(sizes) == 1
    assert 0.7 * LABEL <= sizes.pop() < LABEL


def test_titles_do_not_touch_in_small_figures():
    titles = [[f"learning_rate {rate}", f"weight_decay {rate}"] for rate in RATES]
    assert_clean(draw_panels(sweep(6), titles, style=Style(size=1, dpi=100)))


def test_what_panels_share_stands_under_the_title_or_in_its_place():
    figure = draw_panels(sweep(2), ["a", "b"], subtitle="split train", style=replace(SMALL, title="a sweep"))
    assert_clean(figure)
    heights = [find_text(figure, start).get_position()[1] for start in ("a sweep", "split train", "b")]
    assert heights == sorted(heights, reverse=True)
    alone = draw_panels(sweep(2), ["a", "b"], subtitle="split train", style=SMALL)
    assert_clean(alone)
    assert find_text(alone, "split train").get_fontsize() > LABEL
    assert alone.get_size_inches()[1] < figure.get_size_inches()[1]


# One difference


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [2, 4.5])
def test_a_single_difference_is_one_more_panel(n, size):
    panels = sweep(n, [3, 0, *range(1, 11)])
    difference = make_difference(panels[0], panels[-1])
    lines = ["learning_rate 0.001 minus 0.1", "weight_decay 0 minus 0.0005"]
    figure = draw_panels(
        panels, ["one"] * n, differences=[difference], difference_titles=[lines], subtitle="split train",
        style=Style(size, 100),
    )  # fmt: skip
    assert_clean(figure)
    *row, beside = (axes.get_window_extent() for axes in axes_called(figure, "heatmap"))
    assert {round(box.y0) for box in row} == {round(beside.y0)}
    assert beside.x0 > row[-1].x1
    bars = [axes.get_window_extent() for axes in axes_called(figure, "colour bar")]
    assert row[-1].x1 < bars[0].x0 < beside.x0 < beside.x1 < bars[1].x0
    wanted = axes_called(figure, "heatmap")[0].get_yticks()
    np.testing.assert_array_equal(axes_called(figure, "heatmap")[-1].get_yticks(), wanted)


def test_a_single_difference_of_a_full_row_stands_below():
    panels = sweep(6)
    difference = make_difference(panels[0], panels[-1])
    figure = draw_panels(panels, list("abcdef"), differences=[difference], difference_titles=["a minus f"])
    assert_clean(figure)
    *row, below = (axes.get_window_extent() for axes in axes_called(figure, "heatmap"))
    assert below.y1 < row[0].y0


def test_a_long_label_of_a_difference_gives_way_to_a_short_one():
    a, b = (make_fingerprint(6, run=f"{name}_{'very_' * 8}long") for name in "ab")
    figure = draw_panels([a, b], ["a", "b"], differences=[make_difference(a, b)], difference_titles=["a minus b"])
    assert axes_called(figure, "colour bar")[1].get_label() == "colour bar: difference of distances d"


# Grey


def test_greys_are_told_apart():
    moved = [5, 0, 3, 0, 0, 1, 2]
    shown = texts(draw_fingerprint(make_fingerprint(7, moved)))
    assert "grey: nothing moved (3 of 7 transitions); light: d = 0, dark: d = 1, by definition" in shown
    assert "(7 of 7 transitions); d = 0 by definition" in texts(draw_fingerprint(make_fingerprint(7, [0] * 7)))
    counts = texts(draw_fingerprint(make_fingerprint(7, moved, normalize="none")))
    assert "light: in both transitions, dark: in one" in counts
    assert "definition" not in counts
    panels = texts(draw_panels([make_fingerprint(7, moved), make_fingerprint(7)], ["a", "b"]))
    assert "grey: nothing moved (3 and 0 of 7 transitions); light: d = 0, dark: d = 1, by definition" in panels


def test_a_long_legend_is_not_cut():
    figure = draw_fingerprint(make_fingerprint(7, [5, 0, 3, 0, 0, 1, 2]), style=Style(size=1, dpi=100))
    assert_clean(figure)
    assert "\u2026" not in texts(figure)


def swatches(figure):
    return [artist for artist in [*figure.patches, *figure.artists] if isinstance(artist, Rectangle)]


def test_quiet_transitions_that_vanish_in_means_are_said_to():
    moved = np.ones(500, dtype=int)
    moved[7::50] = 0
    small = Style(size=1, dpi=100)
    figure = draw_fingerprint(make_fingerprint(500, moved), style=small)
    assert "nothing moved (10 of 500 transitions): left out of the means" in texts(figure)
    assert "grey" not in texts(figure)
    assert not swatches(figure)
    moved[100:200] = 0
    figure = draw_fingerprint(make_fingerprint(500, moved), style=small)
    assert_clean(figure)
    assert len(swatches(figure)) == 2
    shown = texts(figure).replace(" | ", " ")
    assert "grey: nothing moved (108 of 500 transitions), left out where a pixel has other transitions too" in shown
    assert "light: mostly d = 0, dark: mostly d = 1" in shown


def test_titles_leave_out_what_many_runs_are_not_given():
    from nntf_cli.cli.render import _titles

    def titles(*several):
        runs = [make_fingerprint(7, run=f"run_{k}", hparams=given) for k, given in enumerate(several)]
        return [list(lines.items()) for lines in _titles(runs)[0]]

    vgg = {"rate": 0.1, "decay": 0.0, "momentum": 0.9, "epochs": 50}
    assert titles(vgg, {"rate": 0.2, "depth": 3, "stages": 100}) == [
        [("", "run_0"), ("rate", "0.1")],
        [("", "run_1"), ("rate", "0.2")],
    ]
    assert titles(vgg, {"depth": 3}) == [[("", "run_0")], [("", "run_1")]]
    assert titles({"rate": 0.1}, {"decay": 1}) == [
        [("rate", "0.1"), ("decay", "not given")],
        [("rate", "not given"), ("decay", "1")],
    ]
    assert titles(vgg, {name: 7 for name in vgg})[1] == [(name, "7") for name in vgg]  # all are given
