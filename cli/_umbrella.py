"""comedian: lists the commands and runs them, each loaded only when it is called."""

import sys
from collections.abc import Sequence
from importlib import import_module

from comedian.version import VERSION

COMMANDS = {
    "extract-frames": "decode videos to frames files",
    "build-bank": "features of a teacher, for distillation",
    "pretrain-spatial": "step 1: self-supervision of the spatial transformer",
    "distill": "step 2: distillation of the bank into both transformers",
    "finetune": "step 3: from labelled actions to a spotter",
    "spot": "find actions in videos",
    "nms": "thin spots to one an action",
    "evaluate": "the official score of spots",
    "tune-nms": "suppression settings from saved scores and labels",
    "check-data": "what would go wrong with videos, labels and the like",
    "convert-spots": "spots and labels in other forms, markers for editors",
    "draw-timeline": "a page of a match, to look at and correct",
    "export-model": "a spotter as ONNX, for a laptop and other programs",
    "cut-clips": "from spots and their video to clips and a reel",
}
WITHIN = {  # programs of other projects have these names: they run as `comedian NAME` only
    "info": "what a file is, who made it and from what",
    "diff": "how two files of one kind differ",
    "check-recipe": "what would stop the full recipe, before its first hour",
    "completion": "a script by which bash, zsh or fish completes all of these",
}

USAGE = "Usage: comedian COMMAND [ARGS]…   (COMMAND --help explains)"
OWN = "Each is a command of its own, too:"
ONLY = "And by way of comedian only:"


def main(argv: Sequence[str] | None = None) -> None:
    """Run `comedian COMMAND ARGS…`; without a command, list them."""
    words = sys.argv[1:] if argv is None else list(argv)
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, "", OWN, *_listed(COMMANDS), "", ONLY, *_listed(WITHIN), "", sep="\n")
        print("Example: spot match.mkv | nms --soft | evaluate")
    elif words[0] == "--version":
        print("comedian", VERSION)
    elif words[0] in COMMANDS | WITHIN:
        import_module(f".{words[0].replace('-', '_')}", __package__).main(words[1:])
    else:
        print(
            f"comedian: no command {words[0]!r}; use one of {', '.join(COMMANDS | WITHIN)}", file=sys.stderr
        )
        sys.exit(2)


def _listed(commands: dict[str, str]) -> list[str]:
    return [f"  {name:<18}{about}" for name, about in commands.items()]
