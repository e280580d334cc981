"""Parts of videos copied into a new file as they are, from the keyframe before: nothing is decoded."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from comedian.errors import InputError
from comedian.video.clips import Clip
from comedian.video.clock import Clock
from comedian.video.decode import STEP_BACK_SECONDS, clock_of, open_video

IN_MP4 = frozenset("h264 hevc mpeg4 mpeg2video av1 vp9 aac mp3 mp2 ac3 eac3 opus alac flac".split())


class Entry:
    """Where a copy of a clip begins, and what it consists of.

    Attributes:
        seconds: of the keyframe at or before the clip's start, from the file's start.
        suffix: of a file that holds its codecs, ".mp4" or ".mkv".
        kind: codecs and sizes, which parts of one file share.

    Raises:
        InputError: there is no such keyframe, or its time is not known.
    """

    def __init__(self, clip: Clip):
        with open_video(clip.video) as (container, stream):
            clock = clock_of(clip.video, container, stream)
            sound = container.streams.best("audio")
            packet = _seek(container, stream, clock, clip)
            self.seconds = clock.seconds(packet.pts or 0)
            names = {one.codec_context.name for one in (stream, sound) if one}
            self.suffix = ".mp4" if names <= IN_MP4 else ".mkv"
            video = stream.codec_context
            self.kind = (video.name, video.width, video.height, video.extradata, sound and _about(sound))


def _about(sound) -> tuple:
    context = sound.codec_context
    return context.name, context.sample_rate, context.layout.name


class Copier:
    """An open file to which clips of one kind are added, one behind the other.

    Attributes:
        end: seconds of what was written.
    """

    def __init__(self, container: av.container.OutputContainer):
        self.container = container
        self.end = Fraction(0)
        self._streams: dict[str, av.stream.Stream] = {}
        self._last_dts: dict[str, Fraction] = {}

    def add(self, clip: Clip) -> None:
        """Copy the packets of a clip, picture and sound, from the keyframe at or before its start."""
        with open_video(clip.video) as (container, stream):
            clock = clock_of(clip.video, container, stream)
            inputs = {"video": stream, "audio": container.streams.best("audio")}
            inputs = {name: one for name, one in inputs.items() if one}
            for name, one in inputs.items():
                if name not in self._streams:
                    self._streams[name] = self.container.add_stream_from_template(one)
            self._copy(container, inputs, _seek(container, stream, clock, clip), clock.ticks_at(clip.end))

    def _copy(self, container, inputs: dict, entry: Any, end_ticks: int) -> None:
        base, end = entry.pts * entry.time_base, end_ticks * entry.time_base
        lead = inputs["video"].codec_context.has_b_frames * _length(inputs["video"])  # of decoding
        start = max([self.end, *(last + lead for last in self._last_dts.values())])
        going_on, begun = set(inputs), False
        for packet in container.demux(list(inputs.values())):
            name = packet.stream.type
            if packet.pts is None or packet.size == 0:
                continue
            pts = packet.pts * packet.time_base
            begun = begun or (name == "video" and packet.is_keyframe and pts == base)
            if (pts if packet.dts is None else packet.dts * packet.time_base) >= end:
                going_on.discard(name)
                if not going_on:
                    break
            elif begun and pts >= base and (name == "video" or pts < end):
                self._mux(packet, name, start - base, lead)

    def _mux(self, packet: Any, name: str, shift: Fraction, lead: Fraction) -> None:
        """Write a packet at its new time; decoding times that a container lacks follow one another."""
        tick, length = packet.time_base, _length(packet.stream) if name == "video" else Fraction(0)
        packet.pts += round(shift / tick)
        last = self._last_dts.get(name)
        dts = packet.pts * tick - lead if last is None else last
        dts = dts if packet.dts is None else max(packet.dts * tick + shift, dts)
        packet.dts = min(round(dts / tick), packet.pts)
        length = packet.duration * tick if packet.duration else length
        self.end = max(self.end, packet.pts * tick + length)
        self._last_dts[name] = (packet.dts + 1) * tick
        packet.stream = self._streams[name]
        self.container.mux(packet)


def _length(stream) -> Fraction:
    """Seconds of a picture."""
    rate = stream.average_rate or stream.guessed_rate
    return 1 / Fraction(rate) if rate else Fraction(0)


def _seek(container, stream, clock: Clock, clip: Clip) -> av.Packet:
    """Go to the keyframe at or before the clip's start, or a bit before it; return that keyframe."""
    wanted = clock.ticks_at(clip.start)
    for back in STEP_BACK_SECONDS:
        sought = max(wanted - clock.whole_ticks(back), clock.start)
        container.seek(sought, stream=stream)
        found = None
        for packet in container.demux(stream):
            if packet.pts is None or packet.size == 0:
                continue
            if packet.pts > wanted and (packet.dts is None or packet.dts > wanted or found is None):
                break
            if packet.is_keyframe and packet.pts <= wanted:
                found = packet
        if found is not None:
            container.seek(sought, stream=stream)
            return found
    raise InputError(f"has no keyframe before {clip.start:.0f} s", clip.video, "use --exact")


def open_output(path: Path, suffix: str) -> av.container.OutputContainer:
    """A new file, whatever its name, of the kind that a suffix stands for."""
    return av.open(str(path), "w", format={".mp4": "mp4", ".mkv": "matroska"}[suffix])
