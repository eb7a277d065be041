"""``nntf anomalies`` end to end, contents asserted."""

from __future__ import annotations

import json

import pytest

import naive_anomalies as naive
import planted
from nntf_cli.cli.group import nntf
from nntf_cli.labellog import write_log
from running import refused, run, succeeded
from threeruns import table_of

COLUMNS = ["step", "class", "name", "rule", "score", "lost", "n", "expected", "threshold", "p", "p_adjusted"]


@pytest.fixture(scope="module")
def flip(tmp_path_factory):
    """A log in which class 4, called emu, goes wrong at step 140."""
    labels, facts = planted.sudden_flip()
    path = tmp_path_factory.mktemp("flip") / "flip.h5"
    names = ["ant", "bat", "cat", "dog", "emu", "fox"]
    write_log(path, {"train": labels}, n_classes=6, step=range(0, 300, 10), true={"train": facts["true"]},
              class_names=names)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def unknown(tmp_path_factory):
    """The same without true classes or names."""
    labels, _ = planted.sudden_flip()
    path = tmp_path_factory.mktemp("unknown") / "unknown.h5"
    write_log(path, {"train": labels}, n_classes=6)
    return path


def test_the_table(flip):
    done = run("anomalies", flip, "--window", "3", "--threshold", "0")
    table = table_of(succeeded(done))
    labels, facts = planted.sudden_flip()
    assert list(table.columns) == COLUMNS
    assert "correct or wrong; window 3; threshold 0; null rate; p adjusted by Benjamini-Hochberg" in done.err
    assert len(table) == 30 * 6 * 2
    by_rule = {rule: naive.score(labels, 6, rule, 3, facts["true"]) for rule in ("left", "right")}
    chances = {rule: naive.rate_chance(labels, 6, rule, 3, facts["true"]) for rule in ("left", "right")}
    for row in table.to_dict("records"):
        place = int(row["step"]) // 10, int(row["class"])
        expected = by_rule[row["rule"]][place]
        assert (row["score"], row["lost"], row["n"]) == (tuple(map(str, expected)) if expected else ("", "", ""))
        if expected:
            trials, q = chances[row["rule"]][place]
            assert float(row["expected"]) == pytest.approx(float(trials * q), rel=1e-12)
            assert float(row["p"]) == pytest.approx(float(naive.tail(expected[0], trials, q)), rel=1e-9)
            assert row["name"] == ["ant", "bat", "cat", "dog", "emu", "fox"][place[1]]
    assert table["step"][:2].tolist() == [140, 140]
    assert set(table["rule"][:2]) == {"left", "right"}


def test_auto_finds_what_is_planted_and_says_what_it_chose(flip):
    done = run("anomalies", flip, "--auto", "-t", "json")
    rows = json.loads(succeeded(done))
    assert {(row["step"], row["name"], row["rule"]) for row in rows} == {(140, "emu", "left"), (140, "emu", "right")}
    assert rows[0]["windows_tried"] == "2, 3, 5, 8, 13"
    assert (rows[0]["null"], rows[0]["correction"], rows[0]["alpha"]) == ("rate", "Benjamini-Hochberg", 0.05)
    assert (rows[0]["of"], rows[0]["window"], rows[0]["n_tests"]) == ("correct", 2, 336)
    assert rows[0]["score"] >= 48
    assert "window 2, the one with the most anomalies of 2, 3, 5, 8, 13" in done.err
    assert "2 of 336 scores are discoveries (p up to " in done.err
    assert "scores from 10 on are anomalies" in done.err
    text = succeeded(run("anomalies", flip, "--auto", "-t", "text", "-q")).decode()
    assert "window 2 of 2, 3, 5, 8, 13; false discovery rate 0.05" in text


def test_without_true_classes_it_is_the_predicted_class_that_changes(unknown):
    table = table_of(succeeded(run("anomalies", unknown, "--auto")))
    assert {("left", 4), ("right", 5)} <= set(zip(table["rule"], table["class"], strict=True))
    assert set(table["lost"]) == set(table["name"]) == {""}
    text = succeeded(run("anomalies", unknown, "--auto", "-t", "md", "-q")).decode()
    assert "| step | class | rule | score | n | expected | threshold | p | p_adjusted |" in text
    refused(run("anomalies", unknown, "--of", "correct"), 3, "--of correct needs", "--of label, which does without")


def test_options_reach_what_they_mean(flip):
    left = table_of(succeeded(run("anomalies", flip, "--rule", "left", "--threshold", "40")))
    assert (left["rule"].tolist(), left["threshold"].tolist()) == (["left"], [40])
    share = succeeded(
        run("anomalies", flip, "--auto", "--null", "share", "--window", "4", "--alpha", "0.01", "-t", "json")
    )
    assert [(row["null"], row["alpha"], row["windows_tried"]) for row in json.loads(share)][:1] == [
        ("share", 0.01, "4")
    ]
    cut = run("anomalies", flip, "--from", "200", "--auto")
    assert table_of(succeeded(cut)).empty
    assert "0 of " in cut.err
    half = table_of(succeeded(run("anomalies", flip, "--every", "2", "--threshold", "70%")))
    assert set(half["step"]) == {140}


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn instead of a figure."""
    given = {}

    def draw_classes(view, **options):
        given.update(options, view=view)
        return "figure"

    monkeypatch.setattr("nntf_cli.figures.draw_classes", draw_classes)
    monkeypatch.setattr("nntf_cli.figures.encode", lambda figure, form: f"{figure} as {form}".encode())
    return given


def test_the_figure_has_a_mark_for_each_anomaly(flip, drawn, tmp_path, monkeypatch):
    figure, output = tmp_path / "a.svg", tmp_path / "a.csv"
    done = run("anomalies", flip, "--auto", "--figure", figure, "-o", output)
    assert succeeded(done) == b""
    assert figure.read_bytes() == b"figure as svg"
    assert len(table_of(output.read_bytes())) == 2
    assert {(mark.row, mark.class_, mark.rule, mark.weight) for mark in drawn["marks"]} == {
        (14, 4, "left", 1.0),
        (14, 4, "right", 1.0),
    }
    assert drawn["view"].measure == "error"
    assert drawn["only"] is None
    assert drawn["subtitle"] == "2 anomalies: correct or wrong; window 2; false discovery rate 0.05; null rate"
    succeeded(run("anomalies", flip, "--threshold", "0", "--figure", figure, "--only-anomalous", "--of", "label"))
    assert drawn["view"].measure == "share"
    assert drawn["only"] == [0, 1, 2, 3, 4, 5]
    monkeypatch.setattr("nntf_cli.cli.anomaliesoutput._MARKS", 1)
    succeeded(run("anomalies", flip, "--threshold", "48", "--figure", figure, "--only-anomalous"))
    assert drawn["only"] == [4]
    assert len(drawn["marks"]) == 1
    assert drawn["subtitle"].endswith("; null rate; marked are the first 1")
    succeeded(run("anomalies", flip, "--threshold", "49", "--figure", figure))
    assert drawn["subtitle"].startswith("no anomalies: correct or wrong; ")
    assert drawn["marks"] == []


def test_figures_without_an_anomaly(flip, drawn, tmp_path):
    figure = tmp_path / "a.png"
    quiet = ["anomalies", flip, "--threshold", "60", "--figure", figure]
    refused(run(*quiet, "--only-anomalous"), 3, "has no anomaly, and so no class to draw; leave out --only-anomalous")
    assert not figure.exists()
    succeeded(run(*quiet))
    assert drawn["marks"] == []
    assert figure.exists()


def test_a_real_figure(unknown, tmp_path):
    figure = tmp_path / "a.png"
    succeeded(run("anomalies", unknown, "--figure", figure))
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--threshold", "many"], ["'many' is not a number of samples or of percent"]),
        (["--threshold", "101%"], ["out of range"]),
        (["--threshold", "2.5"], ["not a number of samples"]),
        (["--threshold", "nan%"], ["out of range"]),
        (["--window", "0"], ["--window"]),
        (["--window", "30"], ["--window 30 needs 31 snapshots, and there are 30"]),
        (["--alpha", "0.05"], ["--alpha goes with --auto"]),
        (["--alpha", "1", "--auto"], ["--alpha"]),
        (["--rule", "middle"], ["--rule"]),
        (["--only-anomalous"], ["--only-anomalous goes with --figure"]),
        (["--figure", "a.bmp"], ["a.bmp: unknown ending .bmp; use .png, .svg, .pdf"]),
        (["--figure", "a.png", "-o", "a.png", "-t", "csv"], ["need a file each"]),
        (["-o", "table.xyz"], ["unknown ending .xyz"]),
    ],
)
def test_wrong_usage(flip, options, fragments):
    refused(run("anomalies", flip, *options), 2, *fragments)


def test_bad_logs(flip, tmp_path):
    refused(run("anomalies", tmp_path / "nowhere.h5"), 3, "no such file")
    refused(run("anomalies", flip, "--to", "0"), 3, "has 1 snapshot, and a change needs two")
    refused(run("anomalies", flip, "-o", flip, "-t", "csv"), 2, "would be overwritten")
    piped = run("anomalies", "-", "--auto", "-q", stdin=flip.read_bytes())
    assert piped.out == run("anomalies", flip, "--auto", "-q").out


@pytest.mark.parametrize("of", ["correct", "label"])
def test_both_engines_and_every_run_write_the_same_bytes(flip, of, monkeypatch):
    written = set()
    for engine in ("numpy", "numba", "numba"):
        monkeypatch.setenv("NNTF_ENGINE", engine)
        written.add(succeeded(run("anomalies", flip, "--of", of, "--threshold", "0", "-q")))
    assert len(written) == 1


def test_help_says_what_is_counted():
    assert "DeepTracker" in nntf.get_command(None, "anomalies").help
