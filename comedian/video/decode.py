"""Decode the frames of a video that somebody needs, with their times, and count what is damaged."""

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import dropwhile, islice, pairwise
from pathlib import Path
from typing import TypeVar

import av
from av.stream import Disposition

from comedian.errors import InputError
from comedian.video import skip
from comedian.video.clock import MATROSKA, Clock, Lasting
from comedian.video.cut import has_fragments, is_cut_short, whole_boxes
from comedian.video.damage import Damage, clock_face
from comedian.video.timeline import continuous

NO_VIDEO_FORMATS = re.compile(r"image2|tty|.*_pipe")  # single pictures; "tty" draws text files
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
SEEKABLE_FORMATS = frozenset({MATROSKA, MP4})  # containers that can be entered at any keyframe
STEP_BACK_SECONDS = (0, 1, 10, 60)  # before the time sought: an index by decoding times lands too late

OPTIONS = {"merge_pmt_versions": "1"}  # MPEG-TS: a video goes on under another PID
GUESS_PACKETS = 64  # whose times are looked at
RETRIES = 1000  # of a damaged MPEG-TS, without a packet in between

GAP_SECONDS = 10.0  # a picture that stays for longer may be a hole,
BROADCAST_GAP_SECONDS = 2.0  # and is one in broadcasts, which have no stills
LEAP_SECONDS = 0.5  # a frame that comes so much later may have a stray time
STRAY_FRAMES = 8  # after it, most of which come before a stray one
STRAY_SECONDS = 60.0  # a last frame this far past the promised end is stray

Shown = TypeVar("Shown", bound=Lasting)  # a frame, or what stands for one
Timed = TypeVar("Timed", av.VideoFrame, av.Packet)


@contextmanager
def open_video(path: str | Path, threads: int = 1):
    """Open a file and its video stream, as (container, stream); `threads` of the codec, 0 for automatic.

    Raises:
        InputError: missing, empty, not a video, or without pictures.
    """
    _check_file(Path(path))
    with _open(Path(path)) as container:
        if NO_VIDEO_FORMATS.fullmatch(container.format.name):
            raise InputError("is not a video", path, "name a video file")
        stream = container.streams.best("video")
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise InputError("has no video in it", path, "name a file with pictures, not only sound")
        if stream.codec_context is None:
            raise InputError("its video codec is unknown", path, "convert it with ffmpeg")
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = "SLICE" if threads == 1 else "AUTO"
        yield container, stream


def clock_of(path: str | Path, container, stream, fps: float = 1.0, sampling: str = "screen") -> Clock:
    """The clock of an open video."""
    name = container.format.name
    clock = Clock(container, stream, fps, sampling, is_cut_short(path, name))
    if clock.timed and not clock.may_jump and _times_are_guesses(path, stream):
        clock.timed = False
    if name == MP4 and clock.cut_short and has_fragments(path):
        clock.promised_end = None  # it tells of what was found
    return clock


def seek_before(container, stream, clock: Clock, slot: int) -> int | None:
    """Go to a keyframe that comes no later than `slot`; return its ticks, or None where there is no way."""
    if not clock.timed or container.format.name not in SEEKABLE_FORMATS:
        return None
    for seconds in STEP_BACK_SECONDS:
        sought = max(clock.ticks(slot) - round(seconds / clock.tick), clock.start)
        container.seek(sought, stream=stream)
        packet = next(_packets(container, stream, clock, Damage()), None)
        if packet and packet.pts is not None and _is_entry(packet) and clock.slot(packet.pts) <= slot:
            container.seek(sought, stream=stream)  # that packet again
            return packet.pts
    return None


def decode_needed(
    container, stream, clock: Clock, damage: Damage, every_frame: bool = False, begin: int | None = None
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield (ticks, frame) in display order: at least every frame that is on screen in some slot.

    `begin` is what `seek_before` gave. Pictures that precede that keyframe are left out: they may refer
    to others that were not decoded.
    """
    packets = on_time_line(container, stream, clock, damage)
    planned: skip.Plan
    if every_frame or not clock.timed:
        planned = ((packet, skip.WHOLE) for packet in packets)
    else:
        planned = skip.plan(packets, clock.slot, stream.codec_context)
    frames = timed(_decoded(planned, stream, damage), clock)
    if begin is not None:
        frames = dropwhile(lambda placed: placed[0] < begin, frames)
    return placed(frames, clock, damage, clock.origin if begin is None else begin)


def on_time_line(container, stream, clock: Clock, damage: Damage) -> Iterator[av.Packet]:
    """Yield the packets of the video in their order, with times that go on where a clock was set anew."""
    packets = _packets(container, stream, clock, damage)
    if clock.timed and container.format.name != MP4:  # its edits go back for what they need
        packets = continuous(packets, clock, damage)
    return packets


def _open(path: Path) -> av.container.InputContainer:
    """Open a file; of an MP4 that was cut within a fragment, the whole ones before it."""
    name, refused = str(path.absolute()), "is not a video, or its beginning is lost"
    try:
        return av.open(name, options=OPTIONS, metadata_errors="replace")
    except av.error.FFmpegError:
        with path.open("rb") as file:
            end, boxes = whole_boxes(file, path.stat().st_size)
    if {b"moov", b"moof"} <= boxes:
        try:
            return av.open(f"subfile,,start,0,end,{end},,:{name}", metadata_errors="replace")
        except av.error.FFmpegError:
            refused = "its fragments cannot be read"
    elif b"ftyp" in boxes and b"moov" not in boxes:
        refused = "is cut short: its index (moov), which stands at the end, is missing"
    raise InputError(refused, path, "get the whole file")


def _is_entry(packet: av.Packet) -> bool:
    """Whether decoding can begin here; pre-roll before an edit is decoded, but never shown."""
    return packet.is_keyframe and not packet.is_discard


def _times_are_guesses(path: str | Path, stream) -> bool:
    """Whether presentation times are decoding times: the order of display contradicts them.

    Such are an MP4 without a composition table (ctts), and ASF, where the codec reorders frames.
    """
    if not stream.codec_context.has_b_frames:
        return False
    with _open(Path(path)) as container:
        again = container.streams[stream.index]
        packets = list(islice((packet for packet in container.demux(again) if packet.size), GUESS_PACKETS))
        given = [packet.pts for packet in packets]
        if None in given or any(later <= earlier for earlier, later in pairwise(given)):
            return False
        frames = [frame for packet in packets for frame in _decode(again.codec_context, packet, Damage())]
    times = [frame.pts for frame in frames if frame.pts is not None]
    return any(later < earlier for earlier, later in pairwise(times))


def _packets(container, stream, clock: Clock, damage: Damage) -> Iterator[av.Packet]:
    """The packets of the video; when sound comes beside it is noted."""
    origin = float(clock.origin * clock.tick)
    sound = {other.index: float(other.time_base) for other in container.streams.audio}
    retries = 0
    while retries < RETRIES:
        try:
            for packet in container.demux():
                retries = 0
                if packet.stream_index == stream.index:
                    if packet.size:  # the last one is empty
                        yield packet
                elif packet.stream_index in sound and packet.pts is not None:
                    damage.heard.add(int(packet.pts * sound[packet.stream_index] - origin))
            return
        except av.error.BlockingIOError:  # damage in MPEG-TS; what follows can be read
            retries += 1
        except av.error.FFmpegError:
            break
        except IndexError:
            return  # past the last packet PyAV trips over streams that appeared on the way
    damage.broken = True


def _decoded(planned: skip.Plan, stream, damage: Damage) -> Iterator[av.VideoFrame]:
    """Decode packets as planned.

    Nothing is skipped before the first frame has come out, nor once one was interlaced: the two
    fields of a picture may lie in two packets, of which the plan would take only one.
    """
    context, progressive = stream.codec_context, None
    for packet, how in planned:
        if progressive and how == skip.NOT:
            continue
        context.skip_frame = how if progressive else skip.WHOLE
        for frame in _decode(context, packet, damage):
            progressive = progressive is not False and not frame.interlaced_frame
            yield frame
    yield from _decode(context, None, damage)


def _decode(context, packet: av.Packet | None, damage: Damage) -> list[av.VideoFrame]:
    try:
        frames = context.decode(packet)
    except av.error.FFmpegError:
        damage.undecodable += 1
        return []
    damage.corrupt += sum(frame.is_corrupt for frame in frames)
    return frames


def timed(items: Iterable[Timed], clock: Clock) -> Iterator[tuple[int, Timed]]:
    """Presentation times of frames or packets; where none are stored, one follows the other from the start.

    The decoding times of an AVI grow by one a frame, more where frames were dropped, so their
    differences tell the time on screen.
    """
    expected, shift = clock.start, 0 if clock.timed else None
    for item in items:
        ticks = item.pts if clock.timed else item.dts
        if ticks is None:
            ticks = expected
        else:
            shift = clock.start - ticks if shift is None else shift
            ticks += shift
        yield ticks, item
        expected = ticks + clock.duration(item)


def placed(
    frames: Iterable[tuple[int, Shown]], clock: Clock, damage: Damage, expected: int
) -> Iterator[tuple[int, Shown]]:
    """Leave out frames with impossible times, and note where pictures are missing, from `expected` on."""
    gap = clock.whole_ticks(BROADCAST_GAP_SECONDS if clock.may_jump else GAP_SECONDS)
    leap, previous = clock.whole_ticks(LEAP_SECONDS), None
    source = iter(frames)
    waiting: deque[tuple[int, Shown]] = deque()
    while waiting or (waiting := deque(islice(source, 1))):
        ticks, frame = waiting.popleft()
        hole = ticks - expected
        if hole > leap:
            waiting.extend(islice(source, STRAY_FRAMES - len(waiting)))
        backwards = previous is not None and ticks < previous
        if backwards or (hole > leap and _is_stray(ticks, hole, waiting, clock)):
            damage.misplaced += 1
            continue
        if hole > gap and _is_lost(expected, ticks, clock, damage):
            lasts, since = float(hole * clock.tick), clock_face(clock.seconds(expected))
            damage.holes.append(f"no picture for {lasts:.0f} s from {since}")
        previous, expected = ticks, ticks + clock.duration(frame)
        yield ticks, frame


def _is_stray(ticks: int, hole: int, following: Iterable[tuple[int, Lasting]], clock: Clock) -> bool:
    """Whether a frame far ahead has a wrong time: what follows comes before it, or nothing does."""
    before = [other < ticks for other, _ in following]
    if before or clock.promised_end is None:
        return hole > clock.longest or sum(before) > len(before) / 2
    return clock.seconds(ticks) > clock.promised_end + STRAY_SECONDS


def _is_lost(since: int, until: int, clock: Clock, damage: Damage) -> bool:
    """Whether pictures are missing, and not one stays: sound is missing, too, or there is other damage.

    Broadcasts have no pictures that stay.
    """
    if clock.may_jump or damage.of_a_part or not damage.heard:
        return clock.may_jump or damage.of_a_part or damage.is_visible
    seconds = range(int(clock.seconds(since)) + 1, int(clock.seconds(until)))
    return len(damage.heard.intersection(seconds)) < len(seconds) / 2


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError("no such file", path, "check the path")
    if path.is_dir():
        raise InputError("is a folder", path, "name a video file")
    if os.path.getsize(path) == 0:
        raise InputError("is empty", path, "get it again")
    path.open("rb").close()  # permissions
