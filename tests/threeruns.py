"""Three runs that differ in one hyperparameter, what is to be computed of them, and how to read what commands write."""

import io

import numpy as np
import pandas as pd

import naive
import planted
from nntf_cli.labellog import write_log

STEPS = np.arange(12) * 10


def write_three_runs(folder):
    """Write train and test labels of each and return the paths."""
    paths = []
    for i, decay in enumerate([0.0, 0.01, 0.1]):
        train, _ = planted.random_log(seed=i, n_snapshots=12, n_samples=60, n_classes=4)
        test, _ = planted.random_log(seed=i + 10, n_snapshots=12, n_samples=40, n_classes=4)
        path = folder / f"wd_{decay:g}.h5"
        write_log(
            path,
            {"train": train, "test": test},
            n_classes=4,
            step=STEPS,
            scalars={"accuracy": np.linspace(0, 0.9, 12), "test_accuracy": np.linspace(0, 0.8 - i / 10, 12)},
            hparams={"weight_decay": decay, "seed": 1},
            class_names=["cat", "dog", "emu", "fox"],
        )
        paths.append(path)
    return paths


def expected_distances(i, n_samples=60, seed_offset=0, rows=slice(None), normalize="flows"):
    labels, _ = planted.random_log(seed=i + seed_offset, n_snapshots=12, n_samples=n_samples, n_classes=4)
    return naive.distances(naive.transitions(labels[rows], 4), normalize=normalize, n_samples=n_samples)


def matrix_of(data):
    return np.load(io.BytesIO(data), allow_pickle=False)


def table_of(data):
    return pd.read_csv(io.BytesIO(data), keep_default_na=False)
