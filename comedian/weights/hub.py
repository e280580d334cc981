"""Weights of the Hugging Face hub, by names such as hf:OWNER/REPO/FILE, kept in the hub's own cache."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import LocalEntryNotFoundError
from huggingface_hub.utils import logging

from comedian.errors import InputError

PREFIX = "hf:"
PUBLISHED = "hf:juliendenize/COMEDIAN-ViViT-tiny"  # the paper's ViViT-T, fine-tuned
PUBLISHED_FILES = {  # the authors published three seeds of each; without a file's name it is the first
    "juliendenize/COMEDIAN-ViViT-tiny": "comedian_vivit_tiny_seed42.pth",
    "juliendenize/COMEDIAN-ViSwin-tiny": "comedian_viswin_tiny_seed42.pth",
}
WEIGHTS_SUFFIXES = (".safetensors", ".ckpt", ".pth", ".pt", ".bin")
SHOWN = 200  # characters of another library's error


def fetch(name: str | Path) -> str:
    """The file that a name stands for: `hf:…` is downloaded unless the cache has it, a path is itself.

    Raises:
        InputError: it cannot be fetched, or no file is named and the repository holds none or several.
    """
    name = str(name)
    if not name.startswith(PREFIX):
        return name
    owner, _, rest = name.removeprefix(PREFIX).partition("/")
    project, _, file = rest.partition("/")
    if not owner or not project:
        raise InputError("is not a hub name", name, "write hf:OWNER/REPO or hf:OWNER/REPO/FILE")
    repo = f"{owner}/{project}"
    with _one_line_of_trouble(name):
        file = file or PUBLISHED_FILES.get(repo) or _only_weights(repo)
        try:
            return huggingface_hub.hf_hub_download(repo, file, local_files_only=True)
        except LocalEntryNotFoundError:
            return huggingface_hub.hf_hub_download(repo, file)


def fetch_published(say: Callable[[str], None] = lambda message: None) -> str:
    """The file of the authors' fine-tuned ViViT-T, which stands in, and `say` is told so, for no name."""
    try:
        file = fetch(PUBLISHED)
    except InputError as error:
        what = f"no model was named, and the published {error.file} {error.what}"
        raise InputError(what, remedy="name one with --model or COMEDIAN_MODEL") from error
    say(f"no --model, using the published {PUBLISHED}")
    return file


@cache
def _only_weights(repo: str) -> str:
    """The one weights file of a repository, as the hub lists it, or without a network the cache."""
    try:
        names = huggingface_hub.list_repo_files(repo)
    except Exception:  # the hub's, of HTTP, of sockets
        names = _cached(repo)
        if not names:
            raise
    found = sorted(name for name in names if name.endswith(WEIGHTS_SUFFIXES))
    if len(found) == 1:
        return found[0]
    what = f"holds several weights: {', '.join(found)}" if found else "holds no weights"
    raise InputError(what, PREFIX + repo, f"name one: {PREFIX}{repo}/{found[0] if found else 'FILE'}")


def _cached(repo: str) -> list[str]:
    """The files of a repository that the cache holds."""
    try:
        folder = Path(huggingface_hub.snapshot_download(repo, local_files_only=True))
    except LocalEntryNotFoundError:
        return []
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


@contextmanager
def _one_line_of_trouble(name: str) -> Iterator[None]:
    """Errors of the hub, of HTTP and of sockets in one line, without their remarks about trying again."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join((str(error) or type(error).__name__).split())[:SHOWN].rstrip(".")
        if isinstance(error, LocalEntryNotFoundError):
            reason = "the hub cannot be reached, and its cache does not hold the file"
        remedy = "check the name and the network, or download the file elsewhere and name it"
        raise InputError(f"cannot be fetched: {reason}", name, remedy) from error
    finally:
        logging.set_verbosity(before)
