"""The threshold network in Nengo's reference simulator (NumPy), in float32.

Threshold neurons are a neuron type of three lines, as Nengo's documentation adds types; connections go from neurons to
neurons without synaptic filters, so a frame passes all layers within its step. Convolutions are Nengo's own, and so
are poolings, which are convolutions in the threshold network too. Groups are channels with weights of zero.
"""

from typing import Any, assert_never

import nengo
import numpy as np

from steep.errors import SteepError
from steep.simulators_benchmark.simulation import Job, Recorded, plain_chain, plain_kernel
from steep.threshold.network import ConvLink, DenseLink, ThresholdNetwork

STEP = 0.001


class Threshold(nengo.neurons.NeuronType):  # type: ignore[misc]  # Nengo ships no types
    """A neuron that is 1 in every step in which its input current is above 0."""

    negative = False

    def step(self, dt: float, J: np.ndarray, output: np.ndarray) -> None:
        """Fire."""
        np.greater(J, 0, out=output, casting="unsafe")


class NengoSimulation:
    """One Nengo simulator; every run goes on in time, which a network without state does not see."""

    granularity = 1

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray) -> None:
        """Build the model of a chain and the simulator."""
        nengo.rc.set("precision", "bits", "32")
        nengo.rc.set("decoder_cache", "enabled", "False")
        flat = frames.reshape(len(frames), -1).astype(np.float32)
        self.first, steps = 1, len(flat)  # Nengo's first step is step 1
        with nengo.Network(seed=0) as model:
            source: Any = nengo.Node(lambda t: flat[(round(t / STEP) - self.first) % steps], size_out=flat.shape[1])
            probes = []
            for (link, population), before in zip(plain_chain(network), network.shapes, strict=False):
                theta = population.thresholds()
                group = nengo.Ensemble(
                    n_neurons=len(theta),
                    dimensions=1,
                    neuron_type=Threshold(),
                    gain=np.ones(len(theta)),
                    bias=-theta,
                )
                nengo.Connection(source, group.neurons, transform=_transform(link, before), synapse=None)
                source = group.neurons
                probes.append(nengo.Probe(source, "output"))
            current = nengo.Probe(source, "input")
        self.simulator = nengo.Simulator(model, dt=STEP, progress_bar=False)
        self.probes, self.current, self.theta = probes, current, theta

    def run(self, count: int) -> None:
        """Simulate and record."""
        self.simulator.clear_probes()
        self.first = self.simulator.n_steps + 1
        self.simulator.run_steps(count, progress_bar=False)

    def recorded(self) -> Recorded:
        """Return spikes and potentials."""
        data = self.simulator.data
        layers = tuple(np.asarray(data[probe]) > 0 for probe in self.probes)
        return Recorded(layers, np.asarray(data[self.current], np.float64))


def _transform(link: DenseLink | ConvLink, before: tuple[int, ...]) -> np.ndarray | nengo.Convolution:
    """Return the weights of a link from a population of the shape `before` as Nengo takes them; convolutions of
    channels first."""
    match link:
        case DenseLink(_, weight):
            return weight.astype(np.float32)
        case ConvLink(_, _, stride, padding):
            if any(zeros for pair in padding for zeros in pair):
                raise SteepError("Nengo's convolution has no padding but its own 'same', which rounds differently")
            kernel = plain_kernel(link).transpose(2, 3, 1, 0)
        case _:
            assert_never(link)
    return nengo.Convolution(
        n_filters=kernel.shape[3],
        input_shape=before,
        kernel_size=kernel.shape[:2],
        strides=tuple(stride),
        channels_last=False,
        init=kernel,
    )


def prepare(network: ThresholdNetwork, frames: np.ndarray, job: Job) -> NengoSimulation:
    """Build the model."""
    return NengoSimulation(network, frames)


def version(options: dict[str, Any]) -> str:
    """Return Nengo's version."""
    return f"Nengo {nengo.__version__}, NumPy {np.__version__}"
