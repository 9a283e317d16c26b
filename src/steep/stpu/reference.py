"""The STPU in NumPy, written like its equations (`steep.stpu.network`)."""

from dataclasses import dataclass

import numpy as np

from steep.stpu.network import Chances, Recording, Stimulus, StpuNetwork


@dataclass(frozen=True)
class Faults:
    """What may go wrong with spikes, each with a probability.

    Attributes
    ----------
    dropped : that a spike is lost, on all its synapses.
    inserted : that a neuron sends a spike, in a step in which it does not fire; its membrane is not reset.
    late : that a spike takes one step more on one synapse.
    seed : of the random numbers.

    """

    dropped: float = 0.0
    inserted: float = 0.0
    late: float = 0.0
    seed: int = 0


@np.errstate(over="ignore", invalid="ignore")  # a membrane may grow beyond its precision, there as here
def simulate(
    network: StpuNetwork,
    stimulus: Stimulus,
    steps: int,
    watched: np.ndarray,
    faults: Faults | None = None,
    seed: int = 0,
) -> Recording:
    """Run `steps` steps and record every spike sent, and the membranes of the neurons `watched` (int64).

    Spikes are delivered in the order of their source, a source's synapses in the order of the network, one addition
    after the other, so that results are the same to the last bit as in a serial machine of the same precision. `seed`
    is that of `Chances`, for neurons that do not always fire over threshold.

    Examples
    --------
    An input neuron, and one with a leak of 1/2 that two spikes in a row bring over its threshold:

    >>> two = np.zeros(2)
    >>> network = StpuNetwork(
    ...     initial=two, threshold=np.array([0, 1]), reset=two, leak=np.array([0, 0.5]),
    ...     is_input=np.array([True, False]),
    ...     source=np.array([0]), target=np.array([1]), weight=np.array([0.75]), delay=np.array([1]),
    ... )
    >>> stimulus = Stimulus.from_raster(np.array([[1], [0], [1], [1], [0]]), neurons=np.array([0]))
    >>> recording = simulate(network, stimulus, steps=5, watched=np.array([1]))
    >>> recording.potential.ravel()
    array([0.     , 0.75   , 0.375  , 0.9375 , 1.21875])
    >>> recording.raster(steps=5, count=2)[:, 1]
    array([False, False, False, False,  True])

    """
    stimulus.check(network, steps)
    network = network.within(steps)
    kind = network.dtype
    threshold, reset, leak, membrane, weight = (
        array.astype(kind)
        for array in (network.threshold, network.reset, network.leak, network.initial, network.weight)
    )
    for array in (membrane, reset, leak):
        array[network.is_input] = 0
    retained = network.retained
    chances = Chances(network, seed)
    by_source = np.argsort(network.source, kind="stable")
    first = np.searchsorted(network.source[by_source], np.arange(network.count + 1))
    target, weight, delay = network.target[by_source], weight[by_source], network.delay[by_source]

    slots = network.slots + (faults is not None)  # one more, for spikes that take a step more
    buffer = np.zeros(slots * network.count, kind)  # slot after slot, each a row of neurons
    random = np.random.default_rng(faults.seed if faults else 0)
    spikes_in, injections = _by_step(stimulus.step, steps), _by_step(stimulus.injected_step, steps)
    injected = stimulus.injected.astype(kind)
    fired_at: list[np.ndarray] = []
    potential, after = np.zeros((steps, len(watched)), kind), np.zeros((steps, len(watched)), kind)
    for step in range(steps):
        slot = slice(step % slots * network.count, (step % slots + 1) * network.count)
        chosen = injections[step]
        np.add.at(buffer[slot], stimulus.injected_neuron[chosen], injected[chosen])

        if network.variant == "subtractive":
            membrane = np.maximum(membrane - leak, reset)
        membrane = membrane + buffer[slot]
        buffer[slot] = 0
        potential[step] = membrane[watched]
        over = fired = (membrane > threshold) & ~network.is_input
        rest = membrane * retained if network.variant == "multiplicative" else membrane
        if not chances.certain:
            fired = over & chances.draw()
            rest = np.where(over, membrane, rest)  # over threshold without a spike: no leak
        membrane = np.where(fired, reset, rest)
        after[step] = membrane[watched]

        fired[stimulus.neuron[spikes_in[step]]] = True
        if faults:
            draw = random.random(network.count)
            fired = np.where(fired, draw >= faults.dropped, draw < faults.inserted)
        sources = np.flatnonzero(fired)
        fired_at.append(sources)
        events = _ranges(first[sources], first[sources + 1])
        arrival = step + delay[events]
        if faults:
            arrival += random.random(len(events)) < faults.late
        np.add.at(buffer, arrival % slots * network.count + target[events], weight[events])
    counts = [len(sources) for sources in fired_at]
    neurons = np.concatenate([np.zeros(0, np.int64), *fired_at])
    return Recording(np.repeat(np.arange(steps), counts), neurons, potential, after)


def _by_step(at: np.ndarray, steps: int) -> list[np.ndarray]:
    """Return the indices of what happens at each step, in the order given."""
    order = np.argsort(at, kind="stable")
    return np.split(order, np.searchsorted(at[order], np.arange(1, steps))) if steps else []


def _ranges(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return start[0] .. stop[0]-1, start[1] .. stop[1]-1 and so on, one after the other."""
    lengths = stop - start
    offsets = np.cumsum(lengths) - lengths
    ranges: np.ndarray = np.arange(int(lengths.sum())) + np.repeat(start - offsets, lengths)
    return ranges
