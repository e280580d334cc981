"""Sportscode's XML, which Nacsport, LongoMatch, Angles and kloppy read, too.

    <file><ALL_INSTANCES><instance><ID>1</ID><start>128.4</start><end>136.2</end><code>Goal</code>
    <label><group>Half</group><text>1</text></label></instance></ALL_INSTANCES><ROWS>…</ROWS></file>

Seconds are on the file's timeline. Other letters than ASCII are character references.
"""

import re
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from comedian.errors import InputError
from comedian.formats.actions import IN_FILE
from comedian.formats.clocks import parse_clock
from comedian.formats.entries import confidence_in, number_in
from comedian.formats.moments import Moment, Placed

LARGEST = 1 << 26  # characters; a match of ten thousand instances has 2 million
REMEDY = "give an XML of Sportscode: <file><ALL_INSTANCES><instance>…"
FLOAT = re.compile(r"\d{1,9}(?:\.\d{0,30})?(?:[eE][-+]?\d{1,2})?", re.ASCII)
COLOURS = (  # told apart also by the colour-blind (Okabe and Ito), of 65535
    (0, 24310, 50358),
    (58853, 33667, 0),
    (0, 40606, 29555),
    (52428, 29555, 43176),
    (60652, 57568, 16962),
)


def fits(text: str) -> bool:
    """Whether it begins as XML and has instances."""
    return text.lstrip("\ufeff \n\r\t").startswith("<") and "<ALL_INSTANCES" in text


def read(text: str, file: str, before_seconds: float = 0.0) -> list[Moment]:
    """The moments that lie `before_seconds` behind the start of each instance.

    Raises:
        InputError: it is no XML, declares entities, or an instance lacks its start or code.
    """
    if len(text) > LARGEST:
        raise InputError(
            f"has {len(text):,} characters, more than {LARGEST:,}", file, "give a match at a time"
        )
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise InputError("declares a document type or entities", file, "take them away")
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff"))
    except ElementTree.ParseError as error:
        raise InputError(f"is not XML: {error}", file, REMEDY) from None
    found = []
    for number, instance in enumerate(root.iter("instance"), 1):
        start, code = instance.findtext("start"), instance.findtext("code")
        try:
            if not start or not code:
                raise ValueError("has no start or no code")
            position_ms = round(1000 * (_seconds(start) + before_seconds))
        except ValueError as error:
            raise InputError(str(error), f"{file}: instance {number}", REMEDY) from None
        moment = {"video": "", "half": IN_FILE, "position_ms": position_ms, "label": code.strip()}
        found.append(moment | _labels(instance, f"{file}: instance {number}"))
    return found


def _seconds(text: str) -> float:
    """Seconds as programs write them, 1.86000001430 or 9.5e-07, or as people do; ValueError if none."""
    return (
        float(number_in({"start": text}, "start")) if FLOAT.fullmatch(text.strip()) else parse_clock(text)
    )


def _labels(instance: Element, place: str) -> Moment:
    """Confidence and team, where we or others wrote them as labels of an instance."""
    texts = {
        (one.findtext("group") or "").strip(): one.findtext("text") or "" for one in instance.iter("label")
    }
    found: Moment = {"team": texts["Team"]} if texts.get("Team") else {}
    if text := texts.get("Confidence"):
        try:
            found["confidence"] = confidence_in({"confidence": text})
        except ValueError as error:
            raise InputError(str(error), place, REMEDY) from None
    return found


def write(placed: Iterable[Placed], before_seconds: float, after_seconds: float) -> str:
    """Instances from so many seconds before each moment to so many behind it."""
    placed = list(placed)
    root = Element("file")
    SubElement(SubElement(root, "SORT_INFO"), "sort_type").text = "sort order"
    instances = SubElement(root, "ALL_INSTANCES")
    for number, (seconds, moment) in enumerate(placed, 1):
        one = SubElement(instances, "instance")
        SubElement(one, "ID").text = str(number)
        SubElement(one, "start").text = f"{max(seconds - before_seconds, 0):.3f}"
        SubElement(one, "end").text = f"{seconds + after_seconds:.3f}"
        SubElement(one, "code").text = moment["label"]
        for group, key in (("Half", "half"), ("Confidence", "confidence"), ("Team", "team")):
            if moment.get(key) not in (None, "", IN_FILE):
                label = SubElement(one, "label")
                SubElement(label, "group").text = group
                SubElement(label, "text").text = str(moment[key])
    rows = SubElement(root, "ROWS")
    for number, code in enumerate(dict.fromkeys(moment["label"] for _, moment in placed), 1):
        row = SubElement(rows, "row")
        SubElement(row, "sort_order").text = str(number)
        SubElement(row, "code").text = code
        for name, value in zip("RGB", COLOURS[number % len(COLOURS)], strict=True):
            SubElement(row, name).text = str(value)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="us-ascii", xml_declaration=True).decode() + "\n"
