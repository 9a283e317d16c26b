"""The threshold network on the NumPy reference of the STPU, a new frame at every step."""

import numpy as np

from steep.spikes import Spikes
from steep.stpu.layout import from_threshold_network
from steep.stpu.reference import simulate as simulate_stpu
from steep.stpu.studies import stimulus_of
from steep.threshold.network import ThresholdNetwork


def simulate(network: ThresholdNetwork, frames: np.ndarray) -> Spikes:
    """Run the network on frames uint8 (frames, channels, height, width): layer l fires for frame f at step f + l."""
    layout = from_threshold_network(network, clock=True)
    count, depth = len(frames), len(network.layers)
    outputs = layout.neurons(depth)
    stimulus, steps = stimulus_of(layout, frames)
    recording = simulate_stpu(layout.network, stimulus, steps, outputs)
    raster = recording.raster(steps, layout.network.count)
    layers = tuple(raster[number : number + count, layout.neurons(number)] for number in range(1, depth + 1))
    return Spikes(layers, recording.potential[depth : depth + count] - layout.network.threshold[outputs])
