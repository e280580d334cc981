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
from comedian.models.heads import CLASSES, OFFSETS
from comedian.models.spotter import Spotter
from comedian.recipes.model import TUBELET_FRAMES
from comedian.recipes.stages import SpotRecipe
from comedian.spotting.encode import chunk_tokens, encode_stream
from comedian.spotting.merge import Merge, Said, averaged


class SlidingSpotter:
    """Turns a growing run of spatial tokens into final scores, as soon as no later window can change them.

    Windows start every L/2 tokens, or as often as the recipe says; a last one ends at the end of the half.
    Of each window the first and last R tokens are ignored, except at the start of the first and the end of
    the last.
    """

    def __init__(self, spotter: Spotter, spot: SpotRecipe, device: torch.device):
        """Slide as `spot` says; InputError where windows would leave gaps."""
        self.spotter, self.device = spotter.to(device).eval(), device
        self.merge = Merge(spot.merge, len(spotter.classes))
        self.length = spotter.recipe.num_tokens
        self.stride = spot.stride_tokens or max(self.length // 2, 1)
        self.ignored = round(spot.ignored_seconds * spotter.trained_on.fps / TUBELET_FRAMES)
        self._check(spot)
        self.tokens = torch.empty(0, spotter.recipe.embed_dim)  # (n, D), from token `first` on
        self.first = 0
        self.next_window = 0

    def _check(self, spot: SpotRecipe) -> None:
        if self.stride > self.length:
            remedy = f"a window every {max(self.length // 2, 1)} tokens is usual"
            what = f"a window every {self.stride} tokens, of {self.length} tokens each, has gaps"
            raise InputError(what, remedy=remedy)
        most = (self.length - self.stride) // 2
        if self.ignored > most:
            seconds = most * TUBELET_FRAMES / self.spotter.trained_on.fps
            raise InputError(
                f"ignoring {spot.ignored_seconds:g} s of both ends of {self.length}-token windows, "
                f"one every {self.stride}, has gaps",
                remedy=f"ignore at most {most} tokens: ignored_seconds {seconds:g}, or lower stride_tokens",
            )

    def push(self, tokens: Tensor) -> Said:
        """Take spatial tokens (n, D); return what became final."""
        self.tokens = torch.cat([self.tokens, tokens])
        while self._end - self.next_window > self.length:  # one token more: this window is not the last
            self._window(self.next_window, self.length, last=False)
            self.next_window += self.stride
        return self._emit(min(self._settled, self._end))

    def finish(self) -> Said:
        """The half is over: return the rest."""
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
        found = self.spotter.read(tokens[None])
        scores = found[CLASSES][0].float().sigmoid().cpu().numpy()  # (L, C)
        offsets = _within(found.get(OFFSETS), self.spotter.offset_reach_seconds)
        if not (np.isfinite(scores).all() and (offsets is None or np.isfinite(offsets).all())):
            remedy = "train it again with a lower learning rate"
            raise InputError("the model's scores are not numbers: its training diverged", remedy=remedy)
        head = 0 if start == 0 else self.ignored
        tail = length if last else length - self.ignored
        distance = np.abs(np.arange(length) - (length - 1) / 2)
        self.merge.put(start + head, Said(scores, offsets).part(head, tail), distance[head:tail])

    def _emit(self, until: int) -> Said:
        ready = self.merge.take(until, self.spotter.offset_reach_seconds > 0)
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
    waiting = [Said(np.zeros((0, len(spotters[0].classes)), np.float32), None) for _ in spotters]
    times: list[float] = []
    with closing(encode_stream(tubelets_of(frames, chunk_tokens(device)), spotters, device)) as encoded:
        for seconds, tokens in encoded:
            times += seconds
            pairs = zip(waiting, sliders, tokens, strict=True)
            waiting = [have.then(slider.push(more)) for have, slider, more in pairs]
            if ready := min(len(have.probabilities) for have in waiting):
                said = averaged([have.part(0, ready) for have in waiting])
                yield Scores(
                    video, half, np.array(times[:ready]), said.probabilities, video_start_ms, said.offsets
                )
                times, waiting = times[ready:], [have.part(ready) for have in waiting]
    if times:
        said = averaged([have.then(one.finish()) for have, one in zip(waiting, sliders, strict=True)])
        yield Scores(video, half, np.array(times), said.probabilities, video_start_ms, said.offsets)


def score_tokens(
    tokens: Tensor,
    seconds: np.ndarray,
    spotter: Spotter,
    spot: SpotRecipe,
    device: torch.device,
    video: str = "",
    half: int = 1,
) -> Scores:
    """Score a half whose spatial tokens (n, D) are known, at (n,) seconds."""
    slider = SlidingSpotter(spotter, spot, device)
    said = slider.push(tokens).then(slider.finish())
    return Scores(video, half, seconds, said.probabilities, None, said.offsets)


def encode_half(
    frames: Iterable[tuple[float, np.ndarray]], spotter: Spotter, device: torch.device
) -> tuple[np.ndarray, Tensor]:
    """Times (n,) and spatial tokens (n, D) of a half; the spotter is on `device`, in eval mode."""
    tubelets = tubelets_of(frames, chunk_tokens(device))
    with closing(encode_stream(tubelets, [spotter], device)) as encoded:
        parts = [(seconds, tokens) for seconds, (tokens,) in encoded]
    return np.concatenate([seconds for seconds, _ in parts]), torch.cat([tokens for _, tokens in parts])


def token_seconds(frame_seconds: np.ndarray) -> np.ndarray:
    """The time of each token, (n,): the mean of its two frames'; a single last frame is doubled."""
    times = np.append(frame_seconds, frame_seconds[-1:][: len(frame_seconds) % TUBELET_FRAMES])
    return times.reshape(-1, TUBELET_FRAMES).mean(axis=1)


def join(parts: Iterable[Scores]) -> Scores:
    """All runs of a half as one."""
    parts = list(parts)
    return Scores(
        parts[0].video,
        parts[0].half,
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        parts[0].video_start_ms,
        None if parts[0].offsets is None else np.concatenate([part.offsets for part in parts]),
    )


def are_alike(one: Spotter, other: Spotter) -> bool:
    """Whether two spotters see the same frames and name the same classes, so that they can be averaged."""
    qualities = {spotter.jpeg_quality for spotter in (one, other)} - {0}  # 0 does without
    return (one.classes, one.geometry) == (other.classes, other.geometry) and len(qualities) < 2


def tubelets_of(
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
    return token_seconds(np.array(seconds)).tolist(), stack.reshape(-1, TUBELET_FRAMES, *stack.shape[1:])


def _within(offsets: Tensor | None, reach_seconds: float) -> np.ndarray | None:
    """Offsets (1, L, C) of a window as (L, C), none farther than what was trained."""
    if offsets is None:
        return None
    return offsets[0].float().clamp(-reach_seconds, reach_seconds).cpu().numpy()
