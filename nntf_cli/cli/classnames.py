"""Classes as people name them on the command line: by name, or by number."""

from __future__ import annotations

from collections.abc import Sequence

import click

_LISTED = 5


def numbers_of(given: Sequence[str], names: Sequence[str] | None, n_classes: int) -> list[int] | None:
    """Return the numbers of the classes asked for, increasing; None where none was.

    Parameters
    ----------
    given : sequence of str
        Names, or numbers. What is both is a name; a name that several classes share stands for all of them.
    names : sequence of str, optional
        One per class.
    n_classes : int
        How many there are.

    Raises
    ------
    click.BadParameter
        There is no such class.
    """
    if not given:
        return None
    found: set[int] = set()
    for one in given:
        called = [k for k, name in enumerate(names or ()) if name == one]
        if not called and one.isdecimal() and int(one) < n_classes:
            called = [int(one)]
        if not called:
            raise click.BadParameter(_unknown(one, names, n_classes), param_hint="'--class'")
        found.update(called)
    return sorted(found)


def _unknown(one: str, names: Sequence[str] | None, n_classes: int) -> str:
    from difflib import get_close_matches

    numbered = f"they are numbered 0 to {n_classes - 1}"
    if not names:
        return f"{one!r} is no class; {numbered}"
    lowered = {name.casefold(): name for name in reversed(names)}
    close = [lowered[name] for name in get_close_matches(one.casefold(), lowered, _LISTED)]
    like = close or [name for name in names if one.casefold() in name.casefold()][:_LISTED]
    listed = ", ".join(like or names[:_LISTED]) + ("" if like or len(names) <= _LISTED else ", ...")
    return f"{one!r} is no class; {'names like it' if like else 'names'} are {listed}, and {numbered}"
