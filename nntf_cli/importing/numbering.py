"""Which step a file, an array or a column is of, told from the number in its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nntf_cli.errors import InputError

_NUMBER = re.compile(r"[0-9]+")

#: Words before the number that counts, where several differ.
_COUNTS = re.compile(r"(?:epoch|step|iter|iteration|checkpoint|ckpt|snapshot|round|update)[^a-z0-9]*$", re.IGNORECASE)

#: A date and time, as lm-evaluation-harness ends its names with.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.-]+")

_MOST_DIGITS = 18


def steps_of(names: Sequence[str], where: str) -> list[int]:
    """Return the step of each name: the number in which they differ.

    ``epoch_3_resnet18.npy`` and ``epoch_4_resnet18.npy`` are of 3 and 4. Where several numbers differ, the one after
    ``epoch``, ``step``, ``iter``, ``checkpoint``, ``snapshot`` or ``round`` counts; the names are ordered by it as a
    number, never as text.

    Raises
    ------
    InputError
        No number tells them apart, or one stands twice.
    """
    plain = [_DATE.sub("", name) for name in names]
    skeletons = {_NUMBER.sub("#", name) for name in plain}
    if len(skeletons) > 1:
        plain = [name.rsplit("/", 1)[-1] for name in plain]
        skeletons = {_NUMBER.sub("#", name) for name in plain}
    numbers = [[int(number) for number in _NUMBER.findall(name) if len(number) <= _MOST_DIGITS] for name in plain]
    if len(skeletons) > 1 or len({len(row) for row in numbers}) > 1:
        numbers = [row[-1:] for row in numbers]
        place = 0
    else:
        place = _place(plain[0], numbers)
    if place < 0 or not all(numbers):
        raise InputError(
            f"the steps cannot be told from the names ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})",
            "let one number differ, as in epoch_1, epoch_2",
            where=where,
        )
    steps = [row[place] for row in numbers]
    seen: dict[int, str] = {}
    for name, step in zip(names, steps, strict=True):
        if step in seen:
            raise InputError(
                f"{name} and {seen[step]} are both of step {step}", "let one number differ, as in epoch_1", where=where
            )
        seen[step] = name
    return steps


def _place(name: str, numbers: list[list[int]]) -> int:
    """Return which of the numbers in a name counts, -1 if none does."""
    differing = [i for i in range(len(numbers[0])) if len({row[i] for row in numbers}) > 1]
    if len(differing) == 1 or not numbers[0]:
        return differing[0] if differing else -1
    # one name, or names that differ in no number: which will then be said to stand twice
    differing = differing or list(range(len(numbers[0])))
    starts = [match.start() for match in _NUMBER.finditer(name) if len(match[0]) <= _MOST_DIGITS]
    counting = [i for i in differing if _COUNTS.search(name[: starts[i]])]
    distinct = [i for i in counting or differing if len({row[i] for row in numbers}) == len(numbers)]
    return (distinct or counting or differing)[-1]


def number_in(name: str) -> int | None:
    """Return the last number in a name."""
    found = [number for number in _NUMBER.findall(name) if len(number) <= _MOST_DIGITS]
    return int(found[-1]) if found else None
