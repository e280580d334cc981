"""Spots as lines, and as SoccerNet's results."""

import io
import json
import time

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
        (json.dumps(spot(half="1", video="a")), """'half' is "1", no number"""),
        (json.dumps(spot(half=True, video="a")), "'half' is true, no number"),
        (json.dumps(spot(position_ms="7")), """'position_ms' is "7", no number"""),
        (json.dumps(spot(position_ms=float("nan"))), "'position_ms' is NaN, which cannot be"),
        (json.dumps(spot(position_ms=10**400)), "'position_ms' is 10000.*0…, which cannot be"),
        (json.dumps(spot(label=None)), "'label' is null, no text"),
        (json.dumps(spot(label=["a"] * 99)), "'label' is .*…, no text"),
        (json.dumps(spot(confidence="high")), """'confidence' is "high", no number"""),
        (json.dumps(spot(confidence=None)), "'confidence' is null, no number"),
        (json.dumps(spot(confidence=10**400)), "'confidence' is 1000.*…, no number"),
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


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_no_spots_are_an_empty_result(content):
    assert list(read_spots(bytes_stream(content), "x")) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x1aE\xdf\xa3\x00\xff\n", "is not a text file"),
        (json.dumps(spot()).encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (json.dumps(spot()).encode("utf-16-le"), "is UTF-16"),
        (json.dumps(spot(label="Ü"), ensure_ascii=False).encode("latin-1"), r"in UTF-8 \(line 1\)"),
        (
            json.dumps([spot()]).encode(),
            r"holds a list of 1, not a spot a line; write one a line: jq -c '.\[\]' x",
        ),
        (json.dumps([spot()], indent=1).encode(), "holds a list of 1"),
        (
            b'{"predictions": [\n]}',
            "as SoccerNet's results are, not a spot a line; call it results_spotting",
        ),
        (b'{\n"annotations": []}', "as SoccerNet's labels are"),
        (b"\xef\xbb\xbf[\n]", "holds a list of 0"),
        (b"3", "holds one number"),
        (json.dumps(spot()).replace('"half": 1', f'"half": 1{"0" * 100_000}').encode(), "digits"),
        (b"[" * 100_000, "nested too deeply"),
        (json.dumps(spot(label="\ud800")).encode(), r"x:1: holds half of a character, '\\ud800'"),
        (json.dumps(spot(team="\udfff")).encode(), r"x:1: holds half of a character"),
    ],
)
def test_what_is_no_spots_is_named(content, what):
    with pytest.raises(InputError, match=what):
        list(read_spots(bytes_stream(content), "x"))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_marks_and_line_ends_are_read_over(end):
    line = json.dumps(spot(label="Ü"), ensure_ascii=False).encode()
    assert (
        list(read_spots(bytes_stream(b"\xef\xbb\xbf" + line + end + line + end), "x"))
        == [spot(label="Ü")] * 2
    )


def test_a_long_line_is_read_in_linear_time():
    """Four times the length takes four times as long, not sixteen times."""

    def seconds(length):
        stream = io.TextIOWrapper(io.BufferedReader(Drops(b"x" * length)))
        began = time.perf_counter()
        with pytest.raises(InputError, match="not JSON"):
            list(read_spots(stream, "x"))
        return time.perf_counter() - began

    seconds(1 << 20)
    assert seconds(1 << 24) < 10 * max(seconds(1 << 22), 0.01)


class Drops(io.RawIOBase):
    """A pipe that gives 4 KiB at a time."""

    def __init__(self, data):
        self.stream = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.stream.readinto(memoryview(buffer)[:4096])


def test_confidences_may_be_text_and_lie_anywhere():
    values = [0.5, "0.5", " 1e-3", 90, -2.2, float("inf"), "NaN"]
    text = "".join(json.dumps(spot(confidence=value)) + "\n" for value in values)
    found = [repr(one["confidence"]) for one in read_spots(bytes_stream(text), "x")]
    assert found == ["0.5", "0.5", "0.001", "90", "-2.2", "inf", "nan"]
