"""Whatever stands in the place of a value in JSON: it is read, or an error in words says why not."""

import io
import json
from contextlib import suppress

import pytest

from comedian.errors import InputError
from comedian.formats.labels import read_label_sets
from comedian.formats.naming import named
from comedian.formats.soccernet import read_soccernet, soccernet_game, write_soccernet
from comedian.formats.spots import read_spots
from comedian.spotting.suppress import suppress as suppressed
from tests.formats.some_spots import spot

TIME = {"gameTime": "1 - 00:10", "label": "Goal", "position": "10000", "visibility": "visible"}
INPUT = {"type": "video", "path": "G/1_x.mkv"}
LABELS = {
    "SoccerNet": {"UrlLocal": "a/b/c", "annotations": [TIME]},
    "OSL 1": {"version": 1, "videos": [{"path": "G/1_x.mkv", "annotations": [TIME]}]},
    "OSL 2": {
        "version": "2.0",
        "data": [{"inputs": [INPUT], "events": [{"label": "Goal", "position_ms": 1}]}],
    },
    "E2E-Spot": [{"video": "G/1", "fps": 25, "events": [{"frame": 1, "label": "Goal", "comment": "a; b"}]}],
    "our own": [{"video": "G/1_x.mkv", "half": 1, "position_ms": 3, "label": "Goal"}],
}
RESULTS = {
    "UrlLocal": "a/b/c",
    "predictions": [
        {"gameTime": "1 - 0:1", "label": "Goal", "position": "1", "half": "1", "confidence": "1"}
    ],
}
NUMBERS = [0, -1, 3, 1.5, 1e308, float("inf"), float("nan"), 10**30, 10**400]
TEXTS = [
    "",
    "x",
    "1 - 45:00+2",
    "9 - 99:99",
    "-1 - 3:3",
    "٣",
    "1_0",
    "1e999",
    "nan",
    "\0",
    "\ud800",
    "a" * 9999,
]
NAMES = ["..", "/", "a/..", "1", "half0.mkv", "G/3_224p.mkv", "\\", "C:\\1_x.mkv", "a/" * 999]
ODD = [None, True, [], {}, [1], {"a": 1}, *NUMBERS, *TEXTS, *NAMES]


def variants(content):
    """The content with each of its parts replaced by each odd value, or left out."""
    yield from ODD
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        inner = variants(value) if isinstance(value, dict | list) else ODD
        for other in inner:
            changed = content.copy()
            changed[key] = other
            yield changed
    if isinstance(content, dict):
        yield from ({name: content[name] for name in content if name != key} for key in content)


@pytest.mark.parametrize("form", LABELS)
def test_labels(tmp_path, form):
    path = tmp_path / "labels.json"
    for content in variants(LABELS[form]):
        path.write_text(json.dumps(content))
        with suppress(InputError):
            for video, actions in read_label_sets(path).items():
                assert named(video).game or not video
                assert all(isinstance(action.half, int) for action in actions)
                json.dumps([action.label for action in actions], ensure_ascii=False).encode()


def test_results(tmp_path):
    path = tmp_path / "results_spotting.json"
    for content in variants(RESULTS):
        path.write_text(json.dumps(content))
        with suppress(InputError):
            json.dumps(list(suppressed(read_soccernet(path), threshold=0)), ensure_ascii=False).encode()


def test_spots(tmp_path):
    for content in variants(spot() | {"team": "x"}):
        stream = io.TextIOWrapper(io.BytesIO(json.dumps(content).encode()))
        with suppress(InputError):
            (found,) = read_spots(stream, "x")
            json.dumps(found, ensure_ascii=False).encode()
            list(suppressed([found], threshold=0))
            write_soccernet([found], tmp_path / "r.zip")
            assert ".." not in soccernet_game(found["video"]).split("/")
