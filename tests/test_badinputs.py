import os

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import badlogs
import badmatrices  # noqa: F401  its cases register themselves
import naive
from badinputs import CASES, LABELS, TRACE, C, T, hdf5, npy_bytes, npz, npz_members, rewrite_npz
from goodlogs import GOOD
from nntf_cli import memory
from nntf_cli.labellog.writer import write_log
from running import refused, run, succeeded

#: Ending of the output of each command; info has none.
ENDINGS = {"fingerprint": "npy", "rqa": "csv", "render": "png", "diff": "npy"}
OLD = b"the result of last week"


def every(cases):
    return [
        pytest.param(case, command, id=f"{case.name}-{command.split()[0]}")
        for case in cases
        for command in case.commands
    ]


def arguments_for(command, address, folder):
    """Return the command line, with an output that holds something already."""
    addresses = address if isinstance(address, tuple) else (address,)
    arguments = [word.replace("{}", "{0}").format(*addresses) for word in command.split()]
    ending = ENDINGS.get(arguments[0])
    if ending is None:
        return arguments, None
    output = folder / f"result.{ending}"
    output.write_bytes(OLD)
    return [*arguments, "-o", str(output)], output


def assert_untouched(output):
    assert output is None or output.read_bytes() == OLD
    assert output is None or [path.name for path in output.parent.iterdir()] == [output.name]


@pytest.fixture(autouse=True)
def one_gibibyte(monkeypatch):
    """Nothing here needs more, and what would is refused before it is allocated."""
    monkeypatch.setattr(memory, "available", lambda: 2.0**30)


@pytest.fixture
def folders(tmp_path):
    """One folder for what goes in, one for what comes out."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    return tmp_path / "in", tmp_path / "out"


@pytest.mark.parametrize(("case", "command"), every(CASES))
def test_bad_input_is_refused(case, command, folders):
    address = case.make(folders[0])
    arguments, output = arguments_for(command, address, folders[1])
    text = refused(run(*arguments), case.code, *case.fragments)
    assert text.startswith(str(arguments[1]).split("::")[0]), text
    assert ";" in text, "no remedy"
    assert_untouched(output)
    assert not (folders[0] / TRACE).exists(), "a pickle was run"
    print(text)


def matrix_of(address, folder, *options):
    out = succeeded(run("fingerprint", address, "-o", folder / "D.npy", *options))
    assert out == b""
    return np.load(folder / "D.npy")


@pytest.fixture(scope="module")
def expected():
    """The fingerprint of the plain log, by loops."""
    deltas = [naive.transition(LABELS[t], LABELS[t + 1], C) for t in range(T - 1)]
    return naive.distances(deltas)


@pytest.mark.parametrize("make", GOOD, ids=lambda make: make.__name__)
def test_every_layout_gives_the_same_matrix(make, folders, expected):
    address = make(folders[0])
    assert_array_equal(matrix_of(address, folders[1]), expected)
    for command in ("info", "rqa"):
        assert succeeded(run(command, address))


def test_what_is_done_is_said_on_stderr(folders):
    """Scores are read by argmax, and of two names for one thing one is taken: neither silently."""
    scores = np.eye(C)[LABELS]
    done = run("fingerprint", hdf5(folders[0], labels=scores))
    assert done.err.count("\n") == 1
    assert "nntf: note: " in done.err
    assert "split 'train' holds scores: the class with the largest is taken as label" in done.err
    two = npz(folders[0], steps=np.arange(T) * 7)
    assert "'iterations' is used, 'steps' is not" in run("fingerprint", two).err
    assert run("fingerprint", "-q", two).err == ""
    done = run("info", two)
    assert done.err == ""
    assert "'iterations' is used, 'steps' is not" in done.out.decode()
    assert "steps 0 to 50, every 10" in done.out.decode()


def test_bool_labels(folders):
    """Of two classes; so are the true ones."""
    labels = LABELS > 0
    deltas = [naive.transition(labels[t].astype(int), labels[t + 1].astype(int), 2) for t in range(T - 1)]
    for write in (hdf5, npz):
        beside = {"targets": labels[0], "class_names": ["no", "yes"]}
        beside |= {"num_classes": np.int64(2)} if write is npz else {"attrs": {"num_classes": 2}}
        address = write(folders[0], labels=labels, **beside)
        assert_array_equal(matrix_of(address, folders[1]), naive.distances(deltas))


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_missing_labels(folders, dtype, ending):
    """The largest value of the type of native labels means that there is no prediction; not so in flat ones."""
    labels = LABELS.astype(dtype)
    missing = np.iinfo(dtype).max
    labels[2, 1:4] = labels[4, 0] = missing
    path = folders[0] / f"run.{ending}"
    write_log(path, {"train": np.zeros_like(labels)}, n_classes=C)
    if ending == "h5":
        with h5py.File(path, "r+") as file:
            badlogs.replace(file, "labels/train", labels)
    else:
        members = npz_members(path)
        rewrite_npz(path, (members | {"labels/train.npy": npy_bytes(labels)}).items())
    deltas = [naive.transition(labels[t], labels[t + 1], C, missing) for t in range(T - 1)]
    assert_array_equal(matrix_of(path, folders[1]), naive.distances(deltas))
    assert "4 labels missing" in succeeded(run("info", path)).decode()
    flat = hdf5(folders[0], name="flat.h5", labels=labels, attrs={})
    refused(run("fingerprint", flat), 3, "is no class" if dtype != "u4" else "too large for a class")


def test_a_bad_log_among_good_ones(folders):
    """It is reported, the others are done, and the exit code is that of the first error."""
    good = hdf5(folders[0])
    bad = hdf5(folders[0], name="bad.h5", labels=LABELS - 1)
    done = run("rqa", good, bad, folders[0] / "nowhere.h5", folders[0] / "flat.h5", good, "-o", folders[1] / "t.csv")
    assert done.code == 3
    errors = [line for line in done.err.splitlines() if "error" in line]
    assert [str(bad) in errors[0], "nowhere.h5" in errors[1], len(errors)] == [True, True, 3]
    assert (folders[1] / "t.csv").read_text().count("\nrun,") == 2


ODD_NAMES = [
    b"two\nlines.h5",
    b"\x1b[31mred\x07.h5",
    b"\xff\xfe not utf-8.h5",
    "right\u202eto left.h5".encode(),
    b"; rm -rf *.h5",
    b"%s %d {0} $x.h5",
    b" --help.h5",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_file_names_stay_on_one_line(name, folders, monkeypatch):
    """Whether the file is missing, bad or good; what ends up on a terminal must not steer it."""
    monkeypatch.chdir(folders[0])
    for command in ("fingerprint", "info", "rqa", "render"):
        text = refused(run(command, os.fsdecode(name)), 3, "no such file")
        assert text.isprintable()
    hdf5(folders[0]).rename(os.fsdecode(name))
    for command in (("info",), ("rqa", "-t", "text"), ("rqa", "-t", "md"), ("diff", os.fsdecode(name), "--summary")):
        done = run(*command, os.fsdecode(name))
        shown = succeeded(done).decode()
        assert "two\nlines" not in shown
        assert all(c.isprintable() or c == "\n" for c in shown + done.err)
    for options in (["fingerprint", "-t", "h5"], ["fingerprint", "-t", "npz"], ["rqa", "-t", "json"], ["render"]):
        assert succeeded(run(*options, os.fsdecode(name)))


@pytest.mark.parametrize("name", ["run.h5", "run.npz", "D.h5", "D.npz"])
def test_damage_to_our_own_files_is_found(name, folders):
    """Everything in them carries a checksum: a file with wrong bytes is refused, or they did not matter."""
    path = folders[0] / name
    if name.startswith("run"):
        write_log(path, {"train": LABELS}, n_classes=C, scalars={"loss": np.ones(T)}, true={"train": LABELS[0]})
        command = ("fingerprint", path)
    else:
        badmatrices.fingerprint(folders[0], name)
        command = ("diff", path, folders[0] / "zero.npy")
        np.save(folders[0] / "zero.npy", np.zeros((badmatrices.P, badmatrices.P)))
    content, right = path.read_bytes(), succeeded(run(*command, "-t", "npy"))
    rng = np.random.default_rng(11)
    refusals = 0
    for _ in range(150):
        mutant = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            mutant[place] ^= rng.integers(1, 256)
        path.write_bytes(mutant)
        done = run(*command, "-t", "npy")
        refusals += done.code != 0
        if done.code:
            refused(done, done.code)
            assert done.code in (3, 5)
        else:
            assert done.out == right
    assert refusals > 100
