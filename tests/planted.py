"""Label logs whose answer is known in advance, from a seeded generator.

Each function returns ``(labels, facts)``: labels (T, N) in the narrowest unsigned type whose largest value is
free to mean missing, and a dict with

``n_classes``, ``n_samples``, ``n_snapshots``
    C, N and T.
``missing``
    The label that would mean missing: the largest value of the type. Only `random_log` uses it.
``moved``
    S_i of each of the P = T - 1 transitions, list of int, known from how the log was built.
``quiet``
    Indices of the transitions with S_i = 0.
``distances``
    The planted D, (P, P) float64; ``nan`` where nothing is planted.

and what the function's own docstring adds. Which samples take part is drawn from the seed; the facts do not
depend on it, except where that is said.
"""

import math

import numpy as np


def label_dtype(n_classes):
    """Narrowest unsigned type that holds 0..C-1 and keeps its largest value free to mean missing."""
    for dtype in (np.uint8, np.uint16, np.uint32):
        if n_classes <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    raise ValueError(f"{n_classes} classes do not fit")


def _finish(labels, n_classes, moved, distances, **more):
    dtype = label_dtype(n_classes)
    facts = {
        "n_classes": n_classes,
        "n_samples": labels.shape[1],
        "n_snapshots": labels.shape[0],
        "missing": int(np.iinfo(dtype).max),
        "moved": [int(count) for count in moved],
        "quiet": [i for i, count in enumerate(moved) if count == 0],
        "distances": distances,
    }
    return labels.astype(dtype), facts | more


def converged(seed=0, n_snapshots=30, n_samples=200, n_classes=5, converged_at=18):
    """Samples move until snapshot ``converged_at`` = s; from there on no label changes.

    Transitions 0..s-1 each move between 1 and N/4 samples to another class (how many depends on the seed),
    transitions s..P-1 are quiet. So D is 1 between a moving and a quiet transition, 0 between two quiet ones:
    a square of zeros in the lower right corner, in which every point of the P - s columns is recurrent. Among
    moving transitions nothing is planted but the zero diagonal. Adds ``converged_at``.
    """
    rng = np.random.default_rng(seed)
    n_transitions = n_snapshots - 1
    labels = np.zeros((n_snapshots, n_samples), dtype=np.int64)
    labels[0] = rng.integers(0, n_classes, n_samples)
    moved = [0] * n_transitions
    for i in range(n_transitions):
        labels[i + 1] = labels[i]
        if i < converged_at:
            moved[i] = int(rng.integers(1, max(n_samples // 4, 1) + 1))
            movers = rng.choice(n_samples, moved[i], replace=False)
            # Adding 1..C-1 modulo C always changes the class.
            labels[i + 1, movers] = (labels[i, movers] + rng.integers(1, n_classes, moved[i])) % n_classes
    D = np.full((n_transitions, n_transitions), np.nan)
    for i in range(n_transitions):
        for j in range(n_transitions):
            if i == j or (i >= converged_at and j >= converged_at):
                D[i, j] = 0.0
            elif i >= converged_at or j >= converged_at:
                D[i, j] = 1.0
    return _finish(labels, n_classes, moved, D, converged_at=converged_at)


def two_cycle_loop(seed=0, n_snapshots=20, n_samples=120, n_classes=4, n_from_zero=30, n_from_one=0):
    """A set of samples swaps classes 0 and 1 at every snapshot; the others never move.

    ``n_from_zero`` = a of them start in class 0 and ``n_from_one`` = b in class 1. Even transitions have the
    flows 0->1: a, 1->0: b; odd ones the reverse. D is a checkerboard: 0 where i + j is even, else
    2 |a - b| / (2 (a + b)) = |a - b| / (a + b), which is 1 for b = 0, and 0 everywhere for a = b. Adds
    ``odd_distance``, that value, and ``n_swapping`` = a + b.
    """
    rng = np.random.default_rng(seed)
    n_transitions = n_snapshots - 1
    n_swapping = n_from_zero + n_from_one
    order = rng.permutation(n_samples)
    swapping = order[:n_swapping]
    labels = np.zeros((n_snapshots, n_samples), dtype=np.int64)
    labels[:, order[n_swapping:]] = rng.integers(0, n_classes, n_samples - n_swapping)
    start = np.array([0] * n_from_zero + [1] * n_from_one, dtype=np.int64)
    for t in range(n_snapshots):
        labels[t, swapping] = (start + t) % 2
    odd_distance = abs(n_from_zero - n_from_one) / n_swapping if n_swapping else 0.0
    D = np.zeros((n_transitions, n_transitions))
    for i in range(n_transitions):
        for j in range(n_transitions):
            if (i + j) % 2 == 1:
                D[i, j] = odd_distance
    moved = [n_swapping] * n_transitions
    return _finish(labels, n_classes, moved, D, odd_distance=odd_distance, n_swapping=n_swapping)


def p_cycle_loop(seed=0, n_snapshots=25, n_samples=120, n_classes=6, period=4, n_cycling=40):
    """A set of samples walks through classes 0, 1, ..., p-1, 0, ... in step; the others never move.

    Transition i has one flow, (i mod p) -> (i + 1 mod p), of ``n_cycling`` samples. So D is 0 where i - j is
    a multiple of the period and 1 elsewhere. At p >= 2 the points of the lowest band are unbroken diagonals
    at offsets 0, p, 2p, ..., of length P - offset, and no two are vertical neighbours. Adds ``period``,
    ``n_cycling`` and ``diagonal_lengths``: the lengths off the main diagonal, both triangles, ascending.
    """
    rng = np.random.default_rng(seed)
    n_transitions = n_snapshots - 1
    order = rng.permutation(n_samples)
    labels = np.zeros((n_snapshots, n_samples), dtype=np.int64)
    labels[:, order[n_cycling:]] = rng.integers(0, n_classes, n_samples - n_cycling)
    for t in range(n_snapshots):
        labels[t, order[:n_cycling]] = t % period
    D = np.ones((n_transitions, n_transitions))
    for i in range(n_transitions):
        for j in range(n_transitions):
            if (i - j) % period == 0:
                D[i, j] = 0.0
    lengths = sorted(2 * [n_transitions - offset for offset in range(period, n_transitions, period)])
    return _finish(
        labels,
        n_classes,
        [n_cycling] * n_transitions,
        D,
        period=period,
        n_cycling=n_cycling,
        diagonal_lengths=lengths,
    )


def frozen(seed=0, n_snapshots=15, n_samples=80, n_classes=3):
    """No label ever changes: every transition is quiet and D is 0 everywhere."""
    rng = np.random.default_rng(seed)
    n_transitions = max(n_snapshots - 1, 0)
    labels = np.tile(rng.integers(0, n_classes, n_samples), (n_snapshots, 1))
    return _finish(labels, n_classes, [0] * n_transitions, np.zeros((n_transitions, n_transitions)))


def collapse(seed=0, n_snapshots=24, n_per_class=50, n_classes=4, source=2, target=0, start=6, batch=12):
    """Class ``source`` dissolves into class ``target``, ``batch`` samples at a time; nothing else moves.

    Every class starts with ``n_per_class`` samples. Transitions ``start``, ``start`` + 1, ... move one batch
    each until the class is empty, the last one what is left; transitions before and after are quiet. With a
    single flow of size S_i, d_ij = |S_i - S_j| / (S_i + S_j): 0 between full batches, 1 between a batch and a
    quiet transition, 0 between quiet ones. Adds ``source``, ``target``, ``start``, ``batches`` (sizes in
    order) and ``emptied_at``, the first snapshot without the class.
    """
    rng = np.random.default_rng(seed)
    n_transitions = n_snapshots - 1
    first = rng.permutation(np.repeat(np.arange(n_classes), n_per_class))
    waiting = rng.permutation(np.flatnonzero(first == source))
    labels = np.tile(first, (n_snapshots, 1))
    moved = [0] * n_transitions
    done = 0
    for i in range(n_transitions):
        labels[i + 1] = labels[i]
        if i >= start and done < n_per_class:
            moved[i] = min(batch, n_per_class - done)
            labels[i + 1, waiting[done : done + moved[i]]] = target
            done += moved[i]
    if done < n_per_class:
        raise ValueError("too few snapshots for the class to dissolve")
    D = np.zeros((n_transitions, n_transitions))
    for i in range(n_transitions):
        for j in range(n_transitions):
            if moved[i] + moved[j] > 0:
                D[i, j] = abs(moved[i] - moved[j]) / (moved[i] + moved[j])
    batches = [count for count in moved if count]
    return _finish(
        labels,
        n_classes,
        moved,
        D,
        source=source,
        target=target,
        start=start,
        batches=batches,
        emptied_at=start + len(batches),
    )


def dissolving(seed=0, n_snapshots=24, n_per_class=40, n_classes=6, source=1, target=4, start=12, batch=10):
    """Classes are learned, half of them slowly, and at a known step ``source`` begins to dissolve into ``target``.

    Every class has ``n_per_class`` true samples. Those that are not right are predicted as the next class (of
    ``source``, as ``target``). Of the easy classes, the lower half, 8 more samples are right at each snapshot, from 0
    on; of the hard ones 1. From transition ``start`` on, ``batch`` samples of ``source`` leave it at each, until none
    is right. Adds ``true`` (N,), and as lists [t][c] ``n_correct``, ``error``, ``n_predicted``, ``inflow`` and
    ``outflow`` (0 at the first snapshot); ``easy`` and ``hard`` classes, ``start`` and ``emptied_at``, the first
    snapshot at which no sample of ``source`` is right.
    """
    rng = np.random.default_rng(seed)
    true = rng.permutation(np.repeat(np.arange(n_classes), n_per_class))
    easy = list(range(n_classes // 2))
    right = np.zeros((n_snapshots, n_classes), dtype=np.int64)
    for c in range(n_classes):
        right[:, c] = np.minimum((8 if c in easy else 1) * np.arange(n_snapshots), n_per_class)
    for t in range(start + 1, n_snapshots):
        right[t, source] = max(right[t - 1, source] - batch, 0)
    wrong = [target if c == source else (c + 1) % n_classes for c in range(n_classes)]
    labels = np.zeros((n_snapshots, len(true)), dtype=np.int64)
    n_predicted = np.zeros_like(right)
    moves = {name: np.zeros_like(right) for name in ("inflow", "outflow")}
    for c in range(n_classes):
        members = rng.permutation(np.flatnonzero(true == c))
        for t in range(n_snapshots):
            labels[t, members] = wrong[c]
            labels[t, members[: right[t, c]]] = c
            n_predicted[t, c] += right[t, c]
            n_predicted[t, wrong[c]] += n_per_class - right[t, c]
            gained = right[t, c] - right[t - 1, c] if t else 0
            to, from_ = (c, wrong[c]) if gained > 0 else (wrong[c], c)
            moves["inflow"][t, to] += abs(gained)
            moves["outflow"][t, from_] += abs(gained)
    moved = moves["inflow"][1:].sum(axis=1)
    planted = np.full((n_snapshots - 1, n_snapshots - 1), np.nan)
    np.fill_diagonal(planted, 0.0)
    return _finish(
        labels,
        n_classes,
        moved,
        planted,
        true=true,
        n_correct=right.tolist(),
        error=((n_per_class - right) / n_per_class).tolist(),
        n_predicted=n_predicted.tolist(),
        inflow=moves["inflow"].tolist(),
        outflow=moves["outflow"].tolist(),
        easy=easy,
        hard=list(range(n_classes // 2, n_classes)),
        source=source,
        target=target,
        start=start,
        emptied_at=int(np.flatnonzero(right[start:, source] == 0)[0]) + start,
    )


def random_walk(seed=0, n_snapshots=30, n_samples=3000, n_classes=4, flip_probability=0.2):
    """Every sample flips to a random other class with the same probability at every snapshot.

    Every flow is then close to Poisson with the mean q = N p / (C (C - 1)), whatever the transition: D has no
    structure, only a level. E|X - Y| of two such counts is about 2 sqrt(q / pi), so off the diagonal d is
    about 1 / sqrt(pi q), for q of 10 and more. Planted is the zero diagonal only. Adds ``mean_flow`` = q and
    ``expected_distance``. How many moved depends on the seed.
    """
    rng = np.random.default_rng(seed)
    n_transitions = n_snapshots - 1
    labels = np.zeros((n_snapshots, n_samples), dtype=np.int64)
    labels[0] = rng.integers(0, n_classes, n_samples)
    moved = [0] * n_transitions
    for i in range(n_transitions):
        flips = rng.random(n_samples) < flip_probability
        steps = rng.integers(1, n_classes, n_samples)
        labels[i + 1] = np.where(flips, (labels[i] + steps) % n_classes, labels[i])
        moved[i] = int(flips.sum())
    D = np.full((n_transitions, n_transitions), np.nan)
    for i in range(n_transitions):
        D[i, i] = 0.0
    q = n_samples * flip_probability / (n_classes * (n_classes - 1))
    return _finish(labels, n_classes, moved, D, mean_flow=q, expected_distance=1 / math.sqrt(math.pi * q))


def random_log(seed=0, n_snapshots=20, n_samples=60, n_classes=5, missing_fraction=0.0):
    """Any log at all, for comparing an implementation with the oracle; nothing is planted in D.

    Each transition draws how lively it is, none, a little, half or all of the samples being relabelled at
    random, so that quiet transitions, equal ones and full ones occur. Each label is then missing with
    probability ``missing_fraction``. Adds ``n_missing``; has no ``moved``, ``quiet`` or ``distances``, which
    depend on the draw. Zero and one snapshot, no samples and one class are possible.
    """
    rng = np.random.default_rng(seed)
    dtype = label_dtype(n_classes)
    labels = np.zeros((n_snapshots, n_samples), dtype=np.int64)
    if n_snapshots:
        labels[0] = rng.integers(0, n_classes, n_samples)
    for i in range(n_snapshots - 1):
        share = rng.choice([0.0, 0.1, 0.5, 1.0])
        relabelled = rng.random(n_samples) < share
        labels[i + 1] = np.where(relabelled, rng.integers(0, n_classes, n_samples), labels[i])
    missing = int(np.iinfo(dtype).max)
    hidden = rng.random(labels.shape) < missing_fraction
    labels[hidden] = missing
    facts = {
        "n_classes": n_classes,
        "n_samples": n_samples,
        "n_snapshots": n_snapshots,
        "missing": missing,
        "n_missing": int(hidden.sum()),
    }
    return labels.astype(dtype), facts


def forgetting(seed=0, n_events=(0, 1, 2, 5, 0), per_kind=8, n_classes=5, first_learned=3, n_never=4):
    """Samples that are forgotten a known number of times.

    Of each entry of ``n_events`` there are ``per_kind`` samples, which are wrong before snapshot ``first_learned``,
    then correct for two snapshots and wrong for one, as often as the entry says, and correct from then on. The wrong
    label is the class after the true one, except that the first label is the class before. ``n_never`` more samples
    are never learned: they are of that next class throughout. Adds ``true`` (N,), ``forgotten`` (N,), ``learned_at``
    (N,), -1 for never, and ``next_class`` (N,), the wrong one. Needs at least three classes; in D only the diagonal is
    planted.
    """
    rng = np.random.default_rng(seed)
    events = np.concatenate([np.repeat(n_events, per_kind), np.full(n_never, -1)]).astype(np.int64)
    events = rng.permutation(events)
    n_samples, n_snapshots = len(events), first_learned + 3 * max(n_events) + 2
    true = rng.integers(0, n_classes, n_samples)
    next_class = (true + 1) % n_classes
    labels = np.tile(next_class, (n_snapshots, 1))
    for k in range(n_samples):
        if events[k] < 0:
            continue
        labels[0, k] = (true[k] - 1) % n_classes
        labels[first_learned:, k] = true[k]
        for event in range(events[k]):
            labels[first_learned + 3 * event + 2, k] = next_class[k]
    moved = [int((labels[t] != labels[t + 1]).sum()) for t in range(n_snapshots - 1)]
    D = np.full((n_snapshots - 1, n_snapshots - 1), np.nan)
    np.fill_diagonal(D, 0.0)
    return _finish(
        labels,
        n_classes,
        moved,
        D,
        true=true,
        forgotten=np.maximum(events, 0),
        learned_at=np.where(events < 0, -1, first_learned),
        next_class=next_class,
    )


def sudden_flip(seed=0, n_snapshots=30, n_per_class=60, n_classes=6, flipped=4, at=14, n_flipped=48, rate=0.04):
    """One class goes wrong all at once among samples that flip at random; adds ``true``, ``flipped`` and ``at``.

    Every sample is correct or wrong, and at every snapshot turns from one to the other with probability ``rate``.
    But ``n_flipped`` samples of class ``flipped`` are correct up to snapshot ``at`` - 1 and wrong from ``at`` on, never
    anything else: the left and the right rule both pick all of them at ``at``, whatever the window. A wrong label is
    the next class. Nothing is planted in D. With ``n_flipped`` = 0 all is random.
    """
    rng = np.random.default_rng(seed)
    true = np.repeat(np.arange(n_classes), n_per_class)
    flips = rng.random((n_snapshots, len(true))) < rate
    flips[0] = rng.random(len(true)) < 0.5
    wrong = np.cumsum(flips, axis=0) % 2
    chosen = rng.choice(np.flatnonzero(true == flipped), n_flipped, replace=False)
    wrong[:at, chosen], wrong[at:, chosen] = 0, 1
    labels = (true + wrong) % n_classes
    moved = np.count_nonzero(labels[1:] != labels[:-1], axis=1)
    return _finish(labels, n_classes, moved, None, true=true, flipped=flipped, at=at, n_flipped=n_flipped)


def looping(seed=0, period=3, n_before=10, n_rounds=6, n_after=10, n_samples=400, n_classes=6, n_per_move=40, noise=4):
    """Random moves, then a loop of ``n_rounds`` rounds, then random moves again.

    Each place of a round has a move of its own, k -> k + 1 modulo the period, of ``n_per_move`` samples, which so are
    in class 0 again after a round: one circuit through classes 0 ... period - 1. Beside it, at every transition,
    ``noise`` other samples go to a random other class: so two transitions a period apart have all but a few of
    their moves in common, and two others next to none. Before and after the loop ``n_per_move`` random samples move
    to random classes. Adds ``period``, ``first`` and ``last`` transition of the loop, ``n_rounds``, ``circuit`` and
    ``n_per_move``.
    """
    rng = np.random.default_rng(seed)
    n_looping = n_rounds * period
    n_transitions = n_before + n_looping + n_after
    labels = np.zeros((n_transitions + 1, n_samples), dtype=np.int64)
    labels[0] = rng.integers(0, n_classes, n_samples)
    going, others = np.split(rng.permutation(n_samples), [n_per_move])
    labels[0, going] = 0
    moved = []
    for i in range(n_transitions):
        labels[i + 1] = labels[i]
        inside = n_before <= i < n_before + n_looping
        some = rng.choice(others, noise if inside else n_per_move, replace=False)
        labels[i + 1, some] = (labels[i, some] + rng.integers(1, n_classes, len(some))) % n_classes
        if inside:
            labels[i + 1, going] = (i - n_before + 1) % period
        moved.append(len(some) + (n_per_move if inside else 0))
    return _finish(
        labels,
        n_classes,
        moved,
        np.full((n_transitions, n_transitions), np.nan),
        period=period,
        first=n_before,
        last=n_before + n_looping - 1,
        n_rounds=n_rounds,
        circuit=tuple(range(period)),
        n_per_move=n_per_move,
    )
