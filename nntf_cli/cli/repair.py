"""``nntf repair``: what is left of a damaged label log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nntf_cli.cli import options
from nntf_cli.wording import plural, quantity

if TYPE_CHECKING:
    from nntf_cli.labellog.repair import Repair


@click.command("repair")
@click.argument("log", metavar="LOG")
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(), help="Write the log here, as HDF5.")
@click.option("--json", "as_json", is_flag=True, help="Print what is lost as JSON.")
@options.force
@options.limits
@options.quiet
def command(log: str, output: str, as_json: bool, quiet: bool) -> None:
    """Save what can be read of LOG into a new log in the native layout, and say exactly what is lost.

    Labels that cannot be read, or are none, become missing; a snapshot of which no label is left is dropped. Where
    steps repeat or go back, as few snapshots as possible are dropped, and of a repeated one the last is kept. Nothing
    is made up: what has no valid value is left out. LOG itself is never changed. Exits 3 if nothing can be saved.

    \b
      nntf repair broken.h5 -o saved.h5
      nntf repair broken.h5 -o saved.h5 --json | jq '.runs[].dropped'
    """
    import json

    from nntf_cli.artifacts.tables import printable
    from nntf_cli.cli.inputs import files_of
    from nntf_cli.cli.outputs import deliver, pick_format
    from nntf_cli.cli.stdout import write_text
    from nntf_cli.labellog.packing import write_runs
    from nntf_cli.labellog.repair import repair_log

    if "-" in (log, output):
        raise click.UsageError("a log is repaired from file to file, which a pipe is not: name both")
    pick_format(output, None, ["h5"], "h5", {"hdf5": "h5"})
    saved, lost = repair_log(log)
    runs = [repaired.run for repaired in saved]
    deliver({output: lambda stream: write_runs(stream, runs, output)}, files_of([log]))
    if as_json:
        content = {"output": output, "runs": [_as_json(one) for one in saved], "lost": [one.source for one in lost]}
        write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    else:
        lines = [line for repaired in saved for line in _as_text(repaired, output)]
        lines += [f"{check.source}: nothing could be saved: {check.violations[0]}" for check in lost]
        write_text("".join(printable(line) + "\n" for line in lines))


def _as_text(repaired: Repair, output: str) -> list[str]:
    address = f"{output}::{repaired.run.group}" if repaired.run.group else output
    n_saved, all_of_them = len(repaired.run.step), quantity(repaired.n_snapshots, "snapshot")
    lines = [f"{repaired.source} -> {address}: {n_saved} of {all_of_them} saved"]
    losses = _losses(repaired)
    lines += [f"  lost: {loss}" for loss in losses] or ["  nothing is lost"]
    return lines + [f"  found: {violation.where}: {violation.cause}" for violation in repaired.violations]


def _losses(repaired: Repair) -> list[str]:
    losses = []
    if repaired.steps_lost:
        step = repaired.run.step
        losses.append(f"the steps: snapshots are numbered, from {step[0]} to {step[-1]}, instead")
    if repaired.dropped:
        n, steps = len(repaired.dropped), _listed([step for _, step in repaired.dropped])
        losses.append(f"{quantity(n, 'snapshot')}, {plural(n, 'number' if repaired.steps_lost else 'step')} {steps}")
    losses += [f"all labels of split '{name}'" for name in repaired.splits]
    for name, labels in repaired.labels.items():
        losses.append(
            f"{quantity(labels.n_labels, 'label')} of split '{name}', now missing, in "
            f"{quantity(len(labels.steps), 'snapshot')}, {plural(len(labels.steps), 'step')} {_listed(labels.steps)}"
        )
    return losses + [violation.where.rpartition(": ")[2] for violation in repaired.others]


def _listed(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps))


def _as_json(repaired: Repair) -> dict[str, Any]:
    return {
        "source": repaired.source,
        "group": repaired.run.group,
        "n_snapshots": repaired.n_snapshots,
        "n_saved": len(repaired.run.step),
        "steps_lost": repaired.steps_lost,
        "dropped": [{"snapshot": number, "step": step} for number, step in repaired.dropped],
        "labels": {name: {"n_missing": lost.n_labels, "steps": lost.steps} for name, lost in repaired.labels.items()},
        "splits": repaired.splits,
        "others": [str(violation.where) for violation in repaired.others],
        "violations": [{"where": violation.where, "cause": violation.cause} for violation in repaired.violations],
    }
