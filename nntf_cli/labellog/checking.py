"""Everything that is wrong with a log: the readers of layouts at work, with all they would refuse collected."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nntf_cli.errors import InputError
from nntf_cli.files.opening import open_store
from nntf_cli.files.store import Store, StoredArray
from nntf_cli.labellog.journal import has_journal
from nntf_cli.labellog.layouts import read_layout
from nntf_cli.labellog.reader import refuse_no_layout, require_split, run_of, split_address
from nntf_cli.labellog.recording import open_root
from nntf_cli.labellog.salvage import SalvagedLabels, Survey
from nntf_cli.labellog.violations import Violations
from nntf_cli.model import LabelLog, Split


@dataclass
class CheckedSplit:
    """What was read of one split."""

    n_samples: int
    n_missing: int
    survey: Survey


@dataclass
class Check:
    """What was read of one run, and what is wrong with it."""

    source: str
    layout: str = ""
    n_snapshots: int = 0
    splits: dict[str, CheckedSplit] = field(default_factory=dict)
    n_arrays: int = 0  #: that were read
    n_checksummed: int = 0  #: of them, those whose every byte is covered by a checksum
    violations: list[InputError] = field(default_factory=list)
    log: LabelLog | None = None  #: what is valid of it


def check_log(address: str | os.PathLike[str], data: bytes | None = None) -> list[Check]:
    """Read all of a log, or of every run in a file of several, and say all that is wrong with it.

    Parameters
    ----------
    address : str or path
        As for :func:`~nntf_cli.labellog.open_log`; of a split, the whole run is checked.
    data : bytes, optional
        The content, where it came through a pipe.

    Returns
    -------
    list of Check
        One for each run.

    Raises
    ------
    InputError
        The file is missing, cannot be opened, or holds no label log.
    """

    def opened(path: str) -> Store:
        if data is None and (has_journal(path) or not os.path.exists(path)):
            return open_root(path)  # with the journal of a recording, or that alone
        return open_store(path, data, salvaging=True)

    return check_stores(os.fspath(address), opened)


def check_stores(address: str, opened: Callable[[str], Store]) -> list[Check]:
    """Do the same with whatever opens a file for salvaging."""
    path, parts = split_address(address)
    store, rest = run_of(opened(path), parts)
    checks = [check_store(run) for run in _runs_in(store, rest)]
    if rest and checks[0].log is not None:
        require_split(checks[0].log, rest, store.where)
    return checks


def _runs_in(store: Store, rest: list[str]) -> Iterator[Store]:
    runs = [] if "format" in store.attributes() or rest else store.runs()
    if not runs:
        yield store
    for run in runs:
        yield store.group(run)


def check_store(store: Store) -> Check:
    """Check the run in one group.

    Raises
    ------
    NoLogError
        There is none, or one of a version that is not known.
    """
    counted = _Counting(store)
    check, violations = Check(store.where), Violations(collecting=True)
    with violations.noted():
        check.log = read_layout(counted, violations)
        if check.log is None:
            refuse_no_layout(store, store.runs())
    named = {violation.where for violation in violations.found}
    for flaw in getattr(store, "flaws", None) or ():
        if flaw.where not in named:
            named.add(flaw.where)
            violations.note(flaw)
    if check.log is not None:
        check.layout, check.n_snapshots = check.log.layout, check.log.n_snapshots
        for split in check.log.splits.values():
            check.splits[split.name] = _checked(split)
            violations.found += check.splits[split.name].survey.violations
    check.violations = violations.found
    check.n_arrays, check.n_checksummed = len(counted.paths), sum(counted.paths.values())
    return check


def _checked(split: Split) -> CheckedSplit:
    assert isinstance(split.labels, SalvagedLabels)
    survey = split.labels.survey()
    return CheckedSplit(split.labels.n_samples, survey.n_missing, survey)


class _Counting:
    """A store that remembers which arrays were asked for, and whether checksums cover them."""

    def __init__(self, store: Store, prefix: str = "", paths: dict[str, bool] | None = None) -> None:
        self._store, self._prefix = store, prefix
        self.paths: dict[str, bool] = {} if paths is None else paths
        self.where, self.kind = store.where, store.kind
        self.names, self.is_group = store.names, store.is_group
        self.attributes, self.runs = store.attributes, store.runs

    def group(self, path: str) -> Store:
        return _Counting(self._store.group(path), f"{self._prefix}{path}/", self.paths)

    def array(self, path: str) -> StoredArray | None:
        found = self._store.array(path)
        if found is not None:
            self.paths[self._prefix + path] = found.checksummed
        return found
