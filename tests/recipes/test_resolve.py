import dataclasses
import re
import tomllib

import pytest

from comedian.errors import InputError
from comedian.recipes.model import ModelRecipe
from comedian.recipes.resolve import merge, presets, resolve, to_toml
from comedian.recipes.schema import check
from comedian.recipes.stages import STAGES, FinetuneRecipe


@pytest.mark.parametrize("stage", STAGES)
def test_vivit_tiny_is_the_defaults(stage):
    assert resolve(stage, "vivit-tiny") == STAGES[stage]()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("preset", presets())
def test_printed_recipe_reads_back(stage, preset, tmp_path):
    recipe = resolve(stage, preset, ["optim.epochs=3" if stage != "finetune" else "full.epochs=3"])
    (tmp_path / "own.toml").write_text(to_toml(stage, recipe))
    assert resolve(stage, str(tmp_path / "own.toml")) == recipe


def test_later_wins(tmp_path):
    (tmp_path / "own.toml").write_text("[model]\nnum_tokens = 32\n[finetune]\nfull.epochs = 5\n")
    own = str(tmp_path / "own.toml")
    assert resolve("finetune", own).full.epochs == 5
    assert resolve("finetune", own, ["full.epochs=6"]).full.epochs == 6
    flags = {"full.epochs": 7, "full.batch_size": None}
    recipe = resolve("finetune", own, ["full.epochs=6", "model.temporal_depth=4"], flags)
    assert (recipe.full.epochs, recipe.model.num_tokens, recipe.model.temporal_depth) == (7, 32, 4)
    assert recipe.full.batch_size == FinetuneRecipe().full.batch_size


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("ful.epochs=3", "did you mean full"),
        ("full.epochs=many", "must be int"),
        ("full.epochs=true", "must be int"),
        ("full=3", "is a table"),
        ("full.epochs", "is not key=value"),
        ("classes=[1]", "must be str"),
    ],
)
def test_bad_settings_are_told(setting, says):
    with pytest.raises(InputError, match=says):
        resolve("finetune", "smoke", [setting])


def test_bad_files_are_told(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[finetune\n")
    with pytest.raises(InputError, match="is not TOML"):
        resolve("finetune", str(bad))
    bad.write_text("[fine-tune]\n")
    with pytest.raises(InputError, match="did you mean finetune"):
        resolve("finetune", str(bad))
    with pytest.raises(InputError, match="no such recipe"):
        resolve("finetune", "no-such")


def test_the_papers_numbers():
    """Section 4, implementation details, and method.md's best setting."""
    moco, sce, classes = (resolve(stage, "vivit-tiny") for stage in STAGES)
    assert moco.optim.peak_lr() == pytest.approx(5e-4 * 4)
    assert sce.optim.peak_lr(128) == pytest.approx(0.002 * 32 / 256 * 2)
    assert classes.full.peak_lr(128) == pytest.approx(5e-4 * 64 / 256 * 2)
    assert resolve("finetune", "viswin-tiny").full.epochs == 10
    assert tomllib.loads(to_toml("finetune", classes))["model"]["num_tokens"] == 64


@dataclasses.dataclass(frozen=True)
class Inner:
    limit: float | None = None
    name: str | None = "a"


@dataclasses.dataclass(frozen=True)
class Outer:
    count: int | None = None
    sizes: tuple[int, ...] | None = (1, 2)
    inner: Inner = Inner()


@dataclasses.dataclass(frozen=True)
class Stage:
    outer: Outer
    model: ModelRecipe


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"count": 3}, Outer(count=3)),
        ({"count": "none"}, Outer()),
        ({"sizes": "none"}, Outer(sizes=None)),
        ({"sizes": [3]}, Outer(sizes=(3,))),
        ({"inner": {"limit": 2}}, Outer(inner=Inner(limit=2.0))),
        ({"inner": {"name": None}}, Outer(inner=Inner(name=None))),
    ],
)
def test_a_value_that_may_be_none_can_be_set(changes, expected):
    merged = merge(Outer(), changes, "test")
    assert merged == expected
    values = tomllib.loads(to_toml("stage", Stage(merged, ModelRecipe())))["stage"]["outer"]
    assert merge(Outer(), values, "test") == expected, "what is printed reads back"


@pytest.mark.parametrize("changes", [{"count": "many"}, {"count": True}, {"count": 1.5}, {"sizes": 3}])
def test_a_value_that_may_be_none_has_a_type_all_the_same(changes):
    with pytest.raises(InputError, match="must be"):
        merge(Outer(), changes, "test")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("temperature=-1", "temperature must be float >= 0.0001, not -1"),
        ("temperature=nan", "temperature must be float >= 0.0001, not nan"),
        ("temperature=inf", "temperature must be float <= 1000000.0, not inf"),
        ("optim.base_lr=1e30", "base_lr must be float <= 1000000.0, not 1e+30"),
        ("optim.batch_size=0", "batch_size must be int >= 1, not 0"),
        ("optim.epochs=true", "epochs must be int, not True"),
        ("model.depth=1000000000", "depth must be int <= 1024, not 1000000000"),
        ("view.crop_scale=[0.1, 2]", "crop_scale must be float <= 1.0, not [0.1, 2]"),
        ("view.crop_scale=[0.1]", "crop_scale must be array of length 2, not [0.1]"),
        ("mask_share=1.0", "mask_share must be float < 1.0, not 1.0"),
        ("precision=fp7", "precision must be one of 'auto', 'bf16', 'fp32', not 'fp7'"),
        ("sampler=all", "sampler must be one of 'stratified', 'uniform', 'every-second', not 'all'"),
        ("view.crop_scale=[0.9, 0.1]", "crop_scale goes from 0.9 down to 0.1; give the lower end first"),
        ("view.blur_kernel=22", "blur_kernel is 22; use an odd number of pixels"),
    ],
)
def test_values_out_of_their_range_are_refused(setting, told):
    with pytest.raises(InputError, match=f"^{re.escape(f'--set: {told}')}"):
        resolve("distill", "vivit-tiny", [setting])


def test_every_preset_is_within_the_ranges():
    for stage in STAGES:
        check(STAGES[stage]())
        for preset in presets():
            check(resolve(stage, preset))


@pytest.mark.parametrize(
    "text", ["distill = 3", "[[distill]]\ntemperature = 0.1", "[[finetune]]", "model = []"]
)
def test_what_should_be_a_table(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"own.toml: \w+ must be a table, not .*; begin it with \["):
        resolve("distill", str(path))
