"""Recordings to test with: where they lie, what is recorded, and what a reader sees of them."""

import numpy as np
import pytest

from nntf_cli.labellog import open_log
from nntf_cli.recorders import LabelRecorder

N = 60


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 10, (8, N))


def recorder(path, **changes):
    return LabelRecorder(path, **{"n_samples": N, "classes": 10} | changes)


def rows_of(path, split=None):
    source = open_log(path).split(split).labels
    whole = np.full((source.n_snapshots, source.n_samples), -1, dtype=np.int64)
    for panel in source.panels():
        height, width = panel.labels.shape
        whole[panel.row : panel.row + height, panel.column : panel.column + width] = panel.labels
    return whole


def journal(path):
    return path.with_name(path.name + ".journal")
