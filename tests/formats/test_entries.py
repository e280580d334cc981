from comedian.errors import SHOWN, cut_short
from comedian.formats.entries import shown
from comedian.formats.text import kind_of


def test_values_are_cut_short_past_their_length():
    assert cut_short("a" * SHOWN) == "a" * SHOWN
    assert cut_short("a" * (SHOWN + 1)) == "a" * SHOWN + "…"
    assert shown(["ü", None]) == '["ü", null]'


def test_what_json_is_called():
    assert kind_of({"a": 1, "b": 2, "c": 3, "d": 4}).count("'") == 6
