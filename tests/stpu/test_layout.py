"""Networks on the STPU: the same spikes as the threshold network, silence without frames, balanced skips, timing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import evaluate_plainly, frames_for, threshold_networks

from steep.stpu import brian2_stpu, reference
from steep.stpu.layout import Timing, from_threshold_network, raise_thresholds, timing
from steep.stpu.network import Stimulus
from steep.stpu.sweeps import classify, stimulus_of
from steep.threshold.network import DenseLink, Population, ThresholdNetwork, dense


@settings(max_examples=80, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000), spacing=st.integers(1, 3), clock=st.booleans())
def test_every_population_fires_as_the_threshold_network(
    network: ThresholdNetwork, seed: int, spacing: int, clock: bool
) -> None:
    frames = frames_for(network, seed, 6)
    layout = from_threshold_network(network, clock=clock)
    stimulus, steps = stimulus_of(layout, frames, spacing)
    found = reference.simulate(layout.network, stimulus, steps, layout.outputs)
    raster = found.raster(steps, layout.network.count)
    for number, frame in enumerate(frames):
        fired, potential = evaluate_plainly(network, frame)
        for population, expected in enumerate(fired, 1):
            at = number * spacing + network.depths[population]
            assert np.array_equal(raster[at, layout.neurons(population)], expected)
        at = number * spacing + network.depths[-1]
        assert np.array_equal(2 * (found.potential[at] - layout.network.threshold[layout.outputs]), potential)


@settings(max_examples=60, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
def test_with_the_clock_nothing_fires_without_a_frame(network: ThresholdNetwork, seed: int) -> None:
    layout = from_threshold_network(network, clock=True)
    assert (layout.network.threshold[layout.first[1] :] >= 0).all()
    injected = sum(np.count_nonzero(injection.lift) for injection in layout.injections)
    assert (layout.clock is None) == (layout.spontaneous == injected)
    assert np.array_equal(layout.network.weight, np.rint(layout.network.weight))
    empty = np.zeros(0, np.int64)
    quiet = Stimulus(empty, empty, empty, empty, np.zeros(0))
    assert len(reference.simulate(layout.network, quiet, 9, empty).step) == 0
    without = from_threshold_network(network)
    spontaneous = sum(int((theta < 0).sum()) for _, theta in network.connections())
    assert without.spontaneous == layout.spontaneous == spontaneous


def test_currents_are_injected_and_take_no_neurons() -> None:
    """Worked out by hand: 3 * 200 - 1 * 100 and 2 * 200 + 0 * 100 arrive one step after the frame; the second unit's
    threshold of -0.5 is lifted to 0.5 by 1 for every frame."""
    network = ThresholdNetwork(
        (1, 1, 2),
        (
            dense(0, np.array([[3, -1], [2, 0]], np.int32), np.array([499.5, -0.5])),
            dense(1, np.ones((1, 2), np.int32), np.array([1.5])),
        ),
        input_top=255,
    )
    layout = from_threshold_network(network, clock=True)
    assert layout.network.count == 3 and layout.clock is None and layout.spontaneous == 1
    frames = np.array([[200, 100], [0, 0], [200, 101]], np.uint8)
    stimulus, steps = stimulus_of(layout, frames, spacing=2)
    assert stimulus.injected_step.tolist() == [1, 1, 3, 3, 5, 5]
    assert stimulus.injected.tolist() == [500, 401, 0, 1, 499, 401]
    for simulate in (reference.simulate, brian2_stpu.simulate):
        found = simulate(layout.network, stimulus, steps, np.array([2]))
        assert found.step[found.neuron == 0].tolist() == [1]  # 499 does not exceed 499.5
        assert found.step[found.neuron == 1].tolist() == [1, 3, 5]
        assert found.step[found.neuron == 2].tolist() == [2]


def test_links_that_skip_populations_are_balanced_by_delays() -> None:
    """Input -> A -> B and input -> B, A = "both", B = "one but not both": exclusive or, which a single layer cannot
    say."""
    both, veto = np.ones((1, 2), np.int32), np.array([[-2]], np.int32)
    output = Population((1,), (DenseLink(0, both), DenseLink(1, veto)), np.array([0.5]))
    layout = from_threshold_network(ThresholdNetwork((2,), (dense(0, both, np.array([1.5])), output)))
    assert layout.depth.tolist() == [0, 1, 2]
    assert layout.network.delay.tolist() == [1, 1, 2, 2, 1]
    frames = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1], [1, 0]], np.uint8)
    stimulus, steps = stimulus_of(layout, frames)
    for simulate in (reference.simulate, brian2_stpu.simulate):
        found = simulate(layout.network, stimulus, steps, np.array([3]))
        assert (found.step[found.neuron == 3] - 2).tolist() == [1, 2, 5]


def test_currents_are_injected_at_every_depth_that_they_reach() -> None:
    """By hand: A fires over 9, B adds its 100 to the current itself, one step later; the unit of C, which only spikes
    reach, is lifted by the clock, that of B by what is injected."""
    unit = np.array([[1]], np.int32)
    populations = (
        dense(0, unit, np.array([9.5])),
        Population((1,), (DenseLink(0, -unit), DenseLink(0, 2 * unit), DenseLink(1, 100 * unit)), np.array([-0.5])),
        dense(2, -unit, np.array([-0.5])),
    )
    layout = from_threshold_network(ThresholdNetwork((1,), populations, 255), clock=True)
    assert [injection.population for injection in layout.injections] == [1, 2]
    assert [injection.lift.tolist() for injection in layout.injections] == [[0.0], [1.0]]
    assert layout.network.count == 4 and layout.clock == 3 and layout.spontaneous == 2
    frames = np.array([[5], [10], [0]], np.uint8)
    stimulus, steps = stimulus_of(layout, frames)
    assert stimulus.injected_step.tolist() == [1, 2, 3, 2, 3, 4]
    assert stimulus.injected.tolist() == [5, 10, 0, 6, 11, 1]
    for simulate in (reference.simulate, brian2_stpu.simulate):
        found = simulate(layout.network, stimulus, steps, np.array([0, 1, 2]))
        assert found.potential[:, 1].tolist() == [0, 0, 6, 111, 1, 0]
        assert found.step[found.neuron == 0].tolist() == [2]
        assert found.step[found.neuron == 1].tolist() == [2, 3, 4]
        assert not (found.neuron == 2).any()


def test_timing() -> None:
    """A population that is deeper than the output has to have done before the next frame enters alone."""
    layers = [dense(source, np.ones((2, 2), np.int32), np.full(2, 0.5)) for source in range(3)]
    layout = from_threshold_network(ThresholdNetwork((1, 1, 2), tuple(layers)))
    assert timing(layout) == Timing(latency=3, pipelined=1, sequential=4)
    output = dense(1, np.ones((2, 2), np.int32), np.full(2, 0.5))
    layout = from_threshold_network(ThresholdNetwork((1, 1, 2), (*layers, output)))
    assert timing(layout) == Timing(latency=2, pipelined=1, sequential=4)


def test_leak_lets_frames_disturb_each_other_until_they_are_far_enough_apart() -> None:
    """One unit per class copies its input pixel. A strong frame leaves half of itself behind, which beats a weak next
    one."""
    network = ThresholdNetwork((1, 1, 2), (dense(0, np.array([[3, 0], [0, 1]], np.int32), np.array([9.5, 9.5])),))
    frames = np.array([[1, 0], [0, 1]], np.uint8).reshape(2, 1, 1, 2)
    assert classify(from_threshold_network(network), frames).tolist() == [0, 1]
    half = from_threshold_network(network, leak=0.5)
    assert classify(half, frames, spacing=1).tolist() == [0, 0]
    assert classify(half, frames, spacing=2).tolist() == [0, 1]


def test_thresholds_below_0_are_raised_by_whole_numbers_to_just_above_it() -> None:
    given = np.array([-3.0, -1.0, -0.5, -2.5, 0.0, 0.5, 2.0])
    assert raise_thresholds(given).tolist() == [1.0, 1.0, 0.5, 0.5, 0.0, 0.5, 2.0]


def test_without_the_clock_thresholds_stay_as_they_are_for_currents_too() -> None:
    network = ThresholdNetwork((1, 1, 2), (dense(0, np.array([[1, 2]], np.int32), np.array([-1.5])),), 255)
    plain, lifted = (from_threshold_network(network, clock=clock) for clock in (False, True))
    assert plain.network.threshold.tolist() == [-1.5] and plain.injections[0].lift.tolist() == [0.0]
    assert lifted.network.threshold.tolist() == [0.5] and lifted.injections[0].lift.tolist() == [2.0]
