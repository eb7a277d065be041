#!/usr/bin/env python3
"""Train the models of the sample logs and write their label logs.

    pip install '.[samples]'                       # in the project's folder
    python sample_logs/make_samples.py             # all, about eight minutes
    python sample_logs/make_samples.py --only 'lenet_wd_*' --out logs

Everything is seeded and runs on one thread: the same libraries on the same kind of processor write the same
bytes again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

import boosting
import digits
import networks
import single_unit
from nntf_cli.labellog import write_log

HERE = Path(__file__).resolve().parent

LENET_SWEEPS = {
    "wd": ("weight_decay", [0.0, 0.0005, 0.005, 0.02, 0.05]),
    "lr": ("learning_rate", [0.0005, 0.002, 0.01, 0.05, 0.1]),
    "momentum": ("momentum", [0.0, 0.5, 0.9, 0.95, 0.99]),
}
VGG_WEIGHT_DECAYS = [0.0, 0.0005, 0.005, 0.02, 0.05]

Log = dict  #: keyword arguments of write_log


def samples() -> dict[str, Callable[[], Log]]:
    """Return, for the stem of every file, the function that trains its content."""
    return {**_single_unit_samples(), **_network_samples(), "boosting_digits": _boosting_log}


def _single_unit_samples() -> dict[str, Callable[[], Log]]:
    a = partial(single_unit.Recipe, learning_rate=0.02, iterations=500, seed=4)
    b = partial(single_unit.Recipe, learning_rate=0.05, iterations=2000, seed=5)
    return {
        "scenario_a_k10": partial(_single_unit_log, a(k=10), "A"),
        "scenario_a_k1": partial(_single_unit_log, a(k=1), "A"),
        "scenario_b_k10": partial(_single_unit_log, b(k=10), "B"),
        "scenario_b_k1": partial(_single_unit_log, b(k=1), "B"),
        "scenario_b_k50": partial(_single_unit_log, b(k=50, iterations=6000), "B"),
    }


def _network_samples() -> dict[str, Callable[[], Log]]:
    recipes = {
        f"lenet_{short}_{value:g}": networks.Recipe(**{hparam: value})
        for short, (hparam, values) in LENET_SWEEPS.items()
        for value in values
    }
    for value in VGG_WEIGHT_DECAYS:
        recipes[f"vgg_wd_{value:g}"] = networks.Recipe(model="vgg", weight_decay=value)
    return {stem: partial(_network_log, recipe) for stem, recipe in recipes.items()}


def _single_unit_log(recipe: single_unit.Recipe, scenario: str) -> Log:
    _, true = single_unit.points(scenario)
    log = single_unit.train(recipe, scenario)
    return {**log, "n_classes": 2, "class_names": ["blue", "orange"], "true": {"train": true}}


@cache  # the three LeNet sweeps have one run in common
def _network_log(recipe: networks.Recipe) -> Log:
    return _with_digits(networks.train(recipe, _digits()))


def _boosting_log() -> Log:
    return _with_digits(boosting.train(boosting.Recipe(), _digits()))


@cache
def _digits() -> dict[str, digits.Images]:
    return digits.load()


def _with_digits(log: Log) -> Log:
    """Add what the logs of all models trained on the digits have in common."""
    return {
        **log,
        "n_classes": 10,
        "class_names": [str(digit) for digit in range(10)],
        "true": {split: images.true for split, images in _digits().items()},
        "ids": {split: images.ids for split, images in _digits().items()},
    }


def _summary(log: Log) -> str:
    """Return in words how many training samples moved, and the last accuracy of each split."""
    rows = log["labels"]["train"]
    moved = np.count_nonzero(rows[1:] != rows[:-1], axis=1)
    ends = [f"{name} {values[-1]:.3f}" for name, values in log["scalars"].items() if "accuracy" in name]
    return f"moved {moved[0]} first, {np.median(moved):.0f} median, {moved[-1]} last; " + ", ".join(ends)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="PATTERN", default="*", help="make only the logs named so (default: *)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=HERE, help="default: beside this script")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Make the samples asked for, replacing those that exist; return the exit code."""
    args = _parse(argv)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    chosen = {stem: make for stem, make in samples().items() if fnmatch(stem, args.only)}
    if not chosen:
        print(f"make_samples: no log is named like '{args.only}'", file=sys.stderr)
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    for i, (stem, make) in enumerate(chosen.items(), start=1):
        start = time.perf_counter()
        log = make()
        path = args.out / f"{stem}.h5"
        write_log(path, force=True, **log)
        seconds = time.perf_counter() - start
        print(f"[{i}/{len(chosen)}] {path.name}: {_summary(log)} ({seconds:.0f} s)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
