"""Stages of boosted models are what the libraries themselves predict after each round; partial_fit loops."""

from __future__ import annotations

import numpy as np
import pytest

from frameworks import digits, recorded, require
from nntf_cli.errors import ParameterError
from nntf_cli.recorders import SklearnRecorder, record_stages

require("sklearn")

from sklearn.ensemble import (  # noqa: E402
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import SGDClassifier  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = digits(300)
NAMES = np.array(["zero", "one", "two", "three"])
FEW = Y < 4
TEXT = NAMES[Y[FEW]]


def check(path, model, expected, x=X, y=Y, **options):
    """Record the stages and compare them with ``expected(n)``, the classes after n rounds."""
    n = record_stages(path, model, x, y, splits={"test": (x[:40], y[:40])}, **options)
    log, labels = recorded(path)
    assert log.n_snapshots == n
    every = options.get("every", 1)
    assert log.step.tolist() == list(range(every, every * n + 1, every))
    classes = np.unique(y)
    rows = [expected(step) for step in log.step]
    np.testing.assert_array_equal(classes[labels["train"]], rows)
    np.testing.assert_array_equal(labels["train"][:, :40], labels["test"])
    np.testing.assert_array_equal(classes[log.splits["train"].true], y)
    np.testing.assert_array_equal(log.scalars["accuracy"], [np.mean(row == y) for row in rows])
    return log


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=6, max_depth=2, random_state=2),
        HistGradientBoostingClassifier(max_iter=6, random_state=2),
        AdaBoostClassifier(n_estimators=6, random_state=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_stages_of_scikit_learn(tmp_path, model):
    model.fit(X, Y)
    rows = list(model.staged_predict(X))
    log = check(tmp_path / "run.h5", model, lambda n: rows[n - 1])
    assert log.n_snapshots == len(rows)
    assert log.hparams["seed"] == 2
    assert log.hparams["model"] == type(model).__name__
    assert log.hparams["learning_rate"] == model.learning_rate


def test_a_pipeline_and_classes_that_are_text(tmp_path):
    model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=6, random_state=0))
    model.fit(X[FEW], TEXT)
    rows = list(model[-1].staged_predict(model[0].transform(X[FEW])))
    log = check(tmp_path / "run.h5", model, lambda n: rows[n - 1], X[FEW], TEXT, every=2)
    assert log.class_names == ("one", "three", "two", "zero")


def test_an_early_stop_and_what_two_classes_are(tmp_path):
    model = HistGradientBoostingClassifier(max_iter=50, early_stopping=True, n_iter_no_change=2, random_state=0)
    model.fit(X, Y % 2 == 0)
    rows = list(model.staged_predict(X))
    log = check(tmp_path / "run.h5", model, lambda n: rows[n - 1], X, Y % 2 == 0)
    assert log.n_snapshots == model.n_iter_ < 50
    assert log.class_names == ("False", "True")


@pytest.mark.parametrize("y", [Y, Y % 2], ids=["ten", "two"])
def test_stages_of_xgboost(tmp_path, y):
    xgboost = require("xgboost")
    model = xgboost.XGBClassifier(n_estimators=6, max_depth=2, random_state=3, n_jobs=1)
    model.fit(X, y)

    def expected(n):
        return model.predict(X, iteration_range=(0, n))

    log = check(tmp_path / "run.h5", model, expected, y=y)
    assert log.hparams["seed"] == 3
    check(tmp_path / "booster.h5", model.get_booster(), expected, y=y)
    record_stages(tmp_path / "matrix.h5", model.get_booster(), xgboost.DMatrix(X), y)
    rows = recorded(tmp_path / "matrix.h5")[1]["train"]
    np.testing.assert_array_equal(rows, [expected(n) for n in range(1, 7)])


@pytest.mark.parametrize(
    ("objective", "y"), [("multi:softmax", Y), ("binary:logitraw", Y % 2), ("binary:hinge", Y % 2)]
)
def test_boosters_of_xgboost_that_give_something_else_than_probabilities(tmp_path, objective, y):
    xgboost = require("xgboost")
    parameters = {"objective": objective, "max_depth": 2, "nthread": 1}
    parameters |= {"num_class": 10} if objective.startswith("multi") else {}
    booster = xgboost.train(parameters, xgboost.DMatrix(X, y), 4)

    def expected(n):
        given = booster.predict(xgboost.DMatrix(X), iteration_range=(0, n))
        return (given > 0 if objective == "binary:logitraw" else given).astype(int)

    check(tmp_path / "run.h5", booster, expected, y=y)


@pytest.mark.parametrize("y", [Y, Y % 2], ids=["ten", "two"])
def test_stages_of_lightgbm(tmp_path, y):
    lightgbm = require("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=6, num_leaves=4, random_state=3, verbose=-1, n_jobs=1)
    model.fit(X, y)

    def expected(n):
        return model.predict(X, num_iteration=n)

    log = check(tmp_path / "run.h5", model, expected, y=y, every=2)
    assert log.n_snapshots == 3
    assert log.hparams["seed"] == 3
    check(tmp_path / "booster.h5", model.booster_, expected, y=y)
    model.booster_.save_model(tmp_path / "model.txt")
    check(tmp_path / "loaded.h5", lightgbm.Booster(model_file=tmp_path / "model.txt"), expected, y=y)


def test_dart_is_refused_for_its_stages_are_not_those_of_training(tmp_path):
    lightgbm, xgboost = require("lightgbm"), require("xgboost")
    models = [
        lightgbm.LGBMClassifier(boosting_type="dart", n_estimators=3, verbose=-1, n_jobs=1),
        xgboost.XGBClassifier(booster="dart", n_estimators=3, n_jobs=1),
    ]
    for model in models:
        model.fit(X, Y)
        with pytest.raises(ParameterError, match="dart rescales trees in later rounds"):
            record_stages(tmp_path / "run.h5", model, X, Y)
    assert not list(tmp_path.iterdir())


def test_regression_has_no_classes(tmp_path):
    lightgbm, xgboost = require("lightgbm"), require("xgboost")
    boosters = [
        lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(X, Y), 2),
        xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(X, Y), 2),
    ]
    for booster in boosters:
        with pytest.raises(ParameterError, match="which has no classes"):
            record_stages(tmp_path / "run.h5", booster, X, Y)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (RandomForestClassifier(3).fit(X, Y), {}, "RandomForestClassifier has no stages that could be recorded"),
        (AdaBoostClassifier(n_estimators=3), {}, "has no classes; give a classifier of one label that has been"),
        (AdaBoostClassifier(n_estimators=3).fit(X, Y), {"every": 9}, "the model has 3 rounds and every is 9"),
        (AdaBoostClassifier(n_estimators=3).fit(X, Y), {"y": Y + 5}, "is none of the classes the model was trained on"),
        (AdaBoostClassifier(n_estimators=3).fit(X, Y), {"y": np.eye(10)[Y]}, r"labels have shape \(300, 10\)"),
    ],
)
def test_what_has_no_stages_is_refused_with_words(tmp_path, model, options, message):
    with pytest.raises(ParameterError, match=message):
        record_stages(tmp_path / "run.h5", model, X, options.pop("y", Y), **options)
    assert not list(tmp_path.iterdir())


def test_the_log_of_another_run_is_not_touched(tmp_path):
    model = AdaBoostClassifier(n_estimators=3, random_state=0).fit(X, Y)
    record_stages(tmp_path / "run.h5", model, X, Y)
    before = (tmp_path / "run.h5").read_bytes()
    with pytest.raises(ParameterError, match="has snapshots up to step 3, and this training starts at 1"):
        record_stages(tmp_path / "run.h5", model, X, Y)
    assert (tmp_path / "run.h5").read_bytes() == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGDClassifier(learning_rate="constant", eta0=0.01, random_state=1),
        lambda: MLPClassifier((16,), learning_rate_init=0.01, random_state=1),
    ],
)
def test_a_loop_of_partial_fit_ends_in_the_same_bits(tmp_path, make):
    def train(record):
        np.random.seed(0)
        model, seen = make(), []
        recorder = SklearnRecorder(tmp_path / "run.h5", model, X, Y, splits={"test": (X[:9], Y[:9])}, every=2)
        for step in range(1, 6):
            model.partial_fit(X, Y, classes=np.unique(Y))
            if record:
                recorder.snapshot(step, loss=1 / step)
                seen.append(model.predict(X))
        recorder.close()
        weights = model.coefs_ if hasattr(model, "coefs_") else [model.coef_]
        return np.concatenate([each.ravel() for each in weights]), seen

    with_it, seen = train(True)
    np.testing.assert_array_equal(with_it, train(False)[0])
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == [2, 4]
    np.testing.assert_array_equal(labels["train"], seen[1::2])
    assert log.scalars["loss"].tolist() == [0.5, 0.25]
    assert log.hparams["learning_rate"] == 0.01
    assert log.hparams["learning_rate_schedule"] == "constant"


def test_a_model_that_was_never_trained_is_refused_with_words(tmp_path):
    with SklearnRecorder(tmp_path / "run.h5", SGDClassifier(), X, Y) as recorder:
        with pytest.raises(ParameterError, match="SGDClassifier has no classes; give a classifier"):
            recorder.snapshot(1)
