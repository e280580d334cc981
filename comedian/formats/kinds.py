"""What a file is, by what it holds: of our kinds, or of those that we read."""

import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from comedian.errors import InputError
from comedian.formats import bank, frames, scores, tokens
from comedian.formats.features import MAGIC as NPY_MAGIC
from comedian.formats.hdf5 import kind_of as hdf5_format
from comedian.formats.labels import FORMS, TEXT_SUFFIXES, text_form
from comedian.formats.naming import VIDEO_SUFFIXES
from comedian.formats.periods import SUFFIX as PERIODS_SUFFIX
from comedian.formats.records import NEEDED
from comedian.formats.soccernet import RESULTS_NAME
from comedian.formats.soccernet_labels import LABELS_NAMES
from comedian.formats.text import UTF8_MARK

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"  # HDF5 File Format Specification, II.A
ZIP_MAGIC = b"PK\x03\x04"
HDF5_KINDS = {
    kind.format: name
    for name, kind in (
        ("frames", frames.KIND),
        ("bank", bank.KIND),
        ("scores", scores.KIND),
        ("tokens", tokens.KIND),
    )
}
KINDS = (
    "frames",
    "bank",
    "scores",
    "tokens",
    "weights",
    "state",
    "epochs",
    "spots",
    "labels",
    "results",
    "features",
    "video",
    "list",
    "recipe",
    "settings",
    "periods",
    "folder",
)
NAMED = {  # where the content does not tell
    ".txt": "list",
    ".toml": "recipe",
    ".h5": "frames",
    ".npy": "features",
    ".resume": "state",
    ".zip": "results",
    **dict.fromkeys((".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".onnx"), "weights"),
}
START_BYTES = 1 << 16
JSON_BYTES = 1 << 28  # of one JSON value that are read to see what it is


def kind_of(path: str | Path) -> str | None:
    """The kind of a file, one of `KINDS`; None where it is none of them.

    Text is told by what it says, else the first bytes tell; of videos, lists and recipes the names.

    Raises:
        InputError: there is no such file.
    """
    path = Path(path)
    if path.is_dir():
        return "folder"
    if not path.exists():
        raise InputError("no such file", path, "check the path")
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    if start.startswith(HDF5_MAGIC):
        return HDF5_KINDS.get(hdf5_format(path) or _told_by(start), "frames")
    if start.startswith(NPY_MAGIC):
        return "features"
    if start.startswith(ZIP_MAGIC):
        return _of_zip(path)
    if start[8:9] == b"{" and b"\0" in start[:8]:
        return "weights"
    suffix = path.suffix.lower()
    if suffix == ".toml" and _tables(path) in ({"default"}, {"classes"}, {"default", "classes"}):
        return "settings"
    if suffix in VIDEO_SUFFIXES or suffix in NAMED:
        return NAMED.get(suffix, "video")
    return _of_text(path, start)


def _told_by(start: bytes) -> str:
    """What a damaged HDF5 file says that it is, where that can still be read."""
    return next((name for name in HDF5_KINDS if name.encode() in start), "")


def _of_zip(path: Path) -> str | None:
    """SoccerNet's results, or what torch saves: a state to resume from, or others' weights."""
    try:
        names = zipfile.ZipFile(path).namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        names = []
    suffix = path.suffix.lower()
    if any(name.endswith("/data.pkl") for name in names):
        return "state" if suffix == ".resume" else "weights"
    return "results" if any(name.endswith(RESULTS_NAME) for name in names) else NAMED.get(suffix)


def _of_text(path: Path, start: bytes) -> str | None:
    """JSON of ours or of others, by its first line or else by all of it."""
    first = next((line for line in start.removeprefix(UTF8_MARK).splitlines() if line.strip()), b"")
    content = _json(first)
    if (
        content is None
        and start.lstrip(UTF8_MARK + b" \t\r\n")[:1] in (b"{", b"[")
        and path.stat().st_size <= JSON_BYTES
    ):
        content = _json(path.read_bytes().removeprefix(UTF8_MARK))
    if isinstance(content, dict) and {"position_ms", "video_ms"} & content.keys():
        return "spots" if "confidence" in content else "labels"
    if isinstance(content, dict) and content.keys() >= NEEDED.keys():
        return "epochs"
    if path.name in (*LABELS_NAMES, RESULTS_NAME):
        return "results" if path.name == RESULTS_NAME else "labels"
    if path.name.endswith(PERIODS_SUFFIX):
        return "periods"
    if isinstance(content, dict) and isinstance(content.get("predictions"), list):
        return "results"
    if content is not None and any(form.fits(content) for form in FORMS):
        return "labels"
    if path.suffix.lower() in TEXT_SUFFIXES and path.stat().st_size <= JSON_BYTES and _is_labels(path):
        return "labels"
    return "spots" if path.suffix.lower() == ".jsonl" else None


def _is_labels(path: Path) -> bool:
    """Whether a text that is no JSON holds labels."""
    try:
        return text_form(path.read_bytes().removeprefix(UTF8_MARK).decode()) is not None
    except ValueError:
        return False


def _tables(path: Path) -> set[str]:
    """The names at the top of a TOML file."""
    try:
        return set(tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError):
        return set()


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
