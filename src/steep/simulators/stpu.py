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
    """Run the network on frames uint8 (frames, *input shape): a population fires for frame f at step f plus its depth.

    `record` numbers the populations whose spikes are returned, from 1; all of them if not given.
    """
    layout = from_threshold_network(network, clock=True)
    count, last = len(frames), len(network.populations)
    stimulus, steps = stimulus_of(layout, frames)
    recording = simulate_stpu(layout.network, stimulus, steps, layout.outputs)
    raster = recording.raster(steps, layout.network.count)
    kept = recorded_layers(last, record)
    packed = [
        np.packbits(raster[depth : depth + count, layout.neurons(number)], axis=1) if number in kept else None
        for number, depth in enumerate(network.depths)
    ]
    layers = PackedLayers(packed[1:], network.sizes[1:])
    read = slice(network.depths[last], network.depths[last] + count)
    potential = recording.potential[read] - layout.network.threshold[layout.outputs]
    return Spikes(layers, potential, fingerprint(layout))


def fingerprint(layout: Layout) -> tuple[str, ...]:
    """Return the fingerprint of each population from neurons, synapses and what is injected. Synapses of one delay have
    numbers of their own; so have those that come from one population."""
    network = layout.network
    # The clock, if there is one, follows the last population.
    population = np.searchsorted(layout.first, np.arange(network.count), side="right") - 1
    kinds = population[network.source] * network.slots + network.delay
    injections = {injection.population: injection for injection in layout.injections}
    found = []
    for number in range(1, len(layout.depth)):
        neurons, depth = layout.neurons(number), int(layout.depth[number])
        sums, thresholds = np.zeros(len(neurons), np.uint64), network.threshold[neurons]
        into = np.flatnonzero((network.target >= layout.first[number]) & (network.target < layout.first[number + 1]))
        for kind in np.flatnonzero(np.bincount(kinds[into])):
            chosen = into[kinds[into] == kind]
            source, target = network.source[chosen], network.target[chosen] - layout.first[number]
            before, delay = divmod(int(kind), network.slots)
            if source[0] == layout.clock and delay == depth:
                # What the clock brings with each frame lifts the threshold.
                np.subtract.at(thresholds, target, network.weight[chosen])
                continue
            first = layout.first[before]
            p = numbers(before, int(source.max() - first) + 1, delay)
            sums += synapse_sums(len(neurons), source - first, target, network.weight[chosen], p)
        if number in injections:
            given = injections[number].synapses
            p = numbers(0, int(given.source.max(initial=0)) + 1, depth)
            sums += synapse_sums(len(neurons), given.source, given.target, given.weight, p)
            thresholds = thresholds - injections[number].lift
        other = np.stack([1 - network.leak[neurons], network.reset[neurons]]) + (network.variant != "multiplicative")
        found.append(digest(sums, thresholds, other))
    return tuple(found)
