"""The oracle for chance held to hand-worked cases, and to itself."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import naive
import naive_chance
from test_naive import random_binary


def test_chance_by_hand():
    assert naive_chance.chance(0.17) == pytest.approx(0.31, abs=0.002)
    assert naive_chance.chance(0.5, 2) == 0.75
    assert naive_chance.chance(0.5, 3) == 0.5  # 1 - 1/4 - 2/8
    assert naive_chance.chance(0.3, 1) == 1.0
    assert naive_chance.chance(0.0, 3) == 0.0
    assert naive_chance.chance(None) is None


def with_main_diagonal(size, n_pairs):
    """The main diagonal and ``n_pairs`` of the cells above it, mirrored."""
    B = np.eye(size, dtype=np.int8)
    rows, columns = np.triu_indices(size, 1)
    chosen = np.random.default_rng(1).choice(len(rows), n_pairs, replace=False)
    B[rows[chosen], columns[chosen]] = B[columns[chosen], rows[chosen]] = 1
    return B


def test_formula_is_too_low_where_the_main_diagonal_recurs():
    B = with_main_diagonal(49, 24)
    rr = naive.standard_measures(B)["rr"]
    assert rr == pytest.approx(0.02, abs=0.0005)
    assert naive_chance.chance(rr) == pytest.approx(0.040, abs=0.001)
    exact = naive_chance.lam_chance_exact(B)
    assert exact == pytest.approx(0.0582, abs=0.0001)
    # A single draw scatters by about 0.04.
    assert naive_chance.lam_chance_by_permutation(B, 2, n=600, seed=2) == pytest.approx(exact, abs=0.005)


def test_exact_chance_by_hand():
    # 3 x 3, main diagonal and one of the three pairs. (0,1) or (1,2): two columns of 2, one of 1, 4/5 in
    # lines. (0,2): no neighbours, 0/5. The mean of the three is 8/15.
    for i, j in ((0, 1), (1, 2), (0, 2)):
        B = np.eye(3, dtype=np.int8)
        B[i, j] = B[j, i] = 1
        assert naive_chance.lam_chance_exact(B) == 8 / 15
    assert naive_chance.lam_chance_exact(np.zeros((3, 3))) is None
    assert naive_chance.lam_chance_by_permutation(np.zeros((3, 3))) is None
    assert naive_chance.lam_chance_exact(np.ones((3, 3)), v_min=3) == 1.0


@pytest.mark.parametrize("v_min", [1, 2, 3])
def test_permutations_approach_the_exact_chance(v_min):
    for main_recurs in (True, False):
        B = random_binary(8, 9, 0.4)
        np.fill_diagonal(B, main_recurs)
        drawn = naive_chance.lam_chance_by_permutation(B, v_min, n=2000, seed=4)
        assert drawn == pytest.approx(naive_chance.lam_chance_exact(B, v_min), abs=0.01)


def test_permutation_keeps_the_points_and_the_seed_decides():
    B = with_main_diagonal(12, 20)
    assert naive_chance.lam_chance_by_permutation(B, 2, 20, 1) == naive_chance.lam_chance_by_permutation(B, 2, 20, 1)
    assert naive_chance.lam_chance_by_permutation(B, 2, 20, 1) != naive_chance.lam_chance_by_permutation(B, 2, 20, 2)


def test_shuffled_matrices_keep_what_is_near_the_main_diagonal():
    D = np.arange(25).reshape(5, 5)
    symmetric = D + D.T
    for matrix, nearest in ((D, None), (symmetric, None), (symmetric, 2), (D[:3], None), (D[:3], 1)):
        near = np.abs(np.subtract.outer(*map(np.arange, matrix.shape))) < (
            int(len(matrix) == 5) if nearest is None else nearest
        )
        (first, _) = naive_chance.shuffled(matrix, 2, 0, nearest)
        assert sorted(first.ravel()) == sorted(matrix.ravel())
        assert (first != matrix).any()
        assert_array_equal(first[near], matrix[near])
        if matrix is symmetric:
            assert_array_equal(first, first.T)
