"""``nntf rqa`` end to end, contents asserted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import naive
import naive_chance
import planted
from nntf_cli.labellog import write_log
from running import refused, run, succeeded
from threeruns import expected_distances, table_of


def test_rqa_summary_is_the_published_kind_of_table(logs):
    done = run("rqa", *logs)
    table = table_of(succeeded(done))
    assert list(table.columns) == [
        *("run", "split", "weight_decay", "b_lam", "lam", "b_ent", "ent", "acc", "acc_split", "n_lam", "rr_lam"),
        *("lam_chance", "lam_mean", "lam_p", "note"),
    ]
    assert "paper convention" in done.err
    assert table["run"].tolist() == ["wd_0", "wd_0.01", "wd_0.1"]
    assert table["acc"].tolist() == pytest.approx([0.8, 0.7, 0.6])
    assert set(table["acc_split"]) == {"test"}
    for i in range(3):
        recurrences = naive.paper_recurrences(expected_distances(i))
        lams = [naive.paper_lam(b, 2) for b in recurrences]
        i_lam, _ = naive.select_lowest(lams, [naive.paper_ent(b, 2) for b in recurrences])
        assert float(table["lam"][i]) == pytest.approx(lams[i_lam], rel=1e-12)
        assert table["b_lam"][i] == f"{i_lam / 20:.2f}-{(i_lam + 1) / 20:.2f}"
        assert int(table["n_lam"][i]) == recurrences[i_lam].sum()


@pytest.mark.parametrize("convention", ["paper", "standard"])
def test_rqa_per_band(logs, convention):
    table = table_of(succeeded(run("rqa", logs[0], "--per-band", "--convention", convention)))
    d = expected_distances(0)
    measures = {
        "paper": ["lam", "lam_chance", "lam_mean", "lam_p", "ent"],
        "standard": [
            *("det", "det_chance", "det_mean", "det_p", "l_mean", "l_max", "div", "entr"),
            *("lam", "lam_chance", "lam_mean", "lam_p", "tt", "v_max", "v_entr", "t2", "t_max", "rte"),
        ],
    }[convention]
    assert list(table.columns) == ["run", "split", "band_lo", "band_hi", "n_points", "rr", *measures]
    if convention == "paper":
        cells = succeeded(run("rqa", logs[0], "--per-band")).decode().splitlines()[8].split(",")
        assert float(cells[3]) == 0.35 + 0.05  # pandas does not read every bit in all its versions
        lams = [naive.paper_lam(b, 2) for b in naive.paper_recurrences(d)]
    else:
        lams = [naive.standard_measures(b)["lam"] for b in naive.standard_recurrences(d, 20)]
    given = [None if cell == "" else float(cell) for cell in table["lam"]]
    assert given == [None if lam is None else pytest.approx(lam, rel=1e-12) for lam in lams]


@pytest.mark.parametrize("options", [{"theiler": 0}, {"theiler": 3}, {"theiler_vertical": 2}, {"border": "kelo"}])
def test_rqa_leaves_out_what_it_is_told_to(logs, options):
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    done = run("rqa", logs[0], "--per-band", "--convention", "standard", *flags)
    table = table_of(succeeded(done))
    for name, value in options.items():
        assert f"{name} {value}" in done.err
    recurrences = naive.standard_recurrences(expected_distances(0), 20)
    for (_, row), recurrence in zip(table.iterrows(), recurrences, strict=True):
        for name, value in naive.standard_measures(recurrence, **options).items():
            assert row[name] == "" if value is None else float(row[name]) == pytest.approx(value, rel=1e-12), name


def test_rqa_says_how_much_of_it_is_chance(logs):
    table = table_of(succeeded(run("rqa", logs[0])))
    again = table_of(succeeded(run("rqa", logs[0], "--seed", "0", "--permutations", "199")))
    pd.testing.assert_frame_equal(table, again)
    done = run("rqa", logs[0], "--seed", "1", "--permutations", "99")
    assert "99 permutations, seed 1" in done.err
    other = table_of(succeeded(done))
    assert other["lam_mean"].tolist() != table["lam_mean"].tolist()
    recurrences = naive.paper_recurrences(expected_distances(0))
    lams = [naive.paper_lam(b, 2) for b in recurrences]
    i_lam, _ = naive.select_lowest(lams, [naive.paper_ent(b, 2) for b in recurrences])
    lo, hi = naive.paper_bands(0.05)[i_lam]
    permuted = [naive.paper_lam((lo <= d) & (d <= hi), 2) for d in naive_chance.shuffled(expected_distances(0), 199)]
    assert float(table["lam_mean"][0]) == pytest.approx(np.mean(permuted), rel=1e-12)
    p = naive_chance.permutation_p(lams[i_lam], permuted)
    assert float(table["lam_p"][0]) == pytest.approx(p)
    assert (f"lam not above chance (p = {p:.2f})" in table["note"][0]) == (p > 0.05)


def test_rqa_without_permutations_has_no_columns_of_them_for_people(logs):
    def head(*options):
        return succeeded(run("rqa", logs[0], "-t", "text", *options)).decode().splitlines()[1].split()

    assert ["lam_mean", "lam_p"] == [name for name in head() if name.startswith("lam_")]
    assert ["lam_chance"] == [name for name in head("--permutations", "0") if name.startswith("lam_")]
    table = table_of(succeeded(run("rqa", logs[0], "--permutations", "0")))
    assert (table["lam_mean"].tolist(), table["lam_p"].tolist()) == ([""], [""])
    assert not {"det_mean", "det_p"} & set(head("--permutations", "0", "--per-band", "--convention", "standard"))


def test_rqa_of_two_runs_crossed(logs, tmp_path):
    out = tmp_path / "cross.npz"
    succeeded(run("fingerprint", logs[0], "--against", logs[1], "--every", "1", "-o", out))
    values = np.load(out)["distances"]
    for part, window in ((values, None), (values[:7], None), (values[:, :6], 2)):
        np.save(tmp_path / "part.npy", part)
        flags = [] if window is None else ["--theiler", str(window)]
        table = table_of(succeeded(run("rqa", tmp_path / "part.npy", "--per-band", "--convention", "standard", *flags)))
        for (_, row), recurrence in zip(table.iterrows(), naive.standard_recurrences(part, 20), strict=True):
            expected = naive.standard_measures(recurrence, theiler=window)
            for name in ("rr", "det", "lam", "t2", "rte"):
                value = expected[name]
                assert row[name] == "" if value is None else float(row[name]) == pytest.approx(value), name
            assert row["lam_p"] == "" if expected["lam"] is None else 0 < float(row["lam_p"]) <= 1


def test_rqa_of_a_pipe_of_matrices_and_of_logs_agree(logs, tmp_path):
    bare = succeeded(run("fingerprint", logs[0]))
    named = succeeded(run("fingerprint", logs[0], "-t", "npz"))
    from_log = table_of(succeeded(run("rqa", logs[0])))
    from_named = table_of(succeeded(run("rqa", stdin=named)))
    from_bare = table_of(succeeded(run("rqa", "-", stdin=bare)))
    pd.testing.assert_frame_equal(from_log, from_named)
    assert from_bare["run"].tolist() == ["stdin"]
    assert from_bare["acc"].tolist() == [""]
    assert from_bare["lam"].tolist() == from_log["lam"].tolist()


def test_rqa_rows_are_sorted_and_bold_goes_along(logs):
    table = table_of(succeeded(run("rqa", *logs, "--sort", "-weight_decay")))
    assert table["weight_decay"].tolist() == [0.1, 0.01, 0.0]
    lines = succeeded(run("rqa", *logs, "-t", "md")).decode().splitlines()
    resorted = succeeded(run("rqa", *logs, "-t", "md", "--sort", "-weight_decay")).decode().splitlines()
    assert resorted[4:] == lines[:3:-1]
    assert any("**" in line for line in lines)
    refused(run("rqa", *logs, "--sort", "colour"), 2, "'colour' is no column; there are: run, split")


def test_rqa_gives_a_row_for_each_split(logs):
    table = table_of(succeeded(run("rqa", logs[0], "--split", "train,test")))
    assert table[["run", "split"]].to_numpy().tolist() == [["wd_0", "train"], ["wd_0", "test"]]


def test_rqa_names_like_runs_by_their_path(logs, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "run.h5").write_bytes(logs[0].read_bytes())
    table = table_of(succeeded(run("rqa", tmp_path / "a/run.h5", tmp_path / "b/run.h5", logs[0])))
    assert table["run"].tolist() == ["a/run", "b/run", "wd_0"]


@pytest.mark.parametrize(("ending", "first"), [("md", "RQA, paper"), ("tex", "% RQA"), ("json", "["), ("txt", "RQA")])
def test_rqa_formats_follow_the_ending(logs, tmp_path, ending, first):
    out = tmp_path / f"table.{ending}"
    assert succeeded(run("rqa", logs[0], "-o", out)) == b""
    assert out.read_text().startswith(first)
    if ending == "json":
        assert json.loads(out.read_text())[0]["run"] == "wd_0"


def test_rqa_of_a_difference_needs_a_range(logs, tmp_path):
    out = tmp_path / "d.npz"
    succeeded(run("diff", logs[0], logs[1], "-o", out))
    refused(run("rqa", out), 3, "outside [0, 1]; say which range the bands shall tile, for instance --range -")
    table = table_of(succeeded(run("rqa", out, "--range", "-1:1", "--per-band", "--convention", "standard")))
    assert table["n_points"].sum() == 11 * 11
    one = table_of(succeeded(run("rqa", out, "--band", "-0.5:0.5", "--per-band")))
    assert one["n_points"].tolist() == [int((np.abs(expected_distances(0) - expected_distances(1)) <= 0.5).sum())]


def test_options_that_choose_labels_are_refused_for_a_matrix(logs, tmp_path):
    out = tmp_path / "D.npz"
    succeeded(run("fingerprint", logs[0], "-o", out))
    for options in (["--split", "test"], ["--every", "2"], ["--metric", "hamming"], ["--normalize", "none"]):
        for command in (["rqa", out], ["diff", out, out], ["render", out]):
            refused(run(*command, *options), 2, "is a matrix", "give the label log")
    refused(run("rqa", f"{logs[0]}::test", "--split", "train"), 2, "names split 'test', but --split asks for 'train'")
    for option, value in (("edges", "closed"), ("theiler", "1"), ("theiler-vertical", "0"), ("border", "kelo")):
        refused(run("rqa", logs[0], f"--{option}", value), 2, f"--{option} goes with --convention standard")


def test_a_hyperparameter_named_like_a_measure_is_shown_as_given(tmp_path):
    for i in range(2):
        labels, _ = planted.random_log(seed=i, n_snapshots=6, n_samples=30, n_classes=3)
        write_log(tmp_path / f"{i}.h5", {"train": labels}, n_classes=3, hparams={"rr": 1e-5 * (i + 1)})
    text = succeeded(run("rqa", tmp_path / "0.h5", tmp_path / "1.h5", "-t", "text")).decode()
    assert "1e-05" in text
    assert "2e-05" in text


def test_json_names_the_convention_and_titles_the_range(logs):
    rows = json.loads(succeeded(run("rqa", logs[0], "-t", "json", "--convention", "standard")))
    assert rows[0]["convention"] == "standard"
    text = succeeded(run("rqa", logs[0], "-t", "text", "--range", "0:0.5")).decode()
    assert "20 bands of 0.025 from 0 to 0.5" in text.splitlines()[0]


def test_of_all_bands_none_is_selected(logs):
    refused(run("rqa", logs[0], "--per-band", "--select", "lowest"), 2, "--select does not go with --per-band")


def test_entries_outside_the_range_are_told(logs):
    done = run("rqa", logs[0], "--range", "0:0.5")
    n_outside = int((expected_distances(0) > 0.5).sum())
    assert f"{n_outside} of 121 entries lie outside --range" in done.err


def test_matrices_of_the_same_source_have_names_of_their_own(logs, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        succeeded(run("fingerprint", logs[0], "-o", tmp_path / folder / "D.npz"))
    table = table_of(succeeded(run("rqa", tmp_path / "a/D.npz", tmp_path / "b/D.npz")))
    assert table["run"].tolist() == ["a/D", "b/D"]


def test_rqa_writes_the_matrix_it_has_measured_too(logs, tmp_path):
    one = [logs[0], "--split", "train"]
    succeeded(run("rqa", *one, "--matrix-out", tmp_path / "D.npz", "-o", tmp_path / "both.csv"))
    succeeded(run("rqa", *one, "-o", tmp_path / "alone.csv"))
    assert (tmp_path / "both.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    succeeded(run("fingerprint", *one, "-o", tmp_path / "D2.npz"))
    assert (tmp_path / "D.npz").read_bytes() == (tmp_path / "D2.npz").read_bytes()


def test_rqa_writes_one_matrix_only_and_to_a_file_of_its_own(logs, tmp_path):
    for arguments in ([*logs], [logs[0], "--split", "train,test"]):
        refused(run("rqa", *arguments, "--matrix-out", tmp_path / "D.npy"), 2, "one log and one split")
    refused(run("rqa", logs[0], "--matrix-out", "same.csv", "-o", "same.csv"), 2, "a file each")
    refused(run("rqa", logs[0], "--matrix-out", tmp_path / "D.png"), 2, "unknown ending .png")
