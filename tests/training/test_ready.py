"""What would stop a recipe: each mistake is a line, and all are told."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from comedian.recipes.frames import FramesRecipe
from comedian.training import ready
from comedian.training.ready import Asked, findings
from tests.conftest import GAMES, SIZE

NORMED = 'head_norm="batch"', "optim.accumulate=2"
SMALL = ("model.image_height=32", "model.image_width=32", "model.num_tokens=4")


@pytest.fixture
def asked(tiny, tmp_path):
    """A recipe that nothing would stop, on the games' videos."""
    train, test = tmp_path / "train.txt", tmp_path / "test.txt"
    train.write_text(f"{GAMES[0]}\n")
    test.write_text(f"{GAMES[1]}\n")
    lists = {"train": train, "test": test}
    about = {"preset": "smoke", "settings": SMALL, "frames": FramesRecipe(size=SIZE)}
    return Asked(lists, tiny.videos, tmp_path / "work", **about)


def hurting(asked: Asked) -> list[str]:
    return [str(one) for one in findings(asked) if one.hurts and "is no class of" not in str(one)]


def test_nothing_stops_it(asked, monkeypatch):
    assert hurting(asked) == []
    assert not asked.work.exists()
    monkeypatch.setattr(ready, "has_cards", lambda: False)
    notes = [str(one) for one in findings(asked) if not one.hurts]
    assert (
        "LAUNCH: note: there is no CUDA device, everything runs on the CPU; see make plan for the hours"
        in notes
    )


def test_lists(asked, tmp_path):
    gone, empty = tmp_path / "gone.txt", tmp_path / "empty.txt"
    empty.touch()
    found = hurting(replace(asked, lists={"train": empty, "valid": gone, "test": asked.lists["test"]}))
    assert found == [
        f"{empty}: names no game; write one game's path a line",
        f"{gone}: no such list; write one game a line, or name another folder with DATA=",
    ]
    assert hurting(replace(asked, lists={"train": tmp_path, "test": gone})) == [
        f"{tmp_path}: no such list; write one game a line, or name another folder with DATA=",
        f"{gone}: no such list; write one game a line, or name another folder with DATA=",
    ]


def test_games_on_both_sides(asked):
    train = asked.lists["train"]
    train.write_text("\n".join(GAMES))
    (found,) = hurting(asked)
    assert found == f"{asked.lists['test']}: {GAMES[1]!r} is also in {train}; take it out of one of them"


def test_videos_and_labels_of_every_game_are_looked_for(asked, tiny, tmp_path):
    data = tmp_path / "data"
    for game in (*GAMES, "league/2026/none"):
        (data / game).mkdir(parents=True)
    for number in (1, 2):
        (data / GAMES[0] / f"{number}_224p.mkv").symlink_to(tiny.videos / GAMES[0] / f"{number}_224p.mkv")
    asked.lists["train"].write_text(f"{GAMES[0]}\nleague/2026/none\nleague/2026/gone\n")
    found = "\n".join(hurting(replace(asked, data=data)))
    for name in ("league/2026/none", "league/2026/gone", GAMES[1]):
        assert f"game {name!r} has no video" in found
    assert "holds no labels" in found


def test_a_half_that_is_not_there_is_only_to_be_known(asked, tiny, tmp_path):
    (tmp_path / "data" / GAMES[0]).mkdir(parents=True)
    for name in ("1_224p.mkv", "Labels-v2.json"):
        (tmp_path / "data" / GAMES[0] / name).symlink_to(tiny.videos / GAMES[0] / name)
    one = replace(asked, data=tmp_path / "data", lists={"train": asked.lists["train"]})
    notes = [str(finding) for finding in findings(one) if not finding.hurts]
    assert any("holds half 1 and no half 2" in note for note in notes)


def test_frames_stand_for_their_videos(asked, tiny, tmp_path):
    """Videos that were extracted may be gone; their labels may not."""
    asked.work.mkdir()
    (asked.work / "frames").symlink_to(tiny.frames)
    for game in GAMES:
        (tmp_path / "labels" / game).mkdir(parents=True)
        (tmp_path / "labels" / game / "Labels-v2.json").symlink_to(tiny.videos / game / "Labels-v2.json")
    assert hurting(replace(asked, data=tmp_path / "labels")) == []


def test_features_of_a_bank(asked, tiny):
    found = hurting(replace(asked, features="baidu.npy"))
    assert found == [
        f"{asked.lists['train']}: game {GAMES[0]!r} has no feature file (baidu.npy) in "
        f"{tiny.videos / GAMES[0]}; check --root"
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"preset": "smok"}, "smok: no such recipe; use laptop"),
        ({"settings": (*SMALL, "distill.mask_shar=0")}, "--set: unknown key 'mask_shar'; did you mean"),
        ({"settings": (*SMALL, "model.image_width=33")}, "MODEL: "),
        ({"batch_sizes": ("distil=8",)}, "BATCH: there is no step 'distil'; name one of "),
        ({"batch_sizes": ("many",)}, "BATCH: 'many' is no number from 1 on; write BATCH=16, or distill=16"),
        ({"epochs": ("finetune=0",)}, "EPOCHS: '0' is no number from 1 on"),
        ({"batch_sizes": ("distill=9",), "processes": 2}, "BATCH: distill: 2 processes cannot"),
        ({"batch_sizes": ("distill=9",), "machines": 2}, "BATCH: distill: 2 processes cannot"),
        ({"settings": (*SMALL, "distill.optim.accumulate=99")}, "SET: distill.optim: a process's 8 clips"),
        (
            {"settings": (*SMALL, *("pretrain-spatial." + one for one in NORMED))},
            "SET: pretrain-spatial.optim: a process's ",
        ),
    ],
)  # fmt: skip
def test_settings(asked, change, expected):
    found = hurting(replace(asked, **change))
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_what_is_for_one_step_stays_out_of_the_others(asked, monkeypatch):
    seen = {}
    monkeypatch.setattr(ready, "_memory", lambda asked, recipes: seen.update(recipes) or iter(()))
    own = (*SMALL, "finetune.mask_share=0.5", "distill.windows_per_game=9")
    assert (
        hurting(replace(asked, settings=own, batch_sizes=("6", "distill=4"), epochs=("finetune=3",))) == []
    )
    assert (seen["finetune"].mask_share, seen["distill"].mask_share) == (0.5, 0.25)
    assert seen["distill"].windows_per_game == 9
    batches = [seen[stage].optim.batch_size for stage in ("pretrain-spatial", "distill")]
    assert [*batches, seen["finetune"].full.batch_size] == [6, 4, 6]
    assert (seen["finetune"].full.epochs, seen["distill"].optim.epochs) == (3, 15)


def test_no_room(asked, monkeypatch):
    monkeypatch.setattr(ready, "free_bytes", lambda folder: 10_000)
    (found,) = hurting(asked)
    assert found.startswith(f"{asked.work}: frames and weights need about ")
    assert "10 kB are free; free some, or choose another WORK" in found


def test_no_memory(asked, monkeypatch):
    monkeypatch.setattr("comedian.devices.machine_bytes", lambda: 10**9)
    monkeypatch.setattr(ready, "pick_device", lambda name: torch.device("cpu"))
    large = replace(asked, batch_sizes=("512",))
    assert any("BATCH: distill: a batch of 512 needs about" in line for line in hurting(large))
    assert hurting(replace(large, memory=10**9)) == [], "--memory picks parts that fit"


def test_more_processes_than_cards(asked, monkeypatch):
    monkeypatch.setattr(ready, "has_cards", lambda: True)
    monkeypatch.setattr(ready.torch, "cuda", SimpleNamespace(device_count=lambda: 2))
    monkeypatch.setattr(ready, "_memory", lambda *_: iter(()))
    found = hurting(replace(asked, processes=4, batch_sizes=("64",)))
    assert found == [
        "LAUNCH: 4 processes want a card each, there are 2; start torchrun with --nproc-per-node 2"
    ]
