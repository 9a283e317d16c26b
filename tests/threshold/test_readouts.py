"""Readouts: the winner-take-all is the largest potential, ties and all, in every simulator; codes decode."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_networks import frames_for, threshold_networks

from steep.errors import SteepError
from steep.simulators import load_simulator
from steep.spikes import Spikes
from steep.threshold.network import ConvLink, DenseLink, Population, ThresholdNetwork, conv, dense
from steep.threshold.readouts import attach, decode, key_of, last_hidden, output_weights, winner_take_all, winners


@pytest.mark.parametrize("simulator", ["torch", "brian2-synapses", "stpu"])
@settings(max_examples=25, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
def test_the_winner_has_the_largest_potential(simulator: str, network: ThresholdNetwork, seed: int) -> None:
    """Small integer weights: ties are frequent. Compiled output thresholds are half-integers."""
    output = replace(network.populations[-1], threshold=np.floor(network.populations[-1].threshold) + 0.5)
    network = replace(network, populations=(*network.populations[:-1], output))
    assume(network.sizes[-1] > 1)
    frames = frames_for(network, seed)
    expected = load_simulator("torch")(network, frames).classes()
    whole = load_simulator(simulator)(attach(network, winner_take_all(network)), frames)
    assert np.array_equal(winners(whole), expected)


@pytest.mark.parametrize("simulator", ["torch", "stpu"])
@settings(max_examples=30, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
def test_a_network_cut_before_its_readout_computes_what_it_did_whole(
    simulator: str, network: ThresholdNetwork, seed: int
) -> None:
    assume(len(network.populations) > 1 and network.sizes[-1] > 1)
    frames, circuit = frames_for(network, seed), winner_take_all(network)
    spikes = load_simulator("torch")(network, frames)
    cut = load_simulator(simulator)(circuit, last_hidden(circuit, spikes))
    whole = load_simulator(simulator)(attach(network, circuit), frames)
    assert all(np.array_equal(a, b) for a, b in zip(cut.layers, whole.layers[-2:], strict=True))


def test_ties_go_to_the_lowest_class() -> None:
    weight = np.array([[1, 0], [1, 1], [0, 2]], np.int32)
    circuit = winner_take_all(ThresholdNetwork((1, 1, 2), (dense(0, weight, np.full(3, 0.5)),)))
    frames = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.uint8).reshape(4, 1, 1, 2)
    assert winners(load_simulator("torch")(circuit, frames)).tolist() == [0, 0, 2, 1]


def test_no_winner_or_two_is_an_error() -> None:
    for fired in ([0, 0, 0], [1, 0, 1]):
        spikes = Spikes((np.array([[0, 1, 0], fired], bool),), np.zeros((2, 3)))
        with pytest.raises(SteepError, match=f"{sum(fired)} units fired in frame 1"):
            winners(spikes)


def test_decoding_counts_a_class_s_units() -> None:
    key = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [1, 0, 0, 0, 1]], bool)
    fired = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [1, 0, 0, 0, 1]], bool)
    assert decode(Spikes((fired,), np.zeros((5, 5))), key).tolist() == [0, 1, 0, 1, 2]


def test_a_readout_of_other_size_is_refused() -> None:
    with pytest.raises(SteepError, match="a population code of 5 units, spikes of 3"):
        decode(Spikes((np.ones((2, 3), bool),), np.zeros((2, 3))), np.ones((2, 5), bool))
    circuit = ThresholdNetwork((1, 1, 4), (dense(0, np.ones((2, 4), np.int32), np.full(2, 0.5)),))
    spikes = Spikes((np.zeros((3, 5), bool), np.zeros((3, 2), bool)), np.zeros((3, 2)))
    with pytest.raises(SteepError, match="takes 4 units, the last hidden layer has 5"):
        last_hidden(circuit, spikes)
    with pytest.raises(SteepError, match="no hidden layer"):
        last_hidden(circuit, Spikes(spikes.layers[:1], spikes.potential))


def test_an_output_that_no_readout_can_replace_is_one_line() -> None:
    """It has two links, or one from further back, or a convolution."""
    weight, theta = np.ones((2, 4), np.int32), np.full(2, 0.5)
    first = conv(ConvLink(0, np.ones((1, 1, 1, 1), np.int32)), (1, 2, 2), np.array([0.5]))
    right = ThresholdNetwork((1, 2, 2), (first, dense(1, weight, theta)))
    assert output_weights(right)[0] is weight and output_weights(right)[1].tolist() == [0.5, 0.5]
    circuit = winner_take_all(right)
    for output in (
        Population((2,), (DenseLink(1, weight), DenseLink(0, weight)), theta),
        dense(0, weight, theta),
        conv(ConvLink(1, np.ones((2, 1, 2, 2), np.int32)), (1, 2, 2), theta),
    ):
        network = ThresholdNetwork((1, 2, 2), (first, output))
        for refused in (lambda: winner_take_all(network), lambda: attach(network, circuit)):  # noqa: B023
            with pytest.raises(SteepError, match="does not listen to the population before it alone, by a dense link"):
                refused()


def test_a_readout_with_a_skip_is_attached_as_it_is() -> None:
    """Its links lead to the same populations as before, its input is the last hidden population."""
    skip = Population(
        (2,), (DenseLink(1, np.eye(2, dtype=np.int32)), DenseLink(0, np.eye(2, dtype=np.int32))), np.ones(2)
    )
    circuit = ThresholdNetwork((1, 1, 2), (dense(0, np.eye(2, dtype=np.int32), np.full(2, 0.5)), skip))
    hidden = dense(0, np.array([[1, 1, 0], [0, 0, 1]], np.int32), np.full(2, 0.5))
    whole = attach(ThresholdNetwork((3,), (hidden, dense(1, np.eye(2, dtype=np.int32), np.zeros(2)))), circuit)
    assert [[link.source for link in population.links] for population in whole.populations] == [[0], [1], [2, 1]]
    assert whole.depths == [0, 1, 2, 3]


def test_one_class_has_no_winner() -> None:
    network = ThresholdNetwork((1, 1, 2), (dense(0, np.array([[3, -2]], np.int32), np.array([7.5])),))
    with pytest.raises(SteepError, match="needs two classes or more, the output has 1; use readout potential"):
        winner_take_all(network)


def test_a_key_is_read_from_a_population_code_alone() -> None:
    weight = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert key_of({"output.weight": weight}).tolist() == [[True, False], [False, True]]
    for tensors in ({}, {"output.weight": weight[0]}):
        with pytest.raises(SteepError, match=r"not the tensors of a trained population code; give population"):
            key_of(tensors)
