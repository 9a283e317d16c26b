"""Laying a threshold network on the STPU: neurons, thresholds without a bias, delays that keep frames together.

*Delays.* Every population has a depth, the longest path from the input; a link that spans n depths gets the delay n. So
what belongs to one frame meets in one step, also where links skip populations, and a new frame may enter at every step.

*No bias.* The STPU has no bias input; a unit's bias is part of its threshold. A threshold below 0 makes the unit fire
when nothing arrives, in every step without a frame (at 0 it does not: firing is strict). Such units are found and,
with the *clock*, handled exactly: the clock is one more input neuron that spikes when a frame enters; a synapse from
it, with the unit's depth as its delay, brings what lifts the threshold above 0. During a frame nothing changes;
without one, the unit is silent.

*Currents.* Frames of currents need no input neurons: what they inject into a unit, the sum of weights times values, is
written into its buffer from outside, at the step at which spikes would have arrived. What the clock would bring to a
unit of a population into which currents are injected is injected as well.
"""

from dataclasses import dataclass

import numpy as np

from steep.stpu.network import StpuNetwork
from steep.threshold.network import Synapses, ThresholdNetwork, join


@dataclass(frozen=True)
class Injection:
    """How a frame of currents becomes what is injected into the units of a population: ``synapses`` from its values to
    the units, and ``lift`` float64 (units,), added for every frame."""

    population: int
    synapses: Synapses
    lift: np.ndarray


@dataclass(frozen=True)
class Layout:
    """A network on the STPU and where its populations lie.

    Attributes
    ----------
    network : neurons, population after population; the clock, if there is one, comes last.
    first : int64 (populations + 1,), first neuron of each population, and the end of the last one. The input is
        population 0; it has no neurons where frames are currents.
    depth : int64 (populations,), steps from the input.
    clock : neuron, or None.
    spontaneous : number of units with a threshold below 0.
    injections : for frames of currents, one for each population that listens to the input; none for spikes.

    """

    network: StpuNetwork
    first: np.ndarray
    depth: np.ndarray
    clock: int | None
    spontaneous: int
    injections: tuple[Injection, ...] = ()

    def neurons(self, population: int) -> np.ndarray:
        """Return the neurons of a population, int64."""
        return np.arange(self.first[population], self.first[population + 1])

    @property
    def outputs(self) -> np.ndarray:
        """Neurons of the last population, int64."""
        return self.neurons(len(self.depth) - 1)


def raise_thresholds(threshold: np.ndarray) -> np.ndarray:
    """Return thresholds with those below 0 raised to the smallest positive number that is a whole number away, so that
    integer weights stay integers."""
    return np.where(threshold < 0, np.where(threshold % 1 == 0, 1.0, 0.5), threshold)


def from_threshold_network(network: ThresholdNetwork, clock: bool = False, leak: float = 1.0) -> Layout:
    """Lay a threshold network on the STPU, population after population.

    Parameters
    ----------
    network : what is laid; a maximum pooling is a population of its own.
    clock : whether units with thresholds below 0 are kept silent while there is no frame.
    leak : of every neuron, 1 for units that forget everything from step to step.

    """
    depth, currents = np.array(network.depths), network.input_top > 1
    sizes = [0 if currents else network.sizes[0], *network.sizes[1:]]
    first = np.concatenate([[0], np.cumsum(sizes)])
    threshold, is_input = np.zeros(first[-1]), np.arange(first[-1]) < sizes[0]
    lifts, parts, delays, injections = np.zeros(first[-1]), [], [], []
    spontaneous = 0
    for number, (links, theta) in enumerate(network.connections(), 1):
        own = slice(first[number], first[number + 1])
        spontaneous += int(np.count_nonzero(theta < 0))
        threshold[own] = raise_thresholds(theta) if clock else theta
        lifts[own] = threshold[own] - theta
        injected = [link.synapses for link in links if currents and link.source == 0]
        if injected:
            injections.append(Injection(number, join(injected), lifts[own].copy()))
            lifts[own] = 0
        for link in links:
            if not (currents and link.source == 0):
                synapses = link.synapses
                parts.append(
                    Synapses(synapses.source + first[link.source], synapses.target + first[number], synapses.weight)
                )
                delays.append(np.full(len(synapses.weight), link.delay))
    clock_neuron = None
    lifted = np.flatnonzero(lifts)
    if len(lifted):
        clock_neuron = len(threshold)
        parts.append(Synapses(np.full(len(lifted), clock_neuron), lifted, lifts[lifted]))
        delays.append(np.repeat(depth, sizes)[lifted])
        threshold, is_input = np.append(threshold, 0.0), np.append(is_input, True)
    synapses, zeros = join(parts), np.zeros(len(threshold))
    stpu = StpuNetwork(
        initial=zeros,
        threshold=threshold,
        reset=zeros,
        leak=np.full(len(threshold), leak),
        is_input=is_input,
        source=synapses.source,
        target=synapses.target,
        weight=synapses.weight.astype(np.float64),
        delay=np.concatenate([np.zeros(0, np.int64), *delays]),
    )
    return Layout(stpu, first, depth, clock_neuron, spontaneous, tuple(injections))


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
    """Return the timing of a layout.

    Examples
    --------
    >>> from steep.threshold.network import dense
    >>> hidden = dense(0, np.ones((4, 2), np.int32), np.full(4, 1.5))
    >>> network = ThresholdNetwork((2,), (hidden, dense(1, np.ones((1, 4), np.int32), np.array([0.5]))))
    >>> timing(from_threshold_network(network))
    Timing(latency=2, pipelined=1, sequential=3)

    """
    return Timing(int(layout.depth[-1]), 1, int(layout.depth.max()) + 1)
