"""Frames survive the disk."""

from pathlib import Path

import numpy as np
import pytest

from steep.errors import SteepError
from steep.files import read_npz, write_npz
from steep.frames import Frames


@pytest.mark.parametrize("top", [1, 255])
@pytest.mark.parametrize("shape", [(7, 1, 5, 3), (4, 2, 1, 1), (1, 3, 8, 8)])
def test_round_trip(tmp_path: Path, top: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    frames = Frames(
        rng.integers(0, top + 1, shape, dtype=np.uint8), rng.integers(0, 3, shape[0]).astype(np.uint8), 3, top
    )
    frames.save(tmp_path / "frames.npz")
    loaded = Frames.load(tmp_path / "frames.npz")
    assert np.array_equal(loaded.values, frames.values) and loaded.values.dtype == np.uint8
    assert np.array_equal(loaded.labels, frames.labels)
    assert loaded.classes == 3 and loaded.shape == shape[1:] and loaded.full_scale == top


def test_binary_frames_are_packed(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2, (800, 1, 28, 28), dtype=np.uint8)
    Frames(values, np.zeros(800, np.uint8), 10, full_scale=1).save(tmp_path / "frames.npz")
    assert (tmp_path / "frames.npz").stat().st_size < values.size / 8 * 1.05 + 2000


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.zeros((2, 1, 2, 2)), np.zeros(2, np.uint8)),
        (np.zeros((2, 4), np.uint8), np.zeros(2, np.uint8)),
        (np.zeros((2, 1, 2, 2), np.uint8), np.zeros(3, np.uint8)),
        (np.zeros((1, 1, 2, 2), np.uint8), np.full(1, 3, np.uint8)),
        (np.full((1, 1, 2, 2), 2, np.uint8), np.zeros(1, np.uint8)),
    ],
)
def test_what_is_no_frame_is_refused(values: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(SteepError):
        Frames(values, labels, 3, full_scale=1)


@pytest.mark.parametrize("top", [1, 255])
def test_a_file_without_frames_is_one_line(tmp_path: Path, top: int) -> None:
    none = Frames(np.zeros((0, 1, 5, 3), np.uint8), np.zeros(0, np.uint8), 3, top)
    assert none.flat.shape == (0, 15)
    none.save(tmp_path / "frames.npz")
    with pytest.raises(SteepError, match="holds no frames; give a file with at least one"):
        Frames.load(tmp_path / "frames.npz")


def test_some_of_them() -> None:
    frames = Frames(np.arange(12, dtype=np.uint8).reshape(6, 1, 1, 2), np.arange(6, dtype=np.uint8), 6)
    assert frames.first(2).labels.tolist() == [0, 1] and len(frames.first(100)) == 6
    assert frames.take(np.array([4, 0])).values.ravel().tolist() == [8, 9, 0, 1]


def test_frames_that_contradict_themselves_are_refused_by_the_name_of_their_file(tmp_path: Path) -> None:
    path = tmp_path / "frames.npz"
    Frames(np.zeros((2, 1, 1, 3), np.uint8), np.array([0, 4], np.uint8), 5, 255).save(path)
    stored = read_npz(path)
    for change, words in (
        ({"classes": np.array(4)}, "label 4 with 4 classes"),
        ({"labels": np.array([0, 1])}, "labels must be uint8 (2,), not int64 (2,)"),
        ({"values": stored["values"].astype(np.int16)}, "frames must be uint8 (frames, channels, height, width)"),
        ({"shape": np.array([2, 3])}, "frames must be uint8 (frames, channels, height, width)"),
    ):
        write_npz(path, stored | change)
        with pytest.raises(SteepError) as caught:
            Frames.load(path)
        assert str(caught.value).startswith(f"{path}: {words}") and "delete it and run again" in str(caught.value)
