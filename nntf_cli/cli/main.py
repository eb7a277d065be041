"""The console script ``nntf``: it takes over signals before anything else is imported, which takes a while."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nntf_cli.cli import signals


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``nntf`` and leave the process with its exit code."""
    signals.arm()
    from nntf_cli.cli import boundary
    from nntf_cli.cli.group import invoke

    sys.exit(boundary.run(invoke, arguments))
