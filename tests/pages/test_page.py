"""The page in headless Chromium: seeking, filters, correction, downloads, keyboard, accessibility."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from comedian.formats.labels import read_label_sets
from tests.pictures import HEIGHT, SIZE, take

HERE = Path(__file__).parent
SCRIPT = HERE.parents[1] / "comedian" / "pages" / "timeline.js"
MODULES = HERE / "node_modules"  # `npm ci --prefix tests/pages`
AXE, ESLINT = MODULES / "axe-core" / "axe.min.js", MODULES / ".bin" / "eslint"
ROW = (
    "[...$$('rows').rows].map((row) => [...row.cells].slice(0, 5).map((one) => one.textContent).join(' '))"
)
NOW = "Math.round(10 * video.currentTime) / 10"
PLAYS = "decodeURIComponent(video.src).split('/').pop()"


def click_lane(page, label: str, half: int, seconds: float) -> None:
    """Click where a lane shows a time."""
    page.run("$$('lanes').scrollIntoView()")
    place = f"(offsets[{half}] + {seconds}) * scale, lanes().indexOf('{label}') * LANE + 34"
    x, y = page.run(
        f"(([x, y], box) => [box.left + x, box.top + y])([{place}], canvas.getBoundingClientRect())"
    )
    page.click(x, y)


@pytest.mark.skipif(not ESLINT.exists(), reason="npm ci --prefix tests/pages was not run")
def test_the_script_is_linted():
    words = [ESLINT, "--config", HERE / "eslint.config.mjs", "--max-warnings", "0", SCRIPT]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_is_short():
    assert len(SCRIPT.read_text().splitlines()) <= 400


@pytest.mark.skipif(not AXE.exists(), reason="npm ci --prefix tests/pages was not run")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 420])
def test_axe_finds_nothing_serious(show, match, scheme, width):
    """With every kind of row, the lanes zoomed, thumbnails, the hint shown and a moment pointed at."""
    page = show("--labels", match / "labels.json", "--thumbnails", 9)
    page.media(scheme=scheme)
    page.resize(width, 900)
    page.run("step(1); actions.accept(); step(1); actions.remove(); actions.add()")
    page.run("$$('zoom').value = 9; $$('zoom').oninput(); video.dispatchEvent(new Event('error'))")
    page.run(f"{AXE.read_text()}; 0")
    found = page.run(
        "axe.run(document).then(({ violations, passes }) => ({ passes: passes.length, violations:"
        " violations.map(({ id, impact, nodes }) => [id, impact, nodes.map((node) => node.html)]) }))"
    )
    assert found["passes"] > 20
    assert [one for one in found["violations"] if one[1] in ("serious", "critical")] == []


def test_seeking(show):
    """By row, by lane and by key: two seconds before a moment, in the video of its half."""
    page = show()
    page.run("$$('rows').rows[1].querySelector('button').click()")
    page.until(f"{NOW} === 18")
    page.press("ArrowDown")
    page.until(f"{NOW} === 28")
    assert page.run("$$('chosen').textContent") == "00:30 Goal, spot"
    page.press("ArrowRight")
    page.until(f"{PLAYS} === '2_m.mp4' && {NOW} === 3")
    page.press("ArrowUp")
    page.until(f"{PLAYS} === '1_m.mp4' && {NOW} === 28")
    click_lane(page, "Foul", 1, 12)
    page.until(f"{PLAYS} === '2_m.mp4' && Math.abs(video.currentTime - 12) < 0.2")
    click_lane(page, "Goal", 0, 10)
    page.until(f"{PLAYS} === '1_m.mp4' && {NOW} === 8")
    assert page.run("$$('chosen').textContent") == "00:10 Goal, spot"


def test_filters(show, match):
    page = show("--labels", match / "labels.json")
    assert page.run(ROW) == [
        "1 00:11 Goal 0.90 hit",
        "1 00:20 Goal 0.60 false alarm",
        "1 00:30 Goal 0.30 false alarm",
        "2 00:05 Foul 0.80 wrong place",
        "2 00:25 Foul  miss",
    ]
    page.run("$$('class').value = 'Foul'; $$('class').oninput()")
    assert page.run("[lanes(), $$('rows').rows.length]") == [["Foul"], 2]
    page.run("$$('class').value = ''; $$('least').value = 0.5; $$('least').oninput()")
    assert page.run("[$$('rows').rows.length, $$('leastShown').value]") == [4, "0.50"]
    page.run("$$('state').value = 'false alarm'; $$('state').oninput()")
    assert page.run(ROW) == ["1 00:20 Goal 0.60 false alarm"]
    wide = page.run("canvas.clientWidth")
    page.run("$$('zoom').value = 4; $$('zoom').oninput()")
    assert page.run("canvas.clientWidth") == pytest.approx(4 * wide, abs=2)


def test_correcting_and_both_downloads(show, tmp_path):
    """Accept the first, delete the second, move and relabel the third; an addition is undone."""
    page = show()
    page.run("$$('rows').rows[0].querySelector('button').focus()")
    for key in ("Enter", "a", "ArrowDown", "d", "ArrowDown", "]", "a"):
        page.press(key)
    page.run("$$('relabel').value = 'Foul'; $$('relabel').onchange()")
    page.press("n")
    assert page.run("items.length") == 5
    page.press("u")
    assert page.run("[items.length, $$('summary').textContent]") == [4, "4 moments · 2 kept as labels"]
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for button, name in (("own", None), ("soccernet", "Labels-v2.json")):
        page.run(f"$$('{button}').click()")
        file = tmp_path / (name or f"{page.run('data.name')}.json")
        page.until("new Promise((done) => setTimeout(() => done(true), 300))")
        (actions,) = read_label_sets(file).values()
        assert [(one.half, one.position_ms, one.label) for one in actions] == [
            (1, 10_000, "Goal"),
            (1, 30_200, "Foul"),
        ]


def test_undo_goes_back_step_by_step(show):
    page = show()
    before = page.run(ROW)
    page.run("step(1); actions.accept(); actions.later(); step(1); actions.remove(); actions.add()")
    assert page.run("items.length") == 5
    for _ in range(4):
        page.press("u")
    assert page.run(ROW) == before
    assert page.run("[$$('undo').disabled, chosen.seconds]") == [True, 10]


def test_corrections_are_not_lost_unasked(show):
    """Whoever closes the page is asked, until the labels were downloaded."""
    asked = "Page.javascriptDialogOpening"
    page = show()
    page.run("step(1); actions.accept()")
    assert asked in [name for name, _ in show().seen]
    assert asked not in [name for name, _ in show().seen]
    page.run("step(1); actions.accept(); $$('own').click()")
    assert asked not in [name for name, _ in show().seen]


def test_the_focus_stays_on_the_row(show):
    """A row that is chosen is drawn anew, and whoever works by keyboard is still there."""
    page = show()
    focused = "document.activeElement.getAttribute('aria-label')"
    page.run("$$('rows').rows[1].querySelector('button').focus()")
    page.press("Enter")
    assert page.run(focused) == "Go to 00:20, Goal"
    page.press("ArrowDown")
    assert page.run(focused) == "Go to 00:30, Goal"


def test_thumbnails_in_the_table_and_at_the_mouse(show):
    page = show("--thumbnails", 3)
    sizes = (
        "[...document.querySelectorAll('td img')].map((image) => [image.naturalWidth, image.naturalHeight])"
    )
    page.until("[...document.querySelectorAll('td img')].every((image) => image.complete)")
    assert page.run(sizes) == [[135, 90]] * 3
    assert page.run("$$('tip').hidden")
    click_lane(page, "Goal", 0, 10)
    assert page.run("[$$('tip').hidden, $$('tip').textContent, $$('tip').children.length]") == [
        False,
        "00:10 Goal 0.90",
        1,
    ]
    click_lane(page, "Goal", 0, 30)
    assert page.run("[$$('tip').textContent, $$('tip').children.length]") == ["00:30 Goal 0.30", 0]
    page.mouse("mouseMoved", 5, 5)
    assert page.run("$$('tip').hidden")
    assert show().run("$$('picture').hidden")


def test_in_print_all_of_the_lanes_are_there(show):
    page = show()
    page.run("$$('zoom').value = 9; $$('zoom').oninput()")
    assert page.run("canvas.clientWidth > 5 * $$('scroll').clientWidth")
    page.media("print")
    assert page.run("canvas.clientWidth === $$('scroll').clientWidth")
    shown = "['stage', 'filters', 'tools', 'lanes', 'rows'].filter((id) => $$(id).getClientRects().length)"
    assert page.run(shown) == ["lanes", "rows"]


def test_a_picture_of_the_page_for_the_tutorial(show, match, tmp_path):
    show("--thumbnails", 3)
    take(match / "match.html", tmp_path / "a.png", tmp_path / "profile")
    picture = Image.open(tmp_path / "a.png")
    assert (picture.size, picture.mode) == ((SIZE[0], HEIGHT), "P")
    assert (tmp_path / "a.png").stat().st_size < 150_000


def test_a_video_that_no_browser_plays_gets_a_hint(tab, match, run, tmp_path):
    from cli.draw_timeline import main

    video = tmp_path / "it's $HOME.avi"
    video.write_bytes(b"RIFF and more")
    words = [match / "spots.jsonl", "--video", video, "-o", tmp_path / "a.html", "-q"]
    assert run(main, *words)[0] == 0
    tab.open(tmp_path / "a.html").until("!$$('hint').hidden")
    (line,) = re.findall(r"A copy that it plays: (.*?), then", tab.run("$$('hint').textContent"))
    assert shlex.split(line)[2] == video.name
    assert shlex.split(line)[-1] == f"{video.name}.mp4"


def test_without_a_video_the_lanes_take_its_place(tab, run, tmp_path):
    from cli.draw_timeline import main

    spots = [{"video": f"L/S/G/{half}_x.mkv", "half": half, "position_ms": 40_000} for half in (1, 2)]
    lines = [json.dumps({**one, "label": "Goal", "confidence": 0.5}) for one in spots]
    (tmp_path / "spots.jsonl").write_text("\n".join(lines))
    assert run(main, tmp_path / "spots.jsonl", "-o", tmp_path / "a.html", "-q")[0] == 0
    tab.open(tmp_path / "a.html")
    assert tab.run("[video.hidden, $$('hint').hidden]") == [True, False]
    assert "draw-timeline --video FILE" in tab.run("$$('hint').textContent")
    click_lane(tab, "Goal", 1, 12)
    tab.run("actions.add()")
    added = tab.run("[chosen.half, Math.round(chosen.seconds), chosen.state]")
    assert added == [1, 12, "added"]
