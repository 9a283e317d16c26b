"""The population code: keys are what was asked for, training ends in spikes that decode."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import DeepNetwork, as_tensor
from steep.population import SPREAD, population_key, start_from_output, train_population
from steep.recipes import PopulationRecipe, Uniform
from steep.simulators import load_simulator
from steep.threshold.compile import compile_network
from steep.threshold.network import ThresholdNetwork
from steep.threshold.readouts import decode, key_of

RECIPE = PopulationRecipe(
    units=20,
    active=4,
    weight_bits=8,
    shape="sigmoid",
    schedule=Uniform(full_at=0.5),
    surrogate_slope=2.0,
    optimizer="adam",
    learning_rate=0.01,
    batch_size=20,
    epochs=6,
    dropout=0.0,
    input_dropout=0.0,
)


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


def random_spikes(frames: int, classes: int) -> tuple[Frames, np.ndarray]:
    """Return spikes whose class is the largest potential of a random output layer, and its weights."""
    random = np.random.default_rng(frames)
    values = (random.random((frames, 1, 1, 60)) < 0.3).astype(np.uint8)
    output = random.integers(-127, 128, (classes, 60)).astype(np.int32)
    labels = (values.reshape(frames, -1) @ output.T).argmax(axis=1).astype(np.uint8)
    return Frames(values, labels, classes, full_scale=1), output


def layer_of(frames: Frames, units: int) -> DeepNetwork:
    spec = {
        "input_shape": list(frames.shape),
        "full_scale": 1,
        "classes": frames.classes,
        "activation": "sigmoid",
        "layers": [{"kind": "dense", "units": units}],
        "batch_normalization": True,
    }
    torch.manual_seed(0)
    return DeepNetwork(spec)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_start_is_a_thermometer_of_the_output_potential(classes: int) -> None:
    frames, output = random_spikes(800, classes)
    key = population_key(classes, 20 * classes, 20, seed=0)
    network = layer_of(frames, 20 * classes)
    start_from_output(network, output, key, frames)
    network.eval()
    fired = network.blocks[0].pre_activation(as_tensor(frames)).detach().numpy() > 0
    potential = frames.values.reshape(800, -1) @ (output - output.mean(axis=0)).T
    counts = fired @ key.T.astype(int)
    for c in range(classes):
        for unit in np.flatnonzero(key[c]):  # it fires above a level of the potential; equal ones differ in rounding
            assert potential[fired[:, unit], c].min() > potential[~fired[:, unit], c].max() - 1e-3
        share = (frames.labels == c).mean()
        odds = share / (1 - share) * SPREAD ** np.linspace(1, -1, 20)
        assert fired[:, key[c]].mean(axis=0) == pytest.approx(odds / (1 + odds), abs=2 / 800)
    assert (counts.argmax(axis=1) == frames.labels).mean() > 0.8  # untrained


def test_a_single_unit_of_a_class_fires_as_often_as_the_class_is_there() -> None:
    frames, output = random_spikes(800, 4)
    key = population_key(4, 4, 1, seed=0)
    network = layer_of(frames, 4)
    start_from_output(network, output, key, frames)
    network.eval()
    fired = network.blocks[0].pre_activation(as_tensor(frames)).detach().numpy() > 0
    shares = np.bincount(frames.labels, minlength=4) / 800
    assert (fired @ key.T.astype(int)).mean(axis=0) == pytest.approx(shares, abs=2 / 800)


def test_the_start_takes_shared_and_idle_units() -> None:
    """Fewer units than keys need, more units than they need, output weights that tell nothing: no number is lost."""
    frames, output = random_spikes(400, 4)
    for units, weights in ((12, output), (30, output), (12, np.zeros_like(output))):
        key = population_key(4, units, 6, seed=1)
        network = layer_of(frames, units)
        before = network.blocks[0].linear.weight.detach().numpy().copy()
        start_from_output(network, weights, key, frames)
        tensors = network.tensors()
        assert all(np.isfinite(array).all() for array in tensors.values())
        idle = ~key.any(axis=0)
        assert np.array_equal(tensors["blocks.0.linear.weight"][idle], before[idle])
        assert (tensors["blocks.0.norm.bias"][idle] == 0).all()


@pytest.mark.parametrize("units", [1, 4])
def test_the_start_takes_a_single_hidden_unit(units: int) -> None:
    """One weight has no standard deviation; the units of the class that it excites fire with it."""
    values = np.random.default_rng(2).integers(0, 2, (200, 1, 1, 1)).astype(np.uint8)
    frames = Frames(values, values.ravel(), 2, full_scale=1)
    output = np.array([[-3], [3]], np.int32)
    network = layer_of(frames, units)
    start_from_output(network, output, population_key(2, units, 1, 0), frames)
    assert all(np.isfinite(array).all() for array in network.tensors().values())
    recipe = replace(RECIPE, units=units, active=1, epochs=1, learning_rate=1e-3)
    _, rows = train_population(frames, frames, recipe, 0, None, output)
    assert np.isfinite(rows[-1]["train_loss"])
    assert rows[-1]["validation_accuracy"] == (100 if units > 1 else pytest.approx(50, abs=10))


def test_units_of_every_class_may_always_fire() -> None:
    """All classes share all units: of a share of 1, (o + 1) - 1 is less than o for some of their odds o."""
    frames, output = random_spikes(200, 2)
    frames = replace(frames, labels=(np.arange(200) % 2).astype(np.uint8))
    network = layer_of(frames, 30)
    start_from_output(network, output, population_key(2, 30, 30, 0), frames)
    assert all(np.isfinite(array).all() for array in network.tensors().values())


def test_one_frame_is_too_few_for_batch_normalisation(bars: Frames) -> None:
    one = Frames(bars.values[:1].reshape(1, 1, 1, 36), bars.labels[:1], 2, full_scale=1)
    with pytest.raises(SteepError, match="batch normalisation needs 2 training frames or more, there is 1"):
        train_population(one, one, RECIPE, 0, None, np.ones((2, 36), np.int32))


def test_training_from_the_output_layer_keeps_what_it_knows() -> None:
    """More is right after a single gentle epoch than a random start gets to."""
    frames, output = random_spikes(1200, 5)
    train, validation = frames.take(slice(1000)), frames.take(slice(1000, None))
    recipe = replace(RECIPE, units=100, active=20, optimizer="rmsprop", learning_rate=1e-4, epochs=1)
    right = {
        name: train_population(train, validation, recipe, 3, None, start)[1][-1]["validation_accuracy"]
        for name, start in (("random", None), ("output", output))
    }
    assert right["output"] > 85 and right["output"] > right["random"] + 20


def test_from_hidden_spikes_to_classes(bars: Frames) -> None:
    spikes = Frames(bars.values.reshape(240, 1, 1, 36), bars.labels, 2, full_scale=1)
    train, validation = spikes.take(slice(200)), spikes.take(slice(200, None))
    network, rows = train_population(train, validation, RECIPE, seed=3)
    key = key_of(network.tensors())
    assert np.array_equal(key, population_key(2, 20, 4, 3))
    assert rows[-1]["sharpness"] == 1 and rows[-1]["validation_accuracy"] > 90
    whole = compile_network(network.tensors(), network.spec, 8)
    readout = ThresholdNetwork(whole.input_shape, whole.populations[:-1])
    classes = decode(load_simulator("torch")(readout, validation.values), key)
    assert (classes == validation.labels).mean() > 0.9
    again, _ = train_population(train, validation, RECIPE, seed=3)
    assert all(np.array_equal(a, again.tensors()[name]) for name, a in network.tensors().items())
