"""Threads unpack compressed HDF5 to the bytes that h5py reads, and damage stays one clear error."""

from __future__ import annotations

import os
import threading
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nntf_cli.errors import InputError
from nntf_cli.files import chunks, hdf5
from nntf_cli.files.chunks import FLETCHER32, GZIP, SHUFFLE, Filter, fletcher32, packed_chunks, unfilter
from nntf_cli.files.hdf5 import Hdf5Store
from nntf_cli.labellog import open_log

LABELS = np.random.default_rng(0).integers(0, 10, (12, 700)).astype(np.uint16)
PACKED = {"compression": "gzip", "chunks": (1, 700)}


@pytest.fixture(autouse=True)
def everything_is_worth_threads(monkeypatch):
    monkeypatch.setattr(chunks, "_WORTH_THREADS", 0)
    monkeypatch.setattr(chunks, "_SMALLEST_BLOCK", 1)
    monkeypatch.setattr("nntf_cli.files.hdf5.PANEL_BYTES", 4_000)
    monkeypatch.setenv("NNTF_THREADS", "3")


def write(path, data=LABELS, userblock=None, **options):
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file.create_dataset("labels", data=data, **options)
    return path


def stored(path):
    return Hdf5Store.open(str(path)).array("labels")


def whole(array, column_bytes=None):
    result = np.zeros(array.shape, dtype=array.dtype)
    for row, column, block in array.tiles(column_bytes):
        assert block.dtype == array.dtype
        result[row : row + block.shape[0], column : column + block.shape[1]] = block
    return result


def assert_read_by_threads(path):
    array = stored(path)
    assert array._packed is not None
    expected = array.read()
    for column_bytes in (None, 3_000):
        np.testing.assert_array_equal(whole(array, column_bytes), expected)


def assert_left_to_hdf5(path):
    array = stored(path)
    assert array._packed is None
    return array


# -- the same as h5py


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 300)),
    chunk=st.tuples(st.integers(1, 45), st.integers(1, 310)),
    dtype=st.sampled_from(["u1", "<u2", ">u2", "<u4", ">i4", "<i8", ">i8", "<f4", ">f8", "f2"]),
    shuffle=st.booleans(),
    checksum=st.booleans(),
    level=st.sampled_from([0, 1, 9]),
    largest=st.sampled_from([1, 10, 60_000]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_layout(tmp_path, shape, chunk, dtype, shuffle, checksum, level, largest, seed):
    largest = min(largest, 200) if dtype == "u1" else largest
    data = np.random.default_rng(seed).integers(0, largest + 1, shape).astype(dtype)
    chunk = tuple(min(c, n) for c, n in zip(chunk, shape, strict=True))
    write(
        tmp_path / "a.h5",
        data,
        chunks=chunk,
        compression="gzip",
        compression_opts=level,
        shuffle=shuffle,
        fletcher32=checksum,
    )
    if prod_bytes(chunk, dtype) + 4 * checksum >= 5:
        assert_read_by_threads(tmp_path / "a.h5")


def prod_bytes(chunk, dtype):
    return chunk[0] * chunk[1] * np.dtype(dtype).itemsize


def test_scores_have_a_third_dimension(tmp_path):
    scores = np.random.default_rng(1).random((7, 50, 5)).astype(np.float32)
    assert_read_by_threads(write(tmp_path / "a.h5", scores, compression="gzip", chunks=(2, 20, 3), shuffle=True))


@pytest.mark.parametrize("userblock", [512, 4096])
def test_a_user_block_before_the_file(tmp_path, userblock):
    path = write(tmp_path / "a.h5", userblock=userblock, **PACKED)
    array = stored(path)
    np.testing.assert_array_equal(whole(array), LABELS)


def test_offsets_that_do_not_count_the_user_block_are_noticed(tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", userblock=512, **PACKED)
    table = chunks._table
    monkeypatch.setattr(chunks, "_table", lambda dataset: (table(dataset)[0] - 512, *table(dataset)[1:]))
    np.testing.assert_array_equal(whole(assert_left_to_hdf5(path)), LABELS)


@pytest.mark.parametrize("mask", range(8))
def test_filters_left_out_for_single_blocks(tmp_path, mask):
    path = write(tmp_path / "a.h5", shuffle=True, fletcher32=True, **PACKED)
    row = LABELS[3][::-1].copy()
    data = row.tobytes() if mask & 1 else row.view(np.uint8).reshape(-1, 2).T.tobytes()
    data = data if mask & 2 else zlib.compress(data)
    data = data if mask & 4 else data + fletcher32(data).to_bytes(4, "little")
    with h5py.File(path, "r+") as file:
        file["labels"].id.write_direct_chunk((3, 0), data, filter_mask=mask)
    assert_read_by_threads(path)
    np.testing.assert_array_equal(whole(stored(path))[3], row)


def test_filters_in_another_order(tmp_path):
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((5, 300))
    creation.set_fletcher32()
    creation.set_deflate(4)
    creation.set_shuffle()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple(LABELS.shape)
        h5py.h5d.create(file.id, b"labels", h5py.h5t.py_create(LABELS.dtype), space, creation)
        file["labels"][...] = LABELS
    assert_read_by_threads(tmp_path / "a.h5")


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": None},
        {"chunks": (1, 700)},
        {"chunks": (1, 700), "compression": "lzf"},
        {"chunks": (1, 700), "scaleoffset": 0},
        {"chunks": (1, 700), "compression": "gzip", "scaleoffset": 0},
        {"chunks": (1, 700), "fletcher32": True},
    ],
    ids=str,
)
def test_everything_else_is_left_to_hdf5(tmp_path, options):
    np.testing.assert_array_equal(whole(assert_left_to_hdf5(write(tmp_path / "a.h5", **options))), LABELS)


def test_bytes_from_a_pipe_are_left_to_hdf5(tmp_path):
    data = write(tmp_path / "a.h5", **PACKED).read_bytes()
    array = Hdf5Store.open("-", data).array("labels")
    assert array._packed is None
    np.testing.assert_array_equal(whole(array), LABELS)


def test_one_thread_small_data_and_odd_types_are_left_to_hdf5(tmp_path, monkeypatch):
    odd = h5py.h5t.STD_U16LE.copy()
    odd.set_precision(12)
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1, 700))
        creation.set_deflate(4)
        h5py.h5d.create(file.id, b"labels", odd, h5py.h5s.create_simple(LABELS.shape), creation)
        file["labels"][...] = LABELS
    np.testing.assert_array_equal(whole(assert_left_to_hdf5(tmp_path / "odd.h5")), LABELS)
    path = write(tmp_path / "a.h5", **PACKED)
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "_WORTH_THREADS", 2**20)
        assert_left_to_hdf5(path)
    monkeypatch.setenv("NNTF_THREADS", "1")
    assert_left_to_hdf5(path)


def test_blocks_beyond_the_edge_that_were_left_as_they_are(tmp_path):
    path = write(tmp_path / "a.h5", compression="gzip", chunks=(1, 400))
    with h5py.File(path, "r+") as file:
        file["labels"].id.write_direct_chunk((0, 400), bytes(800))
    assert_left_to_hdf5(path)


# -- checksums


def plain_fletcher32(data):
    words = [int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2)]
    first = second = 0
    for word in words:
        first += word
        second += first
    folded = []
    for total in (first, second):
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        folded.append(total)
    return folded[1] << 16 | folded[0]


@settings(derandomize=True)
@given(data=st.one_of(st.binary(max_size=400), st.integers(0, 300).map(lambda n: b"\xff" * n)))
def test_checksums_are_those_of_the_definition(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "_SUMMED", 16)
        assert fletcher32(data) == plain_fletcher32(data)


def test_long_checksums_do_not_overflow():
    assert fletcher32(b"\xff" * 400_001) == plain_fletcher32(b"\xff" * 400_001)
    assert fletcher32(bytes(10)) == 0


def test_the_swapped_checksums_of_old_versions(tmp_path):
    path = write(tmp_path / "a.h5", fletcher32=True, **PACKED)
    with h5py.File(path, "r+") as file:
        ident = file["labels"].id
        _, data = ident.read_direct_chunk((2, 0))
        a, b, c, d = data[-4:]
        ident.write_direct_chunk((2, 0), data[:-4] + bytes([b, a, d, c]))
    assert_read_by_threads(path)


# -- damage


def damaged(path, change, row=4):
    with h5py.File(path, "r+") as file:
        ident = file["labels"].id
        _, data = ident.read_direct_chunk((row, 0))
        ident.write_direct_chunk((row, 0), change(data))
    return path


def flip(data):
    return data[:60] + bytes([data[60] ^ 0x10]) + data[61:]


def cut(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (flip, "block"),
        (cut, "block"),
        (lambda data: b"x" * 20, "block"),
        (lambda data: zlib.compress(bytes(1398)), "does not unpack to its size|checksum"),
        (lambda data: zlib.compress(bytes(1402)), "does not unpack to its size|checksum"),
    ],
    ids=["flipped", "cut", "no gzip", "too short", "too long"],
)
def test_a_damaged_block_is_one_clear_error(tmp_path, checksum, change, why):
    path = damaged(write(tmp_path / "a.h5", fletcher32=checksum, **PACKED), change)
    with pytest.raises(InputError, match=f"(?s)a.h5: labels.*is damaged or truncated .*{why}") as error:
        whole(stored(path))
    assert "\n" not in str(error.value)
    assert threading.active_count() == 1


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = zlib.compress(bytes(2**28), 9)
    tracemalloc.start()
    with pytest.raises(ValueError, match="does not unpack to its size"):
        unfilter(bomb, [Filter(GZIP, 1)], 0, 2**16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_blocks_shorter_than_their_checksum():
    with pytest.raises(ValueError, match="too short"):
        unfilter(b"abc", [Filter(FLETCHER32, 1)], 0, 8)
    with pytest.raises(ValueError, match="its size"):
        unfilter(b"abc", [Filter(SHUFFLE, 4)], 0, 8)


@pytest.mark.parametrize("element", [1, 2, 3, 4, 8, 16])
def test_bytes_that_make_no_whole_element_stay_at_the_end(element):
    data = np.random.default_rng(2).integers(0, 256, 5 * element + element - 1).astype(np.uint8)
    shuffled = np.concatenate([data[: 5 * element].reshape(5, element).T.ravel(), data[5 * element :]])
    result = unfilter(shuffled.tobytes(), [Filter(SHUFFLE, element)], 0, len(data))
    np.testing.assert_array_equal(np.frombuffer(result, dtype=np.uint8), data)


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = write(tmp_path / "a.h5", np.random.default_rng(3).integers(0, 60_000, (400, 700)).astype("u2"), **PACKED)
    tiles = stored(path).tiles()
    next(tiles)
    os.truncate(path, 20_000)
    with pytest.raises(InputError, match="was cut while it was read"):
        list(tiles)
    assert threading.active_count() == 1


def test_sizes_and_places_that_cannot_be_are_left_to_hdf5(tmp_path):
    path = write(tmp_path / "a.h5", **PACKED)
    dataset = h5py.File(path, "r", locking=False)["labels"]

    class Elsewhere:
        """A dataset whose index says something else of its blocks."""

        def __init__(self, **changes):
            self.changes, self.id = changes, self

        def __getattr__(self, name):
            return getattr(dataset.id if name in ("get_type", "get_create_plist") else dataset, name)

        def chunk_iter(self, enter):
            dataset.id.chunk_iter(lambda info: enter(info._replace(**self.changes)))

    assert packed_chunks(Elsewhere()) is not None
    for changes in (
        {"size": 0}, {"size": 10**9}, {"byte_offset": -1}, {"byte_offset": 10**9}, {"chunk_offset": (99, 0)},
        {"chunk_offset": (0, 0)},
    ):  # fmt: skip
        assert packed_chunks(Elsewhere(**changes)) is None


# -- manners


def test_a_reader_that_stops_early_leaves_no_threads(tmp_path):
    tiles = stored(write(tmp_path / "a.h5", **PACKED)).tiles()
    next(tiles)
    tiles.close()
    assert threading.active_count() == 1


def test_a_log_is_the_same_with_threads_and_without(tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", shuffle=True, **PACKED)

    def labels():
        return np.concatenate([panel.labels for panel in open_log(path).split().labels.panels()])

    threaded = labels()
    monkeypatch.setenv("NNTF_THREADS", "1")
    np.testing.assert_array_equal(threaded, labels())


@pytest.mark.parametrize("chunks", [None, (4, 5000)])
def test_uncompressed_labels_that_are_cut_while_they_are_read(tmp_path, chunks, monkeypatch):
    """HDF5 itself would go on with zeros, which are a class."""
    monkeypatch.setattr(hdf5, "PANEL_BYTES", 50_000)
    path = tmp_path / "cut.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("labels", data=np.ones((100, 5000), dtype=np.uint8), chunks=chunks)
    panels = open_log(path).split().labels.panels()
    next(panels)
    os.truncate(path, 100_000)
    with pytest.raises(InputError, match="labels: was cut while it was read"):
        list(panels)
