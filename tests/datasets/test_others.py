"""The data sets beside MNIST: what they hold, how they are split, and damaged files."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from steep.datasets import SOURCES, cifar10, content_digest, first_groups, hyperspectral, load_dataset, samson
from steep.errors import SteepError

MIRROR = Path(__file__).parents[3] / "shared" / "data"
needs_samson = pytest.mark.skipif(not (MIRROR / "samson").is_dir(), reason="no local copy of the Samson scene")


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_cifar_records(tmp_path: Path) -> None:
    """Label, then red, green, blue, each row by row."""
    record = np.arange(cifar10.RECORD, dtype=np.int64).astype(np.uint8)
    record[0] = 7
    files = {name: record.tobytes() for name in (*cifar10.TRAIN, *cifar10.TEST)}
    (tmp_path / "cifar10").mkdir()
    archive(tmp_path / "cifar10" / cifar10.ARCHIVE, files)
    train, test, groups = cifar10.load([tmp_path], tmp_path)
    assert (len(train), len(test), train.shape, train.full_scale) == (5, 1, (3, 32, 32), 255)
    assert train.labels.tolist() == [7] * 5 and len(set(groups)) == 5
    assert train.values[0, 1, 2, 3] == (1 + 1024 + 2 * 32 + 3) % 256
    with pytest.raises(SteepError, match="the training set's content has SHA-256"):
        load_dataset("cifar10", 1, [tmp_path], tmp_path)


def test_damaged_cifar_archives_are_one_line(tmp_path: Path) -> None:
    whole = {name: bytes(cifar10.RECORD) for name in (*cifar10.TRAIN, *cifar10.TEST)}
    good = archive(tmp_path / "good", whole).read_bytes()
    (tmp_path / "cut").write_bytes(good[: len(good) // 2])
    (tmp_path / "text").write_bytes(b"no archive")
    archive(tmp_path / "lacks", {name: data for name, data in whole.items() if name != "test_batch.bin"})
    for name, message in (("cut", "damaged"), ("text", "damaged"), ("lacks", "lacks test_batch.bin")):
        with pytest.raises(SteepError, match=message) as caught:
            cifar10.read_archive(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)
    for data, message in ((bytes(100), "not made of records"), (b"\x0b" + bytes(cifar10.RECORD - 1), "label above 9")):
        with pytest.raises(SteepError, match=message):
            cifar10.parse(Path("x"), data)


@pytest.fixture(scope="module")
def cells() -> dict:
    return load_dataset("hyperspectral", 3600, [], Path())


def test_generated_cells(cells: dict) -> None:
    """The digest is checked by load_dataset: the same pixels on every machine."""
    assert {name: len(frames) for name, frames in cells.items()} == {"train": 18000, "validation": 3600, "test": 7200}
    assert cells["train"].shape == SOURCES["hyperspectral"].shape == (1, 1, 512)
    assert np.bincount(cells["test"].labels).tolist() == [2400, 2400, 2400]
    assert all(frames.values.max() < 255 for frames in cells.values())  # the camera does not saturate


def test_whole_cells_are_held_out() -> None:
    """Every cell's pixels are 30 of its own and 15 around it, and none of them is on both sides."""
    train, _, groups = hyperspectral.load([], Path())
    held_out = first_groups(np.random.default_rng(0).permutation(groups), 3600)
    assert held_out.sum() >= 3600
    splits = load_dataset("hyperspectral", 100, [], Path())
    assert len(splits["validation"]) % 45 == 0 and 100 <= len(splits["validation"]) < 145
    cell_of = {train.values[n].tobytes(): groups[n] for n in range(len(train))}
    sides = [{cell_of[value.tobytes()] for value in splits[name].values} for name in ("train", "validation")]
    assert not sides[0] & sides[1] and len(sides[0] | sides[1]) == hyperspectral.CELLS["train"]


def test_the_cells_are_as_difficult_as_stated(cells: dict) -> None:
    """Linear discriminant analysis, on validation pixels: the docstring's 98.4%."""
    train, validation = cells["train"], cells["validation"]
    rule = LinearDiscriminantAnalysis().fit(train.flat.astype(np.float64), train.labels)
    accuracy = 100 * (rule.predict(validation.flat.astype(np.float64)) == validation.labels).mean()
    assert accuracy == pytest.approx(98.4, abs=0.1)


def test_emission_peaks_where_the_pigments_do() -> None:
    peaks = hyperspectral.WAVELENGTHS[hyperspectral.emission().argmax(axis=1)]
    assert np.allclose(peaks, [648, 661, 680, 685], atol=1)


@needs_samson
def test_samson_is_split_by_blocks(tmp_path: Path) -> None:
    splits = load_dataset("samson", 1300, [MIRROR], tmp_path)
    assert len(splits["test"]) == 5 * 19 * 19 and splits["test"].shape == (1, 1, 156)
    train, test, blocks = samson.load([MIRROR], tmp_path)
    assert len(np.unique(blocks)) == 20 and not samson.held_out_blocks().ravel()[np.unique(blocks)].any()
    assert len(splits["train"]) + len(splits["validation"]) == len(train) < 20 * 19 * 19  # the guard is left out
    assert content_digest(test) == SOURCES["samson"].test
    assert all(np.bincount(frames.labels, minlength=3).min() > 200 for frames in splits.values())


def test_test_blocks_touch_every_row_and_column_once() -> None:
    chosen = samson.held_out_blocks()
    assert chosen.sum(0).tolist() == chosen.sum(1).tolist() == [1] * 5


def test_a_file_that_is_no_scene_is_one_line(tmp_path: Path) -> None:
    from scipy.io import savemat

    (tmp_path / "samson").mkdir()
    path = tmp_path / "samson" / samson.FILE
    for write in (
        lambda: path.write_bytes(b"nothing"),
        lambda: savemat(path, {"Y": np.zeros((3, 4)), "A": np.zeros(3)}),
    ):
        write()
        with pytest.raises(SteepError) as caught:
            samson.load([tmp_path], tmp_path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_groups_are_taken_whole_in_the_order_they_appear() -> None:
    groups = np.array([4, 2, 4, 7, 2, 9])
    assert first_groups(groups, 1).tolist() == [True, False, True, False, False, False]
    assert first_groups(groups, 2).tolist() == [True, False, True, False, False, False]
    assert first_groups(groups, 3).tolist() == [True, True, True, False, True, False]
