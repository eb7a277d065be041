"""Numbers with their nouns, for what people read."""

from __future__ import annotations


def quantity(n: int, one: str) -> str:
    """Return ``1 sample``, ``1,200 samples``, ``0 classes``."""
    return f"{n:,} {plural(n, one)}"


def plural(n: int, one: str) -> str:
    """Return a noun as it stands after a number: ``1 of 1 flow``, ``1 of 19 flows``."""
    return one if n == 1 else one + ("es" if one.endswith("s") else "s")
