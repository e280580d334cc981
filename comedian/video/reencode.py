"""Parts of videos encoded anew, exact to a picture and to a sample of sound.

Letters: C channels, n samples.
"""

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

from comedian.video.clips import Clip
from comedian.video.damage import Damage
from comedian.video.decode import clock_of, decode_needed, open_video, seek_before
from comedian.video.upright import orientation

TICK = Fraction(1, 90_000)  # of the pictures' times
RATE, LAYOUT, CHANNELS = 48_000, "stereo", 2
SLACK_SAMPLES = RATE // 200  # 5 ms, by which sound may jitter against its own clock
QUALITY = {"libx264": {"crf": "20", "preset": "veryfast"}, "mpeg4": {"qscale": "3"}}


def encoder() -> str:
    """The best encoder of pictures that this FFmpeg has."""
    return next(name for name in ("libx264", "mpeg4") if name in av.codecs_available)


class Encoder:
    """An open file to which clips are added, one behind the other; all take the size of the first.

    Attributes:
        end: seconds of what was written.
    """

    def __init__(self, container: av.container.OutputContainer, with_sound: bool):
        self.container, self._with_sound = container, with_sound
        self.end = Fraction(0)
        self._picture: av.VideoStream | None = None
        self._sound: av.AudioStream | None = None
        self._written = 0  # samples
        self._last_ticks = -1

    def add(self, clip: Clip) -> None:
        """Add the pictures and the sound of a clip."""
        start = self.end
        self._add_pictures(clip, start)
        if self._with_sound:
            self._add_sound(clip, start)
        self.end = start + Fraction(clip.end - clip.start).limit_denominator(1000)

    def close(self) -> None:
        """Write what the encoders still hold."""
        for stream in (self._picture, self._sound):
            if stream is not None:
                self.container.mux(stream.encode(None))

    def _add_pictures(self, clip: Clip, start: Fraction) -> None:
        """Those that are on screen from the clip's start on, up to its end."""
        with open_video(clip.video, threads=0) as (container, stream):
            clock = clock_of(clip.video, container, stream, fps=1000)
            begin = seek_before(container, stream, clock, int(1000 * clip.start))
            waiting = None  # the picture on screen at the start
            for ticks, frame in decode_needed(container, stream, clock, Damage(), True, begin):
                seconds = clock.seconds(ticks)
                if seconds >= clip.end:
                    break
                if seconds > clip.start and waiting is not None:
                    self._encode(waiting, start, stream)
                    waiting = None
                if seconds <= clip.start:
                    waiting = frame
                else:
                    self._encode(frame, start + Fraction(seconds - clip.start), stream)
            if waiting is not None:
                self._encode(waiting, start, stream)

    def _encode(self, frame: av.VideoFrame, seconds: Fraction, source) -> None:
        frame = _upright(frame)
        if self._picture is None:
            self._picture = self._new_picture(frame, source)
            if self._with_sound:
                self._sound = self.container.add_stream("aac", rate=RATE, layout=LAYOUT)
        size = self._picture.width, self._picture.height
        scaled = _fitted(frame, *size)
        ticks = max(round(seconds / TICK), self._last_ticks + 1)
        scaled.pts, scaled.time_base, self._last_ticks = ticks, TICK, ticks
        self.container.mux(self._picture.encode(scaled))

    def _new_picture(self, frame: av.VideoFrame, source) -> av.VideoStream:
        name = encoder()
        rate = source.average_rate or source.guessed_rate or Fraction(25)
        stream: Any = self.container.add_stream(name, rate=rate, options=QUALITY[name])
        stream.width, stream.height = frame.width // 2 * 2, frame.height // 2 * 2
        stream.pix_fmt, stream.time_base = "yuv420p", TICK
        stream.codec_context.time_base = TICK if name == "libx264" else 1 / Fraction(rate)
        return stream

    def _add_sound(self, clip: Clip, start: Fraction) -> None:
        """As many samples as the clip lasts, silence where there are none, from where pictures begin."""
        end_sample = round((start + Fraction(clip.end - clip.start)) * RATE)
        with open_video(clip.video) as (container, stream):
            clock, sound = clock_of(clip.video, container, stream), container.streams.best("audio")
            if sound is not None:
                origin = float(clock.origin * stream.time_base)
                container.seek(int((origin + clip.start - 1) / sound.time_base), stream=sound)
                for frame in _resampled(container, sound):
                    seconds = float(frame.pts * frame.time_base) - origin - clip.start
                    at = round((start + Fraction(seconds)) * RATE)
                    if at >= end_sample:
                        break
                    self._put(frame.to_ndarray(), at, end_sample, round(start * RATE))
        self._silence(end_sample)

    def _put(self, samples: np.ndarray, at: int, end: int, start: int) -> None:
        """Samples (C, n) at their place: what lies before or after the clip is cut, gaps are silent."""
        cut = max(start - at, self._written - at if self._written - at > SLACK_SAMPLES else 0, 0)
        samples, at = samples[:, cut:], at + cut
        if at - self._written > SLACK_SAMPLES:
            self._silence(at)
        samples = samples[:, : max(end - self._written, 0)]
        if samples.shape[1]:
            self._write(samples)

    def _silence(self, until: int) -> None:
        while self._written < until:
            number = min(until - self._written, RATE)
            self._write(np.zeros((CHANNELS, number), np.float32))

    def _write(self, samples: np.ndarray) -> None:
        assert self._sound is not None, "pictures come first"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=LAYOUT)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._written, Fraction(1, RATE)
        self._written += samples.shape[1]
        self.container.mux(self._sound.encode(frame))


def _resampled(container, sound):
    """Frames of float32 (C, n) at one rate and layout."""
    resampler = AudioResampler("fltp", LAYOUT, RATE)
    for frame in container.decode(sound):
        if frame.pts is not None:
            yield from resampler.resample(frame)


def _upright(frame: av.VideoFrame) -> av.VideoFrame:
    """A picture as it is shown."""
    turn = orientation(frame)
    if (turn.transposed, turn.down, turn.across) == (False, 1, 1):
        return frame
    return av.VideoFrame.from_ndarray(turn(frame.to_ndarray(format="rgb24")), format="rgb24")


def _fitted(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """A picture within a size, black beside it where its shape is another."""
    share = min(width / frame.width, height / frame.height)
    inner = max(round(frame.width * share), 1), max(round(frame.height * share), 1)
    if abs(inner[0] - width) < 2 and abs(inner[1] - height) < 2:
        return frame.reformat(width, height, format="yuv420p")
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    picture = frame.reformat(*inner, format="rgb24").to_ndarray()
    canvas[top : top + inner[1], left : left + inner[0]] = picture
    return av.VideoFrame.from_ndarray(canvas, format="rgb24").reformat(format="yuv420p")
