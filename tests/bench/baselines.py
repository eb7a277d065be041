"""What the benchmarks run against, and ours beside it; every baseline is what somebody would write without nntf."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np

N_BANDS = 20


# -- ours


def ours_in_process(log) -> object:
    """From labels to D and all bands."""
    from nntf_cli.fingerprint import fingerprint
    from nntf_cli.rqa import Settings, per_band

    return per_band(fingerprint(log), Settings(permutations=0))


def ours_count(log: Path, every: int = 1):
    """Read and count."""
    from nntf_cli.fingerprint import flows
    from nntf_cli.labellog import open_log

    return flows(open_log(log).select(every))


def read_then_count(log: Path, n_classes: int) -> object:
    """Read as one does with h5py, and count as we do."""
    with h5py.File(log) as file:
        return ours_count_in_memory(log_in_memory(file["labels"][:], n_classes))


def log_in_memory(labels: np.ndarray, n_classes: int):
    """Return a log whose labels are there already: counting alone is to be timed."""
    from nntf_cli.model import NO_MISSING, LabelLog, Panel, Split

    class Labels:
        n_snapshots, n_samples = labels.shape
        missing = NO_MISSING

        def panels(self):
            yield Panel(0, 0, labels, n_classes)

        def n_classes(self):
            return n_classes

    return LabelLog("memory", "memory", "memory", np.arange(len(labels)), {"train": Split("train", Labels())})


@contextmanager
def recording(path: Path, workload, n: int) -> Iterator[Callable[[], None]]:
    """Record n snapshots of labels as an argmax gives them, each time it is called."""
    from nntf_cli.recorders import LabelRecorder

    path.unlink(missing_ok=True)
    labels, steps = some_labels(workload), itertools.count()
    with LabelRecorder(path, n_samples=workload.n_samples, classes=workload.n_classes) as log:

        def snapshots() -> None:
            for _, step in zip(range(n), steps, strict=False):
                log.snapshot(step, labels, loss=0.5)

        yield snapshots
    path.unlink()


def some_labels(workload) -> np.ndarray:
    """Return one snapshot, int64."""
    return np.random.default_rng(0).integers(0, workload.n_classes, workload.n_samples)


def ours_count_in_memory(log) -> object:
    """Count alone."""
    from nntf_cli.fingerprint import flows

    return flows(log)


def ours_distances(flows) -> np.ndarray:
    """Preparation included."""
    from nntf_cli.fingerprint import distances

    return distances(flows)


def ours_rqa(matrix: np.ndarray) -> object:
    """All measures of the standard convention in all bands."""
    from nntf_cli.model import Axes, Axis, Fingerprint
    from nntf_cli.rqa import Settings, per_band

    axis = Axis()
    return per_band(Fingerprint(matrix, Axes(axis, axis)), Settings(convention="standard"))


def one_more(labels: np.ndarray, n_classes: int, flows):
    """Return two ways to the row of D that the last snapshot adds: ours, and numpy's for few classes."""
    from nntf_cli.growing import GrowingRun

    run, step = GrowingRun(labels.shape[1], n_classes), iter(range(10**9))
    for row in labels:
        run.append(next(step), row)
    turns = [labels[-2], labels[-1]]

    def ours() -> object:
        turns.reverse()
        return run.append(next(step), turns[1])

    table = dense(flows) if n_classes < 100 else None

    def numpys() -> object:
        counts = np.bincount(labels[-2].astype(np.int64) * n_classes + labels[-1])
        assert counts.any()
        total = table.sum(axis=1) + table[-1].sum()
        return 1 - 2 * np.minimum(table, table[-1]).sum(axis=1) / total

    return ours, numpys


# -- raw bytes


def saving(path: Path, workload, n: int, sync: bool) -> Callable[[], None]:
    """Save n snapshots of narrow labels, one file each."""
    labels = some_labels(workload).astype(np.uint8 if workload.n_classes < 256 else np.uint16)

    def save() -> None:
        for i in range(n):
            with open(path.with_suffix(f".{i}.npy"), "wb") as stream:
                np.save(stream, labels)
                if sync:
                    stream.flush()
                    os.fsync(stream.fileno())

    return save


# -- plain loops


def naive_loops(labels: np.ndarray) -> None:
    """The three stages as loops straight from the equations."""
    import naive

    n_classes = int(labels.max()) + 1
    matrix = naive.distances(naive.transitions(labels, n_classes))
    for recurrence in naive.paper_recurrences(matrix):
        naive.paper_lam(recurrence, 2)
        naive.paper_ent(recurrence, 2)


def naive_share(n: int, total: int) -> float:
    """Return the share of the work that the first n snapshots are; nearly all of it is counting."""
    return (n - 1) / (total - 1)


# -- numpy


def bincount(labels: np.ndarray) -> list[np.ndarray]:
    """Count all transitions, one call each."""
    n = int(labels.max()) + 1
    return [np.bincount(a.astype(np.int64) * n + b, minlength=n * n) for a, b in zip(labels, labels[1:], strict=False)]


def vectorized(log: Path, out: Path) -> None:
    """From a log to D on disk and the vertical lines of all bands, without a loop over samples or entries."""
    with h5py.File(log) as file:
        labels = file["labels"][:]
    n = int(labels.max()) + 1
    counts = np.array(bincount(labels)).reshape(-1, n, n)
    counts[:, np.arange(n), np.arange(n)] = 0
    flows = counts.reshape(len(counts), -1)
    moved = flows.sum(axis=1)
    shared = np.array([np.minimum(row, flows).sum(axis=1) for row in flows])
    total = moved[:, None] + moved
    matrix = np.where(total > 0, (total - 2 * shared) / np.maximum(total, 1), 0)
    for k in range(N_BANDS):
        recurrence = (matrix >= k / N_BANDS) & (matrix <= (k + 1) / N_BANDS)
        padded = np.pad(recurrence.T, ((0, 0), (0, 1))).ravel().astype(np.int8)
        steps = np.diff(padded, prepend=0)
        np.bincount(np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1))
    np.save(out, matrix)


# -- pandas


def pandas_classes(log: Path, out: Path, n: int) -> None:
    """Write the table of ``nntf classes`` of the first n snapshots."""
    import pandas as pd

    with h5py.File(log) as file:
        labels, true, names = file["labels"][:n], file["targets"][:], range(file.attrs["num_classes"])
    tables = []
    for t, row in enumerate(labels):
        frame = pd.DataFrame({"true": true, "predicted": row, "before": labels[max(t - 1, 0)]})
        table = pd.DataFrame({"step": t, "class": names, "n_true": frame.groupby("true").size()}, index=names)
        table["n_predicted"] = frame.groupby("predicted").size()
        table["n_correct"] = frame[frame["true"] == frame["predicted"]].groupby("true").size()
        moved = frame[frame["before"] != frame["predicted"]]
        table["inflow"], table["outflow"] = moved.groupby("predicted").size(), moved.groupby("before").size()
        table = table.fillna(0)
        table["share"] = table["n_predicted"] / len(row)
        table["error"] = (table["n_true"] - table["n_correct"]) / table["n_true"]
        table["precision"] = table["n_correct"] / table["n_predicted"]
        tables.append(table)
    pd.concat(tables).sort_values(["class", "step"]).to_csv(out, index=False)


def pandas_anomalies(log: Path, out: Path, window: int) -> None:
    """Write the table of ``nntf anomalies`` for one window."""
    import pandas as pd
    from scipy.stats import binom, false_discovery_control

    with h5py.File(log) as file:
        correct, true, n_classes = (
            file["labels"][:] == file["targets"][:],
            file["targets"][:],
            file.attrs["num_classes"],
        )
    changed = np.zeros_like(correct)
    np.not_equal(correct[1:], correct[:-1], out=changed[1:])
    size = np.bincount(true, minlength=n_classes)
    rate = np.bincount(true, changed.sum(axis=0), n_classes) / (size * (len(changed) - 1))
    tables = []
    for step in range(1, len(changed)):
        for rule, first, last in (("left", step - window + 1, step), ("right", step + 1, step + window)):
            if first > 0 and last <= len(changed):
                picked = changed[step] & ~changed[first:last].any(axis=0)
                table = pd.DataFrame({"step": step, "class": range(n_classes), "rule": rule, "n": size})
                table["score"] = np.bincount(true[picked], minlength=n_classes)
                table["lost"] = np.bincount(true[picked & ~correct[step]], minlength=n_classes)
                tables.append(table)
    table = pd.concat(tables)
    chance = (rate * (1 - rate) ** (window - 1))[table["class"]]
    table["expected"] = table["n"] * chance
    table["p"] = binom.sf(table["score"] - 1, table["n"], chance)
    table["p_adjusted"] = false_discovery_control(table["p"])
    table[table["score"] >= 0.1 * table["n"]].sort_values("p").to_csv(out, index=False)


# -- packages


def imshow(matrix: Path, out: Path, n: int) -> str:
    """Return the statements that draw the first n rows and columns as one does with pyplot."""
    return (
        "import matplotlib; matplotlib.use('Agg'); import matplotlib.pyplot as plt, numpy as np; "
        f"plt.imshow(np.load({str(matrix)!r}, mmap_mode='r')[:{n}, :{n}]); plt.colorbar(); plt.savefig({str(out)!r})"
    )


def grouped_by_pandas(log: Path, i: int, j: int, out: Path) -> str:
    """Return a script that writes the table of ``nntf explain`` by pandas; it reads the four snapshots and no other."""
    return f"""
import h5py, pandas as pd
labels = h5py.File({str(log)!r})["labels"]
def flows(i):
    moves = pd.DataFrame({{"from": labels[i], "to": labels[i + 1]}})
    return moves[moves["from"] != moves["to"]].groupby(["from", "to"]).size()
table = pd.concat([flows({i}), flows({j})], axis=1, keys=["count_i", "count_j"]).fillna(0).astype(int)
table["common"] = table.min(axis=1)
table["difference"] = (table["count_i"] - table["count_j"]).abs()
table["share"] = table["difference"] / table["difference"].sum()
order = ["difference", "common", "from", "to"]
table = table.reset_index().sort_values(order, ascending=[False, False, True, True])
table.to_csv({str(out)!r}, index=False)
"""


def scipy_is_there() -> bool:
    """Return whether scipy is installed."""
    return find_spec("scipy") is not None


def pyunicorn_is_there() -> bool:
    """Return whether pyunicorn is installed; it compiles, so it often is not."""
    return find_spec("pyunicorn") is not None


def dense(flows, n: int | None = None) -> np.ndarray:
    """Return the flows of the first n transitions as (n, cells), over the cells that ever moved."""
    cells = flows.from_class.astype(np.int64) * flows.n_classes + flows.to_class
    known, place = np.unique(cells, return_inverse=True)
    n = flows.n_transitions if n is None else n
    end = flows.start[n]
    table = np.zeros((n, len(known)))
    table[np.repeat(np.arange(n), np.diff(flows.start[: n + 1])), place[:end]] = flows.count[:end]
    return table


def pdist(flows, n: int | None = None) -> np.ndarray:
    """Bray-Curtis of all pairs, or of the first n, over all cells that ever moved."""
    from scipy.spatial.distance import pdist, squareform

    return squareform(pdist(dense(flows, n), "braycurtis"))


def sparse_minimum(flows, n_rows: int) -> list[np.ndarray]:
    """Compare the first rows with all transitions by sparse matrices."""
    from scipy.sparse import csr_array

    cells = flows.from_class.astype(np.int64) * flows.n_classes + flows.to_class
    known, place = np.unique(cells, return_inverse=True)
    table = csr_array((flows.count, place, flows.start), shape=(flows.n_transitions, len(known)))
    rows = [table[[i]] for i in range(flows.n_transitions)]
    return [np.array([rows[i].minimum(row).sum() for row in rows]) for i in range(n_rows)]


def pyunicorn(matrix: np.ndarray) -> None:
    """One recurrence plot per band, of every second band, and its lines."""
    from pyunicorn.timeseries import RecurrencePlot

    for k in range(0, N_BANDS, 2):
        plot = RecurrencePlot(np.arange(2.0), threshold=1.0, silence_level=3)
        plot.R = ((matrix >= k / N_BANDS) & (matrix < (k + 1) / N_BANDS)).astype(np.int8)
        plot.N = len(matrix)
        plot.diagline_dist()
        plot.vertline_dist()


if __name__ == "__main__":
    vectorized(*map(Path, sys.argv[1:]))
