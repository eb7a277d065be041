"""The noise floor: exact on small cases, right on planted ones, the same on both engines."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import naive_noise as naive
from nntf_cli.errors import InputError, LimitError, ParameterError
from nntf_cli.fingerprint import distances, fingerprint, flows
from nntf_cli.kernels import vectorized_noise
from nntf_cli.labellog import open_log
from nntf_cli.memory import limited
from nntf_cli.model import Axes, Axis, Fingerprint, Flows
from nntf_cli.noise import known_noise, noise_floor, p_values, stands_out, view, with_noise

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def flows_of(counts):
    """Return transitions with so many moves in each of K flows, (P, K)."""
    counts = np.asarray(counts)
    transition, flow = np.nonzero(counts)
    n, steps = len(counts), np.arange(len(counts))
    start = np.concatenate([[0], np.cumsum(np.bincount(transition, minlength=n))])
    return Flows(
        start,
        (flow // 16).astype(np.uint16),
        (16 + flow % 16).astype(np.uint16),
        counts[transition, flow].astype(np.int32),
        from_step=steps,
        to_step=steps + 1,
        n_samples=10**6,
        n_classes=256,
    )


def judged(counts, columns=None):
    """Return the fingerprint of such transitions with its noise floor."""
    a, b = flows_of(counts), None if columns is None else flows_of(columns)
    axes = [Axis(run="run", moved=f.moved, from_step=f.from_step, to_step=f.to_step) for f in (a, b or a)]
    plain = Fingerprint(distances(a, b=b), Axes(axes[0], axes[0] if b is None else axes[1]), "flows", "flows", "run")
    return with_noise(plain, a, b)


def as_mapping(row):
    return {k: int(n) for k, n in enumerate(row) if n}


counts = st.integers(1, 12).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 6) | st.just(0), min_size=k, max_size=k), min_size=2, max_size=4)
)


# -- against the counting of all draws


@FEW
@given(counts)
def test_the_floor_is_the_mean_over_all_draws(kernels, counts):
    noise = judged(counts).noise
    for i, a in enumerate(counts):
        for j, b in enumerate(counts):
            wanted = 0.0 if i == j else float(naive.floor(as_mapping(a), as_mapping(b)))
            assert noise.floor[i, j] == pytest.approx(wanted, abs=1e-13)


@FEW
@given(counts)
def test_the_deviation_is_near_that_of_all_draws(kernels, counts):
    noise = judged(counts).noise
    for i, a in enumerate(counts):
        for j, b in enumerate(counts[:i]):
            wanted = naive.deviation(as_mapping(a), as_mapping(b))
            n_flows = np.count_nonzero(np.add(a, b))
            share = 0.12 if n_flows < 4 else 0.04 if n_flows < 10 else 0.01
            assert noise.deviation[i, j] == pytest.approx(wanted, rel=share, abs=1e-9)
            assert (noise.deviation[i, j] == 0) == (wanted == 0)


def test_large_counts_and_unequal_sizes(kernels):
    rng = np.random.default_rng(0)
    rows = [rng.multinomial(size, rng.dirichlet(np.full(8, 0.5))) for size in (3, 40, 700, 900)]
    noise = judged(rows).noise
    for i, a in enumerate(rows):
        for j, b in enumerate(rows[:i]):
            exact = naive.floor(as_mapping(a), as_mapping(b))
            assert noise.floor[i, j] == pytest.approx(float(exact), rel=1e-13)
    assert (noise.floor == noise.floor.T).all()
    assert (noise.deviation == noise.deviation.T).all()


def test_p_is_hardly_ever_below_that_of_all_draws():
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(150):
        k = rng.integers(3, 16)
        a, b = (rng.multinomial(rng.integers(1, 25), rng.dirichlet(np.ones(k))) for _ in range(2))
        ours, exact = p_values(judged([a, b]))[1, 0], naive.p_value(as_mapping(a), as_mapping(b))
        assert not np.isnan(ours) or exact == 1.0
        ratios.append(1.0 if np.isnan(ours) else ours / exact)
    assert np.quantile(ratios, 0.02) >= 0.99
    assert min(ratios) > 0.5


def test_resampling_finds_the_same(kernels):
    rng = np.random.default_rng(2)
    for n_flows, sizes in ((90, (200, 200)), (90, (30, 400)), (6, (50, 80)), (300, (150, 160))):
        share = rng.dirichlet(np.ones(n_flows))
        a, b = (rng.multinomial(size, share) for size in sizes)
        noise, pool = judged([a, b]).noise, a + b
        drawn = rng.multivariate_hypergeometric(pool, sizes[0], size=4000, method="marginals")
        d = np.abs(2 * drawn - pool).sum(axis=1) / sum(sizes)
        assert abs(d.mean() - noise.floor[1, 0]) < 4 * d.std() / math.sqrt(len(d))
        assert d.std() == pytest.approx(noise.deviation[1, 0], rel=0.06)


# -- both engines, crossed runs, what is undefined


def test_engines_agree_to_the_bit(monkeypatch):
    rng = np.random.default_rng(3)
    rows = [rng.multinomial(size, rng.dirichlet(np.full(60, 0.2))) for size in rng.integers(0, 800, 9)]
    rows[4] = np.zeros(60, dtype=np.int64)
    found = []
    for name in ("numpy", "numba"):
        monkeypatch.setenv("NNTF_ENGINE", name)
        found.append([noise_floor(flows_of(rows)), noise_floor(flows_of(rows), flows_of(rows[2:6]))])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one.floor, other.floor)
        np.testing.assert_array_equal(one.deviation, other.deviation)


def test_many_pairs_are_worked_through_in_blocks(monkeypatch):

    monkeypatch.setenv("NNTF_ENGINE", "numpy")
    rows = np.random.default_rng(4).integers(0, 30, size=(12, 7))
    whole = noise_floor(flows_of(rows))
    for name, value in (("_PAIRS", 7), ("_COLUMNS", 3), ("_TABLE", 0)):
        monkeypatch.setattr(vectorized_noise, name, value)
        np.testing.assert_array_equal(noise_floor(flows_of(rows)).floor, whole.floor)


def test_cells_are_numbered_alike_by_table_and_by_sorting(kernels, monkeypatch):

    a, b = (flows_of(np.random.default_rng(k).integers(0, 4, size=(5, 30))) for k in range(2))
    by_table = noise_floor(a).deviation, noise_floor(a, b).deviation
    monkeypatch.setattr(vectorized_noise, "_CELLS", 0)
    np.testing.assert_array_equal(noise_floor(a).deviation, by_table[0])
    np.testing.assert_array_equal(noise_floor(a, b).deviation, by_table[1])


def test_crossed_with_itself_only_the_diagonal_differs(kernels):
    rows = np.random.default_rng(5).integers(0, 9, size=(5, 6))
    alone, crossed = judged(rows).noise, judged(rows, rows).noise
    off = ~np.eye(5, dtype=bool)
    np.testing.assert_array_equal(crossed.floor[off], alone.floor[off])
    np.testing.assert_array_equal(crossed.deviation[off], alone.deviation[off])
    assert (crossed.floor.diagonal() > 0).all()
    assert not alone.floor.diagonal().any()


def test_where_every_draw_is_alike_there_is_no_excess(kernels):
    quiet, one_flow, other_flow, alone = [0, 0, 0], [5, 0, 0], [9, 0, 0], [0, 1, 0]
    noise = judged([quiet, quiet, one_flow, other_flow, alone])
    excess = view(noise, "excess")
    assert noise.noise.floor[0, 1] == 0
    assert noise.noise.floor[0, 2] == 1
    assert noise.noise.floor[2, 3] == 4 / 14
    untested = np.isnan(p_values(noise))
    assert (excess.values[untested] == 0).all()
    assert untested.tolist() == [[True] * 5] * 2 + [[True, True, i < 4 and True, True, False] for i in (2, 3)] + [
        [True, True, False, False, True]
    ]


def test_flows_that_never_repeat_are_at_the_floor(kernels):
    rows = np.zeros((3, 60), dtype=int)
    rows[0, :20], rows[1, 20:45], rows[2, 45:] = 1, 1, 1
    excess = view(judged(rows), "excess", judged=True)
    assert not excess.values.any()
    assert not excess.notable.any()


def test_a_difference_that_chance_never_makes_has_p_0(kernels):
    noise = judged([[40_000, 3], [0, 2_000]])
    assert noise.noise.deviation[0, 1] > 0 or noise.noise.floor[0, 1] != noise.distances[0, 1]
    assert p_values(noise)[0, 1] < 1e-12
    assert stands_out(noise)[0, 1]


# -- planted logs


def planted(rng, shares, sizes):
    """Return moves drawn from one of several distributions over flows: transition i from ``shares[i % len]``."""
    return [rng.multinomial(size, shares[i % len(shares)]) for i, size in enumerate(sizes)]


@pytest.mark.parametrize(("sizes", "farthest"), [((150, 1500), 0.2), ((5000, 6000), 0.1)])
def test_equal_flows_have_no_excess(monkeypatch, sizes, farthest):
    monkeypatch.setenv("NNTF_ENGINE", "numpy")  # both count alike, and without compilation the other takes long
    rng = np.random.default_rng(6)
    excesses, p = [], []
    for _ in range(12):
        share = rng.dirichlet(np.ones(90))
        noise = judged(planted(rng, [share], rng.integers(*sizes, 40)))
        i, j = np.arange(0, 40, 2), np.arange(1, 40, 2)  # pairs that share nothing
        excesses += (noise.distances - noise.noise.floor)[i, j].tolist()
        p += p_values(noise)[i, j].tolist()
        assert stands_out(noise).sum() <= 4
    assert abs(np.mean(excesses)) < 3 * np.std(excesses) / math.sqrt(len(excesses))
    p, rank = np.sort(p), np.arange(len(p))
    assert ((rank + 1) / len(p) - p).max() < 1.36 / math.sqrt(len(p))  # not too many small ones: Kolmogorov at 5 %
    assert (p - rank / len(p)).max() < farthest  # nor many too few, where moves are many


def test_different_flows_stand_out(kernels):
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.ones(90), size=2)
    noise = judged(planted(rng, shares, [400] * 20))
    notable = stands_out(noise)
    differ = np.add.outer(np.arange(20), np.arange(20)) % 2 == 1
    assert notable[differ].all()
    assert notable[~differ].sum() <= 0.1 * notable.sum()
    assert ((noise.distances - noise.noise.floor)[differ] > 0.1).all()


def test_the_same_moves_again_are_nearer_than_chance():
    rng = np.random.default_rng(8)
    again = rng.multinomial(600, rng.dirichlet(np.ones(90)))
    excess = view(judged([again, again]), "excess", judged=True)
    assert excess.values[0, 1] < -0.1
    assert excess.notable[0, 1]


def test_thinning_makes_distances_grow_but_not_the_excess(kernels, tmp_path):
    import h5py

    from nntf_cli.labellog import write_log

    with h5py.File("sample_logs/lenet_wd_0.h5") as file:
        labels, step = file["labels/train"][::3], file["snapshots/step"][::3]
    few = np.random.default_rng(9).choice(labels.shape[1], labels.shape[1] // 20, replace=False)
    means = []
    for name, part in (("all", labels), ("few", labels[:, few])):
        write_log(tmp_path / f"{name}.npz", labels={"train": part}, step=step, n_classes=10)
        log = open_log(str(tmp_path / f"{name}.npz"))
        noise = with_noise(fingerprint(log), flows(log))
        off = np.tril(np.ones(noise.shape, dtype=bool), -1)
        means.append((noise.distances[off].mean(), view(noise, "excess").values[off].mean()))
    assert means[1][0] > means[0][0] + 0.05
    assert means[1][1] <= means[0][1]


# -- p-values of many pairs, and what is refused


def test_benjamini_and_hochberg():
    rng = np.random.default_rng(10)
    noise = judged(planted(rng, rng.dirichlet(np.full(30, 2.0), size=2), [200] * 9))
    once = np.tril_indices(9, -1)
    rejected = naive.benjamini_hochberg(p_values(noise)[once].tolist(), 0.05)
    assert 0 < len(rejected) < 36
    assert set(np.flatnonzero(stands_out(noise)[once])) == rejected
    assert (stands_out(noise) == stands_out(noise).T).all()


def test_views():
    noise = judged([[3, 1, 2], [1, 5, 0], [2, 2, 2]])
    assert view(noise, "distance").values is noise.distances
    assert view(noise, "floor").values is noise.noise.floor
    np.testing.assert_array_equal(view(noise, "excess").values, noise.distances - noise.noise.floor)
    assert view(noise, "excess").notable is None
    with pytest.raises(ParameterError, match="unknown 'noise'"):
        view(noise, "noise")


def test_what_has_no_noise_floor_is_refused():
    noise = judged([[3, 1], [1, 5]])
    bare = Fingerprint(noise.distances, noise.axes, origin="D.npy")
    with pytest.raises(InputError, match="has no noise floor"):
        known_noise(bare)
    with pytest.raises(ParameterError, match="between flows"):
        with_noise(bare, flows_of([[3, 1], [1, 5]]))
    unknown = Fingerprint(noise.distances, Axes(Axis(), Axis()), "flows", "flows", noise=noise.noise)
    with pytest.raises(InputError, match="how much moved"):
        p_values(unknown)
    assert view(unknown, "excess", judged=True).notable is None


def test_too_many_pairs_are_refused():
    with limited(1), pytest.raises(LimitError, match="the noise floor of 3 x 3 distances"):
        noise_floor(flows_of([[1], [2], [3]]))


def test_no_transitions_no_moves(kernels):
    assert noise_floor(flows_of(np.zeros((0, 1), dtype=int))).floor.shape == (0, 0)
    assert not noise_floor(flows_of(np.zeros((3, 1), dtype=int))).floor.any()
