"""All simulators give the same spikes: on random networks, on hard frames, against a plain evaluation in integers."""

import gc
from pathlib import Path

import numpy as np
import pytest
from brian2.utils.logger import catch_logs
from fast_delivery import ARCHITECTURES, with_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import evaluate_plainly, frames_for, threshold_networks

from steep.simulators import SIMULATORS, brian2_lif, load_simulator
from steep.simulators_benchmark import brian2_plain
from steep.stpu import brian2_stpu
from steep.stpu.layout import from_threshold_network
from steep.stpu.sweeps import stimulus_of
from steep.threshold.fingerprint import fingerprint
from steep.threshold.network import DenseLink, Population, ThresholdNetwork, dense


def assert_right(simulator: str, network: ThresholdNetwork, frames: np.ndarray) -> None:
    spikes = load_simulator(simulator)(network, frames)
    assert spikes.fingerprint == fingerprint(network), simulator
    for number, frame in enumerate(frames):
        fired, potential = evaluate_plainly(network, frame)
        for layer, expected in enumerate(fired):
            assert np.array_equal(spikes.layers[layer][number], expected), (simulator, number, layer)
        assert np.array_equal(2 * spikes.potential[number], potential), (simulator, number)


@settings(max_examples=150, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
@pytest.mark.parametrize("simulator", ["torch", "stpu"])
def test_random_networks(simulator: str, network: ThresholdNetwork, seed: int) -> None:
    assert_right(simulator, network, frames_for(network, seed))


@settings(max_examples=25, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
def test_random_networks_in_brian2(network: ThresholdNetwork, seed: int) -> None:
    assert_right("brian2-synapses", network, frames_for(network, seed))


def listens(*links: tuple[int, list[list[int]]], theta: list[float]) -> Population:
    """Return a population with dense links, each the number of a population and weights."""
    made = tuple(DenseLink(source, np.array(weight, np.int32)) for source, weight in links)
    return Population((len(theta),), made, np.array(theta))


# By hand, for two inputs: networks, frames, and the spikes of every population for each frame.
EXAMPLES = {
    "currents that skip two depths": (
        # The relays pass on whether the first input is over 9; the output, whether that and the second one are, with
        # the very value of the second, which comes by a link of three steps.
        ThresholdNetwork(
            (2,),
            (
                listens((0, [[1, 0]]), theta=[9.5]),
                listens((1, [[1]]), theta=[0.5]),
                listens((2, [[100]]), (0, [[0, 1]]), theta=[109.5]),
            ),
            255,
        ),
        [[10, 10], [10, 9], [9, 255], [0, 109], [0, 110], [255, 0], [10, 10]],
        [[1, 1, 1], [1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1]],
    ),
    "an output that is not the deepest": (
        ThresholdNetwork(
            (2,),
            (
                listens((0, [[1, 1]]), theta=[0.5]),  # or
                listens((1, [[1]]), (0, [[1, 1]]), theta=[2.5]),  # and, one step later
                listens((2, [[-1]]), theta=[-0.5]),  # not and, two steps later; nothing reads it
                listens((0, [[1, -1]]), theta=[0.5]),  # the first alone, at once
            ),
        ),
        [[0, 0], [0, 1], [1, 0], [1, 1], [1, 0]],
        [[0, 0, 1, 0], [1, 0, 1, 0], [1, 0, 1, 1], [1, 1, 0, 0], [1, 0, 1, 1]],
    ),
    "a population that nothing reads": (
        ThresholdNetwork(
            (2,),
            (
                listens((0, [[1, 1]]), theta=[1.5]),
                listens((0, [[1, 0]]), theta=[0.5]),
                listens((1, [[-2]]), (0, [[1, 1]]), theta=[0.5]),  # one but not both
            ),
        ),
        [[0, 0], [0, 1], [1, 0], [1, 1]],
        [[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 0]],
    ),
    "two links between the same populations": (
        ThresholdNetwork((2,), (listens((0, [[1, 1]]), (0, [[1, 0]]), (0, [[1, 0]]), theta=[2.5]),)),
        [[0, 0], [0, 1], [1, 0], [1, 1]],
        [[0], [0], [1], [1]],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_graphs_by_hand(simulator: str, name: str) -> None:
    """Also recorded in part, which is another number of steps, and with the frames in another order."""
    network, frames, expected = EXAMPLES[name][0], *map(np.array, EXAMPLES[name][1:])
    simulate = load_simulator(simulator)
    for order in (slice(None), slice(None, None, -1)):
        spikes = simulate(network, frames[order].astype(np.uint8))
        assert np.array_equal(np.column_stack(spikes.layers), expected[order])
        assert spikes.fingerprint == fingerprint(network)
        for number, layer in enumerate(spikes.layers):
            alone = simulate(network, frames[order].astype(np.uint8), [number + 1])
            assert np.array_equal(alone.layers[number], layer) and np.array_equal(alone.potential, spikes.potential)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_threshold_is_strict_and_ties_go_to_the_lowest_class(simulator: str) -> None:
    """Worked out by hand: two inputs of weight 1, thresholds 1, 2 and -1."""
    network = ThresholdNetwork((1, 1, 2), (dense(0, np.ones((3, 2), np.int32), np.array([1.0, 2.0, -1.0])),))
    frames = np.array([[0, 0], [1, 0], [1, 1]], np.uint8).reshape(3, 1, 1, 2)
    spikes = load_simulator(simulator)(network, frames)
    assert spikes.layers[0].astype(int).tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 1]]
    assert spikes.potential.tolist() == [[-1, -2, 1], [0, -1, 2], [1, 0, 3]]
    level = ThresholdNetwork((1, 1, 2), (dense(0, np.ones((3, 2), np.int32), np.zeros(3)),))
    assert load_simulator(simulator)(level, frames).classes().tolist() == [0, 0, 0]


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_frames_in_flight_do_not_disturb_each_other(simulator: str) -> None:
    """The same frame gives the same spikes whatever surrounds it, and in any order."""
    rng = np.random.default_rng(2)
    populations = tuple(
        dense(source, rng.integers(-3, 4, shape, dtype=np.int32), rng.integers(-3, 4, shape[0]) + 0.5)
        for source, shape in enumerate(((8, 9), (7, 8), (3, 7)))
    )
    network = ThresholdNetwork((1, 3, 3), populations)
    frames = frames_for(network, 3, 20)
    order = rng.permutation(20)
    one, other = load_simulator(simulator)(network, frames), load_simulator(simulator)(network, frames[order])
    for a, b in zip(one.layers, other.layers, strict=True):
        assert np.array_equal(a[order], b)
    assert np.array_equal(one.potential[order], other.potential)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_sums_beyond_float32_stay_exact(simulator: str) -> None:
    """A weight of 1 before three of 2^23: float32 would lose the 1, so the network asks for float64."""
    weight = np.array([[1, 2**23, 2**23, 2**23]], np.int32)
    network = ThresholdNetwork((1, 2, 2), (dense(0, weight, np.array([3.0 * 2**23])),))
    assert network.float_dtype is np.float64
    frames = np.array([[0, 1, 1, 1], [1, 1, 1, 1]], np.uint8).reshape(2, 1, 2, 2)
    assert load_simulator(simulator)(network, frames).layers[0].ravel().tolist() == [False, True]


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_blank_frames_only(simulator: str) -> None:
    network = ThresholdNetwork((1, 1, 2), (dense(0, np.ones((3, 2), np.int32), np.array([0.5, -0.5, 0])),))
    spikes = load_simulator(simulator)(network, np.zeros((4, 1, 1, 2), np.uint8))
    assert spikes.layers[0].tolist() == [[False, True, False]] * 4


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_no_frames_at_all(simulator: str, name: str) -> None:
    """What a part holds where there are more parts than frames: nothing, of the right shapes, of the same network."""
    network = with_weights(ARCHITECTURES[name], 0, 7)
    spikes = load_simulator(simulator)(network, np.zeros((0, *network.input_shape), np.uint8))
    assert [layer.shape for layer in spikes.layers] == [(0, size) for size in network.sizes[1:]]
    assert spikes.potential.shape == (0, network.sizes[-1]) and spikes.potential.dtype == np.float64
    assert spikes.fingerprint == fingerprint(network) and spikes.classes().tolist() == []


@pytest.mark.parametrize("top", [1, 255])
def test_of_a_dead_layer_brian2_has_nothing_to_say(top: int, tmp_path: Path) -> None:
    """Units without synapses, in every Brian2 simulation; what Brian2 thinks of an object it says when that goes."""
    shapes = enumerate(((3, 4), (2, 3)))
    populations = tuple(dense(source, np.zeros(shape, np.int32), np.zeros(shape[0])) for source, shape in shapes)
    dead = ThresholdNetwork((1, 2, 2), populations, top)
    frames = frames_for(dead, 0, 5)
    with catch_logs() as said:
        assert not brian2_lif.simulate(dead, frames).layers[-1].any()
        if top == 1:
            brian2_plain.RuntimeSimulation(dead, frames, "numpy", tmp_path).run(5)
        layout = from_threshold_network(dead, clock=True)
        stimulus, steps = stimulus_of(layout, frames)
        for travel in ("buffer", "delays", "rows"):
            brian2_stpu.simulate(layout.network, stimulus, steps, np.arange(2), travel)
        gc.collect()
    assert [line for line in said if "unused" in line[1]] == said == []


def test_lif_stays_exact_after_a_float32_simulation_in_the_same_process() -> None:
    """Brian2's preferences are global: a float32 run of the STPU must not make the LIF network's sums inexact."""
    from random_stpu import network_of
    from random_stpu import stimulus_of as random_stimulus

    rng = np.random.default_rng(0)
    small = network_of(rng, "multiplicative", "float32")
    brian2_stpu.simulate(small, random_stimulus(rng, small), 40, np.arange(small.count))
    test_sums_beyond_float32_stay_exact("brian2-synapses")
