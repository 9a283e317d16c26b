"""The threshold network on the NumPy reference of the STPU, a new frame at every step."""

from collections.abc import Collection

import numpy as np

from steep.spikes import PackedLayers, Spikes, recorded_layers
from steep.stpu.layout import Layout, from_threshold_network
from steep.stpu.reference import simulate as simulate_stpu
from steep.stpu.sweeps import stimulus_of
from steep.threshold.fingerprint import digest, numbers, synapse_sums
from steep.threshold.network import ThresholdNetwork


def simulate(network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, channels, height, width): layer l fires for frame f at step f + l.

    `record` numbers the layers whose spikes are returned, from 1; all of them if not given.
    """
    layout = from_threshold_network(network, clock=True)
    count, depth = len(frames), len(network.layers)
    outputs = layout.neurons(depth)
    stimulus, steps = stimulus_of(layout, frames)
    recording = simulate_stpu(layout.network, stimulus, steps, outputs)
    raster = recording.raster(steps, layout.network.count)
    kept = recorded_layers(depth, record)
    packed = [
        np.packbits(raster[number : number + count, layout.neurons(number)], axis=1) if number in kept else None
        for number in range(1, depth + 1)
    ]
    layers = PackedLayers(packed, network.sizes[1:])
    potential = recording.potential[depth : depth + count] - layout.network.threshold[outputs]
    return Spikes(layers, potential, fingerprint(layout))


def fingerprint(layout: Layout) -> tuple[str, ...]:
    """Return the fingerprint of each layer from neurons and synapses, or, for the first layer of a network that takes
    currents, from what is injected. A synapse whose delay is not one step has numbers of its own; so has one that does
    not come from the layer before."""
    network = layout.network
    # The clock, if there is one, follows the last population.
    population = np.searchsorted(layout.first, np.arange(network.count), side="right") - 1
    kinds = population[network.source] * network.slots + network.delay
    layers = []
    for number in range(1, len(layout.depth)):
        neurons = layout.neurons(number)
        sums, thresholds = np.zeros(len(neurons), np.uint64), network.threshold[neurons]
        into = np.flatnonzero((network.target >= layout.first[number]) & (network.target < layout.first[number + 1]))
        for kind in np.flatnonzero(np.bincount(kinds[into])):
            chosen = into[kinds[into] == kind]
            source, target = network.source[chosen], network.target[chosen] - layout.first[number]
            before, delay = divmod(int(kind), network.slots)
            if source[0] == layout.clock and delay == layout.depth[number]:
                # What the clock brings with each frame lifts the threshold.
                np.subtract.at(thresholds, target, network.weight[chosen])
                continue
            first = layout.first[before]
            p = numbers(before, int(source.max() - first) + 1, delay)
            sums += synapse_sums(len(neurons), source - first, target, network.weight[chosen], p)
        if number == 1 and layout.injection is not None:
            given = layout.injection.synapses
            p = numbers(0, int(given.source.max(initial=0)) + 1, int(layout.depth[1]))
            sums += synapse_sums(len(neurons), given.source, given.target, given.weight, p)
            thresholds = thresholds - layout.injection.lift
        other = np.stack([1 - network.leak[neurons], network.reset[neurons]]) + (network.variant != "multiplicative")
        layers.append(digest(sums, thresholds, other))
    return tuple(layers)
