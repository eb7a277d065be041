"""The oracle held to what is known without it: hand-worked cases, pyunicorn, and planted logs."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import naive
import planted
from golden import make_rqa_golden


def binary(*rows):
    """A recurrence matrix from rows such as '.#.'."""
    return np.array([[cell == "#" for cell in row] for row in rows], dtype=np.int8)


def random_binary(seed, size, density):
    """Symmetric, the main diagonal recurrent as often as the rest."""
    upper = np.triu(np.random.default_rng(seed).random((size, size)) < density)
    return (upper | upper.T).astype(np.int8)


# --- Transitions and distances -----------------------------------------------------------------------------

# Six samples, three classes. Samples 0 and 1 go from class 0 to 1; then 0 and 2 from 1 to 2, 5 from 2 to 0;
# then none.
HAND_LABELS = np.array(
    [
        [0, 0, 1, 1, 2, 2],
        [1, 1, 1, 1, 2, 2],
        [2, 1, 2, 1, 2, 0],
        [2, 1, 2, 1, 2, 0],
    ],
    dtype=np.uint8,
)


def test_transitions_by_hand():
    expected = [
        [[0, 2, 0], [0, 2, 0], [0, 0, 2]],
        [[0, 0, 0], [0, 2, 2], [1, 0, 1]],
        [[1, 0, 0], [0, 2, 0], [0, 0, 3]],
    ]
    deltas = naive.transitions(HAND_LABELS, 3)
    assert deltas.dtype == np.int64
    assert_array_equal(deltas, expected)
    assert [naive.moved(delta) for delta in deltas] == [2, 3, 0]


def test_distances_by_hand():
    # Flows: {0->1: 2}, {1->2: 2, 2->0: 1}, none. Nothing is shared, so 1 wherever anything moved.
    deltas = naive.transitions(HAND_LABELS, 3)
    assert_array_equal(naive.distances(deltas), [[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert_array_equal(naive.distances(deltas, "none"), [[0, 5, 2], [5, 0, 3], [2, 3, 0]])
    assert_array_equal(
        naive.distances(deltas, "samples", n_samples=6),
        [[0, 5 / 12, 2 / 12], [5 / 12, 0, 3 / 12], [2 / 12, 3 / 12, 0]],
    )


def test_distance_of_overlapping_flows_by_hand():
    # |3 - 1| + |0 - 2| + |1 - 1| = 4 over 4 + 4; the diagonals (9, 7, 5) play no part.
    a = [[9, 3, 0], [0, 9, 1], [0, 0, 9]]
    b = [[7, 1, 2], [0, 7, 1], [0, 0, 5]]
    assert naive.distance_parts(a, b) == (4, 8)
    assert naive.distance(a, b) == 0.5
    assert naive.distance(a, b, "samples", n_samples=31) == 4 / 62
    assert naive.distance(a, b, "none") == 4.0


def test_distance_between_quiet_transitions():
    quiet, moving = [[5, 0], [0, 5]], [[4, 1], [0, 5]]
    assert naive.distance(quiet, quiet) == 0.0
    assert naive.distance(quiet, moving) == naive.distance(moving, quiet) == 1.0


def test_distance_is_bray_curtis():
    rng = np.random.default_rng(3)
    for _ in range(50):
        a, b = rng.integers(0, 9, (2, 4, 4))
        shared = sum(min(a[m, n], b[m, n]) for m in range(4) for n in range(4) if m != n)
        expected = 1 - Fraction(2 * int(shared), naive.moved(a) + naive.moved(b))
        assert naive.distance(a, b) == float(expected)


def test_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="unknown normalisation 'flow'"):
        naive.distance([[0]], [[0]], "flow")


def test_cross_distances_by_hand():
    deltas = naive.transitions(HAND_LABELS, 3)
    assert_array_equal(naive.cross_distances(deltas[:2], deltas), [[0, 1, 1], [1, 0, 1]])


def test_missing_label_takes_part_in_nothing():
    previous = np.array([0, 255, 1, 1], dtype=np.uint8)
    current = np.array([1, 1, 255, 1], dtype=np.uint8)
    assert_array_equal(naive.transition(previous, current, 2, missing=255), [[0, 1], [0, 1]])
    assert_array_equal(naive.hamming([previous, current], missing=255), [[0, 1], [1, 0]])


def test_label_out_of_range_is_refused():
    for label in (2, -1):
        with pytest.raises(ValueError, match="sample 0 has a label outside 0..1"):
            naive.transition([label], [0], 2)


def test_hamming_by_hand():
    # 0-1: samples 0, 1. 1-2: samples 0, 2, 5. 0-2: samples 0, 1, 2 and 5.
    expected = [[0, 2, 4, 4], [2, 0, 3, 3], [4, 3, 0, 0], [4, 3, 0, 0]]
    assert_array_equal(naive.hamming(HAND_LABELS), expected)
    assert_array_equal(naive.cross_hamming(HAND_LABELS[:1], HAND_LABELS), expected[:1])


def test_cross_hamming_knows_each_run_its_own_missing_label():
    a, b = np.array([[0, 255, 1]], dtype=np.uint8), np.array([[1, 1, 65535]], dtype=np.uint16)
    assert_array_equal(naive.cross_hamming(a, b, missing_a=255, missing_b=65535), [[1]])


def test_difference_by_hand():
    a, b = [[0, 0.75], [0.75, 0]], [[0, 1], [0.5, 0]]
    assert_array_equal(naive.difference(a, b), [[0, -0.25], [0.25, 0]])
    assert_array_equal(naive.difference(a, b), -naive.difference(b, a))
    with pytest.raises(ValueError, match="shapes differ"):
        naive.difference(a, [[0]])


@pytest.mark.parametrize("n_snapshots", [0, 1])
def test_too_few_snapshots_have_no_transition(n_snapshots):
    labels, facts = planted.random_log(n_snapshots=n_snapshots)
    deltas = naive.transitions(labels, facts["n_classes"])
    assert deltas.shape == (0, 5, 5)
    assert naive.distances(deltas).shape == (0, 0)


# --- Bands -------------------------------------------------------------------------------------------------


def bands_of(value, bands):
    """Indices of the paper bands that hold the value."""
    return [i for i, (lo, hi) in enumerate(bands) if naive.recurrence([[value]], lo, hi, True)[0, 0]]


def test_paper_bands_keep_the_float_edges():
    bands = naive.paper_bands(0.05)
    assert len(bands) == 20
    assert bands[0] == (0.0, 0.05)
    assert bands[7] == (0.35, 0.39999999999999997)
    assert bands[-1] == (0.95, 1.0)
    assert bands_of(0.4, bands) == [8]  # not in 0.35-0.40, whose upper end is below 0.4
    assert bands_of(0.15, bands) == [2, 3]  # 0.1 + 0.05 is above 0.15
    assert bands_of(0.05, bands) == [0, 1]
    assert bands_of(0.0, bands) == [0]
    assert bands_of(1.0, bands) == [19]


@pytest.mark.parametrize("width", [0.3, 0.07, 0.125, 1 / 3])
def test_paper_bands_refuse_a_width_that_does_not_tile(width):
    with pytest.raises(ValueError, match="whole number"):
        naive.paper_bands(width)


@pytest.mark.parametrize("n_bands", [1, 2, 4, 5, 10, 20, 25, 50, 100])
def test_paper_bands_of_every_width(n_bands):
    bands = naive.paper_bands(1 / n_bands)
    assert [lo for lo, _ in bands] == [float(f"{100 // n_bands * i / 100:.2f}") for i in range(n_bands)]
    assert all(hi == lo + 1 / n_bands for lo, hi in bands)


def test_standard_edges_are_the_rounded_quotients():
    bands = naive.standard_bands(20)
    assert [lo for lo, _ in bands] == [i / 20 for i in range(20)]
    assert [hi for _, hi in bands] == [i / 20 for i in range(1, 21)]
    # What one would write first is another number at seven of the edges.
    assert sum(i * 0.05 != i / 20 for i in range(1, 21)) == 7


def test_standard_edges_of_another_range():
    bands = naive.standard_bands(4, -1.0, 1.0)
    assert bands == [(-1.0, -0.5), (-0.5, 0.0), (0.0, 0.5), (0.5, 1.0)]


def test_exact_band_agrees_with_the_edges():
    for n_bands in (1, 3, 7, 20, 100):
        bands = naive.standard_bands(n_bands)
        for denominator in range(1, 121):
            for numerator in range(denominator + 1):
                lo, hi = bands[naive.exact_band(numerator, denominator, n_bands)]
                value = numerator / denominator
                assert lo <= value
                assert value < hi or (hi == 1.0 and value == 1.0)
    assert naive.exact_band(0, 0, 20) == 0


def test_standard_bands_tile_the_matrix():
    # Twentieths lie on every edge of twenty bands; the closed edges hold 1/20, 2/20, 3/20 and more twice.
    D = np.arange(21).reshape(3, 7) / 20
    assert_array_equal(sum(naive.standard_recurrences(D, 20)), np.ones((3, 7)))
    closed = sum(naive.standard_recurrences(D, 20, edges="closed"))
    assert_array_equal(closed, sum(naive.paper_recurrences(D, 0.05)))
    assert closed.max() == 2
    assert closed.ravel()[[3, 8]].tolist() == [2, 1]


# --- Lines -------------------------------------------------------------------------------------------------


def test_lines_by_hand():
    B = binary(
        "#.#",
        "##.",
        ".##",
    )
    assert naive.vertical_lines(B) == [2, 2, 1, 1]
    assert sorted(naive.diagonal_lines(B, main=True)) == [1, 2, 3]
    assert sorted(naive.diagonal_lines(B, main=False)) == [1, 2]
    assert_array_equal(naive.line_counts(naive.vertical_lines(B), 3), [0, 2, 2, 0])


def test_lines_of_a_rectangle_by_hand():
    B = binary(
        "##.#",
        ".##.",
    )
    assert naive.vertical_lines(B) == [1, 2, 1, 1]
    assert naive.diagonal_lines(B) == [2, 2, 1]
    measures = naive.standard_measures(B)
    assert measures["n_points"] == 5
    assert measures["rr"] == 5 / 8
    assert measures["det"] == 4 / 5
    assert measures["lam"] == 2 / 5


def test_main_diagonal_of_a_square_may_be_kept():
    B = np.eye(3, dtype=np.int8)
    left_out = naive.standard_measures(B)
    kept = naive.standard_measures(B, theiler=0)
    assert (left_out["n_points"], left_out["rr"], left_out["det"]) == (3, 0.0, None)
    assert (kept["n_points"], kept["rr"], kept["det"]) == (3, 3 / 9, 1.0)


# --- Measures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "published"), [(49, 0.0794), (29, 0.1161)])
def test_ent_of_the_bare_main_diagonal(size, published):
    D = np.ones((size, size)) - np.eye(size)
    lowest = naive.paper_recurrences(D)[0]
    assert_array_equal(lowest, np.eye(size))
    ent = naive.paper_ent(lowest)
    assert round(ent, 4) == published
    assert ent == pytest.approx(math.log(size) / size, abs=1e-7)
    # Lines of length 1 only: none is long enough.
    assert naive.paper_lam(lowest) == 0.0


@pytest.mark.parametrize("k", [0, 2, 4])
def test_full_column_is_one_shorter_in_the_paper(k):
    B = np.zeros((5, 5), dtype=np.int8)
    B[k, :] = B[:, k] = 1
    assert naive.paper_lam(B, 2) == 0.5  # (5 - 1) / (5 - 1 + 4)
    assert naive.standard_measures(B)["lam"] == 5 / 9


def test_paper_measures_by_hand():
    B = binary(
        "##..",
        "###.",
        ".###",
        "..##",
    )
    # Diagonals 4, 3, 3 with lengths adding up to 10; verticals 2, 3, 3, 2.
    expected = -(0.1 * math.log(0.1 + 1e-8) + 0.2 * math.log(0.2 + 1e-8))
    assert naive.paper_ent(B, 2) == pytest.approx(expected, rel=1e-15)
    assert naive.paper_ent(B, 4) == pytest.approx(-0.25 * math.log(0.25 + 1e-8), rel=1e-15)
    assert naive.paper_lam(B, 2) == 1.0
    assert naive.paper_lam(B, 3) == 6 / 10
    assert naive.paper_lam(B, 4) == 0.0


def test_paper_measures_of_nothing_are_zero():
    for B in (np.zeros((4, 4)), np.zeros((0, 0)), np.zeros((1, 1))):
        assert naive.paper_ent(B) == 0.0
        assert naive.paper_lam(B) == 0.0
    # The only column is full, and its line weighs 1 - 1.
    assert naive.paper_lam(np.ones((1, 1)), l_min=1) == 0.0


def test_standard_measures_by_hand():
    B = binary(
        "##..",
        "###.",
        ".###",
        "..##",
    )
    assert naive.standard_measures(B) == {
        "n_points": 10,
        "rr": 6 / 12,
        "det": 1.0,
        "l_mean": 3.0,
        "l_max": 3,
        "div": 1 / 3,
        "entr": 0.0,
        "lam": 1.0,
        "tt": 2.5,
        "v_max": 3,
        "v_entr": math.log(2),
        "t2": None,
        "t_max": 0,
        "rte": None,
    }
    by_three = naive.standard_measures(B, l_min=2, v_min=3)
    assert (by_three["lam"], by_three["tt"], by_three["v_entr"]) == (6 / 10, 3.0, 0.0)
    assert by_three["det"] == 1.0


def test_standard_measures_of_nothing():
    nothing = {"det", "l_mean", "div", "entr", "lam", "tt", "v_entr", "t2", "rte"}
    for size, rr in ((0, None), (1, None), (4, 0.0)):
        measures = naive.standard_measures(np.zeros((size, size)))
        assert {name for name, value in measures.items() if value is None} - {"rr"} == nothing
        assert measures["rr"] == rr
        assert (measures["n_points"], measures["l_max"], measures["v_max"]) == (0, 0, 0)


def test_gaps_and_border_lines_by_hand():
    B = binary(
        "#.#.#",
        ".#...",
        "....#",
        "#..##",
        "#.##.",
    )
    assert naive.white_gaps(B) == [2, 3, 1]  # in columns 0, 2 and 4
    assert naive.diagonal_lines(B) == [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]
    assert naive.border_lines(B)[4] == (0, 2)
    assert naive.border_lines(B, theiler=2) == [(-4, 1), (-3, 1), (-2, 1), (2, 1), (2, 1), (4, 1)]
    assert naive.kelo(B, theiler=1) == [1, 1]
    assert naive.kelo(B) == [2, 1, 1, 1]  # on the main diagonal nothing is discarded


def test_keeping_the_longest_by_hand():
    everywhere = np.ones((4, 4))
    assert naive.kelo(everywhere, theiler=1) == [3, 3]  # of 1, 2, 3 on either side
    assert naive.kelo(everywhere) == [4, 3, 3]
    assert sorted(naive.kelo(np.ones((3, 4)))) == [3, 3]  # of 1, 2, 3, 3, 2, 1
    inner = binary("....", ".#..", "..#.", "....")
    assert naive.kelo(inner) == [2]


def test_short_lines_have_a_share_but_no_mean():
    measures = naive.standard_measures(binary("#.#", ".#.", "#.#"))
    assert (measures["det"], measures["l_mean"], measures["entr"]) == (0.0, None, None)
    assert (measures["l_max"], measures["div"]) == (1, 1.0)
    assert (measures["lam"], measures["tt"], measures["v_entr"], measures["v_max"]) == (0.0, None, None, 1)


def test_no_measure_is_a_negative_zero():
    for seed in range(30):
        B = random_binary(seed, 7, 0.1 * (seed % 11))
        values = list(naive.standard_measures(B).values()) + [naive.paper_ent(B), naive.paper_lam(B)]
        assert all(math.copysign(1, value) == 1 for value in values if value is not None)


@pytest.mark.parametrize("l_min", [2, 3])
def test_identity_between_the_two_entropies(l_min):
    compared = 0
    for seed in range(60):
        B = random_binary(seed, 20, (0.1, 0.3, 0.5, 0.8)[seed % 4])
        lengths = naive.diagonal_lines(B, main=True)
        if naive.line_mean(lengths, l_min) is None:
            assert naive.paper_ent(B, l_min) == 0.0
            continue
        entr, mean = naive.line_entropy(lengths, l_min), naive.line_mean(lengths, l_min)
        n_distinct = len({length for length in lengths if length >= l_min})
        difference = naive.paper_ent(B, l_min) - (entr + math.log(mean)) / mean
        assert abs(difference) <= 1e-8 * n_distinct
        compared += 1
    assert compared > 40


def test_laminarity_never_grows_with_v_min():
    B = random_binary(5, 25, 0.5)
    shares = [naive.standard_measures(B, v_min=v_min)["lam"] for v_min in range(1, 27)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (1.0, 0.0)


# --- Summary rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lams", "ents", "lowest", "largest"),
    [
        ([0, 0.2, 0.5, 0.5], [0.3, 0, 0.1, 0.1], (1, 0), (2, 2)),
        ([0, 0, 0], [0, 0, 0], (None, None), (0, None)),
        ([1, 0, 1], [2, 2.5, 1.9], (0, 0), (0, 2)),
        ([0.5], [2.0], (0, 0), (0, None)),
        ([], [], (None, None), (None, None)),
    ],
)
def test_summary_rules(lams, ents, lowest, largest):
    assert naive.select_lowest(lams, ents) == lowest
    assert naive.select_max(lams, ents) == largest


# --- pyunicorn ---------------------------------------------------------------------------------------------

GOLDEN = json.loads(make_rqa_golden.GOLDEN.read_text(encoding="utf-8"))
GOLDEN_NAMES = {
    "det": "determinism",
    "l_mean": "average_diaglength",
    "l_max": "max_diaglength",
    "entr": "diag_entropy",
    "lam": "laminarity",
    "tt": "trapping_time",
    "v_max": "max_vertlength",
    "v_entr": "vert_entropy",
}


def histogram(lengths):
    """As the JSON holds it."""
    return {str(length): lengths.count(length) for length in set(lengths)}


@pytest.mark.parametrize("entry", GOLDEN["matrices"], ids=lambda entry: f"{entry['recipe']}-{entry['size']}")
def test_standard_measures_equal_pyunicorn(entry):
    D = make_rqa_golden.matrix(entry["recipe"], entry["seed"], entry["size"], entry["grid"])
    assert make_rqa_golden.sha256(D) == entry["sha256"]
    for band in entry["bands"]:
        B = naive.recurrence(D, band["lo"], band["hi"], band["hi_closed"])
        # Both triangles and no main diagonal there as here: the counts are equal without a factor.
        assert histogram(naive.diagonal_lines(B, main=False)) == band["diagline_counts"]
        assert histogram(naive.vertical_lines(B)) == band["vertline_counts"]
        measures = naive.standard_measures(B, GOLDEN["l_min"], GOLDEN["v_min"])
        assert measures["n_points"] / B.size == pytest.approx(band["recurrence_rate"], rel=1e-12)
        for name, theirs in GOLDEN_NAMES.items():
            if measures[name] is None:
                assert band[theirs] == 0.0, name  # 0 / (0 + 1e-8)
            else:
                # The absolute part is their 1e-8 in the entropy of equally long lines, which is 0.
                assert measures[name] == pytest.approx(band[theirs], rel=1e-6, abs=1.1e-8), name


def test_golden_cases_are_not_trivial():
    bands = [band for entry in GOLDEN["matrices"] for band in entry["bands"]]
    assert len(bands) == 100
    assert sum(bool(band["vertline_counts"]) for band in bands) > 85
    assert sum(0 < band["determinism"] < 0.99 for band in bands) > 40
    assert sum(0 < band["laminarity"] < 0.99 for band in bands) > 40
    assert sum(band["diag_entropy"] > 0.1 for band in bands) > 40
    assert GOLDEN["versions"].keys() == {"numpy", "python", "pyunicorn"}
