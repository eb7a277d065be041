"""The logs that the benchmarks run on: seeded, of the sizes that users have."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np


class Workload(NamedTuple):
    """A log: snapshots x samples, classes, and how the file stores it."""

    n_snapshots: int
    n_samples: int
    n_classes: int
    gzip: bool = False


WORKLOADS = {
    "W1": Workload(50, 50_000, 10),  # the paper
    "W2": Workload(2_000, 50_000, 10),
    "W3": Workload(200, 1_281_167, 1_000),  # ImageNet
    "W3gz": Workload(200, 1_281_167, 1_000, gzip=True),
    "W4": Workload(20_000, 10_000, 100),  # D has 400 million entries
    "W5": Workload(100, 1_000_000, 50_257),  # tokens
    "W5gz": Workload(100, 1_000_000, 50_257, gzip=True),
}

_FIRST_SHARE, _LAST_SHARE = 0.60, 0.03  # of the samples that change class in the first and the last transition
_ZIPF = 1.6  # how much more often a sample goes to the class it is most easily confused with


def label_rows(workload: Workload, seed: int = 0):
    """Yield one row of labels per snapshot; what moves goes to zipf-ranked confusable classes."""
    rng = np.random.default_rng(seed)
    n_snapshots, n_samples, n_classes, _ = workload
    confusable = rng.permutation(n_classes - 1) + 1  # rank -> distance to the class confused with
    labels = rng.integers(0, n_classes, n_samples)
    yield labels
    for t in range(1, n_snapshots):
        share = _FIRST_SHARE * (_LAST_SHARE / _FIRST_SHARE) ** ((t - 1) / max(1, n_snapshots - 2))
        moved = np.flatnonzero(rng.random(n_samples) < share)
        rank = np.minimum(rng.zipf(_ZIPF, len(moved)), n_classes - 1) - 1
        labels[moved] = (labels[moved] + confusable[rank]) % n_classes
        yield labels


def make(name: str, folder: Path) -> Path:
    """Write a workload as flat HDF5, a snapshot per chunk where it is compressed; an existing one is kept."""
    path = folder / f"{name}.h5"
    if not path.exists():
        workload = WORKLOADS[name]
        unfinished = path.with_suffix(".part")
        with h5py.File(unfinished, "w") as file:
            shape = workload[:2]
            options = {"chunks": (1, shape[1]), "compression": "gzip", "compression_opts": 4} if workload.gzip else {}
            dataset = file.create_dataset("labels", shape, "u1" if workload.n_classes <= 256 else "u2", **options)
            file.attrs["num_classes"] = workload.n_classes
            for t, row in enumerate(label_rows(workload)):
                dataset[t] = row
        unfinished.rename(path)
    return path


def with_true_classes(path: Path) -> Path:
    """Add true classes to a workload that has none: for nine in ten samples the last label."""
    with h5py.File(path, "r+") as file:
        if "targets" not in file:
            rng = np.random.default_rng(1)
            true = file["labels"][-1]
            other = np.flatnonzero(rng.random(len(true)) < 0.1)
            true[other] = rng.integers(0, file.attrs["num_classes"], len(other))
            file["targets"] = true
    return path


def read(path: Path) -> np.ndarray:
    """Return all labels of a workload."""
    with h5py.File(path) as file:
        return file["labels"][:]
