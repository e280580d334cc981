"""Which packets of a video need not be decoded, or not fully, for the frames that somebody looks at."""

import re
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import av

MAX_REORDER = 32  # packets: 16 frames of two fields, the most that H.264 and HEVC may hold back

# How to decode a packet: as what FFmpeg calls skip_frame, or not at all.
WHOLE, FOR_OTHERS, NOT = "DEFAULT", "NONREF", "ALL"

# Codecs whose frames come out bit-identical when frames that no other refers to are skipped in between.
CODECS = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video"})

Plan = Iterator[tuple[av.Packet, str]]


def plan(packets: Iterable[av.Packet], slot: Callable[[int], int], context) -> Plan:
    """Pair each packet, in decoding order, with how it must be decoded.

    A frame is needed if it is on screen in some slot. Of the others those are decoded that needed ones may
    refer to: not those that nothing refers to, nor what follows the last needed one before a fresh start.

    Args:
        slot: the first slot at which a frame of such a time is shown.
        context: of the codec.
    """
    if context.name not in CODECS:
        return ((packet, WHOLE) for packet in packets)
    return _without_tails(_needed(packets, slot), context)


def _needed(packets: Iterable[av.Packet], slot: Callable[[int], int]) -> Iterator[tuple[av.Packet, bool]]:
    """Pair each packet with whether its frame is needed; keyframes are.

    Packets are held back until the one that follows on screen must be among those seen.
    """
    held: deque[av.Packet] = deque()
    times: list[int] = []  # sorted; enough of the latest presentation times

    def needed(packet: av.Packet) -> bool:
        if packet.pts is None or packet.is_keyframe:
            return True
        following = bisect_right(times, packet.pts)
        return following == len(times) or slot(packet.pts) < slot(times[following])

    for packet in packets:
        held.append(packet)
        if packet.pts is not None and not packet.is_discard:
            insort(times, packet.pts)
            del times[: -4 * MAX_REORDER]
        if len(held) > MAX_REORDER:
            yield held[0], needed(held.popleft())
    yield from ((packet, needed(packet)) for packet in held)


def _without_tails(packets: Iterator[tuple[av.Packet, bool]], context) -> Plan:
    tail: list[av.Packet] = []  # what is not needed since the last that is
    current = next(packets, None)
    while current:
        (packet, needed), following = current, next(packets, None)
        if needed:
            dropped = tail and not _leads(following, packet) and _starts_anew(packet, context)
            yield from ((one, NOT if dropped else FOR_OTHERS) for one in tail)
            yield packet, WHOLE
            tail.clear()
        else:
            tail.append(packet)
        current = following
    yield from ((one, FOR_OTHERS) for one in tail)


def _leads(following: tuple[av.Packet, bool] | None, packet: av.Packet) -> bool:
    """Whether the next packet is shown before this one, or may be: it may refer to what precedes both."""
    if following is None:
        return False
    return packet.pts is None or following[0].pts is None or following[0].pts < packet.pts


def _starts_anew(packet: av.Packet, context) -> bool:
    """Whether what is shown after this picture refers to nothing before it: an IDR, in HEVC also a CRA."""
    if not packet.is_keyframe:
        return False
    if context.name == "h264":
        return any(header & 31 == 5 for header in _headers(packet, context.extradata, 4))
    if context.name == "hevc":
        return any(16 <= header >> 1 & 63 <= 21 for header in _headers(packet, context.extradata, 21))
    return False


def _headers(packet: av.Packet, extradata: bytes | None, length_at: int) -> Iterator[int]:
    """First byte of each NAL unit, which stand after their lengths (MP4, Matroska) or after start codes."""
    data = bytes(packet)
    if not extradata or extradata[0] != 1:
        yield from (match[1][0] for match in re.finditer(b"\0\0\1(.)", data, re.DOTALL))
        return
    width, position = (extradata[length_at] & 3) + 1, 0
    while position + width < len(data):
        yield data[position + width]
        position += width + int.from_bytes(data[position : position + width])
