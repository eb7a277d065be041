"""``nntf info``: what is in a label log."""

from __future__ import annotations

import math
from typing import Any

import click

from nntf_cli.cli import options
from nntf_cli.cli.options import Choice
from nntf_cli.errors import NntfError
from nntf_cli.wording import quantity


@click.command("info")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@options.jobs
@options.limits
@options.quiet
@click.pass_context
def command(ctx: click.Context, logs: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Say what is in LOG: layout, splits, snapshots, samples, classes, scalars, hyperparameters, what is odd.

    All labels are read and validated. For a file of several runs, and for several logs, the runs are listed; name one
    as FILE::GROUP. A bad one is reported and the others are done.

    \b
      nntf info run.h5
      nntf info sweep.h5::wd_0.01
      nntf info sweep/*.h5
      nntf info run.h5 --json | jq .splits.train.n_quiet
    """
    import json

    from nntf_cli.artifacts.tables import printable
    from nntf_cli.cli.inputs import read_stdin
    from nntf_cli.cli.stdout import write_text

    if logs.count("-") > 1:
        raise click.UsageError("stdin (-) can be read only once")
    data = read_stdin() if "-" in logs else None
    runs = _runs(logs, data)
    code, facts = _describe_each(runs, data)
    if runs == list(logs) and len(runs) == 1:
        content: Any = facts[0] if facts else None
        text = _as_text(content) if facts else []
    elif len(logs) == 1:
        content, text = {"source": logs[0], "runs": facts}, _several_as_text(f"{logs[0]}: ", facts)
    else:
        content, text = {"runs": facts}, _several_as_text("", facts)
    if content is not None and as_json:
        write_text(json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    elif content is not None:
        write_text("".join(printable(line) + "\n" for line in text))
    ctx.exit(code)


def _runs(logs: tuple[str, ...], data: bytes | None) -> list[str]:
    """Return the addresses of all runs; a log that cannot be opened stands for itself, and will be reported."""
    from nntf_cli.labellog import runs_of

    addresses = []
    for log in logs:
        try:
            runs = runs_of(log, data if log == "-" else None)
        except NntfError:
            runs = []
        addresses += [f"{log}::{run}" for run in runs] if len(runs) > 1 else [log]
    return addresses


def _describe_each(addresses: list[str], data: bytes | None) -> tuple[int, list[dict[str, Any]]]:
    from nntf_cli.cli.inputs import load_log
    from nntf_cli.cli.jobs import run_each
    from nntf_cli.labellog import describe

    def described(address: str) -> dict[str, Any]:
        piped = data if address.split("::")[0] == "-" else None
        return describe(load_log(address, Choice(), piped, say_warnings=False))

    return run_each(addresses, described, "runs")


def _finite(content: Any) -> Any:
    """Return the same with null for nan and infinity, which JSON does not have."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _several_as_text(head: str, runs: list[dict[str, Any]]) -> list[str]:
    from nntf_cli.artifacts.cells import left, width

    widest = max((width(run["source"]) for run in runs), default=0)
    return [f"{head}{quantity(len(runs), 'run')}; name one of them"] + [
        f"  {left(run['source'], widest)}  {quantity(run['n_snapshots'], 'snapshot')}, {_classes(run)}, "
        f"{', '.join(run['splits'])}"
        for run in runs
    ]


def _as_text(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"{facts['source']}",
        _line("run", facts["name"]),
        _line("layout", facts["layout"]),
        _line("snapshots", f"{facts['n_snapshots']}, {_steps(facts['steps'])}"),
        _line("classes", _classes(facts) + _listed(facts["class_names"])),
    ]
    for name, split in facts["splits"].items():
        lines.append(_line(f"split {name}", _split(split)))
        lines += [_line("", text) for text in _movement(split)]
    for name, scalar in facts["scalars"].items():
        lines.append(_line(name, _scalar(scalar)))
    if facts["hparams"]:
        lines.append(_line("hparams", ", ".join(f"{k}={v}" for k, v in facts["hparams"].items())))
    lines += [_line("warning", warning) for warning in facts["warnings"]]
    return lines


def _line(head: str, text: str) -> str:
    from nntf_cli.artifacts.cells import left

    return f"  {left(head, 16)}{text}".rstrip()


def _steps(steps: dict[str, Any]) -> str:
    if steps["first"] == steps["last"]:
        return f"step {steps['first']}"
    spacing = f"every {steps['every']}" if steps["every"] else "unevenly spaced"
    return f"steps {steps['first']} to {steps['last']}, {spacing}"


def _classes(facts: dict[str, Any]) -> str:
    return quantity(facts["n_classes"], "class")


def _listed(names: list[str] | None) -> str:
    if not names:
        return ""
    return f" ({', '.join(names[:10])}{', ...' if len(names) > 10 else ''})"


def _split(split: dict[str, Any]) -> str:
    extras = [text for key, text in (("true_labels", "true labels"), ("ids", "ids")) if split[key]]
    missing = f", {quantity(split['n_missing'], 'label')} missing" if split["n_missing"] else ""
    return quantity(split["n_samples"], "sample") + "".join(f", {text}" for text in extras) + missing


def _movement(split: dict[str, Any]) -> list[str]:
    if not split["n_transitions"]:
        return []
    lines = [
        f"moved per transition: first {split['moved_first']:,}, median {split['moved_median']:,g}, "
        f"last {split['moved_last']:,}"
    ]
    if split["n_quiet"]:
        rest = f", quiet from step {split['quiet_from_step']}" if split["quiet_from_step"] is not None else ""
        lines.append(f"quiet: {split['n_quiet']} of {quantity(split['n_transitions'], 'transition')}{rest}")
    return lines


def _scalar(facts: dict[str, Any]) -> str:
    def number(value: float | None) -> str:
        return "not finite" if value is None else f"{value:.6g}"

    best = f", best {number(facts['best'])} at step {facts['best_step']}" if "best" in facts else ""
    return f"first {number(facts['first'])}, last {number(facts['last'])}{best}"
