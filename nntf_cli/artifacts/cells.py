"""How wide text is on a terminal, which gives some characters two cells and some none."""

from __future__ import annotations

import unicodedata

#: Marks that are drawn over the character before.
_COMBINING = ("Mn", "Me")


def width(text: str) -> int:
    """Return the cells that text without control characters takes.

    East Asian wide and fullwidth characters, emoji among them, take two and combining marks none; what is ambiguous
    takes one, as on terminals that are not set to an East Asian legacy font.
    """
    if text.isascii():
        return len(text)
    return sum(map(_width_of, text))


def _width_of(character: str) -> int:
    if unicodedata.category(character) in _COMBINING:
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def left(text: str, n: int) -> str:
    """Return text at the left of ``n`` cells."""
    return text + " " * (n - width(text))


def right(text: str, n: int) -> str:
    """Return text at the right of ``n`` cells."""
    return " " * (n - width(text)) + text
