"""Sources that cannot be imported: how each is made, and what the one line has to say of it."""

import os

import numpy as np

from foreign import (
    LABELS,
    LOSS,
    STEPS,
    C,
    N,
    T,
    pickled,
    run_of,
)
from nntf_cli.labellog import write_log

CASES = []


def bad(*fragments, code=3):
    """Register what makes sources, or a whole list of arguments, that are refused with these words."""

    def register(make):
        assert all(case[0].__name__ != make.__name__ for case in CASES), make.__name__
        CASES.append((make, fragments, code))
        return make

    return register


def saved(folder, array, name="run.npy"):
    np.save(folder / name, array)
    return [folder / name]


def written(folder, text, name="run.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [path]


# ---- files that are none -----------------------------------------------------------------------------------------


@bad("nowhere.npy", "no such file")
def missing(folder):
    return [folder / "nowhere.npy"]


@bad("is empty")
def empty(folder):
    return written(folder, "", "run.pkl")


@bad("pipe or device")
def device(folder):
    return ["/dev/zero"]


@bad("pipe or device")
def fifo(folder):
    os.mkfifo(folder / "run.csv")
    return [folder / "run.csv"]


@bad("holds no snapshots (nothing)", "of .npy")
def empty_folder(folder):
    return [folder]


@bad("holds files of several kinds (.npy, .csv)")
def mixed_folder(folder):
    written(folder, "1\n2\n", "epoch_1.csv")
    return [saved(folder, LABELS[0], "epoch_0.npy") and folder]


@bad("is HDF5, which nntf reads as it is", "nntf info")
def hdf5(folder):
    return written(folder, b"\x89HDF\r\n\x1a\n" + bytes(100), "run.h5")


@bad("is of no layout that is read")
def binary(folder):
    return written(folder, bytes(range(256)) * 9, "run.bin")


@bad("is a folder, not a pickle of a run")
def folder_as_pickle(folder):
    return [folder, "--from", "pickle"]


@bad("is no numpy file", "epoch_1.npy")
def text_called_npy(folder):
    saved(folder, LABELS[0], "epoch_0.npy")
    written(folder, "hello\n", "epoch_1.npy")
    return [folder]


@bad("is of protocol 0 or 1")
def pickle_as_said_but_text(folder):
    return [*written(folder, "step,sample,label\n"), "--from", "pickle"]


# ---- pickles -----------------------------------------------------------------------------------------------------


@bad("is of protocol 0 or 1", "save it as .npz")
def pickle_protocol_0(folder):
    return [*pickled(folder, {0: [1, 2]}, 0), "--from", "pickle"]


@bad("pickle refused", "pandas")
def pickle_of_a_data_frame(folder):
    import pandas as pd

    return pickled(folder, pd.DataFrame({"a": [1, 2]}))


@bad("iteration 10: has no 'predictions' (found: 'loss')")
def pickle_without_predictions(folder):
    return pickled(folder, run_of(LABELS) | {10: {"loss": 1.0}})


@bad("has the key 'weights' where an iteration should be")
def pickle_of_something_else(folder):
    return pickled(folder, {"weights": [1, 2]})


@bad("holds text, not a run")
def pickle_of_text(folder):
    return pickled(folder, "hello")


@bad("labels 7 samples, others 8", "iteration 5")
def pickle_of_unequal_lengths(folder):
    return pickled(folder, run_of(LABELS) | {5: {"predictions": LABELS[1, :7]}})


@bad("holds step 5 a second time")
def pickle_with_a_step_twice(folder):
    return pickled(folder, {5: [0, 1], "5": [1, 0]})


@bad("found float64 (8, 1)", "(score > 0.5)")
def pickle_of_one_sigmoid(folder):
    return pickled(folder, {i: np.zeros((N, 1)) for i in range(T)})


@bad("label 0.5 of sample 0 is not a whole number", "(samples, classes) scores")
def pickle_of_probabilities(folder):
    return pickled(folder, {i: np.full(N, 0.5) for i in range(T)})


@bad("has rows of different lengths")
def pickle_of_ragged_scores(folder):
    return pickled(folder, {0: [[0.1, 0.9], [0.3]]})


@bad("has a dictionary among its labels")
def pickle_of_dictionaries(folder):
    return pickled(folder, {0: [1, {}]})


@bad("has a number beyond 64 bits")
def pickle_of_large_numbers(folder):
    return pickled(folder, {0: [1, 2**70]})


@bad("a score of sample 3 is nan")
def pickle_of_nan_scores(folder):
    scores = np.zeros((N, C))
    scores[3, 1] = np.nan
    return pickled(folder, {0: scores})


@bad("holds nothing, not predictions")
def pickle_of_nothing(folder):
    return pickled(folder, {0: None})


@bad("labels no sample")
def pickle_of_no_samples(folder):
    return pickled(folder, {0: np.zeros(0, int)})


# ---- arrays ------------------------------------------------------------------------------------------------------


@bad("must have shape (snapshots, samples)", "(8,)")
def npy_of_one_axis(folder):
    return saved(folder, LABELS[0])


@bad("label -1 of sample 3 is negative", "snapshot 2")
def npy_negative(folder):
    labels = LABELS.copy()
    labels[2, 3] = -1
    return saved(folder, labels)


@bad("label inf of sample 0 is not a whole number")
def npy_infinite(folder):
    return saved(folder, np.full((2, 2), np.inf))


@bad("is too large to be a class")
def npy_too_large(folder):
    return saved(folder, np.full((2, 2), 2**40))


@bad("holds Python objects, which are never unpickled")
def npy_of_objects(folder):
    return saved(folder, np.array([[None, {}]], dtype=object))


@bad("complex numbers")
def npy_complex(folder):
    return saved(folder, LABELS.astype(complex))


@bad("its header claims", "but it holds")
def npy_truncated(folder):
    (path,) = saved(folder, LABELS)
    path.write_bytes(path.read_bytes()[:-5])
    return [path]


@bad("its header claims")
def npy_that_claims_terabytes(folder):
    (path,) = saved(folder, LABELS)
    path.write_bytes(
        path.read_bytes().replace(b"(6, 8)", b"(6000000000, 8)"[:6].ljust(6)).replace(b"(60000", b"(6, 9)")
    )
    return [path]


@bad("has no array 'labels' and none that is numbered (found: loss)")
def npz_without_labels(folder):
    np.savez(folder / "run.npz", loss=LOSS)
    return [folder / "run.npz"]


@bad("are both of step 1")
def npz_with_a_step_twice(folder):
    np.savez(folder / "run.npz", **{"1": LABELS[0], "01": LABELS[1]})
    return [folder / "run.npz"]


@bad("is damaged or truncated")
def npz_truncated(folder):
    np.savez(folder / "run.npz", labels=LABELS)
    (folder / "run.npz").write_bytes((folder / "run.npz").read_bytes()[:-50])
    return [folder / "run.npz"]


@bad("has length 5, expected 6")
def npz_with_too_few_steps(folder):
    np.savez(folder / "run.npz", labels=LABELS, epochs=STEPS[:5])
    return [folder / "run.npz"]


@bad("holds step 5 a second time")
def npz_with_equal_steps(folder):
    np.savez(folder / "run.npz", labels=LABELS, epochs=[0, 5, 5, 6, 7, 8])
    return [folder / "run.npz"]


@bad("is not a whole number", code=3)
def npz_of_fractions(folder):
    np.savez(folder / "run.npz", labels=LABELS + 0.5)
    return [folder / "run.npz"]


@bad("is a file of nntf's own", "nntf info")
def npz_that_is_a_log(folder):
    write_log(folder / "run.npz", {"train": LABELS}, n_classes=C)
    return [folder / "run.npz"]
