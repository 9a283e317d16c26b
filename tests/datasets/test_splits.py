"""Which frames are for training, for validation and for testing, to the last byte and in their order."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from steep import datasets
from steep.cli import main
from steep.datasets import SOURCES, Source, canonical_order, first_groups, load_dataset, mnist, record_digests
from steep.errors import SteepError
from steep.frames import Frames

MIRROR = Path(__file__).parents[3] / "shared" / "data"
needs_mnist = pytest.mark.skipif(not (MIRROR / "mnist").is_dir(), reason="no local copy of MNIST")
needs_samson = pytest.mark.skipif(not (MIRROR / "samson").is_dir(), reason="no local copy of the Samson scene")


def digest(frames: Frames) -> str:
    """Of values, labels, their order and types."""
    kind = f"{frames.values.dtype}{frames.values.shape}{frames.labels.dtype}{frames.classes}{frames.full_scale}"
    data = kind.encode() + frames.values.tobytes() + frames.labels.tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


@pytest.mark.parametrize(
    ("source", "validation", "train", "held_out", "test"),
    [
        ("digits", 200, (1238, "289116fe959c571a"), (200, "93f0f870231ae381"), (359, "45687af953b8bf98")),
        ("digits", 1, (1437, "2991e338e9b3578f"), (1, "8ee3100157fa9272"), (359, "45687af953b8bf98")),
        ("digits", 1437, (1, "658fd53dcd719d51"), (1437, "d3e895f985a9563e"), (359, "45687af953b8bf98")),
        ("hyperspectral", 3600, (18000, "3c713b6fef8dfdcc"), (3600, "f307113bbaef43da"), (7200, "ec01ca96450467af")),
        ("hyperspectral", 46, (21510, "8d73d9c67c7e2408"), (90, "16f8060e22786e2a"), (7200, "ec01ca96450467af")),
        pytest.param(
            "mnist",
            5000,
            (55000, "6db8ee63ea51de62"),
            (5000, "23d48d20b8b2d8f7"),
            (10000, "27efb41ca2d7b3ac"),
            marks=needs_mnist,
        ),
        pytest.param(
            "samson",
            1300,
            (5242, "d7e04eb89daa4b03"),
            (1318, "31292c7b6b3eb350"),
            (1805, "2b6ebf77418733c2"),
            marks=needs_samson,
        ),
        pytest.param(
            "samson",
            1,
            (6203, "cb423c582ee03881"),
            (357, "bc6254221881665c"),
            (1805, "2b6ebf77418733c2"),
            marks=needs_samson,
        ),
    ],
)
def test_the_splits_are_these(
    tmp_path: Path,
    source: str,
    validation: int,
    train: tuple[int, str],
    held_out: tuple[int, str],
    test: tuple[int, str],
) -> None:
    splits = load_dataset(source, validation, [MIRROR], tmp_path)
    assert list(splits) == ["train", "validation", "test"]
    assert {name: (len(frames), digest(frames)) for name, frames in splits.items()} == {
        "train": train,
        "validation": held_out,
        "test": test,
    }


def test_what_a_frame_is_and_what_the_classes_are_called() -> None:
    """Classes in the order of their labels, as the data sets' authors number them."""
    digits = tuple("0123456789")
    things = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    assert {name: (known.shape, known.names, known.classes) for name, known in SOURCES.items()} == {
        "mnist": ((1, 28, 28), digits, 10),
        "cifar10": ((3, 32, 32), things, 10),
        "hyperspectral": ((1, 1, 512), ("background", "nitrogen-replete", "nitrogen-deplete"), 3),
        "samson": ((1, 1, 156), ("soil", "tree", "water"), 3),
        "digits": ((1, 28, 28), digits, 10),
    }
    for name in ("digits", "hyperspectral"):
        for frames in load_dataset(name, 100, [], Path()).values():
            assert (frames.shape, frames.classes) == (SOURCES[name].shape, SOURCES[name].classes)


def some(count: int, seed: int, classes: int = 10) -> Frames:
    random = np.random.default_rng(seed)
    values = random.integers(0, 256, (count, 1, 2, 3), dtype=np.uint8)
    return Frames(values, random.integers(0, classes, count).astype(np.uint8), classes)


def test_the_digest_of_a_record_is_of_its_label_then_its_pixels() -> None:
    """Row by row, channel by channel: SHA-256 of the bytes, worked out here by hand."""
    values = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    frames = Frames(values, np.array([9], np.uint8), 10)
    assert record_digests(frames) == [hashlib.sha256(b"\x09" + bytes(range(12))).digest()]
    many = some(20, 1)
    assert datasets.content_digest(many) == hashlib.sha256(b"".join(sorted(record_digests(many)))).hexdigest()
    order = canonical_order(many)
    assert order.dtype == np.int64 and sorted(order) == list(range(20))
    assert [record_digests(many)[n] for n in order] == sorted(record_digests(many))


def test_the_first_records_in_the_order_of_their_digests_are_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the training set, and whole groups of them; test frames are put in order too."""
    train, test = some(12, 2), some(5, 3)
    groups = np.array([0, 1, 2, 3, 4, 5] * 2)
    known = Source(
        lambda mirrors, cache: (train, test, groups),
        shape=(1, 2, 3),
        names=tuple("0123456789"),
        train=datasets.content_digest(train),
        test=datasets.content_digest(test),
    )
    monkeypatch.setitem(SOURCES, "made", known)
    order = sorted(range(12), key=lambda n: record_digests(train)[n])
    for count in range(1, 12):
        taken: list[int] = []
        for n in order:
            if sum(int(g) in taken for g in groups) < count and groups[n] not in taken:
                taken.append(int(groups[n]))
        if len(taken) == 6:
            with pytest.raises(SteepError, match=f"validation is {count}, which takes every group of made; write"):
                load_dataset("made", count, [], tmp_path)
            continue
        splits = load_dataset("made", count, [], tmp_path)
        expected = {
            "validation": train.take(np.array([n for n in order if groups[n] in taken])),
            "train": train.take(np.array([n for n in order if groups[n] not in taken])),
            "test": test.take(np.array(sorted(range(5), key=lambda n: record_digests(test)[n]))),
        }
        assert {name: digest(frames) for name, frames in splits.items()} == {
            name: digest(frames) for name, frames in expected.items()
        }
    for count in (12, 13):
        with pytest.raises(SteepError, match=f"validation is {count}, but made has 12 training frames; write fewer"):
            load_dataset("made", count, [], tmp_path)
    for count in (0, -1):
        with pytest.raises(SteepError, match=f"validation is {count}; write 1 or more"):
            load_dataset("made", count, [], tmp_path)


@pytest.mark.parametrize("part", ["training", "test"])
def test_other_content_is_refused_in_either_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """The line gives both digests and the folders that hold the data set, and no others."""
    train, test = some(12, 2), some(5, 3)
    right = {"training": datasets.content_digest(train), "test": datasets.content_digest(test)}
    stated = right | {part: 64 * "f"}
    known = Source(
        lambda mirrors, cache: (train, test, np.arange(12)), (1, 2, 3), ("a",), stated["training"], stated["test"]
    )
    monkeypatch.setitem(SOURCES, "made", known)
    (tmp_path / "mirror" / "made").mkdir(parents=True)
    with pytest.raises(SteepError) as caught:
        load_dataset("made", 2, [tmp_path / "none", tmp_path / "mirror"], tmp_path / "cache")
    assert str(caught.value) == (
        f"made: the {part} set's content has SHA-256 {right[part][:16]}..., expected ffffffffffffffff...; "
        f"replace its files, found in {tmp_path / 'mirror' / 'made'}"
    )
    with pytest.raises(SteepError, match=r"found in the installed package$"):
        load_dataset("made", 2, [], tmp_path / "cache")


def test_groups_are_counted_as_they_come() -> None:
    groups = np.array([7, 7, 3, 7, 3, 1])
    assert [int(first_groups(groups, count).sum()) for count in range(1, 7)] == [3, 3, 3, 5, 5, 6]
    assert first_groups(groups, 4).dtype == bool


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--source", "fashion"),
            "'fashion' is not known; write one of: mnist, cifar10, hyper",
        ),
        (("--source", "digits", "--validation", "0"), "validation is 0; write 1 or more"),
    ],
)
def test_the_verb_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    fixed = ["--validation", "9", "--cache", str(tmp_path), "--train", "a", "--validation-frames", "b", "--test", "c"]
    assert main(["fetch-dataset", *fixed, *options]) == 1
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_mirrors_are_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fetch-dataset", "--mirrors", '"/data"'])
    assert "--mirrors: (top level): '/data' is not of type array; write one" in capsys.readouterr().err


@pytest.fixture(scope="module")
def made_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as large as MNIST's; the n-th image has the digits of n in its first pixels, its label is n mod 10."""
    folder = tmp_path_factory.mktemp("mirror") / "mnist"
    folder.mkdir()
    for part, count, offset in (("train", 60000, 0), ("t10k", 10000, 3)):
        images = np.zeros((count, 28, 28), np.uint8)
        number = np.arange(count)
        images[:, 0, 0], images[:, 0, 1], images[:, 27, 27] = number // 256, number % 256, 255
        for kind, array in (
            ("images-idx3", images),
            ("labels-idx1", ((number + offset) % 10).astype(np.uint8)),
        ):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            data = gzip.compress(header + array.tobytes(), compresslevel=1)
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(data)
    return folder.parent


def test_images_and_labels_belong_together(made_mnist: Path, tmp_path: Path) -> None:
    train, test, groups = mnist.load([made_mnist], tmp_path)
    for frames, count, offset in ((train, 60000, 0), (test, 10000, 3)):
        assert frames.values.shape == (count, 1, 28, 28) and (frames.classes, frames.full_scale) == (10, 255)
        number = frames.values[:, 0, 0, 0].astype(int) * 256 + frames.values[:, 0, 0, 1]
        assert np.array_equal(number, np.arange(count)) and (frames.values[:, 0, 27, 27] == 255).all()
        assert np.array_equal(frames.labels, (np.arange(count) + offset) % 10)
    assert np.array_equal(groups, np.arange(60000))


def test_files_of_another_data_set_are_refused_in_one_line(made_mnist: Path, tmp_path: Path) -> None:
    """Of the same shape, as Fashion-MNIST's, or with the training set's files under the test set's names."""
    with pytest.raises(
        SteepError, match=r"^mnist: the training set's content has SHA-256 .*; replace its files"
    ) as told:
        load_dataset("mnist", 5000, [made_mnist], tmp_path)
    assert "\n" not in str(told.value)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes((made_mnist / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())
    with pytest.raises(SteepError) as told:
        mnist.read_part(path)
    assert str(told.value) == f"{path}: holds (60000, 28, 28), MNIST has (10000, 28, 28) here; copy it anew"
    labels = np.zeros(10000, np.uint8)
    for highest, refused in ((9, False), (10, True)):
        labels[-1] = highest
        path = tmp_path / "t10k-labels-idx1-ubyte.gz"
        path.write_bytes(gzip.compress(b"\0\0\x08\x01" + np.array([10000], ">i4").tobytes() + labels.tobytes()))
        if refused:
            with pytest.raises(SteepError, match="holds a label above 9; copy it anew"):
                mnist.read_part(path)
        else:
            assert np.array_equal(mnist.read_part(path), labels)
