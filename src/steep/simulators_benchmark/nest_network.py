"""The threshold network in NEST: ``iaf_psc_delta`` neurons, one frame for each time step, one step for each layer.

A time constant of a thousandth of the step makes a membrane forget everything; arrivals of a step add to it and it
fires at its threshold, which no half-integer threshold is ever met at exactly. Inputs are ``spike_train_injector``,
NEST's device for spike trains that many neurons receive; spikes are recorded to memory.
"""

from typing import Any

import nest
import numpy as np

from steep.simulators_benchmark.simulation import Job, Recorded, raster
from steep.threshold.network import ThresholdNetwork

STEP = 1.0  # ms


class NestSimulation:
    """One NEST kernel; every run goes on in time, which a network without memory does not see."""

    granularity = 1

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray) -> None:
        """Build neurons and synapses of a chain."""
        network.chain()
        nest.ResetKernel()
        nest.set_verbosity("M_ERROR")
        nest.SetKernelStatus({"resolution": STEP, "local_num_threads": 1})
        self.flat = frames.reshape(len(frames), -1) > 0
        self.sizes = network.sizes
        self.inputs = nest.Create("spike_train_injector", self.sizes[0])
        source, self.recorders, self.firsts = self.inputs, [], []
        for (arrivals,), theta in network.connections():
            synapses = arrivals.synapses
            group = nest.Create(
                "iaf_psc_delta",
                len(theta),
                {
                    "E_L": 0.0,
                    "I_e": 0.0,
                    "tau_m": STEP / 1000,
                    "t_ref": 0.0,
                    "V_reset": (theta - 1).tolist(),
                    "V_th": theta.tolist(),
                },
            )
            if len(synapses.weight):
                nest.Connect(
                    np.asarray(source)[synapses.source],
                    np.asarray(group)[synapses.target],
                    "one_to_one",
                    {
                        "synapse_model": "static_synapse",
                        "weight": synapses.weight.astype(np.float64),
                        "delay": np.full(len(synapses.weight), STEP),
                    },
                )
            recorder = nest.Create("spike_recorder")
            nest.Connect(group, recorder)
            self.recorders.append(recorder)
            self.firsts.append(int(np.asarray(group)[0]))
            source = group
        self.count = self.began = 0

    def run(self, count: int) -> None:
        """Simulate and record."""
        for recorder in self.recorders:
            recorder.n_events = 0
        self.count, self.began = count, round(nest.biological_time / STEP)
        # The spike of step s is emitted at the end of that step.
        pixels = self.flat[:count]
        self.inputs.set([{"spike_times": (self.began + 1.0 + np.flatnonzero(column)) * STEP} for column in pixels.T])
        nest.Simulate((count + len(self.recorders) + 1) * STEP)

    def recorded(self) -> Recorded:
        """Return spikes; a membrane that has fired is reset before it could be recorded."""
        layers = []
        for number, (recorder, first) in enumerate(zip(self.recorders, self.firsts, strict=True), 1):
            events = recorder.events
            frame = np.rint(np.asarray(events["times"]) / STEP).astype(np.int64) - self.began - 1 - number
            layers.append(raster(frame, np.asarray(events["senders"]) - first, self.count, self.sizes[number]))
        return Recorded(tuple(layers), None)


def prepare(network: ThresholdNetwork, frames: np.ndarray, job: Job) -> NestSimulation:
    """Build the network."""
    return NestSimulation(network, frames)


def version(options: dict[str, Any]) -> str:
    """Return NEST's version."""
    return f"NEST {nest.__version__}"
