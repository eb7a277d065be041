"""Pickles that do harm where they are unpickled, each as bytes; reading them must end in a refusal and nothing else."""

import io
import os
import pickle
import struct

import numpy as np

_PROTO = b"\x80\x04"


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def call(module, name, *arguments):
    """Return a program that calls a name with arguments of text, as protocol 2 writes it."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + b"".join(map(text, arguments)) + b"tR."


def stacked_call(module, name, *arguments):
    """Return the same as protocol 4 writes it."""
    return _PROTO + text(module) + text(name) + b"\x93(" + b"".join(map(text, arguments)) + b"tR."


class Reduced:
    """Pickles as a call of something."""

    def __init__(self, *call):
        self._call = call

    def __reduce__(self):
        return self._call


class Stateful:
    def __setstate__(self, state):
        raise AssertionError("was given a state")

    def __reduce__(self):
        return (Stateful, (), {"a": 1})


class Newer:
    def __reduce_ex__(self, protocol):
        import copyreg

        return (copyreg.__newobj__, (Newer,), None)


def dtype_program(name, state):
    """Return a program that makes a type of numpy's, and then an array of four bytes that stand for addresses."""
    stream = io.BytesIO()
    pickler = pickle._Pickler(stream, 2)
    pickler.write(b"\x80\x02cnumpy.core.numeric\n_frombuffer\n(")
    pickler.save(b"A" * 8)
    pickler.write(b"cnumpy\ndtype\n")
    pickler.save((name, False, True))
    pickler.write(b"R")
    pickler.save(state)
    pickler.write(b"b")
    pickler.save((1,))
    pickler.save("C")
    pickler.write(b"tR.")
    return stream.getvalue()


def attacks(trace):
    """Return name -> pickle; each would create the file ``trace``, crash, hang or take all memory."""
    touch = f"touch {trace}"
    code = f"open({str(trace)!r}, 'w').close()"
    run = {
        "os.system by reduce": pickle.dumps(Reduced(os.system, (touch,)), 2),
        "os.system by stack": pickle.dumps(Reduced(os.system, (touch,)), 4),
        "posix.system by stack": stacked_call("posix", "system", touch),
        "os.system by name": call("os", "system", touch),
        "dotted name": stacked_call("numpy", "testing._private.utils.runstring", code),
        "subprocess": call("subprocess", "getoutput", touch),
        "eval": call("builtins", "eval", code),
        "exec": stacked_call("builtins", "exec", code),
        "eval of Python 2": call("__builtin__", "eval", code),
        "getattr": pickle.dumps(Reduced(getattr, ("text", "encode")), 3),
        "numpy runstring": call("numpy.testing", "rundocs", str(trace)),
        "numpy save": call("numpy", "save", str(trace), "x"),
        "numpy fromfile": call("numpy", "fromfile", "/etc/hostname"),
        "numpy memmap": call("numpy", "memmap", str(trace)),
        "numpy ctypes": call("numpy.ctypeslib", "load_library", "c", "/"),
        "numpy core name as code": call("numpy.core.multiarray", "_reconstruct.__globals__", code),
        "open": call("io", "open", str(trace), "w"),
        "import by name": call("antigravity", "geohash"),
        "dataclass state": pickle.dumps(Stateful(), 4),
        "new object": pickle.dumps(Newer(), 4),
        "persistent id": b"\x80\x04\x8c\x01xQ.",
        "persistent id as text": b"\x80\x02Px\n.",
        "instance": b"\x80\x02(" + text(touch) + b"ios\nsystem\n.",
        "object": b"\x80\x02(cos\nsystem\n" + text(touch) + b"o.",
        "extension 1": b"\x80\x02\x82\x01.",
        "extension 2": b"\x80\x02\x83\x01\x00.",
        "extension 4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "out of band buffer": b"\x80\x05\x97.",
        "build on a name": b"\x80\x02cnumpy\ndtype\n}b.",
        "build on a dictionary": b"\x80\x02}(K\x01K\x02u}b.",
        "reduce of a number": b"\x80\x02K\x01)R.",
        "reduce of ndarray": b"\x80\x02cnumpy\nndarray\n(K\x05tR.",
        "reduce with a list": b"\x80\x02cnumpy\ndtype\n]R.",
        "encode with rot13": call("_codecs", "encode", "x", "rot13"),
        "decode": call("_codecs", "decode", "x", "unicode_escape"),
    }
    pointers = {
        "object type": dtype_program("O8", (3, "|", None, None, None, -1, -1, 63)),
        "object type without flags": dtype_program("O", (3, "|", None, None, None, 8, 8, 0)),
        "records beyond their element": dtype_program(
            "V8", (3, "|", None, ("a",), {"a": (np.dtype("i8"), 4000)}, 8, 1, 0)
        ),
        "number with the flags of objects": dtype_program("i8", (3, "<", None, None, None, -1, -1, 63)),
        "text with the flags of objects": dtype_program("S8", (3, "|", None, None, None, 8, 1, 63)),
        "number that claims to be larger": dtype_program("i8", (3, "<", None, None, None, 800, 8, 0)),
        "subarray": dtype_program("i8", (3, "<", (np.dtype("i8"), (9,)), None, None, -1, -1, 0)),
        "text of no characters": dtype_program("U2", (3, "<", None, None, None, 8, 4, 8)),
        "date": pickle.dumps(np.array(["2020-01-01"], dtype="M8[D]"), 4),
        "objects": pickle.dumps(np.array([None, {}], dtype=object), 4),
        "records": pickle.dumps(np.zeros(2, dtype=[("a", "i4")]), 4),
        "matrix class": pickle.dumps(np.ma.masked_array([1, 2], [0, 1]), 4),
    }
    sizes = {
        "bytes of 2**62": b"\x80\x04\x8e" + struct.pack("<Q", 2**62),
        "text of 4 GB": b"\x80\x04X" + struct.pack("<I", 2**32 - 1),
        "bytearray of 2**63": b"\x80\x05\x96" + struct.pack("<Q", 2**63),
        "frame of 2**63": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
        "negative string": b"\x80\x02T" + struct.pack("<i", -1) + b".",
        "negative long": b"\x80\x02\x8b" + struct.pack("<i", -5) + b".",
        "long of a megabyte": b"\x80\x02\x8b" + struct.pack("<i", 2**20) + b"\x7f" * 2**20 + b".",
        "shape of 2**60": pickle.dumps(np.arange(3), 4).replace(
            b"K\x03\x85", b"\x8a\x08" + struct.pack("<q", 2**60) + b"\x85"
        ),
        "negative shape": pickle.dumps(np.arange(3), 4).replace(b"K\x03\x85", b"J\xfd\xff\xff\xff\x85"),
        "forty axes": pickle.dumps(np.zeros(3), 4).replace(b"K\x03\x85", b"(" + b"K\x01" * 40 + b"K\x03t"),
        "memo that was not put": b"\x80\x02j" + struct.pack("<I", 2**32 - 1) + b".",
        "key of a nested tuple": b"\x80\x02}" + b"N" + b"\x85" * 200_000 + b"K\x01s.",
        "key of an array": b"\x80\x02}" + pickle.dumps(np.arange(3), 2)[2:-1] + b"K\x01s.",
        "list in itself": b"\x80\x02]q\x00h\x00a.",
        "dictionary in itself": b"\x80\x02}q\x00K\x01h\x00s.",
        "million marks": b"\x80\x02" + b"(" * 10**6,
        "nested lists": b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
        "rows that are all one row": _shared_rows(),
        "mark left over": b"\x80\x02(K\x01.",
        "stop at once": b"\x80\x02.",
        "nothing after the protocol": b"\x80\x04",
        "mark as result": b"\x80\x02(.",
        "mark in a memo": b"\x80\x02(q\x00.",
        "pop of nothing": b"\x80\x020.",
        "odd dictionary": b"\x80\x02}(K\x01u.",
        "name without end": b"\x80\x02c" + b"x" * 5000,
        "name of no UTF-8": b"\x80\x02c\xff\xfe\n\xff\n.",
        "unknown opcode": b"\x80\x04\xfe.",
    }
    return run | pointers | sizes


def _shared_rows():
    """Return a list of a million references to a list of a million: scores of terabytes in two megabytes."""
    row = b"](" + b"K\x01" * 10**6 + b"e"
    return b"\x80\x02](" + row + b"q\x00" + b"h\x00" * (10**6 - 1) + b"e."
