import os
import random
import warnings
from collections import deque
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comedian.errors import InputError
from comedian.video.clock import Clock
from comedian.video.damage import Damage
from comedian.video.decode import decode_needed, open_video
from comedian.video.sample import probe, sample_frames
from comedian.video.skip import MAX_REORDER, NOT, _needed, plan
from tests.make_video import encode, encode_sound, number_in, steady

MATCHES = Path(__file__).parents[1] / "data" / "matches"
SIZE = (96, 64)
QUIET_HEVC = {"x265-params": "log-level=none"}
OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal"}


def irregular(count: int) -> list[float]:
    """Times of a variable rate, on Matroska's grid of milliseconds."""
    gaps = random.Random(count).choices([0.02, 0.04, 0.033, 0.2, 1.5], [4, 4, 4, 1, 0.3], k=count - 1)
    return [round(sum(gaps[:number]), 3) for number in range(count)]


VIDEOS = {
    "h264.mp4": {},
    "h264.mkv": {},
    "h264-at-7s.ts": {"times": steady(150, start=7)},
    "h264.flv": {},
    "h264.avi": {},
    "bare.h264": {},
    "open-gop.mkv": {"options": OPEN_GOP},
    "hevc.mp4": {"codec": "libx265", "options": QUIET_HEVC},
    "hevc.mkv": {"codec": "libx265", "options": QUIET_HEVC},
    "closed-gop-hevc.mkv": {"codec": "libx265", "options": {"x265-params": "log-level=none:open-gop=0"}},
    "mpeg2-at-3s.ts": {"codec": "mpeg2video", "times": steady(150, start=3)},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "vp9.webm": {
        "codec": "libvpx-vp9",
        "options": {"deadline": "realtime", "cpu-used": "8"},
        "b_frames": 0,
    },
    "vp8.webm": {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8"}, "b_frames": 0},
    "variable.mp4": {"times": irregular(150)},
    "variable.mkv": {"times": irregular(150)},
    "variable-hevc.mkv": {"times": irregular(150), "codec": "libx265", "options": QUIET_HEVC},
    "refreshed.mkv": {"options": {"x264-params": "intra-refresh=1:keyint=25"}},
    "thirty.mkv": {"times": steady(150, 30), "rate": 30},
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> dict[str, tuple[Path, list[float]]]:
    """Each video and when its pictures are on screen, from the first."""
    folder, made = tmp_path_factory.mktemp("videos"), {}
    for name, how in VIDEOS.items():
        times = how.get("times", steady(150))
        path = encode(folder / name, **{"times": times, **how})
        made[name] = path, [time - times[0] for time in times]
    return made


def sampled(path: Path, fps: float, **options) -> tuple[list[int], list[float], list[np.ndarray]]:
    options = {"size": SIZE, "on_damage": pytest.fail, **options}
    frames = list(sample_frames(path, fps, **options))
    return [number_in(rgb) for _, rgb in frames], [time for time, _ in frames], [rgb for _, rgb in frames]


def end_of(path: Path, times: list[float]) -> Fraction:
    """When the last picture leaves the screen: its duration after it came, 1/25 s where none is stored."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    last = max(packets, key=lambda packet: packet.pts or 0)
    return on_grid(times[-1]) + (last.duration * last.time_base or Fraction(1, 25))


def on_grid(seconds: float) -> Fraction:
    return Fraction(round(seconds * 90_000), 90_000)


def on_screen(times: list[float], end: Fraction, fps: Fraction) -> list[int]:
    """The rule, said again: the last picture that has come by k / fps."""
    numbers, k = [], 0
    while k / fps < end:
        numbers.append(sum(on_grid(time) <= k / fps for time in times) - 1)
        k += 1
    return numbers


@pytest.mark.parametrize("fps", [2, 3.7, 40])
@pytest.mark.parametrize("name", VIDEOS)
def test_the_frame_on_screen_is_taken(videos, name, fps):
    path, times = videos[name]
    numbers, seconds, _ = sampled(path, fps)
    if name == "thirty.mkv":  # Matroska rounds its times to milliseconds
        times = [round(time, 3) for time in times]
    assert numbers == on_screen(times, end_of(path, times), Fraction(fps).limit_denominator(1000))
    assert seconds == pytest.approx([times[number] for number in numbers], abs=1e-5)


@pytest.mark.parametrize("fps", [2, 3.7])
@pytest.mark.parametrize("name", [name for name in VIDEOS if not name.endswith((".avi", "bare.h264"))])
def test_ffmpeg_sampling_is_that_of_the_fps_filter(videos, name, fps):
    path, times = videos[name]
    numbers, seconds, _ = sampled(path, fps, sampling="ffmpeg")
    assert numbers == filtered(path, f"fps={fps}")
    if name.startswith("h264") and fps == 2:
        lateness = [time - k / fps for k, time in enumerate(seconds)]
        assert np.mean(lateness) == pytest.approx(0.23, abs=0.01), "25 fps video gives frames 0.23 s late"
    assert seconds == pytest.approx([times[number] for number in numbers], abs=1e-3)


def filtered(path: Path, description: str) -> list[int]:
    """Numbers of the frames that pass one of FFmpeg's filters, times counted from the first frame."""
    numbers = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph = av.filter.Graph()
        source = graph.add_buffer(template=stream, time_base=stream.time_base)
        kind, argument = description.split("=", 1)
        middle, sink = graph.add(kind, argument), graph.add("buffersink")
        source.link_to(middle)
        middle.link_to(sink)
        graph.configure()
        for frame in [*container.decode(stream), None]:
            if frame is not None:
                frame.pts -= stream.start_time
                frame.duration = frame.duration or round(1 / (25 * stream.time_base))  # as ffmpeg guesses
            graph.push(frame)
            while True:
                try:
                    numbers.append(number_in(graph.pull().to_ndarray(format="rgb24")))
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
    return numbers


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", VIDEOS)
def test_skipping_changes_no_bit(videos, name, threads):
    path, _ = videos[name]
    for fps in (2, 7):
        skipped, full = sampled(path, fps, threads=threads), sampled(path, fps, full_decode=True)
        assert skipped[:2] == full[:2]
        assert all(np.array_equal(one, other) for one, other in zip(skipped[2], full[2], strict=True))


@pytest.mark.parametrize("name", ["h264.mp4", "h264-at-7s.ts", "hevc.mkv", "mpeg2.mpg", "open-gop.mkv"])
def test_skipping_skips(videos, name):
    with open_video(videos[name][0]) as (container, stream):
        clock = Clock(container, stream, Fraction(2), "screen")
        assert len(list(decode_needed(container, stream, clock, Damage()))) < 110, "of 150"


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("h264.mp4", True),
        ("h264-at-7s.ts", True),
        ("closed-gop-hevc.mkv", True),
        ("open-gop.mkv", False),  # pictures that lead the keyframe refer to what precedes it
        ("hevc.mp4", False),  # likewise, by x265's own choice
        ("refreshed.mkv", False),  # its keyframes are no fresh starts
        ("mpeg2.mpg", False),
    ],
)
def test_what_follows_the_last_needed_frame_before_a_fresh_start_is_dropped(videos, name, dropped):
    with open_video(videos[name][0]) as (container, stream):
        clock = Clock(container, stream, Fraction(2), "screen")
        packets = (packet for packet in container.demux(stream) if packet.size)
        assert (NOT in [how for _, how in plan(packets, clock.slot, stream.codec_context)]) is dropped


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=120),
    st.lists(st.integers(1, 17), min_size=120, max_size=120),
    st.integers(1, 60),
)
def test_a_plan_holds_what_is_on_screen(gaps, runs, step):
    """Frames come in any decoding order within runs of at most 17, some at equal times."""
    times = np.cumsum(gaps).tolist()
    shuffled, rest = [], deque(times)
    for run in runs:
        group = [rest.popleft() for _ in range(min(run, len(rest)))]
        shuffled += group[-1:] + group[:-1]
    packets = [SimpleNamespace(pts=time, is_keyframe=False, is_discard=False) for time in shuffled]
    pairs = list(_needed(packets, lambda ticks: -(-ticks // step)))
    assert [packet for packet, _ in pairs] == packets
    needed = {packet.pts for packet, wanted in pairs if wanted}
    slots = [k * step for k in range(times[-1] // step + 1) if k * step >= times[0]]
    shown = {max(time for time in times if time <= slot) for slot in slots}
    assert shown | {times[-1]} == needed
    assert MAX_REORDER >= 2 * 16


def test_before_a_late_picture_the_first_stands_in(tmp_path):
    path = encode(tmp_path / "late.mkv", steady(50, start=2), sound_seconds=4)
    numbers, seconds, frames = sampled(path, 2)
    assert numbers == [0, 0, 0, 0, 0, 12, 25, 37]
    assert seconds == pytest.approx([2, 2, 2, 2, 2, 2.48, 3, 3.48], abs=0.002)
    assert frames[0] is frames[3]


ROTATIONS = {(1, 0, 0, 1): 0, (0, 1, -1, 0): 270, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 90}
MIRRORED = [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]


@pytest.mark.parametrize("matrix", [*ROTATIONS, *MIRRORED])
def test_pictures_come_as_the_display_matrix_shows_them(tmp_path, matrix):
    """All eight of a, b, c, d: a stored column x and row y is shown at a·x + c·y, b·x + d·y."""

    def bright_corner(number):
        rgb = np.zeros((64, 96, 3), np.uint8)
        rgb[:32, :48] = 255
        return rgb

    path = encode(tmp_path / "turned.mp4", steady(3), matrix=matrix, pictures=bright_corner)
    a, b, c, d = matrix
    info = probe(path)
    assert (info.width, info.height) == ((64, 96) if a == 0 else (96, 64))
    assert info.rotation == ROTATIONS.get(matrix, info.rotation)
    (_, rgb), *_ = sample_frames(path, 25, size=(120, 80))
    assert rgb.shape == (80, 120, 3)
    quarters = rgb.reshape(2, 40, 2, 60, 3).mean(axis=(1, 3, 4)) > 128
    column, row = a + c < 0, b + d < 0  # where the corner at the top left goes
    assert np.argwhere(quarters).tolist() == [[row, column]]
    assert probe(path).rotation % 90 == 0


def test_the_whole_picture_is_stretched(videos):
    for size in ((398, 224), (50, 90)):
        numbers, _, frames = sampled(videos["h264.mkv"][0], 2, size=size)
        assert frames[0].shape == (size[1], size[0], 3)
        assert frames[0].dtype == np.uint8
        assert numbers == sampled(videos["h264.mkv"][0], 2)[0]


def test_probe_describes(videos):
    info = probe(videos["h264-at-7s.ts"][0])
    assert (info.width, info.height, info.rotation, info.fps, info.codec) == (96, 64, 0, 25, "h264")
    for name in ("h264.mkv", "h264.mp4", "h264-at-7s.ts", "mpeg4.avi"):
        assert probe(videos[name][0]).duration_seconds == pytest.approx(6, abs=0.05), name


def test_a_sample_match():
    path = MATCHES / "gfootball/2026/000101 FRQ 4 - 0 RBA/1_224p.mkv"
    seconds = [time for time, _ in sample_frames(path)]
    assert len(seconds) == 600
    assert all(0 <= k / 2 - time < 0.25 for k, time in enumerate(seconds))


def test_bad_files_are_input_errors(tmp_path, videos):
    text, empty, cut = tmp_path / "text.mkv", tmp_path / "empty.mkv", tmp_path / "cut.mp4"
    text.write_text("not a video\n" * 100)
    (tmp_path / "notes.txt").write_text("FFmpeg would draw this\n" * 100)
    empty.touch()
    cut.write_bytes(videos["h264.mp4"][0].read_bytes()[:3000])  # its index, at the end, is lost
    still = encode(tmp_path / "still.png", [0], "png", pixels="rgb24")
    cases = {
        tmp_path / "none.mkv": "no such file",
        tmp_path: "is a folder",
        empty: "is empty",
        text: "is not a video",
        tmp_path / "notes.txt": "is not a video",
        still: "is not a video",
        cut: "is cut short: its index",
        encode_sound(tmp_path / "sound.m4a"): "has no video in it",
    }
    for path, message in cases.items():
        for read in (probe, lambda path: next(sample_frames(path))):
            with pytest.raises(InputError, match=message) as caught:
                read(path)
            assert caught.value.file == path


def test_no_frame_at_all_is_an_input_error(tmp_path, videos):
    data = bytearray(videos["h264.mp4"][0].read_bytes())
    begin = data.index(b"mdat") + 4
    data[begin : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - begin)
    (tmp_path / "zeros.mp4").write_bytes(data)
    for read in (probe, lambda path: next(sample_frames(path))):
        with pytest.raises(InputError, match="no frame that can be decoded"):
            read(tmp_path / "zeros.mp4")


def test_a_rate_must_be_positive(videos):
    for fps in (0, -1, float("nan")):
        with pytest.raises(InputError, match="frames a second"):
            sample_frames(videos["h264.mp4"][0], fps)


def heard(path: Path, fps: float = 2) -> tuple[list[int], str]:
    said = []
    numbers, *_ = sampled(path, fps, on_damage=said.append)
    assert len(said) == 1
    return numbers, said[0]


def test_an_early_end_is_told(tmp_path):
    whole = encode(tmp_path / "whole.mkv", steady(250))
    data = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    numbers, said = heard(tmp_path / "cut.mkv")
    assert numbers == sampled(whole, 2)[0][: len(numbers)]
    assert 6 < len(numbers) < 14, "of 20"
    assert said == f"damaged: ends at 0:0{(len(numbers) - 1) // 2} of 0:10"


def test_damaged_frames_are_told_and_hold_their_places(tmp_path):
    source = MATCHES / "gfootball/2026/000101 FRQ 4 - 0 RBA/1_224p.mkv"
    data, draw = bytearray(source.read_bytes()), random.Random(0)
    for _ in range(40):
        data[draw.randrange(5000, len(data))] ^= 0xFF
    (tmp_path / "bad.mkv").write_bytes(data)
    said = []
    seconds = [time for time, _ in sample_frames(tmp_path / "bad.mkv", size=SIZE, on_damage=said.append)]
    assert len(seconds) == 600
    assert np.abs(np.array(seconds) - np.arange(600) / 2).max() < 5
    assert "frames decoded with errors" in said[0]


def test_lost_packets_are_told(tmp_path):
    data = bytearray(
        encode(tmp_path / "sound.mp4", steady(250), "libx265", options=QUIET_HEVC).read_bytes()
    )
    begin, end = data.index(b"mdat"), data.index(b"moov")
    for place in range(begin + (end - begin) // 2, end - 200, 40):
        data[place] ^= 0xFF
    (tmp_path / "bad.mp4").write_bytes(data)
    numbers, said = heard(tmp_path / "bad.mp4")
    assert "could not be decoded" in said
    assert len(numbers) >= 10


def test_a_hole_is_told(tmp_path):
    path = encode(tmp_path / "hole.mkv", steady(50) + steady(50, start=14), sound_seconds=2)
    numbers, said = heard(path)
    assert said == "damaged: no picture for 12 s from 0:02"
    assert numbers.count(49) in (23, 24, 25)


def test_damage_is_never_silent(tmp_path):
    path = encode(tmp_path / "hole.mkv", steady(5) + steady(5, start=14), sound_seconds=1)
    with pytest.warns(UserWarning, match="no picture"):
        list(sample_frames(path, size=SIZE))


def test_a_sound_video_says_nothing(videos):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path, _ in videos.values():
            list(sample_frames(path, size=SIZE))


def test_closing_early_closes_the_file(videos):
    path = videos["h264.mkv"][0]
    frames = sample_frames(path)
    next(frames)
    assert is_open(path)
    frames.close()
    assert not is_open(path)


def is_open(path: Path) -> bool:
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    return str(path) in [os.readlink(link) for link in links if os.path.exists(link)]
