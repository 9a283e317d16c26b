"""The threshold network in plain Brian2: LIF neurons, ordinary `Synapses`, monitors, as its documentation teaches it.

The neurons, the schedule and the input are those of `steep.simulators.brian2_lif`, which says why they are exact;
numbers are float32 where all sums are exact in it. Brian2's numpy and cython targets run one network on and on, which
a network without memory does not see. The C++ standalone mode compiles one program that is run for as many frames as
its environment says, so that a longer run is not another program.
"""

import os
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    defaultclock,
    get_device,
    prefs,
    set_device,
)

from steep.errors import SteepError
from steep.simulators.brian2_lif import LIF, SCHEDULE, STEP
from steep.simulators_benchmark.simulation import Job, Recorded, raster
from steep.threshold.network import ThresholdNetwork

CHUNK = 10  # frames; the standalone program runs a whole number of such chunks
CHUNKS_VARIABLE = "STEEP_BENCHMARK_CHUNKS"


def build(network: ThresholdNetwork, source: SpikeGeneratorGroup) -> tuple[Network, list[SpikeMonitor], StateMonitor]:
    """Return a chain behind `source`, with a monitor of every layer's spikes and one of the output's potentials."""
    network.chain()
    run = Network(source)
    run.schedule = SCHEDULE
    monitors = []
    for (arrivals,), thresholds in network.connections():
        synapses = arrivals.synapses
        neurons = NeuronGroup(len(thresholds), **LIF)
        neurons.I = -thresholds
        neurons.v = -thresholds
        if len(synapses.weight):  # of an object that is made and not run Brian2 complains
            connections = Synapses(source, neurons, "w : 1 (constant)", on_pre="v_post += w")
            connections.connect(i=synapses.source, j=synapses.target)
            connections.w = synapses.weight
            run.add(connections)
        monitor = SpikeMonitor(neurons)
        monitors.append(monitor)
        run.add(neurons, monitor)
        source = neurons
    potentials = StateMonitor(source, "v", record=True, when="before_thresholds")
    run.add(potentials)
    return run, monitors, potentials


class _Plain:
    """What both ways have in common: the network, and reading what its monitors hold."""

    monitors: list[SpikeMonitor]
    potentials: StateMonitor

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray) -> None:
        if network.input_top > 1:
            raise SteepError("plain Brian2 is measured on spikes, not on currents")
        prefs.reset_to_defaults()  # in a process of its own; a user's files are not part of what is measured
        prefs.core.default_float_dtype = network.float_dtype
        defaultclock.dt = STEP
        self.sizes, self.depth = network.sizes, len(network.populations)
        self.step, self.pixel = np.nonzero(frames.reshape(len(frames), -1))
        self.count = self.began = 0

    def recorded(self) -> Recorded:
        """Return spikes and potentials of the last run, which began at step `began`."""
        layers = []
        for number, monitor in enumerate(self.monitors, 1):
            frame = np.rint(np.asarray(monitor.t / STEP)).astype(np.int64) - self.began - number
            layers.append(raster(frame, np.asarray(monitor.i), self.count, self.sizes[number]))
        step = np.rint(np.asarray(self.potentials.t / STEP)).astype(np.int64) - self.began - self.depth
        inside = (step >= 0) & (step < self.count)
        return Recorded(tuple(layers), np.asarray(self.potentials.v, np.float64).T[inside])


class RuntimeSimulation(_Plain):
    """Brian2's numpy or cython target."""

    granularity = 1

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray, target: str, shared: Path) -> None:
        """Build neurons and synapses; code is generated in the first run."""
        super().__init__(network, frames)
        prefs.codegen.target = target
        prefs.codegen.runtime.cython.cache_dir = str(shared / "cython")
        nothing = np.zeros(0, np.int64)
        self.source = SpikeGeneratorGroup(self.sizes[0], nothing, nothing * STEP)
        self.network, self.monitors, self.potentials = build(network, self.source)

    def run(self, count: int) -> None:
        """Simulate and record, after what has been simulated before."""
        self.count, self.began = count, round(float(self.network.t / STEP))
        first = self.step < count
        self.source.set_spikes(self.pixel[first], (self.began + self.step[first]) * STEP, sorted=True)
        self.network.run((count + self.depth) * STEP)


class StandaloneSimulation(_Plain):
    """Brian2's C++ standalone mode, with or without OpenMP threads."""

    granularity = CHUNK

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray, threads: int, scratch: Path) -> None:
        """Write, compile and link the program; what has not changed since the last repetition is not compiled anew."""
        super().__init__(network, frames)
        set_device("cpp_standalone", build_on_run=False)
        prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
        source = SpikeGeneratorGroup(self.sizes[0], self.pixel, self.step * STEP, sorted=True)
        self.network, self.monitors, self.potentials = build(network, source)
        self.device = get_device()
        self.results = scratch / "standalone" / "results"
        chunks = f'std::atoi(std::getenv("{CHUNKS_VARIABLE}"))'
        self.device.insert_code("before_network_run", f"for (int chunk = {chunks}; chunk > 0; chunk--) {{")
        self.device.insert_code("after_network_run", "}")
        self.network.run(CHUNK * STEP)
        self.device.build(directory=str(scratch / "standalone"), compile=True, run=False, with_output=False)

    def run(self, count: int) -> None:
        """Run the program."""
        self.count = count
        os.environ[CHUNKS_VARIABLE] = str(-(-(count + self.depth) // CHUNK))
        self.device.run(with_output=False)
        self.potentials.variables["v"].size = (0, self.sizes[-1])  # forgets that of the run before


def prepare(network: ThresholdNetwork, frames: np.ndarray, job: Job) -> RuntimeSimulation | StandaloneSimulation:
    """Build the network for ``options["target"]``: numpy, cython or standalone."""
    if job.options["target"] == "standalone":
        return StandaloneSimulation(network, frames, job.options["threads"], job.scratch)
    return RuntimeSimulation(network, frames, job.options["target"], job.shared)


def version(options: dict[str, Any]) -> str:
    """Return Brian2's version."""
    return f"Brian2 {installed('Brian2')}"
