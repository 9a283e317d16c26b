"""The threshold network on the NumPy reference of the STPU, a new frame at every step."""

from collections.abc import Collection

import numpy as np

from steep.spikes import PackedLayers, Spikes, kept_layers
from steep.stpu.layout import from_threshold_network
from steep.stpu.reference import simulate as simulate_stpu
from steep.stpu.studies import stimulus_of
from steep.threshold.network import ThresholdNetwork


def simulate(network: ThresholdNetwork, frames: np.ndarray, keep: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, channels, height, width): layer l fires for frame f at step f + l.

    `keep` numbers the layers whose spikes are returned, from 1; all of them unless told.
    """
    layout = from_threshold_network(network, clock=True)
    count, depth = len(frames), len(network.layers)
    outputs = layout.neurons(depth)
    stimulus, steps = stimulus_of(layout, frames)
    recording = simulate_stpu(layout.network, stimulus, steps, outputs)
    raster = recording.raster(steps, layout.network.count)
    kept = kept_layers(depth, keep)
    packed = [
        np.packbits(raster[number : number + count, layout.neurons(number)], axis=1) if number in kept else None
        for number in range(1, depth + 1)
    ]
    layers = PackedLayers(packed, network.sizes[1:])
    return Spikes(layers, recording.potential[depth : depth + count] - layout.network.threshold[outputs])
