"""What a video lost, and what else is to be said of it."""

from dataclasses import dataclass, field


@dataclass
class Damage:
    """What a video lost, counted while it is decoded; as text one line, empty where all is well."""

    undecodable: int = 0  # packets
    corrupt: int = 0  # frames
    misplaced: int = 0  # frames left out, their times run backwards or far ahead of what follows
    broken: bool = False  # the container could not be read to its end
    holes: list[str] = field(default_factory=list)
    early_end: str = ""
    jumps: list[str] = field(default_factory=list)  # where its clock was set anew
    growing: bool = False  # it was still being written
    of_a_part: bool = False  # what is heard elsewhere is not known: every gap counts
    heard: set[int] = field(default_factory=set)  # whole seconds in which sound begins

    def __str__(self) -> str:
        said = [f"damaged: {', '.join(self._losses)}"] if self._losses else []
        if self.jumps:
            said.append(f"its clock was set anew {_some(self.jumps, 'times')}; the time goes on as it was")
        if self.growing:
            said.append("it was still being written; what was there is used")
        return ", and ".join(said)

    @property
    def is_visible(self) -> bool:
        """Whether pictures are known to be lost or wrong."""
        return bool(self.undecodable or self.corrupt or self.broken)

    @property
    def _losses(self) -> list[str]:
        counts = (
            (self.undecodable, "could not be decoded"),
            (self.corrupt, "decoded with errors"),
            (self.misplaced, "left out, their times are wrong"),
        )
        parts = [f"{count} frame{'s' * (count > 1)} {text}" for count, text in counts if count]
        parts += self.holes[:3] + ["and more such holes"] * (len(self.holes) > 3)
        return (
            parts
            + ["unreadable from some point on"] * self.broken
            + [self.early_end] * bool(self.early_end)
        )


def _some(places: list[str], noun: str) -> str:
    if len(places) <= 3:
        return f"at {' and '.join(places)}"
    return f"{len(places)} {noun}, first at {places[0]}"


def clock_face(seconds: float) -> str:
    """Minutes and seconds, such as 44:59."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
