"""Text in figures: made safe, measured and cut to the room there is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

FONT = "DejaVu Sans"  #: ships with matplotlib, so that a picture looks alike everywhere

#: Font sizes, points.
TITLE, LABEL, SMALL, TINY = 9.5, 8.0, 7.0, 6.0

_LEAST = 0.7  #: how far type is made smaller before text is cut
_LONGEST = 1000  #: characters of a line that are looked at


def plain(text: object) -> str:
    """Return ``text`` on one line, free of characters that cannot be seen.

    White space becomes blanks; control characters, direction marks and halves of surrogate pairs become
    U+FFFD. Nothing else is changed: figures never read text as mathematics or markup.
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in str(text))


@lru_cache(maxsize=4096)
def text_width(text: str, points: float, *, bold: bool = False) -> float:
    """Return the width of one line of ``text``, in points."""
    font = FontProperties(family=FONT, size=points, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def fit(text: object, points: float, room: float) -> str:
    """Return ``text`` made plain and cut, with an ellipsis, to at most ``room`` points."""
    line = plain(text)[:_LONGEST]
    if text_width(line, points) <= room:
        return line
    return _longest(len(line), points, room, lambda k: line[:k].rstrip() + "…")


def _longest(n: int, points: float, room: float, cut: Callable[[int], str]) -> str:
    """Return ``cut(k)`` for the largest ``k`` up to ``n`` at which it is at most ``room`` wide."""
    low, high = 0, n
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(cut(middle), points) <= room:
            low = middle
        else:
            high = middle - 1
    return cut(low)


def fit_end(text: object, points: float, room: float) -> str:
    """Return ``text`` like :func:`fit`, but cut in its middle: names end in what tells them apart, a value."""
    line = plain(text)
    line = line if len(line) <= _LONGEST else line[: _LONGEST // 2] + line[-_LONGEST // 2 :]
    if text_width(line, points) <= room:
        return line
    last = len(line) - line.rstrip().rfind(" ") if " " in line.strip() else 0

    def cut(k: int) -> str:
        tail = min(k, max(-(-k // 2), last))
        return line[: k - tail].rstrip() + "…" + line[len(line) - tail :]

    return _longest(len(line), points, room, cut)


def class_labels(classes: Sequence[int], names: Sequence[str] | None, points: float, room: float) -> dict[int, str]:
    """Return a label of at most ``room`` points for each of some classes, no two alike.

    A name is cut at its end. Those that would then be alike are cut in their middle; of those that still are, and of
    names that several classes of the log share, the number of the class goes before.

    Parameters
    ----------
    classes : sequence of int
        The classes to be named in one picture, each once or several times.
    names : sequence of str, optional
        One per class of the log; a class without a name, or with an empty one, is called by its number.
    points : float
        Size of the type.
    room : float
        Points.
    """
    shared = Counter(names or ())
    called = {k: _class_name(k, names) for k in classes}
    numbered = {k for k in called if names and k < len(names) and names[k] and shared[names[k]] > 1}

    def label(k: int, cut: Callable[[object, float, float], str]) -> str:
        head = f"{k}: " if k in numbered else ""
        return head + cut(called[k], points, room - text_width(head, points))

    labels = {k: label(k, fit) for k in called}
    labels |= {k: label(k, fit_end) for k in _alike(labels)}
    while alike := _alike(labels) - numbered:
        numbered |= alike
        labels |= {k: label(k, fit) for k in alike}
    return labels


def _class_name(k: int, names: Sequence[str] | None) -> str:
    given = names[k] if names is not None and k < len(names) else ""
    return plain(given) or str(k)


def _alike(labels: dict[int, str]) -> set[int]:
    """Return the classes whose label another one has, too."""
    n = Counter(labels.values())
    return {k for k, label in labels.items() if n[label] > 1}


def shrink(texts: Iterable[object], points: float, room: float) -> float:
    """Return the largest font size up to ``points`` at which all ``texts`` fit, or 70 % of it where none does."""
    widest = max((text_width(plain(text)[:_LONGEST], points) for text in texts), default=0.0)
    if widest <= room:
        return points
    return max(_LEAST * points, math.floor(10 * points * room / widest) / 10)


def squeeze(text: object, points: float, room: float) -> tuple[str, float]:
    """Return a text for ``room`` points and its font size: made smaller first, then cut in its middle."""
    size = shrink([text], points, room)
    return fit_end(text, size, room), size


def wrap(text: object, points: float, room: float) -> list[str]:
    """Return ``text`` as lines of at most ``room`` points, broken at blanks; only a single word is ever cut."""
    lines: list[str] = []
    for word in plain(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, points) <= room:
            lines[-1] = longer
        else:
            lines.append(fit(word, points, room))
    return lines


def shorten(text: object, length: int) -> str:
    """Return ``text`` made plain and cut, with an ellipsis, to ``length`` characters."""
    line = plain(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def number(value: float) -> str:
    """Return a number as a label: whole ones exactly, from 10,000 with commas, others in at most six digits."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e9):
        text = f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    else:
        text = f"{value:.6g}"
    return text.replace("-", "\u2212")
