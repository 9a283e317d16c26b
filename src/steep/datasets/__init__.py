"""Data sets: fetched, verified by the digest of their content, put into a canonical order and split.

A data set is known by the SHA-256 of its *content*: of the sorted digests of its records (label byte, then pixels). A
re-packed or re-ordered copy is as good as the official one; a damaged copy is refused. Records are then put into the
order of their digests, which is the same for every copy and serves as a fixed shuffle: the first records of the
training set are the validation frames, whatever the copy and without a random number. Where records come in groups
that are alike (the pixels of a cell, of a block of a scene), the validation frames are the groups of the first records.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steep.datasets import cifar10, digits, hyperspectral, mnist, samson
from steep.datasets.fetch import folders
from steep.errors import SteepError
from steep.frames import Frames

# Training frames, test frames, and the group of each training frame.
Loader = Callable[[list[Path], Path], tuple[Frames, Frames, np.ndarray]]


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, what a frame is, what its classes are called, the content digests of its training
    and test set, and whether it was generated, not measured."""

    load: Loader
    shape: tuple[int, int, int]
    names: tuple[str, ...]
    train: str
    test: str
    generated: bool = False

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.names)


DIGITS = tuple("0123456789")


SOURCES: dict[str, Source] = {
    "mnist": Source(
        mnist.load,
        shape=(1, 28, 28),
        names=DIGITS,
        train="3655811c0e1223700a4714a92a51f55bd215ed7dc1fa2baa4326a2b58042d82d",
        test="634538fb34c5277fce98470b8b285d1e8419eb87f328da42ef1faf690d2c3911",
    ),
    "cifar10": Source(
        cifar10.load,
        shape=(3, 32, 32),
        names=cifar10.NAMES,
        train="55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
        test="325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
    ),
    "hyperspectral": Source(
        hyperspectral.load,
        shape=(1, 1, hyperspectral.BANDS),
        names=hyperspectral.CLASSES,
        train="3fa3d93c1dc78619efa87f01d7d39b9faebb95f289b90f81c9c83f71e1684f81",
        test="e5ba70f5d6b0e46fb57322dbfd0cea0ed3b8feb19c794f4d37b5ef011e524026",
        generated=True,
    ),
    "samson": Source(
        samson.load,
        shape=(1, 1, samson.BANDS),
        names=samson.CLASSES,
        train="8fa93329854a3fa9fbff2d406049c24fb91ebfe148ce10bd6e7126957e8a0aab",
        test="1fd8e7a578e1173d0db6b0babfa63f9f5d40d7a8d8ae88dd46bb1d26beb44b96",
    ),
    "digits": Source(
        digits.load,
        shape=(1, 28, 28),
        names=DIGITS,
        train="9a0effe9ac26849e98da1c5661ed868ca08647fec4a408a861a4dc92f8c28336",
        test="ef18e0fdb57d8f8b4eb97ca2c6166eef7661d400c8ff48ff438dbff72b1e967a",
    ),
}


def record_digests(frames: Frames) -> list[bytes]:
    """SHA-256 of every record: its label as one byte, then its pixels row by row."""
    return [
        hashlib.sha256(bytes([label]) + pixels.tobytes()).digest()
        for label, pixels in zip(frames.labels, frames.flat, strict=True)
    ]


def content_digest(frames: Frames) -> str:
    """Order-free digest: SHA-256 of the concatenated, sorted record digests, in hexadecimal."""
    return hashlib.sha256(b"".join(sorted(record_digests(frames)))).hexdigest()


def canonical_order(frames: Frames) -> np.ndarray:
    """Return the indices that put frames into the order of their record digests, int64."""
    return np.array(sorted(range(len(frames)), key=record_digests(frames).__getitem__), np.int64)


def first_groups(groups: np.ndarray, count: int) -> np.ndarray:
    """Return which entries belong to the groups that appear first, as many groups as it takes to have `count` entries
    or more; bool."""
    found, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    order = np.argsort(first)
    enough = int(np.searchsorted(np.cumsum(sizes[order]), count)) + 1
    return np.isin(groups, found[order[:enough]])


def load_dataset(source: str, validation: int, mirrors: list[Path], cache: Path) -> dict[str, Frames]:
    """Fetch a data set, verify it and split it.

    Parameters
    ----------
    source : name in `SOURCES`.
    validation : number of training frames set aside for validation; whole groups, so it may become a few more.
    mirrors : folders searched, in order, before the network is asked.
    cache : folder that keeps downloads.

    Returns
    -------
    Frames by split: ``train``, ``validation``, ``test``.

    Raises
    ------
    SteepError
        when the data cannot be had or are not the ones this study is about.

    """
    known = SOURCES.get(source)
    if known is None:
        raise SteepError(f"datasets: {source!r} is not known; write one of: {', '.join(SOURCES)}")
    train, test, groups = known.load(mirrors, cache)
    places = [str(folder) for folder in folders(source, mirrors, cache) if os.path.isdir(folder)]
    for name, frames, digest in (("training", train, known.train), ("test", test, known.test)):
        found = content_digest(frames)
        if found != digest:
            raise SteepError(
                f"{source}: the {name} set's content has SHA-256 {found[:16]}..., expected {digest[:16]}...; "
                f"replace its files, found in {' or '.join(places) or 'the installed package'}"
            )
    if not len(test):
        raise SteepError(f"{source}: has no test frames; a source needs some")
    if validation < 1:
        raise SteepError(f"datasets: validation is {validation}; write 1 or more")
    if validation >= len(train):
        raise SteepError(
            f"datasets: validation is {validation}, but {source} has {len(train)} training frames; write fewer"
        )
    order = canonical_order(train)
    held_out = first_groups(groups[order], validation)
    if held_out.all():
        raise SteepError(f"datasets: validation is {validation}, which takes every group of {source}; write fewer")
    return {
        "train": train.take(order[~held_out]),
        "validation": train.take(order[held_out]),
        "test": test.take(canonical_order(test)),
    }
