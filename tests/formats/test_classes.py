"""Names of classes."""

import unicodedata

import pytest

from comedian.errors import InputError
from comedian.formats.classes import quoted, read_classes


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_from_a_file(tmp_path, encoding, end):
    path = tmp_path / "class.txt"
    path.write_bytes(end.join(["Kick-off", "", " Goal, own", "Fußball", ""]).encode(encoding))
    assert read_classes(str(path)) == ("Kick-off", "Goal, own", "Fußball")


def test_from_the_command_line():
    assert read_classes("Goal, Corner") == ("Goal", "Corner")
    assert read_classes("Pass/Cross,Shot") == ("Pass/Cross", "Shot")
    assert len(read_classes(",".join(f"class {number}" for number in range(100)))) == 100
    for text in ("", ",", "Goal,Goal", unicodedata.normalize("NFD", "Gól") + ",Gól"):
        with pytest.raises(InputError, match=r"names (the class .* twice|no class)"):
            read_classes(text)


@pytest.mark.parametrize("text", ["class.txt", "my/classes", "./x", "a\\\\b", "a, b.json", "CLASSES.TXT"])
def test_a_file_that_is_not_there_is_no_class(text):
    with pytest.raises(InputError, match="no such file; check the path"):
        read_classes(text)


def test_what_is_no_list_of_names_is_told(tmp_path):
    (tmp_path / "class.json").write_text('["Goal",\n "Foul"]')
    (tmp_path / "utf16.txt").write_text("Goal", encoding="utf-16")
    (tmp_path / "video").write_bytes(b"\x1aE\xdf\xa3\x00\xff")
    for name, what in (
        ("", "folder"),
        ("class.json", "JSON"),
        ("utf16.txt", "UTF-16"),
        ("video", "not a text"),
    ):
        with pytest.raises(InputError, match=what):
            read_classes(str(tmp_path / name))


def test_labels_are_quoted_with_the_class_they_mean():
    classes = ("Goal", "Kick-off", "Gól")
    nfd = unicodedata.normalize("NFD", "Gól")
    assert quoted(["Goal "], classes) == "'Goal ' (is 'Goal' meant?)"
    assert quoted(["KICK OFF", "x"], classes) == "'KICK OFF' (is 'Kick-off' meant?), 'x'"
    assert quoted([nfd], classes) == f"{nfd!r} (is 'Gól' meant? in another form of Unicode)"
