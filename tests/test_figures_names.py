"""Labels of classes tell them apart, however long and alike their names are."""

import numpy as np
import pytest

from drawing import HOSTILE, SMALL, assert_clean, random_flows
from nntf_cli.figures import (
    Bars,
    Chart,
    ClassView,
    ConfusionView,
    draw_classes,
    draw_confusion,
    draw_explained,
    draw_pixels,
    draw_transitions,
)
from nntf_cli.figures.text import class_labels, text_width

LONG = "a name that is far too long for its place and ends in"
NAMES = [f"{LONG} one", f"{LONG} two", "dog", "dog", "", f"begin {LONG} end", f"begin {LONG}, {LONG} end", HOSTILE]


def labels_of(names, room=90.0):
    return class_labels(range(len(names)), names, 7.0, room)


def test_a_name_that_fits_or_is_like_no_other_is_left_as_it_is():
    assert labels_of(["cat", "dog"]) == {0: "cat", 1: "dog"}
    assert class_labels([1, 0, 1], None, 7.0, 90.0) == {0: "0", 1: "1"}
    assert class_labels([0, 2], ["cat", "dog"], 7.0, 90.0) == {0: "cat", 2: "2"}
    assert labels_of(["cat", f"{LONG} one"])[1].startswith("a name that is")


def test_names_with_one_beginning_are_cut_in_their_middle():
    labels = labels_of(NAMES[:2])
    assert [label.split("…")[1] for label in labels.values()] == ["ends in one", "ends in two"]
    assert all(label.startswith("a name") for label in labels.values())


def test_names_that_are_alike_at_both_ends_get_their_number():
    labels = labels_of([f"{LONG} {k} {LONG}" for k in range(3)])
    assert [label[:9] for label in labels.values()] == ["0: a name", "1: a name", "2: a name"]


def test_names_of_several_classes_get_their_number():
    assert labels_of(["dog", "cat", "dog"]) == {0: "0: dog", 1: "cat", 2: "2: dog"}
    assert class_labels([2], ["dog", "cat", "dog"], 7.0, 90.0) == {2: "2: dog"}  # the other one is not shown
    assert labels_of(["1", ""]) == {0: "0: 1", 1: "1: 1"}
    assert len(set(labels_of(["dog", "dog", "0: dog", "2: 0: dog"]).values())) == 4


@pytest.mark.parametrize("room", [25.0, 90.0])
def test_labels_are_distinct_and_fit(room):
    labels = labels_of(NAMES * 2, room)
    assert len(set(labels.values())) == 2 * len(NAMES)
    assert max(text_width(label, 7.0) for label in labels.values()) <= room


def test_every_picture_tells_classes_apart():
    n, rng = len(NAMES), np.random.default_rng(0)
    true, predicted = (part.ravel() for part in np.indices((n, n)))
    wrong = true != predicted
    share = np.full(int(wrong.sum()), 0.1)
    flows = [(k, (k + 1) % n) for k in range(n)]
    figures = {
        "classes": draw_classes(
            ClassView("run", "error", np.arange(5), rng.random((n, 5)), NAMES, np.arange(n)), style=SMALL
        ),
        "confusion": draw_confusion(
            ConfusionView("run", true[wrong], predicted[wrong], np.ones_like(share, dtype=int), share, NAMES),
            style=SMALL,
        ),
        "explained": draw_explained(Bars("run", flows, np.arange(n, 0, -1), class_names=NAMES), style=SMALL),
        "pixels": draw_pixels(
            Chart("run", np.arange(6), rng.integers(0, n, (40, 6)), class_names=NAMES), "class", style=SMALL
        ),
        "transitions": draw_transitions(random_flows(3, n), [0], class_names=NAMES, style=SMALL),
    }
    for name, figure in figures.items():
        ticks = [tick for plot in figure.axes for tick in plot.get_yticklabels()]
        written = [text.get_text() for text in [*figure.texts, *ticks]]
        assert {"2: dog", "3: dog", "4"} <= set(written), name
        ends = {text[-4:] for text in written if text.startswith("a name")}
        assert ends == {" one", " two"}, name
    assert_clean(figures["classes"])
