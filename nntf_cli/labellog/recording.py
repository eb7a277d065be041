"""A log that is being recorded, or whose recording was interrupted, as one store.

First come rows of the HDF5 file, as many as only that has; then those of the journal.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.opening import open_store
from nntf_cli.files.store import Store, StoredArray
from nntf_cli.labellog.joined import Handle, InMemory, Joined, JournalRows
from nntf_cli.labellog.journal import MAGIC, SUFFIX, Journal, has_journal, journal_path, read_journal
from nntf_cli.labellog.native import FORMAT, FORMAT_VERSION
from nntf_cli.model import Scalar
from nntf_cli.wording import quantity

#: Runs that were replaced by another while they were opened, before that is called an error.
_TRIES = 5

_GROUPS = ("classes", "labels", "run", "samples", "snapshots")


def open_root(path: str, data: bytes | None = None) -> Store:
    """Open a file, with its journal where it has one, or a journal alone.

    Raises
    ------
    InputError
        Nothing is there, it is damaged, or file and journal do not belong together.
    """
    if data is None:
        path = _of_journal(path)
        recording = open_recording(path) if has_journal(path) else None
        if recording is not None:
            if not recording.journal.n_rows:
                raise InputError("holds no snapshot yet", "wait for the first", where=path)
            return recording
    return open_store(path, data)


def is_journal(path: str) -> bool:
    """Return whether a file is a journal, by its name and its content."""
    try:
        if not path.endswith(SUFFIX) or not os.path.isfile(path):
            return False
        with open(path, "rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


def _of_journal(path: str) -> str:
    """Return the log that somebody means who names its journal."""
    return path.removesuffix(SUFFIX) if is_journal(path) else path


def open_recording(path: str, end: int | None = None) -> Recording | None:
    """Open a journal and what its first rows are in; None where there is no journal any more.

    Parameters
    ----------
    path : str
        The log.
    end : int, optional
        Leave out what follows so many bytes of the journal.

    Raises
    ------
    InputError
        The journal is damaged, or the HDF5 file is, or is another run's.
    """
    # rows only ever move from the journal to the HDF5 file: the journal comes first, and nothing is missed
    for attempt in range(_TRIES):
        try:
            descriptor = os.open(journal_path(path), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", "check the path", where=path + SUFFIX) from error
        handle = Handle(descriptor)
        journal = read_journal(descriptor, path + SUFFIX, end)
        try:
            return Recording(path, handle, journal, _published(path, journal))
        except InputError:
            if attempt == _TRIES - 1 or _is_same(descriptor, path):
                raise
    raise InputError("is replaced again and again", "try later", where=path)


def _is_same(descriptor: int, path: str) -> bool:
    try:
        now = os.stat(journal_path(path))
    except OSError:
        return False
    return os.path.samestat(now, os.fstat(descriptor))


def _published(path: str, journal: Journal) -> Store | None:
    """Return the HDF5 file, if rows of it are needed."""
    if not os.path.exists(path):
        if journal.prefix:
            raise InputError(
                f"is missing, but the journal beside it continues its {quantity(journal.prefix, 'snapshot')}",
                "restore it, they were in no other place",
                where=path,
            )
        return None
    store = open_store(path)
    attributes = store.attributes()
    if attributes.get("format") != FORMAT or str(attributes.get("run-uuid") or "") != journal.facts["run-uuid"]:
        raise InputError(
            f"is not the run that the journal {os.path.basename(path)}{SUFFIX} beside it belongs to",
            "move one of the two away",
            where=path,
        )
    return store if journal.prefix else None


class Recording:
    """The root of a log and its journal, laid out as the native layout."""

    def __init__(self, where: str, handle: Handle, journal: Journal, published: Store | None) -> None:
        self.where, self.journal, self._handle = where, journal, handle
        self.kind = "HDF5 and journal" if os.path.exists(where) else "journal"
        self._published = published
        self._arrays = self._all_arrays()

    @property
    def state(self) -> str:
        """Whether somebody writes still, in words."""
        facts = self.journal.facts
        who = f"process {facts['pid']} on {facts['host']}"
        if facts["host"] != platform.node():
            return f"recorded by {who}"
        return f"being recorded by {who}" if _is_running(facts["pid"]) else f"recording of {who} was interrupted"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        torn = self.journal.torn
        return (f"ignored {quantity(torn, 'byte')} of an unfinished snapshot",) if torn else ()

    def names(self) -> list[str]:
        """Return the groups of the layout."""
        return list(_GROUPS)

    def is_group(self, path: str) -> bool:
        """Return whether ``path`` is one of them."""
        return path in _GROUPS

    def group(self, path: str) -> Store:
        """Return the names below a group."""
        return _Below(self, path, f"{self.where}::{path}", self.kind)

    def below(self, path: str) -> list[str]:
        """Return the names directly below a group."""
        return sorted({name.split("/")[1] for name in self._arrays if name.startswith(f"{path}/")})

    def array(self, path: str) -> StoredArray | None:
        """Return the array at ``path``."""
        return self._arrays.get(path)

    def attributes(self, path: str = "") -> dict[str, Scalar | None]:
        """Return the attributes of the root or of ``run``."""
        facts = self.journal.facts
        if path == "run":
            return {**({"name": facts["name"]} if facts.get("name") else {}), **facts["hparams"]}
        if path:
            return {}
        return {
            "format": FORMAT,
            "format-version": FORMAT_VERSION,
            "n-classes": facts["n-classes"],
            "run-uuid": facts["run-uuid"],
        }

    def runs(self) -> list[str]:
        """Return the one run that there is."""
        return [""]

    def _all_arrays(self) -> dict[str, StoredArray]:
        journal = self.journal
        arrays: dict[str, StoredArray] = {
            path: InMemory(array, f"{self.where}: {path}") for path, array in journal.arrays.items()
        }
        names = dict.fromkeys(self._published.group("snapshots").names() if self._published else [])
        names |= dict.fromkeys(name for row in journal.rows for name in row.scalars)
        for name in names:
            path = f"snapshots/{name}"
            if name != "step":
                later = np.array([row.scalars.get(name, np.nan) for row in journal.rows], dtype=np.float64)
                arrays[path] = InMemory(np.concatenate([self._earlier(path), later]), f"{self.where}: {path}")
        steps = np.array([row.step for row in journal.rows], dtype=np.int64)
        path = "snapshots/step"
        arrays[path] = InMemory(np.concatenate([self._earlier(path).astype(np.int64), steps]), f"{self.where}: {path}")
        begin = 0
        for split, n_samples in journal.splits.items():
            later_rows = JournalRows(self._handle, journal, n_samples, begin * journal.dtype.itemsize)
            arrays[f"labels/{split}"] = Joined(self._labels(split), journal.prefix, later_rows, self.where)
            begin += n_samples
        return arrays

    def _earlier(self, path: str) -> np.ndarray:
        """Return a value for each row that only the HDF5 file has; nan for a scalar that came later."""
        array = self._published.array(path) if self._published else None
        return np.full(self.journal.prefix, np.nan) if array is None else array.read()[: self.journal.prefix]

    def _labels(self, split: str) -> StoredArray | None:
        if self._published is None:
            return None
        array = self._published.array(f"labels/{split}")
        wanted = (self.journal.prefix, self.journal.splits[split])
        fits = array is not None and array.shape[1] == wanted[1] and array.shape[0] >= wanted[0]
        if array is None or not fits or array.dtype.newbyteorder("<") != self.journal.dtype:
            size = f"{quantity(wanted[0], 'snapshot')} of {quantity(wanted[1], 'sample')}"
            raise InputError(
                f"does not hold the {size} that its journal continues",
                "restore a copy",
                where=f"{self.where}: labels/{split}",
            )
        return array


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@dataclass
class _Below:
    """A group of a recording."""

    root: Recording
    path: str
    where: str
    kind: str

    def names(self) -> list[str]:
        return self.root.below(self.path)

    def is_group(self, path: str) -> bool:
        return False

    def group(self, path: str) -> Store:
        return self.root.group(f"{self.path}/{path}")

    def array(self, path: str) -> StoredArray | None:
        return self.root.array(f"{self.path}/{path}")

    def attributes(self, path: str = "") -> dict[str, Scalar | None]:
        return {}

    def runs(self) -> list[str]:
        return []
