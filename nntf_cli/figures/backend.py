"""The one place where matplotlib is imported for the first time, whatever the surroundings.

Three things outside of nntf could otherwise break or change that import: ``MPLBACKEND`` naming a backend that
does not exist, a home folder that cannot be written (two lines on stderr), a damaged ``matplotlibrc`` in the
current folder. :mod:`nntf_cli.figures` imports this module before any other of its own.
"""

from __future__ import annotations

import logging
import os

from nntf_cli.errors import InputError, OutputError


def import_matplotlib() -> None:
    """Import matplotlib, its font list included, unless that is done already.

    matplotlib keeps its font list in the folder ``MPLCONFIGDIR`` or in the user's own; where that cannot be
    written it sets ``MPLCONFIGDIR`` to a new private folder, removed at exit, and warns. The warning is held
    back, for pictures do not depend on it. ``MPLBACKEND`` is put back afterwards.

    Raises
    ------
    InputError
        The ``matplotlibrc`` that matplotlib reads at import is not text, or may not be read.
    OutputError
        Not even a temporary folder can be made.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    backend = os.environ.pop("MPLBACKEND", None)
    logger.setLevel(logging.ERROR)
    try:
        import matplotlib.font_manager  # noqa: F401  done for its effect
    except (UnicodeDecodeError, PermissionError) as error:
        raise InputError(
            f"matplotlib cannot read its settings ({error})",
            "remove the file 'matplotlibrc' from the current folder",
        ) from error
    except OSError as error:
        raise OutputError(
            f"matplotlib has no folder to write its font list to ({error})",
            "set MPLCONFIGDIR to a writable folder",
        ) from error
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


import_matplotlib()
