import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from comedian.errors import InputError
from comedian.formats import checkpoint as module
from comedian.formats.checkpoint import Header, load_checkpoint, read_header, save_checkpoint
from comedian.formats.frames import Geometry
from comedian.recipes.model import ModelRecipe

HEADER = Header(
    kind="spotter",
    model=ModelRecipe(backbone="viswin", swin_depths=(1, 2), swin_heads=(3, 6), drop_path=0.05),
    geometry=Geometry(fps=2.0, width=398, height=224, sampling="screen"),
    classes=("Goal", "Yellow->red card", "Ünïcode"),
    mean=0.5,
    std=0.25,
    recipe={"optim": {"base_lr": 5e-4}, "preset": "smoke"},
    provenance=json.dumps({"command": "finetune a b", "parents": []}),
)
TENSORS = {
    "spatial.weight": torch.randn(3, 4).T,  # not contiguous
    "temporal.head.bias": torch.arange(5, dtype=torch.int64),
    "projector.0.weight": torch.randn(2, 2).bfloat16(),
}


@pytest.fixture
def path(tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", "spotter", TENSORS, HEADER)
    return tmp_path / "a.safetensors"


def refused(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        load_checkpoint(path, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_round_trip(path):
    checkpoint = load_checkpoint(path)
    assert (checkpoint.kind, checkpoint.header) == ("spotter", HEADER)
    assert read_header(path) == HEADER
    assert checkpoint.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert checkpoint.tensors[name].dtype == tensor.dtype
        assert torch.equal(checkpoint.tensors[name], tensor)


def test_a_frozen_encoder_knows_jpegs():
    """Those of older files were of the usual quality."""
    for recipe, quality in (
        ({"jpeg_quality": 70}, 0),
        ({"freeze": False, "jpeg_quality": 70}, 0),
        ({"freeze": True, "jpeg_quality": 70}, 70),
        ({"freeze": True, "jpeg_quality": 0}, 0),
        ({"freeze": True}, 90),
    ):
        assert replace(HEADER, recipe=recipe).jpeg_quality == quality
    for value in (101, "90"):
        with pytest.raises(InputError, match="jpeg_quality must be"):
            _ = replace(HEADER, recipe={"freeze": True, "jpeg_quality": value}).jpeg_quality


def test_the_header_is_plain_json_that_other_programs_read(path):
    with safe_open(path, framework="numpy") as file:
        values = {name: json.loads(text) for name, text in file.metadata().items()}
    assert (values["format"], values["version"], values["kind"]) == ("comedian weights", 2, "spotter")
    assert values["geometry"] == {"fps": 2.0, "width": 398, "height": 224, "sampling": "screen"}
    assert values["provenance"]["command"] == "finetune a b"


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_others_may_read_it_as_the_umask_says(path, mask):
    before = os.umask(mask)
    try:
        save_checkpoint(path, "spotter", TENSORS, HEADER)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_kinds(path):
    assert load_checkpoint(path, expect=("distilled", "spotter")).kind == "spotter"
    assert "is a spotter checkpoint, but a spatial is needed; run pretrain-spatial" in refused(
        path, expect="spatial"
    )
    save_checkpoint(path, "spatial", TENSORS, replace(HEADER, kind="spatial"))
    assert "is a spatial checkpoint, but a spotter is needed; run finetune" in refused(
        path, expect="spotter"
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"mean": -5.0}, "mean must be float >= 0.0, not -5.0"),
        ({"std": 0.0}, "std must be float > 0.0, not 0.0"),
        ({"classes": ["Goal", "Goal"]}, "names the class 'Goal' twice"),
        ({"provenance": 3}, "provenance must be object, not 3"),
        ({"recipe": {"spot": 3}}, "spot must be a table, not 3"),
        ({"recipe": {"spot": {"merge": "foo"}}}, "merge must be one of 'max', 'average', not 'foo'"),
        ({"recipe": {"full": {"base_lr": 1e30}}}, "base_lr must be float <= 1000000.0, not 1e+30"),
        ({"recipe": {"preset": 3}}, "preset must be str, not 3"),
        ({"model": {"backbone": "nope"}}, "model.backbone = nope cannot be built"),
        ({"model": {"mlp_ratio": 0.0}}, "mlp_ratio must be float > 0.0, not 0.0"),
    ],
)
def test_every_value_of_the_header_is_checked(path, values, told):
    with safe_open(path, framework="pt") as file:
        header = {name: json.loads(text) for name, text in file.metadata().items()}
    save_file({}, path, {name: json.dumps(value) for name, value in (header | values).items()})
    assert told in refused(path)


def test_missing(tmp_path):
    assert "no such weights file" in refused(tmp_path / "absent.safetensors")
    assert "no such weights file" in refused(tmp_path)


def test_cut_short_at_any_place(path):
    whole = path.read_bytes()
    for size in (20, 300, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "is cut short; copy or make it again" in refused(path)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"not a weights file at all", b"\x89HDF\r\n\x1a\n" + b"\0" * 64]
)
def test_not_safetensors(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    assert "is not a safetensors file; give weights made by" in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_foreign_weights(tmp_path, metadata):
    save_file({"weight": torch.ones(2)}, tmp_path / "a.safetensors", metadata)
    assert "holds weights, but not ours" in refused(tmp_path / "a.safetensors")


def test_newer_version(path, monkeypatch):
    monkeypatch.setattr(module, "VERSION", 3)
    save_checkpoint(path, "spotter", TENSORS, HEADER)
    monkeypatch.undo()
    assert "a.safetensors: was written by a newer version; update comedian" in refused(path)


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full(*args):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, "spotter", TENSORS, HEADER)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["a.safetensors"]


def rewritten(path, **changes) -> None:
    """The same file with other JSON in its header; None takes a key out."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    metadata |= {name: json.dumps(value) for name, value in changes.items()}
    kept = {name: value for name, value in metadata.items() if changes.get(name, "") is not None}
    save_file({"a": torch.ones(1)}, path, kept)


FRAMES = {"fps": 2.0, "width": 398, "height": 224, "sampling": "screen"}


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"model": {"depth": 3, "color": "red"}}, "model.color"),
        ({"geometry": FRAMES | {"crop": 1}}, "geometry.crop"),
        ({"heads": ["classes", "offset"]}, "heads"),
        ({"kind": "tracker"}, "kind tracker"),
    ],
)
def test_what_only_a_newer_version_can_have_written_asks_for_an_update(path, changes, about):
    rewritten(path, **changes)
    assert f"was written by a newer version ({about}); update comedian" in refused(path)


def test_what_an_older_version_did_not_write_has_its_default(path):
    model = {"backbone": "viswin", "swin_depths": [1, 2], "swin_heads": [3, 6], "drop_path": 0.05}
    rewritten(path, model=model, mean=None, std=None, recipe=None, provenance=None, version=None)
    assert read_header(path) == replace(HEADER, mean=0.45, std=0.225, recipe={}, provenance="{}")


@pytest.mark.parametrize("name", ["kind", "model", "geometry"])
def test_what_nothing_can_stand_for_is_missed_by_name(path, name):
    rewritten(path, **{name: None})
    assert f"is damaged: it has no {name!r}" in refused(path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": 3}, "model must be a table, not 3"),
        ({"geometry": {"fps": 2.0}}, "is damaged: it has no 'width'"),
        ({"geometry": FRAMES | {"fps": -1}}, "fps must be float > 0.0, not -1"),
        ({"model": {"depth": 10**9}}, "depth must be int <= 1024, not 1000000000"),
        ({"model": {"embed_dim": 0}}, "embed_dim must be int >= 1, not 0"),
        ({"version": "x"}, "version must be int, not 'x'"),
        ({"classes": 1}, "classes must be array, not 1"),
        ({"classes": [1]}, "classes must be str, not [1]"),
        ({"recipe": 5}, "recipe must be object, not 5"),
        ({"std": 0}, "std must be float > 0.0, not 0"),
    ],
)
def test_a_header_of_wrong_values_is_told(path, changes, told):
    rewritten(path, **changes)
    assert told in refused(path)


def test_nesting_without_end_is_damage(path):
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({"a": torch.ones(1)}, path, metadata | {"recipe": "[" * 100_000})
    assert "its header is damaged" in refused(path)
