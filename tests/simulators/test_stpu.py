"""The STPU step by step, worked out by hand."""

import numpy as np
import pytest

from steep.errors import SteepError
from steep.simulators.stpu import StpuNetwork, run


def one_neuron(
    leak: float, reset: float, weights: list[float], delays: list[int], threshold: float = 2.0
) -> StpuNetwork:
    count = len(weights)
    return StpuNetwork(
        threshold=np.array([0.0, threshold]),
        leak=np.array([0.0, leak]),
        reset=np.array([0.0, reset]),
        source=np.zeros(count, np.int64),
        target=np.ones(count, np.int64),
        weight=np.array(weights),
        delay=np.array(delays),
        inputs=1,
    )


def test_a_spike_arrives_after_its_delay_and_the_membrane_leaks() -> None:
    network = one_neuron(leak=0.5, reset=0.0, weights=[1.0, 1.0], delays=[1, 3])
    spikes, potential = run(network, np.array([[1], [0], [0], [0], [0]]), 5, np.array([1]))
    assert potential.ravel().tolist() == [0, 1, 0.5, 1.25, 0.625]
    assert not spikes[:, 1].any()


def test_threshold_is_strict_and_reset_replaces_the_potential() -> None:
    network = one_neuron(leak=0.0, reset=-1.0, weights=[2.0], delays=[1])
    spikes, potential = run(network, np.array([[1], [1], [0], [0]]), 4, np.array([1]))
    assert potential.ravel().tolist() == [0, 2, 4, -1]
    assert spikes[:, 1].tolist() == [False, False, True, False]


def test_several_synapses_join_one_pair() -> None:
    network = one_neuron(leak=1.0, reset=0.0, weights=[1.5, 1.5, 3.0], delays=[2, 2, 4])
    spikes, _ = run(network, np.array([[1]]), 6, np.array([1]))
    assert np.flatnonzero(spikes[:, 1]).tolist() == [2, 4]


def test_a_delay_of_zero_is_refused() -> None:
    with pytest.raises(SteepError, match="at least 1 step"):
        one_neuron(leak=1.0, reset=0.0, weights=[1.0], delays=[0])
