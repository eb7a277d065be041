"""Run the command line: in this process, with its streams captured, or as a process of its own."""

import io
import os
import re
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager
from typing import NamedTuple

from nntf_cli.cli import boundary
from nntf_cli.cli.group import invoke

#: The command as a list, to which arguments are added.
NNTF = [sys.executable, "-m", "nntf_cli"]

_ERROR = re.compile(r"nntf: error: (?P<text>.+)")


class Done(NamedTuple):
    code: int
    out: bytes
    err: str


def run(*arguments, stdin=b""):
    """Run a command in this process, through the boundary that turns errors into exit codes."""
    out, err = io.BytesIO(), io.BytesIO()
    with _streams(io.BytesIO(stdin), out, err):
        code = boundary.run(invoke, [str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue().decode())


@contextmanager
def _streams(stdin, out, err):
    """Stand-ins for the three streams, for as long as a command runs; what a command sets is put back."""
    names = ("stdin", "stdout", "stderr")
    before = [getattr(sys, name) for name in names]
    handler = signal.getsignal(signal.SIGTERM)
    wrapped = [
        io.TextIOWrapper(stream, encoding="utf-8", errors=errors, write_through=True)
        for stream, errors in ((stdin, "strict"), (out, "strict"), (err, "backslashreplace"))
    ]
    try:
        with warnings.catch_warnings():
            for name, stream in zip(names, wrapped, strict=True):
                setattr(sys, name, stream)
            yield
    finally:
        for name, stream in zip(names, before, strict=True):
            setattr(sys, name, stream)
        signal.signal(signal.SIGTERM, handler)
        for stream in wrapped:
            stream.detach()


def process(*arguments, env=None, timeout=60, **options):
    """Run a command as a process of its own; ``env`` is added to the surroundings."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    done = subprocess.run(
        [*NNTF, *map(os.fspath, map(_text, arguments))], env=os.environ | (env or {}), timeout=timeout, **options
    )
    err = b"" if done.stderr is None else done.stderr
    return Done(done.returncode, done.stdout or b"", err.decode(errors="backslashreplace"))


def _text(argument):
    return argument if isinstance(argument, (bytes, os.PathLike)) else str(argument)


def error_of(done):
    """Return the text of the one error line; everything else on stderr must be notes."""
    assert "Traceback" not in done.err, done.err
    lines = done.err.splitlines()
    assert lines, "nothing on stderr"
    errors = [match["text"] for line in lines if (match := _ERROR.fullmatch(line))]
    others = [line for line in lines if not line.startswith(("nntf: error: ", "nntf: note: "))]
    assert not others, done.err
    assert len(errors) == 1, done.err
    return errors[0]


def refused(done, code, *fragments):
    """Assert that a command failed as it should: one line with all fragments, nothing on stdout."""
    assert done.code == code, done
    text = error_of(done)
    for fragment in fragments:
        assert fragment in text, f"{fragment!r} is not in {text!r}"
    assert done.out == b""
    return text


def succeeded(done):
    """Assert that a command did what it should, and return what it wrote on stdout."""
    assert done.code == 0, done
    assert "Traceback" not in done.err
    assert "nntf: error" not in done.err, done.err
    return done.out
