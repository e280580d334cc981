"""Markers for editing programs: a marker EDL for DaVinci Resolve, and FCPXML for Final Cut."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from comedian.formats.moments import Placed

RESOLVE_START_SECONDS = 3600  # Resolve's timelines begin at 01:00:00:00
FCPXML = "1.10"


def edl(placed: Sequence[Placed], fps: float) -> str:
    """Resolve's marker EDL: an event of a frame and a note for each, from 01:00:00:00, non-drop."""
    lines = ["TITLE: moments", "FCM: NON-DROP FRAME", ""]
    for number, (seconds, moment) in enumerate(placed, 1):
        frame = round(Fraction(seconds) * _rate(fps)) + RESOLVE_START_SECONDS * round(fps)
        times = [_timecode(at, fps) for at in (frame, frame + 1, frame, frame + 1)]
        lines.append(f"{number % 1000:03d}  001      V     C        {' '.join(times)}")
        name = " ".join(moment["label"].replace("|", "/").split())
        note = f"{moment['confidence']:.2f}" if "confidence" in moment else ""
        lines += [f" {note and 'confidence ' + note} |C:ResolveColorBlue |M:{name} |D:1", ""]
    return "\n".join(lines) + "\n"


def fcpxml(placed: Sequence[Placed], fps: float) -> str:
    """A project of one clip with markers; times are rationals of a second (Apple's DTD of FCPXML 1.10)."""
    frame = 1 / _rate(fps)
    video = placed[0].moment["video"] if placed else "video.mov"
    length = _rational(max([seconds for seconds, _ in placed], default=0) + 60, frame)
    root = Element("fcpxml", version=FCPXML)
    resources = SubElement(root, "resources")
    SubElement(resources, "format", id="r1", frameDuration=_text(frame), width="1920", height="1080")
    name = Path(video).name or "video"
    asset = SubElement(resources, "asset", id="r2", name=name, start="0s", duration=length, hasVideo="1")
    asset.set("format", "r1")
    SubElement(asset, "media-rep", kind="original-media", src=Path(video or "video").absolute().as_uri())
    event = SubElement(SubElement(root, "library"), "event", name="moments")
    project = SubElement(event, "project", name=name)
    spine = SubElement(SubElement(project, "sequence", format="r1", duration=length), "spine")
    clip = SubElement(spine, "asset-clip", ref="r2", name=name, offset="0s", start="0s", duration=length)
    for seconds, moment in placed:
        start = _rational(seconds, frame)
        SubElement(clip, "marker", start=start, duration=_text(frame), value=moment["label"])
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n'


def _rate(fps: float) -> Fraction:
    """Frames a second; 29.97 and its like are the 30000/1001 that television means by them."""
    television = Fraction(1000 * round(fps), 1001)
    return television if abs(fps - television) < 0.005 else Fraction(fps).limit_denominator(1001)


def _timecode(frame: int, fps: float) -> str:
    rate = round(fps)
    seconds, rest = divmod(frame, rate)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}"


def _rational(seconds: float, frame: Fraction) -> str:
    return _text(round(Fraction(seconds) / frame) * frame)


def _text(seconds: Fraction) -> str:
    whole = seconds.denominator == 1
    return f"{seconds.numerator}s" if whole else f"{seconds.numerator}/{seconds.denominator}s"
