"""A cluster gives the bytes that one machine gives, whatever happens to it, or one clear error."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra 'dask': make test-dask")


import planted
from bench.workloads import Workload, label_rows
from clusters import assert_same, nothing_left
from nntf_cli.distributed import plan, tasks
from nntf_cli.distributed.cluster import Options
from nntf_cli.distributed.tasks import Place
from nntf_cli.errors import InputError, NntfError
from nntf_cli.files.store import Block
from nntf_cli.fingerprint import fingerprint, flows
from nntf_cli.labellog import open_log, write_log
from running import run, succeeded

pytestmark = [
    pytest.mark.process,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SAMPLES = [f"sample_logs/{name}.h5" for name in ("lenet_wd_0", "lenet_wd_0.05", "scenario_b_k10", "boosting_digits")]

CUTS = {"classes": True, "rows": False}


# -- logs of every layout

LABELS, FACTS = planted.random_log(seed=3, n_snapshots=24, n_samples=300, n_classes=40, missing_fraction=0.1)
PRESENT, _ = planted.random_log(seed=4, n_snapshots=24, n_samples=300, n_classes=40)


def contiguous(folder):
    with h5py.File(folder / "run.h5", "w") as file:
        file["labels"], file["test_labels"] = PRESENT, PRESENT[:, :7] + 3
        file["test_targets"] = np.full(7, 50)
    return folder / "run.h5"


def chunked(*chunks):
    def build(folder):
        with h5py.File(folder / "run.h5", "w") as file:
            file.create_dataset("labels", data=PRESENT, chunks=chunks, compression="gzip")
        return folder / "run.h5"

    build.__name__ = "chunked_" + "x".join(map(str, chunks))
    return build


def npz(folder):
    np.savez_compressed(folder / "run.npz", labels=PRESENT, epochs=np.arange(24) * 5)
    return folder / "run.npz"


def per_snapshot(folder):
    with h5py.File(folder / "run.h5", "w") as file:
        for i, row in enumerate(PRESENT):
            file[f"epoch_{i}"] = row
    return folder / "run.h5"


def per_snapshot_npz(folder):
    np.savez(folder / "run.npz", **{f"epoch_{i}": row for i, row in enumerate(PRESENT)})
    return folder / "run.npz"


def scores(folder):
    with h5py.File(folder / "run.h5", "w") as file:
        data = np.random.default_rng(0).random((24, 50, 6)).astype(np.float32)
        file.create_dataset("labels", data=data, chunks=(1, 50, 6))
    return folder / "run.h5"


def missing_labels(folder):
    labels = np.where(LABELS == FACTS["missing"], -1, LABELS.astype(np.int64))
    write_log(folder / "run.h5", {"train": labels, "test": labels[:, ::-1]}, n_classes=40, hparams={"seed": 1})
    with h5py.File(folder / "run.h5", "r+") as file:  # which has all of this little in one chunk
        rows = file["labels/train"][:]
        del file["labels/train"]
        file.create_dataset("labels/train", data=rows, chunks=(1, 300))
    return folder / "run.h5"


def in_a_group(folder):
    write_log(folder / "one.h5", {"train": PRESENT}, n_classes=40)
    with h5py.File(folder / "one.h5") as one, h5py.File(folder / "sweep.h5", "w") as sweep:
        one.copy("/", sweep, "wd_0")
        one.copy("/", sweep, "wd_1")
    return f"{folder / 'sweep.h5'}::wd_1::train"


def one_quiet_class(folder):
    np.savez(folder / "run.npz", labels=np.zeros((5, 9), np.uint8))
    return folder / "run.npz"


LAYOUTS = [
    contiguous, chunked(1, 300), chunked(24, 16), chunked(2, 32), chunked(2, 300), npz, per_snapshot, per_snapshot_npz,
    scores, missing_labels, in_a_group, one_quiet_class,
]  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("build", LAYOUTS, ids=lambda build: build.__name__)
def test_a_divided_log_of_any_layout(build, cut, tmp_path, cluster, divided, monkeypatch):
    monkeypatch.setattr(plan, "cut_by_classes", lambda *_: CUTS[cut])
    address = str(build(tmp_path))
    log = open_log(address)
    assert cluster.is_divided(log, None, Options())
    if build not in (npz, one_quiet_class, in_a_group):  # which are one stream, or one chunk
        assert len(cluster.flows(log).pieces) > 1
    for normalize in ("flows", "samples"):
        ours = cluster.fingerprint(open_log(address), None, Options(normalize=normalize))
        assert_same(ours, fingerprint(open_log(address), normalize=normalize))


@pytest.mark.parametrize("build", [contiguous, chunked(24, 16), chunked(2, 300)], ids=lambda build: build.__name__)
@pytest.mark.parametrize("snapshots", [(5, None, None), (1, 7, 17), (3, 2, 22), (23, None, None)], ids=str)
def test_chosen_snapshots_of_a_divided_log(snapshots, build, tmp_path, cluster, divided):
    address = str(build(tmp_path))
    ours = cluster.fingerprint(open_log(address).select(*snapshots), "train", Options(*snapshots))
    assert_same(ours, fingerprint(open_log(address).select(*snapshots), "train"))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("whole_bytes", [0, 2**20])
def test_two_runs_are_crossed(whole_bytes, cut, tmp_path, cluster, divided, monkeypatch):
    monkeypatch.setattr(plan, "WHOLE_BYTES", whole_bytes)
    monkeypatch.setattr(plan, "cut_by_classes", lambda *_: CUTS[cut])
    np.savez(tmp_path / "b.npz", labels=PRESENT[5:, ::-1])
    a, b = contiguous(tmp_path), tmp_path / "b.npz"
    ours = cluster.fingerprint(open_log(a), "train", Options(), open_log(b))
    assert_same(ours, fingerprint(open_log(a), "train", against=open_log(b)))


@pytest.mark.parametrize("cut", CUTS)
def test_a_thousand_classes(cut, tmp_path, cluster, divided, monkeypatch):
    divided(200_000)
    monkeypatch.setattr(plan, "cut_by_classes", lambda *_: CUTS[cut])
    labels = np.array([row.astype(np.uint16) for row in label_rows(Workload(30, 20_000, 1_000))])
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file.create_dataset("labels", data=labels)
    ours = cluster.fingerprint(open_log(tmp_path / "run.h5"), None, Options())
    assert_same(ours, fingerprint(open_log(tmp_path / "run.h5")))


def test_a_hamming_matrix_is_the_work_of_one_worker(tmp_path, cluster, divided):
    address = missing_labels(tmp_path)
    ours = cluster.fingerprint(open_log(address), None, Options(metric="hamming"))
    assert_same(ours, fingerprint(open_log(address), metric="hamming"))


@pytest.mark.parametrize("build", [contiguous, chunked(24, 16), missing_labels], ids=lambda build: build.__name__)
def test_flows_that_are_fetched(build, tmp_path, cluster, divided):
    log = open_log(build(tmp_path))
    ours, theirs = cluster.gather(cluster.flows(log, "train", diagonal=True)), flows(log, "train", diagonal=True)
    for name in ("start", "from_class", "to_class", "count", "from_step", "to_step", "stayed", "moved"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert mine.dtype == other.dtype, name
        np.testing.assert_array_equal(mine, other)
    assert (ours.n_samples, ours.n_classes) == (theirs.n_samples, theirs.n_classes)


# -- the command line


def test_a_sweep_is_spread_over_the_workers(local, tmp_path):
    for folder, options in (("one", []), ("many", ["--scheduler", local.scheduler_address])):
        succeeded(run("fingerprint", *SAMPLES, "-t", "npz", "-o", f"{tmp_path / folder}/", *options))
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "many" / path.name).read_bytes(), path.name
    nothing_left(local.scheduler_address)


def test_a_table_is_the_same(local):
    arguments = ["rqa", *SAMPLES, "-t", "json"]
    assert succeeded(run(*arguments, "--scheduler", local.scheduler_address)) == succeeded(run(*arguments))
    arguments = ["rqa", SAMPLES[0], "--split", "train,test", "--per-band", "-t", "csv"]
    assert succeeded(run(*arguments, "--scheduler", local.scheduler_address)) == succeeded(run(*arguments))


def test_matrices_among_the_logs_are_read_here(local, tmp_path):
    succeeded(run("fingerprint", SAMPLES[0], "-o", tmp_path / "D.npz"))
    arguments = ["rqa", tmp_path / "D.npz", SAMPLES[1], "-t", "csv"]
    assert succeeded(run(*arguments, "--scheduler", local.scheduler_address)) == succeeded(run(*arguments))


@pytest.mark.parametrize("form", ["npz", "npy"])
def test_transitions_of_a_divided_log(form, local, tmp_path, divided):
    address = contiguous(tmp_path)
    for name, options in (("one", []), ("many", ["--scheduler", local.scheduler_address])):
        files = [tmp_path / f"{name}.npz", "--transitions-out", tmp_path / f"{name}.flows.{form}"]
        succeeded(run("fingerprint", address, "--split", "train", "-o", *files, *options))
    for ending in ("npz", f"flows.{form}"):
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"many.{ending}").read_bytes()


def test_one_bad_log_does_not_stop_the_others(local, tmp_path):
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file["labels"] = np.where(np.arange(600).reshape(6, 100) == 423, -5, 1)
    logs = [SAMPLES[0], tmp_path / "bad.h5", tmp_path / "absent.h5", SAMPLES[1]]
    one = run("fingerprint", *logs, "-o", f"{tmp_path}/one/")
    many = run("fingerprint", *logs, "-o", f"{tmp_path}/many/", "--scheduler", local.scheduler_address)
    assert one.code == many.code == 3
    assert one.err == many.err
    assert "label -5 of snapshot 4, sample 23" in many.err
    for name in ("lenet_wd_0.npy", "lenet_wd_0.05.npy"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


# -- bad logs


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_divided_log_has_the_errors_of_one_machine(split, tmp_path, cluster, divided, monkeypatch):
    wrong = PRESENT.astype(np.int64)
    wrong[[9, 20], [30, 5]] = [-7, -8]
    labels = {"train": PRESENT, "test": PRESENT, split: wrong}
    monkeypatch.chdir(tmp_path)
    with h5py.File("run.h5", "w") as file:
        for name, rows in labels.items():
            file.create_dataset(f"{name}_labels", data=rows, chunks=(1, 300))
    said = []
    for compute in (fingerprint, lambda log, split: cluster.fingerprint(log, split, Options())):
        with pytest.raises(InputError) as caught:
            compute(open_log("run.h5"), "train")
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"run.h5: {split}_labels: label -7 of snapshot 9, sample 30 is negative")


def test_what_cannot_be_crossed_is_said_before_anything_is_counted(tmp_path, cluster, divided):
    np.savez(tmp_path / "b.npz", labels=PRESENT[:, 1:])
    with pytest.raises(InputError, match="have 300 and 299 samples"):
        cluster.fingerprint(open_log(contiguous(tmp_path)), "train", Options(), open_log(tmp_path / "b.npz"))


def test_too_few_snapshots(tmp_path, cluster, divided):
    with pytest.raises(InputError, match="a transition needs two"):
        cluster.fingerprint(open_log(contiguous(tmp_path)).select(24), "train", Options(24))


def test_a_file_that_a_worker_does_not_see(tmp_path, cluster, divided, monkeypatch):
    log = open_log(contiguous(tmp_path))
    elsewhere = Place(str(tmp_path / "elsewhere.h5"), 1, 1)
    monkeypatch.setattr(Place, "of", lambda address: elsewhere)
    with pytest.raises(
        InputError, match=r"elsewhere.h5: cannot be read by worker tcp://[0-9.:]+ \(no such file\); put"
    ):
        cluster.fingerprint(log, "train", Options())


def test_another_file_of_the_same_name(tmp_path, cluster, divided):
    place = Place.of(str(contiguous(tmp_path)))
    os.utime(tmp_path / "run.h5", ns=(1, 1))
    future = cluster.submit(tasks.block_width, place, "train", Block(0, 1, 0, 300))
    with pytest.raises(InputError, match="has changed since work on it began, or is another file to worker tcp://"):
        cluster.result(future, "reading")


# -- how work is cut


def test_ranges_of_classes_tile_them():
    for per_class in (np.ones(1000, int), np.arange(50), np.array([7]), np.zeros(4, int), np.array([0, 0, 99, 0])):
        for n_slots in (1, 2, 7):
            ranges = plan.class_ranges(per_class, n_slots)
            assert [low for low, _ in ranges] == [0, *(high for _, high in ranges[:-1])]
            assert ranges[-1][1] == len(per_class)
            assert all(low < high for low, high in ranges)
    assert len(plan.class_ranges(np.ones(1000, int), 4)) == 4


@pytest.mark.parametrize("symmetric", [True, False])
def test_panels_of_rows_tile_them(symmetric):
    for n_rows in (1, 2, 49, 1000):
        panels = plan.row_panels(n_rows, 3, symmetric=symmetric)
        assert [first for first, _ in panels] == [0, *(last for _, last in panels[:-1])]
        assert panels[-1][1] == n_rows


def test_what_is_cheaper_decides():
    assert plan.cut_by_classes(30_000_000, (199, 199), 1_000, 2, 2)  # many flows, few transitions
    assert not plan.cut_by_classes(10_000_000, (19_999, 19_999), 100, 2, 2)  # the other way round
    assert not plan.cut_by_classes(100, (49, 49), 1, 2, 2)
    assert not plan.is_divided(100 * 2**20, 199, 1, 2)
    assert plan.is_divided(500 * 2**20, 199, 1, 2)
    assert not plan.is_divided(500 * 2**20, 199, 10, 2)  # other runs keep the workers busy
    assert plan.is_divided(10, 19_999, 1, 2)  # D itself is large


def test_errors_survive_the_journey():
    import pickle

    error = pickle.loads(pickle.dumps(InputError("is bad", "mend it", where="run.h5")))
    assert isinstance(error, NntfError)
    assert str(error) == "run.h5: is bad; mend it"
