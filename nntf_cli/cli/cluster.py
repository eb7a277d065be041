"""``--scheduler``: where the work of a command is done by others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nntf_cli.cli.boundary import note_line

if TYPE_CHECKING:
    from nntf_cli.cli.options import Choice
    from nntf_cli.distributed import Cluster
    from nntf_cli.distributed.cluster import Options

#: What dask prints by itself, on many lines, we say in one.
_LOGGERS = ("distributed", "distributed.client", "asyncio", "tornado")


def connect(ctx: click.Context, scheduler: str | None, addresses: Iterable[str | None]) -> Cluster | None:
    """Connect to a cluster for as long as the command runs; None where none was asked for."""
    if scheduler is None:
        return None
    if "-" in addresses:
        raise click.UsageError("with --scheduler a log is a file that every worker can open, not stdin")
    if ctx.meta.get("nntf.jobs"):
        raise click.UsageError(
            "--scheduler and --jobs exclude each other: the cluster decides how much is done at a time"
        )
    ctx.meta["nntf.jobs"] = 1  # here the results are only collected
    return ctx.with_resource(_connected(scheduler))


@contextmanager
def _connected(scheduler: str) -> Iterator[Cluster]:
    import logging

    from nntf_cli.distributed import Cluster

    cluster = Cluster.to(scheduler)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        for warning in cluster.warnings:
            note_line(f"{scheduler}: {warning}")
        yield cluster
    finally:
        cluster.close()


def begin(choice: Choice, addresses: Iterable[str], against: str | None = None) -> None:
    """Let the cluster work on all logs while the command asks for one after the other."""
    if choice.cluster is not None:
        requests = [(address, split) for address in addresses for split in choice.splits or (None,)]
        choice.cluster.begin(requests, options_of(choice), against)


def options_of(choice: Choice) -> Options:
    """Return what a cluster needs to know of the choice."""
    from nntf_cli.distributed.cluster import Options

    return Options(choice.every, choice.from_step, choice.to_step, choice.metric, choice.normalize)
