"""cut-clips: from spots and a video to clips and a reel."""

import json
from pathlib import Path
from typing import Annotated

import typer

from comedian.errors import InputError, some_of
from comedian.spotting.listing import best, chosen

from ._app import command
from ._io import SPOTS, open_spots
from ._options import NoRemarks, by_name
from ._outputs import check_output, refuse_inputs
from ._precision import Judged, Precision, thresholds_of
from ._say import speaker

NAME = "cut-clips"
LABEL = typer.Option(metavar="LABEL", help="Only spots of this label; repeatable [default: all].")
BEFORE = typer.Option(min=0, max=3600, metavar="SECONDS", help="Shown before a spot.")
AFTER = typer.Option(min=0, max=3600, metavar="SECONDS", help="Shown after it.")
THRESHOLD = typer.Option(min=0, metavar="FRACTION", help="Least confidence of a spot.")
TOP = typer.Option(min=1, metavar="NUMBER", help="Only the best of all.")
VIDEO = typer.Option(
    callback=by_name("videos"), metavar="FILE", help="The video [default: as the spots name it]."
)
EXACT = typer.Option(
    "--exact", help="Encode anew, exact to a picture; else copied from the keyframe before."
)
OUTPUT = typer.Option(
    "--output", "-o", callback=by_name("clips"), metavar="FOLDER", help="Folder for the clips."
)
REEL = typer.Option(
    callback=by_name("a reel"), metavar="FILE", help="All clips in one file, each a chapter (.mp4, .mkv)."
)


def cut_clips(
    spots: Annotated[str, SPOTS] = "-",
    label: Annotated[list[str] | None, LABEL] = None,
    before: Annotated[float, BEFORE] = 10.0,
    after: Annotated[float, AFTER] = 5.0,
    threshold: Annotated[float, THRESHOLD] = 0.0,
    precision: Precision = None,
    model: Judged = None,
    top: Annotated[int | None, TOP] = None,
    video: Annotated[Path | None, VIDEO] = None,
    exact: Annotated[bool, EXACT] = False,
    output: Annotated[Path | None, OUTPUT] = None,
    reel: Annotated[Path | None, REEL] = None,
    quiet: NoRemarks = False,
) -> None:
    """Cut the moments around spots out of their video, with their sound; overlapping ones become one.

    Writes one JSON line a clip to standard output: file, video, seconds, labels.
    """
    if output is None and reel is None:
        raise InputError("no output was given", remedy="name a folder with -o, or a file with --reel")
    if reel:
        check_output(reel)
    from comedian.video.clips import finder, plan
    from comedian.video.cutting import cut, within
    from comedian.video.cutting import reel as write_reel

    say = speaker(NAME, quiet)
    least = thresholds_of(precision, model, say)
    with open_spots(spots, NAME) as found:
        wanted = chosen(found, label, threshold, least)
    planned = plan(best(wanted, top) if top else wanted, finder(spots, video), before, after)
    refuse_inputs([reel] if reel else [], [clip.video for clip in planned])
    clips = within(planned)
    remarks = {
        f"no spot of {some_of(label or ['any label'])}: nothing to cut": not clips,
        f"{len(planned) - len(clips)} clips lie behind the end of their video": len(clips) < len(planned),
    }
    for message in [text for text, holds in remarks.items() if holds]:
        say(message)
    for path, clip in cut(clips, output, exact) if output else ():
        about = {"file": str(path), "video": str(clip.video), "start_seconds": round(clip.start, 3)}
        about |= {"end_seconds": round(clip.end, 3), "labels": clip.labels}
        print(json.dumps(about, ensure_ascii=False), flush=True)
    if reel and clips:
        write_reel(clips, reel, exact)


main = command(
    cut_clips, example="nms spots.jsonl --hard | cut-clips --label Goal -o clips --reel goals.mp4"
)
