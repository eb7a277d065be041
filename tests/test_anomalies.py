"""Scores, chances and anomalies equal the oracle's; what is planted is found, and what is random is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import naive_anomalies as naive
import planted
from nntf_cli.anomalies import RULES, Settings, Threshold, count_changes, find_anomalies
from nntf_cli.anomalies.finding import WINDOWS
from nntf_cli.anomalies.null import adjusted, chance, least_scores, tails
from nntf_cli.errors import InputError, LimitError, ParameterError
from nntf_cli.memory import limited
from nntf_cli.model import NO_MISSING, LabelLog, Panel, Split

pytestmark = pytest.mark.usefixtures("kernels")


class Labels:
    """Labels in memory as a source that delivers them in panels of any size."""

    def __init__(self, labels, missing=NO_MISSING, rows=None, columns=None):
        self._labels, self.missing = labels, missing
        self.n_snapshots, self.n_samples = labels.shape
        self._rows, self._columns = rows or self.n_snapshots, columns or max(1, self.n_samples)

    def panels(self):
        for column in range(0, self.n_samples, self._columns):
            for row in range(0, self.n_snapshots, self._rows):
                part = self._labels[row : row + self._rows, column : column + self._columns]
                top = part.max(where=part != self.missing, initial=0)
                yield Panel(row, column, np.ascontiguousarray(part), int(top) + 1)

    def n_classes(self):
        return int(self._labels.max(where=self._labels != self.missing, initial=0)) + 1


def log_of(labels, true=None, missing=NO_MISSING, declared=None, **panels):
    labels = np.asarray(labels)
    split = Split("train", Labels(labels, missing, **panels), None if true is None else np.asarray(true, np.int64))
    return LabelLog("run.h5", "run", "in memory", np.arange(len(labels)), {"train": split}, declared_classes=declared)


def changes_of(log, windows, correct):
    split = log.split()
    return count_changes(log, split, windows, split.true if correct else None)


def found_in(log, **options):
    return find_anomalies(log, log.split(), Settings(**options))


def random_case(seed, n_missing=0.15):
    labels, facts = planted.random_log(seed, 9, 40, 4, missing_fraction=n_missing)
    true = np.random.default_rng(seed + 100).integers(0, 4, 40)
    return labels, true, facts["missing"]


# ---- scores ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize("missing_fraction", [0.0, 0.15])
@pytest.mark.parametrize("panels", [{}, {"rows": 2, "columns": 17}, {"rows": 1}])
def test_scores_are_the_oracles(correct, missing_fraction, panels):
    labels, true, missing = random_case(1, missing_fraction)
    log = log_of(labels, true, missing, declared=4 if correct else None, **panels)
    windows = (1, 2, 3, 5)
    changes = changes_of(log, windows, correct)
    for rule in RULES:
        for window in windows:
            expected = naive.score(labels, 4, rule, window, true if correct else None, missing)
            scores, full = changes.scores(rule, window), changes.full.of_rule(rule, window)
            lost = changes.lost(rule, window)
            for (j, c), one in expected.items():
                assert (full[j, c], scores[j, c]) == ((one[2], one[0]) if one else (0, 0)), (rule, window, j, c)
                assert not correct or lost[j, c] == (one[1] if one else 0)
            assert (changes.full.sizes(rule, window) >= scores).all()
    assert (changes.lost("left", 1) is None) == (not correct)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 0.2]))
def test_sample_order_does_not_matter_and_time_runs_either_way(seed, correct, missing_fraction):
    labels, true, missing = random_case(seed, missing_fraction)
    changes = changes_of(log_of(labels, true, missing, declared=4), (2, 3), correct)
    order = np.random.default_rng(seed).permutation(40)
    shuffled = changes_of(log_of(labels[:, order], true[order], missing, declared=4, columns=11), (2, 3), correct)
    backwards = changes_of(log_of(labels[::-1], true, missing, declared=4), (2, 3), correct)
    for window in (0, 2, 3):
        for rule, other in zip(RULES, RULES[::-1], strict=True):
            assert_array_equal(changes.scores(rule, window), shuffled.scores(rule, window))
            # what comes after a rest comes, backwards, before one; it is then at the snapshot before
            assert_array_equal(changes.scores(rule, window)[1:], backwards.scores(other, window)[:0:-1])


def test_wrong_classes_among_each_other_are_no_change():
    labels = np.array([[1, 2, 1, 0, 3, 2]], np.uint8).T
    changes = changes_of(log_of(labels, [0]), (1, 2), correct=True)
    assert changes.scores("left", 2)[:, 0].tolist() == [0, 0, 0, 1, 0, 0]
    assert changes.scores("right", 2)[:, 0].tolist() == [0, 0, 0, 0, 1, 0]
    assert changes.lost("left", 0)[:, 0].tolist() == [0, 0, 0, 0, 1, 0]
    assert changes.full.of_rule("right", 2)[:, 0].tolist() == [0, 1, 1, 1, 1, 0]


def test_classes_above_every_label_have_scores_too():
    log = log_of(np.array([[0, 1], [1, 1]], np.uint8), declared=5)
    assert changes_of(log, (1,), correct=False).scores("left", 1).shape == (2, 5)


# ---- chance ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize("missing_fraction", [0.0, 0.1])
def test_chances_are_the_oracles(correct, missing_fraction):
    labels, true, missing = random_case(2, missing_fraction)
    changes = changes_of(log_of(labels, true, missing, declared=4), (2, 3), correct)
    for null, oracle in (("rate", naive.rate_chance), ("share", naive.share_chance)):
        for rule in RULES:
            expected = oracle(labels, 4, rule, 3, true if correct else None, missing)
            one, scores = chance(changes, rule, 3, null), changes.scores(rule, 3)
            probability = np.broadcast_to(one.probability, scores.shape)
            p, least = tails(scores, one), least_scores(one, 0.1)
            for place, given_one in expected.items():
                if given_one is None:
                    assert changes.full.of_rule(rule, 3)[place] == 0
                    continue
                trials, q = given_one
                assert one.trials[place] == trials
                assert probability[place] == pytest.approx(float(q), rel=1e-12)
                assert p[place] == pytest.approx(float(naive.tail(int(scores[place]), trials, q)), rel=1e-9)
                reached = [s for s in range(1, trials + 1) if naive.tail(s, trials, q) <= 0.1]
                assert least[place] == min(reached, default=trials + 1)


def test_chance_is_what_changes_spread_at_random_give():
    """The closed form against a resampling: as many changes as the class has, anywhere in its samples and snapshots."""
    rng = np.random.default_rng(5)
    n_samples, n_transitions, n_changes, window = 50, 11, 80, 3
    labels = np.zeros((n_transitions + 1, n_samples), np.uint8)
    seen = []
    for _ in range(300):
        flat = np.zeros(n_samples * n_transitions, np.int64)
        flat[rng.choice(len(flat), n_changes, replace=False)] = 1
        labels[1:] = np.cumsum(flat.reshape(n_transitions, n_samples), axis=0) % 2
        changes = changes_of(log_of(labels, np.zeros(n_samples)), (window,), correct=True)
        seen.append(changes.scores("left", window)[window:, 0])
    one = chance(changes, "left", window, "rate")
    scores = np.concatenate(seen)
    assert scores.mean() == pytest.approx(one.expected[-1, 0], rel=0.03)
    for score in (5, 7, 9, 11):
        closed = tails(np.full_like(one.trials, score), one)[-1, 0]
        assert np.mean(scores >= score) == pytest.approx(closed, rel=0.25), score


def test_adjusted_p_values_are_those_of_scipy_and_of_the_oracle():
    from scipy.stats import false_discovery_control

    rng = np.random.default_rng(0)
    for m in (1, 2, 50):
        p = np.round(rng.random(m) ** 3, 2)
        np.testing.assert_allclose(adjusted(p), false_discovery_control(p), rtol=1e-12)
        for alpha in (0.01, 0.3):
            assert (adjusted(p, 4) <= alpha).tolist() == naive.benjamini_hochberg(p.tolist(), alpha / 4)


# ---- anomalies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("null", ["rate", "share"])
@pytest.mark.parametrize("of", ["correct", "label"])
def test_a_class_that_flips_is_found_where_it_does(null, of):
    for seed in range(3):
        labels, facts = planted.sudden_flip(seed)
        found = found_in(log_of(labels, facts["true"], declared=6), of=of, auto=True, null=null)
        at = {(int(j), int(c), RULES[r]) for j, c, r in zip(found.snapshot, found.class_, found.rule, strict=True)}
        # what leaves a class enters the next one
        classes = {"left": 4, "right": 4 if of == "correct" else 5}
        planted_there = {(14, class_, rule) for rule, class_ in classes.items()}
        assert planted_there <= at
        assert {(int(found.snapshot[i]), int(found.class_[i])) for i in (0, 1)} <= {(14, 4), (14, 5)}
        assert found.score[0] >= facts["n_flipped"]
        assert found.tried == (2, 3, 5, 8, 13)
        if of == "correct":
            assert len(at) <= 3
            assert found.lost[0] >= facts["n_flipped"]


@pytest.mark.parametrize("of", ["correct", "label"])
def test_random_changes_are_no_anomalies(of):
    """By the adjustment, one log in twenty may have any at all; its windows and rules overlap, so fewer do."""
    n_logs_with, n_seeds = {"rate": 0, "share": 0}, 40
    for seed in range(n_seeds):
        labels, facts = planted.sudden_flip(seed, n_snapshots=16, n_classes=3, flipped=1, n_flipped=0, rate=0.1)
        log = log_of(labels, facts["true"], declared=3)
        for null in n_logs_with:
            n_logs_with[null] += len(found_in(log, of=of, auto=True, null=null).score) > 0
    assert max(n_logs_with.values()) <= 4, n_logs_with


def test_false_discoveries_are_few_among_the_true_ones():
    shares = []
    for seed in range(15):
        labels, facts = planted.sudden_flip(seed, n_classes=3, flipped=1)
        found = found_in(log_of(labels, facts["true"]), auto=True, alpha=0.2)
        true = (found.snapshot == facts["at"]) & (found.class_ == 1)
        assert true.sum() == 2
        shares.append(np.mean(~true))
    assert np.mean(shares) <= 0.2


def test_thresholds():
    labels, facts = planted.sudden_flip()
    log = log_of(labels, facts["true"])
    everything = found_in(log, window=3, threshold=Threshold(0, percent=False))
    assert len(everything.score) == 2 * labels.shape[0] * 6
    assert np.count_nonzero(everything.size < 0) == 2 * 3 * 6
    assert (everything.size[-36:] < 0).all()
    assert (np.diff(everything.p[:-36]) >= 0).all()
    for threshold, least in ((Threshold(12, False), 12), (Threshold(20, True), 12), (Threshold(19.1, True), 12)):
        some = found_in(log, window=3, threshold=threshold)
        assert_array_equal(some.score, everything.score[everything.score >= least])
        assert (some.threshold == least).all()
    assert found_in(log).window == 5
    assert str(found_in(log).given) == "10%"
    assert Threshold(4.4, True).least(np.array([[750, 751], [0, 1]])).tolist() == [[33, 34], [1, 1]]
    assert Threshold(0.0, True).least(np.array([750])).tolist() == [0]


def test_nobody_in_a_class_is_a_score_of_0_and_not_none():
    """Others could have come into it, and the score is one of those that p-values are adjusted for."""
    log = log_of(np.array([[0, 1], [1, 1], [1, 1], [1, 1]], np.uint8))
    found = found_in(log, window=1, threshold=Threshold(0, percent=False))
    scored = found.size >= 0
    assert np.count_nonzero(scored) == found.n_tests
    empty = scored & (found.size == 0)
    assert set(found.class_[empty].tolist()) == {0}
    assert set(found.snapshot[empty].tolist()) == {1, 2, 3}
    assert (found.score[empty] == 0).all()
    assert (found.p[empty] == 1).all()


def test_auto_says_from_which_score_on():
    labels, facts = planted.sudden_flip(1)
    log = log_of(labels, facts["true"])
    found = found_in(log, auto=True, window=3)
    assert (found.tried, found.window) == ((3,), 3)
    everything = found_in(log, window=3, threshold=Threshold(0, percent=False))
    discovered = everything.p_adjusted <= 0.05
    assert found.n_discoveries == discovered.sum() == len(found.score)
    assert everything.p[discovered].max() <= found.p_limit < everything.p[~discovered].min()
    assert (found.score >= found.threshold).all()
    for class_, threshold in zip(found.class_, found.threshold, strict=True):
        same = everything.class_ == class_
        assert not discovered[same & (everything.score < threshold)].any()
    higher = found_in(log, auto=True, window=3, threshold=Threshold(45, False))
    assert (higher.threshold >= 45).all()
    assert higher.n_discoveries == found.n_discoveries


def test_one_rule():
    labels, facts = planted.sudden_flip()
    for i, rule in enumerate(RULES):
        found = found_in(log_of(labels, facts["true"]), rules=(rule,), threshold=Threshold(1, False))
        assert set(found.rule.tolist()) == {i}
        assert found.n_tests == 25 * 6


# ---- edges -----------------------------------------------------------------------------------------------------


def test_windows_that_are_tried():
    assert Settings(auto=True).windows(200) == WINDOWS
    assert Settings(auto=True).windows(50) == (2, 3, 5, 8, 13, 21)
    assert [Settings(auto=True).windows(n) for n in (5, 4, 3, 2)] == [(2,), (2,), (2,), (1,)]
    assert [Settings().windows(n) for n in (2, 5, 6, 100)] == [(1,), (4,), (5,), (5,)]
    assert Settings(auto=True, window=7).windows(50) == (7,)


def test_what_is_refused():
    labels = np.array([[0, 1], [1, 1]], np.uint8)
    with pytest.raises(InputError, match="has 1 snapshot, and a change needs two"):
        found_in(log_of(labels[:1]))
    with pytest.raises(ParameterError, match="--window 2 needs 3 snapshots, and there are 2"):
        found_in(log_of(labels), window=2)
    with pytest.raises(InputError, match="has no true classes of split 'train'.*--of label"):
        found_in(log_of(labels), of="correct")
    with limited(1e9), pytest.raises(LimitError, match="the scores of 4,000,000 classes at 2 snapshots"):
        found_in(log_of(labels, declared=4_000_000))


@pytest.mark.parametrize("of", ["correct", "label"])
@pytest.mark.parametrize("null", ["rate", "share"])
def test_logs_in_which_nothing_happens(of, null):
    frozen, _ = planted.frozen()
    true = frozen[0]
    logs = {
        "frozen": log_of(frozen, true),
        "one class": log_of(np.zeros((4, 3), np.uint8), np.zeros(3)),
        "all missing": log_of(np.full((4, 3), 255, np.uint8), np.zeros(3), missing=255, declared=2),
    }
    for name, log in logs.items():
        for auto in (True, False):
            found = found_in(log, of=of, null=null, auto=auto)
            assert len(found.score) == 0, name
            assert found.n_discoveries == 0
    assert found_in(logs["all missing"], of=of).n_tests == 0


def test_labels_as_wide_as_they_come():
    labels = np.array([[70_000, 1], [70_000, 1], [70_000, 1], [1, 1]], np.uint32)
    found = found_in(log_of(labels), window=2)
    assert found.class_.tolist() == [70_000]
    found = found_in(log_of(labels.astype(np.uint32), [70_000, 1]), window=2)
    assert (found.class_.tolist(), found.lost.tolist()) == ([70_000], [1])


def test_the_default_is_correct_where_that_is_known():
    labels, facts = planted.sudden_flip()
    assert found_in(log_of(labels, facts["true"])).of == "correct"
    assert found_in(log_of(labels)).of == "label"
