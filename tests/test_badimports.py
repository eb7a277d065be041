"""What cannot be imported is refused in one line that names the file, the cause and the remedy, and leaves nothing."""

import random

import pytest

import badimports_text  # noqa: F401 - more of the cases
from badimports import CASES
from foreign import LAYOUTS
from nntf_cli import memory
from running import error_of, refused, run


@pytest.fixture(autouse=True)
def one_gibibyte(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2.0**30)


@pytest.mark.parametrize(("make", "fragments", "code"), CASES, ids=[make.__name__ for make, *_ in CASES])
def test_a_bad_source_is_refused(make, fragments, code, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    (out / "run.h5").write_bytes(b"the result of last week")
    said = refused(run("import", *make(folder), "-o", out / "run.h5"), code, *fragments)
    assert ";" in said, "no remedy"
    assert said.startswith(("/", "each of")), "no file"
    assert (out / "run.h5").read_bytes() == b"the result of last week"
    assert [path.name for path in out.iterdir()] == ["run.h5"]
    print(said)


@pytest.mark.parametrize("name", LAYOUTS)
def test_damaged_sources_are_refused_or_read(name, tmp_path):
    """No damage to any file of any layout ends in anything but a log or a line."""
    rng = random.Random(name)
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        write, *_, has = LAYOUTS[name]
        sources = write(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        path = rng.choice(files)
        data = bytearray(path.read_bytes())
        if number % 3 == 0:
            del data[rng.randrange(len(data)) :]
        else:
            for _ in range(rng.choice([1, 3, 10])):
                data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        done = run("import", *sources, *has.get("options", ()), "-o", tmp_path / f"{number}.h5")
        assert done.code in (0, 3, 5), done
        if done.code:
            error_of(done)
            assert not (tmp_path / f"{number}.h5").exists()
        else:
            assert run("info", tmp_path / f"{number}.h5").code == 0
