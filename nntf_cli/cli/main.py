"""The console script ``nntf``: it takes over signals before anything else is imported, which takes a while."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from nntf_cli.cli import signals


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``nntf`` and leave the process with its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        A command line from Python, which gets a :class:`SystemExit`. Without it, the process is taken to be ours:
        its arguments are read, its signals handled, and it ends here.
    """
    if arguments is None:
        _occupy_standard_descriptors()
        signals.arm()
    # a product of two large matrices is computed nowhere, and starting a thread for each processor takes time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from nntf_cli.cli import boundary
    from nntf_cli.cli.group import invoke

    code = boundary.run(invoke, arguments)
    if arguments is None:
        boundary.end(code)
    sys.exit(code)


def _occupy_standard_descriptors() -> None:
    """Let nothing be opened in the place of a closed stdout or stderr: libraries would print into it."""
    descriptor = 0
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
