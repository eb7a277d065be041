"""Pictures: matrices and transitions in, a matplotlib ``Figure`` out, never a file.

``fingerprint`` draws one matrix, ``band`` its recurrence in a band, ``underneath`` what is aligned to it,
``panels`` several, ``windows`` measures over time, ``transitions`` and ``multiples`` the flows between classes
(``shown`` says of which), ``classes`` how classes fare, in ``stripes``, ``confusion`` which are taken for which,
``pixels`` samples over time, ``explained`` the flows behind one distance, ``looped`` loops. They share ``heatmap`` (one
matrix with axes and colour bar), ``scales`` (colours of values), ``palette`` (of right and wrong, and of classes),
``cells`` (matrix to pixels), ``ticks``, ``layout`` (placement), ``titles`` (of panels), ``greys`` (what grey means),
``chance`` (what pale means), ``text`` and ``style``
(settings, file formats). Figures are made by ``Figure`` and the Agg canvas, never by pyplot, and look the same
whatever a ``matplotlibrc`` says.
"""

import nntf_cli.figures.backend  # noqa: F401  first: imports matplotlib where the surroundings are hostile
from nntf_cli.figures.band import draw_band
from nntf_cli.figures.classes import ClassView, Mark, draw_classes
from nntf_cli.figures.confusion import ConfusionView, draw_confusion
from nntf_cli.figures.explained import Bars, draw_explained
from nntf_cli.figures.fingerprint import draw_difference, draw_fingerprint
from nntf_cli.figures.looped import draw_looped
from nntf_cli.figures.panels import draw_panels
from nntf_cli.figures.pixels import Chart, draw_pixels
from nntf_cli.figures.style import Style, encode
from nntf_cli.figures.transitions import draw_transitions
from nntf_cli.figures.windows import Windowed, draw_windows

__all__ = [
    "Bars",
    "Chart",
    "ClassView",
    "ConfusionView",
    "Mark",
    "Style",
    "Windowed",
    "draw_band",
    "draw_classes",
    "draw_confusion",
    "draw_difference",
    "draw_explained",
    "draw_fingerprint",
    "draw_looped",
    "draw_panels",
    "draw_pixels",
    "draw_transitions",
    "draw_windows",
    "encode",
]
