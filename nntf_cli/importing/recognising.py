"""The layouts that are read, and how one is recognised: by names of files first, then by how they begin."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nntf_cli.errors import InputError, ParameterError
from nntf_cli.files.store import open_regular, sniff
from nntf_cli.importing import (
    arrays,
    cartography,
    columns,
    folder,
    huggingface,
    instanceflow,
    lmeval,
    long,
    pickled,
    wide,
)
from nntf_cli.importing.items import Layout
from nntf_cli.importing.textfiles import records_of, table_of

LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("pickle", "pickle of a run", pickled.read),
        Layout("npy", "NumPy array", arrays.read_npy),
        Layout("npz", "NumPy archive", arrays.read_npz),
        Layout("folder", "one file per snapshot", folder.read),
        Layout("csv-wide", "CSV, a column per snapshot", wide.read),
        Layout("csv-long", "CSV, a row per prediction", long.read),
        Layout("cartography", "training dynamics of dataset cartography", cartography.read),
        Layout("huggingface", "predictions of Hugging Face's Trainer", huggingface.read, "eval"),
        Layout("instanceflow", "InstanceFlow JSON", instanceflow.read),
        Layout("lm-eval", "samples of lm-evaluation-harness", lmeval.read, "test"),
    )
}

#: Layouts of which one source is everything.
_SINGLE = {"pickle", "npy", "npz", "csv-wide", "csv-long", "instanceflow"}

_PICKLE_PROTOCOLS = b"\x02\x03\x04\x05"


def layout_of(sources: Sequence[str], wanted: str | None = None) -> Layout:
    """Return the layout of the sources.

    Parameters
    ----------
    sources : sequence of path
        Files or folders of one run.
    wanted : str, optional
        The layout's name, where the user says it.

    Raises
    ------
    InputError
        A source is missing or of no layout that is read.
    ParameterError
        There are several sources of which one alone is a run.
    """
    for source in sources:
        if not os.path.isdir(source):
            open_regular(source).close()
    layout = LAYOUTS[wanted or _recognised(sources)]
    if layout.name in _SINGLE and len(sources) > 1:
        raise ParameterError(
            f"each of the {len(sources)} sources is a whole run ({layout.words})", "import them one by one"
        )
    if layout.name in _SINGLE and os.path.isdir(sources[0]):
        raise InputError(f"is a folder, not a {layout.words}", "name the file in it", where=sources[0])
    return layout


def _recognised(sources: Sequence[str]) -> str:
    if os.path.isdir(sources[0]):
        return _folder(sources[0])
    name = os.path.basename(sources[0])
    if cartography.NAME.fullmatch(name):
        return "cartography"
    if lmeval.NAME.fullmatch(name):
        return "lm-eval"
    kind = _content(sources[0])
    return (
        "folder"
        if len(sources) > 1 and kind in ("npy", "npz", "csv-wide", "text")
        else kind.replace("text", "csv-wide")
    )


def _folder(path: str) -> str:
    if cartography.files_in(path):
        return "cartography"
    if huggingface.has_state(path) and huggingface.files_in(path):
        return "huggingface"
    return "lm-eval" if lmeval.files_in(path) else "folder"


def _content(path: str) -> str:
    kind = sniff(path)
    if kind == "HDF5":
        raise InputError(
            "is HDF5, which nntf reads as it is", f"try nntf info {path}; --from says what else it may be", where=path
        )
    if kind:
        return kind.lower()
    with open_regular(path) as stream:
        head = stream.read(2)
        if len(head) == 2 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS:
            return "pickle"
        stream.seek(0)
        first = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        if first.startswith((b"{", b"[")):
            return _json(path)
        if b"\0" in first:
            raise InputError("is of no layout that is read", "see nntf import --help", where=path)
        stream.seek(0)
        names = table_of(stream, path).columns
    is_long = columns.find(names, "step") is not None and columns.find(names, "sample") is not None
    return "csv-long" if is_long else ("csv-wide" if len(names) > 1 else "text")


def _json(path: str) -> str:
    """Return the layout of JSON: of a line that is a record, or of the whole."""
    try:
        record = next(records_of(path))[1]
    except (InputError, StopIteration):
        return "instanceflow"
    if "guid" in record:
        return "cartography"
    return "lm-eval" if "doc_id" in record else "instanceflow"
