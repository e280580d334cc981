"""Zips that people hand in, whatever is in them."""

import json
import struct
import zipfile
from contextlib import suppress

import pytest

from comedian.errors import InputError
from comedian.formats.soccernet import RESULTS_NAME, is_soccernet, list_soccernet, read_soccernet
from comedian.formats.zips import MEMBER_BYTES
from tests.formats.some_spots import GAME, spot

PREDICTION = {"label": "Goal", "position": "1234500", "half": "1", "confidence": "0.91"}
RECORD = {"UrlLocal": GAME, "predictions": [PREDICTION]}


def make(path, *members, method=zipfile.ZIP_DEFLATED):
    """A zip of (name, content)."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "outside"),
    [
        ("{}", ""),
        ("{}", "results/"),
        ("./{}", ""),
        ("backslashes", ""),
        ("top", ""),
    ],
)
@pytest.mark.parametrize("file", ["x.zip", "X.ZIP", "without_a_suffix"])
def test_layouts_that_people_send(tmp_path, name, outside, file):
    place = f"{outside}{GAME}/{RESULTS_NAME}"
    names = {"top": RESULTS_NAME, "backslashes": place.replace("/", "\\")}
    extras = [
        (f"__MACOSX/{place}", b"\0"),
        (f"__MACOSX/{GAME}/._{RESULTS_NAME}", b"\0"),
        (".DS_Store", b"\0"),
    ]
    path = make(tmp_path / file, (names.get(name, name.format(place)), RECORD), *extras)
    assert is_soccernet(path)
    assert list_soccernet(path) == [f"{outside}{GAME}"]
    assert list(read_soccernet(path)) == [spot(video=f"{outside}{GAME}/1")]


def bomb(size):
    """As many bytes of nothing, deflated."""
    return b'{"predictions": []' + b" " * size + b"}"


@pytest.mark.parametrize(
    ("members", "what"),
    [
        (
            [(f"a/{RESULTS_NAME}", RECORD), (f"a\\{RESULTS_NAME}", RECORD)],
            "results_spotting.json: is there twice",
        ),
        ([(f"a/{RESULTS_NAME}", RECORD), (f"./a/{RESULTS_NAME}", RECORD)], "is there twice; make it again"),
        (
            [(f"../a/{RESULTS_NAME}", RECORD)],
            r"x.zip/../a/results_spotting.json: lies outside its zip, by its name",
        ),
        ([(f"..\\..\\{RESULTS_NAME}", RECORD)], "lies outside its zip"),
        ([(f"/etc/{RESULTS_NAME}", RECORD)], "lies outside its zip"),
        ([(RESULTS_NAME, {"predictions": []})], "lies in no folder and says no game; put it into league/"),
        ([(RESULTS_NAME, RECORD | {"UrlLocal": 3})], "says no game"),
        ([("readme.txt", RECORD)], r"holds no results_spotting.json; check the zip"),
        (
            [(f"a/{RESULTS_NAME}", bomb(MEMBER_BYTES))],
            "unpacks to 256 MiB, a game's results take 256 at most",
        ),
        (
            [(f"{number}/{RESULTS_NAME}", bomb(1 << 24)) for number in range(3)],
            "unpacks to 48 MiB, more than 200 times its size; results do not",
        ),
    ],
)
def test_members_that_cannot_be_meant_are_refused(tmp_path, members, what):
    path = make(tmp_path / "x.zip", *members)
    with pytest.raises(InputError, match=what):
        list(read_soccernet(path))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused(tmp_path):
    path = make(tmp_path / "x.zip", (f"a/{RESULTS_NAME}", RECORD), (f"a/{RESULTS_NAME}", RECORD))
    with pytest.raises(InputError, match="is there twice"):
        list(read_soccernet(path))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_whose_unpacking_has_no_bound_is_refused(tmp_path, method):
    path = make(tmp_path / "x.zip", (f"a/{RESULTS_NAME}", RECORD), method=method)
    with pytest.raises(InputError, match=r"x.zip/a/results_spotting.json: is not compressed by deflate"):
        list(read_soccernet(path))


def test_small_files_may_be_packed_tightly(tmp_path):
    path = make(tmp_path / "x.zip", (f"a/{RESULTS_NAME}", bomb(1 << 20)))
    assert list(read_soccernet(path)) == []


FIELDS = {  # (offset in the member's own header, in the directory's, format)
    "flags": (6, 8, "<H"),
    "version": (4, 6, "<H"),
    "method": (8, 10, "<H"),
}


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("flags", 1, "is encrypted; make it again without a password"),
        ("flags", 1 << 5, "is of a kind that cannot be read"),
        ("version", 99, "is of a kind that cannot be read"),
        ("method", 9, "is not compressed by deflate"),
        ("method", 99, "is not compressed by deflate"),
    ],
)
def test_kinds_of_zips_that_cannot_be_read(tmp_path, field, value, what):
    path = make(tmp_path / "x.zip", (f"a/{RESULTS_NAME}", RECORD))
    data = bytearray(path.read_bytes())
    own, listed, kind = FIELDS[field]
    struct.pack_into(kind, data, data.index(b"PK\x03\x04") + own, value)
    struct.pack_into(kind, data, data.index(b"PK\x01\x02") + listed, value)
    path.write_bytes(data)
    with pytest.raises(InputError, match=what):
        list(read_soccernet(path))


def test_every_damage_is_one_line(tmp_path):
    """Whatever single byte is wrong, and wherever the end is missing."""
    members = [(f"{game}/{RESULTS_NAME}", RECORD) for game in ("a", "b")]
    whole = make(tmp_path / "x.zip", *members).read_bytes()
    for place in range(len(whole)):
        for data in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            (tmp_path / "x.zip").write_bytes(data)
            with suppress(InputError):
                list(read_soccernet(tmp_path / "x.zip"))
