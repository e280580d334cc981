"""Which parameters are optimised, and which decay."""

import pytest
import torch
from torch import nn

from comedian.formats.bank import Bank
from comedian.models.spatial import build_spatial
from comedian.models.spotter import Spotter
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.stages import OptimRecipe
from comedian.training.distill import DistillStep
from comedian.training.finetune import HEAD_STAGE, FinetuneStep
from comedian.training.optim import adamw, decay_groups
from comedian.training.pretrain_spatial import MocoStep
from tests.training.stages import CPU, DISTILL, FINETUNE, MODEL, PRETRAIN, SWIN

TOKENS = {"cls_token", "mask_token", "pos_embed", "time_embed", "relative_position_bias_table"}


def steps(inputs, model):
    yield MocoStep(build_spatial(model), PRETRAIN)
    yield DistillStep(build_spatial(model), TemporalTransformer(model), Bank(inputs / "bank.h5"), DISTILL)
    yield FinetuneStep(Spotter(model, FINETUNE.classes), FINETUNE)


def never_decayed(step):
    """Biases, norms, embeddings and tokens, told by their modules and names."""
    for path, module in step.named_modules():
        for name, parameter in module.named_parameters(path, recurse=False):
            own = name.rpartition(".")[2]
            if own == "bias" or own in TOKENS or isinstance(module, nn.LayerNorm):
                yield parameter


def ids(parameters):
    return {id(parameter) for parameter in parameters}


@pytest.mark.parametrize("model", [MODEL, SWIN], ids=["vivit", "viswin"])
def test_every_parameter_is_in_exactly_one_group(inputs, model):
    for step in steps(inputs, model):
        decayed, plain = decay_groups(step, 0.05)
        assert (decayed["weight_decay"], plain["weight_decay"]) == (0.05, 0.0)
        grouped = [*decayed["params"], *plain["params"]]
        trainable = ids(parameter for parameter in step.parameters() if parameter.requires_grad)
        assert len(grouped) == len(ids(grouped)) == len(trainable)
        assert ids(grouped) == trainable
        assert ids(plain["params"]) == ids(never_decayed(step)) & trainable
        assert all(parameter.ndim > 1 for parameter in decayed["params"])


@pytest.mark.parametrize("model", [MODEL, SWIN], ids=["vivit", "viswin"])
def test_tokens_are_found_under_the_names_they_have(model):
    names = {name.rpartition(".")[2] for name, _ in Spotter(model, FINETUNE.classes).named_parameters()}
    of_backbone = {"cls_token", "pos_embed"} if model is MODEL else {"relative_position_bias_table"}
    assert names & TOKENS == {"mask_token", "time_embed"} | of_backbone


def test_twin_and_queue_are_not_optimised(inputs):
    step = MocoStep(build_spatial(MODEL), PRETRAIN)
    grouped = ids(value for group in decay_groups(step, 0.05) for value in group["params"])
    assert not grouped & ids(step.twin.parameters())
    assert ids(
        [*step.spatial.parameters(), *step.projector.parameters(), *step.predictor.parameters()]
    ) == (grouped)
    assert not list(step.queue.parameters())


def test_a_frozen_trunk_leaves_the_head_alone():
    step = FinetuneStep(Spotter(MODEL, FINETUNE.classes), FINETUNE)
    step.choose_trained(HEAD_STAGE)
    decayed, plain = decay_groups(step, 0.05)
    head = step.spotter.heads.classes
    assert ids(decayed["params"]) == {id(head.weight)}
    assert ids(plain["params"]) == {id(head.bias)}


def test_decay_shrinks_weights_alone():
    step = nn.Linear(3, 2)
    before = {name: value.detach().clone() for name, value in step.named_parameters()}
    optimizer = adamw(step, OptimRecipe(epochs=1, batch_size=1, base_lr=1, weight_decay=0.1), CPU)
    for group in optimizer.param_groups:
        group["lr"] = 0.5
    for parameter in step.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.allclose(step.weight, before["weight"] * (1 - 0.5 * 0.1))
    assert torch.equal(step.bias, before["bias"])
