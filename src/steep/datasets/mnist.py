"""MNIST (LeCun, Cortes, Burges, 1998): 60,000 training and 10,000 test images of digits, 28x28, from the official IDX
files."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from steep.datasets.fetch import obtain
from steep.errors import SteepError
from steep.files import reading
from steep.frames import Frames

ADDRESSES = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
LONGEST = 16 + 60000 * 28 * 28  # bytes; more is not MNIST, however small it was packed


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes: two zero bytes, type 8, number of dimensions, sizes (big-endian, 32
    bits), data.

    Raises
    ------
    SteepError
        when the file is unreadable, not gzip, is cut short, or its header does not fit its length.

    """
    whole = reading(path, "damaged or cut short; delete it and run again, or copy it anew", (EOFError, zlib.error))
    with whole as file, gzip.open(file) as unpacked:
        data = unpacked.read(LONGEST + 1)
    dimensions = data[3] if len(data) >= 4 else 0
    header = 4 + 4 * dimensions
    shape = tuple(int(n) for n in np.frombuffer(data[4:header].ljust(4 * dimensions, b"\0"), ">u4"))
    if data[:3] != b"\0\0\x08" or not 1 <= dimensions <= 3 or len(data) != header + math.prod(shape):
        raise SteepError(
            f"{path}: not an IDX file of unsigned bytes, or of another length than its header says; copy it anew"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_part(path: Path) -> np.ndarray:
    """Read one of the four files; SteepError when it is not as large as MNIST's or holds a label above 9."""
    array = read_idx(path)
    expected = (60000 if path.name.startswith("train") else 10000, *((28, 28) if "images" in path.name else ()))
    if array.shape != expected:
        raise SteepError(f"{path}: holds {array.shape}, MNIST has {expected} here; copy it anew")
    if "labels" in path.name and array.max() > 9:
        raise SteepError(f"{path}: holds a label above 9; copy it anew")
    return array


def load(mirrors: list[Path], cache: Path) -> tuple[Frames, Frames, np.ndarray]:
    """Return the training and the test images, values 0 to 255, 10 classes; every image is a group of its own."""
    arrays = [obtain("mnist", name, digest, ADDRESSES, mirrors, cache, read_part) for name, digest in FILES.items()]
    train, test = (Frames(images[:, None], labels, 10) for images, labels in (arrays[:2], arrays[2:]))
    return train, test, np.arange(len(train))
