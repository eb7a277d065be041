"""Recurrence quantification: bands -> line histograms -> measures -> a summary row per run.

``Settings`` holds what the two conventions need; ``per_band`` measures one matrix in every band; ``summarize``
picks the band that stands for a run; ``summary_rows`` sets runs side by side as the published tables do; ``windows``
cuts a matrix into pieces of time. ``lines`` counts, ``measures`` measures, ``chance`` and ``significance`` say what the
measures are to be read against.
"""

from nntf_cli.rqa.bands import Settings
from nntf_cli.rqa.measures import per_band
from nntf_cli.rqa.summary import Summary, most_adequate, summarize, summary_rows
from nntf_cli.rqa.windows import Window, windows

__all__ = [
    "Settings",
    "Summary",
    "Window",
    "most_adequate",
    "per_band",
    "summarize",
    "summary_rows",
    "windows",
]
