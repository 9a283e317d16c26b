"""Simulators of this project, as the workflow calls them: ``simulate(network, frames)`` builds the network and runs it.

What they do once, at their start, is in every run, and does not count because the benchmark takes the difference of a
long and a short run.
"""

import logging
from importlib import import_module
from importlib.metadata import version as installed
from typing import Any

import numpy as np

from steep.errors import SteepError
from steep.simulators_benchmark.simulation import Job, Recorded
from steep.threshold.fingerprint import fingerprint
from steep.threshold.network import ThresholdNetwork


class _Refusing(logging.Handler):
    """A warning says that something else has run than what was asked for; it must not be measured under that name."""

    def emit(self, record: logging.LogRecord) -> None:
        raise SteepError(record.getMessage())


class DeliveredSimulation:
    """A simulator of the workflow."""

    granularity = 1

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray, module: str) -> None:
        """Import the simulator."""
        self.network, self.frames = network, frames
        self.simulate = import_module(module).simulate
        logging.getLogger("steep").addHandler(_Refusing(logging.WARNING))

    def run(self, count: int) -> None:
        """Build, simulate and record."""
        self.found = self.simulate(self.network, self.frames[:count])

    def recorded(self) -> Recorded:
        """Return spikes and potentials; SteepError unless they are of the network that was given."""
        if self.found.fingerprint != fingerprint(self.network):
            raise SteepError("worked on other weights or thresholds than it was given")
        return Recorded(tuple(np.asarray(layer, bool) for layer in self.found.layers), self.found.potential)


def prepare(network: ThresholdNetwork, frames: np.ndarray, job: Job) -> DeliveredSimulation:
    """Import the simulator that ``options["module"]`` names."""
    return DeliveredSimulation(network, frames, job.options["module"])


def version(options: dict[str, Any]) -> str:
    """Return the versions of steep and of what the simulator stands on."""
    package = "torch" if "torch" in options["module"] else "Brian2" if "brian2" in options["module"] else "numpy"
    return f"steep {installed('steep')}, {package} {installed(package)}"
