"""CIFAR-10 (Krizhevsky, 2009): 50,000 training and 10,000 test colour images of ten kinds of things, 32x32, from the
official binary archive."""

import tarfile
import zlib
from pathlib import Path

import numpy as np

from steep.datasets.fetch import obtain
from steep.errors import SteepError
from steep.files import reading
from steep.frames import Frames

ADDRESSES = ("https://www.cs.toronto.edu/~kriz/",)
ARCHIVE = "cifar-10-binary.tar.gz"
DIGEST = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32  # label, then red, green, blue, each row by row
LONGEST = 10000 * RECORD  # bytes of a file; more is not CIFAR-10, however small it was packed
DAMAGE = (tarfile.TarError, EOFError, zlib.error, ValueError)


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the archive's files by name, read without unpacking anything to disk; SteepError when it is unreadable or
    damaged."""
    whole = reading(path, "damaged or cut short; delete it and run again, or copy it anew", DAMAGE)
    with whole as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
        members = {Path(member.name).name: member for member in archive if member.isfile()}
        for name in (*TRAIN, *TEST):
            if name not in members:
                raise SteepError(f"{path}: lacks {name}; copy it anew")
            if members[name].size > LONGEST:
                raise SteepError(f"{path}: {name} has more than {LONGEST} bytes; copy it anew")
        return {name: _content(archive, members[name]) for name in (*TRAIN, *TEST)}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Return the bytes of a file in the archive; ValueError for anything that has none."""
    file = archive.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is no file")
    return file.read()


def parse(path: Path, data: bytes) -> Frames:
    """Return the images of whole records; SteepError when the length or a label does not fit."""
    if len(data) % RECORD or not data:
        raise SteepError(f"{path}: a file of {len(data)} bytes is not made of records of {RECORD}; copy it anew")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise SteepError(f"{path}: holds a label above 9; copy it anew")
    return Frames(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0], 10)


def read_frames(path: Path) -> tuple[Frames, Frames]:
    """Return the training and the test images of an archive; SteepError when it is not one of such images."""
    files = read_archive(path)
    train, test = (parse(path, b"".join(files[name] for name in names)) for names in (TRAIN, TEST))
    return train, test


def load(mirrors: list[Path], cache: Path) -> tuple[Frames, Frames, np.ndarray]:
    """Return the training and the test images, values 0 to 255, 10 classes; every image is a group of its own."""
    train, test = obtain("cifar10", ARCHIVE, DIGEST, ADDRESSES, mirrors, cache, read_frames)
    return train, test, np.arange(len(train))
