"""The threshold network as PyTorch operations: layer after layer, many frames at a time."""

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from steep.frames import Frames
from steep.settings import torch_settings
from steep.spikes import PackedLayers, Spikes, kept_layers
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdLayer, ThresholdNetwork

BATCH = 500
UNITS = 2**22  # of the largest layer in a batch, at most: 16 MiB of float32, which stay in a processor's cache


def potential(layer: ThresholdLayer, x: Tensor) -> Tensor:
    """Return each unit's weighted sum minus its threshold for spikes or currents `x` (frames, ...)."""
    if isinstance(layer, OrPoolLayer):
        return functional.max_pool2d(x, layer.size) - 0.5
    weight = torch.from_numpy(layer.weight).to(x.dtype)
    match layer:
        case DenseLayer():
            return functional.linear(x.flatten(1), weight) - torch.from_numpy(layer.threshold).to(x.dtype)
        case ConvLayer():
            (above, below), (left, right) = layer.padding
            padded = functional.pad(x, (left, right, above, below))
            sums = functional.conv2d(padded, weight, stride=layer.stride)
            return sums - torch.from_numpy(layer.threshold_map).to(x.dtype)


def last_hidden_frames(network: ThresholdNetwork, frames: Frames) -> Frames:
    """Return the spikes of the layer before the output layer as frames (frames, 1, 1, units), with the labels."""
    number = len(network.layers) - 1
    spikes = simulate(network, frames.values, {number}).layers[number - 1].astype(np.uint8)
    return Frames(spikes.reshape(len(spikes), 1, 1, -1), frames.labels, frames.classes, full_scale=1)


@torch_settings()
def simulate(network: ThresholdNetwork, frames: np.ndarray, keep: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, channels, height, width) of spikes or currents.

    The dtype is one in which every sum is exact (`ThresholdNetwork.float_dtype`), so the order of summation does not
    matter. `keep` numbers the layers whose spikes are returned, from 1; all of them unless told.
    """
    dtype = torch.float32 if network.float_dtype is np.float32 else torch.float64
    depth = len(network.layers)
    batch_size = min(BATCH, max(1, UNITS // max(network.sizes)))
    packed: dict[int, list[np.ndarray]] = {number: [] for number in kept_layers(depth, keep)}
    last: list[np.ndarray] = []
    with torch.no_grad():
        for batch in torch.from_numpy(frames).split(batch_size):
            x = batch.to(dtype)
            for number, layer in enumerate(network.layers, 1):
                v = potential(layer, x)
                x = (v > 0).to(dtype)
                if number in packed:
                    packed[number].append(np.packbits((v > 0).flatten(1).numpy(), axis=1))
            last.append(v.to(torch.float64).flatten(1).numpy())
    layers = [np.concatenate(packed[number]) if number in packed else None for number in range(1, depth + 1)]
    return Spikes(PackedLayers(layers, network.sizes[1:]), np.concatenate(last))
