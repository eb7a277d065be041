"""What a command is given: label logs, matrices, or either through a pipe."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from nntf_cli.cli.boundary import note_line
from nntf_cli.cli.cluster import options_of
from nntf_cli.cli.options import Choice
from nntf_cli.errors import InputError, ParameterError

if TYPE_CHECKING:
    from nntf_cli.artifacts.matrices import Matrix
    from nntf_cli.model import Fingerprint, Flows, LabelLog

#: How long a signal may have to wait while nothing comes through the pipe.
_SIGNAL_SECONDS = 0.2


def read_stdin() -> bytes:
    """Return all of stdin: a pipe cannot seek, and every format needs that."""
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("no input: name a file, or pipe one in")
    try:
        descriptor = sys.stdin.fileno()
    except OSError:  # not a file of the system's, as in tests
        return sys.stdin.buffer.read()
    parts = []
    while True:
        # one long read would not notice a signal that arrives between the reads it is made of
        if os.name == "posix" and not select.select([descriptor], [], [], _SIGNAL_SECONDS)[0]:
            continue
        parts.append(os.read(descriptor, 2**20))
        if not parts[-1]:
            return b"".join(parts)


def stdin_is_pipe() -> bool:
    """Return whether something is connected to stdin that is not a person."""
    return sys.stdin is not None and not sys.stdin.isatty()


def load_log(address: str, choice: Choice, data: bytes | None = None, *, say_warnings: bool = True) -> LabelLog:
    """Open a label log, pass its warnings on, and choose its snapshots."""
    from nntf_cli.labellog import open_log

    if address == "-" and data is None:
        data = read_stdin()
    log = open_log(address, data)
    for warning in log.warnings if say_warnings else ():
        note_line(f"{log.source}: {warning}")
    return log.select(choice.every, choice.from_step, choice.to_step)


def load(address: str, choice: Choice) -> LabelLog | Matrix:
    """Open whatever an address names: a matrix of any format, or a label log."""
    from nntf_cli.artifacts.matrices import read_matrix
    from nntf_cli.labellog.reader import is_recorded, split_address

    data = read_stdin() if address == "-" else None
    path, parts = split_address(address)
    matrix = None if parts or (data is None and is_recorded(path)) else read_matrix(path, data)
    return load_log(address, choice, data) if matrix is None else matrix


def fingerprint_of(
    log: LabelLog, split: str | None, choice: Choice, against: LabelLog | None = None, *, stored: bool = True
) -> Fingerprint:
    """Compute the fingerprint of one split of a log, here or on a cluster."""
    from nntf_cli.fingerprint import fingerprint

    if choice.cluster is not None:
        return _rounded(choice.cluster.fingerprint(log, split, options_of(choice), against), choice)
    return fingerprint(
        log, split, metric=choice.metric, normalize=choice.normalize, against=against, dtype=choice.dtype, stored=stored
    )


def fingerprint_with_flows(
    log: LabelLog, split: str | None, choice: Choice, against: LabelLog | None, *, diagonal: bool
) -> tuple[Fingerprint, Flows]:
    """Compute the fingerprint and the flows it comes from; where those are small they are counted here."""
    from nntf_cli.fingerprint import fingerprint, flows

    if choice.cluster is not None and choice.cluster.is_divided(log, split, options_of(choice)):
        computed, counted = choice.cluster.with_flows(log, split, options_of(choice), against, diagonal=diagonal)
        return _rounded(computed, choice), counted
    counted = flows(log, split, diagonal=diagonal)
    metric, normalize, dtype = choice.metric, choice.normalize, choice.dtype
    computed = fingerprint(
        log, split, metric=metric, normalize=normalize, against=against, dtype=dtype, counted=counted
    )
    return computed, counted


def fingerprint_with_noise(
    log: LabelLog, split: str | None, choice: Choice, against: LabelLog | None = None, *, diagonal: bool = False
) -> tuple[Fingerprint, Flows]:
    """Compute the fingerprint with its noise floor, and the flows of the rows."""
    from nntf_cli.fingerprint import fingerprint, flows
    from nntf_cli.noise import with_noise

    counted: list[Flows] = []

    def count(log: LabelLog, split: str | None) -> Flows:
        counted.append(flows(log, split, diagonal=diagonal and not counted))
        return counted[-1]

    computed = fingerprint(log, split, metric=choice.metric, normalize=choice.normalize, against=against, count=count)
    return with_noise(computed, *counted), counted[0]


def _rounded(matrix: Fingerprint, choice: Choice) -> Fingerprint:
    return replace(matrix, matrix=matrix.distances.astype(choice.dtype, copy=False))


def load_matrices(address: str, choice: Choice, *, stored: bool = True, noise: bool = False) -> list[Matrix]:
    """Return the matrix an address names, or the fingerprint of each split asked for of the log it names.

    If not ``stored``, a fingerprint's distances are computed when they are looked at. With ``noise`` that of a log has
    its noise floor; a matrix has one if it was computed with it.
    """
    from nntf_cli.model import LabelLog

    loaded = load(address, choice)
    if isinstance(loaded, LabelLog):
        if noise:
            return [fingerprint_with_noise(loaded, split, choice)[0] for split in choice.splits or (None,)]
        return [fingerprint_of(loaded, split, choice, stored=stored) for split in choice.splits or (None,)]
    if choice != Choice():
        raise ParameterError(
            "is a matrix: splits, snapshots, metric and normalization were chosen when it was computed",
            "leave those options out, or give the label log",
            where=address,
        )
    return [loaded]


def files_of(addresses: Iterable[str | None]) -> list[str]:
    """Return the files that must not be overwritten: what the addresses name."""
    from nntf_cli.labellog.reader import split_address

    return [split_address(address)[0] for address in addresses if address and address != "-"]


def normalized(address: str) -> str:
    """Return an address with its path spelled in the one shortest way; ``-`` and what follows ``::`` stay."""
    from nntf_cli.labellog.reader import split_address

    path, parts = split_address(address)
    return "::".join([path if path == "-" else os.path.normpath(path), *parts])


def refuse_noise_of(choice: Choice, option: str) -> None:
    """Refuse what a noise floor is not defined for, or not computed by.

    Raises
    ------
    click.UsageError
        Other distances than those of Eq. 1, rounded ones, or a cluster.
    """
    if choice.metric != "flows" or choice.normalize not in (None, "flows"):
        raise click.UsageError(f"{option} goes with --metric flows and --normalize flows: others have no noise floor")
    if choice.dtype != "float64":
        raise click.UsageError(f"{option} goes with --dtype float64: it is judged by whole numbers of moves")
    if choice.cluster is not None:
        raise click.UsageError(f"{option} and --scheduler exclude each other: a noise floor is computed here")


def require_fingerprint(matrix: Matrix) -> Fingerprint:
    """Return the matrix if it is a fingerprint.

    Raises
    ------
    InputError
        It is a difference.
    """
    from nntf_cli.model import Fingerprint

    if not isinstance(matrix, Fingerprint):
        raise InputError("is a difference already", "give fingerprints or label logs", where=matrix.origin)
    return matrix


def distinct_names(runs: Sequence[tuple[str, str]]) -> list[str]:
    """Name runs so that different ones have different names.

    Parameters
    ----------
    runs : sequence of (name, source)
        The run's own name (may be empty) and the file, with its group, it came from.

    Returns
    -------
    list of str
        The name; where runs of different sources share one, the shortest end of the path that tells them apart.
    """
    names = [name or _stem(source) for name, source in runs]
    result = list(names)
    for name in set(names):
        alike = [i for i, other in enumerate(names) if other == name]
        sources = [runs[i][1] for i in alike]
        if len(set(sources)) > 1:
            for i, short in zip(alike, _shortest_ends(sources), strict=True):
                result[i] = short
    return result


def _stem(source: str) -> str:
    path, *group = source.split("::")
    return "::".join(["stdin" if path == "-" else PurePath(path).stem, *group])


def _shortest_ends(sources: Sequence[str]) -> list[str]:
    n_different = len(set(sources))
    paths = [(PurePath(file).with_suffix("").parts, group) for file, *group in (s.split("::") for s in sources)]
    for depth in range(1, max(len(parts) for parts, _ in paths) + 1):
        ends = ["::".join(["/".join(parts[-depth:]), *group]) for parts, group in paths]
        if len(set(ends)) == n_different:
            return ends
    return list(sources)
