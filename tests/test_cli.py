"""The commands end to end, contents asserted; what they pass on, with the computing left out."""

from __future__ import annotations

import json
from unittest import mock

import h5py
import matplotlib.image
import numpy as np
import pandas as pd
import pytest

import naive
import planted
from nntf_cli.cli.group import COMMANDS
from running import refused, run, succeeded
from threeruns import expected_distances, matrix_of

# -- fingerprint


def test_fingerprint_writes_the_bare_matrix_to_stdout(logs):
    done = run("fingerprint", logs[0])
    np.testing.assert_array_equal(matrix_of(succeeded(done)), expected_distances(0))
    assert done.err == ""


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["--split", "test"], {"n_samples": 40, "seed_offset": 10}),
        (["--every", "3"], {"rows": slice(None, None, 3)}),
        (["--from", "30", "--to", "80"], {"rows": slice(3, 9)}),
        (["--normalize", "samples"], {"normalize": "samples"}),
        (["--normalize", "none"], {"normalize": "none"}),
    ],
)
def test_fingerprint_of_chosen_labels(logs, options, arguments):
    done = run("fingerprint", logs[1], *options)
    np.testing.assert_array_equal(matrix_of(succeeded(done)), expected_distances(1, **arguments))


def test_fingerprint_from_a_pipe_and_by_address(logs):
    from_pipe = run("fingerprint", "-", stdin=logs[0].read_bytes())
    assert succeeded(from_pipe) == succeeded(run("fingerprint", logs[0]))
    assert succeeded(run("fingerprint", f"{logs[0]}::test")) == succeeded(
        run("fingerprint", logs[0], "--split", "test")
    )


def test_fingerprint_against_another_run(logs):
    done = run("fingerprint", logs[0], "--against", logs[1], "--every", "2")
    rows = [planted.random_log(seed=i, n_snapshots=12, n_samples=60, n_classes=4)[0][::2] for i in range(2)]
    expected = naive.cross_distances(*(naive.transitions(labels, 4) for labels in rows))
    np.testing.assert_array_equal(matrix_of(succeeded(done)), expected)


def test_hamming_counts_samples(logs):
    labels, _ = planted.random_log(seed=0, n_snapshots=12, n_samples=60, n_classes=4)
    done = run("fingerprint", logs[0], "--metric", "hamming")
    np.testing.assert_array_equal(matrix_of(succeeded(done)), naive.hamming(labels))


@pytest.mark.parametrize("ending", ["npz", "h5", "csv", "npy"])
def test_transitions_are_written_beside_the_matrix(logs, tmp_path, ending):
    out, flows = tmp_path / "D.npy", tmp_path / f"flows.{ending}"
    succeeded(run("fingerprint", logs[0], "-o", out, "--transitions-out", flows))
    labels, _ = planted.random_log(seed=0, n_snapshots=12, n_samples=60, n_classes=4)
    deltas = naive.transitions(labels, 4)
    np.testing.assert_array_equal(np.load(out), naive.distances(deltas))
    if ending == "npy":
        np.testing.assert_array_equal(np.load(flows), deltas)
    elif ending == "csv":
        table = pd.read_csv(flows)
        rebuilt = np.zeros_like(deltas)
        rebuilt[table["to_step"] // 10 - 1, table["from"], table["to"]] = table["count"]
        np.testing.assert_array_equal(rebuilt, [delta - np.diag(np.diag(delta)) for delta in deltas])


def test_many_logs_in_one_call(logs, tmp_path):
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"no log")
    out = tmp_path / "new" / "folder"
    done = run("fingerprint", logs[0], bad, logs[1], logs[2], "-t", "npz", "-o", f"{out}/")
    assert done.code == 3
    assert f"nntf: error: {bad}: is neither HDF5 nor NPZ" in done.err
    assert sorted(path.name for path in out.iterdir()) == ["wd_0.01.npz", "wd_0.1.npz", "wd_0.npz"]
    for i, log in enumerate(logs):
        np.testing.assert_array_equal(np.load(out / f"{log.stem}.npz")["distances"], expected_distances(i))
    refused(run("fingerprint", *logs), 2, "several logs need a directory")
    refused(run("fingerprint", *logs, "-o", bad), 2, "several logs need a directory")
    refused(run("fingerprint", *logs, "-o", out, "--transitions-out", "x.csv"), 2, "goes with one log")
    refused(run("fingerprint", *logs, "-o", bad / "inside/"), 4, "cannot be made")


def test_logs_of_one_name_get_files_of_their_own(logs, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "run.h5").write_bytes(logs[0].read_bytes())
    succeeded(run("fingerprint", tmp_path / "a/run.h5", tmp_path / "b/run.h5", "-o", tmp_path / "out/"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_run.npy", "b_run.npy"]


def test_a_label_log_is_replaced_by_force_only(logs, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(logs[1].read_bytes())
    for command in (["fingerprint", logs[0]], ["diff", logs[0], logs[2]], ["rqa", logs[0], "-t", "csv"]):
        refused(run(*command, "-o", other), 2, "other.h5: is a label log", "--force")
    assert other.read_bytes() == logs[1].read_bytes()
    succeeded(run("fingerprint", logs[0], "-o", other, "--force"))
    succeeded(run("fingerprint", logs[0], "-o", other))
    refused(run("fingerprint", logs[0], "-o", logs[0], "--force"), 2, "is an input")


# -- diff


def test_diff_of_logs_and_of_matrices_is_the_same(logs, tmp_path):
    for i in range(2):
        succeeded(run("fingerprint", logs[i], "-o", tmp_path / f"{i}.npz"))
    expected = expected_distances(0) - expected_distances(1)
    for a, b in ((logs[0], logs[1]), (tmp_path / "0.npz", logs[1]), (tmp_path / "0.npz", tmp_path / "1.npz")):
        np.testing.assert_array_equal(matrix_of(succeeded(run("diff", a, b))), expected)


def test_diff_of_two_splits(logs):
    expected = expected_distances(0) - expected_distances(0, n_samples=40, seed_offset=10)
    for arguments in ([logs[0], "--splits", "train,test"], [f"{logs[0]}::train", f"{logs[0]}::test"]):
        np.testing.assert_array_equal(matrix_of(succeeded(run("diff", *arguments))), expected)


def test_diff_exit_code_and_tolerance(logs):
    largest = np.abs(expected_distances(0) - expected_distances(1)).max()
    done = run("diff", logs[0], logs[0], "--exit-code")
    assert (done.code, done.err) == (0, "")
    assert not matrix_of(done.out).any()
    done = run("diff", logs[0], logs[1], "--exit-code")
    assert (done.code, done.err) == (1, "")
    np.testing.assert_array_equal(matrix_of(done.out), expected_distances(0) - expected_distances(1))
    assert run("diff", logs[0], logs[1], "--exit-code", "--tolerance", str(largest)).code == 0
    assert run("diff", logs[0], logs[1], "--exit-code", "--tolerance", str(largest * 0.999)).code == 1


def test_diff_summary(logs, tmp_path):
    values = expected_distances(0) - expected_distances(1)
    lines = succeeded(run("diff", logs[0], logs[1], "--summary")).decode().splitlines()
    i, j = np.unravel_index(values.argmax(), values.shape)
    assert lines[0] == "difference         wd_0 (train) - wd_0.01 (train)"
    assert lines[1].split() == ["mean", f"{values.mean():+.6f}"]
    assert lines[2].split() == ["mean", "absolute", f"{np.abs(values).mean():.6f}"]
    assert lines[3] == f"largest positive   {values.max():+.6f} at steps {(i + 1) * 10}, {(j + 1) * 10}"
    out = tmp_path / "d.npy"
    succeeded(run("diff", logs[0], logs[1], "--summary", "-o", out))
    np.testing.assert_array_equal(np.load(out), values)


# -- render


def pixels(path):
    return matplotlib.image.imread(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["{0}"],
        ["{0}", "--with", "hamming"],
        ["{0}", "--band", "0.5:0.8"],
        ["{0}", "--transitions", "10,50"],
        ["{0}", "--transitions", "all"],
        ["{0}", "--metric", "hamming"],
        ["{0}", "--split", "train,test"],
        ["{0}", "{1}", "{2}", "--diffs", "neighbours"],
        ["{0}", "{1}", "{2}", "--diffs", "ends"],
    ],
    ids=lambda arguments: " ".join(arguments[1:]) or "log",
)
def test_render_draws_every_kind(logs, tmp_path, arguments):
    out = tmp_path / "figure.png"
    succeeded(run("render", *[str(argument).format(*logs) for argument in arguments], "-o", out))
    image = pixels(out)
    assert min(image.shape[:2]) > 200
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 10
    again = succeeded(run("render", *[str(argument).format(*logs) for argument in arguments]))
    assert again == out.read_bytes()


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_render_formats_follow_the_ending(logs, tmp_path, ending, magic):
    out = tmp_path / f"figure.{ending}"
    succeeded(run("render", logs[0], "-o", out))
    assert out.read_bytes().startswith(magic)


def test_render_options_change_the_picture(logs, tmp_path):
    sizes = {}
    for name, options in {
        "plain": [],
        "small": ["--size", "2"],
        "fine": ["--dpi", "300"],
        "grey": ["--cmap", "gray"],
    }.items():
        succeeded(run("render", logs[0], "-o", tmp_path / f"{name}.png", *options))
        sizes[name] = pixels(tmp_path / f"{name}.png").shape[0]
    assert sizes["small"] < sizes["plain"] < sizes["fine"]
    assert (tmp_path / "grey.png").read_bytes() != (tmp_path / "plain.png").read_bytes()
    succeeded(run("render", logs[0], "-t", "svg", "--title", "Mine & <yours> $x$", "-o", tmp_path / "titled.svg"))


def test_render_draws_a_difference_and_a_piped_matrix(logs, tmp_path):
    difference = succeeded(run("diff", logs[0], logs[1], "-t", "npz"))
    succeeded(run("render", "-", "-o", tmp_path / "d.png", stdin=difference))
    bare = succeeded(run("fingerprint", logs[0]))
    succeeded(run("render", "-", "-o", tmp_path / "m.png", stdin=bare))
    refused(run("render", logs[0], "-", "-o", tmp_path / "x.png", stdin=difference), 2, "do not share a colour scale")


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (
            ["{0}", "--transitions", "55"],
            2,
            "no transition leads to this step; they lead to 10, 20, 30, ... (last 110)",
        ),
        (["{0}", "{1}", "--transitions", "all"], 2, "--transitions goes with one label log"),
        (["{0}", "--diffs", "ends"], 2, "--diffs needs at least two inputs"),
        (["{0}", "--cmap", "nonsense"], 2, "nonsense"),
        (["{0}", "--band", "0.1:0.2", "--with", "hamming"], 2, "exclude each other"),
    ],
)
def test_render_refuses_what_cannot_be_drawn(logs, tmp_path, arguments, code, fragment):
    out = tmp_path / "figure.png"
    refused(run("render", *[argument.format(*logs) for argument in arguments], "-o", out), code, fragment)
    assert not out.exists()


def test_render_refuses_what_has_no_colour(tmp_path):
    np.save(tmp_path / "D.npy", np.array([[0, np.nan], [np.nan, 0]]))
    refused(run("render", tmp_path / "D.npy", "-o", tmp_path / "D.png"), 3, "D.npy: the matrix holds nan or infinity")


# -- info


def test_info_tells_a_person(logs):
    text = succeeded(run("info", logs[0])).decode()
    for fragment in (
        "native HDF5, version 1",
        "12, steps 0 to 110, every 10",
        "4 classes (cat, dog, emu, fox)",
        "60 samples",
        "quiet: ",
        "first 0, last 0.9, best 0.9 at step 110",
        "seed=1, weight_decay=0.0",
    ):
        assert fragment in text, fragment


def test_info_tells_a_script(logs):
    facts = json.loads(succeeded(run("info", logs[0], "--json")))
    assert (facts["n_snapshots"], facts["n_classes"], facts["hparams"]["weight_decay"]) == (12, 4, 0.0)
    assert list(facts["splits"]) == ["train", "test"]
    assert facts["splits"]["train"]["n_samples"] == 60


def test_info_goes_on_after_a_bad_run(tmp_path):
    path = tmp_path / "sweep.h5"
    with h5py.File(path, "w") as file:
        file["good/labels"] = np.zeros((3, 4), dtype=np.uint8)
        file["bad/labels"] = np.zeros(3, dtype=np.uint8)
    done = run("info", path)
    assert done.code == 3
    assert f"{path}::good" in done.out.decode()
    assert f"nntf: error: {path}::bad: labels" in done.err


def test_info_names_what_it_does_not_know(tmp_path):
    np.savez(tmp_path / "run.npz", labels=np.zeros((3, 4), dtype=np.uint8), epoch=np.arange(3), lr=float("nan"))
    done = run("info", tmp_path / "run.npz")
    assert "'epoch' is not a name that nntf knows" in succeeded(done).decode()
    assert done.err == ""
    facts = json.loads(succeeded(run("info", tmp_path / "run.npz", "--json")))
    assert facts["hparams"] == {"lr": None}


# -- wiring: the arguments arrive, and nothing is said that was not asked for


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_for_strangers(name):
    text = succeeded(run(name, "--help")).decode()
    assert text.startswith(f"Usage: nntf {name}")
    assert f"  nntf {name} " in text


def test_fingerprint_passes_its_options_on(logs):
    with (
        mock.patch("nntf_cli.fingerprint.fingerprint") as compute,
        mock.patch("nntf_cli.cli.outputs.deliver") as deliver,
    ):
        options = ["--split", "test", "--normalize", "samples", "-o", "D.npz"]
        assert run("fingerprint", logs[0], *options) == (0, b"", "")
    (log, split), keywords = compute.call_args
    assert (log.name, split) == ("wd_0", "test")
    assert keywords == {"metric": "flows", "normalize": "samples", "against": None, "dtype": "float64", "stored": True}
    assert list(deliver.call_args[0][0]) == ["D.npz"]
    assert deliver.call_args[0][1] == [str(logs[0])]


def test_rqa_passes_its_settings_on(logs):
    options = ["--convention", "standard", "--bands", "0.1", "--l-min", "3", "--v-min", "4", "--edges", "closed"]
    options += ["--theiler", "2", "--theiler-vertical", "1", "--border", "kelo", "--permutations", "9", "--seed", "5"]
    with mock.patch("nntf_cli.rqa.summarize", side_effect=ZeroDivisionError) as compute:
        assert run("rqa", logs[0], *options, "--select", "max").code == 70
    _, settings, select = compute.call_args[0]
    assert (settings.convention, settings.width, settings.l_min, settings.v_min) == ("standard", "0.1", 3, 4)
    assert (settings.edges, select) == ("closed", "max")
    assert (settings.theiler, settings.theiler_vertical, settings.border) == (2, 1, "kelo")
    assert (settings.permutations, settings.seed) == (9, 5)


def test_render_passes_its_style_on(logs):
    with (
        mock.patch("nntf_cli.figures.draw_fingerprint") as draw,
        mock.patch("nntf_cli.figures.encode", return_value=b"x"),
    ):
        assert run("render", logs[0], "--size", "3", "--dpi", "72", "--cmap", "magma", "--title", "T") == (0, b"x", "")
    style = draw.call_args[1]["style"]
    assert (style.size, style.dpi, style.cmap, style.title) == (3.0, 72, "magma", "T")
