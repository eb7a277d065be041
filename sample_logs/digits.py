"""scikit-learn's 8 x 8 digits, enlarged to 16 x 16 and multiplied by distorted copies.

The plain digits are learned without a mistake within a few epochs, and a training without mistakes moves no
labels. The copies are turned, bent and noisy enough that a small network stays busy for fifty epochs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

SIDE = 16  #: pixels along each side of an enlarged digit
COPIES = 4  #: distorted copies of each original; the originals themselves are left out
N_TEST_ORIGINALS = 450
SEED = 20220

MAX_ROTATION = np.deg2rad(25)
MAX_SHIFT = 2.0  #: enlarged pixels
MAX_STRETCH = 0.18
BEND = 0.7  #: enlarged pixels, standard deviation of the elastic displacement
BEND_SMOOTHNESS = 3.0  #: enlarged pixels over which the displacement hardly varies
NOISE = 0.2  #: standard deviation, where ink is 1 and paper 0


class Images(NamedTuple):
    """One split of the data set."""

    pixels: np.ndarray  #: (N, SIDE, SIDE) float32, about 0 (paper) to 1 (ink)
    true: np.ndarray  #: (N,) int64
    ids: np.ndarray  #: (N,) int64, 10 * (index in load_digits) + (number of the copy)


def load() -> dict[str, Images]:
    """Return ``train`` and ``test``; the copies of one original are all in the same split."""
    digits = load_digits()
    originals = np.arange(len(digits.target))
    train, test = train_test_split(originals, test_size=N_TEST_ORIGINALS, stratify=digits.target, random_state=SEED)
    rng = np.random.default_rng(SEED)
    return {name: _copies(digits, chosen, rng) for name, chosen in [("train", train), ("test", test)]}


def _copies(digits: Bunch, chosen: np.ndarray, rng: np.random.Generator) -> Images:
    """Distort each chosen original ``COPIES`` times, in order of class: neighbours then have like labels."""
    chosen = chosen[np.lexsort([chosen, digits.target[chosen]])]
    source = np.repeat(chosen, COPIES)
    pixels = np.stack([_distorted(digits.images[i] / 16, rng) for i in source]).astype(np.float32)
    copy = np.tile(np.arange(COPIES), len(chosen))
    return Images(pixels, digits.target[source].astype(np.int64), 10 * source + copy)


def _distorted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotate, stretch, shift, bend and enlarge an image in a single interpolation, then add noise."""
    grid = np.indices((SIDE, SIDE), dtype=float) - (SIDE - 1) / 2
    bent = np.einsum("ij,jyx->iyx", _linear_map(rng), grid) + _bend(rng)
    bent += rng.uniform(-MAX_SHIFT, MAX_SHIFT, size=(2, 1, 1))
    scale = (len(image) - 1) / (SIDE - 1)
    drawn = map_coordinates(image, bent * scale + (len(image) - 1) / 2, order=1)
    return drawn + rng.normal(0, NOISE, drawn.shape)


def _linear_map(rng: np.random.Generator) -> np.ndarray:
    """Return a random rotation with a random stretch of each axis, (2, 2)."""
    angle = rng.uniform(-MAX_ROTATION, MAX_ROTATION)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return rotation * rng.uniform(1 - MAX_STRETCH, 1 + MAX_STRETCH, size=2)


def _bend(rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random displacement of every pixel, (2, SIDE, SIDE)."""
    rough = rng.normal(size=(2, SIDE, SIDE))
    smooth = np.stack([gaussian_filter(part, BEND_SMOOTHNESS, mode="wrap") for part in rough])
    return BEND * smooth / smooth.std()
