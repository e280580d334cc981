"""Tiny files of every kind, made once a session: videos, frames, labels, features, a bank and weights.

The pictures are noise that a seed fixes and the weights are random: what is asked of them is that
commands read, write, refuse and repeat, not that they learn.
"""

import json
import signal
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None)  # a busy machine is no failure
settings.load_profile("suite")

CLASSES = ("Goal", "Foul", "Corner")
SIZE = (64, 36)  # width, height of stored frames
FPS = 2.0
NUM_FRAMES = 60  # of a half
GAMES = ("league/2026/A 1 - 0 B", "league/2026/C 2 - 2 D")
MODEL_SETTINGS = (
    "image_height=32 image_width=32 embed_dim=12 depth=1 num_heads=1 num_tokens=4 temporal_depth=1 "
    "temporal_heads=1 drop_path=0.0"
).split()


@dataclass(frozen=True)
class Tiny:
    """Where the session's files lie. Read them; what a test breaks or overwrites it copies first."""

    root: Path
    videos: Path  # folder of the games' videos with Labels-v2.json
    video: Path  # one of them
    frames: Path  # folder of the games' frames files
    half: Path  # one of them
    features: Path  # folder of the games' feature files
    bank: Path
    spatial: Path
    distilled: Path
    spotter: Path
    other_spotter: Path  # other weights, same kind
    list: Path  # of both games
    labels: Path  # folder of labels, by game
    model_flags: tuple[str, ...]  # --set … that describe the network of the weights


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive():
    """Ctrl-C reaches what is tested, also where a shell has it ignored: in the background, behind nohup."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Tiny:
    """Files of every kind, of two games of two halves of 30 s."""
    root = tmp_path_factory.mktemp("tiny-files")
    weights = {kind: root / f"{kind}.safetensors" for kind in ("spatial", "distilled", "spotter", "other")}
    videos, frames, features = root / "videos", root / "frames", root / "features"
    for number, game in enumerate(GAMES):
        for half in (1, 2):
            video = videos / game / f"{half}_224p.mkv"
            write_video(video, seed=10 * number + half)
            write_tiny_frames(frames / game / f"{half}_224p.h5", video, half, seed=10 * number + half)
            write_features(features / game / f"{half}_features.npy", seed=10 * number + half)
        write_labels(videos / game / "Labels-v2.json")
    (root / "games.txt").write_text("".join(f"{game}\n" for game in GAMES))
    write_bank_of(features, root / "bank.h5")
    write_weights(weights)
    return Tiny(
        root=root,
        videos=videos,
        video=videos / GAMES[0] / "1_224p.mkv",
        frames=frames,
        half=frames / GAMES[0] / "1_224p.h5",
        features=features,
        bank=root / "bank.h5",
        spatial=weights["spatial"],
        distilled=weights["distilled"],
        spotter=weights["spotter"],
        other_spotter=weights["other"],
        list=root / "games.txt",
        labels=videos,
        model_flags=tuple(word for text in MODEL_SETTINGS for word in ("--set", f"model.{text}")),
    )


@pytest.fixture(scope="session")
def tiny_onnx(tiny) -> Path:
    """The session's spotter as ONNX; skips where its packages are not installed."""
    for name in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    from comedian.formats.exported import write_exported
    from comedian.weights.export import export, open_weights

    path = tiny.root / "spotter.onnx"
    write_exported(path, export(*open_weights(tiny.spotter), path))
    return path


@pytest.fixture
def run(capfd):
    """Call a command's main in this process: run(main, *arguments) -> (status, stdout, stderr)."""

    def call(main, *arguments) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code or 0, *capfd.readouterr()

    return call


def pictures(seed: int, number: int = NUM_FRAMES, size: tuple[int, int] = SIZE):
    """uint8 (number, H, W, 3): blocks of colour that drift, so that they compress and differ."""
    import numpy as np

    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (number, -(-size[1] // 8), -(-size[0] // 8), 3), np.uint8)
    return blocks.repeat(8, axis=1).repeat(8, axis=2)[:, : size[1], : size[0]]


def write_video(path: Path, seed: int, fps: int = 4) -> None:
    """An MPEG-4 video of 30 s."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in pictures(seed, int(NUM_FRAMES / FPS * fps)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_tiny_frames(path: Path, video: Path, half: int, seed: int, num_frames: int = NUM_FRAMES) -> None:
    """A frames file; frame k lies at k / FPS seconds."""
    from comedian.formats.frames import write_frames

    frames = ((number / FPS, picture) for number, picture in enumerate(pictures(seed, num_frames)))
    about = {"video": video, "half": half, "sampling": "screen", "provenance": "{}"}
    write_frames(path, frames, fps=FPS, size=SIZE, **about)


def write_labels(path: Path) -> None:
    """Five actions of each half, of the classes in turn, one of them not shown."""
    actions = [
        {
            "gameTime": f"{half} - 00:{second:02d}",
            "label": CLASSES[(second // 5) % 3],
            "position": str(1000 * second),
            "team": "home",
            "visibility": "not shown" if second == 10 else "visible",
        }
        for half in (1, 2)
        for second in range(5, 30, 5)
    ]
    path.write_text(json.dumps({"annotations": actions}))


def write_features(path: Path, seed: int) -> None:
    """A feature file: one row a second, 9 wide."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    np.save(path, rng.normal(size=(int(NUM_FRAMES / FPS), 9)).cumsum(axis=0).astype(np.float32))


def write_bank_of(features: Path, path: Path) -> None:
    """A bank of all feature files, 6 wide."""
    from comedian.bank.build import bank_from_features
    from comedian.formats.games import find_games
    from comedian.recipes.bank import BankRecipe

    games = find_games([features], frozenset({".npy"}))
    bank_from_features(games, path, replace(BankRecipe(), dim=6))


def write_weights(paths: dict[str, Path]) -> None:
    """Weights of each kind, for one network, and a second spotter."""
    import torch

    from comedian.formats.checkpoint import Header, save_checkpoint
    from comedian.formats.frames import Geometry
    from comedian.models.spotter import Spotter
    from comedian.recipes.resolve import resolve
    from comedian.weights.load import save_spotter

    recipe = resolve("finetune", "vivit-tiny", [f"model.{setting}" for setting in MODEL_SETTINGS]).model
    geometry = Geometry(FPS, *SIZE, "screen")
    for seed, kind in enumerate(paths):
        torch.manual_seed(seed)
        spotter = Spotter(recipe, CLASSES).eval()
        torch.nn.init.normal_(spotter.heads.classes.weight)
        spotter.geometry = geometry
        tensors = {name: value for name, value in spotter.state_dict().items() if "heads." not in name}
        header = Header(kind, recipe, geometry, recipe={"preset": "vivit-tiny", "model": asdict(recipe)})
        if kind == "spatial":
            tensors = {name: value for name, value in tensors.items() if name.startswith("spatial.")}
        if kind in ("spatial", "distilled"):
            save_checkpoint(paths[kind], kind, tensors, header)
        else:
            save_spotter(paths[kind], spotter, {"spot": {"ignored_seconds": 1.0, "merge": "max"}})
