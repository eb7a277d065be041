"""Record what pyunicorn says of some recurrence matrices, in ``rqa_pyunicorn.json`` beside this file.

Run by hand, in an environment with pyunicorn (it has no wheel and compiles with a C compiler):

    pip install pyunicorn
    python tests/golden/make_rqa_golden.py

The tests read the JSON and need numpy only: `matrix` below makes each matrix anew from its recipe and seed,
and the recorded sha256 tells whether it is the same matrix.

What pyunicorn 1.0.0 counts, read from its source (``timeseries/recurrence_plot.py`` and
``timeseries/_ext/numerics.pyx``):

- ``R`` may be set from outside: with ``skip_recurrence=True`` the constructor makes none, and the measures
  use nothing but ``R`` and ``N``.
- Diagonal lines: ``_line_dist`` visits the diagonals I - j = N-1 ... 1, that is one triangle (the lower one;
  a comment there says upper) without the main diagonal, and ``diagline_dist`` returns twice that count. So
  the histogram is that of both triangles, as ours, for a symmetric matrix.
- Vertical lines: all N lines, main diagonal kept. It walks along rows, ``R[i, j]`` with j running, which for
  a symmetric matrix is the same as along columns. No line is shortened for being as long as the matrix.
- Entry l - 1 of a histogram is the number of lines l long. ``max_*length`` is over lines of any length, 0 if
  there is none.
- DET, LAM, L and TT divide by (denominator + 1e-8), the two entropies use p = h / (sum of h + 1e-8). A value
  that is undefined therefore comes out as 0, and the entropy of equally long lines as about 1e-8 / (number of
  lines), not 0. Everything else agrees to a relative 1e-8 or so.
- White vertical lines: it counts those that touch the border of the matrix too, which are no recurrence times. So
  they are recorded of the matrix in a frame of recurrent points (`framed`), where there are none of those.
- ``recurrence_rate`` is the sum of R over N^2, main diagonal included.
"""

import hashlib
import json
import platform
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("rqa_pyunicorn.json")
L_MIN = V_MIN = 2

SIZES = (5, 12, 30, 49, 80)
# Recipe, its grid, and the bands (lo, hi, is hi closed) in which most of its matrices have points.
RECIPES = (
    ("uniform", 0, ((0.0, 0.05, False), (0.2, 0.5, False), (0.95, 1.0, True))),
    ("grid", 4, ((0.0, 0.05, False), (0.25, 0.3, False), (0.25, 0.8, False), (0.75, 1.0, True))),
    ("walk", 8, ((0.0, 0.05, False), (0.0, 0.25, True), (0.1, 0.3, False), (0.5, 1.0, True))),
    ("loop", 5, ((0.0, 0.05, False), (0.2, 0.25, False), (0.2, 0.6, False), (0.95, 1.0, True))),
    ("converged", 10, ((0.0, 0.05, False), (0.3, 0.7, False), (0.95, 1.0, True))),
    ("frozen", 0, ((0.0, 0.05, False), (0.5, 0.55, False))),
)


def matrix(recipe, seed, size, grid):
    """Symmetric (size, size) float64 in [0, 1] with a zero diagonal.

    ``grid`` is the number of steps it is quantised to, so that lines occur (0: it is not, or has no need).
    Integers are drawn and divided once, so every machine makes the same bytes.
    """
    rng = np.random.default_rng(seed)
    if recipe == "frozen":
        return np.zeros((size, size))
    if recipe == "uniform":
        upper = np.triu(rng.random((size, size)), 1)
        return upper + upper.T
    if recipe == "grid":
        upper = np.triu(rng.integers(0, grid + 1, (size, size)), 1)
        return (upper + upper.T) / grid
    if recipe == "walk":  # a slow walk lingers: long vertical lines
        state = np.cumsum(rng.integers(-1, 2, size))
        return np.minimum(np.abs(state[:, None] - state[None, :]), grid) / grid
    if recipe == "loop":  # a cycle with a tenth of it disturbed: long and broken diagonal lines
        state = np.arange(size) % grid
        disturbed = rng.random(size) < 0.1
        state = np.where(disturbed, rng.integers(0, grid, size), state)
        return np.abs(state[:, None] - state[None, :]) / grid
    if recipe == "converged":  # at 0 within the quiet second half, at 1 between it and the first
        upper = np.triu(rng.integers(0, grid + 1, (size, size)), 1)
        D = (upper + upper.T) / grid
        D[size // 2 :, :] = 1.0
        D[:, size // 2 :] = 1.0
        D[size // 2 :, size // 2 :] = 0.0
        return D
    raise ValueError(f"unknown recipe {recipe!r}")


def binarise(D, lo, hi, hi_closed):
    """The recurrence matrix of one band: lo <= D < hi, or <= hi if ``hi_closed``."""
    below = D <= hi if hi_closed else D < hi
    return (lo <= D) & below


def sha256(D):
    """Of the matrix's bytes as little-endian float64 in C order."""
    return hashlib.sha256(np.ascontiguousarray(D, dtype="<f8").tobytes()).hexdigest()


def _histogram(counts):
    """Only the lengths that occur, as JSON wants keys: {"length": number of lines}."""
    return {str(i + 1): int(count) for i, count in enumerate(counts) if count}


def framed(B):
    """B within a frame of recurrent points: its first and last rows and columns."""
    F = B.copy()
    F[[0, -1], :] = F[:, [0, -1]] = True
    return F


def measure_white(B):
    """What pyunicorn says of the white vertical lines of the boolean matrix B."""
    from pyunicorn.timeseries import RecurrencePlot

    plot = RecurrencePlot(np.zeros(len(B)), skip_recurrence=True, silence_level=2)
    plot.R = B.astype("int8")
    plot.N = len(B)
    return {
        "mean_recurrence_time": float(plot.mean_recurrence_time()),
        "max_white_vertlength": int(plot.max_white_vertlength()),
        "white_vert_entropy": float(plot.white_vert_entropy()) + 0.0,
        "white_vertline_counts": _histogram(plot.white_vertline_dist()),
    }


def measure(B):
    """Every measure pyunicorn has for the black lines of the boolean matrix B."""
    from pyunicorn.timeseries import RecurrencePlot

    plot = RecurrencePlot(np.zeros(len(B)), skip_recurrence=True, silence_level=2)
    plot.R = B.astype("int8")
    plot.N = len(B)
    # The histograms are cached by attributes that do not include R: a fresh object and an empty cache.
    RecurrencePlot.diagline_dist.cache_clear()
    RecurrencePlot.vertline_dist.cache_clear()
    diagonals, verticals = plot.diagline_dist(), plot.vertline_dist()
    lengths = np.arange(1, len(B) + 1)
    if lengths @ verticals != B.sum() or lengths @ diagonals != B.sum() - np.trace(B):
        raise RuntimeError("the histograms are not those of this matrix")
    values = {
        "determinism": plot.determinism(l_min=L_MIN),
        "average_diaglength": plot.average_diaglength(l_min=L_MIN),
        "diag_entropy": plot.diag_entropy(l_min=L_MIN),
        "laminarity": plot.laminarity(v_min=V_MIN),
        "trapping_time": plot.trapping_time(v_min=V_MIN),
        "vert_entropy": plot.vert_entropy(v_min=V_MIN),
        "recurrence_rate": plot.recurrence_rate(),
    }
    # + 0.0 turns the -0.0 of an empty sum into 0.0.
    measures = {name: float(value) + 0.0 for name, value in values.items()}
    measures["max_diaglength"] = int(plot.max_diaglength())
    measures["max_vertlength"] = int(plot.max_vertlength())
    measures["diagline_counts"] = _histogram(diagonals)
    measures["vertline_counts"] = _histogram(verticals)
    return measures


def main():
    """Write the JSON: a header, then one matrix a line."""
    import pyunicorn

    header = {
        "generated-by": "tests/golden/make_rqa_golden.py",
        "l_min": L_MIN,
        "v_min": V_MIN,
        "versions": {
            "numpy": np.__version__,
            "python": platform.python_version(),
            "pyunicorn": pyunicorn.__version__,
        },
    }
    lines = []
    for recipe, grid, bands in RECIPES:
        for size in SIZES:
            seed = 1000 * size + len(lines)
            D = matrix(recipe, seed, size, grid)
            entry = {"recipe": recipe, "seed": seed, "size": size, "grid": grid, "sha256": sha256(D)}
            entry["bands"] = [
                {"lo": lo, "hi": hi, "hi_closed": hi_closed}
                | measure(binarise(D, lo, hi, hi_closed))
                | {"framed": measure_white(framed(binarise(D, lo, hi, hi_closed)))}
                for lo, hi, hi_closed in bands
            ]
            lines.append(json.dumps(entry))
    head = json.dumps(header, indent=1)[:-2]
    GOLDEN.write_text(head + ',\n "matrices": [\n' + ",\n".join(lines) + "\n ]\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
