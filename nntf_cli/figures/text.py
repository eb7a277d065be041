"""Text in figures: made safe, measured and cut to the room there is."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

FONT = "DejaVu Sans"  #: ships with matplotlib, so that a picture looks alike everywhere

#: Font sizes, points.
TITLE, LABEL, SMALL, TINY = 9.5, 8.0, 7.0, 6.0


def plain(text: object) -> str:
    """Return ``text`` on one line, free of characters that cannot be seen.

    White space becomes blanks; control characters, direction marks and halves of surrogate pairs become
    U+FFFD. Nothing else is changed: figures never read text as mathematics or markup.
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in str(text))


@lru_cache(maxsize=4096)
def text_width(text: str, points: float) -> float:
    """Return the width of one line of ``text``, in points."""
    width, _, _ = text_to_path.get_text_width_height_descent(
        text, FontProperties(family=FONT, size=points), ismath=False
    )
    return float(width)


def fit(text: object, points: float, room: float) -> str:
    """Return ``text`` made plain and cut, with an ellipsis, to at most ``room`` points."""
    line = plain(text)
    if text_width(line[:1000], points) <= room:
        return line[:1000]
    low, high = 0, min(len(line), 1000)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(line[:middle].rstrip() + "…", points) <= room:
            low = middle
        else:
            high = middle - 1
    return line[:low].rstrip() + "…"


def shorten(text: object, length: int) -> str:
    """Return ``text`` made plain and cut, with an ellipsis, to ``length`` characters."""
    line = plain(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def number(value: float) -> str:
    """Return a number as a label: whole ones from 10,000 with commas, others in four digits."""
    if float(value).is_integer():
        text = f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    else:
        text = f"{value:.4g}"
    return text.replace("-", "\u2212")
