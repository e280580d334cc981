"""The pictures of the tutorial, made by the commands from a spotter and a match: `make pictures`.

    python -m tests.pictures SPOTTER FOLDER

writes FOLDER/tutorial-page.png, a screenshot of draw-timeline's page, and FOLDER/tutorial-curves.svg.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.pages.browser import browser

MATCH = Path(__file__).parent / "data" / "matches" / "gfootball" / "2026" / "000103 FRQ 2 - 3 RBA"
SIZE = (1000, 720)  # CSS pixels of the window
HEIGHT = 1420  # of the page that the picture shows
COLOURS = 255  # of the palette: a third of the bytes


def main(spotter: Path, folder: Path) -> None:
    """Spot the sample match, score it, draw it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        at = Path(work)
        (at / "profile").mkdir()
        comedian("spot", MATCH, "-m", spotter, "--scores", at / "s.h5", "-o", at / "all.jsonl", "-q")
        comedian("nms", at / "all.jsonl", "--hard", "--min-gap", 5, "--top", 60, "-o", at / "spots.jsonl")
        plot = folder / "tutorial-curves.svg"
        comedian("evaluate", at / "spots.jsonl", "--labels", MATCH, "--plot", plot, "--table")
        seen = ["--scores", at / "s.h5", "--labels", MATCH, "--thumbnails", 60]
        comedian("draw-timeline", at / "spots.jsonl", *seen, "-o", at / "match.html")
        take(at / "match.html", folder / "tutorial-page.png", at / "profile")


def comedian(*words: object) -> None:
    """Run a command of ours to its end."""
    subprocess.run([sys.executable, "-m", "comedian", *map(str, words)], check=True)


def take(page: Path, picture: Path, profile: Path) -> None:
    """A screenshot of a page whose surest moment was chosen, once its video shows it."""
    with browser(profile) as tab:
        tab.resize(*SIZE)
        tab.open(page).until("video.readyState > 0")
        tab.run("choose([...items].sort((one, other) => other.confidence - one.confidence)[0], true)")
        tab.until("!video.seeking && video.readyState > 2 && video.currentTime > 0")
        tab.run("window.scrollTo(0, 0); new Promise((done) => setTimeout(done, 3000))")  # its controls fade
        tab.screenshot(picture, HEIGHT)
    image = (
        Image.open(picture)
        .convert("RGB")
        .quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    )
    image.save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
