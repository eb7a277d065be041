"""Every failure that nntf foresees, with the exit code each one means.

A message names the file or option, says what is wrong and what to do about it, and fits on one line. The
command line prints it and exits; a Python caller catches :class:`NntfError` or one of its children.
"""

from __future__ import annotations

from typing import Self


class NntfError(Exception):
    """Base of all foreseen failures.

    Parameters
    ----------
    cause : str
        What is wrong, without a full stop.
    remedy : str, optional
        What the reader can do about it.
    where : str, optional
        The file (or file and dataset) it happened in; prefixed to the message.
    """

    exit_code = 3

    def __init__(self, cause: str, remedy: str = "", *, where: str = "") -> None:
        self.cause = cause
        self.remedy = remedy
        self.where = where
        super().__init__(cause)

    def bare(self) -> Self:
        """Return the error itself, to be kept: without the traceback, which keeps all that was at work, files too."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self

    def __str__(self) -> str:
        """Return ``WHERE: CAUSE; REMEDY``, leaving out what is empty."""
        text = f"{self.where}: {self.cause}" if self.where else self.cause
        return f"{text}; {self.remedy}" if self.remedy else text


class ParameterError(NntfError):
    """A parameter has a value that makes no sense, whatever the input (exit 2)."""

    exit_code = 2


class InputError(NntfError):
    """An input is missing, damaged, or not what the operation needs (exit 3)."""

    exit_code = 3


class MismatchError(InputError):
    """Two inputs that must agree do not (exit 3)."""


class OutputError(NntfError):
    """An output cannot be written (exit 4)."""

    exit_code = 4


class LimitError(NntfError):
    """The operation would need more memory, space or time than there is (exit 5)."""

    exit_code = 5


class ClusterError(NntfError):
    """The cluster that was to do the work cannot, or not any more (exit 3)."""

    exit_code = 3
