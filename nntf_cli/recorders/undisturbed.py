"""Evaluate a torch model in the middle of its training so that the training does not notice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from nntf_cli.recorders.randomness import random_kept


@contextlib.contextmanager
def undisturbed(model: torch.nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, without gradients, and leave everything as it was.

    That is: the mode of each module (``model.train()`` would unfreeze batch normalization that is frozen), its
    buffers, and the state of every global random generator.

    Parameters
    ----------
    model : torch.nn.Module
        What is evaluated within.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    with torch_random_kept(), torch.no_grad(), _no_autocast_cache():
        try:
            for module, _ in modes:
                # not eval(): what is overridden there, as where adapters are merged into weights, need not be undone
                # exactly by train()
                module.training = False
            yield
        finally:
            for module, was in modes:
                module.training = was
            for module, name, buffer, before in buffers:
                module._buffers[name] = buffer
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


@contextlib.contextmanager
def torch_random_kept() -> Iterator[None]:
    """Leave the global random generators of Python, numpy and torch, on all devices, as they were.

    Iterating a ``DataLoader`` alone draws from torch's.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(random_kept())
        stack.enter_context(torch.random.fork_rng(devices=[]))
        for kind in ("cuda", "xpu"):
            device = getattr(torch, kind, None)
            if device is not None and device.is_available() and device.is_initialized():
                stack.enter_context(torch.random.fork_rng(range(device.device_count()), device_type=kind))
        if torch.backends.mps.is_available():
            stack.callback(torch.mps.set_rng_state, torch.mps.get_rng_state())
        yield


@contextlib.contextmanager
def _no_autocast_cache() -> Iterator[None]:
    """Keep weights that were cast without gradients from being taken for training's within the same autocast."""
    was = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(was)
