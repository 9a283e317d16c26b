"""The data sets beside MNIST: what they hold, how they are split, and damaged files."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from steep.datasets import SOURCES, Source, cifar10, content_digest, first_groups, hyperspectral, load_dataset, samson
from steep.errors import SteepError
from steep.frames import Frames

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
    assert (train.classes, test.classes) == (10, 10)
    assert train.labels.tolist() == [7] * 5 and groups.tolist() == [0, 1, 2, 3, 4]
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


def test_what_else_lies_in_a_cifar_archive_does_not_matter(tmp_path: Path) -> None:
    """Other files, and the order; but a link, a device or a folder in place of a file is not that file."""
    files = {name: bytes([n]) + bytes(cifar10.RECORD - 1) for n, name in enumerate((*cifar10.TRAIN, *cifar10.TEST))}
    more = dict(reversed(files.items())) | {"batches.meta.txt": b"names", "readme.html": b"text"}
    found = cifar10.read_archive(archive(tmp_path / "more", more))
    assert found == files and list(found) == list(files)
    train, test = cifar10.read_frames(tmp_path / "more")
    assert train.labels.tolist() == [0, 1, 2, 3, 4] and test.labels.tolist() == [5]
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        with tarfile.open(tmp_path / "odd", "w:gz") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                if name == "data_batch_3.bin":
                    member.type, member.linkname = kind, "data_batch_2.bin"
                else:
                    member.size = len(data)
                tar.addfile(member, io.BytesIO(data) if member.size else None)
        with pytest.raises(SteepError) as caught:
            cifar10.read_archive(tmp_path / "odd")
        assert str(caught.value) == f"{tmp_path / 'odd'}: lacks data_batch_3.bin; copy it anew"


def test_cifar_files_are_no_larger_than_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive cannot fill the memory."""
    assert cifar10.LONGEST == 30_730_000
    files = {name: bytes(2 * cifar10.RECORD) for name in (*cifar10.TRAIN, *cifar10.TEST)}
    archive(tmp_path / "a", files)
    monkeypatch.setattr(cifar10, "LONGEST", 2 * cifar10.RECORD)
    assert cifar10.read_archive(tmp_path / "a") == files
    monkeypatch.setattr(cifar10, "LONGEST", 2 * cifar10.RECORD - 1)
    with pytest.raises(
        SteepError, match=f"data_batch_1.bin has more than {2 * cifar10.RECORD - 1} bytes; copy it anew"
    ):
        cifar10.read_archive(tmp_path / "a")


def test_labels_of_cifar_are_0_to_9() -> None:
    """Of every record, not of the first alone."""
    records = np.zeros((3, cifar10.RECORD), np.uint8)
    records[2, 0] = 9
    assert cifar10.parse(Path("x"), records.tobytes()).labels.tolist() == [0, 0, 9]
    records[2, 0] = 10
    with pytest.raises(SteepError, match="x: holds a label above 9; copy it anew"):
        cifar10.parse(Path("x"), records.tobytes())
    for length in (0, 1, cifar10.RECORD - 1, 2 * cifar10.RECORD + 1):
        with pytest.raises(SteepError, match=f"x: a file of {length} bytes is not made of records of 3073"):
            cifar10.parse(Path("x"), bytes(length))


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


def test_a_made_scene_is_read_and_split(tmp_path: Path) -> None:
    """Rounded to 8 bits, cut at 0 and 1; every pixel by the block it lies in, those near a test block left out."""
    from scipy.io import savemat

    random = np.random.default_rng(6)
    spectra = random.uniform(-0.2, 1.2, (samson.BANDS, 95 * 95))
    spectra[0] = np.arange(95 * 95) // 95 / 255  # row
    spectra[1] = np.arange(95 * 95) % 95 / 255  # column
    abundances = random.dirichlet(np.ones(3), 95 * 95).T
    (tmp_path / "samson").mkdir()
    savemat(tmp_path / "samson" / samson.FILE, {"Y": spectra, "A": abundances})
    train, test, blocks = samson.load([tmp_path], tmp_path)
    held_out = [(0, 0), (1, 3), (2, 1), (3, 4), (4, 2)]
    assert [tuple(place) for place in np.argwhere(samson.held_out_blocks()).tolist()] == held_out

    def is_near(row: int, column: int) -> bool:
        return any(19 * r - 2 <= row < 19 * r + 21 and 19 * c - 2 <= column < 19 * c + 21 for r, c in held_out)

    wanted = {True: [], False: []}
    for pixel in range(95 * 95):
        row, column = divmod(pixel, 95)
        if (row // 19, column // 19) in held_out:
            wanted[True].append(pixel)
        elif not is_near(row, column):
            wanted[False].append(pixel)
    for frames, is_test in ((train, False), (test, True)):
        pixels = np.array(wanted[is_test])
        assert frames.values.shape == (len(pixels), 1, 1, 156) and (frames.classes, frames.full_scale) == (3, 255)
        assert np.array_equal(frames.labels, abundances.argmax(0)[pixels])
        expected = np.floor(255 * np.clip(spectra[:, pixels].T, 0, 1) + 0.5)
        assert np.array_equal(frames.flat, expected)
    assert np.array_equal(blocks, [pixel // 95 // 19 * 5 + pixel % 95 // 19 for pixel in wanted[False]])


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
        lambda: savemat(path, {"Y": np.zeros((156, 9025)), "A": np.zeros((9025, 3))}),
        lambda: savemat(path, {"Y": np.zeros((9025, 156)), "A": np.zeros((3, 9025))}),
        lambda: savemat(path, {"Y": np.zeros((156, 9025))}),
        lambda: savemat(path, {"Y": np.full((156, 9025), np.nan), "A": np.zeros((3, 9025))}),
        lambda: savemat(path, {"Y": np.zeros((156, 9025)), "A": np.full((3, 9025), np.inf)}),
        lambda: savemat(path, {"Y": "text", "A": {"a": 1}}),
        lambda: path.write_bytes(b""),
    ):
        write()
        with pytest.raises(SteepError) as caught:
            samson.read_scene(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_the_interpolation_of_the_digits() -> None:
    """Between centres of pixels, in fourteenths, rounded half up; flat images stay flat, edges are kept."""
    from fractions import Fraction

    from steep.datasets.digits import enlarge

    random = np.random.default_rng(4)
    images = random.integers(0, 17, (3, 8, 8))
    images[0], images[1, :4], images[1, 4:] = 16, 0, 16
    made = enlarge(images)
    assert made.dtype == np.uint8 and made.shape == (3, 28, 28)
    assert (made[0] == 255).all() and (made[1, :12] == 0).all() and (made[1, 16:] == 255).all()

    def at(i: int) -> list[tuple[int, Fraction]]:
        place = min(max(Fraction(2 * i + 1, 7) - Fraction(1, 2), Fraction(0)), Fraction(7))
        left = min(place.numerator // place.denominator, 6)
        return [(left, 1 - (place - left)), (left + 1, place - left)]

    for row in range(28):
        for column in range(0, 28, 3):
            value = sum(int(images[2, r, c]) * wide * high for r, high in at(row) for c, wide in at(column)) * Fraction(
                255, 16
            )
            assert made[2, row, column] == (value + Fraction(1, 2)).__floor__()


def test_a_source_without_test_frames_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = Frames(np.zeros((5, 1, 2, 2), np.uint8), np.zeros(5, np.uint8), 2)
    source = Source(
        lambda mirrors, cache: (some, some.first(0), np.arange(5)),
        shape=(1, 2, 2),
        names=("a", "b"),
        train=content_digest(some),
        test=content_digest(some.first(0)),
    )
    monkeypatch.setitem(SOURCES, "mine", source)
    with pytest.raises(SteepError, match="mine: has no test frames"):
        load_dataset("mine", 1, [], tmp_path)


def test_groups_are_taken_whole_in_the_order_they_appear() -> None:
    groups = np.array([4, 2, 4, 7, 2, 9])
    assert first_groups(groups, 1).tolist() == [True, False, True, False, False, False]
    assert first_groups(groups, 2).tolist() == [True, False, True, False, False, False]
    assert first_groups(groups, 3).tolist() == [True, True, True, False, True, False]


def test_the_camera_cuts_at_0_and_255(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is more light than 8 bits can tell, and where there is less than none."""
    monkeypatch.setattr(hyperspectral, "PHOTONS", 6000.0)
    monkeypatch.setattr(hyperspectral, "BASELINE", -50.0)
    frames, _ = hyperspectral.generate(2, np.random.default_rng(0))
    pixels = frames.flat[frames.labels > 0]
    brightest = hyperspectral.emission().sum(axis=0).argmax()
    assert (pixels[:, brightest] == 255).all() and (pixels[:, 0] == 0).all()
    assert ((pixels > 0) & (pixels < 255)).any(axis=1).all()
