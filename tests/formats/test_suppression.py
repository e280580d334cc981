"""The file of suppression settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.formats.suppression import read_settings, settings_text
from comedian.recipes.suppression import Settings, Way


def read(tmp_path, text: str) -> Settings:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


ways = st.builds(
    Way,
    st.sampled_from(["soft", "hard", "peak"]),
    st.floats(0, 86_400) | st.integers(0, 60),
    st.floats(0, 1),
)
labels = st.text(st.characters(exclude_categories=["Cs"]))


@given(settings=st.builds(Settings, ways, st.dictionaries(labels, ways, max_size=5)))
def test_what_is_written_is_read_back(tmp_path_factory, settings):
    folder = tmp_path_factory.mktemp("settings")
    notes = dict.fromkeys(settings.classes, "found so")
    assert read(folder, settings_text(settings, ["made for a test"], notes)) == settings


def test_what_a_class_leaves_out_is_as_in_the_default(tmp_path):
    settings = read(
        tmp_path,
        '\ufeff[default]\nwindow_seconds = 12\nthreshold = 0.2\n[classes.Goal]\nthreshold = 0.5\n'
        '[classes.Foul]\nkind = "hard"\n[classes."élan; x"]\nkind = "peak"\nwindow_seconds = 0\n',
    )  # fmt: skip
    assert settings.of_label("Corner") == ("soft", 12, 0.2)
    assert settings.of_label("Goal") == ("soft", 12, 0.5)
    assert settings.of_label("Foul") == ("hard", 5, 0.2)
    assert settings.of_label("élan; x") == ("peak", 0, 0.2)


def test_an_empty_file_is_the_usual_suppression(tmp_path):
    assert read(tmp_path, "").of_label("Goal") == ("soft", 10, 0.001)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[defualt]", "unknown key 'defualt'; did you mean default?"),
        ("[default]\nwindow = 3", "default: unknown key 'window'"),
        ("default = 3", "default must be a table, not 3"),
        ("classes = []", "classes must be a table, not []"),
        ("[classes]\nGoal = 3", "Goal must be a table, not 3"),
        ('[classes.Goal]\nkind = "hrad"', "Goal: kind must be one of 'soft', 'hard', 'peak', not 'hrad'"),
        ("[default]\nthreshold = 2", "threshold must be `float` <= 1"),
        ("[default]\nwindow_seconds = nan", "window_seconds must be"),
        ("[default]\nwindow_seconds = -1", "window_seconds must be"),
        ('[default]\nwindow_seconds = "3"', "window_seconds must be"),
        ("[default", "is not TOML"),
        ("a = " + "[" * 20_000, "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, text, what):
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert what.replace("`", "") in str(raised.value)
    assert "settings.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    for path, what in ((tmp_path / "x", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=f"{what}; make one with tune-nms -o"):
            read_settings(path)
