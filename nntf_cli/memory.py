"""How much memory there is, asked before it is allocated: too much is an error with words, not a killed process."""

from __future__ import annotations

import contextlib
from pathlib import Path

from nntf_cli.errors import LimitError

#: The remedy where no option makes it smaller.
ELSEWHERE = "run it where there is more memory"

_SHARE = 0.8  # leave the rest to the interpreter, the file system and everybody else


def available() -> float:
    """Return the bytes that this process may still take; infinity where the system does not tell."""
    limits = [_meminfo(), _cgroup(), _address_space()]
    return _SHARE * min(limits)


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
        raise LimitError(
            f"{what} needs {_gibibytes(n_bytes)}, but only {_gibibytes(limit)} may be used",
            remedy,
            where=where,
        )


def _gibibytes(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"


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
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            return soft - used
    return float("inf")
