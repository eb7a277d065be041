"""InstanceFlow's JSON: ``labels``, ``instances`` with ``actual``, and ``epochs`` with ``classifications``.

The layout is that of jku-vds-lab/InstanceFlow, src/data/data.schema.json: ``labels`` are the names of the classes,
``actual`` and ``classifications`` are places in that list, and the n-th classification of an epoch is of the n-th
instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.importing.items import ClassNames, Item, Options, Remark, Snapshot, TrueLabels
from nntf_cli.importing.labels import from_list
from nntf_cli.importing.numbering import steps_of
from nntf_cli.importing.textfiles import json_file

_REMEDY = "see data.schema.json of InstanceFlow"


def is_one(content: Any) -> bool:
    """Return whether JSON has the layout's keys."""
    return isinstance(content, dict) and {"labels", "instances", "epochs"} <= content.keys()


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield the snapshots, true classes and names of an InstanceFlow file."""
    (path,) = sources
    content = json_file(path)
    if not is_one(content):
        raise InputError("has not the keys labels, instances and epochs", _REMEDY, where=path)
    names, instances, epochs = (content[key] for key in ("labels", "instances", "epochs"))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("its labels are no list of names", _REMEDY, where=path)
    yield ClassNames(names, path)
    ids, true = _instances(instances, path)
    if true is not None:
        yield TrueLabels(from_list(true, path), path, ids)
    if not isinstance(epochs, list) or not all(isinstance(epoch, dict) for epoch in epochs):
        raise InputError("its epochs are no list of objects", _REMEDY, where=path)
    yield from _epochs(epochs, ids, path)


def _instances(instances: Any, path: str) -> tuple[list[Any], list[Any] | None]:
    """Return the ids of the samples and their true classes."""
    if not isinstance(instances, list) or not all(isinstance(instance, dict) for instance in instances):
        raise InputError("its instances are no list of objects", _REMEDY, where=path)
    ids = [instance.get("id") for instance in instances]
    if not all(type(i) in (int, str) for i in ids) or len(set(ids)) < len(ids):
        raise InputError("its instances have no ids of their own", "give each a different one", where=path)
    true = [instance.get("actual") for instance in instances]
    return ids, None if None in true else true


def _epochs(epochs: list[dict[str, Any]], ids: list[Any], path: str) -> Iterator[Item]:
    labels = [str(epoch.get("id")) for epoch in epochs]
    if len(epochs) > 1 and all(any(c.isdigit() for c in label) for label in labels):
        steps = steps_of(labels, path)
    else:
        yield Remark("steps are the places of the epochs, from 0")
        steps = list(range(len(epochs)))
    for epoch, step in sorted(zip(epochs, steps, strict=True), key=lambda pair: pair[1]):
        where = f"{path}: epoch {step}"
        found = epoch.get("classifications")
        if not isinstance(found, list) or len(found) != len(ids):
            n_found = len(found) if isinstance(found, list) else "no"
            raise InputError(f"has {n_found} classifications for {len(ids)} instances", _REMEDY, where=where)
        if found and isinstance(found[0], list):
            if len({len(row) if isinstance(row, list) else -1 for row in found}) > 1:
                raise InputError("has scores of different numbers of classes", _REMEDY, where=where)
            yield Snapshot(step, np.stack([from_list(row, where) for row in found]), where, ids)
        else:
            yield Snapshot(step, from_list(found, where), where, ids)
