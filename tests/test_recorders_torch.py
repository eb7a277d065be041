"""The recorder for torch says what a plain pass says, and the training does not notice it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from frameworks import digits, recorded, require

torch = require("torch")
require("sklearn")

from torch.utils.data import (  # noqa: E402
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from nntf_cli.errors import ParameterError  # noqa: E402
from nntf_cli.recorders import TorchRecorder  # noqa: E402
from nntf_cli.recorders.undisturbed import undisturbed  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:::torch")


def samples(n=200):
    x, y = digits(n)
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


class Net(torch.nn.Module):
    """Has what a recording pass might change: dropout, normalization, a frozen normalization, a counting buffer."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = torch.nn.Linear(64, 24), torch.nn.Linear(24, 10)
        self.norm, self.frozen = torch.nn.BatchNorm1d(24), torch.nn.BatchNorm1d(24)
        self.dropout = torch.nn.Dropout(0.3)
        self.register_buffer("calls", torch.zeros(1))
        self.gain = 1.0

    def forward(self, x):
        self.calls += 1  # in evaluation too
        hidden = self.dropout(torch.relu(self.norm(self.inner(x))))
        return self.outer(self.frozen(hidden)) + 0.001 * self.calls


def train(record, *, n_epochs=2, persistent=False):
    """Train with everything random that a training may have; ``record(model, loader, optimizer)`` gives a recorder."""
    data = samples()  # before seeding: what is imported for the first time may draw, too
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)
    loader = DataLoader(
        data, batch_size=32, shuffle=True, num_workers=persistent, persistent_workers=persistent, drop_last=True
    )
    model = Net().train()
    model.frozen.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    recorder, step = record(model, loader, optimizer), 0
    for _ in range(n_epochs):
        for x, y in loader:
            noise = torch.randn_like(x) * 0.01 + random.random() * 0.01 + np.random.random() * 0.01
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x + noise.float()), y).backward()
            optimizer.step()
            step += 1
            if recorder:
                recorder.snapshot(step)
        schedule.step()
    if recorder:
        recorder.close()
    modes = [module.training for module in model.modules()]
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    moments = [state["momentum_buffer"] for state in optimizer.state_dict()["state"].values()]
    ends = [torch.get_rng_state(), torch.tensor(random.random()), torch.tensor(np.random.random())]
    return [*model.state_dict().values(), *gradients, *moments, *ends], modes, schedule.state_dict()


@pytest.mark.parametrize("persistent", [False, pytest.param(True, marks=pytest.mark.process)])
def test_a_training_ends_in_the_same_bits_with_and_without(tmp_path, persistent):
    def record(model, loader, optimizer):
        return TorchRecorder(tmp_path / "run.h5", model, {"train": loader, "test": samples(50)}, optimizer=optimizer)

    with_it, without = (train(each, persistent=persistent) for each in (record, lambda *_: None))
    for one, other in zip(with_it[0], without[0], strict=True):
        assert torch.equal(one, other)
    assert with_it[1:] == without[1:]
    log, _ = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == list(range(1, 13))


def test_the_labels_are_those_of_a_plain_pass_in_the_order_of_the_data(tmp_path):
    data = samples(101)
    model = Net()
    with TorchRecorder(tmp_path / "run.h5", model, DataLoader(data, batch_size=16, shuffle=True)) as recorder:
        expected = []
        for step in (1, 2):
            with torch.no_grad():
                model.outer.bias += torch.randn(10)
            recorder.snapshot(step, loss=step / 2)
            with undisturbed(model):
                expected.append(model(data.tensors[0]).argmax(1).numpy())
    log, labels = recorded(tmp_path / "run.h5")
    np.testing.assert_array_equal(labels["train"], expected)
    true = log.splits["train"].true
    np.testing.assert_array_equal(true, data.tensors[1])
    assert log.scalars["accuracy"].tolist() == [np.mean(row == true) for row in expected]
    assert log.scalars["loss"].tolist() == [0.5, 1.0]
    assert log.hparams["batch_size"] == 16


def test_every_so_many_steps_and_what_an_optimizer_says(tmp_path):
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002, weight_decay=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.5)  # what counts is the rate before
    torch.manual_seed(5)
    with TorchRecorder(tmp_path / "run.h5", model, samples(20), every=3, optimizer=optimizer) as recorder:
        assert [recorder.snapshot(step) for step in range(1, 8)] == [False, False, True, False, False, True, False]
    log, _ = recorded(tmp_path / "run.h5")
    assert log.step.tolist() == [3, 6]
    assert log.hparams == {"optimizer": "AdamW", "learning_rate": 0.002, "weight_decay": 0.1, "seed": 5}


def test_batches_by_name_a_forward_of_ones_own_and_scores_that_are_nan(tmp_path):
    x, y = (tensor[:6] for tensor in samples().tensors)
    first = x[0, 2]
    x = torch.cat([x[:4], x[4:] + 1])
    batches = [{"x": x[:4], "labels": y[:4]}, {"x": x[4:], "labels": y[4:]}]

    class Named(torch.nn.Module):
        def forward(self, x):
            scores = torch.eye(10)[x.argmax(1) % 10]
            scores[(x == x[:1]).all(1) & (x[0, 2] == first)] = torch.nan
            return {"logits": scores}

    with TorchRecorder(tmp_path / "named.h5", Named(), batches) as recorder:
        recorder.snapshot(1)
    _, labels = recorded(tmp_path / "named.h5")
    assert labels["train"].tolist() == [[255, *(x.argmax(1) % 10)[1:].tolist()]]

    def forward(model, batch):
        return batch["x"].sum(1) > 20

    given = {"classes": ["no", "yes"], "true": y > 4}
    with TorchRecorder(tmp_path / "own.h5", Named(), batches, forward=forward, **given) as recorder:
        recorder.snapshot(1)
    log, labels = recorded(tmp_path / "own.h5")
    assert labels["train"].tolist() == [(x.sum(1) > 20).int().tolist()]
    assert log.class_names == ("no", "yes")
    assert log.scalars["accuracy"] == ((x.sum(1) > 20) == (y > 4)).double().mean()
    with pytest.raises(ParameterError, match="true of split 'train' holds label"):
        TorchRecorder(tmp_path / "wrong.h5", Named(), batches, forward=forward, classes=2)


def test_an_exception_in_training_closes_the_log(tmp_path):
    def training():
        with TorchRecorder(tmp_path / "run.h5", Net(), samples(20)) as recorder:
            recorder.snapshot(1)
            raise RuntimeError("loss is nan")

    with pytest.raises(RuntimeError, match="loss is nan"):
        training()
    assert recorded(tmp_path / "run.h5")[0].step.tolist() == [1]


def test_a_log_is_continued(tmp_path):
    for steps in ((1, 2), (3,)):
        with TorchRecorder(tmp_path / "run.h5", Net(), samples(20)) as recorder:
            for step in steps:
                recorder.snapshot(step)
    with TorchRecorder(tmp_path / "run.h5", Net(), samples(20)) as recorder:
        with pytest.raises(ParameterError, match="step 3 is not after the last one"):
            recorder.snapshot(3)
    assert recorded(tmp_path / "run.h5")[0].step.tolist() == [1, 2, 3]


@pytest.fixture
def process_group():
    if not torch.distributed.is_available():
        pytest.skip("this torch has no torch.distributed")
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_of_a_distributed_training_the_first_process_records(tmp_path, process_group, monkeypatch):
    inner = Net()
    model = torch.nn.parallel.DistributedDataParallel(inner)
    with TorchRecorder(tmp_path / "run.h5", model, samples(20)) as recorder:
        assert recorder.snapshot(1)
        assert recorder.last_step == 1
    with undisturbed(inner):
        expected = inner(samples(20).tensors[0]).argmax(1).numpy()
    np.testing.assert_array_equal(recorded(tmp_path / "run.h5")[1]["train"], [expected])
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    with TorchRecorder(tmp_path / "second.h5", model, samples(20)) as recorder:
        assert not recorder.snapshot(1)
    assert not (tmp_path / "second.h5").exists()


def test_a_pass_within_autocast_does_not_take_gradients_away():
    def gradient(disturbs):
        torch.manual_seed(0)
        model, x = torch.nn.Linear(8, 4), torch.ones(2, 8)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if disturbs:
                with undisturbed(model):
                    model(x)
            model(x).float().sum().backward()
        return model.weight.grad

    assert torch.equal(gradient(True), gradient(False))


class Noisy(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, i):
        return torch.randn(64), i % 10


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.zeros(64), 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: Noisy(), "gives other values each time it is read; record from a data set that is neither augmented"),
        (lambda: DataLoader(Stream(), batch_size=4), "is a stream"),
        (lambda: DataLoader(samples(), sampler=SubsetRandomSampler([1, 2]), batch_size=2), "drawn by SubsetRandom"),
        (lambda: DataLoader(samples(), sampler=WeightedRandomSampler([1.0] * 200, 200)), "drawn by WeightedRandom"),
        (lambda: DataLoader(samples(), batch_size=None), "so it is not known which samples it has"),
        (lambda: iter(DataLoader(samples())), "which cannot be read twice"),
        (lambda: DataLoader(Subset(samples(), []), batch_size=2), "split 'train' has no samples"),
        (lambda: {}, "there is no split to record"),
    ],
)
def test_samples_without_a_known_order_are_refused_with_words(tmp_path, data, message):
    with pytest.raises(ParameterError, match=message):
        TorchRecorder(tmp_path / "run.h5", Net(), data())
    assert not list(tmp_path.iterdir())


def test_an_iterable_that_shuffles_is_noticed(tmp_path):
    class Shuffling:
        def __init__(self):
            self.batches, self.n_passes = list(DataLoader(samples(100), batch_size=10)), 0

        def __iter__(self):
            self.n_passes += 1
            # those that only look at the data are in order
            return iter(self.batches if self.n_passes <= 4 else self.batches[::-1])

    with TorchRecorder(tmp_path / "run.h5", Net(), Shuffling()) as recorder:
        with pytest.raises(ParameterError, match="or another order of them, than at first"):
            recorder.snapshot(1)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (torch.nn.Linear(64, 1), r"gives a tensor \(20, 1\), neither labels \(n,\) nor scores \(n, C\); say what"),
        (torch.nn.Sequential(torch.nn.LazyLinear(10)), "has lazy layers"),
    ],
)
def test_models_that_give_something_else_are_refused_with_words(tmp_path, model, message):
    with pytest.raises(ParameterError, match=message):
        TorchRecorder(tmp_path / "run.h5", model, samples(20))
    assert not list(tmp_path.iterdir())


def test_an_unknown_argument_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="there is no argument 'n_samples'"):
        TorchRecorder(tmp_path / "run.h5", Net(), samples(20), n_samples=3)


def test_an_exception_in_the_pass_leaves_the_model_as_it_was():
    model = Net().train()
    model.frozen.eval()
    state = torch.get_rng_state()

    def evaluation():
        with undisturbed(model):
            assert not any(module.training for module in model.modules())
            torch.rand(1)
            model.calls = model.calls + 1  # another tensor in place of the buffer
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluation()
    assert model.training
    assert not model.frozen.training
    assert torch.equal(torch.get_rng_state(), state)
    assert model.calls.item() == 0
