"""``nntf pack``: another file, the same log."""

import io
import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from badinputs import BESIDE, LABELS, C, N, T, hdf5
from badlogs import several_runs
from goodlogs import GOOD
from nntf_cli import memory
from nntf_cli.files import streaming
from nntf_cli.labellog import open_log, packing, write_log
from nntf_cli.labellog.packing import Rows, rechunked
from running import refused, run, succeeded


def labels_of(log, split=None):
    """Return the labels of a split in one piece, int64, with -1 for what is missing."""
    source = log.split(split).labels
    labels = np.full((source.n_snapshots, source.n_samples), -9, dtype=np.int64)
    for panel in source.panels():
        given = panel.labels.astype(np.int64)
        given[given == source.missing] = -1
        labels[panel.row : panel.row + given.shape[0], panel.column : panel.column + given.shape[1]] = given
    return labels


def assert_same_log(one, other):
    assert_array_equal(one.step, other.step)
    assert one.n_classes == other.n_classes
    assert one.class_names == other.class_names
    assert one.hparams == other.hparams
    assert one.scalars.keys() == other.scalars.keys()
    for name, values in one.scalars.items():
        assert_array_equal(values, other.scalars[name])
    assert one.splits.keys() == other.splits.keys()
    for name, split in one.splits.items():
        assert_array_equal(labels_of(one, name), labels_of(other, name))
        for kind in ("true", "ids"):
            values, others = getattr(split, kind), getattr(other.splits[name], kind)
            assert (values is None) == (others is None)
            if values is not None:
                assert_array_equal(values, others)


@pytest.mark.parametrize("make", GOOD, ids=lambda make: make.__name__)
def test_every_layout_is_the_same_log_afterwards(make, tmp_path):
    address = make(tmp_path)
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "packed.h5"
    succeeded(run("pack", address, "-o", out))
    before, after = open_log(address), open_log(out)
    if before.chosen_split:
        assert list(after.splits) == [before.chosen_split]
        assert_array_equal(labels_of(before), labels_of(after))
    else:
        assert_same_log(before, after)
    assert after.declared_classes == before.n_classes
    assert run("check", out).code == 0


@pytest.fixture
def everything(tmp_path):
    """A native log with all that there can be, and labels that are missing."""
    labels = np.where(np.arange(T * N).reshape(T, N) % 7 == 3, -1, LABELS)
    write_log(
        tmp_path / "run.h5",
        {"train": labels, "test": LABELS[:, :3]},
        n_classes=C,
        step=np.arange(T) * 7 - 3,
        scalars={"loss": [np.nan, np.inf, 1, 0.1, -0.0, 2], "test_accuracy": np.linspace(0, 1, T)},
        hparams={"lr": 0.1, "seed": 7, "nesterov": True, "optimizer": "SGD é", "empty": ""},
        name="my run",
        class_names=["ant", "bée", "cat"],
        true={"train": LABELS[0]},
        ids={"train": np.arange(N) * 10**12, "test": ["a", "é", ""]},
    )
    return tmp_path / "run.h5"


def test_nothing_is_lost(everything, tmp_path):
    out = tmp_path / "packed.h5"
    said = succeeded(run("pack", everything, "-o", out)).decode()
    assert_same_log(open_log(everything), open_log(out))
    assert open_log(out).run_uuid == open_log(everything).run_uuid
    assert open_log(out).name == "my run"
    first, second = said.splitlines()
    assert first.startswith(f"{everything}, {os.path.getsize(everything) / 1000:.1f} kB -> {out}, ")
    assert f"{os.path.getsize(out) / 1000:.1f} kB: " in first
    assert second == f"  {out}: {T} snapshots, train {N} samples, test 3 samples; read back, and the same"
    again = tmp_path / "again.h5"
    succeeded(run("pack", out, "-o", again, "--threads", "3"))
    assert again.read_bytes() == out.read_bytes()
    with h5py.File(out) as file:
        assert file["labels/train"].dtype == np.uint8
        assert file["labels/train"].fletcher32


def test_a_name_that_the_file_does_not_give_stays_unsaid(tmp_path):
    write_log(tmp_path / "run.h5", {"train": LABELS}, n_classes=C)
    succeeded(run("pack", tmp_path / "run.h5", "-o", tmp_path / "other.h5"))
    assert open_log(tmp_path / "other.h5").name == "other"


def test_a_log_without_a_uuid_gets_one_from_its_content(tmp_path):
    for name, labels in (("a", LABELS), ("b", LABELS), ("c", LABELS[::-1])):
        succeeded(run("pack", hdf5(tmp_path, labels=labels), "-o", tmp_path / f"{name}.h5"))
    a, b, c = (open_log(tmp_path / f"{name}.h5").run_uuid for name in "abc")
    assert a == b != c
    assert len(a) == 36


def test_large_logs_pack_well_and_one_sample_is_read_from_few_blocks(tmp_path):
    rng = np.random.default_rng(3)
    labels = np.repeat(rng.integers(0, 10, (1, 20_000)), 300, axis=0)
    for t in range(1, 300):
        moved = rng.random(20_000) < 0.03
        labels[t] = np.where(moved, rng.integers(0, 10, 20_000), labels[t - 1])
    write_log(tmp_path / "run.h5", {"train": labels}, n_classes=10)
    out = tmp_path / "packed.h5"
    succeeded(run("pack", tmp_path / "run.h5", "-o", out))
    assert os.path.getsize(out) * 3 < os.path.getsize(tmp_path / "run.h5")
    assert_array_equal(labels_of(open_log(out)), labels)
    with h5py.File(out) as file:
        assert file["labels/train"].chunks == (256, 256)


@pytest.mark.parametrize(
    ("shape", "itemsize", "chunks"),
    [
        ((50, 5388), 1, (50, 1310)),
        ((200, 50_000), 1, (200, 327)),
        ((2000, 50_000), 1, (256, 256)),
        ((2000, 1_281_167), 2, (16, 2048)),
        ((100, 10**8), 4, (16, 1024)),
        ((1, 1), 1, (1, 1)),
        ((5, 3), 4, (5, 3)),
    ],
)
def test_chunks(shape, itemsize, chunks):
    assert streaming.chunk_shape(*shape, itemsize) == chunks


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_rechunked_rectangles_tile_the_array(data):
    n_rows, n_columns = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 12)))
    chunks = data.draw(st.tuples(st.integers(1, n_rows), st.integers(1, n_columns)))
    array = np.arange(n_rows * n_columns).reshape(n_rows, n_columns)
    columns = sorted({0, n_columns, *data.draw(st.lists(st.integers(1, n_columns), max_size=4))})
    pieces = []
    for begin, end in zip(columns, columns[1:], strict=False):
        rows = sorted({0, n_rows, *data.draw(st.lists(st.integers(1, n_rows), max_size=4))})
        pieces += [Rows(a, begin, array[a:b, begin:end]) for a, b in zip(rows, rows[1:], strict=False)]
    seen = np.full_like(array, -1)
    for row, column, block in rechunked(iter(pieces), array.shape, chunks):
        assert row % chunks[0] == column % chunks[1] == 0
        assert block.shape == (min(chunks[0], n_rows - row), min(chunks[1], n_columns - column))
        assert (seen[row : row + block.shape[0], column : column + block.shape[1]] == -1).all()
        seen[row : row + block.shape[0], column : column + block.shape[1]] = block
    assert_array_equal(seen, array)


def test_runs_are_merged(everything, tmp_path):
    other = tmp_path / "other.h5"
    write_log(other, {"train": LABELS[::-1]}, n_classes=C)
    (tmp_path / "sub").mkdir()
    alike = hdf5(tmp_path / "sub", name="other.h5")
    out = tmp_path / "all.h5"
    said = succeeded(run("pack", everything, other, alike, "-o", out)).decode()
    with h5py.File(out) as file:
        groups = list(file)
    assert len(groups) == 3
    assert "my run" in groups
    assert said.count("read back, and the same") == 3
    assert_same_log(open_log(everything), open_log(f"{out}::my run"))
    assert open_log(f"{out}::my run").name == "my run"
    first, second = sorted(group for group in groups if group != "my run")
    assert f"{out}::{first}:" in said
    assert {open_log(f"{out}::{first}").name, open_log(f"{out}::{second}").name} == {"other"}
    assert run("check", out).code == 0


def test_a_file_of_several_runs_stays_one(tmp_path):
    path = several_runs(tmp_path)
    succeeded(run("pack", path, "-o", tmp_path / "all.h5"))
    for name in ("wd_0", "wd_1"):
        merged = open_log(f"{tmp_path / 'all.h5'}::sweep_{name}")
        assert_same_log(open_log(f"{path}::{name}"), merged)


def test_the_same_log_twice_gets_two_groups(everything, tmp_path):
    succeeded(run("pack", everything, everything, "-o", tmp_path / "all.h5"))
    with h5py.File(tmp_path / "all.h5") as file:
        assert list(file) == ["my run", "my run-2"]


def test_logs_are_replaced_by_force_only_and_inputs_never(everything, tmp_path):
    out = tmp_path / "packed.h5"
    write_log(out, {"train": LABELS}, n_classes=C)
    before = out.read_bytes()
    refused(run("pack", everything, "-o", out), 2, "is a label log", "--force")
    assert out.read_bytes() == before
    refused(run("pack", everything, "-o", everything, "--force"), 2, "is an input")
    succeeded(run("pack", everything, "-o", out, "--force"))
    assert_same_log(open_log(everything), open_log(out))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "packed.npz"), "unknown ending"),
        (("-o", "-"), "is written to a file"),
        ((), "Missing option"),
    ],
)
def test_wrong_usage(everything, arguments, words):
    refused(run("pack", everything, *arguments), 2, words)


def test_a_bad_log_leaves_nothing_behind(tmp_path):
    (tmp_path / "out").mkdir()
    bad = hdf5(tmp_path, labels=np.where(np.arange(T * N).reshape(T, N) == 40, 5, LABELS))
    refused(run("pack", bad, "-o", tmp_path / "out" / "p.h5"), 3, "label 5 of snapshot 5, sample 0 is no class")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_left_out_is_said(everything, tmp_path):
    with h5py.File(everything, "r+") as file:
        file["notes"] = 1
    done = run("pack", everything, "-o", tmp_path / "packed.h5")
    assert done.code == 0
    assert "'notes' is not a name that nntf knows" in done.err


def test_what_is_read_back_otherwise_is_not_published(everything, tmp_path, monkeypatch):
    real = streaming._packed
    wrong = lambda blocks, chunks: real(((r, c, block ^ 1) for r, c, block in blocks), chunks)  # noqa: E731
    monkeypatch.setattr(streaming, "_packed", wrong)
    refused(run("pack", everything, "-o", tmp_path / "packed.h5"), 4, "read back otherwise")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.h5"]
    monkeypatch.undo()
    monkeypatch.setattr(packing.Run, "path", lambda self, path: path.replace("loss", "lost"))
    with pytest.raises(Exception, match="lost|loss"):
        packing.write_runs(io.BytesIO(), [packing.run_of_log(open_log(everything))], "here")


_FULL_DISKS = """
    import resource, sys
    from pathlib import Path
    from running import run
    log, out, *limits = sys.argv[1:]
    for limit in map(int, limits):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        done = run("pack", log, "-o", out)
        assert done.code == 4, (limit, done)
        assert "cannot be written (File too large)" in done.err, done
        assert not list(Path(out).parent.iterdir()), limit
    print("alive")
"""


@pytest.mark.process
def test_a_full_disk_is_an_error_with_words(tmp_path):
    """HDF5 would end the process; every size up to that of the result, in steps, fails in another place."""
    (tmp_path / "out").mkdir()
    labels = np.random.default_rng(1).integers(0, 9, (40, 20_000))
    write_log(tmp_path / "run.h5", {"train": labels}, n_classes=9, scalars={"loss": range(40)})
    whole = tmp_path / "whole.h5"
    succeeded(run("pack", tmp_path / "run.h5", "-o", whole))
    size = whole.stat().st_size
    limits = [0, 1, 100, 2000, *range(4000, size, size // 25), size - 2500, size - 500, size - 1]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_FULL_DISKS), tmp_path / "run.h5", tmp_path / "out" / "p.h5"]
        + list(map(str, limits)),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(["tests", *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done
    assert done.stdout == "alive\n"


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("calls", [1, 2, 3, 5, 8])
def test_whatever_fails_while_hdf5_writes_is_raised_once_it_has_closed(everything, calls, error):
    """As a disk, or an interrupt that arrives in between."""

    class Failing(io.BytesIO):
        left = calls

        def write(self, data):
            self.left -= 1
            if self.left == 0:
                raise error
            assert self.left > 0, "nothing is written behind the failure"
            return super().write(data)

    with pytest.raises(type(error)):
        packing.write_runs(Failing(), [packing.run_of_log(open_log(everything))], "here")


def test_memory_does_not_grow_with_the_log(tmp_path, monkeypatch):
    """A log of 120 MB packs in a part of it; its labels are one long run, so that the file is small."""
    import tracemalloc

    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("labels", (2400, 50_000), "u1", chunks=(16, 50_000), compression="gzip")
        for row in range(0, 2400, 300):
            stored[row : row + 300] = row // 300
    monkeypatch.setattr(memory, "available", lambda: 2.0**28)
    tracemalloc.start()
    try:
        succeeded(run("pack", path, "-o", tmp_path / "packed.h5"))
        assert tracemalloc.get_traced_memory()[1] < 80 * 2**20
    finally:
        tracemalloc.stop()


def test_damage_to_a_packed_log_is_found(everything, tmp_path):
    """Whatever byte is wrong: check says so, or the log is the same in all that it holds."""
    path = tmp_path / "packed.h5"
    succeeded(run("pack", everything, "-o", path))
    content, before = path.read_bytes(), open_log(everything)
    rng = np.random.default_rng(5)
    n_found = 0
    for _ in range(300):
        mutant = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            mutant[place] ^= rng.integers(1, 256)
        path.unlink()  # HDF5 knows an open file by its inode, and would go on with what it has of the last one
        path.write_bytes(mutant)
        done = run("check", path)
        assert done.code in (0, 1, 3, 5), done
        n_found += done.code != 0
        if done.code == 0:
            assert_same_log(before, open_log(path))
    assert n_found > 200


def test_beside_the_plain_log(tmp_path):
    path = hdf5(tmp_path)
    succeeded(run("pack", path, "-o", tmp_path / "packed.h5"))
    log = open_log(tmp_path / "packed.h5")
    assert_array_equal(log.step, BESIDE["iterations"])
    assert_array_equal(log.scalars["loss"], BESIDE["loss"])
