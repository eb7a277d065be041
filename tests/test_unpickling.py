"""Pickles are interpreted: what numpy and Python write is read, and what does harm is refused without doing it."""

import io
import pickle
import random
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nntf_cli import memory
from nntf_cli.errors import LimitError, NntfError
from nntf_cli.importing.rebuilding import Name
from nntf_cli.importing.unpickling import read_pickle
from pickles import attacks
from running import refused, run

PROTOCOLS = (2, 3, 4, 5)


@pytest.fixture(autouse=True)
def one_gibibyte(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2.0**30)


def read(data):
    return read_pickle(io.BytesIO(data), "run.pkl")


def same(a, b):
    """Return whether two results are equal in type, order and every value; numpy itself may turn bytes around.

    A name that nothing calls stays a name, which no layout takes for anything.
    """
    if isinstance(a, Name):
        return True
    if isinstance(b, np.ndarray):
        return (
            isinstance(a, np.ndarray)
            and a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=")
            and a.shape == b.shape
            and repr(a.tolist()) == repr(b.tolist())
        )
    if isinstance(b, dict):
        return isinstance(a, dict) and list(map(repr, a)) == list(map(repr, b)) and all(same(a[k], b[k]) for k in b)
    if isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and repr(a) == repr(b)


SHAPED = np.arange(24).reshape(2, 3, 4)
GOOD = {
    0: {"predictions": SHAPED[0, 0].astype("u1"), "loss": np.float32(0.5), "accuracy": 0.25, "test_score": [1, 2.5]},
    10: {
        "fortran": np.asfortranarray(SHAPED[0]),
        "big": SHAPED.astype(">i4"),
        "strided": SHAPED[:, ::2],
        "text": np.array(["ab", "cé"]),
        "big text": np.array(["ab"], dtype=">U2"),
        "bytes": np.array([b"x", b"yz"]),
        "bool": np.array([True, False]),
        "empty": np.zeros((0, 3)),
        "scalar array": np.array(3.0),
        "half": np.array([1.5, np.nan], dtype="f2"),
        "more": [bytearray(b"hi"), b"\xff", b"", None, 2**70, -5, (1, (2,)), True, np.int64(4), np.bool_(True), "ü"],
    },
}
GOOD["twice"] = [GOOD[0], GOOD[0], GOOD[10]["big"]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_numpy_and_python_write(protocol):
    data = pickle.dumps(GOOD, protocol)
    found = read(data)
    assert same(found, GOOD)
    assert found["twice"][0] is found[0]
    # numpy 1 called its modules otherwise
    if protocol < 4:
        assert same(read(data.replace(b"numpy._core.", b"numpy.core.")), GOOD)
    else:
        assert same(read(_numpy_1(data)), GOOD)


def _numpy_1(data):
    """Return a pickle of protocol 4 or 5, of one frame, with the names that numpy 1 gave its modules."""
    for module in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + module, b"numpy.core." + module
        data = data.replace(bytes([len(new)]) + new, bytes([len(old)]) + old)
    assert data[2:3] == pickle.FRAME
    return data[:3] + struct.pack("<Q", len(data) - 11) + data[11:]


plain = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text() | st.binary()
arrays = npst.arrays(
    st.sampled_from(["i1", "<i8", ">i2", "u4", "f4", ">f8", "?", "<U3", "S4"]),
    npst.array_shapes(min_dims=0, max_dims=3, max_side=4),
)
keys = st.integers(-(2**63), 2**63) | st.text() | st.booleans() | st.none() | st.floats(allow_nan=False)
objects = st.recursive(
    plain | arrays,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(objects, st.sampled_from(PROTOCOLS))
def test_anything_of_these_is_read(value, protocol):
    assert same(read(pickle.dumps(value, protocol)), value)


ATTACKS = attacks("/dev/null/never")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_does_nothing(name, tmp_path):
    trace = tmp_path / "trace"
    path = tmp_path / "run.pkl"
    path.write_bytes(attacks(trace)[name])
    began = time.monotonic()
    done = run("import", path, "-o", tmp_path / "run.h5")
    assert time.monotonic() - began < 20
    code = 5 if name == "rows that are all one row" else 3
    said = refused(done, code, str(path))
    assert ";" in said, "no remedy"
    assert not trace.exists()
    assert not (tmp_path / "run.h5").exists()
    print(said)


def test_the_refusal_says_what_it_refers_to(tmp_path):
    path = tmp_path / "run.pkl"
    path.write_bytes(attacks(tmp_path / "trace")["posix.system by stack"])
    done = run("import", path, "-o", tmp_path / "run.h5")
    refused(done, 3, "pickle refused: it refers to posix.system", "numbers, text, lists and arrays", "numpy.savez")


def test_no_other_command_reads_a_pickle(tmp_path):
    path = tmp_path / "run.pkl"
    path.write_bytes(pickle.dumps({0: {"predictions": np.arange(3)}}))
    for command in ("info", "fingerprint"):
        refused(run(command, path), 3, "nntf import FILE -o run.h5")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_truncated_at_every_byte(protocol):
    data = pickle.dumps(GOOD, protocol)
    for n in range(len(data)):
        with pytest.raises(NntfError):
            read(data[:n])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_changed_at_random_it_is_refused_or_read_as_python_reads_it(protocol):
    data = pickle.dumps(GOOD, protocol)
    rng = random.Random(protocol)
    n_refused = 0
    for _ in range(3000):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 5])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        try:
            found = read(changed)
        except NntfError:
            n_refused += 1
            continue
        # What was read names nothing but numpy's own, with arguments that were checked. The machine in Python, for
        # that in C makes room for as many objects as a damaged file says.
        try:
            expected = pickle._loads(bytes(changed), encoding="bytes")
            assert same(found, expected)
        except RecursionError:
            continue  # it came to hold itself
    assert n_refused > 100


def test_random_bytes_are_refused():
    rng = random.Random(0)
    for _ in range(3000):
        data = b"\x80\x04" + bytes(rng.randrange(256) for _ in range(rng.randrange(60))) + b"."
        try:
            read(data)
        except NntfError:
            continue


def test_many_small_objects_are_bounded(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000.0)
    with pytest.raises(LimitError):
        read(b"\x80\x02" + b"]" * 10**4 + b".")


def test_a_large_array_is_read_at_the_speed_of_the_disk():
    data = pickle.dumps({i: np.zeros(10**6, "u1") for i in range(40)}, 4)
    began = time.monotonic()
    assert len(read(data)) == 40
    assert time.monotonic() - began < 5
