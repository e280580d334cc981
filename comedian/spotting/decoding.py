"""The frames of a half, decoded in a thread of their own; of the first half while torch is imported."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

import numpy as np

from comedian.errors import InputError
from comedian.formats.exported import header_of
from comedian.formats.frames import Geometry
from comedian.spotting.halves import Source, frames_of
from comedian.spotting.prefetch import ahead

FRAMES_AHEAD = 256  # decoded frames that may wait for the network


class Decoding:
    """The frames of a half, which are decoded from now on.

    Attributes:
        of: the half, how its frames are wanted, and how many processes decode them.
    """

    def __init__(self, source: Source, geometry: Geometry, processes: int = 1):
        self.of = source, geometry, processes
        self._remarks: list[str] = []
        frames = frames_of(source, geometry, processes, self._remarks.append)
        self._frames = ahead(frames, FRAMES_AHEAD)

    def frames(self, say: Callable[[str], None]) -> Generator[tuple[float, np.ndarray], None, None]:
        """Yield (seconds, uint8 (H, W, 3)) in order, once; after the last, say what is damaged."""
        with closing(self._frames):
            yield from self._frames
        for remark in self._remarks:
            say(remark)

    def close(self) -> None:
        """Decode no more."""
        self._frames.close()


@contextmanager
def first_begun(sources: Sequence[Source], weights: Sequence[str]) -> Iterator[Decoding | None]:
    """Decode the first of some halves within a block, as the header of the first spotter's file says.

    Yields None where there is no such file here, or it says nothing: whoever loads it tells why.
    """
    geometry = _geometry_of(weights[0]) if weights else None
    if geometry is None or not sources or sources[0].frames:
        yield None
        return
    with closing(Decoding(sources[0], geometry)) as decoding:
        yield decoding


def _geometry_of(weights: str) -> Geometry | None:
    with suppress(InputError, OSError):
        return header_of(weights).geometry
    return None
