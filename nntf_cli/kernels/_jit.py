"""The one place that names numba's options."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.extending import register_jitable

_Function = TypeVar("_Function", bound=Callable[..., object])


def jit(function: _Function) -> _Function:
    """Compile a kernel without the GIL and without fastmath, cached on disk where that is possible.

    ``NNTF_NUMBA_CACHE=0`` compiles afresh in every process. So does a machine where numba finds no folder to
    write to (read-only installation, no home): there it would otherwise refuse to import. A cache that was cut
    off (a full disk, a killed process) is removed and made again, or done without.
    """
    compiled = _compiled(function)

    def call(*arguments: object) -> object:
        nonlocal compiled
        try:
            return compiled(*arguments)
        except Exception:
            # kernels raise nothing of their own, so this is the cache, and nothing was computed yet
            _forget(compiled, function)
            compiled = _compiled(function)
            try:
                return compiled(*arguments)
            except Exception:  # nor can it be written again: its disk is full
                compiled = njit(nogil=True)(function)
                return compiled(*arguments)

    return cast(_Function, call)


def inner(function: _Function) -> _Function:
    """Let kernels call a function, which is compiled along with them."""
    return cast(_Function, register_jitable(function))


def _stamp(folder: Path) -> str:
    """Return what changes when any file of a folder does: what is cached of one kernel holds parts of others."""
    entries = sorted((entry.name, entry.stat()) for entry in os.scandir(folder) if entry.name.endswith(".py"))
    seen = ";".join(f"{name} {found.st_size} {found.st_mtime_ns}" for name, found in entries)
    return f"{zlib.crc32(seen.encode()):08x}"


_STAMP = _stamp(Path(__file__).parent)


def _compiled(function: Callable[..., object]) -> Any:
    # numba files a kernel under this name, and looks at the age of no file but the kernel's own
    function.__qualname__ = f"{function.__name__}-{_STAMP}"
    if os.environ.get("NNTF_NUMBA_CACHE", "1") != "0":
        with contextlib.suppress(RuntimeError):
            return njit(nogil=True, cache=True)(function)
    return njit(nogil=True)(function)


def _forget(compiled: Any, function: Callable[..., object]) -> None:
    """Remove what is cached of a function."""
    folder = getattr(getattr(compiled, "stats", None), "cache_path", None)
    if folder:
        for path in Path(folder).glob(f"*.{function.__name__}-*.nb[ci]"):
            with contextlib.suppress(OSError):
                path.unlink()
