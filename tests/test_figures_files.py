"""The bytes of figures, hostile text and surroundings, and the text and ticks themselves."""

import os
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from drawing import (
    HOSTILE,
    SMALL,
    axes_called,
    cell_colors,
    make_axis,
    make_fingerprint,
    pixels,
    random_flows,
    texts,
)
from nntf_cli.errors import ParameterError
from nntf_cli.figures import (
    Style,
    draw_fingerprint,
    draw_panels,
    draw_transitions,
    encode,
)
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.text import fit, number, plain
from nntf_cli.figures.ticks import step_ticks, value_ticks
from nntf_cli.model import Axes, Fingerprint

# Files and surroundings


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_same_input_same_bytes(fmt):
    first, second = (encode(draw_fingerprint(make_fingerprint(5, [1, 0, 2, 3, 4]), style=SMALL), fmt) for _ in range(2))
    assert first == second
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[fmt])
    assert b"CreationDate" not in first
    assert b"dc:date" not in first
    assert b"Software" not in first


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_hostile_text_is_drawn_as_it_is(fmt):
    axis = make_axis(4, run=HOSTILE, split="a\\b$")
    fingerprint = Fingerprint(make_fingerprint(4).distances, Axes(axis, axis), "flows", "flows")
    figures = [
        draw_fingerprint(fingerprint, style=SMALL),
        draw_panels([fingerprint], [HOSTILE], style=replace(SMALL, title=HOSTILE)),
        draw_transitions(random_flows(2), [0], class_names=[HOSTILE, "$", "\\frac{1}{0", ""], style=SMALL),
        draw_transitions(random_flows(9), None, class_names=["\u4e2d\u6587", "b", "c", "d"], title=HOSTILE),
    ]
    for figure in figures:
        data = encode(figure, fmt)
        assert b"<script" not in data
        assert b"\x07" not in data or fmt != "svg"


def test_unknown_formats_and_colour_maps_are_refused():
    with pytest.raises(ParameterError, match="not a picture format"):
        encode(draw_fingerprint(make_fingerprint(2), style=SMALL), "gif")
    with pytest.raises(ParameterError, match="viridis, cividis"):
        Style(cmap="nonsense")
    for wrong in ({"size": 0}, {"size": float("nan")}, {"dpi": 1}):
        with pytest.raises(ParameterError):
            Style(**wrong)


def test_colour_map_and_title_can_be_chosen():
    fingerprint = make_fingerprint(4)
    figure = draw_fingerprint(fingerprint, style=replace(SMALL, cmap="cividis", title="mine"))
    cells = cell_colors(figure, axes_called(figure, "heatmap")[0], (4, 4))
    expected = matplotlib.colormaps["cividis"](fingerprint.distances, bytes=True)[..., :3]
    np.testing.assert_array_equal(cells, expected)
    assert "mine" in texts(figure)


SCRIPT = """
import sys
import numpy as np
from nntf_cli.figures import Style, draw_fingerprint, encode
from nntf_cli.model import Axes, Axis, Fingerprint
axis = Axis(run="$a$")
data = encode(draw_fingerprint(Fingerprint(np.eye(3), Axes(axis, axis)), style=Style(1, 100)), sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
assert "numba" not in sys.modules and "click" not in sys.modules and "pandas" not in sys.modules
sys.stdout.buffer.write(data)
"""


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_surroundings_change_nothing(tmp_path, fmt):
    tree = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MPL", "XDG", "COV"))}
    environment["PYTHONPATH"] = tree
    hostile = {"MPLBACKEND": "nonsense", "HOME": "/dev/null/home", "XDG_CONFIG_HOME": "/dev/null/x"}
    (tmp_path / "matplotlibrc").write_text(
        "figure.facecolor: red\nimage.interpolation: bilinear\nfont.size: 30\nsavefig.dpi: 11\n"
        "savefig.bbox: tight\naxes.facecolor: nonsense\nsvg.fonttype: none\ntext.usetex: True\n"
    )
    command = [sys.executable, "-c", SCRIPT, fmt]
    (tmp_path / "plain").mkdir()
    calm = subprocess.run(command, env=environment, cwd=tmp_path / "plain", capture_output=True, check=True)
    rough = subprocess.run(command, env=environment | hostile, cwd=tmp_path, capture_output=True, check=True)
    assert rough.stdout == calm.stdout
    assert rough.stderr == b""


def test_the_callers_settings_are_left_alone():
    with matplotlib.rc_context({"font.size": 23.0, "figure.facecolor": "red"}):
        figure = draw_fingerprint(make_fingerprint(3), style=SMALL)
        assert (pixels(figure)[0, 0] == 255).all()
        assert matplotlib.rcParams["font.size"] == 23.0


# Text and ticks


def test_plain_text():
    assert plain("a\tb\nc\x00\x7f\ud800\u202e") == "a b c\ufffd\ufffd\ufffd\ufffd"
    assert plain("épée 中") == "épée 中"


def test_text_is_cut_to_its_room():
    assert fit("short", 8, 100) == "short"
    cut = fit("x" * 5000, 8, 100)
    assert cut.endswith("…")
    assert 5 < len(cut) < 40


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9999, "9999"),
        (12345, "12,345"),
        (0.25, "0.25"),
        (-0.5, "\u22120.5"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333"),
        (1e30, "1e+30"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("steps", "labels"),
    [
        (np.arange(1, 50) * 10, ["50", "100", "150", "200", "250", "300", "350", "400", "450"]),
        (np.array([1, 2, 3, 5, 10, 100]), ["1", "2", "3", "5", "10", "100"]),
        (np.array([7]), ["7"]),
        (np.arange(1, 2001) * 391, None),
        (np.cumsum(np.arange(1, 300)) * 7 + 3, None),
        (np.arange(5) - 2**62, None),
    ],
)
def test_step_ticks(steps, labels):
    chosen, texts = step_ticks(steps, 600 / len(steps), lambda labels: 30)
    assert len(chosen) == len(texts) <= 9
    assert np.all(np.diff(chosen) * 600 / len(steps) >= 30)
    if labels is not None:
        assert texts == labels
    else:
        assert len(texts) >= 3


@pytest.mark.parametrize(
    ("low", "high", "whole", "values"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-0.3, 0.3, False, [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
        (0, 2, True, [0, 1, 2]),
        (5, 5, False, [5]),
    ],
)
def test_value_ticks(low, high, whole, values):
    assert value_ticks(low, high, 6, whole=whole) == pytest.approx(values)


def test_page_holds_everything():
    page = Page(Style(size=1, dpi=100))
    page.axes(Box(-30, -20, 50, 40))
    page.text(200, 5, "to the right")
    figure = page.finish()
    width, height = figure.bbox.size
    assert width > 230
    assert height > 40
