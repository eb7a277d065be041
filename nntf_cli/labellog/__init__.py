"""Label logs: the predicted label of every sample at every snapshot, read from and written to files.

``open_log`` reads every layout that nntf knows and streams the labels; ``write_log`` writes the native layout.
"""

from nntf_cli.labellog.description import describe
from nntf_cli.labellog.reader import is_log, open_log, runs_of
from nntf_cli.labellog.writer import write_log

__all__ = ["describe", "is_log", "open_log", "runs_of", "write_log"]
