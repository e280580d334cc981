"""Names on the Hugging Face hub: its own cache, in a folder of the test's, and no network."""

from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import OfflineModeIsEnabled

from comedian.errors import InputError
from comedian.weights import hub
from comedian.weights.hub import PUBLISHED, fetch, fetch_published

SEED_42 = "comedian_vivit_tiny_seed42.pth"


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path) -> Path:
    """The hub's cache, empty; what is not there cannot be had."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    hub._only_weights.cache_clear()
    yield tmp_path
    hub._only_weights.cache_clear()


def cached(cache: Path, repo: str, *names: str) -> Path:
    """Files of a repository, as the hub's cache keeps them."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    for name in names:
        file = folder / "snapshots" / ("0" * 40) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return folder / "snapshots" / ("0" * 40)


def test_a_path_is_itself():
    assert fetch("a/b.pth") == fetch(Path("a/b.pth")) == "a/b.pth"


def test_what_the_cache_holds_needs_no_network(offline):
    folder = cached(offline, "me/mine", "README.md", "a/w.safetensors")
    assert fetch("hf:me/mine/a/w.safetensors") == str(folder / "a/w.safetensors")
    assert fetch("hf:me/mine") == str(folder / "a/w.safetensors")


def test_the_authors_weights_without_a_file_are_their_first_seed(offline):
    folder = cached(offline, "juliendenize/COMEDIAN-ViViT-tiny", "comedian_vivit_tiny_seed203.pth", SEED_42)
    assert fetch(PUBLISHED) == fetch_published() == str(folder / SEED_42)
    assert fetch(f"{PUBLISHED}/comedian_vivit_tiny_seed203.pth").endswith("seed203.pth")


def test_a_repository_of_several_weights_wants_a_file_named(offline):
    cached(offline, "me/many", "b.ckpt", "a.pth", "notes.txt")
    with pytest.raises(InputError) as caught:
        fetch("hf:me/many")
    assert (
        str(caught.value) == "hf:me/many: holds several weights: a.pth, b.ckpt; name one: hf:me/many/a.pth"
    )
    cached(offline, "me/none", "notes.txt")
    with pytest.raises(InputError, match="hf:me/none: holds no weights; name one: hf:me/none/FILE"):
        fetch("hf:me/none")


def test_a_download_happens_once_and_the_listing_too(offline, monkeypatch):
    asked = []

    def download(repo, file, local_files_only=False):
        asked.append((repo, file, local_files_only))
        if local_files_only and len(asked) == 1:
            raise huggingface_hub.errors.LocalEntryNotFoundError("not there")
        return f"/cache/{file}"

    def listing(repo):
        asked.append(repo)
        return ["README.md", "only.pt", "config.json"]

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "list_repo_files", listing)
    assert fetch("hf:me/it/x/w.pth") == "/cache/x/w.pth"
    assert asked == [("me/it", "x/w.pth", True), ("me/it", "x/w.pth", False)]
    asked[1:] = []
    assert [fetch("hf:me/it"), fetch("hf:me/it")] == ["/cache/only.pt"] * 2
    assert asked[1:] == ["me/it", ("me/it", "only.pt", True), ("me/it", "only.pt", True)]


@pytest.mark.parametrize("name", ["hf:", "hf:one", "hf:one/", "hf:/two", "hf://x"])
def test_half_a_name_is_refused(name):
    with pytest.raises(InputError, match="is not a hub name; write hf:OWNER/REPO or hf:OWNER/REPO/FILE"):
        fetch(name)


def test_without_a_network_it_is_one_line_and_nothing_is_logged(capfd):
    unreached = "the hub cannot be reached, and its cache does not hold the file"
    with pytest.raises(InputError) as caught:
        fetch("hf:me/absent/w.pth")
    assert str(caught.value) == (
        f"hf:me/absent/w.pth: cannot be fetched: {unreached}; check the name and the network, or download "
        "the file elsewhere and name it"
    )
    with pytest.raises(InputError, match=r"hf:me/absent: cannot be fetched: .*offline mode") as caught:
        fetch("hf:me/absent")
    assert isinstance(caught.value.__cause__, OfflineModeIsEnabled)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        fetch_published()
    assert str(caught.value) == (
        f"no model was named, and the published {PUBLISHED} cannot be fetched: {unreached}; "
        "name one with --model or COMEDIAN_MODEL"
    )
    assert capfd.readouterr() == ("", "")
