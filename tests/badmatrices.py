"""Matrices that no command can use: fingerprints and differences as NPY, CSV, NPZ and HDF5."""

import h5py
import numpy as np

from badinputs import TRACE, Payload, bad, npy_bytes, patched
from nntf_cli.artifacts.matrices import write_matrix
from nntf_cli.model import Axes, Axis, Difference, Fingerprint

ALL = ("rqa {}", "render {}", "diff {} {}")
RQA = ("rqa {}",)
DIFF = ("diff {} {1}",)

P = 5
D = np.random.default_rng(3).random((P, P))
D = (D + D.T) / 2
np.fill_diagonal(D, 0)


def npy(folder, matrix, name="D.npy"):
    np.save(folder / name, matrix)
    return folder / name


def csv(folder, text):
    (folder / "D.csv").write_text(text)
    return folder / "D.csv"


def fingerprint(folder, name="D.h5", *, metric="flows", normalize="flows", first=0, size=P, change=None):
    """Write a fingerprint with everything known of it; ``change`` is applied to the open HDF5 file."""
    steps = first + np.arange(size + 1) * 10
    axis = Axis("run", "run.h5", "train", steps[:-1], steps[1:], np.ones(size, dtype=np.int64), 100, 3)
    path = folder / name
    with open(path, "wb") as stream:
        write_matrix(stream, Fingerprint(D[:size, :size], Axes(axis, axis), metric, normalize), path.suffix[1:])
    if change:
        with h5py.File(path, "r+") as file:
            change(file)
    return path


def replaced(path, array):
    def change(file):
        del file[path]
        file[path] = array

    return change


# ---- no matrix at all ----------------------------------------------------------------------------------------


@bad("is empty", commands=ALL)
def empty_npy(folder):
    (folder / "D.npy").touch()
    return folder / "D.npy"


@bad("is not a matrix of numbers", "(5,)", "rows and columns", commands=ALL)
def npy_1d(folder):
    return npy(folder, D[0])


@bad("is not a matrix of numbers", "()", commands=ALL)
def npy_0d(folder):
    return npy(folder, 3.0)


@bad("is not a matrix of numbers", "(6, 8, 3)", commands=ALL)
def npy_of_scores(folder):
    return npy(folder, np.zeros((6, 8, 3)))


@bad("is not a matrix of numbers", "complex", commands=ALL)
def npy_complex(folder):
    return npy(folder, D + 1j)


@bad("is not a matrix of numbers", "text", commands=ALL)
def npy_of_text(folder):
    return npy(folder, D.astype(str))


@bad("is not a matrix of numbers", "records", commands=ALL)
def npy_of_records(folder):
    return npy(folder, D.astype([("distance", "f8")]))


@bad("holds Python objects, which are never unpickled", commands=ALL)
def npy_pickled(folder):
    return npy(folder, np.array([[Payload(folder / TRACE)] * 2] * 2))


@bad("is damaged or truncated", commands=ALL)
def npy_start_only(folder):
    (folder / "D.npy").write_bytes(b"\x93NUMPY")
    return folder / "D.npy"


@bad("header claims 200 bytes of data, but it holds 190", commands=ALL)
def npy_cut(folder):
    return patched(npy(folder, D), lambda content: content[:-10])


@bad("header claims", "but it holds", commands=ALL)
def npy_claims_a_huge_shape(folder):
    (folder / "D.npy").write_bytes(npy_bytes(D, shape=(10**9, 10**9)))
    return folder / "D.npy"


@bad("its header claims a negative length", commands=ALL)
def npy_claims_a_negative_shape(folder):
    (folder / "D.npy").write_bytes(npy_bytes(D, shape=(-P, -P)))
    return folder / "D.npy"


@bad("its header makes no sense", commands=ALL)
def npy_header_is_code(folder):
    (folder / "D.npy").write_bytes(npy_bytes(D).replace(b"(5, 5)", b"exit()"))
    return folder / "D.npy"


@bad("neither NPY, NPZ, HDF5 nor a CSV matrix", "make it with nntf fingerprint", commands=ALL)
def csv_of_prose(folder):
    return csv(folder, "Dear reader,\nthis is no matrix.\n")


@bad("nor a CSV matrix", commands=ALL)
def csv_ragged(folder):
    return csv(folder, "step,1,2\n1,0,0.5\n2,0.5\n3,1,2,3,4\n")


@bad("nor a CSV matrix", commands=ALL)
def csv_with_words(folder):
    return csv(folder, "step,1,2\n1,0,half\n2,half,0\n")


@bad("nor a CSV matrix", commands=ALL)
def csv_with_fractional_steps(folder):
    return csv(folder, "step,0.5,1.5\n0.5,0,1\n1.5,1,0\n")


@bad("nor a CSV matrix", commands=ALL)
def csv_with_huge_steps(folder):
    return csv(folder, f"step,1,{10**30}\n1,0,1\n{10**30},1,0\n")


@bad("nor a CSV matrix", commands=ALL)
def csv_of_steps_only(folder):
    return csv(folder, "step,1,2\n")


@bad("nor a CSV matrix", commands=ALL)
def csv_not_utf8(folder):
    (folder / "D.csv").write_bytes("step,1,2\n1,0,½\n".encode("latin-1"))
    return folder / "D.csv"


# ---- not what the command needs ------------------------------------------------------------------------------


@bad("the matrix is empty", "at least two snapshots", commands=(*ALL, "diff {} {} --summary"))
def npy_empty_matrix(folder):
    return npy(folder, np.zeros((0, 0)))


@bad("the matrix holds nan", "from the label log", commands=RQA)
def npy_with_nan(folder):
    return npy(folder, np.where(D > 0.5, np.nan, D))


@bad("the matrix holds nan", "from the label log", commands=RQA)
def fingerprint_with_nan(folder):
    """It remembers run.h5, but the message names the file that was given."""
    return fingerprint(folder, change=replaced("distances", D + np.nan))


@bad("nor a CSV matrix", commands=ALL)
def csv_with_a_gap(folder):
    return csv(folder, "step,1,2\n1,0,\n2,1,0\n")


@bad("values run from -0.25 to 1", "outside [0, 1]", "--range -1:1", commands=RQA)
def npy_outside_the_range(folder):
    return npy(folder, np.array([[0, -0.25], [1, 0]]))


@bad("the matrix holds nan or infinity", commands=RQA)
def npy_infinite(folder):
    return npy(folder, np.array([[0, np.inf], [1, 0]]))


@bad("has neither a run nor a split 'a'", commands=("rqa {}::a", "render {}::a"))
def group_of_a_log_without_groups(folder):
    from badinputs import hdf5

    return hdf5(folder)


# ---- files of ours, damaged or strange -----------------------------------------------------------------------


@bad("is of version 2, this nntf reads version 1", "upgrade nntf-cli", commands=ALL)
def fingerprint_of_version_2(folder):
    return fingerprint(folder, change=lambda file: file.attrs.__setitem__("format-version", 2))


@bad("has no 'distances'", "make it again", commands=ALL)
def fingerprint_without_distances(folder):
    return fingerprint(folder, change=lambda file: file.__delitem__("distances"))


@bad("is not a matrix of numbers", "text", commands=ALL)
def fingerprint_of_text(folder):
    return fingerprint(folder, change=replaced("distances", D.astype("S")))


@bad("from_step", "has length 4, expected 5 (one for each of the rows)", commands=ALL)
def fingerprint_with_steps_missing(folder):
    return fingerprint(folder, change=replaced("from_step", np.arange(4)))


@bad("to_step", "must be a list of whole numbers, found text", commands=ALL)
def fingerprint_with_steps_of_text(folder):
    return fingerprint(folder, change=replaced("to_step", np.array([b"one"] * P)))


@bad("moved", "holds a value that is not a whole number", commands=ALL)
def fingerprint_with_fractional_moves(folder):
    return fingerprint(folder, change=replaced("moved", np.full(P, 0.5)))


@bad("snapshots/loss", "must be a list of numbers, found text", commands=ALL)
def fingerprint_with_loss_of_text(folder):
    return fingerprint(folder, change=lambda file: file.__setitem__("snapshots/loss", np.array([b"low"] * (P + 1))))


@bad("snapshots/loss", "has length 3, expected 6 (one for each of the snapshots)", commands=ALL)
def fingerprint_with_loss_missing(folder):
    return fingerprint(folder, change=lambda file: file.__setitem__("snapshots/loss", np.ones(3)))


@bad("n-samples is 'many', not a whole number", commands=ALL)
def fingerprint_of_many_samples(folder):
    return fingerprint(folder, change=lambda file: file.attrs.__setitem__("n-samples", "many"))


@bad("distances", "is damaged or truncated", commands=ALL)
def fingerprint_with_a_flipped_bit(folder):
    path = fingerprint(folder)
    with h5py.File(path) as file:
        middle = file["distances"].id.get_chunk_info(0).byte_offset + 20
    return patched(path, lambda content: content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


@bad("distances", "is damaged or truncated", "CRC", commands=ALL)
def npz_fingerprint_with_a_flipped_bit(folder):
    path = fingerprint(folder, "D.npz")
    middle = path.read_bytes().index(D.tobytes()) + 50
    return patched(path, lambda content: content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


# ---- two that do not match -----------------------------------------------------------------------------------


@bad("and ", "have 5 x 5 and 4 x 4 distances", "same snapshots", commands=DIFF)
def different_sizes(folder):
    return npy(folder, D), npy(folder, D[1:, 1:], "other.npy")


@bad("have different steps: transition 0 leads to step 10 in one and 17 in the other", commands=DIFF)
def different_steps(folder):
    return fingerprint(folder), fingerprint(folder, "other.npz", first=7)


@bad("have different metrics: flows and hamming", "compute both alike", commands=DIFF)
def different_metrics(folder):
    return fingerprint(folder), fingerprint(folder, "other.h5", metric="hamming", normalize="none")


@bad("have different normalizations: flows and samples", commands=DIFF)
def different_normalizations(folder):
    return fingerprint(folder), fingerprint(folder, "other.h5", normalize="samples")


@bad("is a difference already", "fingerprints or label logs", commands=("diff {} {}",))
def difference_of_a_difference(folder):
    axis = Axis(source="run.h5")
    with open(folder / "difference.npz", "wb") as stream:
        write_matrix(stream, Difference(D - D.T, Axes(axis, axis), Axes(axis, axis)), "npz")
    return folder / "difference.npz"
