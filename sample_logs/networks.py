"""LeNet-5 and a small VGG-like network, trained on the digits with every label written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from digits import SIDE, Images

N_CLASSES = 10
EVAL_BATCH = 500  #: samples predicted at a time; changes nothing but the memory needed


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of one training: what its log carries as such."""

    model: str = "lenet5"
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0005
    batch_size: int = 32
    optimizer: str = "SGD"
    epochs: int = 50
    seed: int = 1


def lenet5() -> nn.Module:
    """LeNet-5 (LeCun et al. 1998), its first layers fitted to 16 x 16 images."""
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, kernel_size=5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * (SIDE // 4) ** 2, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, N_CLASSES),
    )


def vgg() -> nn.Module:
    """Three blocks of two 3 x 3 convolutions each, and a classifier with dropout, as in VGG."""
    widths = (8, 16, 32)
    blocks = [_vgg_block(before, after) for before, after in zip((1, *widths), widths, strict=False)]
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(widths[-1] * (SIDE // 8) ** 2, 64),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(64, N_CLASSES),
    )


def _vgg_block(n_in: int, n_out: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size=3, padding=1),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
        nn.Conv2d(n_out, n_out, kernel_size=3, padding=1),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


MODELS: dict[str, Callable[[], nn.Module]] = {"lenet5": lenet5, "vgg": vgg}


def train(recipe: Recipe, data: dict[str, Images]) -> dict:
    """Train a network and return what :func:`nntf_cli.labellog.write_log` needs to know of it.

    A snapshot is taken after each epoch, so the steps are the epochs 1, 2, ...
    """
    torch.manual_seed(recipe.seed)
    net = MODELS[recipe.model]()
    optimizer = torch.optim.SGD(
        net.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    tensors = {name: _tensors(images) for name, images in data.items()}
    snapshots = []
    for _ in range(recipe.epochs):
        _train_epoch(net, optimizer, *tensors["train"], recipe.batch_size)
        snapshots.append({name: _evaluate(net, *pair) for name, pair in tensors.items()})
    return _log(recipe, data, snapshots)


def _tensors(images: Images) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(images.pixels[:, None]), torch.from_numpy(images.true)


def _train_epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    pixels: torch.Tensor,
    true: torch.Tensor,
    batch_size: int,
) -> None:
    net.train()
    for batch in torch.randperm(len(true)).split(batch_size):
        optimizer.zero_grad()
        cross_entropy(net(_nudged(pixels[batch])), true[batch]).backward()
        optimizer.step()


def _nudged(pixels: torch.Tensor) -> torch.Tensor:
    """Shift all images of a batch alike, by at most one pixel in each direction.

    Without it the net soon knows the fixed set by heart and no label moves any more.
    """
    down, right = torch.randint(-1, 2, (2,)).tolist()
    return pixels.roll((down, right), dims=(2, 3))


@torch.no_grad()
def _evaluate(net: nn.Module, pixels: torch.Tensor, true: torch.Tensor) -> tuple[np.ndarray, float]:
    """Return the predicted labels of all samples, as they are in the set, and the mean loss."""
    net.eval()
    scores = torch.cat([net(part) for part in pixels.split(EVAL_BATCH)]).double()
    return scores.argmax(dim=1).numpy(), cross_entropy(scores, true).item()


def _log(recipe: Recipe, data: dict[str, Images], snapshots: list[dict]) -> dict:
    labels = {name: np.stack([shot[name][0] for shot in snapshots]) for name in data}
    scalars = {}
    for name, prefix in [("train", ""), ("test", "test_")]:
        scalars[f"{prefix}loss"] = np.array([shot[name][1] for shot in snapshots])
        scalars[f"{prefix}accuracy"] = (labels[name] == data[name].true).mean(axis=1)
    return {
        "labels": labels,
        "step": np.arange(1, recipe.epochs + 1),
        "scalars": scalars,
        "hparams": asdict(recipe),
    }
