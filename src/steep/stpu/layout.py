"""Laying a network on the STPU: populations, thresholds without a bias, delays that keep frames together.

*Delays.* Every population has a depth, the longest path from the input; a connection that spans n depths gets the
delay n. So what belongs to one frame meets in one step, also where connections skip layers, and a new frame may enter
at every step.

*No bias.* The STPU has no bias input; a unit's bias is part of its threshold. A threshold below 0 makes the unit fire
when nothing arrives, in every step without a frame (at 0 it does not: firing is strict). Such units are found and,
with the *clock*, handled exactly: the clock is one more input neuron that spikes when a frame enters; a synapse from
it, with the unit's depth as its delay, brings what lifts the threshold above 0. During a frame nothing changes;
without one, the unit is silent.

*Currents.* Frames of currents need no input neurons: what they inject into a unit of the first layer, the sum of
weights times values, is written into its buffer from outside, at the step at which spikes would have arrived. What the
clock would bring to such a unit is injected as well.
"""

from dataclasses import dataclass, replace

import numpy as np

from steep.errors import SteepError
from steep.stpu.network import StpuNetwork
from steep.threshold.network import Synapses, ThresholdNetwork, join


@dataclass(frozen=True)
class Link:
    """Connections from population `before` to population `after`, indices within the populations."""

    before: int
    after: int
    synapses: Synapses


@dataclass(frozen=True)
class Injection:
    """How a frame of currents becomes what is injected into the units of population 1: ``synapses`` from its values to
    the units, and ``lift`` float64 (units,), added for every frame."""

    synapses: Synapses
    lift: np.ndarray


@dataclass(frozen=True)
class Layout:
    """A network on the STPU and where its populations lie.

    Attributes
    ----------
    network : neurons, population after population; the clock, if there is one, comes last.
    first : int64 (populations + 1,), first neuron of each population, and the end of the last one.
    depth : int64 (populations,), steps from the input.
    clock : neuron, or None.
    spontaneous : number of units with a threshold below 0.
    injection : for frames of currents; None for spikes.

    """

    network: StpuNetwork
    first: np.ndarray
    depth: np.ndarray
    clock: int | None
    spontaneous: int
    injection: Injection | None = None

    def neurons(self, population: int) -> np.ndarray:
        """Return the neurons of a population, int64."""
        return np.arange(self.first[population], self.first[population + 1])


def depths(populations: int, links: list[Link]) -> np.ndarray:
    """Return the longest path from population 0 to each population; SteepError for a loop, or what the input does not
    reach."""
    depth = np.full(populations, -1)
    depth[0] = 0
    for _ in range(populations):
        before = depth.copy()
        for link in links:
            if depth[link.before] >= 0:
                depth[link.after] = max(depth[link.after], depth[link.before] + 1)
        if np.array_equal(before, depth):
            break
    else:
        raise SteepError("populations are connected in a loop; delays can balance feed-forward networks only")
    if (depth < 0).any():
        raise SteepError(
            f"population {int(np.argmin(depth))} is not reached from the input; connect it or leave it out"
        )
    return depth


def raise_thresholds(threshold: np.ndarray) -> np.ndarray:
    """Return thresholds with those below 0 raised to the smallest positive number that is a whole number away, so that
    integer weights stay integers."""
    return np.where(threshold < 0, np.where(threshold % 1 == 0, 1.0, 0.5), threshold)


def lay_out(thresholds: list[np.ndarray], links: list[Link], clock: bool = False, leak: float = 1.0) -> Layout:
    """Lay a feed-forward network of threshold units on the STPU.

    Parameters
    ----------
    thresholds : float64 (units,) of each population; population 0 is the input, its thresholds are not used.
    links : connections between populations, of any depths.
    clock : add the clock neuron if a unit needs it.
    leak : of every neuron, 1 for units that forget everything from step to step.

    """
    depth = depths(len(thresholds), links)
    first = np.concatenate([[0], np.cumsum([len(t) for t in thresholds])])
    threshold = np.concatenate(thresholds).astype(np.float64)
    parts = [
        Synapses(
            link.synapses.source + first[link.before], link.synapses.target + first[link.after], link.synapses.weight
        )
        for link in links
    ]
    delays = [np.full(len(link.synapses.weight), depth[link.after] - depth[link.before]) for link in links]
    spontaneous = np.flatnonzero(threshold[first[1] :] < 0) + first[1]
    is_input = np.arange(len(threshold)) < first[1]
    clock_neuron = None
    if clock and len(spontaneous):
        clock_neuron = len(threshold)
        raised = raise_thresholds(threshold[spontaneous])
        lift = raised - threshold[spontaneous]
        parts.append(Synapses(np.full(len(spontaneous), clock_neuron), spontaneous, lift))
        delays.append(np.repeat(depth, np.diff(first))[spontaneous])
        threshold = np.append(threshold, 0.0)
        threshold[spontaneous] = raised
        is_input = np.append(is_input, True)
    synapses = join(parts)
    zeros = np.zeros(len(threshold))
    network = StpuNetwork(
        initial=zeros,
        threshold=threshold,
        reset=zeros,
        leak=np.full(len(threshold), leak),
        is_input=is_input,
        source=synapses.source,
        target=synapses.target,
        weight=synapses.weight.astype(np.float64),
        delay=np.concatenate([np.zeros(0, np.int64), *delays]).astype(np.int64),
    )
    return Layout(network, first, depth, clock_neuron, len(spontaneous))


def from_threshold_network(network: ThresholdNetwork, clock: bool = False, leak: float = 1.0) -> Layout:
    """Lay a threshold network on the STPU, layer after layer; max pooling becomes a population of OR neurons, one
    step of its own."""
    thresholds, links = [np.zeros(network.sizes[0])], []
    for number, (synapses, theta) in enumerate(network.connections()):
        thresholds.append(theta)
        links.append(Link(number, number + 1, synapses))
    if network.input_top == 1:
        return lay_out(thresholds, links, clock, leak)
    # The input has no neurons; a link without synapses keeps the first layer one step behind it.
    raised = raise_thresholds(thresholds[1]) if clock else thresholds[1]
    injection = Injection(links[0].synapses, raised - thresholds[1])
    layout = lay_out([np.zeros(0), raised, *thresholds[2:]], [Link(0, 1, join([])), *links[1:]], clock, leak)
    lifted = int(np.count_nonzero(injection.lift))
    return replace(layout, injection=injection, spontaneous=layout.spontaneous + lifted)


@dataclass(frozen=True)
class Timing:
    """Steps on the chip. A step is the chip's own time unit, in which every neuron is updated once.

    Attributes
    ----------
    latency : steps from the entry of a frame to the spikes of the last population.
    pipelined : steps per frame when a new frame enters at every step.
    sequential : steps per frame when a frame enters after the one before has left.

    """

    latency: int
    pipelined: int
    sequential: int


def timing(layout: Layout) -> Timing:
    """Return the timing of a feed-forward layout."""
    latency = int(layout.depth.max())
    return Timing(latency, 1, latency + 1)
