"""Every fault that check-data knows, made on purpose, is found; and nothing is found where all is well."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from comedian.data.check import Check, Wanted
from comedian.formats.bank import BankHalf, Reduction, write_bank
from tests.conftest import CLASSES, GAMES, write_features, write_tiny_frames
from tests.make_video import encode, steady

SHORT = "note: lasts|window of the default recipe"  # of videos of 30 s


def found(*paths, **wanted) -> list[str]:
    """Findings, less that tests' videos are short."""
    lines = map(str, Check(Wanted(**wanted)).findings(list(paths)))
    return [line for line in lines if "a window of the default recipe" not in line]


def only(lines: list[str]) -> str:
    (line,) = lines
    return line


@pytest.fixture
def games(tiny, tmp_path) -> Path:
    """A copy of the tiny games' videos and labels, to break."""
    return Path(shutil.copytree(tiny.videos, tmp_path / "games"))


def labels_of(folder: Path) -> Path:
    return folder / GAMES[0] / "Labels-v2.json"


def rewrite(path: Path, change) -> None:
    """Change the annotations of a labels file."""
    content = json.loads(path.read_text())
    content["annotations"] = [change(dict(item)) for item in content["annotations"]]
    path.write_text(json.dumps(content))


def action(half: int, position_ms: int, label: str = "Goal") -> dict:
    return {"gameTime": f"{half} - 00:00", "position": str(position_ms), "label": label}


def test_nothing_is_found_where_all_is_well(tiny, games):
    check = Check(Wanted())
    findings = list(check.findings([games]))
    assert all("a window of the default recipe" in str(finding) for finding in findings)
    assert check.looked["video"] == 4
    assert check.looked["labels file"] == 2
    assert check.looked["label"] == 20
    assert found(tiny.frames, tiny.bank, tiny.features, tiny.spotter, labels=tiny.labels) == []
    assert found(tiny.list, root=tiny.videos) == []


def test_a_short_video_hurts_where_it_is_to_be_trained_on(tiny, games):
    labelled = list(Check().findings([games]))
    assert len(labelled) == 4
    assert all(finding.hurts for finding in labelled)
    assert "--set model.num_tokens=15" in str(labelled[0])
    for path in games.rglob("*.json"):
        path.unlink()
    assert not any(finding.hurts for finding in Check().findings([games]))


def test_labels_past_the_end(games):
    rewrite(labels_of(games), lambda item: item | {"position": str(int(item["position"]) + 10_000)})
    lines = found(games)
    assert len(lines) == 2
    assert (
        f"{labels_of(games)}: 1 label past the end of half 1 (00:30), the last at 00:35; give " in lines[0]
    )


def test_labels_before_the_start(games):
    rewrite(labels_of(games), lambda item: item | {"position": str(int(item["position"]) - 10_000)})
    assert "1 label before the start of half 1" in found(games)[0]


def test_the_match_clock(games):
    def move(item):
        late = item["gameTime"].startswith("2")
        return item | {"position": str(int(item["position"]) + 2_700_000 * late)}

    rewrite(labels_of(games), move)
    assert "all labels of half 2 lie past 45:00, as on the match clock; count them" in only(found(games))


def test_two_of_a_class_in_one_frame(games):
    labels_of(games).write_text(
        json.dumps({"annotations": [action(1, 10_000), action(1, 10_400), action(1, 10_500), action(2, 1)]})
    )
    assert "1 label in one frame (1/2 s) with another of its class, first 'Goal' at 1 - 00:10" in only(
        found(games)
    )
    assert found(games, fps=25) == []


def test_misspelt_and_absent_classes(games):
    rewrite(labels_of(games), lambda item: item | {"label": item["label"].replace("Foul", "foul ")})
    line = only(found(games))
    assert "names that are no classes: 'foul ' (is 'Foul' meant?); mend them, or name all" in line
    lines = found(games, classes=(*CLASSES, "foul ", "Tor"))
    assert only(lines) == (
        "--classes: 1 of 5 classes have no label: 'Tor'; leave them out, or give labels of them"
    ).replace("'Tor'", "Tor")


def test_letters_that_were_mixed_up(games):
    rewrite(labels_of(games), lambda item: item | {"label": item["label"].replace("Corner", "Conrer")})
    assert "'Conrer' (is 'Corner' meant?)" in only(found(games))


def test_other_sports_spell_their_classes_in_one_way(tmp_path):
    entries = [
        {"half": 1, "position_ms": 1000 * k, "label": name}
        for k, name in enumerate(["Serve", "serve", "net"])
    ]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(entries))
    assert only(found(path)).startswith(f"{path}: spells a class in several ways: 'Serve' and 'serve'; ")


def test_no_label_at_all_and_none_of_a_half(games):
    labels_of(games).write_text('{"annotations": []}')
    assert "Labels-v2.json: holds no label; " in only(found(games))
    labels_of(games).write_text(json.dumps({"annotations": [action(1, 5000)]}))
    assert "holds no label of half 2, which is all taken for background" in only(found(games))


def test_visibilities(games):
    rewrite(labels_of(games), lambda item: item | {"visibility": "Not shown"})
    assert "visibility 'Not shown' counts as visible; write 'visible' or 'not shown'" in only(found(games))


def test_a_missing_half(games):
    (games / GAMES[0] / "2_224p.mkv").unlink()
    lines = found(games)
    assert "5 labels of half 2, of which there is no video; get that half" in lines[0]
    assert "holds half 1 and no half 2" in lines[1]
    assert "note: " in lines[1]


def test_a_third_half(games):
    folder = games / GAMES[0]
    shutil.copy(folder / "1_224p.mkv", folder / "3_224p.mkv")
    assert any(
        "3_224p.mkv: is named as a period other than the halves 1 and 2" in line for line in found(games)
    )


def test_several_files_for_a_half(games):
    folder = games / GAMES[0]
    encode(folder / "1_720p.mkv", steady(750))
    assert any("holds several files for one half: 1_224p.mkv, 1_720p.mkv" in line for line in found(games))
    assert found(games, prefer="224p") == []


def test_videos_without_labels_beside_others_that_have(games):
    labels_of(games).unlink()
    lines = found(games)
    assert len(lines) == 2
    assert all("has no labels beside it, others have; label it, or leave it out" in line for line in lines)
    assert len(found(games, labels=games)) == 1


def test_labels_that_cannot_be_read(games):
    labels_of(games).write_text('{"annotations": [{"label": "Goal"}]}')
    assert "annotation 1: has no 'gameTime'; " in only(found(games))
    labels_of(games).write_text("{")
    assert "is not JSON, or cut short" in only(found(games))


def test_videos_that_are_none_or_cut(games, tmp_path):
    cut = games / GAMES[0] / "1_224p.mkv"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert any("1_224p.mkv: damaged: " in line and "; get it again" in line for line in found(games))
    cut.write_bytes(b"no video" * 1000)
    assert any("1_224p.mkv: is not a video" in line for line in found(games))
    assert "no such file; check the path" in only(found(tmp_path / "nowhere.mkv"))
    assert "is nothing that is known here; name videos" in only(found(Path(__file__)))
    (tmp_path / "empty").mkdir()
    assert "holds nothing that can be checked" in only(found(tmp_path / "empty"))


def test_damage_within_pictures_is_seen_with_decode(tmp_path):
    path = encode(tmp_path / "match.mkv", steady(3000), b_frames=0)
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 4, len(data) - 500, 500):
        data[place : place + 20] = b"\x55" * 20
    path.write_bytes(data)
    assert "damaged" in only(found(path, decode=True))


def test_a_variable_rate_hurts_where_labels_count_frames(tmp_path):
    times = [number / 25 + (number % 7 == 0) / 60 for number in range(2500)]
    path = encode(tmp_path / "match.mp4", times)
    (finding,) = Check().findings([path])
    assert not finding.hurts
    assert "match.mp4: note: its pictures come at varying intervals" in str(finding)
    events = [{"frame": 50, "label": "Goal"}]
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps([{"video": "match", "num_frames": 2500, "fps": 25, "events": events}]))
    (finding,) = Check(Wanted(labels=labels)).findings([path])
    assert finding.hurts
    assert "-fps_mode cfr" in str(finding)
    assert found(encode(tmp_path / "even.mkv", steady(2500))) == []


def test_frames_and_bank_of_different_lengths(tiny, tmp_path):
    features = tmp_path / "features"
    for game in GAMES:
        for half in (1, 2):
            write_features(features / game / f"{half}_x.npy", seed=half)
    rows = np.eye(4, dtype=np.float32)[np.arange(240) % 4]
    halves = [BankHalf(game, half, 0, 60, "") for game in GAMES for half in (1, 2)]
    halves = [BankHalf(one.game, one.half, 60 * number, 60, "") for number, one in enumerate(halves)]
    reduction = Reduction(
        *(np.ones(4, np.float32),) * 2, np.eye(4, dtype=np.float32), np.ones(4, np.float32)
    )
    bank = tmp_path / "bank.h5"
    write_bank(bank, rows, rows, np.tile(np.arange(60.0), 4), halves, reduction, temperature_m=0.05)
    lines = found(tiny.frames, bank, labels=tiny.labels)
    assert len(lines) == 4
    assert all("; make the bank again: build-bank --features-fps 2" in line for line in lines)
    assert "half 1 of league/2026/A 1 - 0 B ends at 00:59, " in lines[0]


def test_features_at_another_rate(tiny):
    lines = found(tiny.videos, tiny.features, features_fps=2.0)
    assert len(lines) == 4
    assert "30 rows at 2 a second end at 00:15, 1_224p.mkv at 00:30; make the bank" in lines[0]
    assert lines[0].endswith("build-bank --features-fps 1")


def test_a_bank_of_other_games(tiny, tmp_path):
    write_tiny_frames(tmp_path / "E" / "1_x.h5", tmp_path / "E" / "1_x.mkv", 1, seed=3)
    assert "bank.h5: holds no '" in found(tmp_path, tiny.bank)[0]


def test_frames_that_are_not_alike_or_whose_video_changed(tiny, tmp_path):
    folder = tmp_path / "A"
    video = encode(tmp_path / "1_x.mkv", steady(750))
    write_tiny_frames(folder / "1_x.h5", video, 1, seed=1)
    assert found(folder) == [f"{folder}: note: holds half 1 and no half 2; get it, if it was played"]
    video.write_bytes(video.read_bytes() + b"0")
    assert any("1_x.h5: its video has changed since: " in line for line in found(folder))
    whole = folder / "1_x.h5"
    whole.write_bytes(whole.read_bytes()[:-3000])
    assert "cut short; make it again with extract-frames" in only(found(folder))


SPOTS = [
    {"video": "a/1.mkv", "half": 1, "position_ms": 1000 * k, "label": "Goal", "confidence": 0.5}
    for k in range(4)
]
SPOT_FAULTS = {
    "2 confidences lie outside 0…1 (-1 to 3)": [{"confidence": 3}, {"confidence": -1}],
    "spots of a half do not stand together: half 1 of a/1.mkv": [{}, {"video": "b/1.mkv"}, {}],
    "spots of a/1.mkv say half 2, its name half 1, which counts": [{"half": 2}],
    "spots before the start of a/1.mkv": [{"position_ms": -5}],
    "all spots of half 2 of a/2.mkv lie past 45:00": [
        {"video": "a/2.mkv", "half": 2, "position_ms": 2_700_000 + k} for k in (1, 2)
    ],
    "names that are no classes: 'goal' (is 'Goal' meant?)": [{"label": "goal"}],
}


@pytest.mark.parametrize("what", SPOT_FAULTS)
def test_spots(what, tmp_path):
    path = tmp_path / "spots.jsonl"
    lines = [*SPOTS, *(SPOTS[0] | fault for fault in SPOT_FAULTS[what])]
    path.write_text("".join(json.dumps(line) + "\n" for line in SPOTS))
    assert found(path) == []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert only(found(path)).startswith(f"{path}: {what}")
    assert next(map(str, Check().findings([], lines))).startswith(f"standard input: {what}")


def test_spots_past_the_end(tiny, tmp_path):
    path = tmp_path / "spots.jsonl"
    spot = SPOTS[0] | {"video": str(tiny.video), "position_ms": 45_000}
    path.write_text(json.dumps(spot))
    for sources in ([path], [path, tiny.video]):  # its headers, or what was seen of it
        line = next(line for line in found(*sources) if "spots.jsonl" in line)
        assert f"spots past the end of {tiny.video} (00:30), the last at 00:45; " in line


def test_games_on_both_sides(tiny, games, tmp_path):
    test = tmp_path / "test.txt"
    test.write_text(f"{GAMES[1]}\n")
    lines = found(games, test=test)
    assert len(lines) == 2
    assert all(f"its game is also to be tested on: {GAMES[1]}; train without it" in line for line in lines)
    test.write_text("league/2025/A 1 - 0 B\n")
    assert found(games, test=test) == []
    copy = tmp_path / "held-out" / "final.mkv"
    copy.parent.mkdir()
    shutil.copy(tiny.video, copy)
    assert f"is also to be tested on, as {copy}" in only(found(games, test=copy.parent))


def test_one_file_under_two_names(games):
    shutil.copy(games / GAMES[0] / "1_224p.mkv", games / GAMES[1] / "1_224p.mkv")
    assert "1_224p.mkv: holds the same as " in only(found(games))


def test_a_labels_file_beside_other_things_is_taken_for_theirs(tiny, tmp_path):
    labels = tmp_path / "labels.json"
    labels.write_text(
        json.dumps([{"video": "1_224p.mkv", "half": 1, "position_ms": 40_000, "label": "Goal"}])
    )
    video = tmp_path / "1_224p.mkv"
    shutil.copy(tiny.video, video)
    assert any("1 label past the end of half 1 (00:30)" in line for line in found(video, labels))
    assert any("1 label past the end" in line for line in found(video, labels=labels))
    assert found(labels) == []


def test_a_match_in_one_file(tmp_path):
    """Labels by either clock; what lies in the break, or past a half, is told."""
    path = encode(tmp_path / "match.mkv", steady(2000, rate=10), rate=10)
    periods = tmp_path / "match.mkv.periods.json"
    intervals = [
        {"period": "1", "start_time_ms": 10_000, "end_time_ms": 90_000},
        {"period": "2", "start_time_ms": 100_000},
    ]
    periods.write_text(json.dumps({"intervals": intervals}))
    labels = tmp_path / "match.json"
    entries = [
        {"half": 1, "position_ms": 79_000, "label": "Goal"},
        {"half": 2, "position_ms": 99_000, "label": "Goal"},
        {"video_ms": 120_000, "label": "Foul"},
    ]
    labels.write_text(json.dumps(entries))
    assert found(path) == found(tmp_path) == []
    entries += [{"video_ms": 95_000, "label": "Goal"}, {"half": 3, "position_ms": 0, "label": "Goal"}]
    labels.write_text(json.dumps(entries))
    lines = found(path)
    assert f"{labels}: 1 label of half 3; only 1 and 2 are scored" in lines[0]
    assert f"{labels}: 1 label past the end of half 1 (01:20), the last at 01:25; " in lines[1]
    intervals[1]["end_time_ms"] = 300_000
    periods.write_text(json.dumps({"intervals": intervals}))
    assert f"{path}: period 2 lies past its end (0:03:20.000); mend match.mkv.periods.json" in found(path)


def test_two_videos_of_one_half(tiny, tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("1_224p.mkv", "half1.mkv"):
        encode(tmp_path / "a" / name, steady(750))
    shutil.copy(labels_of(tiny.videos), tmp_path / "a" / "Labels-v2.json")
    lines = found(tmp_path / "a" / "1_224p.mkv", tmp_path / "a" / "half1.mkv")
    assert any("both hold half 1 of one game" in line for line in lines)


def test_lists(tiny, games, tmp_path):
    names = tmp_path / "games.txt"
    names.write_text(f"{GAMES[0]}\n{GAMES[1]}/1_224p\nnowhere\n")
    lines = found(names, root=games)
    assert f"{names}: its game is not there: {games}/nowhere; check --root" in lines
    assert found(tmp_path / "no.txt") == [f"{tmp_path}/no.txt: no such file; check the path"]


def test_scores_that_cannot_be(tmp_path):
    import h5py

    path = Path(shutil.copy(Path(__file__).parent / "written-by-0.1" / "scores.h5", tmp_path))
    assert found(path) == []
    with h5py.File(path, "r+") as file:
        file["00000/probabilities"][3, 1] = 1.5
    assert "row 3 of probabilities holds 1.5; make it again with spot --scores" in only(found(path))


def test_videos_and_their_frames_share_their_labels(tiny, games, tmp_path):
    """Said once, whatever the videos are called by."""
    frames = tmp_path / "frames" / GAMES[0] / "1_224p.h5"
    write_tiny_frames(frames, games / GAMES[0] / "1_224p.mkv", 1, seed=1)
    rewrite(labels_of(games), lambda item: item | {"visibility": "Visible"})
    relative = Path(os.path.relpath(games))
    lines = found(relative, frames)
    assert [line for line in lines if "visibility" in line] == lines[:1]
    assert len(lines) == 1


def test_labels_that_tell_where_their_videos_end(tmp_path):
    """E2E-Spot's do; one of several videos may show nothing."""
    path = tmp_path / "labels.json"
    late = {"video": "a", "num_frames": 250, "fps": 25, "events": [{"frame": 300, "label": "Goal"}]}
    path.write_text(json.dumps([late, late | {"video": "b", "events": []}]))
    path.write_text(json.dumps([late, late | {"video": "b", "events": [], "fps": 0, "num_frames": None}]))
    line = only(found(path))
    assert f"{path}, a: 1 label past the end of half 1 (00:10), the last at 00:12" in line


def test_labels_of_a_spreadsheet(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("half;clock;label\n1;02:00,5;Goal\n1;03:00;goal\n", encoding="utf-8-sig")
    check = Check()
    assert "names that are no classes: 'goal' (is 'Goal' meant?)" in str(*check.findings([path]))
    assert check.looked["label"] == 2


def test_what_is_told_in_vain_is_said(tiny, tmp_path):
    lines = found(tiny.list, root=tiny.videos, features_fps=2.0)
    assert lines == ["--features-fps: note: has no effect: there is no feature file; name some"]
    video = shutil.copy(tiny.video, tmp_path / "clip.mkv")
    assert found(video, classes=("Goal",)) == [
        "--classes: note: has no effect: there is no label and no spot; name some"
    ]


def test_a_file_named_twice_is_looked_at_once(tiny, monkeypatch):
    monkeypatch.chdir(tiny.root)
    check = Check()
    list(check.findings([tiny.video, os.path.relpath(tiny.video), tiny.video]))
    assert check.looked["video"] == 1


def test_one_half_named_by_itself(tiny, games):
    """What lies beside it, and labels of the other half, are no matter."""
    encode(games / GAMES[0] / "1_720p.mkv", steady(750))
    assert found(games / GAMES[0] / "1_224p.mkv") == []
    assert found(tiny.half, labels=tiny.labels) == []
    assert any("holds several files for one half" in line for line in found(games))
    third = Path(shutil.copy(tiny.video, games / GAMES[0] / "half3.mkv"))
    assert any("half3.mkv: is named as a period other than" in line for line in found(third))
