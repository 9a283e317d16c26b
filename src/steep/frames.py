"""Frames: the labelled input samples that a network sees, one per simulation time step."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from steep.errors import SteepError
from steep.files import read_npz, unpack_bits, write_npz


def flattened(values: np.ndarray) -> np.ndarray:
    """Return an array (n, ...) as (n, units), also where n is 0: from no values `reshape` cannot tell what -1 is."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


@dataclass(frozen=True)
class Frames:
    """Labelled frames.

    Attributes
    ----------
    values : uint8 array (frames, channels, height, width)
        0 or 1 where the frames are spikes, 0 to 255 where they are currents or raw images.
    labels : uint8 array (frames,)
        Class indices.
    classes : int
        Number of classes.
    full_scale : int
        The value that training sees as 1: 1 for spikes, 255 for currents and images.

    Examples
    --------
    >>> values = np.zeros((5, 1, 8, 8), np.uint8)
    >>> frames = Frames(values, np.array([0, 1, 2, 0, 1], np.uint8), classes=3, full_scale=1)
    >>> len(frames), frames.shape, frames.are_spikes
    (5, (1, 8, 8), True)
    >>> frames.take(frames.labels == 1).labels
    array([1, 1], dtype=uint8)

    """

    values: np.ndarray
    labels: np.ndarray
    classes: int
    full_scale: int = 255

    def __post_init__(self) -> None:
        """Refuse anything but uint8 images with one label each."""
        if self.values.dtype != np.uint8 or self.values.ndim != 4:
            raise SteepError(
                f"frames must be uint8 (frames, channels, height, width), not {self.values.dtype} {self.values.shape}"
            )
        if self.labels.dtype != np.uint8 or self.labels.shape != self.values.shape[:1]:
            raise SteepError(f"labels must be uint8 ({len(self.values)},), not {self.labels.dtype} {self.labels.shape}")
        if len(self.labels) and self.labels.max() >= self.classes:
            raise SteepError(f"label {self.labels.max()} with {self.classes} classes")
        if len(self.labels) and self.values.max() > self.full_scale:
            raise SteepError(f"frames hold the value {self.values.max()}, above their full scale, {self.full_scale}")

    @property
    def are_spikes(self) -> bool:
        """Whether the values are spikes, and not currents or images."""
        return self.full_scale == 1

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one frame: channels, height, width."""
        return self.values.shape[1:]

    @property
    def flat(self) -> np.ndarray:
        """The values as uint8 (frames, channels * height * width)."""
        return flattened(self.values)

    def first(self, count: int) -> "Frames":
        """Return the first `count` frames, all where there are fewer."""
        return self.take(slice(count))

    def take(self, chosen: np.ndarray | slice) -> "Frames":
        """Return the chosen frames."""
        return replace(self, values=self.values[chosen], labels=self.labels[chosen])

    def save(self, path: Path | str) -> None:
        """Write an NPZ; spikes are stored eight to the byte."""
        values = np.packbits(self.flat, axis=1) if self.are_spikes else self.values
        shape = np.array([len(self), *self.shape])
        write_npz(
            path,
            {
                "values": values,
                "labels": self.labels,
                "classes": np.array(self.classes),
                "shape": shape,
                "full_scale": np.array(self.full_scale),
            },
        )

    @classmethod
    def load(cls, path: Path | str) -> "Frames":
        """Read what `save` wrote; SteepError when the file is broken, or holds no frame: nothing can be trained on or
        measured with that."""
        stored = read_npz(path, ("values", "labels", "classes", "shape", "full_scale"))
        try:
            values, shape = stored["values"], tuple(int(n) for n in stored["shape"])
            classes, full_scale = int(stored["classes"]), int(stored["full_scale"])
            if full_scale == 1:
                values = unpack_bits(values, math.prod(shape[1:]))
            frames = cls(values.reshape(shape), stored["labels"], classes, full_scale)
        except SteepError as error:
            raise SteepError(f"{path}: {error}; delete it and run again") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise SteepError(f"{path}: not frames of this version; delete it and run again") from error
        if not len(frames):
            raise SteepError(f"{path}: holds no frames; give a file with at least one")
        return frames
