"""The N-hot population code: a layer of spiking units in place of the output layer, trained to fire by class.

Each class has a key, the N units of the layer that should fire for it (Whetstone's N-hot key; Severa et al., 2019). In
training the scores of the classes are the numbers of their units that fire, times a factor, into softmax and
cross-entropy. The layer learns from the spikes of the deployed network's last hidden layer, which stay as they are, so
all readouts of a network share its hidden layers.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import DeepNetwork, as_tensor
from steep.resume import Checkpoint, training_key
from steep.sharpening.activation import CALIBRATION_FRAMES, begin_sharpening, set_sharpness
from steep.sharpening.schedules import Moment, sharpness_at
from steep.training import History, fit, prepare_torch

STAGE = 2  # random numbers of its own, see `steep.training`
FULL_SCORE = 10.0  # score of a class whose units all fire


def population_key(classes: int, units: int, active: int, seed: int) -> np.ndarray:
    """Return which units each class should make fire, bool (classes, units).

    Every class has exactly `active` units, drawn at random; no unit is used by two more classes than another, and two
    classes share units only where `classes * active` exceeds `units`.

    Raises
    ------
    SteepError
        when there are fewer units than active ones.

    """
    if active > units:
        raise SteepError(f"population: active is {active}, but there are {units} units; write at most as many")
    random = np.random.default_rng([seed, STAGE])
    key, used = np.zeros((classes, units), bool), np.zeros(units, np.int64)
    for row in key:
        order = np.lexsort((random.random(units), used))  # least used first, at random among equals
        row[order[:active]] = True
        used += row
    return key


def train_population(
    train: Frames, validation: Frames, recipe: dict[str, Any], seed: int, checkpoint: Path | None = None
) -> tuple[DeepNetwork, list[dict]]:
    """Train the layer from scratch, its units sharpening as the recipe's schedule says.

    Parameters
    ----------
    train, validation : spikes of the last hidden layer (frames, 1, 1, units), with labels.
    recipe : the config's ``population`` recipe.
    seed : of the key, initial weights, dropout and batch order.
    checkpoint : file to go on from after an interruption (see `steep.resume`).

    Returns
    -------
    A network of one layer of steps, whose output weights are the key times a factor; and one row per epoch.

    """
    shuffle = prepare_torch(seed, STAGE)
    spec = {
        **{"input_shape": list(train.shape), "full_scale": train.full_scale, "classes": train.classes},
        **{"layers": [{"kind": "dense", "units": recipe["units"]}]},
        **{"activation": "sigmoid", "batch_normalization": True},
    }
    network = DeepNetwork(spec, recipe["dropout"], recipe["input_dropout"])
    key = population_key(train.classes, recipe["units"], recipe["active"], seed)
    begin_sharpening(network, as_tensor(train.first(CALIBRATION_FRAMES)), recipe["surrogate_slope"], recipe["shape"])
    with torch.no_grad():
        network.output.weight.copy_(torch.from_numpy(key * (FULL_SCORE / recipe["active"])))
        network.output.bias.zero_()
    network.output.requires_grad_(False)
    history = History(network, validation, recipe["epochs"])

    def sharpness(progress: float) -> tuple[float, ...]:
        return sharpness_at(Moment(progress, recipe["epochs"], history.losses), 1, recipe["schedule"])

    def after_epoch(epoch: int, loss: float) -> None:
        reached = sharpness(epoch / recipe["epochs"])
        set_sharpness(network, reached)
        history.note(epoch, loss, reached[0])

    identity = training_key("steep.population", seed, recipe, (train, validation), spec)
    fit(
        network,
        train,
        recipe,
        shuffle,
        before_batch=lambda progress: set_sharpness(network, sharpness(progress)),
        after_epoch=after_epoch,
        checkpoint=checkpoint and Checkpoint(checkpoint, identity, (history,)),
    )
    return network, history.rows
