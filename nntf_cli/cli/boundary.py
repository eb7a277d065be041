"""The one place where errors become a line on stderr and an exit code, and where stderr is written."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

import click

from nntf_cli.cli import signals
from nntf_cli.errors import LimitError, NntfError

USAGE, INTERNAL, PIPE_CLOSED = 2, 70, 141


#: Raised by ``nntf`` alone since click 8.2; an older one prints the help and exits.
_NO_ARGUMENTS: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())


def run(command: Callable[[Sequence[str] | None], object], arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit code; every failure becomes one line on stderr.

    Parameters
    ----------
    command : callable
        Takes the arguments, returns nothing or an exit code.
    arguments : sequence of str or None
        The command line; ``sys.argv`` if None.
    """
    _prepare_process()
    try:
        try:
            signals.unwind()
            code = _called(command, arguments)
            _flush()
        finally:
            signals.leave()
        return signals.exit_code() or code  # what the signal raised may have been lost on the way
    except BrokenPipeError:
        # nobody reads stdout any more; the interpreter must not try to flush it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return PIPE_CLOSED
    except BaseException as error:
        return _report(error)
    finally:
        wipe_status()


def end(code: int) -> None:
    """End the process at once, unless it is being debugged.

    Its memory goes with it; Python would take numpy and matplotlib to pieces first, which lasts as long as a small run.
    """
    if not os.environ.get("NNTF_DEBUG"):
        atexit._run_exitfuncs()
        signals.tidy_up()
        os._exit(code)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        _let_go(stream)


def _let_go(stream: TextIO) -> None:
    """Drop what a stream could not take: Python would try again at its end, and exit with 120."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _called(command: Callable[[Sequence[str] | None], object], arguments: Sequence[str] | None) -> int:
    try:
        code = command(arguments)
    except click.exceptions.Exit as end:  # --help, and commands that choose their code: no failures
        return end.exit_code
    return code if isinstance(code, int) else 0


def _report(error: BaseException) -> int:
    """Say what went wrong and return the exit code."""
    _print_traceback(error)
    arrived = signals.exit_code()
    if arrived is not None:
        signals.tidy_up()
        return arrived  # whatever a library made of the interrupt
    if isinstance(error, (NntfError, MemoryError)):
        return report_failure(error)
    if isinstance(error, _NO_ARGUMENTS):
        print_line(error.format_message())  # the help, on as many lines as it has
        return USAGE
    if isinstance(error, click.UsageError):
        hint = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
        error_line(error.format_message().rstrip(".") + hint)
        return USAGE
    if isinstance(error, click.ClickException):
        error_line(error.format_message())
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return signals.INTERRUPTED
    if isinstance(error, signals.Terminated):
        return signals.TERMINATED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    error_line(f"internal error: {type(error).__name__}: {error}; please report it, with what NNTF_DEBUG=1 prints")
    return INTERNAL


def report_failure(error: NntfError | MemoryError) -> int:
    """Print the line of a foreseen failure and return its exit code."""
    if isinstance(error, MemoryError):
        error = LimitError("out of memory", "choose fewer snapshots with --every, --from and --to")
    error_line(str(error))
    return error.exit_code


def report_one(error: NntfError | MemoryError) -> int:
    """Print what is wrong with one of several inputs, and return its exit code: the others are done."""
    _print_traceback(error)
    return report_failure(error)


def _print_traceback(error: BaseException) -> None:
    if os.environ.get("NNTF_DEBUG"):
        import traceback

        print_line("".join(traceback.format_exception(error)).rstrip("\n"))


def error_line(message: str) -> None:
    """Print ``nntf: error: MESSAGE`` on stderr."""
    _stderr_line("error", message)


def note_line(message: str) -> None:
    """Print ``nntf: note: MESSAGE`` on stderr, unless the command was told to be quiet."""
    context = click.get_current_context(silent=True)
    if context is None or not context.params.get("quiet"):
        _stderr_line("note", message)


#: Lines of a run among several, which are said when it is its turn.
_held: ContextVar[list[str] | None] = ContextVar("held", default=None)

#: Runs side by side and their progress share stderr.
_stderr_lock = threading.RLock()

_status_shown = False


@contextmanager
def holding_lines() -> Iterator[list[str]]:
    """Collect the lines that the block would print on stderr, for :func:`say`."""
    lines: list[str] = []
    before = _held.get()
    _held.set(lines)
    try:
        yield lines
    finally:
        _held.set(before)


def say(lines: Sequence[str]) -> None:
    """Print lines that were held."""
    for line in lines:
        print_line(line)


def _stderr_line(kind: str, message: str) -> None:
    line = f"nntf: {kind}: {one_line(message)}"
    held = _held.get()
    if held is None:
        print_line(line)
    else:
        held.append(line)


def print_line(line: str) -> None:
    """Print a line that stays."""
    wipe_status()
    _write(f"{line}\n")


def show_status(text: str) -> None:
    """Put a line on the terminal that the next one replaces."""
    global _status_shown
    with _stderr_lock:
        _status_shown = True
        _write(f"\r{text}\x1b[K")


def wipe_status() -> None:
    """Remove what :func:`show_status` has put there."""
    global _status_shown
    with _stderr_lock:
        if _status_shown:
            _write("\r\x1b[K")
            _status_shown = False


def _write(text: str) -> None:
    """Write to stderr if that can be done: the result and the exit code are the same where nobody can be told."""
    with _stderr_lock, contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()


@signals.before_end
def _wipe_at_once() -> None:
    """Remove the status line without waiting for whoever may be writing one."""
    if _status_shown:
        os.write(2, b"\r\x1b[K")


def one_line(text: str) -> str:
    """Return text on one line, control characters and marks that reorder it written as escapes."""
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text
    )


def _prepare_process() -> None:
    if not os.environ.get("NNTF_DEBUG"):
        warnings.simplefilter("ignore")
    # a folder of HDF5 plugins is code that a data file could have loaded
    os.environ.pop("HDF5_PLUGIN_PATH", None)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
