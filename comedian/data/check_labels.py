"""Findings about labelled actions: when they are, and what they are called."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from comedian.data.findings import Finding
from comedian.data.remarks import inside
from comedian.errors import some_of
from comedian.evaluation.cells import HALF_SECONDS
from comedian.evaluation.remarks import OFF_MATCH_CLOCK, is_on_match_clock
from comedian.formats.actions import NOT_SHOWN, VISIBLE, Action
from comedian.formats.classes import classes_meant, quoted, spelt_alike
from comedian.formats.clocks import clock
from comedian.formats.naming import HALVES
from comedian.recipes.model import SOCCERNET_CLASSES

FPS = 2  # frames a second of SoccerNet's evaluation
VIDEO_OF_LABELS = "give the video that they were made on, or mend them"


def check_actions(
    file: str | Path, actions: Sequence[Action], ends_seconds: Mapping[int, float], fps: int
) -> Iterator[Finding]:
    """Look at the times of a game's labels.

    Args:
        file: what findings name.
        ends_seconds: where the halves that are there end, by number; empty where no video is known.
        fps: frames a second of the evaluation.
    """
    if not actions:
        yield Finding(file, "holds no label", "label the game, or leave it out")
        return
    on_match_clock = is_on_match_clock(actions)
    if on_match_clock:
        what = "all labels of half 2 lie past 45:00, as on the match clock"
        yield Finding(file, what, OFF_MATCH_CLOCK)
    yield from _of_other_halves(file, actions, ends_seconds)
    for half, end in sorted(ends_seconds.items()):
        own = [action for action in actions if action.half == half]
        if not (on_match_clock and half == HALVES[-1]):
            yield from _outside(file, own, half, end)
        if not own:
            what = f"holds no label of half {half}"
            yield Finding(file, f"{what}, which is all taken for background", "label it, or leave it out")
    for half in HALVES if not ends_seconds else ():
        yield from _outside(file, [action for action in actions if action.half == half], half, HALF_SECONDS)
    yield from _doubled(file, actions, fps)
    yield from _visibilities(file, actions)


def _of_other_halves(
    file: str | Path, actions: Iterable[Action], ends_seconds: Mapping[int, float]
) -> Iterator[Finding]:
    """Labels of halves that are not there, or that do not count."""
    counts = Counter(action.half for action in actions)
    for half in sorted(counts.keys() - set(ends_seconds or HALVES)):
        if half in HALVES:
            what = f"{_count(counts[half])} of half {half}, of which there is no video"
            yield Finding(file, what, "get that half, too, or give labels of the one that is there")
        else:
            what = f"{_count(counts[half])} of half {half}; only 1 and 2 are scored and trained on"
            yield Finding(file, what, "say where it lies in its file with periods, or take them out")


def _outside(file: str | Path, actions: list[Action], half: int, end: float) -> Iterator[Finding]:
    """Labels before the start or past the end of their half."""
    kept = set(inside(actions, end))
    late = [action for action in actions if action not in kept and action.position_ms > 0]
    if late:
        last = clock(max(action.position_ms for action in late) / 1000)
        what = f"{_count(len(late))} past the end of half {half} ({clock(end)}), the last at {last}"
        yield Finding(file, what, VIDEO_OF_LABELS)
    if early := [action for action in actions if action not in kept and action.position_ms < 0]:
        what = f"{_count(len(early))} before the start of half {half}"
        yield Finding(file, what, VIDEO_OF_LABELS)


def _doubled(file: str | Path, actions: Iterable[Action], fps: int) -> Iterator[Finding]:
    """Labels of a class that fall into one frame of the evaluation, which counts them once."""
    frames = Counter(
        (action.half, action.label, int(fps * (int(action.position_ms) / 1000))) for action in actions
    )
    twice = [frame for frame, number in frames.items() if number > 1]
    if twice:
        more = sum(frames.values()) - len(frames)
        half, label, frame = min(twice, key=lambda one: (one[0], one[2]))
        place = f"{label!r} at {half} - {clock(frame / fps)}"
        what = f"{_count(more)} in one frame (1/{fps} s) with another of its class, first {place}"
        yield Finding(file, what, "two count as one; take one away, or score with a higher --fps")


def _visibilities(file: str | Path, actions: Iterable[Action]) -> Iterator[Finding]:
    odd = sorted({action.visibility for action in actions} - {VISIBLE, NOT_SHOWN, ""})
    if odd:
        what = f"visibility {some_of(list(map(repr, odd)))} counts as visible"
        yield Finding(file, what, f"write {VISIBLE!r} or {NOT_SHOWN!r}")


def check_classes(labels: Mapping[str | Path, Counter], given: Sequence[str] | None) -> Iterator[Finding]:
    """Look at the names of classes.

    Args:
        labels: how often each name stands in a file.
        given: the classes that are wanted; None takes SoccerNet's where one of them is there.
    """
    everything: Counter = sum(labels.values(), Counter())
    classes = classes_meant(everything, given)
    are_known = given is not None or classes == SOCCERNET_CLASSES
    for file, counts in labels.items():
        if are_known and (unknown := counts.keys() - set(classes)):
            what = f"names that are no classes: {quoted(unknown, classes)}"
            yield Finding(file, what, "mend them, or name all classes with --classes")
    if not are_known and (alike := spelt_alike(everything)):
        some = some_of([" and ".join(map(repr, names)) for names in alike])
        yield Finding(next(iter(labels)), f"spells a class in several ways: {some}", "take one of them")
    if given and everything and (absent := [name for name in given if name not in everything]):
        what = f"{len(absent)} of {len(given)} classes have no label: {some_of(absent)}"
        yield Finding("--classes", what, "leave them out, or give labels of them")


def _count(number: int) -> str:
    return "1 label" if number == 1 else f"{number} labels"
