"""What races against what: one group per workload, each race an operation that users wait for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import baselines
import pandas_samples
import resampled_noise
import workloads

PYTHON = sys.executable


@dataclass
class Race:
    """Two ways to the same result."""

    workload: str
    what: str
    ours: Callable[[], object] | list[str]  #: something to call, or a command line
    baseline: Callable[[], object] | list[str]
    against: str
    share: float = 1.0  #: of the work that the baseline does; its time is divided by this
    rounds: int = 5


def nntf(*arguments: object) -> list[str]:
    """Return the command line of ours."""
    return [PYTHON, "-m", "nntf_cli", *map(str, arguments)]


def python(code: str) -> list[str]:
    """Return the command line of a few statements."""
    return [PYTHON, "-c", code]


def with_engine(engine: str, work: Callable[[], object]) -> Callable[[], object]:
    """Return work that is done by one of both kinds of kernels."""

    def done() -> object:
        os.environ["NNTF_ENGINE"] = engine
        try:
            return work()
        finally:
            del os.environ["NNTF_ENGINE"]

    return done


def reading(log: Path) -> str:
    """Return the statement that reads all labels."""
    return f"h5py.File({str(log)!r})['labels'][:]"


def start_up(folder: Path) -> Iterator[Race]:
    """What a user waits for before anything happens."""
    yield Race("-", "nntf --help", nntf("--help"), python("import click"), "import click", rounds=15)


def w1(folder: Path) -> Iterator[Race]:
    """The paper's size."""
    log, out = workloads.make("W1", folder), folder / "W1.npy"
    yield Race(
        "W1", "fingerprint, process", nntf("fingerprint", log, "-o", out),
        python(f"import click, numpy, h5py; {reading(log)}"), "import click, numpy, h5py + read", rounds=15,
    )  # fmt: skip
    labels = workloads.read(log)
    held, few = baselines.log_in_memory(labels, 10), labels[:4]
    for engine in ("numba", "numpy"):
        yield Race(
            "W1", f"D and 20 bands, {engine}", with_engine(engine, lambda: baselines.ours_in_process(held)),
            lambda: baselines.naive_loops(few), "plain loops (3 of 49 transitions)",
            share=baselines.naive_share(len(few), len(labels)),
        )  # fmt: skip
    calls = 20
    many = copies(log, folder / "many", 100)
    yield Race(
        "W1", "100 logs in one call", nntf("fingerprint", *many, "-o", f"{folder}/many-out/"),
        ["sh", "-c", " && ".join(" ".join(nntf("fingerprint", log, "-o", out)) for log in many[:calls])],
        f"100 calls (of which {calls})", share=calls / len(many), rounds=3,
    )  # fmt: skip
    yield Race(
        "W1", "render, process", nntf("render", out, "-o", folder / "W1.png"),
        python("import matplotlib.figure, matplotlib.backends.backend_agg"), "import matplotlib.figure",
    )  # fmt: skip


def copies(log: Path, folder: Path, n: int) -> list[Path]:
    """Return n logs of different names."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"W1_{i}.h5" for i in range(n)]
    for path in paths:
        if not path.exists():
            os.link(log, path)
    return paths


def w2(folder: Path) -> Iterator[Race]:
    """Many snapshots."""
    log = workloads.make("W2", folder)
    labels = workloads.read(log)
    held = baselines.log_in_memory(labels, 10)
    yield Race(
        "W2", "count moves", lambda: baselines.ours_count_in_memory(held), lambda: baselines.bincount(labels),
        "numpy.bincount",
    )  # fmt: skip
    flows = baselines.ours_count(log)
    if baselines.scipy_is_there():
        yield Race(
            "W2", "D", lambda: baselines.ours_distances(flows), lambda: baselines.pdist(flows),
            "scipy pdist(braycurtis)",
        )  # fmt: skip
    matrix = baselines.ours_distances(flows)
    if baselines.pyunicorn_is_there():
        yield Race(
            "W2", "20 bands of RQA", lambda: baselines.ours_rqa(matrix), lambda: baselines.pyunicorn(matrix),
            "pyunicorn (10 of 20 bands)", share=10 / baselines.N_BANDS, rounds=3,
        )  # fmt: skip
    yield Race(
        "W2", "log to D and table, process",
        nntf("rqa", log, "--matrix-out", folder / "W2.npy", "-o", folder / "W2.csv"),
        [PYTHON, str(Path(baselines.__file__)), str(log), str(folder / "W2-numpy.npy")], "vectorized numpy", rounds=5,
    )  # fmt: skip
    yield Race(
        "W2", "one more snapshot", *baselines.one_more(labels, 10, flows), "numpy: bincount, minimum of D's rows"
    )


def w3(folder: Path) -> Iterator[Race]:
    """ImageNet."""
    log, packed = workloads.make("W3", folder), workloads.make("W3gz", folder)
    yield Race(
        "W3", "log to D and table, process",
        ["sh", "-c", " && ".join(" ".join(command) for command in (
            nntf("fingerprint", log, "-o", folder / "W3.npz"), nntf("rqa", folder / "W3.npz", "-o", folder / "W3.csv"),
        ))],
        python(f"import h5py; {reading(log)}"), "h5py ds[:] alone", rounds=3,
    )  # fmt: skip
    yield Race(
        "W3", "gzip: read and count", lambda: baselines.ours_count(packed),
        lambda: baselines.read_then_count(packed, 1_000), "h5py ds[:] and the same count", rounds=3,
    )  # fmt: skip
    out = folder / "W3-grouped.csv"
    yield Race(
        "W3", "explain, process", nntf("explain", log, 2, 149, "--index", "-o", folder / "W3-explain.csv"),
        python(baselines.grouped_by_pandas(log, 2, 149, out)), "pandas groupby",
    )  # fmt: skip
    yield from of_classes("W3", log)


def w4(folder: Path) -> Iterator[Race]:
    """So many snapshots that D is large."""
    log, out = workloads.make("W4", folder), folder / "W4.npy"
    alone = python("import click, numpy, h5py, numba")
    yield Race("W4", "rqa, process", nntf("rqa", log, "-o", folder / "W4.csv"), alone, "import numba alone", rounds=3)
    yield Race(
        "W4", "fingerprint float32, process", nntf("fingerprint", log, "--dtype", "float32", "-o", out), alone,
        "import numba alone", rounds=3,
    )  # fmt: skip
    if baselines.scipy_is_there():
        flows, rows = baselines.ours_count(log, every=10), 200
        n = flows.n_transitions
        yield Race(
            "W4", "D of each 10th snapshot", lambda: baselines.ours_distances(flows),
            lambda: baselines.pdist(flows, rows), f"scipy pdist ({rows} of {n})",
            share=rows * (rows - 1) / (n * (n - 1)), rounds=3,
        )  # fmt: skip
    yield Race(
        "W4", "render, process", nntf("render", out, "-o", folder / "W4.png"),
        python(baselines.imshow(out, folder / "W4-pyplot.png", 5_000)), "pyplot imshow (5,000 of 20,000)",
        share=1 / 16, rounds=1,
    )  # fmt: skip


def w5(folder: Path) -> Iterator[Race]:
    """A vocabulary."""
    for name in ("W5", "W5gz"):
        log = workloads.make(name, folder)
        yield Race(
            name, "fingerprint, process", nntf("fingerprint", log, "-o", folder / f"{name}.npy"),
            python(f"import h5py; {reading(log)}"), "h5py ds[:] alone", rounds=3,
        )  # fmt: skip
    yield from of_classes("W5", folder / "W5.h5")


def of_classes(name: str, log: Path) -> Iterator[Race]:
    """Many classes: D, and its next row, against scipy's sparse minimum, of which the baseline does a few rows."""
    if not baselines.scipy_is_there():
        return
    flows = baselines.ours_count(log)
    n, rows = flows.n_transitions, 4
    yield Race(
        name, "D", lambda: baselines.ours_distances(flows), lambda: baselines.sparse_minimum(flows, rows),
        f"scipy.sparse minimum ({rows} of {n} rows)", share=rows * n / (n * (n + 1) / 2), rounds=3,
    )  # fmt: skip
    labels = workloads.read(log)
    ours, _ = baselines.one_more(labels, workloads.WORKLOADS[name].n_classes, flows)
    yield Race(name, "one more snapshot", ours, lambda: baselines.sparse_minimum(flows, 1), "scipy.sparse, one row")


def classes(folder: Path) -> Iterator[Race]:
    """How every class fares: a row per class and snapshot, as CSV."""
    log, n = workloads.with_true_classes(workloads.make("W3", folder)), 10
    total = workloads.WORKLOADS["W3"].n_snapshots
    yield Race(
        "W3", "classes, process", nntf("classes", log, "-o", folder / "W3-classes.csv"),
        lambda: baselines.pandas_classes(log, folder / "W3-pandas.csv", n), f"pandas ({n} of {total} snapshots)",
        share=n / total, rounds=3,
    )  # fmt: skip
    picture = ["--figure", folder / "W3-classes.png"]
    yield Race(
        "W3", "classes and figure, process", nntf("classes", log, "-o", folder / "W3-classes.csv", *picture),
        python(f"import h5py; {reading(log)}"), "h5py ds[:] alone", rounds=3,
    )  # fmt: skip


def anomalies(folder: Path) -> Iterator[Race]:
    """Which classes changed at once: for one window, and for seven of which one is chosen."""
    log, ours, theirs = (folder / name for name in ("W3.h5", "W3-anomalies.csv", "W3-pandas.csv"))
    workloads.with_true_classes(workloads.make("W3", folder))
    where = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import Path; import baselines; "
    )
    pandas = python(where + f"baselines.pandas_anomalies(Path({str(log)!r}), Path({str(theirs)!r}), 5)")
    for what, flags in (("anomalies, process", ["--window", "5"]), ("anomalies --auto, process", ["--auto"])):
        yield Race("W3", what, nntf("anomalies", log, *flags, "-o", ours), pandas, "pandas and scipy", rounds=3)


def noise(folder: Path) -> Iterator[Race]:
    """What of every distance is chance."""
    some = 40
    for name in ("W1", "W2"):
        flows = baselines.ours_count(workloads.make(name, folder))
        n_pairs = flows.n_transitions * (flows.n_transitions - 1) / 2
        yield Race(
            name, "noise floor", with_engine("numba", lambda flows=flows: resampled_noise.ours(flows)),
            lambda flows=flows: resampled_noise.drawn(flows, some),
            f"numpy, {resampled_noise.DRAWS} draws ({some} of {n_pairs:,.0f} pairs)", share=some / n_pairs, rounds=3,
        )  # fmt: skip


def record(folder: Path) -> Iterator[Race]:
    """What recording costs a training, the HDF5 file that is made now and then included."""
    n = 20
    for name in ("W2", "W3"):
        workload = workloads.WORKLOADS[name]
        for what, sync in (("numpy.save of the bytes", False), ("numpy.save and fsync", True)):
            with baselines.recording(folder / "recorded.h5", workload, n) as snapshots:
                yield Race(
                    name, f"record {n} x {workload.n_samples:,}", snapshots,
                    baselines.saving(folder / "recorded.npy", workload, n, sync), what, rounds=9,
                )  # fmt: skip


def samples(folder: Path) -> Iterator[Race]:
    """What became of each sample of ImageNet: a row per sample, as CSV."""
    log, packed = (workloads.with_true_classes(workloads.make(name, folder)) for name in ("W3", "W3gz"))
    out, n = folder / "W3-samples.csv", workloads.WORKLOADS["W3"].n_samples
    some = n // 50
    yield Race(
        "W3", "samples, process", nntf("samples", log, "-o", out),
        lambda: pandas_samples.main(log, folder / "W3-pandas.csv", some), "pandas (1 of 50 samples)",
        share=some / n, rounds=3,
    )  # fmt: skip
    yield Race(
        "W3gz", "samples, process", nntf("samples", packed, "-o", out),
        python(f"import h5py; {reading(packed)}"), "h5py ds[:] alone", rounds=3,
    )  # fmt: skip


GROUPS = {
    "start": start_up, "W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "classes": classes, "anomalies": anomalies,
    "noise": noise, "samples": samples, "record": record,
}  # fmt: skip
