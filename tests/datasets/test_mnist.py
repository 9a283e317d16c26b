"""MNIST: the official files are known by their content, and damaged ones are refused in one line."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from steep.datasets import SOURCES, canonical_order, content_digest, load_dataset, mnist
from steep.errors import SteepError
from steep.frames import Frames

MIRROR = Path(__file__).parents[3] / "shared" / "data"
needs_mnist = pytest.mark.skipif(
    not all((MIRROR / "mnist" / name).is_file() for name in mnist.FILES),
    reason=f"MNIST's four files do not lie in {MIRROR / 'mnist'}",
)


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return gzip.compress(header + array.tobytes())


def test_read_idx(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a.gz").write_bytes(idx(array))
    assert np.array_equal(mnist.read_idx(tmp_path / "a.gz"), array)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    whole = idx(np.random.default_rng(0).integers(0, 256, (50, 9), dtype=np.uint8))
    plain = gzip.decompress(whole)
    damaged = {
        "cut": whole[:200],
        "empty": b"",
        "text": b"<html>not found</html>",
        "flipped": whole[:100] + bytes(9) + whole[109:],
        "short": gzip.compress(plain[:-1]),
        "long": gzip.compress(plain + b"x"),
        "other type": gzip.compress(b"\0\0\x0d" + plain[3:]),
        "header only": gzip.compress(plain[:6]),
        "nothing in it": gzip.compress(b""),
        "no dimension": gzip.compress(b"\0\0\x08\0" + b"x"),
        "four dimensions": gzip.compress(b"\0\0\x08\x04" + np.ones(4, ">i4").tobytes() + b"x"),
        "many dimensions": gzip.compress(b"\0\0\x08\xff" + np.ones(255, ">i4").tobytes() + b"x"),
        "sizes below 0": gzip.compress(b"\0\0\x08\x02" + np.array([-2, -3], ">i4").tobytes() + bytes(6)),
        "sizes that overflow": gzip.compress(
            b"\0\0\x08\x03" + np.array([2**30, 2**30, 16], ">i4").tobytes() + bytes(0)
        ),
        "little-endian": gzip.compress(plain[:4] + np.array([50, 9], "<i4").tobytes() + plain[12:]),
        "second byte": gzip.compress(b"\0\x01\x08" + plain[3:]),
        "trailing rubbish": whole + b"rubbish",
    }
    for how, data in damaged.items():
        path = tmp_path / f"{how}.gz"
        path.write_bytes(data)
        with pytest.raises(SteepError) as caught:
            mnist.read_idx(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value), how


def test_a_small_file_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than MNIST's largest file is not read on; what is exactly as large is read."""
    array = np.zeros((3, 5), np.uint8)
    path = tmp_path / "a.gz"
    path.write_bytes(idx(array))
    assert mnist.LONGEST == 16 + 47_040_000
    monkeypatch.setattr(mnist, "LONGEST", 12 + 15)
    assert np.array_equal(mnist.read_idx(path), array)
    longer = tmp_path / "longer.gz"
    longer.write_bytes(gzip.compress(gzip.decompress(idx(array)) + b"x"))
    with pytest.raises(SteepError, match="of another length than its header says"):
        mnist.read_idx(longer)
    monkeypatch.setattr(mnist, "LONGEST", 12 + 13)
    with pytest.raises(SteepError, match="not an IDX file"):
        mnist.read_idx(path)


def test_a_record_more_or_less_or_changed_is_another_content() -> None:
    rng = np.random.default_rng(0)
    frames = Frames(rng.integers(0, 256, (30, 1, 4, 4), dtype=np.uint8), rng.integers(0, 10, 30).astype(np.uint8), 10)
    order = rng.permutation(30)
    shuffled = Frames(frames.values[order], frames.labels[order], 10)
    assert content_digest(frames) == content_digest(shuffled)
    one, other = (some.take(canonical_order(some)) for some in (frames, shuffled))
    assert np.array_equal(one.values, other.values) and np.array_equal(one.labels, other.labels)
    changed = frames.values.copy()
    changed[3, 0, 0, 0] ^= 1
    swapped = frames.labels.copy()
    swapped[:2] = (swapped[1] + 1) % 10, swapped[0]
    for other in (
        Frames(changed, frames.labels, 10),
        Frames(frames.values, swapped, 10),
        Frames(frames.values[1:], frames.labels[1:], 10),
    ):
        assert content_digest(other) != content_digest(frames)


@needs_mnist
def test_the_official_files(tmp_path: Path) -> None:
    splits = load_dataset("mnist", 5000, [MIRROR], tmp_path)
    assert {name: len(frames) for name, frames in splits.items()} == {"train": 55000, "validation": 5000, "test": 10000}
    assert splits["test"].shape == SOURCES["mnist"].shape == (1, 28, 28)
    assert np.bincount(splits["test"].labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert list(tmp_path.iterdir()) == []  # a mirror is read in place


@needs_mnist
def test_a_wrong_digest_is_one_line(tmp_path: Path) -> None:
    """Files that are well-formed but not MNIST: one test label is another one."""
    shutil.copytree(MIRROR / "mnist", tmp_path / "mirror" / "mnist")
    path = tmp_path / "mirror" / "mnist" / "t10k-labels-idx1-ubyte.gz"
    labels = mnist.read_idx(path).copy()
    labels[17] = (labels[17] + 1) % 10
    path.chmod(0o644)
    path.write_bytes(idx(labels))
    with pytest.raises(
        SteepError, match=r"mnist: the test set's content has SHA-256 [0-9a-f]{16}\.\.\., expected 634538fb34c5277f"
    ) as caught:
        load_dataset("mnist", 5000, [tmp_path / "mirror"], tmp_path)
    assert "\n" not in str(caught.value)


def test_digits_need_no_files(tmp_path: Path) -> None:
    splits = load_dataset("digits", 200, [], tmp_path)
    assert {name: len(frames) for name, frames in splits.items()} == {"train": 1238, "validation": 200, "test": 359}
    assert splits["train"].values.max() == 255 and splits["train"].shape == SOURCES["digits"].shape


def test_too_many_validation_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SteepError, match=r"validation is 1438, but digits has 1438 training frames"):
        load_dataset("digits", 1438, [], tmp_path)
