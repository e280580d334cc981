"""Files changed at random, structure and all, and what their readers make of them.

A mutation is read in a process of its own, with a limit of memory and of time, so that whatever happens
counts: the file is read, refused in words (InputError), or something is wrong.
"""

import json
import os
import random
import resource
import signal
import struct
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from comedian.errors import InputError
from tests.onnx_files import signed

MORE_BYTES = 1 << 30  # that reading may take
MOST_SECONDS = 10  # of the processor, or six times that on the clock of a machine that others use, too
ODD = (
    None, True, -1, 0, 1, 2**31, 2**63, -(2**63), 10**30, 1e308, float("nan"), float("inf"), -0.5, "", "x",
    "\ud800", "é" * 5000, [], {}, [[]], {"a": 1}, "1e999", "9" * 5000,
)  # fmt: skip
ATTRIBUTES = (
    -1, 0, 2**31, 2**62, 1e308, np.nan, np.inf, True, "", "x", "[" * 9000, "[1, 2]", '["a"', b"\xff\xfe",
    [1, 2], [], h5py.Empty("f"), np.zeros((3, 3)), np.array([b"a"]),
)  # fmt: skip
TEXTS = ("1e999", "9" * 5000, "-", "NaN", "[" * 20_000, '{"a":' * 9000)
TOML = '-1 0 nan inf 1e30 99999999999999999999 true \'x\' [] [1,2] {a=1} [[1]] 1979-05-27 """'.split()
SHAPES = (
    "(-1, 3)", "(10**9,)", "(1000000000, 1000000000)", "()", "(0, 5)", "(3,)", "(2, 3, 4)", "(1.5, 2)", "x",
)  # fmt: skip
TYPES = ("|O", "<f8", ">f2", "<c8", "|S9", "<M8[s]", "V999", "")


KINDS = (
    "frames", "bank", "scores", "tokens", "features", "weights", "resume state", "recipe", "spots",
    "labels", "results", "results in a zip", "list", "video", "exported spotter",
)  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A kind of file: a sound one, what reads it, and ways to change it beside its bytes."""

    sound: Path
    read: Callable[[Path], object]
    changes: tuple[Callable[[bytes, random.Random], bytes], ...] = ()


# --- changes of bytes ----------------------------------------------------------------------------------


def flip(data: bytes, draw: random.Random) -> bytes:
    """Some bits are other ones."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 4, 32))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def flip_early(data: bytes, draw: random.Random) -> bytes:
    """Bytes of the first kilobytes, where headers are, are any."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 2, 8))):
        changed[draw.randrange(min(len(changed), 4096))] = draw.randrange(256)
    return bytes(changed)


def cut(data: bytes, draw: random.Random) -> bytes:
    """The end is missing."""
    return data[: draw.randrange(len(data))]


def blank(data: bytes, draw: random.Random) -> bytes:
    """A block is zeros."""
    start = draw.randrange(len(data))
    return data[:start] + bytes(min(draw.randrange(1, 4096), len(data) - start)) + data[start + 4096 :]


def repeat(data: bytes, draw: random.Random) -> bytes:
    """A block comes twice."""
    start = draw.randrange(len(data))
    end = start + draw.randrange(1, 2048)
    return data[:end] + data[start:]


def number(data: bytes, draw: random.Random) -> bytes:
    """Eight bytes are a number at the edge of what there is."""
    start = draw.randrange(max(1, len(data) - 8))
    value = draw.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1))
    return data[:start] + struct.pack(draw.choice("<>") + "Q", value) + data[start + 8 :]


BYTES = (flip, flip_early, cut, blank, repeat, number)


# --- changes of structure --------------------------------------------------------------------------------


def in_hdf5(data: bytes, draw: random.Random) -> bytes:
    """An attribute or a dataset has another value, type or shape, or is gone."""
    path = Path(f"/tmp/mutated.{os.getpid()}.h5")
    path.write_bytes(data)
    try:
        with h5py.File(path, "r+") as file:
            _change_hdf5(file, draw)
        return path.read_bytes()
    finally:
        path.unlink()


def _change_hdf5(file: h5py.File, draw: random.Random) -> None:
    names = [""]
    file.visit(names.append)
    name = draw.choice(names)
    item = file[name] if name else file
    attributes = list(item.attrs)
    if attributes and draw.random() < 0.6:
        key = draw.choice(attributes)
        del item.attrs[key]
        if draw.random() < 0.85:
            item.attrs[key] = draw.choice(ATTRIBUTES)
    elif name:
        old = item[()] if isinstance(item, h5py.Dataset) else None
        del file[name]
        if draw.random() < 0.8:
            _put_hdf5(file, name, old, draw)


def _put_hdf5(file: h5py.File, name: str, old, draw: random.Random) -> None:
    """Something else in the place of a dataset or group."""
    huge = {"shape": (10**9,), "dtype": "f8", "chunks": (1024,)}
    ways = [
        lambda: file.create_dataset(name, **huge),
        lambda: file.create_dataset(name, **{**huge, "shape": (10**6, 10**6), "chunks": (16, 16)}),
        lambda: file.create_group(name),
        lambda: file.create_dataset(name, data=draw.choice((3, "x", np.nan, h5py.Empty("f")))),
        lambda: file.create_dataset(name, data=np.array([b"a", b"b"])),
        lambda: file.create_dataset(name, data=np.zeros((2, 3, 4))),
    ]
    if isinstance(old, np.ndarray) and old.size and old.dtype.kind in "iuf":
        ways += [
            lambda: file.create_dataset(name, data=old[:-1]),
            lambda: file.create_dataset(name, data=old.ravel()),
            lambda: file.create_dataset(name, data=-old.astype(np.float64)),
            lambda: file.create_dataset(name, data=np.full(old.shape, draw.choice((np.nan, 1e300, -1.0)))),
            lambda: file.create_dataset(name, data=draw.sample(old.ravel().tolist(), old.size)),
            lambda: file.create_dataset(name, data=old.astype(np.int64) + 2**60),
        ]
    draw.choice(ways)()


def in_json(data: bytes, draw: random.Random) -> bytes:
    """A value somewhere within is another one, or gone, or nested without end."""
    try:
        tree = json.loads(data)
    except ValueError:
        return flip(data, draw)
    changed = _changed(tree, draw)
    text = json.dumps(changed)
    if draw.random() < 0.1:
        text = text.replace("1", draw.choice(TEXTS), 1)
    return text.encode(draw.choice(("utf-8", "utf-8", "utf-8", "utf-16")))


def in_json_lines(data: bytes, draw: random.Random) -> bytes:
    """A line is changed as `in_json` does, or several are joined."""
    lines = data.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    lines[place] = in_json(lines[place], draw) + draw.choice((b"\n", b"\n", b"", b"\r\n", b"\0\n"))
    return b"".join(lines)


def _changed(tree, draw: random.Random):
    """A copy of a tree of JSON with one value replaced or removed."""
    if isinstance(tree, dict | list) and tree and draw.random() < 0.85:
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        key = draw.choice(list(keys))
        copy = dict(tree) if isinstance(tree, dict) else list(tree)
        if draw.random() < 0.1:
            del copy[key]
        else:
            copy[key] = _changed(copy[key], draw)
        return copy
    return draw.choice(ODD)


def in_safetensors(data: bytes, draw: random.Random) -> bytes:
    """The header's JSON is changed: of the file, or of what its metadata hold."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if draw.random() < 0.7:
        metadata = header["__metadata__"]
        key = draw.choice(sorted(metadata))
        inner = in_json(metadata[key].encode(), draw).decode("utf-8", "replace")
        metadata[key] = draw.choice((inner, inner, inner, "[" * 50_000, "x", "", "5", "null"))
    else:
        header = _changed(header, draw)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def in_toml(data: bytes, draw: random.Random) -> bytes:
    """A line's value is another one, or a line comes twice or from elsewhere."""
    lines = data.decode().splitlines()
    place = draw.randrange(len(lines))
    key, _, _ = lines[place].partition("=")
    ways = f"{key}= {draw.choice(TOML)}", f"{key}= {'[' * 5000}", f"[{key.strip()}]", f"{key}.a = 1"
    lines[place] = draw.choice((*ways, lines[place] * 2, "\ud800x"))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def in_onnx(data: bytes, draw: random.Random) -> bytes:
    """The graph of an exported spotter is another one, and signed anew as its author could."""
    import onnx
    from google.protobuf.message import DecodeError

    while True:
        model = onnx.ModelProto.FromString(data)
        graph = model.graph
        part = draw.choice([*graph.node, *graph.initializer, *graph.input, *graph.output, graph])
        change = draw.choice(BYTES)
        try:
            part.ParseFromString(change(part.SerializeToString(), draw))
        except DecodeError:
            continue
        return signed(model)


def in_npy(data: bytes, draw: random.Random) -> bytes:
    """The header says another shape or type."""
    length = int.from_bytes(data[8:10], "little")
    header = data[10 : 10 + length].decode()
    shape = header[header.index("(") : header.index(")") + 1]
    if draw.random() < 0.6:
        header = header.replace(shape, draw.choice(SHAPES))
    else:
        header = header.replace("<f4", draw.choice(TYPES))
    text = header.encode()[:-1] + b"\n"
    return data[:8] + len(text).to_bytes(2, "little") + text + data[10 + length :]


# --- reading ---------------------------------------------------------------------------------------


def mutated(reader: Reader, seed: str) -> bytes:
    """A changed file; the seed fixes it."""
    draw = random.Random(seed)
    data = reader.sound.read_bytes()
    change = draw.choice(BYTES + 2 * reader.changes if len(reader.changes) < 3 else BYTES + reader.changes)
    try:
        return change(data, draw)
    except (UnicodeError, ValueError, OSError, KeyError, TypeError, RuntimeError):  # it made no file at all
        return flip(data, draw)


def outcome(read: Callable[[Path], object], path: Path) -> str:
    """What comes of reading a file: "read", "refused", or what is wrong, in lines."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        os.close(receiver)
        os._exit(_told(partial(read, path), sender))
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        said = stream.read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    return said or f"ended with {signal.Signals(status & 127).name if status & 127 else status}"


def _told(read: Callable[[], object], sender: int) -> int:
    """In the child: read, and tell what came of it."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(6 * MOST_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        read()
        said = "read"
    except InputError as error:
        said = "refused" if "\n" not in str(error) else f"several lines: {error}"
    except BaseException:
        said = traceback.format_exc()
    os.write(sender, said.encode("utf-8", "replace")[-60_000:])
    return 0
