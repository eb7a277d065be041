"""``nntf fingerprint``: from a label log to its distance matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nntf_cli.cli import options
from nntf_cli.cli.options import Choice

if TYPE_CHECKING:
    from nntf_cli.files.atomic import Writer

FORMATS = ("npy", "csv", "npz", "h5")
TRANSITION_FORMATS = ("npz", "h5", "csv", "npy")


@click.command("fingerprint", short_help="Compute the distance matrix of a training run.")
@click.argument("log")
@options.output("the matrix")
@options.fmt(FORMATS, "npy")
@options.split
@options.snapshots
@options.distance
@click.option("--against", metavar="LOG", help="Cross fingerprint: columns from this run of the same samples.")
@click.option(
    "--transitions-out", metavar="FILE",
    help="Also write the transitions: .npz, .h5 or .csv lists the flows (from_step, to_step, from, to, count), "
    ".npy holds dense (P, C, C) int64 matrices with their diagonals.",
)  # fmt: skip
@options.force
@options.quiet
def command(
    log: str, output: str | None, fmt: str | None, split: str | None, every: int, from_step: int | None,
    to_step: int | None, metric: str, normalize: str | None, against: str | None, transitions_out: str | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Compute the training fingerprint of LOG: the distance between every two of its transitions.

    A transition is what moves from class to class between two snapshots; 0 means that the same samples' worth of
    moves happened, 1 that none is shared. LOG is an HDF5 or NPZ label log, FILE::GROUP one of several runs in a
    file, - stdin. Written are P x P float64 values, P one less than the snapshots: as a bare matrix (.npy), with
    steps (.csv), or with everything known of the run (.npz, .h5).

    \b
      nntf fingerprint run.h5 -o D.npy
      nntf fingerprint run.h5 --split test --every 10 -o test.csv
      nntf fingerprint run.h5 -t npz | nntf rqa -
    """
    from nntf_cli.artifacts.matrices import write_matrix
    from nntf_cli.artifacts.transitions import write_transitions
    from nntf_cli.cli.inputs import files_of, load_log
    from nntf_cli.cli.outputs import deliver, pick_format
    from nntf_cli.fingerprint import fingerprint, flows

    if output is not None and output == transitions_out:
        raise click.UsageError("-o and --transitions-out name the same file")
    if log == against == "-":
        raise click.UsageError("stdin (-) can be read only once")
    choice = Choice(every=every, from_step=from_step, to_step=to_step)
    form = pick_format(output, fmt, FORMATS, "npy")
    outputs: dict[str | None, Writer] = {}
    run = load_log(log, choice)
    flow_form = pick_format(transitions_out, None, TRANSITION_FORMATS, "csv")
    counted = flows(run, split, diagonal=flow_form == "npy") if transitions_out else None
    if counted is not None:
        outputs[transitions_out] = lambda stream: write_transitions(stream, counted, flow_form)
    result = fingerprint(
        run, split, metric=metric, normalize=normalize, counted=counted,
        against=load_log(against, choice) if against else None,
    )  # fmt: skip
    outputs[output] = lambda stream: write_matrix(stream, result, form)
    deliver(outputs, files_of([log, against]), binary=form != "csv")
