"""Simulators of one threshold network: same frames in, same spikes out."""

from collections.abc import Callable
from importlib import import_module

import numpy as np

from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork

Simulator = Callable[[ThresholdNetwork, np.ndarray], Spikes]
BACKENDS = {
    "torch": "steep.simulators.torch_threshold",
    "brian2": "steep.simulators.brian2_lif",
    "stpu": "steep.simulators.stpu",
}


def simulator(backend: str) -> Simulator:
    """Return ``simulate(network, frames)`` of a backend; its library is imported only now."""
    return import_module(BACKENDS[backend]).simulate
