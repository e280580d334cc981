"""One time line for recordings that were joined: where the clock of the packets was set anew, time goes on.

A clock that was set anew is told from a stray time by the packets that follow: they go on from it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import av

from comedian.video.clock import Clock
from comedian.video.damage import Damage, clock_face

STEP_SECONDS = 1.0  # from packet to packet; what is more, or runs backwards by more, is looked at
AHEAD_SECONDS = 10.0  # as FFmpeg's dts_delta_threshold, where a format's times may jump
LOOK = 32  # packets looked ahead,
FOLLOWERS = 8  # of which so many must go on from a new time, or half of what is left


def continuous(packets: Iterable[av.Packet], clock: Clock, damage: Damage) -> Iterator[av.Packet]:
    """Yield packets in their order; those behind a new clock are moved to follow what came before.

    A leap of more than ten seconds is a new clock in formats whose clock may jump (MPEG-TS and its like),
    unless as many bytes were passed over; in others one of more than a day, since pictures may stay.
    """
    ahead = clock.whole_ticks(AHEAD_SECONDS) if clock.may_jump else clock.longest
    step = clock.whole_ticks(STEP_SECONDS)
    source = iter(packets)
    window = deque(islice(source, LOOK))
    before = _Place()
    shift = 0
    while window:
        packet = window.popleft()
        window.extend(islice(source, 1))
        if clock.may_jump and packet.pts is not None and abs(packet.pts - (_time(packet) or 0)) > ahead:
            packet.pts = None  # FFmpeg guessed it across a joint
        leap = before.leap_to(packet)
        group = [packet, *_followers(packet, window, step)] if not -step <= leap <= step else []
        is_stray = bool(group) and len(group) - 1 < _needed_followers(window)
        if group and not is_stray and (leap < 0 or (leap > ahead and not before.is_far_from(packet, leap))):
            first = min((other.pts for other in group if other.pts is not None), default=None)
            if first is not None and before.end is not None:
                shift = before.end - first
                damage.jumps.append(clock_face(clock.seconds(before.end)))
        if not is_stray:
            before.move_to(packet, shift, clock.period)
        if shift:
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift
        yield packet


@dataclass
class _Place:
    """How far the packets have come: in ticks as they are stored, in bytes, and in ticks as they go on.

    Attributes:
        end: when the last picture leaves the screen, in ticks of the time line.
    """

    time: int | None = None
    position: int | None = None
    begin: tuple[int, int] | None = None  # time and position since which the clock runs
    end: int | None = None

    def leap_to(self, packet: av.Packet) -> int:
        """Ticks from the packet before to this one."""
        time = _time(packet)
        return 0 if time is None or self.time is None else time - self.time

    def is_far_from(self, packet: av.Packet, leap: int) -> bool:
        """Whether the bytes in between would last for half of a leap, so that something was lost there."""
        if packet.pos is None or self.position is None or self.begin is None or self.time is None:
            return False
        ticks, num_bytes = self.time - self.begin[0], self.position - self.begin[1]
        return num_bytes > 0 and (packet.pos - self.position) * ticks > leap * num_bytes / 2

    def move_to(self, packet: av.Packet, shift: int, period: int) -> None:
        """Come to a packet whose times are to be moved by `shift`."""
        leap, time = self.leap_to(packet), _time(packet)
        if time is not None and packet.pos is not None:
            if self.begin is None or leap < 0:
                self.begin = time, packet.pos
            self.position = packet.pos
        untimed = None if self.time is None else self.time + period
        self.time = untimed if time is None else time
        last = self.end
        if packet.pts is not None:
            end = packet.pts + shift + (packet.duration or period)
            self.end = end if last is None else max(last, end)
        elif last is not None:
            self.end = last + period


def _followers(packet: av.Packet, window: Iterable[av.Packet], step: int) -> list[av.Packet]:
    """Those of the next packets that go on from this one's time."""
    found, time = [], _time(packet)
    for other in window:
        after = _time(other)
        if time is not None and after is not None and 0 <= after - time <= step:
            found.append(other)
            time = after
    return found


def _needed_followers(window: Collection[av.Packet]) -> int:
    """How many packets must go on from a new time; those without times go along with it."""
    timed = sum(_time(packet) is not None for packet in window)
    return min(FOLLOWERS, max(1, timed // 2)) if timed or not window else 0


def _time(packet: av.Packet) -> int | None:
    """When a packet is decoded, in ticks as they are stored."""
    return packet.pts if packet.dts is None else packet.dts
