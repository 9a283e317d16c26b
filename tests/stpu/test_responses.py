"""Responses made of delays are the equations, to within the rounding of a weight."""

import numpy as np
import pytest

from steep.stpu import brian2_stpu, reference
from steep.stpu.network import Stimulus
from steep.stpu.responses import alpha, difference_of_exponentials, response_network

STEPS = np.arange(1, 41)
RESPONSES = {"alpha": alpha(STEPS, 6.0), "difference": difference_of_exponentials(STEPS, 3.0, 10.0)}


def test_the_equations_peak_at_one_where_they_should() -> None:
    fine = np.linspace(0.01, 60, 60001)
    assert alpha(fine, 6.0).max() == pytest.approx(1) and fine[alpha(fine, 6.0).argmax()] == pytest.approx(6, abs=0.01)
    curve = difference_of_exponentials(fine, 3.0, 10.0)
    assert curve.max() == pytest.approx(1) and fine[curve.argmax()] == pytest.approx(30 / 7 * np.log(10 / 3), abs=0.01)


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("simulate", [reference.simulate, brian2_stpu.simulate], ids=["reference", "brian2"])
def test_the_membrane_is_the_response(name: str, simulate) -> None:
    network = response_network(RESPONSES[name], bits=8)
    silent = np.zeros(0, np.int64)
    once = Stimulus(np.array([0]), np.array([0]), silent, silent, np.zeros(0))
    membrane = simulate(network, once, 60, np.array([1])).potential.ravel()
    assert np.abs(membrane[1:41] / 127 - RESPONSES[name]).max() <= 0.5 / 127
    assert not membrane[41:].any()
    # Responses to several spikes add up.
    train = Stimulus(np.array([0, 4, 9]), np.zeros(3, np.int64), silent, silent, np.zeros(0))
    summed = simulate(network, train, 60, np.array([1])).potential.ravel()
    assert np.array_equal(summed, sum(np.concatenate([np.zeros(d), membrane[: 60 - d]]) for d in (0, 4, 9)))


def test_the_target_never_fires_even_if_every_synapse_were_at_its_largest() -> None:
    network = response_network(np.ones(5), 8)
    assert network.weight.tolist() == [127.0] * 5 and network.threshold[1] > 5 * 127
