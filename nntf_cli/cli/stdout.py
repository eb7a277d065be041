"""Writing to stdout: what a command gives, and its help."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from nntf_cli.errors import OutputError

if TYPE_CHECKING:
    from nntf_cli.files.atomic import Writer

ENOSPC_REMEDY = "free some space or write elsewhere"


def write_stdout(writer: Writer) -> None:
    """Write to stdout; whoever reads it may stop early, which :mod:`~nntf_cli.cli.boundary` takes for an end."""
    if sys.stdout is None:
        raise OutputError("cannot be written (it is closed)", "send it to a file or a pipe", where="stdout")
    try:
        with _whole(sys.stdout.buffer) as stream:
            writer(stream)
            stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", ENOSPC_REMEDY, where="stdout") from error


@contextmanager
def _whole(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Return a stream that writes all it is given: under PYTHONUNBUFFERED, stdout may write a part and not fail."""
    if not isinstance(stream, io.RawIOBase):
        yield stream
        return
    buffered = io.BufferedWriter(stream)
    try:
        yield buffered
    finally:
        with contextlib.suppress(OSError):  # what could not be written has been reported already
            buffered.detach()


def write_text(text: str) -> None:
    """Write text to stdout."""
    write_stdout(text_writer(text))


def text_writer(text: str) -> Writer:
    """Return what writes text as UTF-8, whatever the locale; bytes of a file name that are none become escapes."""
    return lambda stream: stream.write(text.encode("utf-8", errors="backslashreplace"))
