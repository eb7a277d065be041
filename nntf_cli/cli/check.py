"""``nntf check``: everything that is wrong with a label log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nntf_cli.cli import options
from nntf_cli.wording import quantity

if TYPE_CHECKING:
    from nntf_cli.labellog.checking import Check

_FOUND = 1


@click.command("check")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@options.jobs
@options.limits
@options.quiet
@click.pass_context
def command(ctx: click.Context, logs: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Name everything in LOG that its layout does not allow, a line each, and how many there are.

    All of it is read, every block and every checksum; of a file of several runs, all of them. Exits 1 if anything is
    wrong, 0 if nothing is, and then says what was read; 3 where there is no log to be checked.

    \b
      nntf check run.h5
      nntf check sweep/*.h5 && make results
      nntf check run.h5 --json | jq '.logs[].violations'
    """
    import json

    from nntf_cli.artifacts.tables import printable
    from nntf_cli.cli.inputs import read_stdin
    from nntf_cli.cli.jobs import run_each
    from nntf_cli.cli.stdout import write_text
    from nntf_cli.labellog.checking import check_log

    if logs.count("-") > 1:
        raise click.UsageError("stdin (-) can be read only once")
    data = read_stdin() if "-" in logs else None

    def checked(address: str) -> list[Check]:
        return check_log(address, data if address.split("::")[0] == "-" else None)

    code, found = run_each(logs, checked, "logs")
    checks = [check for several in found for check in several]
    n_violations = sum(len(check.violations) for check in checks)
    if as_json:
        content = {"n_violations": n_violations, "logs": [_as_json(check) for check in checks]}
        write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    elif checks:
        lines = [line for check in checks for line in _as_text(check)]
        if n_violations or len(checks) > 1:
            lines.append(_total(n_violations, sum(bool(check.violations) for check in checks), len(checks)))
        write_text("".join(printable(line) + "\n" for line in lines))
    ctx.exit(code or (_FOUND if n_violations else 0))


def _total(n_violations: int, n_bad: int, n_logs: int) -> str:
    if not n_violations:
        return f"nothing wrong in {quantity(n_logs, 'log')}"
    those = f"{n_bad} of " * (n_logs > 1) + quantity(n_logs, "log")
    return f"{quantity(n_violations, 'violation')} in {those}"


def _as_text(check: Check) -> list[str]:
    if check.violations:
        return [str(violation) for violation in check.violations]
    splits = ", ".join(
        f"{name} {quantity(split.n_samples, 'sample')}"
        + (f" ({quantity(split.n_missing, 'label')} missing)" if split.n_missing else "")
        for name, split in check.splits.items()
    )
    snapshots = quantity(check.n_snapshots, "snapshot")
    return [f"{check.source}: nothing wrong: {check.layout}, {snapshots}, {splits}; {_checksums(check)}"]


def _checksums(check: Check) -> str:
    if check.n_checksummed == check.n_arrays:
        return f"checksums of {quantity(check.n_arrays, 'array')} verified"
    if not check.n_checksummed:
        return "no checksums: integrity cannot be verified"
    without = check.n_arrays - check.n_checksummed
    return (
        f"checksums of {quantity(check.n_checksummed, 'array')} verified, "
        f"{quantity(without, 'array')} without checksums: their integrity cannot be verified"
    )


def _as_json(check: Check) -> dict[str, Any]:
    return {
        "source": check.source,
        "layout": check.layout or None,
        "n_snapshots": check.n_snapshots,
        "splits": {
            name: {"n_samples": split.n_samples, "n_missing": split.n_missing} for name, split in check.splits.items()
        },
        "n_arrays": check.n_arrays,
        "n_checksummed": check.n_checksummed,
        "violations": [
            {"where": violation.where, "cause": violation.cause, "remedy": violation.remedy}
            for violation in check.violations
        ],
    }
