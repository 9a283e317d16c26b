"""CIFAR-10 (Krizhevsky, 2009): 50,000 training and 10,000 test colour images of ten kinds of things, 32x32, from the
official binary archive."""

import tarfile
import zlib
from pathlib import Path

import numpy as np

from steep.datasets.fetch import find_file
from steep.errors import SteepError
from steep.frames import Frames

ADDRESSES = ("https://www.cs.toronto.edu/~kriz/",)
ARCHIVE = "cifar-10-binary.tar.gz"
DIGEST = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32  # label, then red, green, blue, each row by row


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the archive's files by name, read without unpacking anything to disk; SteepError when it is damaged."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = {Path(member.name).name: member for member in archive if member.isfile()}
            return {name: archive.extractfile(members[name]).read() for name in (*TRAIN, *TEST)}
    except KeyError as error:
        raise SteepError(f"{path}: lacks {error.args[0]}; copy it anew") from error
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise SteepError(f"{path}: damaged or cut short ({error}); delete it and run again, or copy it anew") from error


def parse(path: Path, data: bytes) -> Frames:
    """Return the images of whole records; SteepError when the length or a label does not fit."""
    if len(data) % RECORD or not data:
        raise SteepError(f"{path}: a file of {len(data)} bytes is not made of records of {RECORD}; copy it anew")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise SteepError(f"{path}: holds a label above 9; copy it anew")
    return Frames(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0], 10)


def load(mirrors: list[Path], cache: Path) -> tuple[Frames, Frames, np.ndarray]:
    """Return the training and the test images, values 0 to 255, 10 classes; every image is a group of its own."""
    path = find_file("cifar10", ARCHIVE, DIGEST, ADDRESSES, mirrors, cache)
    files = read_archive(path)
    train, test = (parse(path, b"".join(files[name] for name in names)) for names in (TRAIN, TEST))
    return train, test, np.arange(len(train))
