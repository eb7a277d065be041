"""``nntf fingerprint``: from a label log to its distance matrix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from nntf_cli.cli import options
from nntf_cli.cli.cluster import begin, connect
from nntf_cli.cli.inputs import refuse_noise_of
from nntf_cli.cli.options import Choice
from nntf_cli.errors import OutputError

if TYPE_CHECKING:
    from nntf_cli.files.atomic import Writer

Format = Literal["npy", "csv", "npz", "h5"]

FORMATS: tuple[Format, ...] = ("npy", "csv", "npz", "h5")
TRANSITION_FORMATS = ("npz", "h5", "csv", "npy")


# fmt: off
@click.command("fingerprint")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@options.output("the matrix")
@options.fmt(FORMATS, "npy")
@options.split
@options.snapshots
@options.distance
@options.scheduler
@click.option("--noise-floor", "noise", is_flag=True,
              help="Also compute the distance that chance alone gives, its standard deviation, and how often chance "
              "gives as much: datasets floor, deviation and p_value beside distances, in .npz and .h5.")
@click.option("--against", metavar="LOG", help="Cross fingerprint: columns from this run of the same samples.")
@click.option("--transitions-out", metavar="FILE",
              help="Also write the transitions: .npz, .h5 or .csv lists the flows (from_step, to_step, from, to, "
              "count), .npy holds dense (P, C, C) int64 matrices with their diagonals.")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True,
              help="float32 halves the file; for pictures, as a rounded distance may be on the wrong side of a band's "
              "edge (to nntf rqa give the log).")
@options.force
@options.jobs
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, logs: tuple[str, ...], output: str | None, fmt: Format | None, split: str | None, every: int,
    from_step: int | None, to_step: int | None, metric: str, normalize: str | None, scheduler: str | None,
    noise: bool, against: str | None, transitions_out: str | None, dtype: str, quiet: bool,
) -> None:
    """Compute the training fingerprint of LOG: the distance between every two of its transitions.

    A transition is what moves from class to class between two snapshots; 0 means that as many samples moved from
    each class to each other, 1 that no such move is shared. LOG is an HDF5 or NPZ label log, FILE::GROUP one of
    several runs in a file, - stdin. Written are P x P float64 values, P one less than the snapshots: as a bare
    matrix (.npy), with steps (.csv), or with everything known of the run (.npz, .h5).

    With several logs, -o names a directory, which gets a file for each, named after its log. --jobs of them are
    computed at a time, in one process; a bad one is reported, the others are done, and the exit code is the error's.

    \b
      nntf fingerprint run.h5 -o D.npy
      nntf fingerprint run.h5 --split test --every 10 -o test.csv
      nntf fingerprint run.h5 -t npz | nntf rqa -
      nntf fingerprint run.h5 --noise-floor -o noise.npz
      nntf fingerprint sweep/*.h5 -t npz -o fingerprints/
    """
    # fmt: on
    if output is not None and output == transitions_out:
        raise click.UsageError("-o and --transitions-out name the same file")
    if [*logs, against].count("-") > 1:
        raise click.UsageError("stdin (-) can be read only once")
    cluster = connect(ctx, scheduler, [*logs, against])
    choice = Choice((split,) if split else (), every, from_step, to_step, metric, normalize, dtype, cluster)
    if noise:
        refuse_noise_of(choice, "--noise-floor")
    if len(logs) == 1 and not (output and output.endswith("/")):
        _write_one(logs[0], choice, against, output, fmt, transitions_out, noise=noise)
        return
    if transitions_out:
        raise click.UsageError("--transitions-out goes with one log and a file")
    ctx.exit(_write_each(logs, choice, against, output, fmt or "npy", noise=noise))


def _write_one(
    address: str,
    choice: Choice,
    against: str | None,
    output: str | None,
    fmt: Format | None,
    transitions_out: str | None,
    *,
    noise: bool,
) -> None:
    from nntf_cli.artifacts.matrices import write_matrix
    from nntf_cli.artifacts.transitions import write_transitions
    from nntf_cli.cli.inputs import (
        files_of,
        fingerprint_of,
        fingerprint_with_flows,
        fingerprint_with_noise,
        load_log,
    )
    from nntf_cli.cli.outputs import deliver, pick_format

    split = choice.splits[0] if choice.splits else None
    form = pick_format(output, fmt, FORMATS, "npy")
    if choice.dtype != "float64" and form == "csv":
        raise click.UsageError("--dtype float32 goes with npy, npz and h5: what CSV holds has no type")
    if noise:
        _refuse_bare(form)
    flow_form = pick_format(transitions_out, None, TRANSITION_FORMATS, "csv", option="--transitions-out")
    run = load_log(address, choice)
    columns = load_log(against, choice) if against else None
    counted = None
    if noise:
        from nntf_cli.noise import with_p_values

        result, flows = fingerprint_with_noise(run, split, choice, columns, diagonal=flow_form == "npy")
        result = with_p_values(result)
        counted = flows if transitions_out else None
    elif transitions_out:
        result, counted = fingerprint_with_flows(run, split, choice, columns, diagonal=flow_form == "npy")
    else:
        result = fingerprint_of(run, split, choice, columns)
    outputs: dict[str | None, Writer] = {}
    if counted is not None:
        outputs[transitions_out] = lambda stream: write_transitions(stream, counted, flow_form)
    outputs[output] = lambda stream: write_matrix(stream, result, form)
    deliver(outputs, files_of([address, against]), binary=form != "csv")


def _refuse_bare(form: Format) -> None:
    if form not in ("npz", "h5"):
        raise click.UsageError(f"--noise-floor goes with npz and h5: {form} holds one matrix")


def _write_each(
    logs: Sequence[str], choice: Choice, against: str | None, folder: str | None, form: Format, *, noise: bool
) -> int:
    """Write a file for each log, named after it; return the code of the first that is bad."""
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.jobs import run_each
    from nntf_cli.cli.outputs import files_for, refuse_any

    if noise:
        _refuse_bare(form)
    if folder is None or (os.path.exists(folder) and not os.path.isdir(folder)):
        raise click.UsageError("several logs need a directory to write to: -o DIR/")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made ({error.strerror})", "name another directory", where=folder) from error
    targets = files_for(logs, folder, form)
    refuse = refuse_any(files_of([*logs, against]))

    def write(log: str) -> None:
        refuse(targets[log])
        _write_one(log, choice, against, targets[log], form, None, noise=noise)

    begin(choice, logs, against)
    return run_each(list(targets), write, "logs")[0]
