"""Record a boosted model after the fact: its stages are what it was after each round, so nothing is trained again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from nntf_cli.errors import ParameterError
from nntf_cli.recorders.estimators import Classes, hparams_of, size_of
from nntf_cli.recorders.late import LateRecorder, by_name, require_every

#: Predicts the labels of samples after each of some rounds.
Stages = Callable[[Any, list[int]], Iterator[np.ndarray]]


def record_stages(
    path: str | os.PathLike[str],
    fitted: Any,
    x: Any,
    y: Any = None,
    *,
    splits: Mapping[str, tuple[Any, Any]] | None = None,
    every: int = 1,
    **given: Any,
) -> int:
    """Record what a fitted boosted classifier predicted after each of its rounds.

    Parameters
    ----------
    path : path
        The log.
    fitted : classifier
        One of scikit-learn with ``staged_predict`` (also at the end of a pipeline), an ``XGBClassifier`` or
        ``LGBMClassifier``, or a ``Booster`` of either. All rounds are recorded, also those after the best one.
    x : array_like
        The samples of the split ``train``, in the order in which they shall be logged; of a ``Booster`` of XGBoost also
        a ``DMatrix``.
    y : array_like, optional
        Their true classes, as the classifier was given them.
    splits : mapping of str to (x, y), optional
        Other splits, for instance ``{"test": (x_test, y_test)}``.
    every : int
        Record only rounds that are multiples of it. A step of the log is a number of rounds.
    **given
        ``classes``, ``ids``, ``hparams``, ``name``, ``on_rewind`` of :class:`LabelRecorder`, which overrule what is
        found.

    Returns
    -------
    int
        How many snapshots were recorded.

    Raises
    ------
    ParameterError
        The model has no stages, or they are not what it was while it was trained (``dart`` rescales trees later).
    NntfError
        As :class:`LabelRecorder` does.
    """
    kind = _kind(fitted)
    classes, n_rounds, stages, hparams = kind(fitted)
    data = by_name((x, y), splits)
    rounds = list(range(require_every(every), n_rounds + 1, every))
    if not rounds:
        raise ParameterError(f"the model has {n_rounds} rounds and every is {every}", "record more of them")
    recording = LateRecorder(path, given)
    true = {split: classes.index(y) for split, (_, y) in data.items() if y is not None}
    recording.open({split: _size(x) for split, (x, _) in data.items()}, classes.given, true, hparams, rounds[0])
    try:
        predicted = {split: stages(x, rounds) for split, (x, _) in data.items()}
        for step in rounds:
            recording.snapshot(step, {split: classes.index(next(each)) for split, each in predicted.items()}, {})
    finally:
        recording.close()
    return len(rounds)


def _kind(fitted: Any) -> Callable[[Any], tuple[Classes, int, Stages, dict[str, Any]]]:
    library, name = type(fitted).__module__.split(".")[0], type(fitted).__name__
    last = fitted[-1] if hasattr(fitted, "steps") else fitted
    if hasattr(last, "staged_predict"):
        return _staged
    if library == "xgboost":
        return _xgboost
    if library == "lightgbm":
        return _lightgbm
    raise ParameterError(
        f"{name} has no stages that could be recorded",
        "record while it is trained: LabelRecorder, or SklearnRecorder for partial_fit",
    )


def _staged(fitted: Any) -> tuple[Classes, int, Stages, dict[str, Any]]:
    last, before = (fitted[-1], fitted[:-1]) if hasattr(fitted, "steps") else (fitted, None)
    classes = Classes.of(last)

    def stages(x: Any, rounds: list[int]) -> Iterator[np.ndarray]:
        wanted = set(rounds)
        seen = x if before is None or not len(before) else before.transform(x)
        return (row for n, row in enumerate(last.staged_predict(seen), 1) if n in wanted)

    return classes, _n_stages(last), stages, hparams_of(fitted)


def _n_stages(model: Any) -> int:
    for name in ("n_iter_", "n_estimators_"):
        if hasattr(model, name):
            return int(getattr(model, name))
    return len(model.estimators_)


def _xgboost(fitted: Any) -> tuple[Classes, int, Stages, dict[str, Any]]:
    import json

    is_wrapped = hasattr(fitted, "get_booster")
    booster = fitted.get_booster() if is_wrapped else fitted
    config = json.loads(booster.save_config())["learner"]
    objective = config["objective"]["name"]
    _refuse_dart(config["gradient_booster"]["name"])
    _require_classes(objective, ("multi:", "binary:"))
    values = np.arange(max(2, int(config["learner_model_param"]["num_class"])))

    def stages(x: Any, rounds: list[int]) -> Iterator[np.ndarray]:
        if is_wrapped:
            return (fitted.predict(x, iteration_range=(0, n)) for n in rounds)
        matrix = _dmatrix(x)
        border = 0.0 if objective == "binary:logitraw" else 0.5
        return (_predicted(booster.predict(matrix, iteration_range=(0, n)), border) for n in rounds)

    classes = Classes.of(fitted) if is_wrapped else Classes(values)
    return classes, int(booster.num_boosted_rounds()), stages, hparams_of(fitted)


def _dmatrix(x: Any) -> Any:
    import xgboost

    return x if isinstance(x, xgboost.DMatrix) else xgboost.DMatrix(x)


def _lightgbm(fitted: Any) -> tuple[Classes, int, Stages, dict[str, Any]]:
    is_wrapped = hasattr(fitted, "booster_")
    booster = fitted.booster_ if is_wrapped else fitted
    parameters = booster.params | (fitted.get_params() if is_wrapped else {})
    for name in ("boosting", "boosting_type", "boost"):
        _refuse_dart(str(parameters.get(name, "")))
    if not is_wrapped:
        _require_classes(booster.dump_model(num_iteration=1)["objective"], ("multiclass", "binary"))

    def stages(x: Any, rounds: list[int]) -> Iterator[np.ndarray]:
        if is_wrapped:
            return (fitted.predict(x, start_iteration=0, num_iteration=n) for n in rounds)
        return (_predicted(booster.predict(x, start_iteration=0, num_iteration=n), 0.5) for n in rounds)

    classes = Classes.of(fitted) if is_wrapped else Classes(np.arange(max(2, booster.num_model_per_iteration())))
    hparams = hparams_of(fitted) if is_wrapped else {"model": "Booster", **booster.params}
    return classes, int(booster.current_iteration()), stages, hparams


def _predicted(scores: np.ndarray, border: float) -> np.ndarray:
    """Return classes from what a booster gives: a score for each, or for the second of two, or classes themselves."""
    if scores.ndim == 2:
        return scores.argmax(axis=1)
    are_classes = bool((scores == np.floor(scores)).all()) and border == 0.5
    return (scores if are_classes else scores > border).astype(np.int64)


def _require_classes(objective: str, kinds: tuple[str, ...]) -> None:
    if not objective.startswith(kinds):
        raise ParameterError(f"the booster's objective is {objective}, which has no classes")


def _refuse_dart(booster: str) -> None:
    if booster == "dart":
        raise ParameterError(
            "dart rescales trees in later rounds, so its stages are not what the model was while it was trained",
            "record while it is trained: LabelRecorder in a callback",
        )


def _size(x: Any) -> int:
    return int(x.num_row()) if hasattr(x, "num_row") else size_of(x)
