"""Every layout of a label log that is read: the plain log in other clothes, whose matrix must be the same."""

import zipfile
from io import BytesIO

import h5py
import numpy as np

from badinputs import LABELS, C, N, T, contents, hdf5, npz, rewrite_npz
from nntf_cli.labellog.writer import write_log

GOOD = []

#: Beside one array per snapshot, num_classes and names say nothing that is not in the labels.
ALONE = {"labels": None, "num_classes": None}


def good(make):
    """Register a function as a log that must be read like the plain one."""
    GOOD.append(make)
    return make


def rows(pattern="{}", labels=LABELS, order=range(T)):
    """Return one array per snapshot, by name."""
    return {pattern.format(i): labels[i] for i in order}


def scores():
    """Return scores that are largest for the label and, at a tie with it, all higher classes."""
    below = np.random.default_rng(5).random((T, N, C)).astype(np.float32)
    return np.where(np.arange(C) >= LABELS[..., None], np.float32(2), below)


@good
def flat_hdf5(folder):
    return hdf5(folder)


@good
def flat_npz(folder):
    return npz(folder)


@good
def labels_only(folder):
    np.savez(folder / "run.npz", labels=LABELS)
    return folder / "run.npz"


@good
def named_predictions(folder):
    return hdf5(folder, labels=None, predictions=LABELS)


@good
def named_for_the_split(folder):
    return npz(folder, labels=None, train_labels=LABELS, test_labels=LABELS[:, ::-1])


@good
def of_one_other_split(folder):
    return hdf5(folder, labels=None, targets=None, val_predictions=LABELS, val_targets=LABELS[0])


@good
def native_hdf5(folder):
    write_log(folder / "run.h5", {"train": LABELS, "test": LABELS[:, ::-1]}, n_classes=C)
    return folder / "run.h5"


@good
def native_npz(folder):
    write_log(folder / "run.npz", {"train": LABELS, "test": LABELS[:, ::-1]}, n_classes=C)
    return folder / "run.npz"


@good
def split_by_address(folder):
    write_log(folder / "run.h5", {"train": LABELS[:, :4], "test": LABELS}, n_classes=C)
    return f"{folder / 'run.h5'}::test"


def _sweep(folder, prefix):
    with h5py.File(folder / "sweep.h5", "w") as sweep:
        for i, labels in enumerate((LABELS, LABELS[::-1])):
            write_log(folder / "run.h5", {"train": labels, "test": LABELS[::-1]}, n_classes=C, force=True)
            with h5py.File(folder / "run.h5") as run:
                run.copy("/", sweep, f"{prefix}{i}")
    return folder / "sweep.h5"


@good
def run_by_address(folder):
    return f"{_sweep(folder, 'wd_')}::wd_0"


@good
def run_in_a_folder_by_address(folder):
    return f"{_sweep(folder, 'sweep/run ')}::sweep/run 0"


@good
def run_and_split_by_address(folder):
    return f"{_sweep(folder, 'wd_')}::wd_0::train"


@good
def only_run_of_a_file(folder):
    write_log(folder / "run.h5", {"train": LABELS}, n_classes=C)
    with h5py.File(folder / "one.h5", "w") as file, h5py.File(folder / "run.h5") as run:
        run.copy("/", file, "run_7")
    return folder / "one.h5"


@good
def flat_in_a_group(folder):
    hdf5(folder, name="flat.h5")
    with h5py.File(folder / "groups.h5", "w") as file, h5py.File(folder / "flat.h5") as flat:
        flat.copy("/", file, "a")
        flat.copy("/", file, "b")
    return f"{folder / 'groups.h5'}::a"


def _of_type(dtype):
    @good
    def make(folder):
        return hdf5(folder, labels=LABELS.astype(dtype))

    make.__name__ = f"hdf5_{dtype.replace('>', 'big_endian_')}"

    @good
    def make_npz(folder):
        return npz(folder, labels=LABELS.astype(dtype))

    make_npz.__name__ = f"npz_{dtype.replace('>', 'big_endian_')}"


for _dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">u2", ">f8", ">i8"):
    _of_type(_dtype)


@good
def hdf5_long_double(folder):
    return hdf5(folder, labels=LABELS.astype(np.longdouble))


@good
def enumeration(folder):
    dtype = h5py.enum_dtype({"ant": 0, "bee": 1, "cat": 2}, basetype="u1")
    return hdf5(folder, labels={"data": LABELS.astype("u1"), "dtype": dtype})


@good
def npz_column_by_column(folder):
    return npz(folder, labels=np.asfortranarray(LABELS))


@good
def npz_compressed(folder):
    np.savez_compressed(folder / "run.npz", **contents({}))
    return folder / "run.npz"


@good
def npz_header_version_2(folder):
    stream = BytesIO()
    np.lib.format.write_array(stream, LABELS, version=(2, 0))
    return rewrite_npz(folder / "run.npz", [("labels.npy", stream.getvalue())])


@good
def npz_with_objects_of_other_names(folder):
    """What is not known is not opened: objects there are nobody's business."""
    notes = {"by": "nobody", "long": "x" * 100}
    return npz(folder, notes=np.array(notes, dtype=object), more=np.array([notes] * 2000, dtype=object))


@good
def npz_with_other_files(folder):
    path = npz(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.txt", "labels of a run")
    return path


@good
def hdf5_with_links_of_other_names(folder):
    path = hdf5(folder)
    with h5py.File(path, "r+") as file:
        file["elsewhere"] = h5py.ExternalLink("nowhere.h5", "/labels")
        file["round"] = h5py.SoftLink("/round")
        file["notes"] = "by nobody"
    return path


@good
def hdf5_with_names_not_utf8(folder):
    path = hdf5(folder)
    with h5py.File(path, "r+") as file:
        file[b"\xff\xfe"] = 1
        file.attrs[b"\xff"] = 1
    return path


def _stored(name, **options):
    @good
    def make(folder):
        return hdf5(folder, labels={"data": LABELS, **options})

    make.__name__ = name


_stored("chunks_of_samples", chunks=(T, 3))
_stored("chunks_of_snapshots", chunks=(4, N))
_stored("chunks_of_both", chunks=(4, 3))
_stored("gzip", chunks=(2, N), compression="gzip")
_stored("gzip_shuffle_fletcher32", chunks=(2, 5), compression="gzip", shuffle=True, fletcher32=True)
_stored("lzf", chunks=(2, 5), compression="lzf")
_stored("scaleoffset", chunks=(2, 5), scaleoffset=0)
_stored("that_can_grow", maxshape=(None, None))


@good
def newest_file_format(folder):
    return hdf5(folder, libver="latest")


@good
def userblock(folder):
    with h5py.File(folder / "run.h5", "w", userblock_size=512) as file:
        file["labels"] = LABELS
    with open(folder / "run.h5", "r+b") as stream:
        stream.write(b"#!/bin/sh\n")
    return folder / "run.h5"


@good
def ending_of_another_kind(folder):
    return npz(folder).rename(folder / "run.h5")


@good
def numbered(folder):
    return npz(folder, **ALONE, **rows())


@good
def numbered_out_of_order(folder):
    return npz(folder, **ALONE, **rows("epoch_{}", order=(3, 0, 5, 1, 4, 2)))


@good
def numbered_beyond_ten(folder):
    """As text, epoch_10 would come before epoch_9."""
    return hdf5(folder, labels=None, iterations=None, **{f"epoch_{i + 8}": LABELS[i] for i in range(T)})


@good
def numbered_with_zeros(folder):
    return hdf5(folder, labels=None, **rows("{:06d}"))


@good
def numbered_in_a_group(folder):
    return hdf5(folder, labels=None, **rows("snapshot/{:06d}"))


@good
def numbered_in_a_group_of_npz(folder):
    return npz(folder, **ALONE, **rows("snapshot/epoch{}"))


@good
def numbered_of_different_types(folder):
    return npz(folder, **ALONE, **{f"{i}": row.astype("u1" if i % 2 else "i8") for i, row in enumerate(LABELS)})


@good
def numbered_beside_labels(folder):
    return npz(folder, **rows("epoch_{}", LABELS[::-1]))


@good
def scores_in_hdf5(folder):
    return hdf5(folder, labels=scores())


@good
def scores_in_npz(folder):
    return npz(folder, labels=scores())


@good
def scores_in_npz_column_by_column(folder):
    return npz(folder, labels=np.asfortranarray(scores()))


@good
def scores_per_snapshot(folder):
    return npz(folder, **ALONE, **rows("epoch_{}", scores()))


@good
def scores_of_whole_numbers(folder):
    return hdf5(folder, labels=(LABELS[..., None] == np.arange(C)).astype("i4"))


@good
def scalars_not_finite(folder):
    return hdf5(folder, loss=[np.nan, np.inf, -np.inf, 0, 1, 2])


@good
def targets_as_floats(folder):
    return hdf5(folder, targets=np.arange(N) % C * 1.0, iterations=np.arange(T) * 1.0)


@good
def name_with_a_colon(folder):
    return hdf5(folder, name="a::b: c; d.h5")


@good
def soft_links_inside_the_file(folder):
    path = hdf5(folder, labels=None)
    with h5py.File(path, "r+") as file:
        file["hparams/rows"] = LABELS
        file["hparams/again"] = h5py.SoftLink("rows")
        file["labels"] = h5py.SoftLink("/hparams/again")
    return path
