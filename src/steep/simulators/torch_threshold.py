"""The threshold network as PyTorch operations: population after population, many frames at a time."""

import math
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import assert_never

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn import functional

from steep.frames import Frames
from steep.settings import torch_settings
from steep.spikes import PackedLayers, Spikes, recorded_layers
from steep.threshold.fingerprint import digest, modulo, numbers
from steep.threshold.network import ConvLink, DenseLink, Link, Population, SparseLink, ThresholdNetwork

BATCH = 500
UNITS = 2**22  # of the largest population in a batch, at most: 16 MiB of float32, which stay in a processor's cache
CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def surrounded(x: Tensor, link: ConvLink) -> Tensor:
    """Return images (frames, channels, *sides) with the zeros around them that a convolution asks for."""
    padding = [zeros for pair in reversed(link.padding) for zeros in pair]
    return functional.pad(x, padding) if any(padding) else x


def convolved(x: Tensor, weight: Tensor, link: ConvLink) -> Tensor:
    """Return the sums (frames, filters, *sides) of a convolution of x (frames, channels, *sides) that moves as `link`
    does; `weight` is its kernel in the dtype of x."""
    stride = link.stride
    return CONVOLUTIONS[len(stride)](surrounded(x, link), weight, None, stride, 0, link.dilation, link.groups)


class Delivery:
    """What one link brings to its population, with its weights as tensors."""

    def __init__(self, link: Link, inputs: int, dtype: torch.dtype) -> None:
        """Convert the weights; `inputs` is the number of units of the population before it."""
        self.link = link
        if isinstance(link, SparseLink):
            entries, shape = link.entries, (math.prod(link.shape), inputs)
            # SciPy's: PyTorch's sparse matrices are in beta state, as they say.
            self.matrix = csr_array((entries.weight.astype(np.float64), (entries.target, entries.source)), shape)
        else:
            self.weight = torch.from_numpy(link.weight).to(dtype)
        # Sums over windows of single channels: half the time of the convolution that they are.
        self.pools = isinstance(link, ConvLink) and link.pools and len(link.kernel) == 2 and set(link.dilation) == {1}

    def double(self) -> "Delivery":
        """Return the same in float64."""
        wide = copy(self)
        if not isinstance(self.link, SparseLink):
            wide.weight = self.weight.double()
        return wide

    def __call__(self, x: Tensor) -> Tensor:
        """Return the weighted sums (frames, *units) for spikes or currents `x` (frames, ...)."""
        match self.link:
            case DenseLink():
                return functional.linear(x.flatten(1), self.weight)
            case ConvLink() as link:
                if self.pools:
                    return functional.avg_pool2d(surrounded(x, link), link.kernel, link.stride, divisor_override=1)
                return convolved(x, self.weight, link)
            case SparseLink(shape=shape):
                sums = (self.matrix @ x.flatten(1).double().numpy().T).T
                return torch.from_numpy(sums).to(x.dtype).reshape(len(x), *shape)
            case _:
                assert_never(self.link)


class Stage:
    """A population and what its links bring to it, as tensors of one dtype."""

    def __init__(self, population: Population, sizes: Mapping[int, int] | Sequence[int], dtype: torch.dtype) -> None:
        """Convert weights and thresholds; `sizes` are the numbers of units of the populations that it listens to."""
        self.shape = population.shape
        self.deliveries = [Delivery(link, sizes[link.source], dtype) for link in population.links]
        self.threshold = torch.from_numpy(population.threshold).to(dtype)

    def __call__(self, spikes: dict[int, Tensor]) -> Tensor:
        """Return each unit's weighted sum minus its threshold, (frames, *shape), from what earlier populations sent."""
        total = -self.threshold
        for delivery in self.deliveries:
            x = spikes[delivery.link.source]
            total = total + delivery(x).reshape(len(x), *self.shape)
        return total


def potential(population: Population, spikes: dict[int, Tensor]) -> Tensor:
    """Return each unit's weighted sum minus its threshold, in the dtype of `spikes`: (frames, ...) of each population
    that it listens to."""
    sizes = {number: math.prod(x.shape[1:]) for number, x in spikes.items()}
    return Stage(population, sizes, next(iter(spikes.values())).dtype)(spikes)


def last_hidden_frames(network: ThresholdNetwork, frames: Frames) -> Frames:
    """Return the spikes of the population before the output as frames (frames, 1, 1, units), with the labels."""
    number = len(network.populations) - 1
    spikes = simulate(network, frames.values, {number}).layers[number - 1].astype(np.uint8)
    return Frames(spikes[:, None, None], frames.labels, frames.classes, full_scale=1)


def last_readers(network: ThresholdNetwork) -> dict[int, int]:
    """Return for each population the last one that listens to it."""
    return {
        link.source: number for number, population in enumerate(network.populations, 1) for link in population.links
    }


@torch_settings()
def simulate(network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, *input shape) of spikes or currents.

    The dtype is one in which every sum is exact (`ThresholdNetwork.float_dtype`), so the order of summation does not
    matter. `record` numbers the populations whose spikes are returned, from 1; all of them if not given.
    """
    dtype = torch.float32 if network.float_dtype is np.float32 else torch.float64
    depth, sizes = len(network.populations), network.sizes
    batch_size = min(BATCH, max(1, UNITS // max(sizes)))
    packed: dict[int, list[np.ndarray]] = {number: [] for number in recorded_layers(depth, record)}
    last: list[np.ndarray] = []
    readers = last_readers(network)
    with torch.no_grad():
        stages = [Stage(population, sizes, dtype) for population in network.populations]
        for batch in torch.from_numpy(frames).split(batch_size):
            spikes = {0: batch.to(dtype)}
            for number, stage in enumerate(stages, 1):
                v = stage(spikes)
                fired = v > 0
                spikes = {source: x for source, x in spikes.items() if readers.get(source, 0) > number}
                spikes[number] = fired.to(dtype)
                if number in packed:
                    packed[number].append(np.packbits(fired.flatten(1).numpy(), axis=1))
            last.append(v.to(torch.float64).flatten(1).numpy())
        asked = probed(network, stages)
    layers = [np.concatenate(packed[number]) if number in packed else None for number in range(1, depth + 1)]
    return Spikes(PackedLayers(layers, sizes[1:]), np.concatenate(last), asked)


def probed(network: ThresholdNetwork, stages: list[Stage]) -> tuple[str, ...]:
    """Return the fingerprint of each population from what its links deliver when every unit sends its number: what is
    done with kernels, strides and padding is in it."""
    shapes, depths, found = network.shapes, network.depths, []
    for number, stage in enumerate(stages, 1):
        sums = np.zeros(math.prod(stage.shape), np.uint64)
        for delivery in stage.deliveries:
            source = delivery.link.source
            p = numbers(source, math.prod(shapes[source]), depths[number] - depths[source]).reshape(shapes[source])
            sums += _delivered(delivery, p)
        silence = {delivery.link.source: torch.zeros(1, *shapes[delivery.link.source]) for delivery in stage.deliveries}
        silence = {source: x.to(stage.threshold.dtype) for source, x in silence.items()}
        found.append(digest(sums, -stage(silence).double().flatten().numpy()))
    return tuple(found)


def _delivered(delivery: Delivery, p: np.ndarray) -> np.ndarray:
    """Return what a link brings to each unit, uint64 (units,), modulo 2^64, for numbers p, uint64, of its sources."""
    # As many bits of p at a time as sums can hold: below 2^53 they are exact in float64.
    wide = delivery.double()
    reach = float(delivery.link.reach().max(initial=0))
    bits = max(1, 52 - math.frexp(reach)[1])
    sums = np.zeros(1, np.uint64)
    for shift in range(0, 64, bits):
        part = torch.from_numpy((p >> np.uint64(shift) & np.uint64(2**bits - 1)).astype(np.float64))
        sums = sums + (modulo(wide(part[None]).flatten().numpy()) << np.uint64(shift))
    return sums
