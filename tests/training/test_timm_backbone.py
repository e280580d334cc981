"""A backbone of timm through all three steps; a network with batch norm, whose buffers count, too."""

from dataclasses import replace

import pytest
import torch

from comedian.formats.checkpoint import load_checkpoint
from comedian.spotting.sources import score_video
from comedian.weights.load import load_spotter
from tests.training.stages import DISTILL, FINETUNE, MODEL, PRETRAIN, train


def with_backbone(recipe, name: str):
    model = replace(MODEL, backbone=f"timm:{name}", image_height=32, image_width=32, drop_path=0.0)
    epochs = {
        key: replace(getattr(recipe, key), epochs=1)
        for key in ("optim", "head", "full")
        if hasattr(recipe, key)
    }
    others = {"copy_temporal": False} if hasattr(recipe, "copy_temporal") else {}
    return replace(recipe, model=model, **epochs, **others)


@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "regnetx_002", "test_efficientnet"])
def test_the_three_steps(inputs, a_run, tmp_path, name):
    steps = {"pretrain": PRETRAIN, "distill": DISTILL, "finetune": FINETUNE}
    weights, records = None, []
    for stage, recipe in steps.items():
        run = a_run(f"{stage}.safetensors", records)
        train(inputs, stage, run, with_backbone(recipe, name), weights and str(weights))
        weights = run.output
    assert [record["stage"] for record in records] == [
        "pretrain-spatial", "distill", "finetune head", "finetune",
    ]  # fmt: skip
    before = load_checkpoint(tmp_path / "pretrain.safetensors").tensors
    after = load_checkpoint(weights).tensors
    assert {key for key in after if key.startswith("spatial.")} == set(before)
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    buffers = {key for key in before if key.endswith("running_mean")}
    assert bool(buffers) == (name in ("regnetx_002", "test_efficientnet"))
    assert buffers <= moved, "what batch norm saw is kept"
    (half, *_) = sorted((inputs / "frames").rglob("1_224p.h5"))
    scores = score_video(half, [load_spotter(weights)])
    assert scores.probabilities.shape == (15, 2)
    assert ((scores.probabilities > 0) & (scores.probabilities < 1)).all()
