"""What is wrong with a log: raised at the first, or collected until all of it has been seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nntf_cli.errors import InputError


class NoLogError(InputError):
    """The file holds no label log, or one whose rules this version does not know."""


class Violations:
    """Where the readers of layouts report to, so that one set of rules serves reading and checking.

    Parameters
    ----------
    collecting : bool
        Go on after a violation and keep it in ``found``; otherwise the first one is raised.
    """

    def __init__(self, *, collecting: bool = False) -> None:
        self.collecting = collecting
        self.found: list[InputError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Leave the block at a violation and, where they are collected, go on behind it."""
        try:
            yield
        except NoLogError:
            raise
        except InputError as error:
            if not self.collecting:
                raise
            self.note(error)

    def note(self, error: InputError) -> None:
        """Keep a violation; one that made the rest impossible may be raised again on the way out, and counts once."""
        if all(error is not known for known in self.found):
            self.found.append(error.bare())
