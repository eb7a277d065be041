"""A corpus of files that must be refused: how each is made, and what the refusal has to say.

Here are the registry, the plain log that every bad one departs from, and files that are bad as files, whatever
is in them. Bad content of logs is in `badlogs`, bad matrices in `badmatrices`, good ones in `goodlogs`. Every
case is a function that takes an empty folder and returns the address to give to the commands.
"""

import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

import h5py
import numpy as np
import pytest

#: Command lines that meet a log; {} is its address, and -o FILE is added to all but info.
LOG_COMMANDS = ("fingerprint {}", "info {}", "rqa {}", "render {}")


class Case(NamedTuple):
    make: Callable
    fragments: tuple  # what the error line has to say
    code: int
    commands: tuple

    @property
    def name(self):
        return self.make.__name__


CASES = []


def bad(*fragments, code=3, commands=LOG_COMMANDS):
    """Register a function as a bad file that these commands refuse with these words."""

    def register(make):
        assert all(case.name != make.__name__ for case in CASES), make.__name__
        CASES.append(Case(make, fragments, code, commands))
        return make

    return register


#: The plain log: what good controls hold, and what bad ones depart from. Three classes.
T, N, C = 6, 8, 3
LABELS = np.random.default_rng(7).integers(0, C, (T, N))
LABELS[:, 0] = [0, 1, 2, 0, 1, 2]  # every class occurs, and something moves in every transition
BESIDE = {
    "iterations": np.arange(T) * 10,
    "targets": np.arange(N) % C,
    "loss": np.linspace(1.0, 0.5, T),
    "accuracy": np.linspace(0.2, 0.9, T),
    "class_names": np.array(["ant", "bee", "cat"]),
}


def contents(changes):
    """Return the arrays of the plain log with some replaced, added, or (where None) left out."""
    arrays = {"labels": LABELS, **BESIDE, **changes}
    return {name: array for name, array in arrays.items() if array is not None}


def hdf5(folder, *, attrs=None, name="run.h5", libver=None, **changes):
    """Write the plain log as flat HDF5, changed, and return its path."""
    path = folder / name
    with h5py.File(path, "w", libver=libver) as file:
        for key, value in contents(changes).items():
            put(file, key, value)
        file.attrs.update({"num_classes": C} if attrs is None else attrs)
    return path


def put(group, key, value):
    """Write one dataset; a dictionary gives h5py's own arguments."""
    if isinstance(value, dict):
        group.create_dataset(key, **value)
    else:
        value = np.asarray(value)
        group[key] = value.astype(h5py.string_dtype()) if value.dtype.kind == "U" else value


def npz(folder, *, name="run.npz", **changes):
    """Write the plain log as flat NPZ, changed, and return its path."""
    path = folder / name
    np.savez(path, **contents({"num_classes": np.int64(C), **changes}))
    return path


def patched(path, change):
    """Change the bytes of a file."""
    path.write_bytes(change(bytearray(path.read_bytes())))
    return path


def npz_members(path):
    """Return the members of an archive, name -> content."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def rewrite_npz(path, members):
    """Write an archive of (name, content) pairs; names may stand twice."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


# ---- not there, or not a file --------------------------------------------------------------------------------


@bad("no such file", "check the path")
def missing_file(folder):
    return folder / "nowhere.h5"


@bad("no such file")
def missing_folder(folder):
    return folder / "nowhere" / "run.h5"


@bad("is a directory", "name a file in it")
def directory(folder):
    (folder / "run.h5").mkdir()
    return folder / "run.h5"


@bad("is a pipe or device, not a regular file")
def fifo(folder):
    os.mkfifo(folder / "run.h5")
    return folder / "run.h5"


@bad("is a pipe or device, not a regular file")
def link_to_device(folder):
    (folder / "run.h5").symlink_to("/dev/zero")
    return folder / "run.h5"


@bad("no such file")
def link_to_nowhere(folder):
    (folder / "run.h5").symlink_to(folder / "nowhere.h5")
    return folder / "run.h5"


@bad("Too many levels of symbolic links")
def link_to_itself(folder):
    (folder / "run.h5").symlink_to(folder / "run.h5")
    return folder / "run.h5"


@bad("Not a directory")
def below_a_file(folder):
    return hdf5(folder) / "run.h5"


@bad("File name too long")
def name_too_long(folder):
    return folder / ("x" * 300 + ".h5")


# ---- of no format that nntf reads ----------------------------------------------------------------------------


@bad("is empty")
def empty_file(folder):
    (folder / "run.h5").touch()
    return folder / "run.h5"


@bad("neither", "HDF5")
def text_file(folder):
    (folder / "run.h5").write_text("labels\n0 1 2\n")
    return folder / "run.h5"


@bad("neither", "HDF5")
def random_bytes(folder):
    (folder / "run.h5").write_bytes(np.random.default_rng(1).bytes(4000))
    return folder / "run.h5"


@bad("neither", "HDF5")
def zeros(folder):
    (folder / "run.npz").write_bytes(bytes(4000))
    return folder / "run.npz"


class Payload:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


#: What a payload that ran has left in the folder of its case.
TRACE = "unpickled"


@bad("neither", "HDF5")
def pickle_file(folder):
    (folder / "run.h5").write_bytes(pickle.dumps({"labels": Payload(folder / TRACE)}))
    return folder / "run.h5"


# ---- damaged HDF5 --------------------------------------------------------------------------------------------


def _cut(folder, share, **options):
    packed = {"data": LABELS.astype("u1"), "chunks": (2, N), "compression": "gzip", "fletcher32": True}
    path = hdf5(folder, labels=packed, **options)
    return patched(path, lambda content: content[: int(len(content) * share)])


@bad("is damaged or truncated")
def hdf5_signature_only(folder):
    (folder / "run.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    return folder / "run.h5"


@bad("is damaged or truncated", "make it again or restore a copy")
def hdf5_cut_early(folder):
    return _cut(folder, 0.1)


@bad("is damaged or truncated")
def hdf5_cut_in_the_middle(folder):
    return _cut(folder, 0.5)


@bad("is damaged or truncated")
def hdf5_cut_late(folder):
    return _cut(folder, 0.9)


@bad("is damaged or truncated")
def hdf5_cut_by_a_byte(folder):
    return _cut(folder, 0.9999)


@bad("is damaged or truncated")
def new_hdf5_cut(folder):
    return _cut(folder, 0.7, libver="latest")


@bad("is damaged or truncated")
def hdf5_header_zeroed(folder):
    return patched(hdf5(folder), lambda content: content[:8] + bytes(88) + content[96:])


@bad("is damaged or truncated")
def hdf5_root_zeroed(folder):
    return patched(hdf5(folder), lambda content: content[:96] + bytes(200) + content[296:])


def _chunk_changed(folder, change, **filters):
    """Write labels in one packed chunk and change its bytes."""
    path = hdf5(folder, labels={"data": LABELS, "chunks": (T, N), **filters})
    with h5py.File(path) as file:
        info = file["labels"].id.get_chunk_info(0)
    begin, end = info.byte_offset, info.byte_offset + info.size
    return patched(path, lambda content: content[:begin] + change(content[begin:end]) + content[end:])


def _flip(chunk):
    chunk[len(chunk) // 2] ^= 0x10
    return chunk


@bad("labels", "is damaged or truncated")
def checksummed_chunk_with_a_flipped_bit(folder):
    return _chunk_changed(folder, _flip, fletcher32=True)


@bad("labels", "is damaged or truncated")
def packed_chunk_zeroed(folder):
    return _chunk_changed(folder, lambda chunk: bytes(len(chunk)), compression="gzip")


@bad("labels", "filter 32001", "h5repack")
def filter_not_here(folder):
    """A filter of a plugin: written with lzf, whose number in the file is then changed."""
    path = hdf5(folder, labels={"data": LABELS, "chunks": (T, N), "compression": "lzf"})
    return patched(path, lambda content: content.replace(struct.pack("<H", 32000), struct.pack("<H", 32001)))


# ---- data that is not in the file ----------------------------------------------------------------------------


@bad("labels", "only 1 of 3 blocks were ever written", "cut the dataset")
def chunks_never_written(folder):
    path = hdf5(folder, labels={"shape": (T, N), "dtype": "u1", "chunks": (2, N)})
    with h5py.File(path, "r+") as file:
        file["labels"][:2] = LABELS[:2]
    return path


@bad("labels", "was declared but never written")
def nothing_ever_written(folder):
    return hdf5(folder, labels={"shape": (T, N), "dtype": "u1"})


@bad("labels", "was declared but never written")
def huge_and_never_written(folder):
    return hdf5(folder, iterations=None, labels={"shape": (10**9, 10**6), "dtype": "u1", "chunks": (10**3, 10**6)})


@bad("labels", "one block of it needs 2.0 GiB", "smaller chunks", code=5)
def one_huge_chunk(folder):
    """A chunk of 2 GiB that takes a few bytes in the file."""
    path = hdf5(folder, labels=None, **dict.fromkeys(BESIDE))
    with h5py.File(path, "r+") as file:
        shape = (2**10, 2**21)
        file.create_dataset("labels", shape=shape, dtype="u1", chunks=shape, compression="gzip")
        file["labels"].id.write_direct_chunk((0, 0), zlib.compress(b""))
    return path


@bad("iterations", "reading it needs 2.0 GiB", code=5)
def too_large_to_read_whole(folder):
    """Steps that would unpack to 2 GiB."""
    path = hdf5(folder, iterations=None)
    with h5py.File(path, "r+") as file:
        file.create_dataset("iterations", shape=2**28, dtype="i8", chunks=2**28, compression="gzip")
        file["iterations"].id.write_direct_chunk((0,), zlib.compress(b""))
    return path


def linked(folder, name, link):
    """Write a log in which one dataset is a link, beside a good one."""
    hdf5(folder, name="other.h5")
    path = hdf5(folder, **{name: None})
    with h5py.File(path, "r+") as file:
        file["away"] = h5py.ExternalLink("other.h5", "/")
        file[name] = link
    return path


@bad("labels", "is a link that leaves the file", "store the dataset itself")
def external_link(folder):
    return linked(folder, "labels", h5py.ExternalLink("other.h5", "/labels"))


@bad("labels", "is a link that leaves the file")
def external_link_to_itself(folder):
    return linked(folder, "labels", h5py.ExternalLink("run.h5", "/labels"))


@bad("labels", "is a link that leaves the file, or goes in circles")
def soft_link_in_circles(folder):
    return linked(folder, "labels", h5py.SoftLink("/labels"))


@bad("labels", "is a link that leaves the file")
def soft_link_to_an_external_link(folder):
    return linked(folder, "labels", h5py.SoftLink("/away/labels"))


@bad("iterations", "is a link that leads nowhere")
def soft_link_beside_the_labels(folder):
    return linked(folder, "iterations", h5py.SoftLink("/nowhere"))


@bad("labels", "keeps its data outside the file", "copy the data into the file")
def virtual_dataset(folder):
    hdf5(folder, name="other.h5")
    path = hdf5(folder, labels=None)
    layout = h5py.VirtualLayout((T, N), dtype=LABELS.dtype)
    layout[:] = h5py.VirtualSource(folder / "other.h5", "labels", (T, N))
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset("labels", layout)
    return path


@bad("labels", "keeps its data outside the file")
def external_storage(folder):
    (folder / "secret").write_bytes(LABELS.astype("u1").tobytes())
    raw = [(str(folder / "secret"), 0, T * N)]
    return hdf5(folder, labels={"shape": (T, N), "dtype": "u1", "external": raw})


# ---- damaged NPZ ---------------------------------------------------------------------------------------------


def _cut_npz(folder, share):
    return patched(npz(folder), lambda content: content[: int(len(content) * share)])


@bad("is damaged or truncated")
def npz_cut_early(folder):
    return _cut_npz(folder, 0.1)


@bad("is damaged or truncated")
def npz_cut_late(folder):
    return _cut_npz(folder, 0.95)


@bad("is damaged or truncated")
def npz_start_only(folder):
    (folder / "run.npz").write_bytes(b"PK\x03\x04")
    return folder / "run.npz"


@bad("labels", "is damaged or truncated", "CRC")
def npz_checksum_wrong(folder):
    path = npz(folder)
    first = path.read_bytes().index(LABELS.tobytes())
    return patched(path, lambda content: content[:first] + b"\x01" + content[first + 1 :])


@bad("run.npz", "holds 'labels' twice", "write each array once")
def npz_member_twice(folder):
    members = npz_members(npz(folder))
    with pytest.warns(UserWarning, match="Duplicate name"):
        return rewrite_npz(folder / "run.npz", [*members.items(), ("labels.npy", members["labels.npy"])])


@bad("labels", "encrypted")
def npz_encrypted(folder):
    """The flag alone, in the entry of the directory, which begins 46 bytes before the name."""

    def mark(content):
        content[content.rindex(b"labels.npy") - 46 + 8] |= 1
        return content

    return patched(npz(folder), mark)


@bad("encrypted or packed in a way numpy does not use")
def npz_packed_otherwise(folder):
    members = npz_members(npz(folder))
    with zipfile.ZipFile(folder / "run.npz", "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / "run.npz"


def _labels_member(folder, content):
    members = npz_members(npz(folder)) | {"labels.npy": content}
    return rewrite_npz(folder / "run.npz", members.items())


def npy_bytes(array, **header):
    """Return an .npy file whose header may lie."""
    stream = io.BytesIO()
    true = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(stream, {**true, **header})
    return stream.getvalue() + array.tobytes()


@bad("labels", "is damaged or truncated")
def npz_member_not_npy(folder):
    return _labels_member(folder, b"0 1 2\n")


@bad("labels", "is damaged or truncated")
def npz_member_empty(folder):
    return _labels_member(folder, b"")


@bad("labels", "header claims", "but it holds")
def npz_header_claims_more(folder):
    return _labels_member(folder, npy_bytes(LABELS, shape=(T + 1, N)))


@bad("labels", "header claims", "but it holds")
def npz_header_claims_less(folder):
    return _labels_member(folder, npy_bytes(LABELS, shape=(T - 1, N)))


@bad("labels", "header claims", "but it holds")
def npz_header_claims_a_huge_shape(folder):
    return _labels_member(folder, npy_bytes(LABELS, shape=(10**12, 10**12)))


@bad("labels", "its header claims a negative length")
def npz_header_claims_a_negative_shape(folder):
    return _labels_member(folder, npy_bytes(LABELS, shape=(-T, -N)))


@bad("labels", "its header makes no sense")
def npz_header_is_code(folder):
    return _labels_member(folder, npy_bytes(LABELS).replace(b"(6, 8)", b"exit()"))


@bad("labels", "version")
def npz_member_of_unknown_version(folder):
    return _labels_member(folder, npy_bytes(LABELS).replace(b"NUMPY\x01", b"NUMPY\x09"))
