"""Every stage on a pretended card: no mix-up of devices, the CPU's numbers, and no more than its budget.

The run's summary tells how far the numbers are from the CPU's, and what an iteration asks of the card.
"""

import pytest
import torch

from comedian.data import augment
from comedian.losses import attention, spotting
from comedian.models import temporal
from comedian.recipes import augment as views
from comedian.spotting import sliding
from comedian.training import distill, masks
from tests.rehearsal import acts
from tests.rehearsal.acts import performed, training
from tests.rehearsal.mistakes import broken
from tests.rehearsal.pretended import CARD, CPU, pretended_card
from tests.threads import torch_threads
from tests.training.stages import make_inputs

LEVEL = 0.05  # of a pixel's input; the CPU resizes in fixed point, within a level out of 255
ROUNDING = 2e-5
VIEWS_ALONE = "data/augment.py:"  # where products may be TF32: not of networks, banks and scores
VIEWS = {  # (kernels, waits) of a view of 16 clips, four at a time, and how far it is from the CPU's; a
    # stage that waits for an index, a matrix, an offset took 330, 319, 195 and 180 kernels, 27 to 32 waits.
    # Of those here twelve are started once for all views.
    "view 1 of step 1": (acts.view(views.MOCO_VIEW_1), (170, 1), ROUNDING),
    "view 2 of step 1": (acts.view(views.MOCO_VIEW_2), (170, 1), ROUNDING),
    "view of step 2": (acts.view(views.DISTILL_VIEW), (115, 1), 2 * LEVEL),
    "view of step 3": (acts.view(views.FINETUNE_VIEW), (105, 1), LEVEL),
}
OTHERS = {
    "whole frames": (acts.whole_frames, LEVEL),
    "soft targets, float16": (acts.soft(torch.float16), 1e-3),
    "soft targets, bfloat16": (acts.soft(torch.bfloat16), 1e-2),
    "soft targets, float32": (acts.soft(torch.float32), ROUNDING),
    "soft targets of neighbours": (acts.from_neighbours, 2e-3),
    "SCE, float16 bank": (acts.sce(torch.float16), 0.05),
    "SCE, float32 bank": (acts.sce(torch.float32), ROUNDING),
    "SCE, queue": (acts.sce_of_queue, ROUNDING),
    "teacher, spatial": (acts.teaching("spatial"), 0.01),
    "teacher, distilled": (acts.teaching("distilled"), 0.01),
    "spot, two spotters": (acts.spot, 1e-3),
}
STAGES = {  # most (kernels, waits) of an iteration, and how far losses and weights are from the CPU's
    "pretrain-spatial, vivit": (training("pretrain"), (730, 0), ROUNDING),
    "pretrain-spatial, viswin": (training("pretrain", "viswin"), (1040, 0), ROUNDING),
    "distill, vivit": (training("distill"), (640, 0), 5e-3),
    "distill, viswin": (training("distill", "viswin"), (800, 0), 5e-3),
    "distill from a queue, vivit": (training("queue"), (930, 12), 5e-3),
    "finetune, vivit": (training("finetune"), (550, 0), 1e-4),
    "finetune, viswin": (training("finetune", "viswin"), (710, 0), 1e-4),
    "finetune, frozen": (acts.frozen, (300, 1), 1e-2),  # its tokens are not in page-locked memory
}
RESUMED = {
    "pretrain-spatial, resumed": (training("pretrain", stop=1), ROUNDING),
    "finetune, resumed": (training("finetune", stop=3), 1e-4),
    "distill in parts, recomputed": (training("distill", parts=2, again=True), 5e-3),
    "finetune in parts, recomputed": (training("finetune", parts=2, again=True), 1e-4),
}


pytestmark = pytest.mark.filterwarnings("ignore:CUDA is not available", "ignore:The given NumPy array")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("inputs")
    make_inputs(made)
    return made


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def compared(name, act, folder, close):
    """What the card was asked for, once its numbers are the CPU's."""
    found, asked, iterations = performed(act, CARD, folder)
    expected, _, _ = performed(act, CPU, folder)
    off = (found - expected).abs().max().item()
    assert found.isfinite().all()
    assert off <= close, "numbers are not the CPU's"
    assert all(place.startswith(VIEWS_ALONE) for place in asked.rough), asked.rough
    return asked, iterations, f"off by {off:.0e}"


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_asks_for_little(name, folder, tell):
    act, (kernels, waits), close = VIEWS[name]
    asked, _, off = compared(name, act, folder, close)
    tell(name, f"{off}, kernels {asked.totals()[0]} of {kernels}, waits {asked.totals()[1]} of {waits}")
    assert asked.kernels.total() <= kernels, asked.kernels
    assert asked.waits.total() <= waits, asked.waits
    products = sum(asked.kernels[f"aten.{name}.default"] for name in ("mm", "addmm", "bmm", "baddbmm"))
    assert asked.rough.total() == products > 0
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("name", STAGES)
def test_an_iteration_asks_for_little(name, folder, tell):
    act, (kernels, waits), close = STAGES[name]
    asked, iterations, off = compared(name, act, folder, close)
    most = tuple(map(max, zip(*iterations, strict=True)))
    tell(name, f"{off}, kernels {most[0]} of {kernels}, waits {most[1]} of {waits} an iteration")
    assert len(iterations) >= 2
    assert most[0] <= kernels, asked.kernels
    assert most[1] <= waits, asked.waits


@pytest.mark.parametrize("name", OTHERS | RESUMED)
def test_a_card_gives_what_the_cpu_does(name, folder, tell):
    act, close = (OTHERS | RESUMED)[name]
    tell(name, compared(name, act, folder, close)[2])


MISTAKES = {  # what is wrong -> (function, as it reads, as it would, where it shows, what is told)
    "a mask left on the CPU": (
        temporal.TemporalTransformer.forward, "carried(mask, tokens.device)", "mask", "distill, vivit",
        "same device",
    ),
    "a mixing share brought to the CPU": (
        spotting.mix_pairs_, "lam.to(x)", "lam.cpu().to(x.dtype)", "finetune, vivit", "same device",
    ),
    "a draw on the card from a CPU generator": (
        masks.draw_masks, "generator=generator)", 'generator=generator, device="cuda")', "distill, vivit",
        "'cuda' device type for generator",
    ),
    "numpy of a tensor on the card": (
        sliding.SlidingSpotter._window, ".cpu().numpy()", ".numpy()", "spot, two spotters", "to numpy",
    ),
    "an index made on the CPU": (
        attention.Distinct.of, ", device=features.device", "", "soft targets, float32", "same device",
    ),
    "a bank that is no buffer": (
        distill.DistillStep.__init__, 'self.register_buffer("features", features, persistent=False)',
        "self.features = features", "distill, vivit", "same device",
    ),
    "a flip that only the CPU makes": (
        augment._flip, "video.flip(-1)", "video if video.is_cuda else video.flip(-1)", "view of step 3",
        "not the CPU's",
    ),
    "a number asked for in every chunk": (
        augment._view, "video =", "frames.max().item()\n    video =", "view of step 3",
        "Counter",
    ),
}  # fmt: skip
ALL = {**VIEWS, **STAGES, **OTHERS}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake, folder):
    function, right, wrong, name, told = MISTAKES[mistake]
    seen = _within_budget if name in VIEWS else _alike
    with (
        broken(function, right, wrong),
        pytest.raises((RuntimeError, TypeError, AssertionError), match=told),
    ):
        seen(name, folder)


def _within_budget(name, folder):
    test_a_view_asks_for_little(name, folder, lambda *_: None)


def _alike(name, folder):
    compared(name, ALL[name][0], folder, ALL[name][-1])


def test_what_overlaps_is_what_is_locked_and_does_not_block():
    with pretended_card() as asked:
        loose, locked = torch.ones(3), torch.ones(3).pin_memory()
        for tensor, says, waits in ((loose, True, 1), (locked, False, 2), (locked, True, 2)):
            tensor.to(CARD, non_blocking=says)
            assert asked.waits.total() == waits
        buffer = torch.empty(4, pin_memory=True)
        buffer[1:].to(CARD, non_blocking=True)
        torch.empty(4, device=CARD).copy_(buffer, non_blocking=True)
        assert (asked.waits.total(), asked.copies.total()) == (2, 5)
