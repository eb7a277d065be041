"""Which samples change class: most do not, so they are looked for 64 at a time and without a branch for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nntf_cli.kernels._jit import inner

#: Labels that are compared into one mask, and labels whose changes are listed at a time.
BLOCK = 64
TILE = 64 * BLOCK

#: Places that are taken from a mask in a row; those beyond its last are overwritten by the next mask.
_BATCH = 8

#: Room that the places of a tile take.
ROOM = TILE + _BATCH


@intrinsic
def _differing(typing_context: Any, x: Any, y: Any, at: Any) -> Any:
    """Return a mask of the labels that differ among BLOCK ones from ``at`` on; nothing checks that there are so many.

    Vectors of any length are part of LLVM's language: each processor gets the best that it has for them.
    """
    if x != y or x.layout != "C" or x.ndim != 1 or not isinstance(x.dtype, types.Integer):
        raise TypingError("compares contiguous labels of one integer type")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(context.get_value_type(x.dtype), BLOCK)
        labels = []
        for array in arguments[:2]:
            data = context.make_array(x)(context, builder, array).data
            begin = builder.gep(data, [arguments[2]])
            labels.append(builder.load(builder.bitcast(begin, vector.as_pointer()), align=1))
        return builder.bitcast(builder.icmp_unsigned("!=", *labels), ir.IntType(BLOCK))

    return types.uint64(x, y, types.intp), generate


@intrinsic
def _trailing_zeros(typing_context: Any, bits: Any) -> Any:
    """Return the place of the lowest bit that is set; 64 if none is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), generate


@intrinsic
def _set_bits(typing_context: Any, bits: Any) -> Any:
    """Return how many bits are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@inner
def _find_changes(before: np.ndarray, after: np.ndarray, masks: np.ndarray) -> Any:
    n, n_blocks = np.uint64(0), len(before) // BLOCK
    for i in range(n_blocks):
        masks[i] = _differing(before, after, BLOCK * i)
        n += _set_bits(masks[i])
    if n_blocks < len(masks):
        masks[n_blocks] = np.uint64(0)
        for j in range(BLOCK * n_blocks, len(before)):
            masks[n_blocks] |= np.uint64(before[j] != after[j]) << np.uint64(j - BLOCK * n_blocks)
        n += _set_bits(masks[n_blocks])
    return np.int64(n)


@inner
def _list_changes(masks: np.ndarray, n_labels: int, places: np.ndarray) -> None:
    """Write places in batches: to guess where those of a mask end fails often, and costs more than a few too many."""
    one, n = np.uint64(1), np.uint64(0)
    for i in range((n_labels + BLOCK - 1) // BLOCK):
        mask, base, at = masks[i], np.uint64(BLOCK * i), n
        n += _set_bits(mask)
        while mask:
            for j in range(_BATCH):
                places[at + np.uint64(j)] = base + _trailing_zeros(mask)
                mask &= mask - one
            at += np.uint64(_BATCH)


def _find_changes_plainly(before: np.ndarray, after: np.ndarray, masks: np.ndarray) -> Any:
    differs = np.zeros(BLOCK * len(masks), dtype=bool)
    differs[: len(before)] = before != after
    masks[:] = np.packbits(differs, bitorder="little").view("<u8")
    return int(np.count_nonzero(differs))


def _list_changes_plainly(masks: np.ndarray, n_labels: int, places: np.ndarray) -> None:
    found = np.flatnonzero(np.unpackbits(masks.astype("<u8").view(np.uint8), bitorder="little"))
    places[: len(found)] = found


#: ``find_changes(before, after, masks)`` sets bit j of ``masks[i]`` where label 64 i + j of two tiles differs, and
#: returns how many do. ``list_changes(masks, n_labels, places)`` writes where that is, into ROOM. Without compilation
#: there are no intrinsics, and numpy does it.
find_changes = _find_changes_plainly if config.DISABLE_JIT else _find_changes
list_changes = _list_changes_plainly if config.DISABLE_JIT else _list_changes
