"""The layouts of a label log: native, flat, one array per snapshot. Each becomes a LabelLog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.store import LABEL_NAMES, Store, StoredArray
from nntf_cli.labellog import checks
from nntf_cli.labellog.labels import SnapshotStack, StoredLabels
from nntf_cli.labellog.native import FORMAT, FORMAT_VERSION
from nntf_cli.labellog.violations import NoLogError, Violations
from nntf_cli.model import NO_MISSING, LabelLog, Scalar, Split
from nntf_cli.wording import quantity

_STEPS = ("iterations", "steps", "epochs")
_TRUE = ("targets", "true")
_RESERVED_ATTRIBUTES = ("num_classes", "schema", "schema_version")
_SPLITLABEL_NAMES = re.compile(r"(.+)_(?:labels|predictions)")
_SCALAR = re.compile(r"(?:.+_)?(?:loss|accuracy)")
_NUMBERED = re.compile(r"(|.*[^0-9])([0-9]{1,18})", re.ASCII | re.DOTALL)
_OTHER_GROUPS = {"hparams", "run", "samples", "classes"}
_NATIVE_NAMES = ("labels", "samples", "snapshots", "classes", "run")
_NOT_SPLITS = {"true", "target", "class", "sample"}  # true_labels are no predictions


@dataclass
class _Parts:
    """What a layout found before it becomes a LabelLog."""

    layout: str
    arrays: dict[str, StoredArray]
    declared: int | None
    violations: Violations
    step: np.ndarray | None = None
    scalars: dict[str, np.ndarray] = field(default_factory=dict)
    hparams: dict[str, Scalar] = field(default_factory=dict)
    true: dict[str, StoredArray] = field(default_factory=dict)
    ids: dict[str, StoredArray] = field(default_factory=dict)
    class_names: tuple[str, ...] | None = None
    missing: dict[str, int] = field(default_factory=dict)
    run_uuid: str = ""
    warnings: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)  #: names that were understood, whether or not they were needed


def read_layout(store: Store, violations: Violations | None = None) -> LabelLog | None:
    """Return the log in this group, or None where no layout that nntf knows is found.

    The run's name is left empty unless the file gives it.

    Parameters
    ----------
    store : Store
        The group.
    violations : Violations, optional
        Where they are collected, the log has what is valid, and its labels are not for streaming but for
        :class:`~nntf_cli.labellog.salvage.SalvagedLabels`.

    Raises
    ------
    InputError
        A layout is recognised, but what it holds is not valid.
    """
    found = violations or Violations()
    attributes = store.attributes()
    names = store.names()
    if "format" in attributes:
        return _finish(store, _native(store, attributes, found))
    main = [name for name in LABEL_NAMES if name in names]
    others = _split_arrays(names)
    if main or others:
        return _finish(store, _flat(store, attributes, main, others, found))
    numbered = None if store.runs() else _numbered(store, names)
    if numbered is not None:
        return _finish(store, _per_snapshot(store, attributes, numbered, found))
    return None


def looks_like_log(store: Store) -> bool:
    """Return whether some flat layout would be recognised, valid or not."""
    names = store.names()
    return (
        any(name in LABEL_NAMES for name in names) or bool(_split_arrays(names)) or _numbered(store, names) is not None
    )


def _split_arrays(names: list[str]) -> dict[str, str]:
    """Return split -> name of its labels, for names such as ``test_labels``."""
    found: dict[str, str] = {}
    for name in names:
        match = _SPLITLABEL_NAMES.fullmatch(name)
        if match and match[1] not in _NOT_SPLITS:
            found.setdefault(match[1], name)
    return found


def _native(store: Store, attributes: Mapping[str, Scalar | None], found: Violations) -> _Parts:
    _check_version(store, attributes)
    parts = _Parts(f"native {store.kind}, version {FORMAT_VERSION}", {}, None, found)
    with found.noted():
        parts.declared = checks.class_count(attributes.get("n-classes"), "n-classes", store.where)
    if not store.is_group("labels"):
        raise InputError("has no labels", "expected labels/<split>", where=store.where)
    splits = sorted(store.group("labels").names(), key=lambda name: (name != "train", name))
    if not splits:
        raise InputError("has no labels", "expected labels/<split>", where=store.where)
    _take_labels(store, {split: f"labels/{split}" for split in splits}, parts)
    for split, array in parts.arrays.items():
        with found.noted():
            parts.missing[split] = _native_missing(array, parts.declared)
        if found.collecting:  # readers are content with any whole numbers
            with found.noted():
                checks.native_type(array)
        for into, kind in ((parts.true, "true"), (parts.ids, "id")):
            with found.noted():
                beside = store.array(f"samples/{split}/{kind}")
                if beside is not None:
                    into[split] = beside
    _native_snapshots(store, parts)
    with found.noted():
        names = store.array("classes/name")
        parts.class_names = None if names is None else checks.class_names(names, parts.declared)
    with found.noted():
        parts.hparams = _known(store.attributes("run"))
    parts.run_uuid = str(attributes.get("run-uuid") or "")
    parts.used |= {*_NATIVE_NAMES, *_known(attributes)}
    _warn_of_others(store.names(), parts)
    return parts


def _check_version(store: Store, attributes: Mapping[str, Scalar | None]) -> None:
    kind, version = attributes["format"], attributes.get("format-version")
    if kind != FORMAT:
        ours = str(kind).startswith("nntf-")
        remedy = "give the label log it was made from" if ours else f"expected {FORMAT!r}"
        raise NoLogError(f"is of format {kind!r}, not a label log", remedy, where=store.where)
    if version != FORMAT_VERSION:
        raise NoLogError(
            f"is a label log of version {version}, this nntf reads version {FORMAT_VERSION}",
            "upgrade nntf-cli",
            where=store.where,
        )


def _native_snapshots(store: Store, parts: _Parts) -> None:
    with parts.violations.noted():
        names = store.group("snapshots").names() if store.is_group("snapshots") else []
        if "step" not in names:
            with parts.violations.noted():
                raise InputError("has no snapshots/step", "store the step of each snapshot", where=store.where)
        for name in names:
            with parts.violations.noted():
                array = _present(store, f"snapshots/{name}")
                if name == "step":
                    parts.step = checks.steps(array, _n_snapshots(parts))
                else:
                    parts.scalars[name] = checks.scalar_series(array, _n_snapshots(parts))


def _native_missing(array: StoredArray, declared: int | None) -> int:
    if array.dtype.kind != "u" or array.dtype.itemsize > 4:
        return NO_MISSING
    largest = int(np.iinfo(array.dtype).max)
    if declared is not None and declared > largest:
        raise InputError(
            f"type {array.dtype} is too narrow for {declared} classes and a missing label",
            "store a wider type",
            where=array.where,
        )
    return largest


def _present(store: Store, path: str) -> StoredArray:
    array = store.array(path)
    if array is None:
        raise InputError(f"has no {path}", "write it again", where=store.where)
    return array


def _known(attributes: Mapping[str, Scalar | None]) -> dict[str, Scalar]:
    return {name: value for name, value in attributes.items() if value is not None}


def _flat(
    store: Store,
    attributes: Mapping[str, Scalar | None],
    main: list[str],
    others: Mapping[str, str],
    found: Violations,
) -> _Parts:
    if len(main) > 1:
        raise InputError(
            "has both 'labels' and 'predictions'", "keep the predicted ones under one name", where=store.where
        )
    by_split = {"train": main[0]} if main else {}
    if main and "train" in others:
        raise InputError(f"has both '{main[0]}' and '{others['train']}'", "keep one", where=store.where)
    by_split |= others
    parts = _Parts(f"flat {store.kind}", {}, None, found)
    with found.noted():
        parts.declared = _flat_declared(store, attributes)
    _take_labels(store, by_split, parts)
    parts.used |= set(by_split.values())
    _flat_extras(store, attributes, parts)
    return parts


def _flat_declared(store: Store, attributes: Mapping[str, Scalar | None]) -> int | None:
    schema, version = attributes.get("schema", FORMAT), attributes.get("schema_version", FORMAT_VERSION)
    if schema != FORMAT:
        raise NoLogError(f"schema is {schema!r}, not {FORMAT!r}", "convert the file", where=store.where)
    if version != FORMAT_VERSION:
        raise NoLogError(
            f"schema_version {version!r} is not supported, only {FORMAT_VERSION}",
            "upgrade nntf-cli or convert the file",
            where=store.where,
        )
    if "num_classes" not in attributes:
        return None
    return checks.class_count(attributes["num_classes"], "num_classes", store.where)


def _flat_extras(store: Store, attributes: Mapping[str, Scalar | None], parts: _Parts) -> None:
    """Read what may stand beside flat labels or single snapshots, whether or not it is needed."""
    names = store.names()
    n_snapshots, noted = _n_snapshots(parts), parts.violations.noted
    with noted():
        steps = _first(store, names, _STEPS, parts)
        if steps is not None:
            given = checks.steps(steps, n_snapshots)
            parts.step = given if parts.step is None else parts.step
    for split in parts.arrays:
        prefix = "" if split == "train" else f"{split}_"
        with noted():
            true = _first(store, names, tuple(prefix + name for name in _TRUE), parts)
            if true is not None:
                parts.true[split] = true
    for name in filter(_SCALAR.fullmatch, names):
        with noted():
            array = _present(store, name)
            if array.shape:
                parts.used.add(name)
                parts.scalars[name.removeprefix("train_")] = checks.scalar_series(array, n_snapshots)
    if "class_names" in names:
        parts.used.add("class_names")
        with noted():
            parts.class_names = checks.class_names(_present(store, "class_names"), parts.declared)
            parts.declared = len(parts.class_names)
    hparams = _known(attributes)
    with noted():
        hparams |= _known(store.attributes("hparams"))
    parts.used |= {"hparams", *_known(attributes)}
    _warn_of_others(names, parts)
    parts.hparams = {name: value for name, value in hparams.items() if name not in _RESERVED_ATTRIBUTES}


def _warn_of_others(names: list[str], parts: _Parts) -> None:
    ignored = [name for name in names if name not in parts.used]
    if ignored:
        listed = ", ".join(map(repr, ignored[:5])) + (", ..." if len(ignored) > 5 else "")
        parts.warnings.append(f"{listed} is not a name that nntf knows, and is left alone")


def _first(store: Store, names: list[str], wanted: tuple[str, ...], parts: _Parts) -> StoredArray | None:
    """Return the first array of several names for the same thing, and warn where there are more."""
    found = [name for name in wanted if name in names]
    parts.used.update(found)
    if len(found) > 1:
        parts.warnings.append(f"'{found[0]}' is used, {', '.join(map(repr, found[1:]))} is not")
    return _present(store, found[0]) if found else None


def _numbered(store: Store, names: list[str]) -> dict[int, str] | None:
    """Return snapshot number -> path, where arrays share a prefix and end in a whole number."""
    groups = {name for name in names if name not in _OTHER_GROUPS and _is_plain_group(store, name)}
    families = _families([name for name in names if name not in groups])
    for group in groups:
        for prefix, found in _families(store.group(group).names()).items():
            families[f"{group}/{prefix}"] = [f"{group}/{name}" for name in found]
    if len(families) > 1:
        listed = ", ".join(sorted(f"{prefix}0..." for prefix in families)[:5])
        raise InputError(
            f"has several families of numbered arrays ({listed})", "keep one, or name it 'labels'", where=store.where
        )
    by_number: dict[int, str] = {}
    for path in next(iter(families.values()), []):
        number = int(_NUMBERED.fullmatch(path)[2])  # type: ignore[index]
        if number in by_number:
            raise InputError(
                f"holds snapshot {number} twice ('{by_number[number]}' and '{path}')", "keep one", where=store.where
            )
        by_number[number] = path
    return dict(sorted(by_number.items())) or None


def _families(names: list[str]) -> dict[str, list[str]]:
    """Return prefix -> names that consist of it and a whole number; a mere minus would make the number negative."""
    found: dict[str, list[str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match and match[1] != "-":
            found.setdefault(match[1], []).append(name)
    return found


def _is_plain_group(store: Store, name: str) -> bool:
    """Return whether a name is a group; links lead elsewhere and are not followed."""
    try:
        return store.is_group(name)
    except InputError:
        return False


def _per_snapshot(
    store: Store, attributes: Mapping[str, Scalar | None], numbered: Mapping[int, str], found: Violations
) -> _Parts:
    parts = _Parts(f"{store.kind}, one array per snapshot", {}, None, found)
    arrays: list[StoredArray | None] = []
    for number, path in enumerate(numbered.values()):
        arrays.append(None)
        with found.noted():
            array = _present(store, path)
            checks.label_array(array, per_snapshot=True)
            checks.like_the_first(array, number, next(filter(None, arrays), array))
            arrays[-1] = array
    if not any(arrays):
        raise found.found[-1]
    parts.arrays["train"] = SnapshotStack(arrays, store.where)
    with found.noted():
        parts.declared = _flat_declared(store, attributes)
    parts.step = np.array(list(numbered), dtype=np.int64)
    parts.used |= {path.split("/")[0] for path in numbered.values()}
    _flat_extras(store, attributes, parts)
    return parts


def _finish(store: Store, parts: _Parts) -> LabelLog:
    """Return the log, once scores and declared classes agree."""
    for split, array in parts.arrays.items():
        if len(array.shape) == 3:
            parts.warnings.append(f"split '{split}' holds scores: the class with the largest is taken as label")
            with parts.violations.noted():
                _check_scores(array, parts)
    splits = {split: _split(split, array, parts) for split, array in parts.arrays.items()}
    step = np.arange(_n_snapshots(parts)) if parts.step is None else parts.step
    name = parts.hparams.pop("name", "")
    return LabelLog(
        source=store.where,
        name=str(name),
        layout=parts.layout,
        step=step,
        splits=splits,
        scalars=parts.scalars,
        hparams=parts.hparams,
        class_names=parts.class_names,
        declared_classes=parts.declared,
        run_uuid=parts.run_uuid,
        warnings=tuple(parts.warnings),
    )


def _take_labels(store: Store, paths: Mapping[str, str], parts: _Parts) -> None:
    """Check shapes and types before anything is measured by them: all splits have the same snapshots."""
    for split, path in paths.items():
        with parts.violations.noted():
            array = _present(store, path)
            checks.label_array(array)
            parts.arrays[split] = array
    if not parts.arrays:
        raise parts.violations.found[-1]
    first = next(iter(parts.arrays))
    for array in parts.arrays.values():
        with parts.violations.noted():
            if array.shape[0] != _n_snapshots(parts):
                raise InputError(
                    f"has {quantity(array.shape[0], 'snapshot')}, split '{first}' has {_n_snapshots(parts)}",
                    "record every split at every snapshot",
                    where=array.where,
                )


def _n_snapshots(parts: _Parts) -> int:
    return next(iter(parts.arrays.values())).shape[0]


def _check_scores(array: StoredArray, parts: _Parts) -> None:
    n_columns = array.shape[2]
    if parts.declared is not None and n_columns > parts.declared:
        raise InputError(
            f"has scores of {n_columns} classes, but the file says that there are {parts.declared}",
            "correct one of the two",
            where=array.where,
        )
    parts.declared = parts.declared or n_columns


def _split(name: str, array: StoredArray, parts: _Parts) -> Split:
    n_samples = array.shape[1]
    true = ids = None
    with parts.violations.noted():
        if name in parts.true:
            true = checks.true_classes(parts.true[name], n_samples, parts.declared)
    with parts.violations.noted():
        if name in parts.ids:
            ids = checks.sample_ids(parts.ids[name], n_samples)
    kind = StoredLabels
    if parts.violations.collecting:
        from nntf_cli.labellog.salvage import SalvagedLabels  # what is whole need not wait for it

        kind = SalvagedLabels
    missing = parts.missing.get(name, NO_MISSING)
    return Split(name=name, labels=kind(array, parts.declared, missing), true=true, ids=ids)
