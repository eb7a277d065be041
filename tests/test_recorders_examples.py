"""The examples of recorders run, are short, and stand in the README as they are."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from frameworks import EXAMPLES, recorded

README = (EXAMPLES.parent.parent / "README.md").read_text()

#: Example -> what it needs, and the splits that it records.
NEEDS = {
    "keras_digits": (("keras", "torch", "sklearn"), {"train", "test"}),
    "lightgbm_digits": (("lightgbm", "sklearn"), {"train", "test"}),
    "lightning_digits": (("lightning", "sklearn"), {"train", "test"}),
    "sklearn_digits": (("sklearn",), {"train", "test"}),
    "stages_digits": (("sklearn",), {"train", "test"}),
    "torch_digits": (("torch", "sklearn"), {"train", "test"}),
    "transformers_digits": (("transformers", "accelerate", "torch", "sklearn"), {"train", "test"}),
    "xgboost_digits": (("xgboost", "sklearn"), {"train", "test"}),
}


@pytest.mark.process
@pytest.mark.parametrize("name", NEEDS)
def test_the_example_runs_and_its_log_can_be_read(name, tmp_path):
    needs, splits = NEEDS[name]
    for module in needs:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: make test-recorders")
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.h5")
    log, labels = recorded(path)
    assert set(labels) == splits
    assert log.n_classes == 10
    assert log.n_snapshots >= 5
    assert all((rows != 255).all() for rows in labels.values())
    accuracy = "accuracy" if "train" in splits else "test_accuracy"
    assert log.scalars[accuracy][-1] > 0.8
    assert log.scalars[accuracy][-1] > log.scalars[accuracy][0]
    assert log.hparams["learning_rate"] > 0


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_example_is_short_and_in_the_readme(path):
    assert path.stem in NEEDS
    assert len(path.read_text().splitlines()) < 30
    assert f"```py\n{path.read_text()}```" in README
