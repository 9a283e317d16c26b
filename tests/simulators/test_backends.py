"""All backends give the same spikes: on random networks, on hard frames, and against a plain evaluation in integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import evaluate_plainly, frames_for, threshold_networks

from steep.simulators import BACKENDS, simulator
from steep.threshold.fingerprint import fingerprint
from steep.threshold.network import DenseLayer, ThresholdNetwork


def assert_right(backend: str, network: ThresholdNetwork, frames: np.ndarray) -> None:
    spikes = simulator(backend)(network, frames)
    assert spikes.fingerprint == fingerprint(network), backend
    for number, frame in enumerate(frames):
        fired, potential = evaluate_plainly(network, frame)
        for layer, expected in enumerate(fired):
            assert np.array_equal(spikes.layers[layer][number], expected), (backend, number, layer)
        assert np.array_equal(2 * spikes.potential[number], potential), (backend, number)


@settings(max_examples=150, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
@pytest.mark.parametrize("backend", ["torch", "stpu"])
def test_random_networks(backend: str, network: ThresholdNetwork, seed: int) -> None:
    assert_right(backend, network, frames_for(network, seed))


@settings(max_examples=25, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
def test_random_networks_in_brian2(network: ThresholdNetwork, seed: int) -> None:
    assert_right("brian2-reference", network, frames_for(network, seed))


@pytest.mark.parametrize("backend", BACKENDS)
def test_threshold_is_strict_and_ties_go_to_the_lowest_class(backend: str) -> None:
    """Worked out by hand: two inputs of weight 1, thresholds 1, 2 and -1."""
    network = ThresholdNetwork((1, 1, 2), (DenseLayer(np.ones((3, 2), np.int32), np.array([1.0, 2.0, -1.0])),))
    frames = np.array([[0, 0], [1, 0], [1, 1]], np.uint8).reshape(3, 1, 1, 2)
    spikes = simulator(backend)(network, frames)
    assert spikes.layers[0].astype(int).tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 1]]
    assert spikes.potential.tolist() == [[-1, -2, 1], [0, -1, 2], [1, 0, 3]]
    level = ThresholdNetwork((1, 1, 2), (DenseLayer(np.ones((3, 2), np.int32), np.zeros(3)),))
    assert simulator(backend)(level, frames).classes().tolist() == [0, 0, 0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_in_flight_do_not_disturb_each_other(backend: str) -> None:
    """The same frame gives the same spikes whatever surrounds it, and in any order."""
    rng = np.random.default_rng(2)
    layers = tuple(
        DenseLayer(rng.integers(-3, 4, shape, dtype=np.int32), rng.integers(-3, 4, shape[0]) + 0.5)
        for shape in ((8, 9), (7, 8), (3, 7))
    )
    network = ThresholdNetwork((1, 3, 3), layers)
    frames = frames_for(network, 3, 20)
    order = rng.permutation(20)
    one, other = simulator(backend)(network, frames), simulator(backend)(network, frames[order])
    for a, b in zip(one.layers, other.layers, strict=True):
        assert np.array_equal(a[order], b)
    assert np.array_equal(one.potential[order], other.potential)


@pytest.mark.parametrize("backend", BACKENDS)
def test_sums_beyond_float32_stay_exact(backend: str) -> None:
    """A weight of 1 before three of 2^23: float32 would lose the 1, so the network asks for float64."""
    weight = np.array([[1, 2**23, 2**23, 2**23]], np.int32)
    network = ThresholdNetwork((1, 2, 2), (DenseLayer(weight, np.array([3.0 * 2**23])),))
    assert network.float_dtype is np.float64
    frames = np.array([[0, 1, 1, 1], [1, 1, 1, 1]], np.uint8).reshape(2, 1, 2, 2)
    assert simulator(backend)(network, frames).layers[0].ravel().tolist() == [False, True]


@pytest.mark.parametrize("backend", BACKENDS)
def test_blank_frames_only(backend: str) -> None:
    network = ThresholdNetwork((1, 1, 2), (DenseLayer(np.ones((3, 2), np.int32), np.array([0.5, -0.5, 0])),))
    spikes = simulator(backend)(network, np.zeros((4, 1, 1, 2), np.uint8))
    assert spikes.layers[0].tolist() == [[False, True, False]] * 4


def test_lif_stays_exact_after_a_float32_simulation_in_the_same_process() -> None:
    """Brian2's preferences are global: a float32 run of the STPU must not make the LIF network's sums inexact."""
    from random_stpu import network_of, stimulus_of

    from steep.stpu import brian2_stpu

    rng = np.random.default_rng(0)
    small = network_of(rng, "multiplicative", "float32")
    brian2_stpu.simulate(small, stimulus_of(rng, small), 40, np.arange(small.count))
    test_sums_beyond_float32_stay_exact("brian2-reference")
