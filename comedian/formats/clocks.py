"""Times as people write them: `44:59.5`, `1:02:05`, or plain seconds."""

import re

CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,9}(?:[.,]\d{1,30})?)", re.ASCII)


def parse_clock(text: str) -> float:
    """Seconds of `H:MM:SS`, `MM:SS` or `SS`, each with a fraction behind a point or a comma if need be.

    Raises:
        ValueError: it is no time, or has 60 seconds or minutes and more beside a larger unit.
    """
    match = CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time like 44:59.5")
    hours, minutes, seconds = match[1], match[2], float(match[3].replace(",", "."))
    if (minutes and seconds >= 60) or (hours and int(minutes) >= 60):
        raise ValueError(f"{text!r} is no time like 1:02:05")
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + seconds


def clock(seconds: float) -> str:
    """MM:SS of a time in a half, rounded down; minutes go on after 59."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def hours_clock(seconds: float) -> str:
    """H:MM:SS.mmm of a time in a file, to the nearest millisecond."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}.{milliseconds:03d}"
