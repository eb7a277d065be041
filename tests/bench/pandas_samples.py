"""The table of ``nntf samples`` as one writes it with pandas."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd


def table(labels: np.ndarray, true: np.ndarray) -> pd.DataFrame:
    """Return a row per sample, from a row per sample and snapshot."""
    n_snapshots, n_samples = labels.shape
    frame = pd.DataFrame(
        {
            "sample": np.repeat(np.arange(n_samples), n_snapshots),
            "step": np.tile(np.arange(n_snapshots), n_samples),
            "label": labels.T.ravel(),
            "correct": (labels == true).T.ravel(),
        }
    )
    sample, grouped = frame["sample"], frame.groupby("sample")
    before = grouped[["label", "correct"]].shift()
    changed = before["label"].notna() & (frame["label"] != before["label"])
    forgotten = changed & (before["correct"] == True)  # noqa: E712 - the first of each sample has none
    wrong = frame[~frame["correct"]].groupby(["sample", "label"]).size().rename("n").reset_index()
    wrong = wrong.sort_values(["sample", "n", "label"], ascending=[True, False, True]).drop_duplicates("sample")
    wrong = wrong.set_index("sample")
    return pd.DataFrame(
        {
            "true": true,
            "n_changes": changed.groupby(sample).sum(),
            "last_change": frame["step"].where(changed).groupby(sample).max(),
            "n_classes_visited": grouped["label"].nunique(),
            "final": grouped["label"].last(),
            "n_forgotten": forgotten.groupby(sample).sum(),
            "first_learned": frame["step"].where(frame["correct"]).groupby(sample).min(),
            "never_learned": ~grouped["correct"].any(),
            "share_correct": grouped["correct"].mean(),
            "most_wrong": wrong["label"],
            "most_wrong_share": (wrong["n"] / n_snapshots),
        }
    )


def main(log: Path, out: Path, n_samples: int) -> None:
    """Read the first samples and write their table."""
    with h5py.File(log) as file:
        labels, true = file["labels"][:, :n_samples], file["targets"][:n_samples]
    table(labels, true).to_csv(out, index_label="sample")
