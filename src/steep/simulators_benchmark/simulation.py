"""What every family of simulators gives to the benchmark."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from steep.errors import SteepError
from steep.threshold.network import ConvLink, DenseLink, Population, SparseLink, ThresholdNetwork


@dataclass(frozen=True)
class Recorded:
    """What a simulator has recorded of the first frames.

    Attributes
    ----------
    layers : bool (frames, units) for each layer, output layer last; None for a layer that it does not give.
    potential : float64 (frames, output units), sums of weights minus thresholds, or None.

    """

    layers: tuple[np.ndarray | None, ...]
    potential: np.ndarray | None

    def packed(self) -> dict[str, np.ndarray]:
        """Return what there is: ``layer<n>``, n from 0, eight units to the byte, and ``potential``."""
        found = {
            f"layer{number}": np.packbits(layer, axis=1)
            for number, layer in enumerate(self.layers)
            if layer is not None
        }
        return found if self.potential is None else found | {"potential": self.potential}


@dataclass(frozen=True)
class Job:
    """What a family prepares a simulation for.

    Attributes
    ----------
    options : the implementation's own, such as Brian2's target.
    batch : frames that are worked on together.
    scratch : a folder that belongs to this implementation and network, kept from one repetition to the next.
    shared : a folder that all have in common, for compiled code that is found again by what it is made of.

    """

    options: dict[str, Any]
    batch: int
    scratch: Path
    shared: Path


class Simulation(Protocol):
    """A network that is built and ready to run.

    `granularity` is the number of frames of which `run` takes multiples.
    """

    granularity: int

    def run(self, count: int) -> None:
        """Simulate the first `count` frames and record every layer's spikes; this is what is timed."""

    def recorded(self) -> Recorded:
        """Return what the last run recorded; not timed."""


class Family(Protocol):
    """A module of this package that knows a family of simulators."""

    def prepare(self, network: ThresholdNetwork, frames: np.ndarray, job: Job) -> Simulation:
        """Build the network for `frames` uint8 (frames, channels, height, width)."""

    def version(self, options: dict[str, Any]) -> str:
        """Return name and version of what runs the network."""


def plain_kernel(link: ConvLink) -> np.ndarray:
    """Return the weights of a convolution of images without groups and dilation, float32 (filters, channels, height,
    width): zeros stand where they leave something out."""
    filters, channels, *kernel = link.weight.shape
    sides = [apart * (size - 1) + 1 for apart, size in zip(link.dilation, kernel, strict=True)]
    whole = np.zeros((filters, link.groups, channels, *sides), np.float32)
    group = np.arange(filters) // (filters // link.groups)
    whole[np.arange(filters), group, :, :: link.dilation[0], :: link.dilation[1]] = link.weight
    return whole.reshape(filters, link.groups * channels, *sides)


def plain_chain(network: ThresholdNetwork) -> list[tuple[DenseLink | ConvLink, Population]]:
    """Return the only link of each population, and the population; SteepError unless the network is a chain of dense
    links and convolutions of images, which is what the peers are given."""
    found: list[tuple[DenseLink | ConvLink, Population]] = []
    for (link, population), before in zip(network.chain(), network.shapes, strict=False):
        image = isinstance(link, ConvLink) and len(link.kernel) == 2
        if isinstance(link, SparseLink) or not (image or isinstance(link, DenseLink)):
            raise SteepError(f"population {link.source + 1} has neither a dense link nor a convolution of images")
        if link.output_shape(before) != population.shape:
            raise SteepError(f"population {link.source + 1} has another shape than its link gives")
        found.append((link, population))
    return found


def raster(step: np.ndarray, unit: np.ndarray, count: int, units: int) -> np.ndarray:
    """Return spikes as bool (count, units); those outside the steps 0 to count - 1 belong to no frame."""
    fired = np.zeros((count, units), bool)
    inside = (step >= 0) & (step < count)
    fired[step[inside], unit[inside]] = True
    return fired
