"""Colours of right and wrong and of classes, which readers with any kind of colour vision tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nntf_cli.figures.scales import rgb

#: A light blue and Okabe and Ito's vermilion: apart in hue for colour-blind readers, and in lightness for all.
RIGHT, WRONG = "#dbe3ea", "#d55e00"
MISSING = "#ffffff"

#: Paul Tol's "muted" scheme and black: made for colour-blind readers, and no longer one is known that holds up.
_CLASSES = (
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499", "#1a1a1a",
)  # fmt: skip

_OTHERS = "#b0b0b0"


@dataclass(frozen=True)
class ClassColours:
    """Which classes have a colour of their own."""

    shown: tuple[tuple[int, str], ...]  #: class and colour, by class
    light: int | None  #: the class that has the colour of what is right
    n_others: int  #: classes that share a grey
    others: str = _OTHERS

    @property
    def n_kinds(self) -> int:
        """How many kinds of cells there are."""
        return len(self.shown) + 3

    @property
    def rgba(self) -> np.ndarray:
        """The colour of each kind, (n_kinds, 4) uint8: classes shown, the light one, others, missing."""
        return np.array([rgb(c) for c in (*(colour for _, colour in self.shown), RIGHT, self.others, MISSING)])

    def kinds(self, labels: np.ndarray) -> np.ndarray:
        """Return the kind of each label."""
        n = len(self.shown)
        kinds = np.full(labels.shape, n + 1, dtype=np.int64)
        for kind, (number, _) in enumerate(self.shown):
            kinds[labels == number] = kind
        if self.light is not None:
            kinds[labels == self.light] = n
        kinds[labels < 0] = n + 2
        return kinds

    def paint(self, labels: np.ndarray) -> np.ndarray:
        """Return the colour of each label, uint8 RGBA."""
        return self.rgba[self.kinds(labels)]


def class_colours(labels: np.ndarray, light: int | None = None) -> ClassColours:
    """Give colours to the most frequent classes.

    Parameters
    ----------
    labels : ndarray of int64
        What is drawn; -1 where missing.
    light : int, optional
        A class that is to have the light colour of what is right.
    """
    known, counts = np.unique(labels[labels >= 0], return_counts=True)
    if light is not None:
        known, counts = known[known != light], counts[known != light]
    frequent = known[np.argsort(-counts, kind="stable")[: len(_CLASSES)]]
    shown = sorted(frequent.tolist())
    return ClassColours(tuple(zip(shown, _CLASSES, strict=False)), light, len(known) - len(shown))
