"""The group ``nntf``: finds its subcommands when they are asked for."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from nntf_cli import __version__

#: Subcommands in working order, each with what ``nntf --help`` says of it; it lives in the module of its name. That is
#: not asked there, for the help shall not wait for all of them to be loaded.
COMMANDS = {
    "import": "Make a label log of what other programs wrote.",
    "info": "Say what is in label logs.",
    "check": "Name everything that is wrong with label logs.",
    "fingerprint": "Compute the distance matrix of a training run.",
    "diff": "Subtract one fingerprint from another.",
    "rqa": "Quantify recurrence: a table, one row per run or per band.",
    "render": "Draw fingerprints, differences, bands and transitions.",
    "classes": "Tell how every class fares from snapshot to snapshot.",
    "anomalies": "Find the classes of which many samples change at once.",
    "samples": "Tell what became of every sample: learned, forgotten, changed.",
    "explain": "Say what is behind a spot of a fingerprint, and where it goes in loops.",
    "repair": "Save what can be read of a damaged label log.",
    "pack": "Rewrite label logs for size, and several into one file.",
}

#: Commands whose module cannot have their name.
_MODULES = {"import": "importing"}


def _show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from nntf_cli.cli.stdout import write_text

        write_text(ctx.get_help() + "\n")
        ctx.exit()


#: ``-h/--help``, in the place of click's own, which takes a stdout that cannot be written for an error of the program.
_SHOW_HELP = click.Option(
    ["-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=_show_help,
    help="Show this message and exit.",
)  # fmt: skip


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"nntf_cli.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        if _SHOW_HELP not in command.params:
            command.params.append(_SHOW_HELP)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    import platform
    from importlib.metadata import version

    import h5py

    from nntf_cli.cli.stdout import write_text

    write_text(
        f"nntf {__version__} (Python {platform.python_version()}, numpy {version('numpy')}, "
        f"numba {version('numba')}, h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version})\n"
    )
    ctx.exit()


@click.group(cls=_LazyGroup, params=[_SHOW_HELP], context_settings={"help_option_names": []})
@click.option(
    "-V", "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
    help="Show the version, and those of what numbers depend on.",
)  # fmt: skip
def nntf() -> None:
    """See what a classifier does while it trains, from its predicted labels alone.

    A label log holds the predicted class of every sample at every snapshot of a training run. From it nntf computes
    the training fingerprint (the distances between the transitions from snapshot to snapshot), the difference of two
    runs, recurrence quantification, and pictures of all of it.

    \b
      nntf import predictions.csv -o run.h5     a label log, of what you have
      nntf info run.h5                          what is in the file
      nntf fingerprint run.h5 -o D.npy          the distance matrix
      nntf rqa wd_*.h5                          a table, one row per run
      nntf render run.h5 -o run.png             a picture
      nntf fingerprint run.h5 | nntf rqa -      pipes work

    Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 a check found something, 2 wrong usage,
    3 unusable input, 4 output cannot be written, 5 over a limit, 70 a bug.
    """


def invoke(arguments: Sequence[str] | None) -> object:
    """Run a command line and let every failure through: click's own ``main`` would answer some of them itself.

    It takes a closed pipe for exit code 1 and starts a new line on an interrupt.
    """
    if "_NNTF_COMPLETE" in os.environ:
        return nntf.main(arguments, prog_name="nntf")  # a shell asks for completions
    with nntf.make_context("nntf", list(sys.argv[1:] if arguments is None else arguments)) as context:
        return nntf.invoke(context)
