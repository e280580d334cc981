"""Step 3 on a frozen spatial transformer: what is kept of frames, what is trained, what is made anew."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from comedian.data.augment import to_input
from comedian.errors import InputError
from comedian.formats.checkpoint import read_header
from comedian.models.spatial import build_spatial
from comedian.recipes.stages import OptimRecipe
from comedian.training import frozen as module
from comedian.training.finetune import FROZEN_STAGE, FULL_STAGE, finetune, plan
from comedian.training.frozen import frozen_tokens
from comedian.training.validate import Validation
from comedian.weights.load import load_spotter
from comedian.weights.start import Start
from tests.training.conftest import interrupted
from tests.training.stages import FINETUNE, MODEL, open_halves, some_actions

FROZEN = replace(
    FINETUNE,
    freeze=True,
    frozen=OptimRecipe(epochs=3, batch_size=4, base_lr=0.05, lr_scaling="none"),
    frozen_views=2,
    offset_reach_seconds=2.0,
)


@pytest.fixture
def inputs(inputs, tmp_path):
    """A copy of the folder, since tokens are kept in it."""
    return shutil.copytree(inputs, tmp_path / "inputs", ignore=shutil.ignore_patterns("*.tokens"))


@pytest.fixture
def spatial():
    torch.manual_seed(1)
    return build_spatial(MODEL).eval()


def all_of(file):
    return file.read(0, len(file))


def test_the_plain_view_is_what_the_encoder_makes_of_each_second(inputs, a_run, spatial):
    halves, changed = open_halves(inputs), []
    for frames, views in zip(
        halves.files, frozen_tokens(halves, spatial, FINETUNE.view, 2, a_run()), strict=True
    ):
        images = frames.read([*range(len(frames)), *[len(frames) - 1] * (len(frames) % 2)])
        video = to_input(torch.from_numpy(images)[None], MODEL.image_size)
        with torch.no_grad():
            expected = spatial(video)[0].numpy()
        plain, *others = map(all_of, views)
        np.testing.assert_allclose(plain, expected, atol=2e-3)
        changed += [not np.array_equal(view, plain) for view in others]
    assert len(changed) == 6
    assert sum(changed) >= 4, "a view may by chance be plain"


def test_a_view_is_alike_from_end_to_end(inputs, a_run, spatial, monkeypatch):
    halves = open_halves(inputs)
    files = frozen_tokens(halves, spatial, FINETUNE.view, 1, a_run())
    before = [[all_of(view) for view in views] for views in files]
    monkeypatch.setattr(module, "chunk_tokens", lambda device: 3)
    for views in files:
        for view in views:
            view.path.unlink()
    after = frozen_tokens(halves, spatial, FINETUNE.view, 1, a_run())
    for one, other in zip(before, after, strict=True):
        for old, new in zip(one, other, strict=True):
            np.testing.assert_allclose(old, all_of(new), atol=2e-3)


def test_what_is_there_is_taken_and_another_encoder_makes_its_own(inputs, a_run, monkeypatch):
    torch.manual_seed(2)
    halves, spatial, made = open_halves(inputs), build_spatial(MODEL).eval(), []
    real = module.write_tokens
    monkeypatch.setattr(module, "write_tokens", lambda *args: made.append(args[0]) or real(*args))
    for _ in range(2):
        frozen_tokens(halves, spatial, FINETUNE.view, 1, a_run())
        assert len(made) == 6, "three halves in two views, once"
    frozen_tokens(halves, spatial, FINETUNE.view, 2, a_run())
    assert len(made) == 9, "one view more"
    with torch.no_grad():
        spatial.cls_token.add_(1)
    files = frozen_tokens(halves, spatial, FINETUNE.view, 0, a_run())
    assert len(made) == 12, "other weights"
    files[1][0].path.write_bytes(b"cut")
    frozen_tokens(halves, spatial, FINETUNE.view, 0, a_run())
    assert len(made) == 13, "one was damaged"


def train(inputs, run, recipe=FROZEN):
    halves = open_halves(inputs)
    actions = some_actions(halves)
    start = Start(str(inputs / "distilled.safetensors"))
    return finetune(halves, actions, recipe, run, start, validation=Validation(halves, actions))


def test_the_spatial_transformer_stays_and_the_rest_learns(inputs, a_run):
    run, start = a_run(), Start(str(inputs / "distilled.safetensors"))
    best = train(inputs, run)
    assert best.stage == FROZEN_STAGE
    spotter, geometry = load_spotter(run.output), open_halves(inputs).geometry
    for part, kept in (("spatial", True), ("temporal", False)):
        before = getattr(start, part)(MODEL, geometry).state_dict()
        after = getattr(spotter, part).state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items()) is kept


def test_the_score_on_kept_tokens_is_that_on_frames(inputs, a_run):
    best = train(inputs, run := a_run())
    halves = open_halves(inputs)
    spotter = load_spotter(run.output)
    score = Validation(halves, some_actions(halves)).judge(spotter, torch.device("cpu")).score
    assert score == pytest.approx(best.score, abs=0.02)  # they are of half precision


def test_then_everything_may_learn(inputs, a_run):
    recipe = replace(FROZEN, unfrozen_epochs=1)
    assert [name for name, _ in plan(recipe, distilled=False)] == [FROZEN_STAGE, FULL_STAGE]
    run = a_run()
    train(inputs, run, replace(recipe, frozen=replace(FROZEN.frozen, epochs=1)))
    assert load_spotter(run.output)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(inputs, a_run, tmp_path):
    whole = a_run("whole")
    train(inputs, whole)
    stopped = a_run("stopped")
    with interrupted(2):
        train(inputs, stopped)
    train(inputs, replace(stopped, resume=True))
    one, other = load_file(whole.output), load_file(stopped.output)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_tokens_files_are_no_frames_of_a_folder(inputs, a_run, spatial):
    before = [file.path for file in open_halves(inputs).files]
    frozen_tokens(open_halves(inputs), spatial, FINETUNE.view, 0, a_run())
    assert list((inputs / "frames").rglob("*.tokens"))
    assert [file.path for file in open_halves(inputs).files] == before


def test_an_encoder_that_has_learnt_nothing_is_not_kept(inputs, a_run):
    halves = open_halves(inputs)
    with pytest.raises(InputError, match="has learnt nothing would be kept; name weights with --init"):
        finetune(halves, some_actions(halves), FROZEN, a_run())


def test_a_spotter_knows_the_jpegs_it_was_trained_on(inputs, a_run):
    """Frozen, pictures of videos are made such JPEGs first; else they are not."""
    halves = open_halves(inputs)
    halves.files[0].jpeg_quality = 70
    for freeze, quality in ((True, 70), (False, 0)):
        run = a_run()
        start = Start(str(inputs / "distilled.safetensors"))
        recipe = replace(FROZEN, freeze=freeze, frozen_views=0)
        finetune(halves, some_actions(halves), recipe, run, start)
        header = read_header(run.output)
        assert header.recipe["jpeg_quality"] == 70
        assert (header.jpeg_quality, load_spotter(run.output).jpeg_quality) == (quality, quality)
