"""Predictions as class numbers: scores by their largest, text by its place among the classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.vectors import type_name

#: Code of a sample without a prediction.
MISSING = -1

#: What programs write where there is no number; among names of classes these are names.
_NOTHING = frozenset({"nan", "NaN", "NA", "N/A", "null", "None"})

_WHOLE = re.compile(r"[0-9]{1,10}(?:\.0*)?")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

_MOST_CLASSES = 2**32 - 1


class Codes:
    """Codes for labels: a number is its own, text gets one in the order of appearance until all of it is known."""

    def __init__(self) -> None:
        self._tokens: dict[str, int] = {}
        self._named: tuple[str, ...] | None = None
        self.highest = -1  #: largest label that came as a number
        self.n_columns = 0  #: most classes that scores were given for
        self.text_seen_in = ""  #: where the first text was
        self.numbers_seen_in = ""

    def name(self, names: tuple[str, ...], where: str) -> None:
        """Take the names of the classes as known."""
        if self._named is not None and self._named != names:
            raise InputError("names other classes than the sources do", "leave one of them out", where=where)
        twice = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
        if twice or not names:
            cause = f"names class {twice[0]!r} twice" if twice else "names no class"
            raise InputError(cause, "name each class once, in the order of their numbers", where=where)
        self._named = names

    def encode(self, values: np.ndarray, where: str) -> tuple[np.ndarray, bool]:
        """Return a code for each label, and whether they stand for text.

        Raises
        ------
        InputError
            A label is negative, a fraction, infinite or not a label at all.
        """
        if values.dtype.kind in "US":
            self.text_seen_in = self.text_seen_in or where
            return self._encode_text(values, where), True
        if values.dtype.kind not in "biuf":
            raise InputError(
                f"holds {type_name(values.dtype)}, not labels", "give a class, or scores, for each sample", where=where
            )
        self.numbers_seen_in = self.numbers_seen_in or where
        codes = _encode_numbers(values, where)
        self.highest = max(self.highest, int(codes.max(initial=-1)))
        return codes, False

    def _encode_text(self, values: np.ndarray, where: str) -> np.ndarray:
        distinct, inverse = np.unique(values, return_inverse=True)
        codes = [self._token(checked_text(text, where)) for text in distinct.tolist()]
        return np.array(codes, dtype=np.int64)[inverse.reshape(-1)]

    def _token(self, text: str) -> int:
        text = text.strip()
        return self._tokens.setdefault(text, len(self._tokens)) if text else MISSING

    def resolve(self) -> tuple[np.ndarray, tuple[str, ...] | None, int]:
        """Return the class of each code of text, the names of the classes, and how many there are.

        Raises
        ------
        InputError
            A label is no class, or text and numbers cannot be reconciled.
        """
        tokens = list(self._tokens)
        if self._named is not None:
            table = [self._class_of(token) for token in tokens]
            self._check_named(max([self.highest, self.n_columns - 1, *table]))
            return np.array(table, dtype=np.int64), self._named, len(self._named)
        if all(token in _NOTHING or _WHOLE.fullmatch(token) for token in tokens):
            table = [MISSING if token in _NOTHING else int(token.split(".")[0]) for token in tokens]
            n_classes = max([self.highest, self.n_columns - 1, *table]) + 1
            return np.array(table, dtype=np.int64), None, _checked_count(n_classes, self.text_seen_in)
        odd = next((token for token in tokens if _NUMBER.fullmatch(token) and not _WHOLE.fullmatch(token)), "")
        if odd and all(token in _NOTHING or _NUMBER.fullmatch(token) for token in tokens):
            raise InputError(
                f"label {odd[:40]} is not a whole number from 0 on",
                "number classes from 0, or name them with --classes",
                where=self.text_seen_in,
            )
        if self.numbers_seen_in:
            raise InputError(
                "holds classes by name, but "
                + ("others" if self.text_seen_in == self.numbers_seen_in else self.numbers_seen_in)
                + " by number",
                "give the names in the order of the numbers with --classes",
                where=self.text_seen_in,
            )
        names = tuple(sorted(tokens))
        place = {name: i for i, name in enumerate(names)}
        return np.array([place[token] for token in tokens], dtype=np.int64), names, len(names)

    def _class_of(self, token: str) -> int:
        named = self._named or ()
        if token in named:
            return named.index(token)
        if _WHOLE.fullmatch(token):
            return int(token.split(".")[0])
        if token in _NOTHING:
            return MISSING
        raise InputError(
            f"label {token[:60]!r} is none of the {len(named)} classes", "name all of them", where=self.text_seen_in
        )

    def _check_named(self, highest: int) -> None:
        n_named = len(self._named or ())
        if highest >= n_named:
            raise InputError(
                f"holds label {highest}, but {n_named} classes are named",
                "name all of them, in the order of their numbers",
                where=self.numbers_seen_in or self.text_seen_in,
            )


def _checked_count(n_classes: int, where: str) -> int:
    if n_classes > _MOST_CLASSES:
        raise InputError(f"label {n_classes - 1} is too large to be a class", "number classes from 0", where=where)
    return n_classes


def _encode_numbers(values: np.ndarray, where: str) -> np.ndarray:
    """Return whole numbers as int64; nan, which pandas writes where nothing was, is missing."""
    missing = None
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        values = np.where(missing, 0, values) if missing.any() else values
        wrong = ~(np.isfinite(values) & (values == np.floor(values)))
        _refuse(values, wrong, "is not a whole number", "give labels, or (samples, classes) scores", where)
    _refuse(values, values < 0, "is negative", "number classes from 0", where)
    _refuse(values, values >= _MOST_CLASSES, "is too large to be a class", "number classes from 0", where)
    codes = values.astype(np.int64)
    if missing is not None:
        codes[missing] = MISSING
    return codes


def _refuse(values: np.ndarray, wrong: np.ndarray, what: str, remedy: str, where: str) -> None:
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(f"label {values[at]} of sample {at} {what}", remedy, where=where)


def by_largest(scores: np.ndarray, where: str) -> np.ndarray:
    """Return the column of the largest score of each row, the first of several.

    Raises
    ------
    InputError
        Not scores of several classes, or one is nan.
    """
    if scores.dtype.kind not in "biuf" or scores.ndim != 2 or scores.shape[1] < 2:
        one = scores.ndim == 2 and scores.shape[1] == 1
        raise InputError(
            f"must hold (samples) labels or (samples, classes) scores, found {type_name(scores.dtype)} {scores.shape}",
            "for one sigmoid output, save (score > 0.5)" if one else "save one row for each sample",
            where=where,
        )
    if scores.dtype.kind == "f":
        wrong = np.isnan(scores).any(axis=1)
        if wrong.any():
            raise InputError(
                f"a score of sample {int(wrong.argmax())} is nan", "save scores that can be compared", where=where
            )
    return np.argmax(scores, axis=1)


def checked_text(text: Any, where: str) -> str:
    """Return text that a file can hold: what is no Unicode, or ends in the middle for other programs, is refused."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", errors="backslashreplace").decode()
        raise InputError(f"holds text that is no Unicode ({text[:60]})", "save it as UTF-8", where=where) from None
    if "\0" in text:
        raise InputError("holds text with a zero character", "leave it out", where=where)
    return str(text)


def from_list(values: Sequence[Any], where: str) -> np.ndarray:
    """Return labels, or the scores of one sample, that came as a list.

    Raises
    ------
    InputError
        They are neither all numbers nor all text.
    """
    if all(isinstance(v, (str, bytes)) for v in values):
        return text_array(values, where)
    odd = [v for v in values if not isinstance(v, (int, float, np.number, np.bool_))][:1]
    if odd:
        raise InputError(f"has {kind_of(odd[0])} among its labels", "give a class for each sample", where=where)
    fractions = any(isinstance(v, (float, np.floating)) for v in values)
    try:
        return np.array(values, dtype=np.float64 if fractions else np.int64)
    except OverflowError as error:
        raise InputError("has a number beyond 64 bits", "number classes from 0", where=where) from error


def text_array(values: Iterable[str | bytes], where: str) -> np.ndarray:
    """Return text, without the spaces around it, as an array: every entry takes the room of the longest."""
    texts = [checked_text(value, where).strip() for value in values]
    memory.require(8 * max(map(len, texts), default=0) * len(texts), "its text", memory.ELSEWHERE, where=where)
    return np.array(texts, dtype=str)


def kind_of(value: Any) -> str:
    """Return what a value is, in words."""
    kinds = {dict: "a dictionary", list: "a list", tuple: "a list", str: "text", bytes: "bytes", type(None): "nothing"}
    return kinds.get(type(value), "a number" if isinstance(value, (int, float, np.number)) else "an object")
