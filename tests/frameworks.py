"""What the tests of recorders for frameworks share."""

from __future__ import annotations

import importlib
import io
import os
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from nntf_cli.labellog import open_log

os.environ.setdefault("KERAS_BACKEND", "torch")

EXAMPLES = Path(__file__).parent / "examples"


def require(*modules):
    """Import frameworks, or skip the file; their own warnings at import are not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = []
        for name in modules:
            try:
                found.append(importlib.import_module(name))
            except ImportError:
                pytest.skip(f"{name} is not installed: make test-recorders", allow_module_level=True)
    return found[0] if len(found) == 1 else found


def digits(n=400):
    """Return inputs and classes of some handwritten digits."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x[:n] / 16).astype(np.float32), y[:n]


def recorded(path):
    """Return a log that was closed and its labels by split."""
    assert not Path(f"{path}.journal").exists(), "was not closed"
    with h5py.File(io.BytesIO(Path(path).read_bytes())) as file:
        labels = {split: rows[:] for split, rows in file["labels"].items()}
    return open_log(path), labels
