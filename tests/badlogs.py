"""Label logs whose file is whole and whose content is not what a log may hold."""

import h5py
import numpy as np

from badinputs import LABELS, LOG_COMMANDS, TRACE, C, N, Payload, T, bad, hdf5, npz
from nntf_cli.labellog.writer import write_log

#: For what only computing meets: info tells it without complaint.
NOT_INFO = tuple(command for command in LOG_COMMANDS if not command.startswith("info"))


def changed(t, n, label, dtype=np.int64):
    labels = LABELS.astype(dtype)
    labels[t, n] = label
    return labels


def native(folder, change=lambda file: None):
    """Write the plain log in the native layout and change it."""
    path = folder / "run.h5"
    write_log(path, {"train": LABELS, "test": LABELS[:, :5]}, n_classes=C, scalars={"loss": np.ones(T)})
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace(file, path, array):
    del file[path]
    file[path] = array


# ---- which labels? -------------------------------------------------------------------------------------------


@bad("has no dataset 'labels'", "found: accuracy, class_names", "shape (snapshots, samples)")
def no_labels(folder):
    return hdf5(folder, labels=None)


@bad("has no dataset 'labels'", "Labels")
def labels_in_capitals(folder):
    return npz(folder, Labels=LABELS, labels=None, accuracy=None, loss=None, iterations=None, targets=None)


@bad("has no dataset 'labels'", "found: nothing")
def nothing_in_it(folder):
    h5py.File(folder / "run.h5", "w").close()
    return folder / "run.h5"


@bad("has no dataset 'labels'", "found: nothing")
def nothing_in_the_npz(folder):
    np.savez(folder / "run.npz")
    return folder / "run.npz"


@bad("holds 2 runs (wd_0, wd_1)", "name one: ", "::wd_0", commands=NOT_INFO)
def several_runs(folder):
    path = folder / "sweep.h5"
    with h5py.File(path, "w") as sweep:
        for name in ("wd_0", "wd_1"):
            with h5py.File(native(folder)) as run:
                run.copy("/", sweep, name)
            (folder / "run.h5").unlink()
    return path


@bad("holds 2 runs (wd_0, wd_1)", "name one: ")
def run_that_is_not_there(folder):
    return f"{several_runs(folder)}::wd_2"


@bad("has neither a run nor a split 'dev'", "splits: train, test")
def split_that_is_not_there(folder):
    return f"{native(folder)}::dev"


@bad("has no split 'train'", "name one with --split: test, val", commands=NOT_INFO)
def splits_without_train(folder):
    return hdf5(folder, labels=None, targets=None, test_labels=LABELS, val_labels=LABELS)


@bad("has no split 'dev'", "it has: train", commands=("fingerprint {} --split dev", "rqa {} --split dev"))
def split_asked_for_is_not_there(folder):
    return hdf5(folder)


@bad("has both 'labels' and 'predictions'", "keep")
def labels_and_predictions(folder):
    return hdf5(folder, predictions=LABELS)


@bad("has both 'labels' and 'train_labels'", "keep one")
def labels_and_train_labels(folder):
    return hdf5(folder, train_labels=LABELS)


@bad("has several families of numbered arrays (a_0..., b_0...)", "keep one")
def two_families_of_numbered_arrays(folder):
    return npz(folder, labels=None, **{f"{family}_{i}": LABELS[i] for i in range(T) for family in "ab"})


@bad("holds snapshot 1 twice ('epoch_1' and 'epoch_01')", "keep one")
def a_number_twice(folder):
    return npz(folder, labels=None, epoch_1=LABELS[0], epoch_01=LABELS[1])


@bad("has no dataset 'labels'")
def digits_of_another_script(folder):
    return npz(folder, labels=None, **{"epoch_٣": LABELS[0], "epoch_٤": LABELS[1]})


@bad("labels", "is not a dataset", "store an array under this name")
def labels_is_a_group(folder):
    return hdf5(folder, **{"labels": None, "labels/train": LABELS})


@bad("labels", "is not a dataset")
def labels_is_a_type(folder):
    path = hdf5(folder, labels=None)
    with h5py.File(path, "r+") as file:
        file["labels"] = np.dtype("i8")
    return path


# ---- labels that are none ------------------------------------------------------------------------------------


@bad("labels", "label -1 of snapshot 4, sample 2 is negative", "labels are whole numbers from 0")
def negative_label(folder):
    return hdf5(folder, labels=changed(4, 2, -1))


@bad("labels", "label -1 of snapshot 4, sample 2 is negative")
def negative_label_in_npz(folder):
    return npz(folder, labels=changed(4, 2, -1, np.int8))


@bad("labels", "label 0.5 of snapshot 0, sample 7 is not a whole number")
def fractional_label(folder):
    return hdf5(folder, labels=changed(0, 7, 0.5, np.float32))


@bad("labels", "label nan of snapshot 5, sample 1 is not a finite number")
def nan_label(folder):
    return hdf5(folder, labels=changed(5, 1, np.nan, np.float64))


@bad("labels", "label inf of snapshot 5, sample 1 is not a finite number")
def infinite_label(folder):
    return npz(folder, labels=changed(5, 1, np.inf, np.float16))


@bad("labels", "label 3 of snapshot 2, sample 3 is no class: the file says that there are 3")
def label_beyond_the_classes(folder):
    return hdf5(folder, labels=changed(2, 3, C))


@bad("labels", "label 3 of snapshot 2, sample 3 is no class")
def label_beyond_the_class_names(folder):
    return hdf5(folder, labels=changed(2, 3, C, np.uint8), attrs={})


@bad("labels/train", "label 3 of snapshot 2, sample 3 is no class: the file says that there are 3")
def native_label_beyond_the_classes(folder):
    return native(folder, lambda file: file["labels/train"].write_direct(changed(2, 3, C, np.uint8)))


@bad("labels/test", "label 9 of snapshot 1, sample 0 is no class")
def bad_label_in_the_split_not_asked_for(folder):
    return native(folder, lambda file: file["labels/test"].write_direct(changed(1, 0, 9, np.uint8)[:, :5].copy()))


@bad("labels", "label 18446744073709551615 of snapshot 3, sample 3 is too large for a class")
def label_of_64_bits(folder):
    return hdf5(folder, attrs={}, class_names=None, labels=changed(3, 3, 2**64 - 1, np.uint64))


@bad("labels", "label 1e+300 of snapshot 3, sample 3 is too large for a class")
def huge_float_label(folder):
    return hdf5(folder, attrs={}, class_names=None, labels=changed(3, 3, 1e300, np.float64))


@bad("label 4294967296 of snapshot 3, sample 3 is too large")
def huge_label_in_one_snapshot(folder):
    rows = {f"epoch_{i}": row for i, row in enumerate(changed(3, 3, 2**32))}
    return npz(folder, labels=None, num_classes=None, class_names=None, **rows)


# ---- shapes and types ----------------------------------------------------------------------------------------


@bad("must have shape (snapshots, samples)", "found ()")
def labels_0d(folder):
    return hdf5(folder, labels=3)


@bad("must have shape (snapshots, samples)", "found (8,)")
def labels_1d(folder):
    return npz(folder, labels=LABELS[0])


@bad("must have shape (snapshots, samples)", "found (6, 8, 2, 1)")
def labels_4d(folder):
    return hdf5(folder, labels=np.zeros((T, N, 2, 1)))


@bad("labels", "holds no data")
def labels_null(folder):
    path = hdf5(folder, labels=None)
    with h5py.File(path, "r+") as file:
        file["labels"] = h5py.Empty("u1")
    return path


@bad("holds no labels (shape (6, 0))")
def no_samples(folder):
    return hdf5(folder, labels=LABELS[:, :0], targets=None)


@bad("holds no labels (shape (0, 8))")
def no_snapshots(folder):
    return npz(folder, labels=LABELS[:0], loss=None, accuracy=None, iterations=None)


@bad("has 1 snapshot, and a transition needs two", "record more", commands=NOT_INFO)
def one_snapshot(folder):
    return hdf5(folder, labels=LABELS[:1], loss=None, accuracy=None, iterations=None)


@bad("has 1 snapshot, and a transition needs two", commands=("fingerprint {} --every 100", "rqa {} --from 50"))
def one_snapshot_chosen(folder):
    return hdf5(folder)


@bad("epoch_3", "has shape (7,), others (8,)", "every snapshot must label the same samples")
def snapshots_of_different_length(folder):
    return npz(folder, labels=None, **{f"epoch_{i}": LABELS[i, : N - (i == 3)] for i in range(T)})


@bad("labels/test", "has 5 snapshots, split 'train' has 6")
def splits_of_different_length(folder):
    return native(folder, lambda file: replace(file, "labels/test", LABELS[:5].astype("u1")))


@bad("has scores of a single class (shape (6, 8, 1))", "(score > 0.5)")
def scores_of_one_class(folder):
    return hdf5(folder, labels=np.zeros((T, N, 1)))


@bad("epoch_0", "has scores of a single class (shape (8, 1))", "(score > 0.5)")
def scores_of_one_class_per_snapshot(folder):
    return npz(folder, labels=None, **{f"epoch_{i}": np.zeros((N, 1)) for i in range(T)})


@bad("labels", "a score of snapshot 2, sample 3 is nan")
def scores_with_nan(folder):
    scores = np.zeros((T, N, C))
    scores[2, 3, 1] = np.nan
    return hdf5(folder, labels=scores)


@bad("labels", "has scores of 4 classes, but the file says that there are 3")
def scores_of_more_classes(folder):
    return hdf5(folder, labels=np.zeros((T, N, C + 1)))


@bad("labels", "must hold whole numbers, found text", "store the index of the predicted class")
def labels_of_text(folder):
    return npz(folder, labels=LABELS.astype(str))


@bad("labels", "must hold whole numbers, found text, references")
def labels_of_text_in_hdf5(folder):
    return hdf5(folder, labels=LABELS.astype(str))


@bad("labels", "must hold whole numbers, found complex numbers")
def labels_complex(folder):
    return hdf5(folder, labels=LABELS.astype(complex))


@bad("labels", "must hold whole numbers, found records")
def labels_compound(folder):
    return npz(folder, labels=LABELS.astype([("label", "i8")]))


@bad("labels", "must hold whole numbers, found text, references or lists of varying length")
def labels_of_variable_length(folder):
    rows = {"shape": (T, 1), "dtype": h5py.vlen_dtype("i4"), "data": [[np.arange(i + 1)] for i in range(T)]}
    return hdf5(folder, labels=rows)


@bad("labels", "must hold whole numbers, found text, references")
def labels_of_references(folder):
    return hdf5(folder, labels={"shape": (T, N), "dtype": h5py.ref_dtype, "data": np.full((T, N), h5py.Reference())})


@bad("labels", "must hold whole numbers, found dates or times")
def labels_of_time(folder):
    return npz(folder, labels=LABELS.astype("m8[s]"))


@bad("labels", "holds Python objects, which are never unpickled", "save an array of")
def labels_pickled(folder):
    labels = np.array([[Payload(folder / TRACE)] * N] * T)
    return npz(folder, labels=labels)


@bad("targets", "holds Python objects, which are never unpickled")
def targets_pickled(folder):
    return npz(folder, targets=np.array(Payload(folder / TRACE)))


# ---- beside the labels ---------------------------------------------------------------------------------------


@bad("iterations", "not strictly increasing: 30 is followed by 20 at snapshot 3", "sort the snapshots")
def steps_unsorted(folder):
    return hdf5(folder, iterations=[0, 10, 30, 20, 40, 50])


@bad("steps", "not strictly increasing: 10 is followed by 10 at snapshot 2")
def steps_repeated(folder):
    return npz(folder, iterations=None, steps=[0, 10, 10, 20, 40, 50])


@bad("epochs", "holds a value that is not a whole number")
def steps_with_nan(folder):
    return hdf5(folder, iterations=None, epochs=[0, 10, np.nan, 20, 40, 50])


@bad("iterations", "must be a list of whole numbers, found", "(6, 1)")
def steps_2d(folder):
    return hdf5(folder, iterations=np.arange(T)[:, None])


@bad("iterations", "must be a list of whole numbers, found text")
def steps_of_text(folder):
    return npz(folder, iterations=[str(i) for i in range(T)])


@bad("iterations", "holds a value beyond 64 bits")
def steps_beyond_64_bits(folder):
    return hdf5(folder, iterations=np.arange(T, dtype=np.uint64) + np.uint64(2**63))


@bad("snapshots/step", "has length 5, expected 6 (one for each of the snapshots)")
def native_steps_too_few(folder):
    return native(folder, lambda file: replace(file, "snapshots/step", np.arange(T - 1)))


@bad("has no snapshots/step")
def native_without_steps(folder):
    return native(folder, lambda file: file.__delitem__("snapshots/step"))


@bad("iterations", "has length 7, expected 6 (one for each of the snapshots)")
def steps_too_many(folder):
    return hdf5(folder, iterations=np.arange(T + 1))


@bad("loss", "has length 5, expected 6 (one for each of the snapshots)")
def loss_too_short(folder):
    return hdf5(folder, loss=np.zeros(T - 1))


@bad("test_accuracy", "has length 7, expected 6")
def accuracy_too_long(folder):
    return npz(folder, test_accuracy=np.zeros(T + 1))


@bad("accuracy", "must be a list of numbers, found text")
def accuracy_of_text(folder):
    return npz(folder, accuracy=["90%"] * T)


@bad("targets", "has length 9, expected 8 (one for each of the samples)")
def targets_too_many(folder):
    return hdf5(folder, targets=np.zeros(N + 1, dtype=int))


@bad("targets", "true class 3 of sample 5 is outside the 3 classes")
def target_beyond_the_classes(folder):
    return hdf5(folder, targets=[0, 0, 0, 0, 0, C, 0, 0])


@bad("true", "true class -1 of sample 0 is outside the 3 classes")
def target_negative(folder):
    return npz(folder, targets=None, true=[-1] + [0] * (N - 1))


@bad("class_names", "has length 2, expected 3 (one for each of the classes)")
def class_names_too_few(folder):
    return hdf5(folder, class_names=["ant", "bee"])


@bad("class_names", "must be a list of text, found int64 (3,)")
def class_names_of_numbers(folder):
    return npz(folder, class_names=np.arange(C))


@bad("class_names", "must be a list of text, found text, references")
def class_names_of_references(folder):
    return hdf5(folder, class_names={"shape": C, "dtype": h5py.ref_dtype, "data": [h5py.Reference()] * C})


@bad("classes/name", "has length 2, expected 3")
def native_class_names_too_few(folder):
    return native(folder, lambda file: file.__setitem__("classes/name", np.array([b"ant", b"bee"])))


# ---- what the file says of itself ----------------------------------------------------------------------------


@bad("num_classes is 0, not a number of classes", "store a whole number")
def zero_classes(folder):
    return hdf5(folder, attrs={"num_classes": 0})


@bad("num_classes is -3, not a number of classes")
def negative_classes(folder):
    return npz(folder, num_classes=-3)


@bad("num_classes is 'three', not a number of classes")
def classes_as_text(folder):
    return hdf5(folder, attrs={"num_classes": "three"})


@bad("num_classes is nan, not a number of classes")
def nan_classes(folder):
    return npz(folder, num_classes=np.nan)


@bad("num_classes is missing or not one number")
def array_of_classes(folder):
    return hdf5(folder, attrs={"num_classes": [3, 3]})


@bad("num_classes is missing or not one number")
def array_of_classes_in_npz(folder):
    return npz(folder, num_classes=np.array([3, 3]))


@bad("schema is 'weather', not 'nntf-labellog'", "convert the file")
def another_schema(folder):
    return hdf5(folder, attrs={"schema": "weather"})


@bad("schema_version 999 is not supported, only 1", "upgrade nntf-cli")
def newer_schema(folder):
    return npz(folder, schema=np.array("nntf-labellog"), schema_version=np.array(999))


@bad("schema_version 'one' is not supported")
def schema_version_as_text(folder):
    return hdf5(folder, attrs={"schema_version": "one"})


@bad("is a label log of version 2, this nntf reads version 1", "upgrade nntf-cli")
def native_of_version_2(folder):
    return native(folder, lambda file: file.attrs.__setitem__("format-version", 2))


@bad("is of format 'nntf-diary', not a label log")
def native_of_another_kind(folder):
    return native(folder, lambda file: file.attrs.__setitem__("format", "nntf-diary"))


@bad("n-classes is missing or not one number")
def native_without_classes(folder):
    return native(folder, lambda file: file.attrs.__delitem__("n-classes"))


@bad(
    "is of format 'nntf-fingerprint', not a label log",
    "the label log it was made from",
    commands=("info {}", "fingerprint {}"),
)
def fingerprint_given_as_log(folder):
    path = folder / "D.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "nntf-fingerprint", "format-version": 1})
        file["distances"] = np.zeros((3, 3))
    return path


@bad("is a bare .npy array, which is always a matrix", "HDF5 or NPZ", commands=("info {}", "fingerprint {}"))
def npy_given_as_log(folder):
    np.save(folder / "labels.npy", LABELS)
    return folder / "labels.npy"
