"""The one place where errors become a line on stderr and an exit code, and where stderr is written."""

from __future__ import annotations

import os
import signal
import sys
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from types import FrameType

import click

from nntf_cli.errors import NntfError

USAGE, MEMORY, INTERNAL, INTERRUPTED, PIPE_CLOSED, TERMINATED = 2, 5, 70, 130, 141, 143


#: Raised by ``nntf`` alone since click 8.2; an older one prints the help and exits.
_NO_ARGUMENTS: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())


class _Terminated(BaseException):
    """SIGTERM arrived: unwinds, so that temporary files go."""


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
    debug = bool(os.environ.get("NNTF_DEBUG"))
    try:
        code = _called(command, arguments)
        _flush()
        return code
    except BrokenPipeError:
        # nobody reads stdout any more; the interpreter must not try to flush it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return PIPE_CLOSED
    except BaseException as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _report(error)


def _called(command: Callable[[Sequence[str] | None], object], arguments: Sequence[str] | None) -> int:
    try:
        code = command(arguments)
    except click.exceptions.Exit as end:  # --help, and commands that choose their code: no failures
        return end.exit_code
    return code if isinstance(code, int) else 0


def _report(error: BaseException) -> int:
    if isinstance(error, NntfError):
        error_line(str(error))
        return error.exit_code
    if isinstance(error, _NO_ARGUMENTS):
        click.echo(error.format_message(), err=True)  # the help, on as many lines as it has
        return USAGE
    if isinstance(error, click.UsageError):
        hint = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
        error_line(error.format_message().rstrip(".") + hint)
        return USAGE
    if isinstance(error, click.ClickException):
        error_line(error.format_message())
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED
    if isinstance(error, _Terminated):
        return TERMINATED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, MemoryError):
        error_line("out of memory; choose fewer snapshots with --every, --from and --to")
        return MEMORY
    error_line(f"internal error: {type(error).__name__}: {error}; please report it, with what NNTF_DEBUG=1 prints")
    return INTERNAL


def error_line(message: str) -> None:
    """Print ``nntf: error: MESSAGE`` on stderr."""
    _stderr_line("error", message)


def note_line(message: str) -> None:
    """Print ``nntf: note: MESSAGE`` on stderr, unless the command was told to be quiet."""
    context = click.get_current_context(silent=True)
    if context is None or not context.params.get("quiet"):
        _stderr_line("note", message)


def _stderr_line(kind: str, message: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"nntf: {kind}: {one_line(message)}\n")
        sys.stderr.flush()


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
    if hasattr(signal, "SIGTERM"):
        try:
            signal.signal(signal.SIGTERM, _terminate)
        except ValueError:
            return  # not in the main thread: the caller has its own handlers


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
