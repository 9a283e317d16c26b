"""NumPy reference of the Spiking Temporal Processing Unit (Hill et al., ICRC 2017, doi 10.1109/ICRC.2017.8123631).

LIF neurons, each with a temporal buffer, and synapses with a weight and a delay. This is the step of the *gensa*
element of Sandia's Structural Simulation Toolkit (the ``multiplicative`` variant), for neuron j:

    V_j += buffer_j[now];  if V_j > threshold_j: spike, V_j = reset_j;  else V_j *= 1 - leak_j

and a spike of neuron k at step t adds w to slot t + d of neuron j for each of its synapses (k, j, w, d). The STPU has
no bias input.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from steep.errors import SteepError
from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork


@dataclass(frozen=True)
class StpuNetwork:
    """Neurons with a threshold, a leak and a reset each, and synapses between them.

    Attributes
    ----------
    threshold, leak, reset : float64 (neurons,)
    source, target : int64 (synapses,)
    weight : float64 (synapses,)
    delay : int64 (synapses,), in steps, at least 1
    inputs : neurons 0 to inputs - 1 spike when told to and have no membrane.

    """

    threshold: np.ndarray
    leak: np.ndarray
    reset: np.ndarray
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    inputs: int

    def __post_init__(self) -> None:
        """Refuse synapses that arrive before they are sent."""
        if len(self.delay) and self.delay.min() < 1:
            raise SteepError("an STPU synapse has a delay of at least 1 step")


def from_threshold_network(network: ThresholdNetwork) -> StpuNetwork:
    """Lay a threshold network on the STPU, layer after layer: delay 1, full leak, reset 0, theta the threshold."""
    first = np.concatenate([[0], np.cumsum(network.sizes)])
    thresholds, sources, targets, weights = [np.zeros(network.sizes[0])], [], [], []
    for layer, (synapses, theta) in enumerate(network.connections()):
        thresholds.append(theta)
        sources.append(synapses.source + first[layer])
        targets.append(synapses.target + first[layer + 1])
        weights.append(synapses.weight.astype(np.float64))
    threshold, source = np.concatenate(thresholds), np.concatenate(sources)
    return StpuNetwork(
        threshold=threshold,
        leak=np.ones(len(threshold)),
        reset=np.zeros(len(threshold)),
        source=source,
        target=np.concatenate(targets),
        weight=np.concatenate(weights),
        delay=np.ones(len(source), np.int64),
        inputs=network.sizes[0],
    )


def run(network: StpuNetwork, raster: np.ndarray, steps: int, watched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Simulate.

    Parameters
    ----------
    network : neurons and synapses.
    raster : bool or uint8 (steps or fewer, inputs): which input neuron spikes at which step.
    steps : number of steps.
    watched : int64, neurons whose potential is recorded where the threshold reads it.

    Returns
    -------
    Spikes bool (steps, neurons) and potentials float64 (steps, watched).

    """
    count = len(network.threshold)
    depth = int(network.delay.max(initial=1)) + 1
    by_delay: dict[int, csr_array] = {}
    for delay in np.unique(network.delay):
        chosen = network.delay == delay
        places = network.target[chosen], network.source[chosen]
        by_delay[int(delay)] = csr_array((network.weight[chosen], places), (count, count))
    buffer = np.zeros((depth, count))
    potential = np.zeros(count)
    spikes = np.zeros((steps, count), bool)
    recorded = np.zeros((steps, len(watched)))
    for step in range(steps):
        slot = step % depth
        potential += buffer[slot]
        buffer[slot] = 0
        recorded[step] = potential[watched]
        fired = potential > network.threshold
        potential = np.where(fired, network.reset, potential * (1 - network.leak))
        fired[: network.inputs] = raster[step] if step < len(raster) else False
        for delay, weights in by_delay.items():
            buffer[(step + delay) % depth] += weights @ fired.astype(np.float64)
        spikes[step] = fired
    return spikes, recorded


def simulate(network: ThresholdNetwork, frames: np.ndarray) -> Spikes:
    """Run a threshold network on the STPU model, a new frame every step: layer l fires for frame f at step f + l."""
    stpu = from_threshold_network(network)
    count, depth = len(frames), len(network.layers)
    first = np.concatenate([[0], np.cumsum(network.sizes)])
    watched = np.arange(first[-2], first[-1])
    spikes, potential = run(stpu, frames.reshape(count, -1), count + depth, watched)
    layers = tuple(spikes[number : number + count, first[number] : first[number + 1]] for number in range(1, depth + 1))
    return Spikes(layers, potential[depth : depth + count] - stpu.threshold[watched])
