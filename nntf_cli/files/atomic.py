"""Write files whole or not at all: beside their target, synced, then renamed."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from nntf_cli.errors import OutputError, ParameterError

#: File systems allow 255 bytes; a temporary's name is longer by two dots, the process id and "tmp".
_LONGEST_NAME = 200

_MACHINE = re.sub(r"[^A-Za-z0-9-]", "", os.uname().nodename if hasattr(os, "uname") else "")[:32] or "here"

#: Writes one file's content to a binary stream.
Writer = Callable[[BinaryIO], object]

#: Temporaries of this process that are not in their place yet.
_unfinished: set[str] = set()


def publish(outputs: Mapping[str, Writer], inputs: Iterable[str | Path] = ()) -> None:
    """Write several files; every one is complete before the first takes its place.

    Readers see the old content or the new, never a part of it; a failure leaves the old files untouched. A
    symbolic link is followed; a target that is not a regular file (``/dev/null``, a FIFO) is written directly.

    Parameters
    ----------
    outputs : mapping of path to writer
        Each writer is called once with an open binary file.
    inputs : iterable of path
        Files that must not be overwritten.

    Raises
    ------
    ParameterError
        A target is one of the inputs, or two targets are the same file.
    OutputError
        A target cannot be written.
    """
    refuse_inputs(outputs, inputs)
    targets = {path: Path(os.path.realpath(path)) for path in outputs}
    if len(set(targets.values())) < len(targets):
        raise ParameterError("two outputs name the same file", where=next(iter(targets)))
    prepared: list[tuple[Path, Path]] = []
    current = ""
    try:
        for current, writer in outputs.items():
            prepared.append(_prepare(targets[current], writer))
        for temporary, target in prepared:
            if temporary != target:
                os.replace(temporary, target)
    except OSError as error:
        if error.errno is None:
            raise  # not the system's: a library calls its own mistakes so
        raise OutputError(f"cannot be written ({error.strerror or error})", _remedy(error), where=current) from error
    finally:
        for temporary, target in prepared:
            if temporary != target:
                _discard(temporary)


def remove_unfinished() -> None:
    """Remove every temporary of this process, which is about to end."""
    for path in tuple(_unfinished):
        _discard(Path(path))


def _discard(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
    _unfinished.discard(str(temporary))


def refuse_inputs(outputs: Iterable[str], inputs: Iterable[str | Path]) -> None:
    """Refuse to write over what is read, under whatever name.

    Raises
    ------
    ParameterError
        An output is the same file as an input.
    """
    for path, given in itertools.product(outputs, list(inputs)):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.stat(given).st_mode) and os.path.samefile(given, path):
                raise ParameterError("is an input and would be overwritten", "name another output", where=path)


def _prepare(target: Path, writer: Writer) -> tuple[Path, Path]:
    """Write the content and return (where it is now, where it belongs)."""
    mode = _mode_of(target)
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as stream:
            writer(stream)
        return target, target
    temporary = temporary_of(target)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    _unfinished.add(str(temporary))
    try:
        with open(os.open(temporary, flags, 0o666), "wb") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), stat.S_IMODE(mode))
            writer(stream)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        _discard(temporary)
        raise
    return temporary, target


def temporary_of(target: Path) -> Path:
    """Return what this process calls a file until it takes its place; those of dead processes are removed."""
    _sweep(target)
    return target.with_name(f"{_temporary_stem(target)}.{os.getpid()}.tmp")


def _temporary_stem(target: Path) -> str:
    """Return how the names of this target's temporaries begin; a long name leaves no room for more.

    The machine is part of it: on a shared file system, another one's process numbers say nothing here.
    """
    name, stem = os.fsencode(target.name), target.name
    if len(name) > _LONGEST_NAME:
        import hashlib

        stem = hashlib.sha256(name).hexdigest()
    return f".{stem}.{_MACHINE}"


def _mode_of(target: Path) -> int | None:
    try:
        return os.stat(target).st_mode
    except FileNotFoundError:
        return None


def _sweep(target: Path) -> None:
    """Remove temporaries of this target whose process died before it could."""
    start = f"{_temporary_stem(target)}."
    pattern = re.compile(re.escape(start) + r"([0-9]+)\.tmp")
    with contextlib.suppress(OSError):
        for entry in os.scandir(target.parent):
            match = entry.name.startswith(start) and pattern.fullmatch(entry.name)
            if match and (int(match[1]) == os.getpid() or not _is_running(int(match[1]))):
                os.unlink(entry.path)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _remedy(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "create its directory first"
    if isinstance(error, IsADirectoryError):
        return "name a file in it"
    if isinstance(error, PermissionError):
        return "choose a place you may write to"
    return "free some space or write elsewhere"
