"""How much memory there is, asked before it is allocated: too much is an error with words, not a killed process."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from nntf_cli.errors import LimitError, ParameterError
from nntf_cli.shares import n_sharing
from nntf_cli.wording import quantity

#: The remedy where no option makes it smaller.
ELSEWHERE = "run it where there is more memory"

#: The rest is left to everybody else, and to what is too small to be asked for: buffers, blocks, compiled code.
_SHARE = 0.8

_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(?:([KMGT])(I?B)?|B)?", re.IGNORECASE)

_limit: float | None = None

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h


def parse_size(text: str) -> float:
    """Return the bytes that a size stands for: ``600M``, ``2G`` and ``1.5GiB`` count by 1024, ``600MB`` by 1000.

    Raises
    ------
    ParameterError
        It is no size, or none at all.
    """
    match = _SIZE.fullmatch(text.strip())
    number = float(match[1]) if match else 0.0
    if match is None or number <= 0:
        raise ParameterError(f"{text!r} is not a size, for instance 600M or 1.5G")
    prefix, unit = (match[2] or "").upper(), (match[3] or "").upper()
    return number * (1000 if unit == "B" else 1024) ** (" KMGT".index(prefix) if prefix else 0)


@contextlib.contextmanager
def limited(n_bytes: float | None) -> Iterator[None]:
    """Stay below this peak for as long as the block runs; None changes nothing."""
    global _limit
    before, _limit = _limit, _limit if n_bytes is None else n_bytes
    if n_bytes is not None:
        _return_what_is_freed()
    try:
        yield
    finally:
        _limit = before


def available() -> float:
    """Return the bytes that this run may still take; infinity where neither the system nor the user says.

    A limit of the user's is one on the whole process, so what it holds already counts. Runs side by side get equal
    parts: each may take its own before any of it shows.
    """
    return _SHARE * max(0.0, min(_system(), _users())) / n_sharing()


def _system() -> float:
    return min(_meminfo(), _cgroup(), _address_space())


def _users() -> float:
    limit = _users_limit()
    return float("inf") if limit is None else limit - _resident()


def _users_limit() -> float | None:
    """Return ``--max-memory``, else ``NNTF_MAX_MEMORY``."""
    if _limit is not None:
        return _limit
    wanted = os.environ.get("NNTF_MAX_MEMORY")
    return parse_size(wanted) if wanted else None


def require(n_bytes: float, what: str, remedy: str = "", *, where: str = "") -> None:
    """Refuse what does not fit.

    Parameters
    ----------
    n_bytes : float
        Bytes about to be allocated.
    what : str
        What needs them: the subject of the message.
    remedy : str
        The option or choice that makes it smaller.
    where : str
        The file concerned.

    Raises
    ------
    LimitError
        More than four fifths of the memory available.
    """
    limit = available()
    if n_bytes > limit:
        users, why = _users_limit(), ""
        if users is not None and _users() < _system():
            why = f" under --max-memory {_readable(users)}"
            remedy = ", or ".join(filter(None, ["raise it", remedy]))
        raise LimitError(
            f"{what} needs {_readable(n_bytes)}, but only {_readable(limit)} may be used{why}", remedy, where=where
        )


def _readable(n_bytes: float) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return quantity(round(n_bytes), "byte")


def _meminfo() -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return float("inf")


def _cgroup() -> float:
    with contextlib.suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup")
        most = (folder / "memory.max").read_text().strip()
        if most != "max":
            return int(most) - int((folder / "memory.current").read_text())
    return float("inf")


def _address_space() -> float:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            return soft - _pages(0) * resource.getpagesize()
    return float("inf")


def _return_what_is_freed() -> None:
    """Have the C library give large blocks back at once; it would keep some for each thread, which count as held."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 2**20)


def _resident() -> float:
    """Return the bytes that this process holds; none where the system does not tell."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        return _pages(1) * resource.getpagesize()
    return 0.0


def _pages(which: int) -> int:
    """Return the pages of address space (0) or of memory (1) in use."""
    return int(Path("/proc/self/statm").read_text().split()[which])
