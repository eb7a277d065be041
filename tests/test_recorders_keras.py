"""The recorder for Keras, on the backend that KERAS_BACKEND names; the last test runs all others on JAX."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from frameworks import digits, recorded, require

keras = require("keras")
require("sklearn")

from nntf_cli.errors import ParameterError  # noqa: E402
from nntf_cli.recorders import KerasRecorder  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = digits(200)


def build(**compiled):
    frozen = keras.layers.BatchNormalization()
    layers = [
        keras.layers.Dense(16, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
        keras.layers.GaussianNoise(0.1),
        frozen,
        keras.layers.Dense(10, activation="softmax"),
    ]
    frozen.trainable = False
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9), momentum=0.9)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"], **compiled)
    return model


def train(callbacks, *, epochs=3, **compiled):
    keras.utils.set_random_seed(3)
    model = build(**compiled)
    history = model.fit(X, Y, epochs=epochs, batch_size=32, verbose=0, callbacks=callbacks, validation_split=0.1)
    values = [keras.ops.convert_to_numpy(each) for each in (*model.variables, *model.optimizer.variables)]
    return [*values, np.array(random.random()), np.random.random(3)], history.history


@pytest.mark.parametrize(
    ("how", "steps"), [({}, [1, 2, 3]), ({"every_epochs": 2}, [2]), ({"every_steps": 4}, [4, 8, 12, 16])]
)
def test_a_training_ends_in_the_same_bits_with_and_without(tmp_path, how, steps):
    recorder = KerasRecorder(tmp_path / "run.h5", X, Y, splits={"test": (X[:50], Y[:50])}, batch_size=64, **how)
    with_it, without = train([recorder]), train([])
    for one, other in zip(with_it[0], without[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert with_it[1] == without[1]
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == steps
    np.testing.assert_array_equal(labels["train"][:, :50], labels["test"])


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="on torch Keras makes one step at a time")
def test_several_steps_at_a_time(tmp_path):
    train([KerasRecorder(tmp_path / "run.h5", X, Y, every_steps=3)], epochs=2, steps_per_execution=2)
    log, _ = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == [4, 6, 10, 12]


def test_the_labels_are_those_of_predict_and_scalars_are_logged(tmp_path):
    seen = []

    class Predict(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.predict(X, verbose=0).argmax(axis=1))

    one_hot = np.eye(10)[Y]
    _, history = train([KerasRecorder(tmp_path / "run.h5", X, one_hot, classes=list("abcdefghij")), Predict()])
    log, labels = recorded(tmp_path / "run.h5")
    np.testing.assert_array_equal(labels["train"], seen)
    np.testing.assert_array_equal(log.splits["train"].true, Y)
    assert log.class_names == tuple("abcdefghij")
    assert log.scalars["accuracy"].tolist() == [np.mean(row == Y) for row in seen]
    assert log.scalars["loss"].tolist() == history["loss"]
    assert log.scalars["val_accuracy"].tolist() == history["val_accuracy"]
    assert log.hparams["optimizer"] == "SGD"
    assert log.hparams["momentum"] == 0.9
    assert log.hparams["learning_rate"] == 0.1
    assert log.hparams["seed"] == 3


def test_parts_and_a_last_batch_that_is_not_full_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("nntf_cli.recorders.for_keras._SCORES_AT_ONCE", 700)
    train([KerasRecorder(tmp_path / "parts.h5", X, Y, batch_size=33)], epochs=2)
    monkeypatch.undo()
    train([KerasRecorder(tmp_path / "whole.h5", X, Y, batch_size=200)], epochs=2)
    np.testing.assert_array_equal(*(recorded(tmp_path / f"{name}.h5")[1]["train"] for name in ("parts", "whole")))


def test_a_resumed_training_goes_on_and_one_anew_is_refused_before_its_first_step(tmp_path):
    model = build()
    path = tmp_path / "run.h5"
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[KerasRecorder(path, X, Y)])
    model.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[KerasRecorder(path, X, Y)])
    before = int(model.optimizer.iterations)
    with pytest.raises(ParameterError, match="has snapshots up to step 3, and this training starts at 1; name another"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[KerasRecorder(path, X, Y)])
    assert int(model.optimizer.iterations) == before
    assert recorded(path)[0].step.tolist() == [1, 2, 3]
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[KerasRecorder(path, X, Y, on_rewind="truncate")])
    assert recorded(path)[0].step.tolist() == [1]


class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("stop")


@pytest.mark.parametrize("managed", [True, False])
def test_an_exception_in_training_closes_the_log(tmp_path, managed):
    def training():
        recorder = KerasRecorder(tmp_path / "run.h5", X, Y, every_steps=3)
        if not managed:
            build().fit(X, Y, epochs=1, verbose=0, callbacks=[recorder, Failing()])
        with recorder:
            build().fit(X, Y, epochs=1, verbose=0, callbacks=[recorder, Failing()])

    try:
        training()
    except RuntimeError as error:
        assert str(error) == "stop"  # noqa: PT017
    gc.collect()
    assert recorded(tmp_path / "run.h5")[0].step.tolist() == [3, 6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": iter([1])}, "only arrays have an order; give the samples as an array"),
        ({"x": {"a": X, "b": X[:3]}}, "the inputs have 3 and 200 samples"),
        ({"splits": {"train": (X, Y)}}, "splits cannot hold 'train'"),
        ({"every_epochs": 2, "every_steps": 3}, "give one of them"),
        ({"every_steps": 0}, "every_steps is 0, not a positive"),
        ({"every": 3}, "there is no argument 'every'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_words(tmp_path, arguments, message):
    with pytest.raises(ParameterError, match=message):
        KerasRecorder(tmp_path / "run.h5", **{"x": X, "y": Y, **arguments})


def test_a_single_output_is_refused_with_words(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", loss="binary_crossentropy")
    with pytest.raises(ParameterError, match=r"gives \(.*, 1\), not scores"):
        model.fit(X, Y > 4, verbose=0, callbacks=[KerasRecorder(tmp_path / "run.h5", X, Y > 4)])
    assert not list(tmp_path.iterdir())


@pytest.mark.process
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="this is that run")
def test_all_of_this_on_jax():
    require("jax")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", Path(__file__).name],
        cwd=Path(__file__).parent,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
