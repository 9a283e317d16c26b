"""The threshold network as PyTorch operations: layer after layer, many frames at a time."""

import math
from collections.abc import Collection
from typing import assert_never

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from steep.frames import Frames
from steep.settings import torch_settings
from steep.spikes import PackedLayers, Spikes, recorded_layers
from steep.threshold.fingerprint import digest, modulo, numbers
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdLayer, ThresholdNetwork, WeightedLayer

BATCH = 500
UNITS = 2**22  # of the largest layer in a batch, at most: 16 MiB of float32, which stay in a processor's cache


Held = tuple[Tensor, ...]


def converted(layer: ThresholdLayer, dtype: torch.dtype) -> Held:
    """Return weight and threshold of a layer as tensors; of a pooling, which has none, nothing."""
    if not isinstance(layer, WeightedLayer):
        return ()
    threshold = layer.threshold_map if isinstance(layer, ConvLayer) else layer.threshold
    return torch.from_numpy(layer.weight).to(dtype), torch.from_numpy(threshold).to(dtype)


def potential(layer: ThresholdLayer, x: Tensor, held: Held | None = None) -> Tensor:
    """Return each unit's weighted sum minus its threshold for spikes or currents `x` (frames, ...); `held` is what
    `converted` made of the layer, made now unless given."""
    if isinstance(layer, OrPoolLayer):
        return functional.max_pool2d(x, layer.size) - 0.5
    weight, threshold = converted(layer, x.dtype) if held is None else held
    match layer:
        case DenseLayer():
            return functional.linear(x.flatten(1), weight) - threshold
        case ConvLayer():
            (above, below), (left, right) = layer.padding
            padded = functional.pad(x, (left, right, above, below))
            return functional.conv2d(padded, weight, stride=layer.stride) - threshold
        case _:
            assert_never(layer)


def last_hidden_frames(network: ThresholdNetwork, frames: Frames) -> Frames:
    """Return the spikes of the layer before the output layer as frames (frames, 1, 1, units), with the labels."""
    number = len(network.layers) - 1
    spikes = simulate(network, frames.values, {number}).layers[number - 1].astype(np.uint8)
    return Frames(spikes[:, None, None], frames.labels, frames.classes, full_scale=1)


@torch_settings()
def simulate(network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, channels, height, width) of spikes or currents.

    The dtype is one in which every sum is exact (`ThresholdNetwork.float_dtype`), so the order of summation does not
    matter. `record` numbers the layers whose spikes are returned, from 1; all of them if not given.
    """
    dtype = torch.float32 if network.float_dtype is np.float32 else torch.float64
    depth = len(network.layers)
    batch_size = min(BATCH, max(1, UNITS // max(network.sizes)))
    packed: dict[int, list[np.ndarray]] = {number: [] for number in recorded_layers(depth, record)}
    last: list[np.ndarray] = []
    with torch.no_grad():
        held = [converted(layer, dtype) for layer in network.layers]
        for batch in torch.from_numpy(frames).split(batch_size):
            x = batch.to(dtype)
            for number, layer in enumerate(network.layers, 1):
                v = potential(layer, x, held[number - 1])
                x = (v > 0).to(dtype)
                if number in packed:
                    packed[number].append(np.packbits((v > 0).flatten(1).numpy(), axis=1))
            last.append(v.to(torch.float64).flatten(1).numpy())
        asked = [
            probed(layer, tensors, numbers(number, math.prod(shape)).reshape(shape))
            for number, (layer, tensors, shape) in enumerate(zip(network.layers, held, network.shapes, strict=False))
        ]
    layers = [np.concatenate(packed[number]) if number in packed else None for number in range(1, depth + 1)]
    return Spikes(PackedLayers(layers, network.sizes[1:]), np.concatenate(last), tuple(asked))


def probed(layer: ThresholdLayer, held: Held, p: np.ndarray) -> str:
    """Return a layer's fingerprint from what `potential` answers to the numbers p, uint64 (channels, height, width):
    what it does with kernels, strides and padding is in it."""
    wide = tuple(tensor.double() for tensor in held)
    threshold = -potential(layer, torch.zeros(1, *p.shape, dtype=torch.float64), wide).flatten().numpy()
    if isinstance(layer, OrPoolLayer):
        return digest(_pooled(layer, p, threshold), threshold)
    # As many bits of p at a time as sums can hold: below 2^52, with halves, they are exact in float64.
    weight, theta = (tensor.abs() for tensor in wide)
    reach = weight.flatten(1).sum(1).numpy().max(initial=0) + theta.numpy().max(initial=0)
    bits = max(1, 52 - math.frexp(reach)[1])
    sums = np.zeros(len(threshold), np.uint64)
    for shift in range(0, 64, bits):
        part = torch.from_numpy((p >> np.uint64(shift) & np.uint64(2**bits - 1)).astype(np.float64))
        sums += modulo(potential(layer, part[None], wide).flatten().numpy() + threshold) << np.uint64(shift)
    return digest(sums, threshold)


def _pooled(layer: OrPoolLayer, p: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Return the sums of p, uint64 (units,), over the windows that the largest is taken of: each time the largest rank
    says which unit it was, which then is silent."""
    ranks = torch.arange(1, p.size + 1, dtype=torch.float64).reshape(1, *p.shape)
    sums = np.zeros(len(threshold), np.uint64)
    for _ in range(p.size):
        largest = (potential(layer, ranks).flatten().numpy() + threshold).astype(np.int64)
        if not largest.any():
            break
        sums += np.append(np.uint64(0), p.ravel())[largest]
        ranks.view(-1)[largest[largest > 0] - 1] = 0
    return sums
