"""Teachers over frames: ours and timm's, their windows, their errors, and real match video."""

import json
from dataclasses import replace
from pathlib import Path

import av
import huggingface_hub.constants
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from cli.build_bank import main
from comedian.bank.query import nearest_moments
from comedian.bank.teacher import bank_from_frames, load_teacher, relate_windows, window_starts
from comedian.data.augment import to_input
from comedian.errors import InputError
from comedian.formats.bank import Bank
from comedian.formats.checkpoint import Header, save_checkpoint
from comedian.formats.frames import FramesFile, Geometry, write_frames
from comedian.formats.games import FRAMES_SUFFIXES, find_games
from comedian.models.spatial import build_spatial
from comedian.models.temporal import TemporalTransformer
from comedian.recipes.bank import BankRecipe
from comedian.recipes.model import ModelRecipe
from comedian.weights.authors import GEOMETRY as PUBLISHED_GEOMETRY
from tests.models.authors import Model, ViViT, lightning_file

MATCHES = Path(__file__).resolve().parents[1] / "data" / "matches"
MODEL = ModelRecipe(
    image_height=32,
    image_width=32,
    embed_dim=16,
    depth=1,
    num_heads=2,
    num_tokens=4,
    temporal_depth=1,
    temporal_heads=2,
)
GEOMETRY = Geometry(fps=2.0, width=40, height=24, sampling="screen")
TIMM = "test_vit"  # 0.4 M parameters


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A game with halves of 13 and 8 frames of noise."""
    rng = np.random.default_rng(0)
    for half, count in ((1, 13), (2, 8)):
        images = rng.integers(0, 256, (count, GEOMETRY.height, GEOMETRY.width, 3), dtype=np.uint8)
        write(tmp_path / "frames" / "A - B" / f"{half}_224p.h5", enumerate(images), half)
    return tmp_path / "frames"


def write(path: Path, numbered_images, half: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_frames(
        path,
        ((number / GEOMETRY.fps, image) for number, image in numbered_images),
        fps=GEOMETRY.fps,
        size=(GEOMETRY.width, GEOMETRY.height),
        encoding="raw",
        video=f"{half}_224p.mkv",
        half=half,
        sampling=GEOMETRY.sampling,
        provenance="{}",
    )


def save(path: Path, kind: str, geometry: Geometry = GEOMETRY) -> tuple:
    torch.manual_seed(1)
    spatial, temporal = (
        build_spatial(MODEL).eval(),
        TemporalTransformer(MODEL).eval(),
    )
    parts = {"spatial": spatial} | ({} if kind == "spatial" else {"temporal": temporal})
    tensors = {
        f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()
    }
    classes = ("a", "b", "c") if kind == "spotter" else ()
    save_checkpoint(path, kind, tensors, Header(kind, MODEL, geometry, classes))
    return spatial, temporal


def bank_of(teacher, frames: Path, tmp_path: Path, **options) -> Bank:
    games = find_games([frames], FRAMES_SUFFIXES)
    bank_from_frames(games, str(teacher), tmp_path / "b.h5", BankRecipe(dtype="float32"), **options)
    return Bank(tmp_path / "b.h5")


def video_of(path: Path, count: int) -> torch.Tensor:
    return torch.from_numpy(FramesFile(path).read(range(count)))[None]


def rows_of(bank: Bank, features: list[torch.Tensor]) -> np.ndarray:
    """What the bank makes of features that were computed here."""
    return bank.reduction(torch.cat(features).numpy())


@pytest.mark.parametrize("batch_size", [None, 1, 4, 32])
def test_a_spatial_teacher_gives_a_row_for_each_tubelet(frames, tmp_path, batch_size):
    spatial, _ = save(tmp_path / "s.safetensors", "spatial")
    bank = bank_of(tmp_path / "s.safetensors", frames, tmp_path, batch_size=batch_size)
    with torch.inference_mode():
        expected = [
            spatial(to_input(video_of(frames / "A - B" / f"{half}_224p.h5", count), (32, 32)))[0]
            for half, count in ((1, 12), (2, 8))
        ]
    assert len(bank) == 6 + 4
    np.testing.assert_allclose(bank.features, rows_of(bank, expected), atol=1e-4)
    assert bank.seconds[bank.rows("A - B", 1)].tolist() == [0.25 + second for second in range(6)]
    assert bank.teacher == "spatial s.safetensors"
    assert [parent["name"] for parent in json.loads(bank.provenance)["parents"]] == ["s.safetensors"]


@pytest.mark.parametrize("kind", ["distilled", "spotter"])
def test_a_trunk_gives_its_output_before_the_head(frames, tmp_path, kind):
    spatial, temporal = save(tmp_path / "t.safetensors", kind)
    bank = bank_of(tmp_path / "t.safetensors", frames, tmp_path)
    with torch.inference_mode():
        first, second = (
            spatial(to_input(video_of(frames / "A - B" / f"{half}_224p.h5", count), (32, 32)))
            for half, count in ((1, 12), (2, 8))
        )
        windows = temporal(first[:, :4])[0, :3], temporal(first[:, 2:])[0, 1:]
        expected = [*windows, temporal(second)[0]]
    np.testing.assert_allclose(bank.features, rows_of(bank, expected), atol=1e-4)


@pytest.mark.parametrize(
    ("num_tokens", "length"), [(1, 4), (4, 4), (5, 4), (17, 4), (16, 8), (9, 5), (3, 1)]
)
def test_each_token_comes_from_the_window_it_is_most_central_in(num_tokens, length):
    tokens = torch.arange(1.0, num_tokens + 1)[:, None]

    def place(windows):  # each token, and the first of its window
        return torch.stack([windows[..., 0], windows[:, :1, 0].expand(windows.shape[:2])], dim=2)

    related = relate_windows(place, tokens, length)
    assert related[:, 0].tolist() == tokens[:, 0].tolist()
    starts, middle = window_starts(num_tokens, length), (min(length, num_tokens) - 1) / 2
    for number, start in enumerate(related[:, 1] - 1):
        assert abs(number - start - middle) == min(abs(number - other - middle) for other in starts)


def test_windows_overlap_by_half_and_end_with_the_half():
    assert window_starts(17, 4) == [0, 2, 4, 6, 8, 10, 12, 13]
    assert window_starts(4, 4) == window_starts(3, 4) == [0]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_timm_teacher_averages_both_frames(frames, tmp_path, suffix):
    torch.manual_seed(0)
    model = timm.create_model(TIMM, num_classes=1000).eval()
    weights = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(model.state_dict(), weights)
    bank = bank_of(f"timm:{TIMM}@{weights}", frames, tmp_path)
    model.reset_classifier(0)
    config = model.pretrained_cfg
    expected = []
    for half, count in ((1, 12), (2, 8)):
        video = video_of(frames / "A - B" / f"{half}_224p.h5", count)
        images = to_input(video, config["input_size"][1:], config["mean"], config["std"])[0].transpose(0, 1)
        with torch.inference_mode():
            expected.append(model(images).reshape(count // 2, 2, -1).mean(1))
    assert bank.features.shape == (10, 10)
    np.testing.assert_allclose(bank.features, rows_of(bank, expected), atol=1e-3)
    assert bank.teacher == f"timm:{TIMM}@w{suffix}"


@pytest.mark.parametrize("step", [1, 2])
def test_the_authors_weights_teach_too(frames, tmp_path, step):
    """Also by a name on the hub; their frames are of one size and timing."""
    torch.manual_seed(0)
    model = Model(ViViT(length=4)).eval()
    network = model.trunk.transformer
    names = {name: f"transformer.{name}" for name in network.state_dict()}
    if step == 1:
        names = {
            name: f"transformer.{name}" for name in names if "tempor" not in name and "time" not in name
        }
    torch.save(
        lightning_file({names[name]: network.state_dict()[name] for name in names}, {}), tmp_path / "l.ckpt"
    )
    teacher = load_teacher(str(tmp_path / "l.ckpt"))
    assert teacher.text == ("spatial l.ckpt" if step == 1 else "distilled l.ckpt")
    assert (teacher.relate is None) == (step == 1)
    assert teacher.geometry == PUBLISHED_GEOMETRY
    tubelets = torch.randint(0, 256, (3, 2, 24, 40, 3), dtype=torch.uint8)
    with torch.inference_mode():
        expected = network.spatial(to_input(tubelets, (32, 32)))
        torch.testing.assert_close(teacher.encode(tubelets), expected, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="was trained on frames of 398x224 pixels, 2 a second, ffmpeg"):
        bank_of(tmp_path / "l.ckpt", frames, tmp_path)


def test_without_a_network_a_timm_teacher_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        InputError, match=r"cannot get the weights of timm's 'test_vit'.*timm:NAME@FILE"
    ) as caught:
        load_teacher(f"timm:{TIMM}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("timm:no_such_model", "timm has no model 'no_such_model'"),
        (f"timm:{TIMM}.no_such_tag", "cannot get the weights"),
        ("timm:text.pth", "text.pth: whose weights it holds is not said; write timm:NAME@FILE"),
        (f"timm:{TIMM}@missing.pth", "missing.pth: no such weights file"),
        (f"timm:{TIMM}@text.pth", "text.pth: is not a readable file of tensors"),
        (f"timm:{TIMM}@other.safetensors", "other.safetensors: cannot get the weights"),
        ("missing.safetensors", "missing.safetensors: no such weights file"),
        ("text.pth", "is not a safetensors file"),
        ("other.safetensors", "holds weights, but not ours"),
    ],
)
def test_a_teacher_that_is_none_is_refused(teacher, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.pth").write_text("no weights")
    save_file({"x": torch.zeros(3)}, "other.safetensors")
    with pytest.raises(InputError, match=message):
        load_teacher(teacher)


def test_frames_unlike_the_teachers_are_refused(frames, tmp_path):
    save(tmp_path / "s.safetensors", "spatial", replace(GEOMETRY, fps=5.0))
    with pytest.raises(InputError, match="was trained on frames of"):
        bank_of(tmp_path / "s.safetensors", frames, tmp_path)


def test_a_half_without_a_tubelet_is_refused_and_nothing_is_left(frames, tmp_path):
    save(tmp_path / "s.safetensors", "spatial")
    image = np.zeros((GEOMETRY.height, GEOMETRY.width, 3), np.uint8)
    write(frames / "C - D" / "1_224p.h5", [(0, image)], 1)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="has 1 frames, a tubelet needs two"):
        bank_of(tmp_path / "s.safetensors", frames, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_runs_a_teacher_over_match_video(tmp_path, capsys):
    """Half a minute of a sample match: neighbours in time look alike to even an untrained network."""
    source = next(MATCHES.rglob("1_224p.mkv"))
    write(tmp_path / "frames" / source.parent.name / "1_224p.h5", enumerate(decoded(source, 60)), 1)
    save(tmp_path / "s.safetensors", "spatial")
    arguments = [tmp_path / "frames", "--teacher", tmp_path / "s.safetensors", "-o", tmp_path / "bank.h5"]
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--device", "cpu", "--features-fps", "3"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0
    assert json.loads(out)["rows"] == 30
    assert err == "build-bank: --features-fps has no effect with --teacher\n"
    bank = Bank(tmp_path / "bank.h5")
    near = nearest_moments(bank, source.parent.name, 1, 10.25, num=29, apart_seconds=0)
    by_distance = sorted(near, key=lambda moment: abs(moment["seconds"] - 10.25))
    cosines = [moment["cosine"] for moment in by_distance]
    assert np.mean(cosines[:4]) > np.mean(cosines[8:])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bank.h5", "frames", "s.safetensors"]


def decoded(source: Path, count: int) -> list[np.ndarray]:
    """The first frames of a video, two a second, small."""
    with av.open(source) as container:
        stream = container.streams.video[0]
        step, images = round(stream.average_rate / GEOMETRY.fps), []
        for number, frame in enumerate(container.decode(stream)):
            if number % step == 0:
                images.append(
                    frame.to_ndarray(format="rgb24", width=GEOMETRY.width, height=GEOMETRY.height)
                )
            if len(images) == count:
                return images
    raise AssertionError(f"{source} is too short")
