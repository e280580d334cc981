"""The switches of the paper's ablations: what turns each, and that it changes that and nothing else.

Three tables: what `--set` changes in a recipe; what a training step then does, seen on tiny networks;
what `nms` keeps. Banks and `spot`, whose switches are options of their own, have a test each.
"""

import json
from dataclasses import asdict, replace

import h5py
import numpy as np
import pytest
import torch
from timm.models import VisionTransformer

from comedian.bank.teacher import bank_from_frames
from comedian.data.sampling import draw_clips, every_second
from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from comedian.recipes.bank import BankRecipe
from comedian.recipes.resolve import merge, resolve
from comedian.recipes.stages import STAGES, SpotRecipe
from comedian.spotting.sources import score_video
from comedian.spotting.suppress import suppress
from comedian.training import distill, epochs, finetune, pretrain_spatial
from comedian.training.run import Run
from comedian.weights.load import load_spotter, load_trunk
from tests.training.stages import CPU, DISTILL, FINETUNE, PRETRAIN, loss_of, make_inputs, train

# --- recipes

RECIPES = [  # stage, key, what it is (the paper's best), what else there is to try
    *[(stage, "model.num_tokens", 64, 32, 128) for stage in STAGES],  # window of 64, 32, 128 s
    *[(stage, "model.temporal_depth", 6, 4, 8) for stage in STAGES],
    ("distill", "mask_share", 0.25, 0.0, 0.5),  # α1
    ("finetune", "mask_share", 0.25, 0.0, 0.5),  # α2
    ("finetune", "head.epochs", 30, 0),  # the classifier first, or not
    ("finetune", "scratch_epochs", 100, 20),  # without step 2
    ("distill", "candidates", "bank", "queue"),
    ("distill", "temperature_m", 0.05, 0.07),  # τ_m of the queue; a bank's own is build-bank --tau
    ("distill", "sce_lambda", 0.5, 0.0, 1.0),
    ("distill", "copy_temporal", True, False),
    ("pretrain-spatial", "optim.lr_scaling", "frames", "batch", "none"),
    ("distill", "optim.lr_scaling", "frames", "batch", "none"),
    ("finetune", "head.lr_scaling", "frames", "batch", "none"),
    ("finetune", "full.lr_scaling", "frames", "batch", "none"),
    ("pretrain-spatial", "sampler", "every-second", "stratified", "uniform"),
    ("pretrain-spatial", "clips_per_game", 5400, 1000),
    ("distill", "sampler", "stratified", "uniform", "every-second"),
    ("distill", "windows_per_game", 75, 150),
    ("finetune", "sampler", "uniform", "stratified", "every-second"),
    ("finetune", "windows_per_game", 50, 100),
    ("finetune", "mixup_alpha", 0.1, 0.0),
    ("finetune", "radius_seconds", 0.5, 1.0),
    ("finetune", "spot.ignored_seconds", 12.0, 6.0, 0.0),  # also spot --ignored-seconds
    ("finetune", "spot.merge", "max", "average"),  # also spot --merge
]


def flat(values, prefix=""):
    """Dotted keys and values of nested mappings."""
    for key, value in values.items():
        if hasattr(value, "items"):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def changes(before, after):
    """What has another value."""
    assert before.keys() == after.keys()
    return {key: value for key, value in after.items() if not np.array_equal(before[key], value)}


@pytest.mark.parametrize(("stage", "key", "default", "others"), [(*row[:3], row[3:]) for row in RECIPES])
def test_a_setting_changes_its_key_of_the_recipe_and_no_other(stage, key, default, others):
    plain = dict(flat(asdict(resolve(stage, "vivit-tiny"))))
    assert plain[key] == default
    for other in others:
        turned = resolve(stage, "vivit-tiny", [f"{key}={json.dumps(other)}"])
        assert changes(plain, dict(flat(asdict(turned)))) == {key: other}


CHOICES = [row[:2] for row in RECIPES if isinstance(row[2], str) and row[1] != "spot.merge"]  # told by spot


@pytest.mark.parametrize(("stage", "key"), CHOICES)
def test_a_choice_that_there_is_not_is_told(stage, key):
    name = key.rpartition(".")[2]
    with pytest.raises(InputError, match=f"^--set: {name} must be one of '[a-z-]+', .*, not 'every'"):
        resolve(stage, "vivit-tiny", [f"{key}=every"])


# --- training steps

RATE = 0.5 * 4 / 256 * 8 / 64  # base × batch / 256 × frames / 64
SEEN = {  # of the tiny recipes of each step
    "step 1": {"stages": [("pretrain-spatial", 3)], "steps": [5], "peak lr": [0.1 * 8 / 256]}
    | {"clips": 40, "sampler": "every second", "frames": 2, "masked": 0, "spatial": "random"},
    "step 2": {"stages": [("distill", 3)], "steps": [2], "peak lr": [RATE], "against": "bank"}
    | {"clips": 10, "sampler": "spread", "frames": 8, "masked": 4}
    | {"spatial": "step 1", "temporal": "spatial's"},
    "step 3": {"stages": [("finetune head", 2), ("finetune", 3)], "steps": [2, 2], "peak lr": [RATE, RATE]}
    | {"clips": 10, "sampler": "edges", "frames": 8, "masked": 4}
    | {"spatial": "step 1", "temporal": "step 2"},
}
PLANS = {  # stage, recipe, start
    "step 1": ("pretrain", PRETRAIN, "nothing"),
    "step 2": ("distill", DISTILL, "spatial"),
    "step 2, queue": ("distill", replace(DISTILL, candidates="queue"), "spatial"),
    "step 3": ("finetune", FINETUNE, "distilled"),
}
LOSS = {"loss": "another"}
LONGER = LOSS | {"frames": 16, "masked": 8, "weights": +4 * 12}  # 4 more time embeddings, 12 wide
BLOCK = 12 * 12 * 12 + 13 * 12  # weights of a transformer block: 12 D² + 13 D
SCRATCH = LOSS | {"stages": [("finetune", 2)], "steps": [2], "peak lr": [RATE], "temporal": "random"}
FEWER = {"sampler": "spread", "clips": 16, "steps": [2]}
ALL = {"sampler": "every second", "clips": 31, "steps": [7]}
EFFECTS = [  # step, settings (init: the start), and all that is seen otherwise; "weights" are those added
    # step 1: none, self-supervised, ImageNet
    ("step 2", {"init": "nothing"}, LOSS | {"spatial": "random"}),
    ("step 2", {"init": "ImageNet"}, LOSS | {"spatial": "ImageNet"}),
    ("step 1", {"init": "ImageNet"}, LOSS | {"spatial": "ImageNet"}),
    # step 2 left out: no stage for the head, `scratch_epochs` of everything
    ("step 3", {"init": "spatial"}, SCRATCH),
    ("step 3", {"init": "ImageNet"}, SCRATCH | {"spatial": "ImageNet"}),
    ("step 3", {"init": "nothing"}, SCRATCH | {"spatial": "random"}),
    # the classifier first, or not
    ("step 3", {"head.epochs": 0}, {"stages": [("finetune", 3)], "steps": [2], "peak lr": [RATE]}),
    # length of the window, depth in time, masks
    ("step 2", {"model.num_tokens": 8}, LONGER | {"peak lr": [2 * RATE]}),
    ("step 2", {"model.temporal_depth": 1}, LOSS | {"weights": -BLOCK}),
    ("step 2", {"mask_share": 0.0}, LOSS | {"masked": 0}),
    ("step 2", {"mask_share": 0.5}, LOSS | {"masked": 8}),
    ("step 3", {"init": "spatial", "model.num_tokens": 8}, SCRATCH | LONGER | {"peak lr": [2 * RATE]}),
    ("step 3", {"init": "spatial", "model.temporal_depth": 1}, SCRATCH | {"weights": -BLOCK}),
    ("step 3", {"mask_share": 0.0}, LOSS | {"masked": 0}),
    ("step 3", {"mask_share": 0.5}, LOSS | {"masked": 8}),
    # what the student is compared with; the bank carries its τ_m
    ("step 2", {"candidates": "queue"}, LOSS | {"against": "queue"}),
    ("step 2, queue", {"temperature_m": 0.5}, LOSS),
    ("step 2", {"temperature_m": 0.5}, {}),
    ("step 2", {"sce_lambda": 1.0}, LOSS),
    ("step 2", {"copy_temporal": False}, LOSS | {"temporal": "random"}),
    # learning-rate scaling; the clips of step 1 are no windows
    ("step 1", {"optim.lr_scaling": "batch"}, {}),
    ("step 1", {"optim.lr_scaling": "none"}, {"peak lr": [0.1]}),
    ("step 2", {"optim.lr_scaling": "batch"}, {"peak lr": [0.5 * 4 / 256]}),
    ("step 2", {"optim.lr_scaling": "none"}, {"peak lr": [0.5]}),
    ("step 3", {"head.lr_scaling": "none"}, {"peak lr": [0.5, RATE]}),
    ("step 3", {"full.lr_scaling": "batch"}, {"peak lr": [RATE, 0.5 * 4 / 256]}),
    # samplers; every second takes all there are
    ("step 1", {"sampler": "uniform", "clips_per_game": 20}, LOSS | {"sampler": "edges"}),
    ("step 1", {"sampler": "stratified", "clips_per_game": 20}, LOSS | {"sampler": "spread"}),
    ("step 1", {"sampler": "stratified", "clips_per_game": 8}, LOSS | FEWER),
    ("step 1", {"clips_per_game": 8}, {}),
    ("step 2", {"sampler": "uniform"}, LOSS | {"sampler": "edges"}),
    ("step 2", {"sampler": "every-second"}, LOSS | ALL),
    ("step 2", {"windows_per_game": 8}, LOSS | {"clips": 16, "steps": [4]}),
    ("step 3", {"sampler": "stratified"}, LOSS | {"sampler": "spread"}),
    ("step 3", {"sampler": "every-second"}, LOSS | ALL | {"steps": [7, 7]}),
    ("step 3", {"windows_per_game": 8}, LOSS | {"clips": 16, "steps": [4, 4]}),
    ("step 3", {"mixup_alpha": 0.0}, LOSS),
    ("step 3", {"radius_seconds": 1.0}, LOSS),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Frames, a bank, and weights of each kind."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def image_model(*name, **options):
    """A tiny network in place of any of timm's, always with the same weights."""
    torch.manual_seed(3)
    shape = {"embed_dim": 12, "depth": 2, "num_heads": 2, "num_classes": 0}
    return VisionTransformer(16, patch_size=8, in_chans=options.get("in_chans", 6), **shape)


@pytest.fixture(scope="module")
def plain(inputs, tmp_path_factory):
    """What each plan shows before a switch is turned."""
    return {plan: observe(inputs, tmp_path_factory.mktemp("plain"), *PLANS[plan]) for plan in PLANS}


@pytest.mark.parametrize("step", SEEN)
def test_the_steps_are_what_the_switches_start_from(plain, step):
    assert {key: plain[step][key] for key in SEEN[step]} == SEEN[step]


@pytest.mark.parametrize(
    ("plan", "settings", "effects"), EFFECTS, ids=[f"{plan}: {settings}" for plan, settings, _ in EFFECTS]
)
def test_a_switch_changes_what_it_should_and_nothing_else(inputs, tmp_path, plain, plan, settings, effects):
    stage, recipe, start = PLANS[plan]
    chosen = {key: value for key, value in settings.items() if key != "init"}
    turned = observe(inputs, tmp_path, stage, changed(recipe, chosen), settings.get("init", start))
    found = changes(plain[plan], turned)
    if "weights" in found:
        found["weights"] -= plain[plan]["weights"]
    if "loss" in found:
        found["loss"] = "another"
    assert found == effects


def changed(recipe, settings):
    """A recipe with the values of dotted keys."""
    for key, value in settings.items():
        table, dot, last = key.partition(".")
        recipe = merge(recipe, {table: {last: value} if dot else value}, "test")
    return recipe


def observe(inputs, folder, stage, recipe, start):
    """Plan a stage and look at its first batch, but train nothing."""
    module = {"pretrain": pretrain_spatial, "distill": distill, "finetune": finetune}[stage]
    seen = {"stages": [], "steps": [], "peak lr": []}

    def drawn(sampler, halves, num_frames, per_game, rng):
        clips = draw_clips(sampler, halves, num_frames, per_game, rng)
        seen["clips"], seen["sampler"] = len(clips), kind_of(clips, halves, num_frames)
        return clips

    def planned(stage, run, *hooks):
        seen["stages"].append((stage.name, stage.optim.epochs))
        seen["steps"].append(stage.epochs.iterations)
        seen["peak lr"].append(stage.peak_lr)
        network = getattr(stage.step, "spotter", stage.step)
        seen.update(origin(network, inputs))
        seen.update(first_batch(stage.step, network.spatial, next(stage.epochs.batches(0))))

    named = {"nothing": None, "ImageNet": "timm:vit_tiny_patch16_224"}
    init = named[start] if start in named else str(inputs / f"{start}.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epochs, "draw_clips", drawn)
        patch.setattr(module, "fit", planned)
        patch.setattr("timm.create_model", image_model)
        train(inputs, stage, Run(folder / "output", CPU), recipe, init)
    return seen


def kind_of(clips, halves, num_frames):
    """ "every second"; "edges" when the first and last of each half are among them; or "spread"."""
    if np.array_equal(clips, every_second(halves.files, num_frames)):
        return "every second"
    edges = {(half, at) for half, file in enumerate(halves.files) for at in (0, len(file) - num_frames)}
    return "edges" if edges <= set(map(tuple, clips.tolist())) else "spread"


def first_batch(step, spatial, batch):
    """Sizes, how many tubelets are not looked at, and the loss."""
    encoded, encode = [], spatial.encode
    spatial.encode = lambda tubelets: encoded.append(len(tubelets)) or encode(tubelets)
    torch.manual_seed(0)  # of stochastic depth
    loss = loss_of(step.train(), *batch).item()
    del spatial.encode
    windows, frames = batch[0].shape[:2]
    return {
        "frames": frames,
        "masked": windows * frames // 2 - encoded[0],
        "weights": sum(parameter.numel() for parameter in step.parameters()),
        "against": "queue" if getattr(step, "queue", None) is not None else "bank",
        "loss": loss,
    }


def origin(network, inputs):
    """Where the weights of both transformers are from."""
    spatial, temporal = load_trunk(inputs / "distilled.safetensors")  # its spatial one is that of step 1
    ours = weight(network.spatial)
    found = {"spatial": name_of(ours, {"ImageNet": weight(image_model()), "step 1": weight(spatial)})}
    if hasattr(network, "temporal"):
        known = {"spatial's": ours, "step 2": weight(temporal)}
        found["temporal"] = name_of(weight(network.temporal), known)
    return found


def weight(transformer):
    return transformer.blocks[0].mlp.fc1.weight


def name_of(tensor, known):
    return next((name for name, other in known.items() if torch.equal(tensor, other)), "random")


# --- the bank


def bank_of(inputs, path, teacher="spatial", **changes):
    """Make a bank; everything in it but the words on how it was made."""
    games = find_games([inputs / "frames"], FRAMES_SUFFIXES)
    bank_from_frames(games, str(inputs / f"{teacher}.safetensors"), path, BankRecipe(**changes))
    with h5py.File(path) as file:
        return {name: item[()] for name, item in flat(file)}


def test_switches_of_the_bank(inputs, tmp_path):
    plain = bank_of(inputs, tmp_path / "plain.h5")
    tau = bank_of(inputs, tmp_path / "tau.h5", temperature_m=0.1)
    assert changes(plain, tau).keys() == {"targets"}
    assert Bank(tmp_path / "tau.h5").temperature_m == 0.1
    teacher = bank_of(inputs, tmp_path / "teacher.h5", teacher="distilled")
    reduction = {"pca.mean", "pca.scale", "pca.components", "pca.explained"}
    assert changes(plain, teacher).keys() == {"features", "targets"} | reduction  # rows lie where they lay


# --- spot and nms


def scored(inputs, **changes):
    spotter = load_spotter(inputs / "spotter.safetensors")
    spotter.spot = replace(SpotRecipe(ignored_seconds=0.0), **changes)
    return score_video(inputs / "frames" / "a" / "1_224p.h5", [spotter])


@pytest.mark.parametrize(
    ("switch", "same"),
    [({"merge": "average"}, {0, 1, 14}), ({"ignored_seconds": 1.0}, {0, 1, 12, 14})],
)
def test_merge_and_ignored_seconds_change_scores_where_windows_overlap(inputs, switch, same):
    """Windows see tokens 0-3, 2-5 … 10-13, 11-14; less a token at inner ends 0-2, 3-4 … 11-12, 12-14."""
    plain, turned = scored(inputs), scored(inputs, **switch)
    np.testing.assert_array_equal(turned.seconds, plain.seconds)
    assert (turned.probabilities <= plain.probabilities).all()
    equal = (turned.probabilities == plain.probabilities).all(axis=1)
    assert set(equal.nonzero()[0]) == same


SPOTS = {0: 0.9, 2: 0.8, 4: 0.7, 8: 0.6}  # second: confidence
NMS = [  # kind, full width in seconds, what is kept
    ("hard", 5.0, {0: 0.9, 4: 0.7, 8: 0.6}),
    ("hard", 3.0, SPOTS),
    ("hard", 8.0, {0: 0.9, 8: 0.6}),
    ("peak", 5.0, {0: 0.9, 8: 0.6}),  # 4 s is beside 2 s, which is not kept itself
    ("soft", 10.0, {0: 0.9, 2: 0.8 * 2 / 5 * 2 / 5, 4: 0.7 * 4 / 5 * 4 / 5, 8: 0.6}),
    ("soft", 6.0, {0: 0.9, 2: 0.8 * 2 / 3 * 2 / 3, 4: 0.7, 8: 0.6}),
]


@pytest.mark.parametrize(("kind", "width", "kept"), NMS)
def test_kind_and_width_of_nms_change_what_is_kept_and_its_confidence(kind, width, kept):
    about = {"video": "a.mkv", "half": 1, "label": "Goal", "mine": "stays"}
    spots = [about | {"position_ms": 1000 * at, "confidence": score} for at, score in SPOTS.items()]
    found = list(suppress(spots, kind, width))
    assert {spot["position_ms"] / 1000: spot["confidence"] for spot in found} == pytest.approx(kept)
    assert all(spot | about == spot for spot in found)
