"""Simulators of one threshold network: same frames in, same spikes out."""

from collections.abc import Collection
from importlib import import_module
from typing import Protocol

import numpy as np

from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork


class Simulator(Protocol):
    """A backend's ``simulate``."""

    def __call__(self, network: ThresholdNetwork, frames: np.ndarray, keep: Collection[int] | None = None) -> Spikes:
        """Run the network on frames uint8 (frames, channels, height, width) of spikes or currents; `keep` numbers the
        layers whose spikes are returned, from 1, all of them if not given. Spikes come with the fingerprint of what the
        backend computed with (`steep.threshold.fingerprint`)."""


BACKENDS = {
    "torch": "steep.simulators.torch_threshold",
    "brian2": "steep.simulators.brian2",
    "brian2-fast": "steep.simulators.brian2_fast",
    "brian2-reference": "steep.simulators.brian2_lif",
    "stpu": "steep.simulators.stpu",
}
# What decides for the spikes of a backend: its module, and what builds the fast delivery in a process of its own
# (nothing imports that).
MODULES: dict[str, tuple[str, ...]] = {name: (module,) for name, module in BACKENDS.items()}
for name in ("brian2", "brian2-fast"):
    MODULES[name] += ("steep.simulators.brian2_fast.build",)


def simulator(backend: str) -> Simulator:
    """Return ``simulate`` of a backend; its library is imported only now."""
    simulate: Simulator = import_module(BACKENDS[backend]).simulate
    return simulate
