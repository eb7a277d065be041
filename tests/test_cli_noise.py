"""``--noise-floor`` and ``--of`` end to end: what is written, drawn, measured and refused."""

from __future__ import annotations

import io
import json

import h5py
import matplotlib.image
import numpy as np
import pytest

import naive
import naive_noise
import planted
from nntf_cli.artifacts.matrices import read_matrix, write_matrix
from nntf_cli.errors import InputError
from nntf_cli.model import Noise
from nntf_cli.noise import p_values
from running import refused, run, succeeded
from threeruns import expected_distances, table_of


def expected_floor(i, columns=None):
    """Return the floors of one of the three runs, or of it crossed with another, by counting all draws."""
    rows, others = (
        [
            {(m, n): int(x) for (m, n), x in np.ndenumerate(delta) if m != n and x}
            for delta in naive.transitions(planted.random_log(seed=k, n_snapshots=12, n_samples=60, n_classes=4)[0], 4)
        ]
        for k in (i, i if columns is None else columns)
    )
    floor = np.array([[float(naive_noise.floor(a, b)) for b in others] for a in rows])
    if columns is None:
        np.fill_diagonal(floor, 0)
    return floor


@pytest.mark.parametrize("ending", ["npz", "h5"])
def test_the_floor_is_written_beside_the_distances(logs, tmp_path, ending):
    out, flows = tmp_path / f"F.{ending}", tmp_path / "flows.npy"
    assert succeeded(run("fingerprint", logs[0], "--noise-floor", "-o", out, "--transitions-out", flows)) == b""
    opened = np.load(out) if ending == "npz" else h5py.File(out)
    np.testing.assert_array_equal(opened["distances"][()], expected_distances(0))
    np.testing.assert_allclose(opened["floor"][()], expected_floor(0), rtol=1e-12)
    assert opened["deviation"][()].shape == (11, 11)
    p = opened["p_value"][()]
    opened.close()
    np.testing.assert_array_equal(p, p_values(read_matrix(str(out))))
    assert np.isnan(p.diagonal()).all()
    assert ((0 <= p) & (p <= 1))[~np.isnan(p)].all()
    assert np.load(flows).shape == (11, 4, 4)
    assert read_matrix(str(out)).noise.floor.dtype == np.float64


def test_the_floor_of_two_runs_crossed(logs):
    done = run("fingerprint", logs[0], "--against", logs[1], "--noise-floor", "-t", "npz")
    with np.load(io.BytesIO(succeeded(done))) as opened:
        np.testing.assert_allclose(opened["floor"], expected_floor(0, 1), rtol=1e-12)


def test_many_logs_have_a_floor_each(logs, tmp_path):
    succeeded(run("fingerprint", *logs, "--noise-floor", "-t", "npz", "-o", f"{tmp_path}/"))
    for i, log in enumerate(logs):
        with np.load(tmp_path / f"{log.stem}.npz") as opened:
            np.testing.assert_allclose(opened["floor"], expected_floor(i), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--noise-floor goes with npz and h5: npy holds one matrix"),
        (["-o", "D.csv"], "csv holds one matrix"),
        (["-t", "npz", "--metric", "hamming"], "others have no noise floor"),
        (["-t", "npz", "--normalize", "samples"], "others have no noise floor"),
        (["-t", "npz", "--dtype", "float32"], "goes with --dtype float64"),
    ],
)
def test_what_has_no_floor_is_refused(logs, options, message):
    refused(run("fingerprint", logs[0], "--noise-floor", *options), 2, message)
    refused(run("fingerprint", *logs, "--noise-floor", "-o", "nowhere/"), 2, "npy holds one matrix")


def test_rqa_of_the_excess_is_that_of_the_matrix(logs, tmp_path):
    out, excess = tmp_path / "F.npz", tmp_path / "excess.npy"
    succeeded(run("fingerprint", logs[0], "--noise-floor", "-o", out))
    with np.load(out) as opened:
        np.save(excess, opened["distances"] - opened["floor"])
    how = ["--per-band", "--convention", "standard"]
    wanted = table_of(succeeded(run("rqa", excess, "--range", "-1:1", *how)))
    for given in (out, logs[0]):
        done = run("rqa", given, "--of", "excess", *how)
        table = table_of(succeeded(done))
        assert done.err.startswith("nntf: note: excess over the noise floor: RQA, standard convention")
        assert "20 bands of 0.1 from -1 to 1" in done.err
        numbers = table.columns.drop(["run", "split"])
        assert table[numbers].equals(wanted[numbers])


def test_rqa_says_what_it_measured(logs, tmp_path):
    rows = json.loads(succeeded(run("rqa", logs[0], "--of", "floor", "-t", "json")))
    assert [row["of"] for row in rows] == ["floor"]
    table = table_of(succeeded(run("rqa", logs[0], "--of", "excess", "--band", "-0.2:0.2", "--per-band")))
    assert (table["band_lo"][0], table["band_hi"][0]) == (-0.2, 0.2)
    done = run("rqa", logs[0], "--of", "excess", "--windows", "5:3", "--figure", tmp_path / "w.png")
    assert len(table_of(succeeded(done))) == 3
    assert matplotlib.image.imread(tmp_path / "w.png").std() > 0


@pytest.mark.parametrize("of", ["floor", "excess", "distance,floor,excess", "floor,excess", "distance,floor"])
def test_render_draws_what_is_asked_for(logs, tmp_path, of):
    out = tmp_path / "F.npz"
    succeeded(run("fingerprint", logs[0], "--noise-floor", "-o", out))
    from_log = succeeded(run("render", logs[0], "--of", of))
    assert from_log == succeeded(run("render", out, "--of", of))
    assert from_log != succeeded(run("render", logs[0]))


def test_render_draws_several_and_bands(logs):
    assert succeeded(run("render", *logs, "--of", "excess"))[:4] == b"\x89PNG"
    assert succeeded(run("render", logs[0], "--of", "excess", "--band", "-0.1:0.1"))[:4] == b"\x89PNG"


def test_what_cannot_be_drawn_or_measured_is_refused(logs, tmp_path):
    bare, difference = tmp_path / "D.npy", tmp_path / "diff.npz"
    succeeded(run("fingerprint", logs[0], "-o", bare))
    succeeded(run("diff", logs[0], logs[1], "-o", difference))
    for command in ("render", "rqa"):
        done = run(command, bare, "--of", "excess")
        refused(done, 3, "has no noise floor; compute it with nntf fingerprint --noise-floor")
        refused(run(command, difference, "--of", "floor"), 3, "is a difference already")
        refused(run(command, logs[0], "--of", "floor", "--metric", "hamming"), 2, "--of floor goes with --metric flows")
        refused(run(command, logs[0], "--of", "noise"), 2, "'noise' is not one of")
    refused(run("render", *logs, "--of", "floor,excess"), 2, "name one for several inputs")
    refused(run("render", *logs, "--of", "excess", "--diffs", "ends"), 2, "--diffs goes with --of distance")
    refused(run("render", logs[0], "--of", "floor,excess", "--band", "0:1"), 2, "name one here")
    refused(run("rqa", logs[0], "--of", "excess", "--matrix-out", tmp_path / "e.npy"), 2, "writes distances")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("floor", None),
        ("deviation", np.zeros((3, 3))),
        ("floor", np.full((11, 11), np.nan)),
        ("deviation", np.full((11, 11), -1.0)),
        ("floor", np.zeros((11, 11), dtype=np.float32)),
    ],
)
def test_a_file_with_half_a_floor_is_refused(logs, tmp_path, name, values):
    out = tmp_path / "F.npz"
    succeeded(run("fingerprint", logs[0], "--noise-floor", "-o", out))
    with np.load(out) as opened:
        arrays = dict(opened)
    arrays[name] = values
    np.savez(tmp_path / "bad.npz", **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(InputError, match=f"'{name}' is not a matrix of 11 x 11 numbers"):
        read_matrix(str(tmp_path / "bad.npz"))


def test_a_floor_survives_being_written_and_read(tmp_path, logs):
    succeeded(run("fingerprint", logs[0], "--noise-floor", "-o", tmp_path / "F.h5"))
    matrix = read_matrix(str(tmp_path / "F.h5"))
    for form in ("npz", "h5"):
        stream = io.BytesIO()
        write_matrix(stream, matrix, form)
        again = read_matrix("again", stream.getvalue()).noise
        assert isinstance(again, Noise)
        np.testing.assert_array_equal(again.floor, matrix.noise.floor)
        np.testing.assert_array_equal(again.deviation, matrix.noise.deviation)


def test_missing_labels_take_part_in_no_transition(tmp_path):
    labels = np.array([[0, 1, 2, 255], [1, 1, 255, 0], [0, 2, 2, 1]], dtype=np.uint8)
    root = {"format": "nntf-labellog", "format-version": 1, "n-classes": 3}
    np.savez(tmp_path / "run.npz", **{"labels/train": labels, "snapshots/step": np.arange(3)}, **root)
    done = run("fingerprint", tmp_path / "run.npz", "--noise-floor", "-t", "npz")
    with np.load(io.BytesIO(succeeded(done))) as opened:
        floor = opened["floor"]
    assert floor[0, 1] == float(naive_noise.floor({(0, 1): 1}, {(1, 0): 1, (1, 2): 1, (0, 1): 1}))
