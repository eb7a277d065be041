"""``nntf explain`` end to end, contents asserted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import naive_explain
import planted
from nntf_cli.labellog import write_log
from running import refused, run, succeeded
from threeruns import expected_distances, matrix_of, table_of

NAMES = ["cat", "dog", "emu", "fox"]


def labels_of(i, split="train"):
    seed, n_samples = (i, 60) if split == "train" else (i + 10, 40)
    return planted.random_log(seed=seed, n_snapshots=12, n_samples=n_samples, n_classes=4)[0]


def between(labels, k):
    return labels[k], labels[k + 1]


@pytest.fixture(scope="module")
def run_a(tmp_path_factory):
    """Return a log with ids and true classes, beside one without; its facts are those of a planted loop."""
    path = tmp_path_factory.mktemp("explain") / "looping.h5"
    labels, facts = planted.looping(seed=2)
    write_log(
        path,
        {"train": labels},
        n_classes=facts["n_classes"],
        true={"train": labels[0]},
        ids={"train": np.array([f"s{k}" for k in range(labels.shape[1])])},
        step=np.arange(len(labels)) * 5,
    )
    return path, labels, facts


def test_a_distance_as_flows(logs):
    done = run("explain", logs[0], 30, 70)
    table = table_of(succeeded(done))
    assert list(table.columns) == [
        *("from", "to", "from_name", "to_name", "count_i", "count_j", "common", "same_samples", "difference", "share"),
    ]
    labels = labels_of(0)
    expected = naive_explain.explain_pair(between(labels, 2), between(labels, 6))
    rows = table[["from", "to", "count_i", "count_j", "common", "same_samples", "difference"]]
    assert [tuple(row) for row in rows.to_numpy().tolist()] == expected
    assert table["from_name"].tolist() == [NAMES[k] for k in table["from"]]
    d = naive_explain.distance(expected, 60)
    assert table["share"].tolist() == pytest.approx([row[6] / sum(r[6] for r in expected) for row in expected])
    assert f"= {float(d):.6g} between I, step 20 to 30, and J, step 60 to 70" in done.err
    assert float(d) == expected_distances(0)[2, 6]


def test_the_distance_in_json_is_the_fingerprints_bit_for_bit(logs):
    for normalize in ("flows", "samples", "none"):
        D = matrix_of(succeeded(run("fingerprint", logs[0], "--normalize", normalize)))
        row = json.loads(succeeded(run("explain", logs[0], 30, 70, "-t", "json", "--normalize", normalize)))[0]
        assert row["distance"] == D[2, 6] == row["numerator"] / row["denominator"]
        assert (row["i_from_step"], row["i_to_step"], row["j_to_step"], row["run"]) == (20, 30, 70, "wd_0")


def test_rows_of_the_matrix_instead_of_steps_and_fewer_snapshots(logs):
    by_step = succeeded(run("explain", logs[0], 30, 70))
    assert succeeded(run("explain", logs[0], 2, 6, "--index")) == by_step
    thin = table_of(succeeded(run("explain", logs[0], 40, 80, "--every", 2, "--split", "test")))
    labels = labels_of(0, "test")[::2]
    expected = naive_explain.explain_pair(between(labels, 1), between(labels, 3))
    assert thin["difference"].tolist() == [row[6] for row in expected]


def test_two_runs(logs):
    row = json.loads(succeeded(run("explain", "--between", logs[0], logs[1], 30, 70, "-t", "json")))[0]
    D = matrix_of(succeeded(run("fingerprint", logs[0], "--against", logs[1])))
    assert row["distance"] == D[2, 6]
    assert row["against"] == "wd_0.01"
    expected = naive_explain.explain_pair(between(labels_of(0), 2), between(labels_of(1), 6))
    assert (row["from"], row["to"], row["count_i"], row["count_j"]) == expected[0][:4]
    first = json.loads(succeeded(run("explain", 0, 0, "--index", "--between", logs[0], logs[1], "-t", "json")))[0]
    assert first["distance"] == D[0, 0]
    done = run("explain", "--between", logs[0], logs[1], 30, 70)
    assert "and J, wd_0.01 (train), step 60 to 70" in done.err


def test_two_runs_of_other_samples_are_refused(logs, run_a):
    refused(run("explain", 30, 70, "--between", logs[0], run_a[0]), 3, "have 60 and 400 samples", "cross fingerprint")


def test_one_transition(logs):
    done = run("explain", logs[0], 30)
    table = table_of(succeeded(done))
    assert list(table.columns) == ["from", "to", "from_name", "to_name", "count", "share"]
    expected = naive_explain.explain_one(*between(labels_of(0), 2))
    assert [tuple(row) for row in table[["from", "to", "count"]].to_numpy().tolist()] == expected
    moved = sum(row[2] for row in expected)
    assert f"from step 20 to 30, {moved} samples moved, in {len(expected)} flows" in done.err


def test_text_shows_the_largest_and_says_so(logs):
    text = succeeded(run("explain", logs[0], 30, 70, "-t", "text", "--top", 2)).decode().splitlines()
    labels = labels_of(0)
    expected = naive_explain.explain_pair(between(labels, 2), between(labels, 6))
    part, whole = (sum(row[6] for row in rows) for rows in (expected[:2], expected))
    assert text[2] == f"the 2 largest of {len(expected)} flows, {part} of {whole}"
    assert len(text) == 6
    assert text[3].split()[:4] == ["from", "to", "from_name", "to_name"]


def test_the_samples_behind_flows(run_a):
    path, labels, _ = run_a
    table = table_of(succeeded(run("explain", path, 60, 75, "--samples")))
    assert list(table.columns) == ["sample", "id", "true", "from", "to", "moved_in"]
    both = between(labels, 11), between(labels, 14)
    flows = [row[:2] for row in naive_explain.explain_pair(*both)]
    assert [tuple(row) for row in table[["sample", "from", "to", "moved_in"]].to_numpy().tolist()] == [
        row for row in naive_explain.samples_behind(*both, flows)
    ]
    assert table["id"].tolist() == [f"s{k}" for k in table["sample"]]
    assert table["true"].tolist() == labels[0][table["sample"]].tolist()


def test_the_samples_of_one_flow_by_number_and_by_name(logs, run_a):
    path, labels, _ = run_a
    table = table_of(succeeded(run("explain", path, 60, "--flow", "1:2")))
    assert "moved_in" not in table
    assert table["sample"].tolist() == naive_explain.movers(*between(labels, 11))[1, 2]
    by_name = succeeded(run("explain", logs[0], 30, 70, "--flow", "cat:fox"))
    assert by_name == succeeded(run("explain", logs[0], 30, 70, "--flow", "0:3", "--samples"))
    assert list(table_of(by_name)["from_name"].unique()) == ["cat"]
    refused(run("explain", logs[0], 30, 70, "--flow", "cat:cow"), 2, "'cat:cow' is not FROM:TO")
    refused(run("explain", logs[0], 30, 70, "--flow", "cat:cat"), 2, "nothing moved cat:cat here; the largest flow is ")


def test_names_that_classes_share_stand_for_all_of_them(tmp_path):
    labels = np.array([[0, 0, 1, 2], [1, 2, 2, 0]])
    write_log(tmp_path / "a.h5", {"train": labels}, n_classes=3, class_names=["x", "y", "y"])
    table = table_of(succeeded(run("explain", tmp_path / "a.h5", 1, "--flow", "x:y")))
    assert table[["sample", "from", "to"]].to_numpy().tolist() == [[0, 0, 1], [1, 0, 2]]


def test_names_of_classes_may_hold_colons(tmp_path):
    labels = np.array([[0, 0, 1], [1, 1, 2], [2, 1, 0]])
    write_log(tmp_path / "a.h5", {"train": labels}, n_classes=3, class_names=["a:b", "a", "b:a"])
    for flow, samples in (("a:b:1", [0, 1]), ("a:b:a:a", None), ("1:b:a", [2]), ("a:b:a", [2])):
        done = run("explain", tmp_path / "a.h5", 1, "--flow", flow)
        if samples is None:
            refused(done, 2, "is not FROM:TO")
        else:
            assert table_of(succeeded(done))["sample"].tolist() == samples


def test_quiet_transitions_are_said_in_words(tmp_path):
    labels, facts = planted.converged(converged_at=5, n_snapshots=10)
    write_log(tmp_path / "a.h5", {"train": labels}, n_classes=5)
    moved = facts["moved"][1]
    both = run("explain", tmp_path / "a.h5", 2, 8, "-t", "text")
    assert f"d = {moved} / {moved} = 1 between" in succeeded(both).decode()
    assert (
        f"nothing moved in J, which is quiet, and {moved:,} samples in the other: they have nothing in common"
        in both.out.decode()
    )
    neither = succeeded(run("explain", tmp_path / "a.h5", 7, 8, "-t", "text")).decode()
    assert "d = 0 / 0 = 0 between" in neither
    assert "nothing moved in either, so they are 0 apart by definition" in neither
    done = run("explain", tmp_path / "a.h5", 8)
    assert succeeded(done) == b"from,to,count,share\n"
    assert "nothing moved from step 7 to 8: the transition is quiet" in done.err
    assert json.loads(succeeded(run("explain", tmp_path / "a.h5", 8, "-t", "json"))) == []


def test_wrong_steps_and_wrong_combinations(logs, run_a):
    refused(run("explain", logs[0], 33), 2, "wd_0.h5: no transition arrives at step 33; the nearest: 30 and 40")
    refused(run("explain", logs[0], 30, 0), 2, "step 0 is the first snapshot", "the first one arrives at step 10")
    refused(run("explain", logs[0], 11, "--index"), 2, "has no transition 11; they are numbered 0 to 10")
    refused(run("explain", logs[0]), 2, "name one step or two, or say --loops")
    refused(run("explain", logs[0], 30, "--loops"), 2, "leave the steps out")
    refused(run("explain", logs[0], "--loops", "--samples"), 2, "--samples does not go with --loops")
    refused(run("explain", logs[0], 30, 40, "--within", 0.2), 2, "--within goes with --loops")
    refused(run("explain", logs[0], 30, 40, "--seed", 0), 2, "--seed goes with --loops")
    refused(run("explain", logs[0], 0, "--index", "--loops"), 2, "leave the steps out")
    refused(run("explain", 30, "--between", *logs[:2]), 2, "--between goes with two transitions")
    refused(run("explain", "--loops", "--between", *logs[:2]), 2, "--between does not go with --loops")
    refused(run("explain", logs[0], 30, "--between", *logs[:2]), 2, "wd_0.h5' is not a whole number")
    refused(run("explain", logs[0], "cat"), 2, "'cat' is not a whole number: I and J are steps")
    refused(run("explain", logs[0], 30, 40, 50), 2, "3 transitions are too many")
    refused(run("explain"), 2, "Missing argument 'LOG'")
    refused(run("explain", logs[0], 30, "--normalize", "none"), 2, "--normalize goes with two transitions")
    refused(run("explain", 30, 40, "--between", "-", "-"), 2, "stdin (-) can be read only once")
    refused(run("explain", logs[0], 30, 70, "--flow", "0:3", "--top", 2), 2, "--top does not go with --flow")
    refused(run("explain", logs[0], 30, "--figure", "a.jpg"), 2, "a.jpg: unknown ending .jpg; use .png")
    refused(run("explain", logs[0], 30, "--figure", "a.png", "-o", "a.png", "-t", "csv"), 2, "a file each")
    refused(run("explain", logs[0], 30, "-o", logs[0], "-t", "csv"), 2, "is an input")
    refused(run("explain", logs[0], 30, "-o", run_a[0], "-t", "csv"), 2, "is a label log")


def test_loops_as_a_table_and_in_words(run_a):
    path, _, facts = run_a
    (row,) = json.loads(succeeded(run("explain", path, "--loops", "-t", "json")))
    assert (row["from_step"], row["to_step"]) == (5 * facts["first"], 5 * facts["last"] + 5)
    assert (row["period"], row["period_steps"], row["rounds"], row["transitions"]) == (3, 15, 6, 18)
    assert row["classes"].startswith("0 -> 1 -> 2 -> 0 (40)")
    assert 0 < row["p_value"] <= 0.05
    text = succeeded(run("explain", path, "--loops", "-t", "text", "--permutations", 0)).decode()
    assert "from step 50 to step 140 the training repeats every 3 transitions (15 steps), for 6 rounds\n" in text
    assert "classes that go round, with samples a round: 0 -> 1 -> 2 -> 0 (40)" in text
    assert text.splitlines()[-2].split()[:3] == ["from_step", "to_step", "period"]
    done = run("explain", path, "--loops", "--permutations", 0)
    assert table_of(succeeded(done))["p_value"].tolist() == [""]
    assert "loops were not held against chance" in done.err


def test_no_loops(logs):
    assert succeeded(run("explain", logs[0], "--loops", "-t", "text")).startswith(
        b"wd_0 (train): no loops (3 rounds or more, at "
    )
    assert json.loads(succeeded(run("explain", logs[0], "--loops", "-t", "json"))) == []


def test_loops_that_chance_gives_are_left_out_and_counted(tmp_path):
    for seed in range(20):
        labels, _ = planted.random_walk(seed, n_snapshots=100, n_samples=300, flip_probability=0.1)
        write_log(tmp_path / "a.h5", {"train": labels}, n_classes=4, force=True)
        if len(table_of(succeeded(run("explain", tmp_path / "a.h5", "--loops", "--permutations", 0)))) == 1:
            done = run("explain", tmp_path / "a.h5", "--loops", "--permutations", 99)
            if "1 loop was left out, for chance gives as strong ones (p > 0.05)" in done.err:
                assert len(table_of(succeeded(done))) == 0
                break
    else:
        pytest.fail("no log had a loop by chance")


@pytest.mark.parametrize("steps", [(30,), (30, 70)])
def test_a_figure_has_the_flow_asked_for(logs, tmp_path, monkeypatch, steps):
    monkeypatch.setattr("nntf_cli.cli.explain._SHOWN", 2)
    drawn = []
    monkeypatch.setattr("nntf_cli.figures.draw_explained", drawn.append)
    monkeypatch.setattr("nntf_cli.figures.encode", lambda figure, form: b"")
    every = table_of(succeeded(run("explain", logs[0], *steps)))
    count = "count_i" if len(steps) > 1 else "count"
    for place in (1, 4):
        flow = every.iloc[place]
        given = ("--flow", f"{flow['from']}:{flow['to']}", "--figure", tmp_path / "a.png", "-o", tmp_path / "a.csv")
        succeeded(run("explain", logs[0], *steps, *given))
        bars = drawn.pop()
        assert bars.flows[-1] == (int(flow["from"]), int(flow["to"]))
        assert len(bars.flows) == max(2, place - 1)
        assert bars.marked == [len(bars.flows) - 1]
        assert len(bars.count_i) == len(every)
        assert bars.count_i[len(bars.flows) - 1] == int(flow[count])


def test_figures_are_written_with_the_table(logs, run_a, tmp_path):
    for k, arguments in enumerate([(logs[0], 30, 70), (logs[0], 30), (run_a[0], "--loops")]):
        png, csv = tmp_path / f"{k}.png", tmp_path / f"{k}.csv"
        assert succeeded(run("explain", *arguments, "--figure", png, "-o", csv)) == b""
        assert png.read_bytes().startswith(b"\x89PNG")
        assert csv.read_bytes() == succeeded(run("explain", *arguments))
