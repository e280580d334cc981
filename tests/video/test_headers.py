"""Videos whose headers, clocks or times say something else than their packets: these are right."""

import struct
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.video import parallel
from comedian.video.damage import Damage
from comedian.video.sample import probe, sample_frames
from comedian.video.timeline import continuous
from tests.make_video import encode, number_in, picture, steady
from tests.video.test_parallel import assert_same, heard

DATA = Path(__file__).parents[1] / "data" / "videos"
SIZE = (96, 64)
JUMP = "its clock was set anew at 0:10; the time goes on as it was"


def numbers_of(path: Path, **options) -> tuple[list[int], list[str]]:
    """Numbers of the sampled frames, and what is said; skipping and decoding everything must agree."""
    seconds, frames, said = heard(sample_frames, path, fps=5, **options)
    full = heard(sample_frames, path, fps=5, full_decode=True, **options)
    assert bool(said) == bool(full[2])
    assert np.array_equal(frames, full[1])
    assert all(earlier <= later for earlier, later in pairwise(seconds))
    return [number_in(rgb) for rgb in frames], said


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """ten(suffix, …): a video of 250 pictures in ten seconds."""
    folder = tmp_path_factory.mktemp("ten")

    def make(suffix: str, start: float = 0, sound_seconds: float = 0, **how) -> Path:
        path = folder / f"{start:g}-{sound_seconds:g}{suffix}"
        return (
            path
            if path.exists()
            else encode(path, steady(250, start=start), sound_seconds=sound_seconds, **how)
        )

    return make


EVERY_FIFTH = list(range(0, 250, 5))


# --- joined recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize("sound", [0, 10])
@pytest.mark.parametrize("start", [0, 5, 600], ids=["restarts", "falls", "leaps"])
@pytest.mark.parametrize("suffix", [".ts", ".vob"])
def test_time_goes_on_where_the_clock_is_set_anew(suffix, start, sound, ten, tmp_path):
    how = {"codec": "mpeg2video", "pictures": noisy} if suffix == ".vob" else {}
    first, second = ten(suffix, sound_seconds=sound, **how), ten(suffix, start, sound, **how)
    if suffix == ".vob" and start == 5:
        pytest.skip("its muxer begins at 0, too")
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    numbers, said = numbers_of(path)
    assert [line.replace("0:09", "0:10") for line in said] == [JUMP]
    assert len(numbers) in (100, 101)
    late = np.array(numbers[:50]) - EVERY_FIFTH, np.array(numbers[51:100]) - EVERY_FIFTH[1:]
    assert np.abs(late[0]).max() <= 4 * bool(sound), "sound begins before"
    assert np.abs(late[1] - late[0][1:]).max() <= 2, "a picture or two overlap"


def test_several_clocks_are_counted(ten, tmp_path):
    path = tmp_path / "joined.ts"
    path.write_bytes(5 * ten(".ts").read_bytes())
    numbers, said = numbers_of(path)
    assert said == ["its clock was set anew 4 times, first at 0:10; the time goes on as it was"]
    assert len(numbers) in range(250, 253)


def test_a_video_goes_on_under_another_pid(ten, tmp_path):
    second = encode(tmp_path / "second.ts", steady(250, start=10), streamid=0x111)
    path = tmp_path / "joined.ts"
    path.write_bytes(ten(".ts").read_bytes() + second.read_bytes())
    numbers, _ = numbers_of(path)
    assert numbers[:50] == EVERY_FIFTH
    assert np.abs(np.array(numbers[52:100]) - EVERY_FIFTH[2:]).max() <= 2


def test_playlists_with_a_discontinuity(ten, tmp_path):
    for name in ("one.ts", "two.ts"):
        (tmp_path / name).write_bytes(ten(".ts").read_bytes())
    path = tmp_path / "match.m3u8"
    lines = "#EXTM3U #EXT-X-VERSION:3 #EXT-X-TARGETDURATION:11 #EXTINF:10.0, one.ts #EXT-X-DISCONTINUITY"
    path.write_text("\n".join([*lines.split(), "#EXTINF:10.0,", "two.ts", "#EXT-X-ENDLIST", ""]))
    numbers, said = numbers_of(path)
    assert numbers[:50] == EVERY_FIFTH
    assert len(numbers) in (100, 101)
    assert len(said) <= 1


def rewritten(path: Path, target: Path, **options) -> Path:
    """The same packets in another container."""
    with av.open(str(path)) as source, av.open(str(target), "w", **options) as copy:
        streams = [copy.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                copy.mux(packet)
    return target


def noisy(number: int) -> np.ndarray:
    """A picture that takes kilobytes, so that each begins a pack of its own."""
    noise = np.random.default_rng(number).integers(0, 20, (64, 96, 3), dtype=np.uint8)
    return picture(number) + noise


def tags_of(data: bytes) -> list[int]:
    """Where the video tags of an FLV begin."""
    places, place = [], 13
    while place < len(data):
        places += [place] if data[place] == 9 else []
        place += 15 + int.from_bytes(data[place + 1 : place + 4], "big")
    return places


@pytest.mark.parametrize("seconds", [3, 30, 4000])
def test_a_stray_time_is_no_new_clock(seconds, ten, tmp_path):
    """One picture's time is far ahead; those that follow come at theirs."""
    data = bytearray(ten(".flv").read_bytes())
    place = tags_of(data)[100] + 4  # milliseconds: three bytes, and the highest
    time = (int.from_bytes(data[place : place + 3], "big") + 1000 * seconds).to_bytes(4, "big")
    data[place : place + 4] = time[1:] + time[:1]
    (tmp_path / "stray.flv").write_bytes(data)
    numbers, said = numbers_of(tmp_path / "stray.flv")
    assert len(numbers) == 50
    assert np.abs(np.array(numbers) - EVERY_FIFTH).max() <= 5
    assert said == ["damaged: 1 frame left out, their times are wrong"]


@given(st.integers(0, 200), st.integers(-300, 300), st.integers(2, 60), st.booleans())
def test_a_clock_is_new_where_packets_go_on_from_it(place, leap, run, may_jump):
    """Packets of 25 a second whose times leap by seconds for a run of packets, or for good."""
    stays = run > 40
    times = [40 * number for number in range(250)]
    for number in range(place, 250 if stays else min(place + (run if run < 4 else 1), 250)):
        times[number] += 1000 * leap
    packets = [SimpleNamespace(pts=time, dts=time, pos=None, duration=40) for time in times]
    clock = SimpleNamespace(
        may_jump=may_jump, longest=10**9, period=40, seconds=lambda ticks: ticks / 1000,
        whole_ticks=lambda seconds: int(1000 * seconds),
    )  # fmt: skip
    damage = Damage()
    moved = [packet.pts for packet in continuous(packets, clock, damage)]
    if stays and 0 < place < 240 and (leap < -1 or (leap > 10 and may_jump)):
        assert moved == [40 * number for number in range(250)]
        assert len(damage.jumps) == 1
    elif place < 240 and (place or not stays) and not stays and place > 0:
        assert moved == times, "a stray time is left for later"
        assert damage.jumps == []


@pytest.mark.parametrize("part", [0.02, 0.1, 0.4])
def test_damage_of_a_broadcast_is_read_over(part, ten, tmp_path):
    """What is lost leaves a hole of its length, no new clock."""
    data = bytearray(encode(tmp_path / "whole.ts", steady(1000)).read_bytes())
    begin = len(data) * 4 // 10
    data[begin : begin + int(part * len(data))] = bytes(int(part * len(data)))
    (tmp_path / "bad.ts").write_bytes(data)
    said: list[str] = []
    frames = list(sample_frames(tmp_path / "bad.ts", size=SIZE, on_damage=said.append))
    assert len(frames) == 80
    late = [number_in(rgb) - 25 * seconds for seconds, rgb in frames]
    assert np.abs(late[int(80 * (0.4 + part)) + 4 :]).max() < 2, "what follows the hole is in its place"
    assert len(said) == 1
    assert "set anew" not in said[0]


# --- headers that promise less, or more ---------------------------------------------------------------


def patched(path: Path, target: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    target.write_bytes(data.replace(old, new))
    return target


def shorter(path: Path, target: Path, seconds: float) -> Path:
    """A copy whose headers promise so many seconds."""
    data = bytearray(path.read_bytes())
    if path.suffix == ".flv":
        place = data.index(b"duration") + 9
        data[place : place + 8] = struct.pack(">d", seconds)
    elif path.suffix == ".mkv":
        place = data.index(b"\x44\x89\x88") + 3  # Duration, of 8 bytes, in milliseconds
        data[place : place + 8] = struct.pack(">d", 1000 * seconds)
        place = data.index(b"DURATION") + 8
        place = data.index(b"00:00:", place)
        data[place : place + 18] = b"%02d:%02d:%012.9f" % (
            seconds // 3600,
            seconds // 60 % 60,
            seconds % 60,
        )
    elif path.suffix == ".avi":
        frames = struct.pack("<I", round(25 * seconds))
        place = data.index(b"avih") + 24
        data[place : place + 4] = frames
        place = data.index(b"strh") + 40
        data[place : place + 4] = frames
    else:
        for box in (b"mvhd", b"tkhd", b"mdhd"):
            place = data.index(box) + (24 if box == b"tkhd" else 20)
            scale = 1000 if box == b"tkhd" else struct.unpack(">I", data[place - 4 : place])[0]
            data[place : place + 4] = struct.pack(">I", round(scale * seconds))
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("seconds", [1, 4, 30, 5400, 40_000])
@pytest.mark.parametrize("suffix", [".flv", ".mkv", ".avi", ".mp4"])
def test_everything_is_used_and_nothing_missed_whatever_headers_promise(suffix, seconds, ten, tmp_path):
    path = shorter(
        ten(suffix, codec="mpeg4" if suffix == ".avi" else "libx264"), tmp_path / f"a{suffix}", seconds
    )
    numbers, said = numbers_of(path)
    assert numbers == EVERY_FIFTH
    assert said == []


def test_a_promise_of_years_is_not_looked_through(ten, tmp_path, monkeypatch):
    sought, seek = [], parallel.seek_before
    monkeypatch.setattr(parallel, "seek_before", lambda *where: sought.append(where) or seek(*where))
    path = shorter(ten(".mkv"), tmp_path / "years.mkv", 10**6)
    assert len(parallel._stretches(path, 2, SIZE, "screen", 4)) < 3
    assert len(sought) < 5


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts", ".avi"])
def test_sound_may_be_longer_than_the_picture(suffix, ten):
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    numbers, said = numbers_of(ten(suffix, sound_seconds=30, codec=codec))
    assert numbers[-1] >= 245
    assert said == []


@pytest.mark.parametrize("suffix", [".flv", ".mkv", ".mp4", ".avi"])
def test_a_file_that_was_cut_short_is_told(suffix, tmp_path):
    path = encode(tmp_path / f"a{suffix}", steady(500), codec="mpeg4" if suffix == ".avi" else "libx264")
    if suffix == ".mp4":  # its index first
        path = rewritten(path, tmp_path / "b.mp4", options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    numbers, said = numbers_of(path)
    assert 20 < len(numbers) < 80
    assert "ends at 0:" in said[0]
    assert "of 0:20" in said[0]


def test_an_mp4_without_its_index_is_told(ten, tmp_path):
    path = tmp_path / "cut.mp4"
    data = ten(".mp4").read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 100])
    with pytest.raises(
        InputError, match=r"is cut short: its index \(moov\), which stands at the end, is missing"
    ):
        probe(path)


def test_whole_fragments_are_used(tmp_path):
    flags = {"movflags": "frag_keyframe+empty_moov"}
    path = tmp_path / "fragments.mp4"
    source = encode(tmp_path / "a.mkv", steady(250))
    rewritten(source, path, options=flags)
    whole, said = numbers_of(path)
    assert whole == EVERY_FIFTH
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moof") + 20])
    numbers, said = numbers_of(path)
    assert 30 < len(numbers) < 50
    assert numbers == EVERY_FIFTH[: len(numbers)]
    assert said[0].startswith("damaged: cut off at 0:0")


# --- pictures that stay, and holes --------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".flv"])
@pytest.mark.parametrize("seconds", [12, 300, 5000])
def test_a_picture_may_stay(suffix, seconds, tmp_path):
    path = encode(tmp_path / f"still{suffix}", steady(50) + steady(50, start=2 + seconds))
    said: list[str] = []
    frames = list(sample_frames(path, 2, size=SIZE, on_damage=said.append))
    assert len(frames) == 2 * (4 + seconds)
    assert said == []
    assert number_in(frames[-1][1]) == 87


def test_a_hole_in_sound_and_picture_is_told(tmp_path):
    times = steady(50) + steady(50, start=14)
    assert numbers_of(encode(tmp_path / "sounds.mkv", times, sound_seconds=16))[1] == []
    _, said = numbers_of(encode(tmp_path / "silent.mkv", times, sound_seconds=2))
    assert said == ["damaged: no picture for 12 s from 0:02"]


# --- times that are guesses, edits ----------------------------------------------------------------------


def test_without_a_composition_table_the_codec_gives_the_order(ten, tmp_path):
    path = patched(ten(".mp4"), tmp_path / "noctts.mp4", b"ctts", b"free")
    numbers, said = numbers_of(path)
    assert np.abs(np.array(numbers) - EVERY_FIFTH).max() <= 1
    assert said == []


def test_asf_stores_decoding_times(ten):
    numbers, said = numbers_of(ten(".asf"))
    assert np.abs(np.array(numbers[:50]) - EVERY_FIFTH).max() <= 1
    assert said == []


def test_video_for_windows_in_matroska_stores_decoding_times():
    numbers, said = numbers_of(DATA / "vfw-xvid.mkv")
    assert said == []
    assert np.abs(np.array(numbers) - np.arange(len(numbers)) * 5).max() <= 2


def test_several_edits_are_one_video(monkeypatch):
    monkeypatch.setattr(parallel, "SHORTEST_SECONDS", 1.2)
    numbers, said = numbers_of(DATA / "el-emptytwo.mp4")
    assert said == []
    assert len(numbers) == 101
    for processes in (2, 3, 5):
        assert assert_same(DATA / "el-emptytwo.mp4", processes) == []


# --- files that grow -------------------------------------------------------------------------------------


def test_a_file_that_grows_meanwhile_is_told(ten, tmp_path):
    path, said = tmp_path / "live.ts", []
    data = ten(".ts").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = sample_frames(path, 5, size=SIZE, on_damage=said.append)
    next(frames)
    with path.open("ab") as file:
        file.write(data[len(data) // 2 :])
    list(frames)
    assert len(said) == 1
    assert said[0].endswith("it was still being written; what was there is used")
