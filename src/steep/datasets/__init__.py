"""Data sets: fetched, verified by the digest of their content, put into a canonical order and split.

A data set is known by the SHA-256 of its *content*: of the sorted digests of its records (label byte, then pixels). A
re-packed or re-ordered copy is as good as the official one; a damaged copy is refused. Records are then put into the
order of their digests, which is the same for every copy and serves as a fixed shuffle: the first records of the
training set are the validation frames, whatever the copy and without a random number.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steep.datasets import digits, mnist
from steep.errors import SteepError
from steep.frames import Frames

Loader = Callable[[list[Path], Path], tuple[Frames, Frames]]


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, what a frame is, and the content digests of its training and test set."""

    load: Loader
    shape: tuple[int, int, int]
    classes: int
    train: str
    test: str


SOURCES: dict[str, Source] = {
    "mnist": Source(
        mnist.load,
        shape=(1, 28, 28),
        classes=10,
        train="3655811c0e1223700a4714a92a51f55bd215ed7dc1fa2baa4326a2b58042d82d",
        test="634538fb34c5277fce98470b8b285d1e8419eb87f328da42ef1faf690d2c3911",
    ),
    "digits": Source(
        digits.load,
        shape=(1, 28, 28),
        classes=10,
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


def canonical(frames: Frames) -> Frames:
    """Return the frames in the order of their record digests, which does not depend on the order they came in."""
    order = np.array(sorted(range(len(frames)), key=record_digests(frames).__getitem__))
    return Frames(frames.values[order], frames.labels[order], frames.classes)


def load_dataset(source: str, validation: int, mirrors: list[Path], cache: Path) -> dict[str, Frames]:
    """Fetch a data set, verify it and split it.

    Parameters
    ----------
    source : name in `SOURCES`.
    validation : number of training frames set aside for validation.
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
    known = SOURCES[source]
    train, test = known.load(mirrors, cache)
    places = [str(folder / source) for folder in (*mirrors, cache) if (folder / source).is_dir()]
    for name, frames, digest in (("training", train, known.train), ("test", test, known.test)):
        found = content_digest(frames)
        if found != digest:
            raise SteepError(
                f"{source}: the {name} set's content has SHA-256 {found[:16]}..., expected {digest[:16]}...; "
                f"replace its files, found in {' or '.join(places) or 'the installed package'}"
            )
    if validation >= len(train):
        raise SteepError(
            f"datasets: validation is {validation}, but {source} has {len(train)} training frames; write fewer"
        )
    train = canonical(train)
    return {
        "train": Frames(train.values[validation:], train.labels[validation:], train.classes),
        "validation": Frames(train.values[:validation], train.labels[:validation], train.classes),
        "test": canonical(test),
    }
