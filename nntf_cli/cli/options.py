"""The options that commands share: one letter, one name and one help text for one thing.

Letters in use or reserved: -o -f -v -q -h -V -b -t. Others are long only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nntf_cli.cli.types import ListType, SizeType

if TYPE_CHECKING:
    from nntf_cli.distributed import Cluster

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Choice:
    """Which snapshots and samples of a log, and how its fingerprint is computed."""

    splits: tuple[str, ...] = ()
    every: int = 1
    from_step: int | None = None
    to_step: int | None = None
    metric: str = "flows"
    normalize: str | None = None
    dtype: str = "float64"
    cluster: Cluster | None = field(default=None, compare=False)  #: who computes; it changes no result


def output(what: str) -> Callable[[_Command], _Command]:
    """``-o/--output``."""
    return click.option(
        "-o", "--output", metavar="FILE", type=click.Path(allow_dash=True),
        help=f"Write {what} here; the ending picks the format, - is stdout (the default). "
        "An existing result is replaced.",
    )  # fmt: skip


def figure(what: str) -> Callable[[_Command], _Command]:
    """``--figure``, for a picture beside a table."""
    return click.option(
        "--figure", metavar="FILE", type=click.Path(allow_dash=True),
        help=f"{what} (.png, .svg, .pdf; - is stdout, as PNG).",
    )  # fmt: skip


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    ctx.meta["nntf.force"] = value
    return value


force = click.option(
    "-f", "--force", is_flag=True, expose_value=False, callback=_remember,
    help="Replace even a label log; any other existing result is replaced anyway.",
)  # fmt: skip


def fmt(formats: Sequence[str], default: str) -> Callable[[_Command], _Command]:
    """``-t/--format``."""
    return click.option(
        "-t", "--format", "fmt", type=click.Choice(formats),
        help=f"Format, whatever the ending.  [default: by ending, else {default}]",
    )  # fmt: skip


def _listen(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Show the progress of long work for as long as the command runs."""
    from nntf_cli.cli.progress import Meter
    from nntf_cli.progress import listening

    meter = None if value else Meter()
    ctx.meta["nntf.meter"] = meter
    ctx.with_resource(listening(meter))
    return value


quiet = click.option("-q", "--quiet", is_flag=True, callback=_listen, help="Leave out notes and progress on stderr.")


def snapshots(command: _Command) -> _Command:
    """``--every``, ``--from`` and ``--to``: which snapshots of a log."""
    for option in (
        click.option("--to", "to_step", type=int, metavar="STEP", help="Use snapshots up to this step."),
        click.option("--from", "from_step", type=int, metavar="STEP", help="Use snapshots from this step on."),
        click.option("--every", type=click.IntRange(min=1), default=1, metavar="K", show_default=True,
                     help="Use each K-th snapshot."),
    ):  # fmt: skip
        command = option(command)
    return command


def split(command: _Command) -> _Command:
    """``--split`` for commands that take one."""
    return click.option(
        "--split", metavar="NAME", help="Which samples of a log.  [default: the only split, else train]"
    )(command)


def splits(flag: str, text: str) -> Callable[[_Command], _Command]:
    """``--split`` or ``--splits`` for commands that take several."""
    return click.option(
        flag, "splits", metavar="NAME[,NAME...]", type=ListType(click.STRING, "NAME[,NAME...]"), default=(), help=text
    )


def normalize(default: str) -> Callable[[_Command], _Command]:
    """``--normalize``; the default in words."""
    return click.option(
        "--normalize", type=click.Choice(["flows", "samples", "none"]),
        help="Divide by the samples moved in both transitions (Eq. 1), by all samples, or not at all.  "
        f"[default: {default}]",
    )  # fmt: skip


def distance(command: _Command) -> _Command:
    """``--metric`` and ``--normalize``: how the fingerprint of a log is computed."""
    for option in (
        normalize("flows; with --metric hamming none"),
        click.option("--metric", type=click.Choice(["flows", "hamming"]), default="flows", show_default=True,
                     help="Compare transitions (P x P), or count the samples whose labels differ between snapshots "
                     "(T x T)."),
    ):  # fmt: skip
        command = option(command)
    return command


#: What of a fingerprint can be looked at; :data:`nntf_cli.noise.OF` says the same to those who import numpy.
OF = ("distance", "floor", "excess")

OF_HELP = (
    "Take the distances, those to expect by chance (the noise floor), or the excess of the first over the second; of "
    "a label log, or of what nntf fingerprint --noise-floor wrote."
)


def _set_jobs(ctx: click.Context, param: click.Parameter, value: int | None) -> None:
    ctx.meta["nntf.jobs"] = value


#: Most threads and jobs: beyond, a number is a slip of the keyboard.
_MOST = 1024

jobs = click.option(
    "--jobs", type=click.IntRange(1, _MOST), metavar="N", expose_value=False, callback=_set_jobs,
    help="Work on N inputs at a time.  [default: as --threads]",
)  # fmt: skip


def _limit_threads(ctx: click.Context, param: click.Parameter, value: int | None) -> None:
    if value is not None:
        from nntf_cli.shares import limited_threads

        ctx.with_resource(limited_threads(value))


def _limit_memory(ctx: click.Context, param: click.Parameter, value: float | None) -> None:
    if value is not None:
        from nntf_cli.memory import limited

        ctx.with_resource(limited(value))


def limits(command: _Command) -> _Command:
    """``--threads`` and ``--max-memory``, for every command that computes."""
    for option in (
        click.option("--max-memory", type=SizeType(), metavar="SIZE", expose_value=False, callback=_limit_memory,
                     envvar="NNTF_MAX_MEMORY", show_envvar=True,
                     help="Stay below this (600M, 2G): what would exceed it is an error before it is begun.  "
                     "[default: four fifths of what is free]"),
        click.option("--threads", type=click.IntRange(1, _MOST), metavar="N", expose_value=False,
                     callback=_limit_threads, envvar="NNTF_THREADS", show_envvar=True,
                     help="Compute with N threads, all jobs together.  [default: the processors there are]"),
    ):  # fmt: skip
        command = option(command)
    return command


scheduler = click.option(
    "--scheduler", metavar="ADDRESS",
    help="Let an existing dask.distributed cluster do the work, by its scheduler's address or scheduler file; its "
    "workers must see the logs under the same paths. Needs nntf-cli[dask].",
)  # fmt: skip
