"""Label logs out of what other programs wrote: one module for each layout, all yielding the same few items.

``recognising`` tells which layout sources have, its module yields snapshots and what stands beside them (``items``),
and ``collecting`` puts them together. ``unpickling`` reads pickles without Python's own machine for them, which would
run what they say.
"""

from nntf_cli.importing.collecting import Collector, Imported
from nntf_cli.importing.items import Hparams, Layout, Options
from nntf_cli.importing.recognising import LAYOUTS, layout_of

__all__ = ["LAYOUTS", "Collector", "Hparams", "Imported", "Layout", "Options", "layout_of"]
