"""The recorder for Lightning: a pass of its own, and what validation returns."""

from __future__ import annotations

import numpy as np
import pytest

from frameworks import digits, recorded, require

lightning, torch = require("lightning", "torch")
require("sklearn")

from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from nntf_cli.errors import ParameterError  # noqa: E402
from nntf_cli.recorders import LightningRecorder  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

SAMPLES = TensorDataset(*(torch.from_numpy(each) for each in digits(160)))
HELD_OUT = TensorDataset(*(torch.from_numpy(each) for each in digits(50)))


class Module(lightning.LightningModule):
    def __init__(self, returns="logits", width=24, fails_at=None):
        super().__init__()
        torch.manual_seed(4)
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.BatchNorm1d(width), torch.nn.Dropout(0.3), torch.nn.Linear(width, 10)
        )
        self.frozen = torch.nn.BatchNorm1d(64)
        self.seen = []

    def forward(self, x):
        return self.net(self.frozen(x))

    def on_train_epoch_start(self):
        self.frozen.eval()

    def training_step(self, batch, _):
        if self.global_step == self.hparams.fails_at:
            raise RuntimeError("stop")
        x, y = batch
        loss = torch.nn.functional.cross_entropy(self(x + 0.01 * torch.randn_like(x)), y)
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _, dataloader_idx=0):
        scores = self(batch[0])
        self.seen.append(scores.argmax(1).numpy())
        returns = {"logits": {"logits": scores}, "labels": scores.argmax(1), "loss": {"loss": scores.sum()}}
        return returns[self.hparams.returns]

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


def train(folder, recorder=None, *, epochs=2, model=None, validate=HELD_OUT, resume=None, **options):
    lightning.seed_everything(4, verbose=False)
    model = model or Module()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(
        max_epochs=epochs, callbacks=[recorder] if recorder else [], default_root_dir=folder, **quiet, **options
    )
    loaders = [DataLoader(SAMPLES, batch_size=32, shuffle=True)]
    loaders += [DataLoader(validate, batch_size=16)] if isinstance(validate, TensorDataset) else [validate]
    trainer.fit(model, *loaders, ckpt_path=resume)
    state = [*model.state_dict().values(), torch.get_rng_state()]
    state += [each["momentum_buffer"] for each in trainer.optimizers[0].state_dict()["state"].values()]
    return model, state, trainer


@pytest.mark.parametrize(("how", "steps"), [({}, [1, 2]), ({"every_steps": 3}, [3, 6, 9]), ({"every_epochs": 2}, [2])])
def test_a_training_ends_in_the_same_bits_with_and_without(tmp_path, how, steps):
    data = {"train": DataLoader(SAMPLES, batch_size=32, shuffle=True), "test": HELD_OUT}
    with_it = train(tmp_path, LightningRecorder(tmp_path / "run.h5", data, **how))
    without = train(tmp_path)
    for one, other in zip(with_it[1], without[1], strict=True):
        assert torch.equal(one, other)
    assert not with_it[0].frozen.training
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == steps
    np.testing.assert_array_equal(labels["train"][:, :50], labels["test"])
    if not how:  # validation sees the held out samples at the end of each epoch
        seen = np.concatenate(with_it[0].seen[-8:]).reshape(2, 50)
        np.testing.assert_array_equal(labels["test"], seen)
        assert log.hparams == {
            "optimizer": "SGD",
            "learning_rate": 0.05,
            "momentum": 0.9,
            "weight_decay": 0,
            "batch_size": 32,
            "seed": 4,
            "returns": "logits",
            "width": 24,
        }


@pytest.mark.parametrize("returns", ["logits", "labels"])
def test_what_validation_returns_is_harvested_without_the_sanity_check(tmp_path, returns):
    model = Module(returns)
    options = {"classes": 10} if returns == "labels" else {}
    train(tmp_path, LightningRecorder(tmp_path / "run.h5", **options), model=model, epochs=3)
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(labels["validation"], np.concatenate(model.seen[-12:]).reshape(3, 50))
    np.testing.assert_array_equal(log.splits["validation"].true, HELD_OUT.tensors[1])
    without = train(tmp_path, model=Module(returns), epochs=3)[0]
    for one, other in zip(model.parameters(), without.parameters(), strict=True):
        assert torch.equal(one, other)


def test_several_validation_loaders_and_validation_within_an_epoch(tmp_path):
    loaders = [DataLoader(SAMPLES, batch_size=32), DataLoader(HELD_OUT, batch_size=32)]
    recorder = LightningRecorder(tmp_path / "run.h5", every_steps=2, validation=["train", "test"])
    train(tmp_path, recorder, validate=loaders, val_check_interval=2)
    log, labels = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == [2, 4, 7, 9]
    np.testing.assert_array_equal(labels["train"][:, :50], labels["test"])
    assert {"accuracy", "test_accuracy"} <= set(log.scalars)


def test_accumulated_gradients_are_one_step(tmp_path):
    train(tmp_path, LightningRecorder(tmp_path / "run.h5", SAMPLES, every_steps=1), accumulate_grad_batches=2)
    assert recorded(tmp_path / "run.h5")[0].step.tolist() == [1, 2, 3, 4, 5, 6]


def test_an_exception_in_training_closes_the_log(tmp_path):
    with pytest.raises(RuntimeError, match="stop"):
        train(tmp_path, LightningRecorder(tmp_path / "run.h5", SAMPLES), model=Module(fails_at=7))
    assert recorded(tmp_path / "run.h5")[0].step.tolist() == [1]


def test_a_resumed_training_goes_on_and_one_anew_is_refused_before_its_first_step(tmp_path):
    path = tmp_path / "run.h5"
    _, _, trainer = train(tmp_path, LightningRecorder(path, SAMPLES))
    trainer.save_checkpoint(tmp_path / "two.ckpt")
    train(tmp_path, LightningRecorder(path, SAMPLES), epochs=3, resume=tmp_path / "two.ckpt")
    assert recorded(path)[0].step.tolist() == [1, 2, 3]
    model = Module(fails_at=0)
    with pytest.raises(ParameterError, match="has snapshots up to step 3, and this training starts at 1"):
        train(tmp_path, LightningRecorder(path, SAMPLES), model=model)
    assert recorded(path)[0].step.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": Module("loss")}, "validation_step returns dict, in which there are no labels or scores; return"),
        ({"model": Module("labels")}, "so the number of classes is not known; give classes="),
        ({"validate": DataLoader(HELD_OUT, shuffle=True)}, "is shuffled, and nothing says which sample is which"),
        ({"validate": [DataLoader(HELD_OUT)] * 2}, r"2 validation loaders for 1 splits \(validation\)"),
    ],
)
def test_what_cannot_be_harvested_is_refused_with_words(tmp_path, arguments, message):
    with pytest.raises(ParameterError, match=message):
        train(tmp_path, LightningRecorder(tmp_path / "run.h5"), **arguments)
    assert not (tmp_path / "run.h5").exists()
