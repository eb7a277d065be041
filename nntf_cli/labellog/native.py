"""What the native layout, version 1, says of itself, and in which type it keeps labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntf_cli.errors import ParameterError

FORMAT = "nntf-labellog"
FORMAT_VERSION = 1


def label_dtype(n_classes: int) -> np.dtype[Any]:
    """Return the narrowest unsigned type whose largest value is free to mean "missing".

    255 classes fit uint8, 256 need uint16.
    """
    for name in ("u1", "u2", "u4"):
        dtype = np.dtype(name)
        if n_classes <= np.iinfo(dtype).max:
            return dtype
    raise ParameterError(f"{n_classes} classes are more than a label log can hold (2**32 - 1)")
