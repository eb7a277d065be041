"""The samples that a torch model is evaluated on, each once per pass and always in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset, RandomSampler, SequentialSampler

from nntf_cli.errors import ParameterError

#: Samples per batch of a data set that comes without a loader.
BATCH_SIZE = 256

#: What a batch that is a mapping calls its true classes.
_TARGETS = ("labels", "label", "targets", "target")


class Samples:
    """The samples of one split.

    Parameters
    ----------
    split : str
        Its name, for messages.
    source : DataLoader, Dataset or iterable of batches
        A loader's data set is read in its own order, by a loader made for it, whether the given one shuffles or not.
        Other iterables must give the same batches in the same order every time.

    Raises
    ------
    ParameterError
        The order of the samples is not known, or cannot be had twice.
    """

    def __init__(self, split: str, source: Any) -> None:
        self.split, self.n_samples = split, 0
        self.batches_given = _in_order(source, split)
        self.true: np.ndarray | None = None
        self._targets: np.ndarray | None = None

    def survey(self, true: Any = None) -> Any:
        """Read the samples once, count them, note their true classes unless they are given, and return a batch.

        A data set with a length need not be read where true classes are given.

        Raises
        ------
        ParameterError
            There are none, or they are others when they are read again.
        """
        first = next(iter(self.batches_given), None)
        if first is None:
            raise ParameterError(f"split '{self.split}' has no samples")
        if not _is_same(first, next(iter(self.batches_given))):
            raise ParameterError(
                f"split '{self.split}' gives other values each time it is read",
                "record from a data set that is neither augmented nor shuffled",
            )
        if true is not None and isinstance(self.batches_given, DataLoader):
            self.n_samples = len(self.batches_given.dataset)
            return first
        found = []
        for batch in self.batches_given:
            found.append(target_of(batch))
            self.n_samples += _size(batch)
        known = [target for target in found if target is not None]
        if len(known) == len(found):
            self._targets = np.concatenate(known)
            self.true = self._targets if true is None else None
        return first

    def batches(self) -> Iterator[tuple[slice, Any]]:
        """Yield batches, and which samples they are of.

        Raises
        ------
        ParameterError
            They are not those that were surveyed.
        """
        begin = 0
        for batch in self.batches_given:
            where = slice(begin, begin + _size(batch))
            begin = where.stop
            if begin > self.n_samples or self._is_other(where, target_of(batch)):
                break
            yield where, batch
        else:
            if begin == self.n_samples:
                return
        raise ParameterError(
            f"split '{self.split}' gives other samples, or another order of them, than at first",
            "record from a loader that does not shuffle, or from the data set",
        )

    def _is_other(self, where: slice, target: np.ndarray | None) -> bool:
        if self._targets is None or target is None:
            return False
        return not np.array_equal(self._targets[where], target)


def _in_order(source: Any, split: str) -> Iterable[Any]:
    if isinstance(source, DataLoader):
        require_known_order(source, split)
        # of its own: the given one may be in use for training, with workers that persist and a generator that is seeded
        return DataLoader(
            source.dataset,
            batch_size=source.batch_size,
            num_workers=source.num_workers,
            collate_fn=source.collate_fn,
            timeout=source.timeout,
            worker_init_fn=source.worker_init_fn,
            multiprocessing_context=source.multiprocessing_context,
            generator=torch.Generator(),
        )
    if hasattr(source, "__getitem__") and hasattr(source, "__len__") and not isinstance(source, (list, tuple, Mapping)):
        return DataLoader(source, batch_size=BATCH_SIZE, generator=torch.Generator())
    if not hasattr(source, "__iter__") or iter(source) is source:
        raise ParameterError(
            f"split '{split}' is {type(source).__name__}, which cannot be read twice",
            "give a DataLoader, a data set or a list of batches",
        )
    return source


def require_known_order(loader: DataLoader[Any], split: str, *, shuffled: bool = True) -> None:
    """Refuse a loader that does not draw every sample of its data set once.

    Parameters
    ----------
    loader : DataLoader
        The loader.
    split : str
        What messages call it.
    shuffled : bool
        Whether any order will do, since it is read in another.

    Raises
    ------
    ParameterError
        It draws some samples only, or several times, or from a stream, or shuffles where it must not.
    """
    if isinstance(loader.dataset, IterableDataset):
        raise ParameterError(
            f"split '{split}' is a stream (IterableDataset), whose samples have no fixed order",
            "record from a data set with a length",
        )
    sampler = loader.sampler
    takes_all = isinstance(sampler, (SequentialSampler, DistributedSampler)) or (
        isinstance(sampler, RandomSampler)
        and not sampler.replacement
        and sampler.num_samples == len(sampler.data_source)
    )
    if loader.batch_size is None or not takes_all:
        how = type(loader.batch_sampler if loader.batch_size is None else sampler).__name__
        raise ParameterError(
            f"split '{split}' is drawn by {how}, so it is not known which samples it has",
            "record from DataLoader(Subset(dataset, indices), batch_size=...)",
        )
    if not shuffled and not isinstance(sampler, SequentialSampler):
        raise ParameterError(f"split '{split}' is shuffled, and nothing says which sample is which", "shuffle=False")


def split_batch(batch: Any) -> tuple[Any, Any]:
    """Return a batch's inputs and its true classes, where it has some."""
    if isinstance(batch, Mapping):
        target = next((batch[name] for name in _TARGETS if name in batch), None)
        return {name: value for name, value in batch.items() if name not in _TARGETS}, target
    if isinstance(batch, (tuple, list)):
        return batch[0], batch[1] if len(batch) > 1 else None
    return batch, None


def target_of(batch: Any) -> np.ndarray | None:
    """Return the true classes of a batch, if that is what its targets are."""
    target = split_batch(batch)[1]
    if isinstance(target, torch.Tensor) and target.ndim == 1 and not target.is_floating_point():
        return target.detach().cpu().numpy().astype(np.int64)
    return None


def moved(batch: Any, device: torch.device) -> Any:
    """Return a batch on a device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {name: moved(value, device) for name, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(moved(value, device) for value in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(moved(value, device) for value in batch)
    return batch.to(device) if hasattr(batch, "to") else batch


def _tensors(batch: Any) -> Iterator[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        yield batch
    elif isinstance(batch, (tuple, list, Mapping)):
        for value in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _tensors(value)


def _size(batch: Any) -> int:
    tensor = next(_tensors(batch), None)
    size = getattr(batch, "num_graphs", None) if tensor is None else tensor.shape[0]
    if size is None:
        raise ParameterError(f"a batch is {type(batch).__name__}, without a tensor", "give tensors first in a batch")
    return int(size)


def _is_same(one: Any, other: Any) -> bool:
    pairs = zip(_tensors(one), _tensors(other), strict=False)
    return all(a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all()) for a, b in pairs)
