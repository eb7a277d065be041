"""Numbers with their nouns."""

import h5py
import numpy as np
import pytest

from nntf_cli.wording import plural, quantity
from running import run, succeeded


def test_one_and_several():
    assert [quantity(n, "sample") for n in (0, 1, 2, 1200)] == ["0 samples", "1 sample", "2 samples", "1,200 samples"]
    assert [plural(n, "class") for n in (0, 1, 2)] == ["classes", "class", "classes"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("info one.h5", "split train     1 sample\n"),
        ("check one.h5", "4 snapshots, train 1 sample;"),
        ("samples one.h5 --top 1 -t text", "(train): 1 of 1 sample, in order"),
        ("explain one.h5 1 -t text", "1 sample moved, in 1 flow\n"),
        ("explain one.h5 1 -t text --samples", "1 sample of 1 of 1 flow\n"),
        ("explain one.h5 1 2 -t text", "1 and 1 samples moved, 0 of each alike, 0 of them the same samples\n"),
        ("explain one.h5 1 2 -t text --top 1", "\nthe largest of 2 flows, 1 of 2\n"),
    ],
)
def test_one_is_not_several(command, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("one.h5", "w") as file:
        file["labels"] = np.array([[0], [1], [0], [0]], dtype="u1")
    assert said in succeeded(run(*command.split())).decode()
