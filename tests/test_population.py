"""The population code: keys are what was asked for, training ends in spikes that decode."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steep.errors import SteepError
from steep.frames import Frames
from steep.population import population_key, train_population
from steep.simulators import simulator
from steep.threshold.compile import compile_network
from steep.threshold.network import ThresholdNetwork
from steep.threshold.readouts import decode, key_of

RECIPE = {
    **{"units": 20, "active": 4, "shape": "sigmoid", "schedule": {"kind": "uniform", "full_at": 0.5}},
    **{"surrogate_slope": 2, "optimizer": "adam", "learning_rate": 0.01, "batch_size": 20, "epochs": 6},
    **{"dropout": 0.0, "input_dropout": 0.0},
}


@given(classes=st.integers(1, 12), units=st.integers(1, 40), data=st.data(), seed=st.integers(0, 100))
def test_keys(classes: int, units: int, data: st.DataObject, seed: int) -> None:
    active = data.draw(st.integers(1, units))
    key = population_key(classes, units, active, seed)
    assert key.sum(axis=1).tolist() == [active] * classes  # the sparsity that was asked for
    used = key.sum(axis=0)
    assert used.max() - used.min() <= 1
    if classes * active <= units:
        assert used.max() <= 1  # no unit is shared
    assert np.array_equal(key, population_key(classes, units, active, seed))


def test_other_seeds_give_other_keys_and_too_many_active_units_are_refused() -> None:
    assert not np.array_equal(population_key(5, 40, 8, 0), population_key(5, 40, 8, 1))
    with pytest.raises(SteepError, match="active is 9, but there are 8 units"):
        population_key(2, 8, 9, 0)


def test_from_hidden_spikes_to_classes(bars: Frames) -> None:
    spikes = Frames(bars.values.reshape(240, 1, 1, 36), bars.labels, 2, full_scale=1)
    train, validation = spikes.take(slice(200)), spikes.take(slice(200, None))
    network, rows = train_population(train, validation, RECIPE, seed=3)
    key = key_of(network.tensors())
    assert np.array_equal(key, population_key(2, 20, 4, 3))
    assert rows[-1]["sharpness"] == 1 and rows[-1]["validation_accuracy"] > 90
    whole = compile_network(network.tensors(), network.spec, 8)
    readout = ThresholdNetwork(whole.input_shape, whole.layers[:-1])
    classes = decode(simulator("torch")(readout, validation.values), key)
    assert (classes == validation.labels).mean() > 0.9
    again, _ = train_population(train, validation, RECIPE, seed=3)
    assert all(np.array_equal(a, again.tensors()[name]) for name, a in network.tensors().items())
