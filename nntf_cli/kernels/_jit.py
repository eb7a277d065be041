"""The one place that names numba's options."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])


def jit(function: _Function) -> _Function:
    """Compile a kernel without the GIL and without fastmath, cached on disk where that is possible.

    ``NNTF_NUMBA_CACHE=0`` compiles afresh in every process. So does a machine where numba finds no folder to
    write to (read-only installation, no home): there it would otherwise refuse to import.
    """
    if os.environ.get("NNTF_NUMBA_CACHE", "1") != "0":
        try:
            return njit(nogil=True, cache=True)(function)
        except RuntimeError:
            pass
    return njit(nogil=True)(function)
