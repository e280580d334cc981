"""Labels in JSON as moments, with what stands beside a label: team, confidence, keys of our own form."""

from collections.abc import Collection
from typing import Any

from comedian.errors import InputError
from comedian.formats import labels
from comedian.formats.actions import IN_FILE, NOT_SHOWN, VISIBLE, Form
from comedian.formats.entries import confidence_in, is_there, read_entries
from comedian.formats.moments import Moment, of_actions
from comedian.formats.periods import VIDEO_MS

NO_TEAM = "not applicable"  # as SoccerNet writes it
ACTION = frozenset({"video", "half", "position_ms", "label", "visibility"})
EVENTS = {"videos": "annotations", "data": "events"}  # of OSL JSON 1 and 2.0


def read(text: str, file: str, forms: Collection[Form] = ()) -> list[Moment]:
    """The moments of labels in JSON of one of these forms, or of any; raises as `labels.read_labels`."""
    content = labels.parse(text, file)
    if forms and not any(form.fits(content) for form in forms):
        raise InputError(f"is not {' or '.join(form.name for form in forms)}", file, "leave --from away")
    moments = of_actions(labels.sets_of(content, file))
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        _name_halves(moments, content.get("UrlLocal"))
    own = isinstance(content, list) and not any("events" in one for one in content)
    beside = read_entries(
        _entries(content), _own if own else _others, f"{file}: entry", "texts and numbers"
    )
    return [{**moment, **more} for moment, more in zip(moments, beside, strict=True)]


def on_one_timeline(moments: list[Moment], file: str) -> list[Moment]:
    """SoccerNet Ball's labels, all of half 1, as moments in a file; InputError for other halves."""
    if other := {moment["half"] for moment in moments} - {1}:
        raise InputError(
            f"holds half {min(other)}, SoccerNet Ball has one", file, "give --from soccernet-labels"
        )
    return [{**moment, "half": IN_FILE, "video": moment["video"].removesuffix("/1")} for moment in moments]


def _entries(content: Any) -> list[dict]:
    """What each action was read from, in the order of the actions."""
    if isinstance(content, list):
        return [event for one in content for event in one.get("events", [one])]
    if isinstance(content.get("annotations"), list):
        return content["annotations"]
    key = next(key for key in EVENTS if isinstance(content.get(key), list))
    return [_in_file(event, record) for record in content[key] for event in record[EVENTS[key]]]


def _in_file(event: dict, record: dict) -> dict:
    """An event of OSL; where intervals tell its half, its time is that of the file."""
    metadata = record.get("metadata")
    if isinstance(metadata, dict) and metadata.get("intervals"):
        return {**event, VIDEO_MS: event["position_ms"]}
    return event


def _own(entry: dict) -> Moment:
    """All keys but those of an action."""
    more = {key: value for key, value in entry.items() if key not in ACTION}
    return more | ({"confidence": confidence_in(entry)} if is_there(entry, "confidence") else {})


def _others(entry: dict) -> Moment:
    """Team, confidence and time in the file; E2E-Spot's comments are such as "home; not shown"."""
    more = {key: entry[key] for key in ("team", VIDEO_MS) if is_there(entry, key)}
    words = str(entry.get("comment", "")).split("; ")
    if len(words) == 2 and words[1] in (VISIBLE, NOT_SHOWN):
        more["team"] = words[0]
    if more.get("team") == NO_TEAM:
        del more["team"]
    for key in ("confidence", "confidence_score"):  # OSL's, of either program
        if is_there(entry, key):
            return more | {"confidence": confidence_in({"confidence": entry[key]})}
    return more


def _name_halves(moments: list[Moment], game: Any) -> None:
    """Name the videos of SoccerNet's labels: GAME/1."""
    game = game.strip("/") if isinstance(game, str) else ""
    for moment in moments:
        moment["video"] = f"{game}/{moment['half']}" if game and moment["half"] != IN_FILE else game
