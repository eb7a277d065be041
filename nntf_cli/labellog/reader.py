"""Open a label log by its address: FILE, FILE::GROUP, FILE::SPLIT or FILE::GROUP::SPLIT."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import PurePath
from typing import NoReturn

from nntf_cli.errors import InputError
from nntf_cli.files.opening import open_store
from nntf_cli.files.store import Store, sniff
from nntf_cli.labellog.journal import has_journal
from nntf_cli.labellog.layouts import looks_like_log, read_layout
from nntf_cli.labellog.native import FORMAT
from nntf_cli.labellog.recording import Recording, is_journal, open_root
from nntf_cli.labellog.violations import NoLogError
from nntf_cli.model import LabelLog

_LISTED = 8


def open_log(address: str | os.PathLike[str], data: bytes | None = None) -> LabelLog:
    """Open a label log of any layout that nntf reads; its labels are streamed later.

    Parameters
    ----------
    address : str or path
        An HDF5 or NPZ file, with the journal of its recording if it has one; FILE may also be missing, and only
        its journal be there. ``FILE::GROUP`` names one of several runs in it, ``FILE::SPLIT`` one set of
        samples, ``FILE::GROUP::SPLIT`` both.
    data : bytes, optional
        The content, where it came through a pipe; ``address`` then only names it.

    Returns
    -------
    LabelLog
        Everything but the labels is read and validated; labels are when they are streamed.

    Raises
    ------
    InputError
        The file is missing, damaged, holds no label log, several and none is named, or something invalid.
    """
    log, default = open_unnamed(address, data)
    return replace(log, name=log.name or default)


def open_unnamed(address: str | os.PathLike[str], data: bytes | None = None) -> tuple[LabelLog, str]:
    """Open a label log; its name is empty if the file gives it none, and then taken from the file's.

    Returns
    -------
    log : LabelLog
        As of :func:`open_log`.
    default : str
        What it is called if it has no name.
    """
    path, parts = split_address(os.fspath(address))
    root = open_root(path, data)
    store, rest = run_of(root, parts)
    log = _read(store)
    if rest:
        require_split(log, rest, store.where)
        log = replace(log, chosen_split=rest[0])
    if isinstance(root, Recording):
        log = replace(log, layout=f"{log.layout}, {root.state}", warnings=(*log.warnings, *root.notes))
    return log, _default_name(root.where, root, store)


def require_split(log: LabelLog, rest: list[str], where: str) -> None:
    """Refuse what is left of an address if it names no split.

    Raises
    ------
    NoLogError
        It does not.
    """
    if len(rest) > 1 or rest[0] not in log.splits:
        raise NoLogError(f"has neither a run nor a split '{rest[0]}'", f"splits: {', '.join(log.splits)}", where=where)


def is_log(path: str) -> bool:
    """Return whether a file is a label log, or holds some; what is damaged beyond telling is not."""
    if is_recorded(path):
        return True
    try:
        if sniff(path) not in ("HDF5", "NPZ"):
            return False
        store = open_store(path)
        kind = store.attributes().get("format", "")
        return kind == FORMAT if kind else bool(store.runs() or looks_like_log(store))
    except InputError:
        return False


def is_recorded(path: str) -> bool:
    """Return whether a log is being recorded, or its recording was interrupted: then it has a journal, or is one."""
    return has_journal(path) or is_journal(path)


def split_address(address: str) -> tuple[str, list[str]]:
    """Return the file and what follows it, separated by ``::``; a file whose name holds ``::`` comes first."""
    if os.path.exists(address):
        return address, []
    path, *parts = address.split("::")
    return path, [part for part in parts if part]


def runs_of(address: str | os.PathLike[str], data: bytes | None = None) -> list[str]:
    """Return the groups that are runs, where the address names a file of several and none of them.

    Raises
    ------
    InputError
        The file cannot be opened.
    """
    path, parts = split_address(os.fspath(address))
    store = open_root(path, data)
    if parts or "format" in store.attributes():
        return []
    return [run for run in store.runs() if run]


def run_of(root: Store, parts: list[str]) -> tuple[Store, list[str]]:
    """Return the group to read and the part of the address that is left over."""
    if parts and root.is_group(parts[0]) and parts[0] != "labels":
        return root.group(parts[0]), parts[1:]
    return root, parts


def _read(store: Store) -> LabelLog:
    log = read_layout(store)
    if log is not None:
        return log
    runs = store.runs()
    if len(runs) == 1:
        return _read(store.group(runs[0]))
    refuse_no_layout(store, runs)


def refuse_no_layout(store: Store, runs: list[str]) -> NoReturn:
    """Say what is there instead of a log.

    Raises
    ------
    NoLogError
        Always.
    """
    if runs:
        listed = ", ".join(runs[:_LISTED]) + (", ..." if len(runs) > _LISTED else "")
        raise NoLogError(f"holds {len(runs)} runs ({listed})", f"name one: {store.where}::{runs[0]}", where=store.where)
    found = ", ".join(store.names()[:_LISTED]) or "nothing"
    raise NoLogError(
        f"has no dataset 'labels' (found: {found})",
        "store the predicted labels as 'labels', shape (snapshots, samples)",
        where=store.where,
    )


def _default_name(path: str, root: Store, store: Store) -> str:
    stem = PurePath(path).stem if path != "-" else "stdin"
    return stem if store is root else f"{stem}::{store.where[len(root.where) + 2 :]}"
