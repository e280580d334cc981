import pickle
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from comedian.errors import InputError
from comedian.formats.frames import FramesFile, as_kept, whole_frames_file, write_frames
from comedian.video.workers import results_of

SIZE = WIDTH, HEIGHT = 50, 30


def pictures(count: int) -> np.ndarray:
    """Smooth pictures, as JPEG likes them, each of its own colours; uint8 (count, 30, 50, 3)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    shades = np.stack([rows * 4, columns * 2, rows + columns], axis=-1)
    return np.stack([shades + 15 * number for number in range(count)]).astype(np.uint8)


def write(path, images, **changes):
    how = {
        "fps": 2.0,
        "size": SIZE,
        "encoding": "raw",
        "video": path.parent / "1_match.mkv",
        "half": 1,
        "sampling": "screen",
        "provenance": '{"command": "test"}',
    }
    return write_frames(path, ((k / 2, image) for k, image in enumerate(images)), **{**how, **changes})


def test_raw_frames_come_back_exactly(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, HEIGHT, WIDTH, 3), dtype=np.uint8)
    assert write(tmp_path / "a.h5", images) == 9
    file = FramesFile(tmp_path / "a.h5")
    assert len(file) == 9
    assert np.array_equal(file.read(range(9)), images)
    assert np.array_equal(file.read([7, 0, 7]), images[[7, 0, 7]])
    assert np.array_equal(file.seconds, np.arange(9) / 2)
    assert file.seconds.dtype == np.float64


def test_jpeg_frames_come_back_closely_and_small(tmp_path):
    images = pictures(9)
    write(tmp_path / "a.h5", images, encoding="jpeg")
    file = FramesFile(tmp_path / "a.h5")
    errors = np.abs(file.read(range(9)).astype(int) - images)
    assert errors.mean() < 1.5
    write(tmp_path / "low.h5", images, encoding="jpeg", quality=20)
    rough = np.abs(FramesFile(tmp_path / "low.h5").read(range(9)).astype(int) - images)
    assert rough.mean() > errors.mean()


def test_frames_of_a_video_become_what_a_file_would_give(tmp_path):
    images = pictures(3)
    for quality in (90, 20):
        write(tmp_path / "a.h5", images, encoding="jpeg", quality=quality)
        file = FramesFile(tmp_path / "a.h5")
        assert file.jpeg_quality == quality
        times, found = zip(
            *as_kept(((k / 2, image) for k, image in enumerate(images)), quality), strict=True
        )
        assert times == (0.0, 0.5, 1.0)
        assert np.array_equal(np.stack(found), file.read(range(3)))
    with h5py.File(tmp_path / "a.h5", "r+") as older:
        del older.attrs["quality"]
    assert FramesFile(tmp_path / "a.h5").jpeg_quality == 90
    write(tmp_path / "raw.h5", images)
    assert FramesFile(tmp_path / "raw.h5").jpeg_quality == 0


def test_what_was_told_is_kept(tmp_path):
    (tmp_path / "1_match.mkv").write_bytes(b"x" * 77)
    write(tmp_path / "a.h5", pictures(2), fps=3.5, half=1, sampling="ffmpeg", damage=["ends early"])
    file = FramesFile(tmp_path / "a.h5")
    assert (file.fps, file.width, file.height) == (3.5, WIDTH, HEIGHT)
    assert (file.half, file.sampling, file.encoding, file.damage) == (1, "ffmpeg", "raw", "ends early")
    assert (file.video, file.video_bytes) == (str(tmp_path / "1_match.mkv"), 77)
    assert file.provenance == '{"command": "test"}'
    with h5py.File(tmp_path / "a.h5") as stored:
        assert stored.attrs["format"] == "comedian frames"
        assert stored["data"].chunks is None, "blobs lie end to end"
        assert stored["offset"].dtype == np.int64
        assert stored["offset"].shape == (3,)


def test_reading_fills_what_is_given(tmp_path):
    for encoding in ("raw", "jpeg"):
        write(tmp_path / "a.h5", pictures(6), encoding=encoding)
        file = FramesFile(tmp_path / "a.h5")
        batch = np.zeros((2, 3, HEIGHT, WIDTH, 3), np.uint8)
        assert file.read(range(1, 4), out=batch[1]).base is batch
        assert np.array_equal(batch[1], file.read(range(1, 4)))
        assert not batch[0].any()


def test_files_go_to_other_threads_and_processes(tmp_path):
    write(tmp_path / "a.h5", pictures(20) // 3, encoding="jpeg")
    file = FramesFile(tmp_path / "a.h5")
    alone = file.read(range(20))
    assert len(pickle.dumps(file)) < 300
    assert np.array_equal(pickle.loads(pickle.dumps(file)).read(range(20)), alone)
    with ThreadPoolExecutor(4) as threads:
        assert np.array_equal(np.concatenate(list(threads.map(file.read, [[k] for k in range(20)]))), alone)
    others = results_of(file.read, [([k],) for k in range(20)], 2)
    assert np.array_equal(np.concatenate(list(others)), alone)


def test_no_handle_stays_open(tmp_path):
    write(tmp_path / "a.h5", pictures(2))
    file = FramesFile(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+"):  # HDF5 would refuse this if the file were open for reading
        assert len(file.read([0, 1])) == 2


def test_nothing_is_left_of_a_file_that_failed(tmp_path):
    def broken():
        yield 0.0, pictures(1)[0]
        raise KeyboardInterrupt

    write(tmp_path / "a.h5", pictures(2))
    before = (tmp_path / "a.h5").read_bytes()
    how = {"fps": 2, "size": SIZE, "video": "v.mkv", "half": 1, "sampling": "screen", "provenance": "{}"}
    with pytest.raises(KeyboardInterrupt):
        write_frames(tmp_path / "a.h5", broken(), **how)
    with pytest.raises(InputError, match=r"v\.mkv: gave no frame"):
        write_frames(tmp_path / "a.h5", [], **how)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    assert (tmp_path / "a.h5").read_bytes() == before


def test_bad_files_are_input_errors(tmp_path):
    write(tmp_path / "good.h5", pictures(40))
    whole = (tmp_path / "good.h5").read_bytes()
    (tmp_path / "empty.h5").touch()
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) * 2 // 3])
    with h5py.File(tmp_path / "bank.h5", "w") as file:
        file.attrs["format"] = "comedian bank"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    (tmp_path / "newer.h5").write_bytes(whole)
    with h5py.File(tmp_path / "newer.h5", "r+") as file:
        file.attrs["version"] = 99
    (tmp_path / "poor.h5").write_bytes(whole)
    with h5py.File(tmp_path / "poor.h5", "r+") as file:
        del file["seconds"]
    cases = {
        "none.h5": "no such file",
        ".": "is a folder",
        "empty.h5": "is not a frames file",
        "text.h5": "is not a frames file",
        "cut.h5": "cut short",
        "bank.h5": "is not a frames file but comedian bank",
        "other.h5": "is not a frames file but some other HDF5 file",
        "newer.h5": "newer version",
        "poor.h5": "damaged",
    }
    for name, message in cases.items():
        with pytest.raises(InputError, match=message):
            FramesFile(tmp_path / name)


def test_a_damaged_frame_is_an_input_error(tmp_path):
    write(tmp_path / "a.h5", pictures(3), encoding="jpeg")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        begin, end = file["offset"][1:3]
        file["data"][begin:end] = 0
    file = FramesFile(tmp_path / "a.h5")
    assert file.read([0, 2]).any()
    with pytest.raises(InputError, match=r"a.h5: frame 1 is damaged; make it again"):
        file.read([1])


def test_only_a_whole_file_made_alike_is_kept(tmp_path):
    video, path = tmp_path / "1_match.mkv", tmp_path / "a.h5"
    video.write_bytes(b"x" * 10)
    alike = {"fps": 2.0, "size": SIZE, "encoding": "raw", "sampling": "screen", "video": video}
    assert whole_frames_file(path, **alike) is None
    write(path, pictures(2))
    assert len(whole_frames_file(path, **alike)) == 2
    changes = {
        "fps": 2.5,
        "size": (50, 31),
        "encoding": "jpeg",
        "sampling": "ffmpeg",
        "video": tmp_path / "b",
    }
    for key, other in changes.items():
        assert whole_frames_file(path, **{**alike, key: other}) is None, key
    video.write_bytes(b"x" * 11)
    assert whole_frames_file(path, **alike) is None, "another video by the same name"


@pytest.mark.parametrize("name", ["seconds", "offset"])
def test_frames_that_run_backwards_are_damage(tmp_path, name):
    path = tmp_path / "a.h5"
    write(path, pictures(5))
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        values[1:3] = values[2], values[1]
        file[name][...] = values
    with pytest.raises(InputError, match="frames are not where they should be"):
        FramesFile(path)
