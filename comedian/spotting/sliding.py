"""Slide a spotter over a half (section 3.5): overlapping windows, merged scores, nothing computed twice.

Letters: n tubelets or tokens at hand, L tokens of a window, D width, C classes, R ignored tokens.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from comedian.errors import InputError
from comedian.formats.scores import Scores
from comedian.formats.spot import Spot
from comedian.models.spotter import Spotter
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import SpotRecipe
from comedian.recipes.suppress import THRESHOLD
from comedian.spotting.encode import chunk_tokens, encode_stream


class SlidingSpotter:
    """Turns a growing run of spatial tokens into final scores, as soon as no later window can change them.

    Windows start every L/2 tokens; a last one ends at the end of the half. Of each window the first
    and last R tokens are ignored, except at the start of the first and the end of the last.
    """

    def __init__(self, spotter: Spotter, spot: SpotRecipe, device: torch.device):
        if spot.merge not in ("max", "average"):
            raise InputError(f"merge is {spot.merge!r}", remedy='use "max" or "average"')
        self.spotter, self.device, self.merge = spotter.to(device).eval(), device, spot.merge
        self.length = spotter.recipe.num_tokens
        self.stride = max(self.length // 2, 1)
        self.ignored = round(spot.ignored_seconds * spotter.trained_on.fps / TUBELET_FRAMES)
        most = (self.length - self.stride) // 2
        if self.ignored > most:
            raise InputError(
                f"ignoring {spot.ignored_seconds:g} s of both ends of {self.length}-token windows has gaps",
                remedy=f"ignore at most a quarter of the window, {most} tokens: "
                f"ignored_seconds {most * TUBELET_FRAMES / spotter.trained_on.fps:g}",
            )
        self.tokens = torch.empty(0, spotter.recipe.embed_dim)  # (n, D), from token `first` on
        self.first = 0
        self.next_window = 0
        classes = len(spotter.classes)
        self.total = np.zeros((0, classes), np.float32)  # (n, C), merged, from token `emitted` on
        self.count = np.zeros((0, 1), np.float32)
        self.emitted = 0

    def push(self, tokens: Tensor) -> np.ndarray:
        """Take spatial tokens (n, D); return the scores (m, C) that became final."""
        self.tokens = torch.cat([self.tokens, tokens])
        while self._end - self.next_window > self.length:  # one token more: this window is not the last
            self._window(self.next_window, self.length, last=False)
            self.next_window += self.stride
        return self._emit(min(self._settled, self._end))

    def finish(self) -> np.ndarray:
        """The half is over: return the rest of the scores (m, C)."""
        if self._end:
            length = min(self.length, self._end)
            self._window(self._end - length, length, last=True)
        return self._emit(self._end)

    @property
    def _end(self) -> int:
        return self.first + len(self.tokens)

    @property
    def _settled(self) -> int:
        """Tokens before this are out of reach: a later window starts after the newest one."""
        newest = self.next_window - self.stride
        return 0 if newest < 0 else newest + 1 + self.ignored

    @torch.inference_mode()
    def _window(self, start: int, length: int, last: bool) -> None:
        tokens = self.tokens[start - self.first :][:length].to(self.device)
        scores = self.spotter.classify(tokens[None])[0].float().sigmoid().cpu().numpy()  # (L, C)
        if not np.isfinite(scores).all():
            remedy = "train it again with a lower learning rate"
            raise InputError("the model's scores are not numbers: its training diverged", remedy=remedy)
        head = 0 if start == 0 else self.ignored
        tail = length if last else length - self.ignored
        self._merge(start + head, scores[head:tail])

    def _merge(self, start: int, scores: np.ndarray) -> None:
        begin, end = start - self.emitted, start - self.emitted + len(scores)
        assert begin >= 0, "a window reaches back to scores that were final"
        grow = max(end - len(self.total), 0)
        self.total = np.pad(self.total, ((0, grow), (0, 0)))
        self.count = np.pad(self.count, ((0, grow), (0, 0)))
        place = slice(begin, end)
        if self.merge == "max":
            self.total[place] = np.maximum(self.total[place], scores)
            self.count[place] = 1
        else:
            self.total[place] += scores
            self.count[place] += 1

    def _emit(self, until: int) -> np.ndarray:
        number = max(until - self.emitted, 0)
        ready = self.total[:number] / np.maximum(self.count[:number], 1)
        self.total, self.count = self.total[number:], self.count[number:]
        self.emitted += number
        keep = min(self.next_window, max(self._end - self.length, 0))  # the last window may reach back
        self.tokens, self.first = self.tokens[max(keep - self.first, 0) :], max(keep, self.first)
        return ready


def score_stream(
    frames: Iterable[tuple[float, np.ndarray]],
    spotters: Sequence[Spotter],
    spot: SpotRecipe,
    device: torch.device,
    video: str = "",
    half: int = 1,
    video_start_ms: int | None = None,
) -> Iterator[Scores]:
    """Score a half whose frames arrive in order; several spotters are averaged (before NMS).

    Args:
        frames: (seconds, uint8 (H, W, 3)) at the spotters' frame rate.
        spotters: all of one frame geometry and one list of classes.
        video, half, video_start_ms: which half it is, for the scores to carry.

    Yields:
        consecutive runs of final scores.
    """
    if not all(are_alike(spotters[0], other) for other in spotters):
        raise InputError("the models differ in classes or frames", remedy="ensemble models of one kind")
    sliders = [SlidingSpotter(spotter, spot, device) for spotter in spotters]
    waiting = [np.zeros((0, len(spotters[0].classes)), np.float32) for _ in spotters]
    times: list[float] = []
    with closing(encode_stream(_tubelets(frames, chunk_tokens(device)), spotters, device)) as encoded:
        for seconds, tokens in encoded:
            times += seconds
            pairs = zip(waiting, sliders, tokens, strict=True)
            waiting = [_joined(have, slider.push(more)) for have, slider, more in pairs]
            if ready := min(map(len, waiting)):
                yield Scores(video, half, *_averaged(times, waiting, ready), video_start_ms)
                times, waiting = times[ready:], [have[ready:] for have in waiting]
    waiting = [_joined(have, slider.finish()) for have, slider in zip(waiting, sliders, strict=True)]
    if times:
        yield Scores(video, half, *_averaged(times, waiting, len(times)), video_start_ms)


def join(parts: Iterable[Scores]) -> Scores:
    """All runs of a half as one."""
    parts = list(parts)
    return Scores(
        parts[0].video,
        parts[0].half,
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        parts[0].video_start_ms,
    )


def are_alike(one: Spotter, other: Spotter) -> bool:
    """Whether two spotters see the same frames and name the same classes, so that they can be averaged."""
    return (one.classes, one.geometry) == (other.classes, other.geometry)


def _tubelets(
    frames: Iterable[tuple[float, np.ndarray]], chunk: int
) -> Iterator[tuple[list[float], np.ndarray]]:
    """Group frames into chunks of so many tubelets; a single last frame is doubled."""
    seconds: list[float] = []
    images: list[np.ndarray] = []
    for second, image in frames:
        seconds.append(second)
        images.append(image)
        if len(images) == chunk * TUBELET_FRAMES:
            yield _paired(seconds, images)
            seconds, images = [], []
    if len(images) % TUBELET_FRAMES:
        seconds.append(seconds[-1])
        images.append(images[-1])
    if images:
        yield _paired(seconds, images)


def _paired(seconds: list[float], images: list[np.ndarray]) -> tuple[list[float], np.ndarray]:
    stack = np.stack(images)
    times = np.reshape(seconds, (-1, TUBELET_FRAMES)).mean(axis=1)
    return times.tolist(), stack.reshape(-1, TUBELET_FRAMES, *stack.shape[1:])


def _joined(have: np.ndarray, more: np.ndarray) -> np.ndarray:
    return np.concatenate([have, more])


def _averaged(times: list[float], waiting: list[np.ndarray], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and mean scores of the first tokens."""
    scores = np.stack([have[:number] for have in waiting])
    return np.array(times[:number]), scores.mean(axis=0, dtype=np.float32)


def to_spots(scores: Scores, classes: Sequence[str], threshold: float = THRESHOLD) -> Iterator[Spot]:
    """Spots, in time order, of every token and class whose probability is at least `threshold`.

    They carry `video_ms`, too, where the half's file holds several.
    """
    tokens, labels = np.nonzero(scores.probabilities >= threshold)
    positions = np.rint(scores.seconds * 1000).astype(np.int64)
    for token, label in zip(tokens.tolist(), labels.tolist(), strict=True):
        spot: Spot = {
            "video": scores.video,
            "half": scores.half,
            "position_ms": int(positions[token]),
            "label": classes[label],
            "confidence": round(float(scores.probabilities[token, label]), 6),
        }
        if scores.video_start_ms is not None:
            spot["video_ms"] = scores.video_start_ms + int(positions[token])
        yield spot
