"""Simulators of one threshold network: same frames in, same spikes out."""

from collections.abc import Collection
from importlib import import_module
from typing import Protocol

import numpy as np

from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork


class Simulate(Protocol):
    """A simulator's ``simulate``."""

    def __call__(self, network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
        """Run the network on frames uint8 (frames, *input shape) of spikes or currents; `record` numbers the
        populations whose spikes are returned, from 1, all of them if not given. Spikes come with the fingerprint of
        what the simulator computed with (`steep.threshold.fingerprint`)."""


SIMULATORS = {
    "torch": "steep.simulators.torch_threshold",
    "brian2": "steep.simulators.brian2",
    "brian2-fast": "steep.simulators.brian2_fast",
    "brian2-synapses": "steep.simulators.brian2_lif",
    "stpu": "steep.simulators.stpu",
}
# What decides for the spikes of a simulator: its module, and what builds the fast delivery in a process of its own
# (nothing imports that).
MODULES: dict[str, tuple[str, ...]] = {name: (module,) for name, module in SIMULATORS.items()}
for name in ("brian2", "brian2-fast"):
    MODULES[name] += ("steep.simulators.brian2_fast.build",)


def load_simulator(simulator: str) -> Simulate:
    """Return ``simulate`` of a simulator; its library is imported only now.

    Examples
    --------
    >>> from steep.threshold.network import dense
    >>> network = ThresholdNetwork((2,), (dense(0, np.array([[2, -1]], np.int32), np.array([0.5])),))
    >>> spikes = load_simulator("torch")(network, np.array([[1, 0], [1, 1], [0, 1]], np.uint8))
    >>> spikes.layers[0].ravel()
    array([ True,  True, False])

    """
    simulate: Simulate = import_module(SIMULATORS[simulator]).simulate
    return simulate
