"""Spots as lines, and as SoccerNet's results."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.formats.spots import KEYS, read_spots, write_spot
from tests.formats.some_spots import spot


def bytes_stream(text: str | bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


numbers = st.integers(-(10**12), 10**12) | st.floats(-1e12, 1e12)
spots = st.fixed_dictionaries(
    {
        "video": st.text(st.characters(codec="utf-8")),
        "half": st.integers(-3, 3),
        "position_ms": numbers,
        "label": st.text(st.characters(codec="utf-8")),
        "confidence": st.floats(allow_nan=False) | st.integers(0, 1),
    },
    optional={"team": st.none() | st.lists(st.integers())},
)


@given(st.lists(spots, min_size=1, max_size=8), st.booleans(), st.booleans())
def test_what_is_written_is_read(some, over_bytes, last_newline):
    text = io.StringIO()
    for one in some:
        write_spot(text, one)
    lines = text.getvalue() if last_newline else text.getvalue()[:-1]
    stream = bytes_stream(lines) if over_bytes else io.StringIO(lines)
    read = list(read_spots(stream, "x"))
    assert read == some
    kinds = [[{key: type(value) for key, value in one.items()} for one in them] for them in (read, some)]
    assert kinds[0] == kinds[1]


def test_lines_are_plain_json_in_the_order_of_the_keys():
    text = io.StringIO()
    write_spot(text, spot(label='a "Ü"'))
    assert text.getvalue() == json.dumps(spot(label='a "Ü"'), ensure_ascii=False) + "\n"
    assert list(json.loads(text.getvalue())) == list(KEYS)


def test_blank_lines_and_long_streams():
    lines = "".join(json.dumps(spot(position_ms=number)) + "\n\n" for number in range(5000))
    read = list(read_spots(bytes_stream("\n" + lines), "x"))
    assert [one["position_ms"] for one in read] == list(range(5000))


def test_spots_come_as_their_lines_arrive():
    class Trickle(io.RawIOBase):
        def __init__(self):
            self.parts = [json.dumps(spot(position_ms=number)).encode() + b"\n" for number in range(3)]

        def readable(self):
            return True

        def readinto(self, buffer):
            if not self.parts:
                raise AssertionError("read on before it gave out what it had")
            part = self.parts.pop(0)
            buffer[: len(part)] = part
            return len(part)

    found = read_spots(io.TextIOWrapper(io.BufferedReader(Trickle())), "x")
    assert [next(found)["position_ms"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"video": "a", "half": 1, "posi', "cut short"),
        ("not json", "JSON"),
        ("[1]", "object"),
        (json.dumps({"video": "a", "half": 1}), "'position_ms' or 'label' or 'confidence'"),
        (json.dumps(spot(half="1")), "wrong kind"),
        (json.dumps(spot(half=True)), "wrong kind"),
        (json.dumps(spot(position_ms="7")), "wrong kind"),
        (json.dumps(spot(position_ms=float("nan"))), "wrong kind"),
        (json.dumps(spot(label=None)), "wrong kind"),
        (json.dumps(spot(confidence="0.5")), "wrong kind"),
        (json.dumps(spot()) + "," + json.dumps(spot()), "JSON"),
    ],
)
@pytest.mark.parametrize("over_bytes", [True, False])
def test_errors_name_the_line(line, what, over_bytes):
    text = f"{json.dumps(spot())}\n\n{line}\n{json.dumps(spot())}\n"
    found = read_spots(bytes_stream(text) if over_bytes else io.StringIO(text), "match.jsonl")
    next(found)
    with pytest.raises(InputError, match=what) as error:
        list(found)
    assert error.value.file == "match.jsonl:3"
    assert error.value.remedy


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x1aE\xdf\xa3\x00\xff\n"])
def test_no_spots_and_no_text_are_errors(content):
    with pytest.raises(InputError) as error:
        list(read_spots(bytes_stream(content), "match.mkv"))
    assert error.value.file == "match.mkv"
