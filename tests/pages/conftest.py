"""A browser for all tests of the page, and a page of a short match to open in it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.draw_timeline import main
from tests.make_video import encode, steady
from tests.pages.browser import CHROMIUM, Page, browser

SECONDS = 40  # of each half
SPOTS = ((1, 10, "Goal", 0.9), (1, 20, "Goal", 0.6), (1, 30, "Goal", 0.3), (2, 5, "Foul", 0.8))
LABELS = ((1, 11, "Goal"), (2, 25, "Foul"))


@pytest.fixture(scope="session")
def tab(tmp_path_factory) -> Iterator[Page]:
    """A tab of one browser."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="session")
def match(tmp_path_factory) -> Path:
    """A folder with both halves as videos that a browser plays, spots.jsonl and labels.json."""
    folder = tmp_path_factory.mktemp("A - B")
    for half in (1, 2):
        encode(folder / f"{half}_m.mp4", steady(25 * SECONDS))
    keys = ("half", "position_ms", "label", "confidence")
    lines = [dict(zip(keys, (half, 1000 * at, *more), strict=True)) for half, at, *more in SPOTS]
    lines = [{"video": f"{folder}/{one['half']}_m.mp4", **one} for one in lines]
    (folder / "spots.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    labels = [{"half": half, "position_ms": 1000 * at, "label": label} for half, at, label in LABELS]
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


@pytest.fixture
def show(tab: Page, match: Path, run) -> Callable[..., Page]:
    """show(*options): draw the match's page and open it, in a large light window."""

    def call(*options: object) -> Page:
        path = match / "match.html"
        assert run(main, match / "spots.jsonl", "-o", path, "-q", *options) == (0, "", "")
        tab.resize(1200, 900)
        tab.media()
        tab.open(path).until("video.readyState > 0")
        return tab

    return call
