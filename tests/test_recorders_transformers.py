"""The recorder for Hugging Face: from evaluations, and from data of its own."""

from __future__ import annotations

import types

import numpy as np
import pytest

from frameworks import digits, recorded, require

transformers, torch, _ = require("transformers", "torch", "accelerate")
require("sklearn")

from nntf_cli.errors import ParameterError  # noqa: E402
from nntf_cli.recorders import TransformersRecorder  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = digits(96)
IMAGES = torch.from_numpy(X).reshape(-1, 1, 8, 8)
SAMPLES = [{"pixel_values": x, "labels": int(y)} for x, y in zip(IMAGES, Y, strict=True)]
HELD_OUT = SAMPLES[:30]
BOTH = {"train": SAMPLES, "test": HELD_OUT}


def build():
    torch.manual_seed(2)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    dropout = {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.2}
    shape = {"image_size": 8, "patch_size": 4, "num_channels": 1, "num_labels": 10}
    return transformers.ViTForImageClassification(transformers.ViTConfig(**shape, **sizes, **dropout))


def train(folder, *, recorder=None, evaluate=HELD_OUT, epochs=2, callbacks=(), resume=None, metrics=None, **options):
    arguments = {
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 32,
        "per_device_eval_batch_size": 16,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 5,
        **options,
    }
    wired = {}
    if recorder is not None and recorder._evaluation is None:
        wired = {"preprocess_logits_for_metrics": recorder.preprocess_logits_for_metrics}
        metrics = recorder.compute_metrics(metrics)
    trainer = transformers.Trainer(
        build(),
        transformers.TrainingArguments(str(folder), num_train_epochs=epochs, **arguments),
        train_dataset=SAMPLES,
        eval_dataset=evaluate,
        callbacks=[*callbacks, *([recorder] if recorder else [])],
        compute_metrics=metrics,
        **wired,
    )
    trainer.train(resume_from_checkpoint=resume)
    state = [*trainer.model.state_dict().values(), torch.get_rng_state()]
    for each in trainer.optimizer.state_dict()["state"].values():
        state += [each["exp_avg"], each["exp_avg_sq"]]
    return trainer, state


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b)


def predicted(trainer, samples=SAMPLES):
    trainer.model.eval()
    with torch.no_grad():
        return trainer.model(pixel_values=torch.stack([each["pixel_values"] for each in samples])).logits.argmax(1)


class Predict(transformers.TrainerCallback):
    """Notes after each epoch what a plain pass says."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, args, state, control, model=None, **kwargs):
        was, rng = model.training, torch.get_rng_state()
        model.eval()
        with torch.no_grad():
            self.seen.append(model(pixel_values=IMAGES).logits.argmax(1).numpy())
        model.train(was)
        torch.set_rng_state(rng)


def test_evaluations_are_recorded_and_nothing_else_is_changed(tmp_path):
    recorder, plain = TransformersRecorder(tmp_path / "run.h5", splits=["train", "test"]), Predict()
    with_it = train(tmp_path, recorder=recorder, evaluate=BOTH, callbacks=[plain], eval_on_start=True)
    without = train(tmp_path, evaluate=BOTH, eval_on_start=True)
    assert_same(with_it[1], without[1])
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == [3, 6]
    np.testing.assert_array_equal(labels["train"], plain.seen)
    np.testing.assert_array_equal(labels["test"], np.stack(plain.seen)[:, :30])
    np.testing.assert_array_equal(log.splits["train"].true, Y)
    losses = [each["eval_test_loss"] for each in with_it[0].state.log_history if "eval_test_loss" in each]
    assert log.scalars["test_loss"].tolist() == losses[1:]
    assert set(log.scalars) == {"accuracy", "test_accuracy", "loss", "test_loss"}
    found = dict(log.hparams)
    assert found.pop("optimizer").startswith("adamw")
    assert found == {"learning_rate": 0.01, "weight_decay": 0.0, "batch_size": 32, "seed": 5}


def test_metrics_of_ones_own_see_what_they_always_saw_and_predict_is_no_snapshot(tmp_path):
    def metrics(evaluated):
        assert evaluated.predictions.shape == (len(evaluated.label_ids), 10)
        return {"mine": float(np.mean(evaluated.predictions.argmax(axis=1) == evaluated.label_ids))}

    recorder = TransformersRecorder(tmp_path / "run.h5")
    trainer, _ = train(tmp_path, recorder=recorder, metrics=metrics, eval_strategy="steps", eval_steps=2)
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == [2, 4, 6]
    assert log.scalars["test_mine"].tolist() == log.scalars["test_accuracy"].tolist()
    trainer.predict(SAMPLES[40:50])
    trainer.evaluate()
    assert recorded(tmp_path / "run.h5")[0].step.tolist() == [2, 4, 6]
    np.testing.assert_array_equal(labels["test"][-1], predicted(trainer, HELD_OUT))


@pytest.mark.parametrize(("how", "steps"), [({}, [1, 2]), ({"every_epochs": 2}, [2]), ({"every_steps": 2}, [2, 4, 6])])
def test_a_pass_of_its_own_changes_nothing(tmp_path, how, steps):
    recorder, plain = TransformersRecorder(tmp_path / "run.h5", BOTH, **how), Predict()
    with_it = train(tmp_path, recorder=recorder, evaluate=None, eval_strategy="no", callbacks=[plain])
    without = train(tmp_path, evaluate=None, eval_strategy="no")
    assert_same(with_it[1], without[1])
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == steps
    if not how:
        np.testing.assert_array_equal(labels["train"], plain.seen)
    np.testing.assert_array_equal(labels["train"][:, :30], labels["test"])


def test_a_resumed_training_goes_on_and_one_anew_is_refused(tmp_path):
    path, options = tmp_path / "run.h5", {"evaluate": None, "eval_strategy": "no", "save_strategy": "epoch"}
    train(tmp_path / "out", recorder=TransformersRecorder(path, SAMPLES), **options)
    train(tmp_path / "out", recorder=TransformersRecorder(path, SAMPLES), epochs=3, resume=True, **options)
    assert recorded(path)[0].step.tolist() == [1, 2, 3]
    with pytest.raises(ParameterError, match="has snapshots up to step 3, and this training starts at 1"):
        train(tmp_path / "new", recorder=TransformersRecorder(path, SAMPLES), **options)


class Failing(transformers.TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 5:
            raise RuntimeError("stop")


def test_an_exception_in_training_closes_the_log(tmp_path):
    def training():
        with TransformersRecorder(tmp_path / "run.h5") as recorder:
            train(tmp_path, recorder=recorder, callbacks=[Failing()])

    with pytest.raises(RuntimeError, match="stop"):
        training()
    assert recorded(tmp_path / "run.h5")[0].step.tolist() == [3]


def test_evaluations_of_something_else_are_refused_with_words(tmp_path):
    recorder = TransformersRecorder(tmp_path / "run.h5", splits=["a", "b"])
    with pytest.raises(ParameterError, match="none of the splits a, b; name the keys of its eval_dataset"):
        train(tmp_path, recorder=recorder, evaluate=BOTH)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train_sampling_strategy": "group_by_length"}, "grouped by length, and not in their order"),
        ({"group_by_length": True}, "grouped by length, and not in their order"),
        ({"batch_eval_metrics": True}, "batch_eval_metrics shows a batch at a time"),
    ],
)
def test_evaluations_without_an_order_are_refused_with_words(arguments, message):
    arguments = types.SimpleNamespace(**{"batch_eval_metrics": False, **arguments})
    state = transformers.TrainerState()
    with pytest.raises(ParameterError, match=message):
        TransformersRecorder("run.h5").on_train_begin(arguments, state, None)


def test_a_recorder_that_was_not_wired_says_so(tmp_path):
    recorder = TransformersRecorder(tmp_path / "run.h5")
    with pytest.raises(ParameterError, match=r"pass compute_metrics=recorder.compute_metrics\(\)"):
        train(tmp_path, callbacks=[recorder])


def test_how_often_is_the_trainers_to_say():
    with pytest.raises(ParameterError, match="how often is the Trainer's to say"):
        TransformersRecorder("run.h5", every_steps=2)
