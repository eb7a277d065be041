"""What a reader of a layout yields: snapshots in any order, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nntf_cli.model import Scalar


@dataclass(frozen=True)
class Snapshot:
    """The predictions of one split at one step."""

    step: int
    predicted: np.ndarray  #: (N,) labels, numbers or text; or (N, C) scores, of which the largest counts
    where: str  #: for messages
    ids: Sequence[Any] | None = None  #: (N,) int or str; without them a sample is its position
    scalars: Mapping[str, float] = field(default_factory=dict)
    split: str = ""  #: where one source has several; else the one asked for


@dataclass(frozen=True)
class TrueLabels:
    """True classes, of the samples with these ids or of all by position."""

    labels: np.ndarray  #: (N,)
    where: str
    ids: Sequence[Any] | None = None
    split: str = ""


@dataclass(frozen=True)
class SampleIds:
    """Identities of samples that the snapshots list without them."""

    ids: Sequence[Any]
    where: str


@dataclass(frozen=True)
class ClassNames:
    """Names of the classes 0, 1, ..."""

    names: Sequence[str]
    where: str


@dataclass(frozen=True)
class ClassCount:
    """There are at least so many classes, for so many have scores."""

    n_classes: int


@dataclass(frozen=True)
class Hparams:
    """Hyperparameters of the run."""

    values: Mapping[str, Scalar]


@dataclass(frozen=True)
class ScalarRows:
    """Scalars that were logged at steps of their own."""

    rows: Sequence[Mapping[str, float]]  #: what was logged at once, and when
    keys: Sequence[str]  #: names that say when; the one that counts what the snapshots count is taken
    where: str


@dataclass(frozen=True)
class Remark:
    """Something that was assumed, to be told."""

    text: str


#: Where a layout has turned scores into labels by itself.
BY_SCORES = Remark("labels are the classes with the largest score")


Item = Snapshot | TrueLabels | SampleIds | ClassNames | ClassCount | Hparams | ScalarRows | Remark


@dataclass(frozen=True)
class Options:
    """What the user says about the sources."""

    axis: int | None = None  #: along which the snapshots of one array lie: 0 rows, 1 columns


#: Reads the sources of one layout.
Reader = Callable[[Sequence[str], Options], Iterator[Item]]


class Layout(NamedTuple):
    """A layout that is read."""

    name: str  #: for ``--from``
    words: str  #: what it is
    read: Reader
    split: str = "train"  #: which samples these are, unless one says
