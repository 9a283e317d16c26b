"""The N-hot population code: a layer of spiking units in place of the output layer, trained to fire by class.

Each class has a key, the N units of the layer that should fire for it (Whetstone's N-hot key; Severa et al., 2019). In
training the scores of the classes are the numbers of their units that fire, times a factor, into softmax and
cross-entropy. The layer learns from the spikes of the threshold network's last hidden layer, which stay as they are, so
all readouts of a network share its hidden layers.

Training starts from random weights, as Whetstone's does, or from those of the network's output layer, which has learnt
from far more than the spikes of the training frames alone: this study's choice, see `start_from_output`.
"""

from pathlib import Path

import numpy as np
import torch

from steep.batch_norm import ESTIMATION_FRAMES
from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import DeepNetwork, as_tensor
from steep.recipes import PopulationRecipe
from steep.resume import checkpoint_at, training_key
from steep.settings import torch_settings
from steep.sharpening.activation import CALIBRATION_FRAMES, begin_sharpening, set_sharpness
from steep.sharpening.schedules import Moment, sharpness_at
from steep.training import History, estimate_statistics, fit, prepare_torch

STREAM = 2  # random numbers of its own, see `steep.training`
FULL_SCORE = 10.0  # score of a class whose units all fire
SPREAD = 10.0  # odds that a class's most ready unit fires, over those of the class; its least ready one's, under them


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
    random = np.random.default_rng([seed, STREAM])
    key, used = np.zeros((classes, units), bool), np.zeros(units, np.int64)
    for row in key:
        order = np.lexsort((random.random(units), used))  # least used first, at random among equals
        row[order[:active]] = True
        used += row
    return key


def size_of(weight: torch.Tensor) -> torch.Tensor:
    """Return how large weights are along the last axis, which stays: their standard deviation; one alone has none, and
    its magnitude stands in."""
    return weight.abs() if weight.shape[-1] == 1 else weight.std(dim=-1, keepdim=True)


@torch.no_grad()
def start_from_output(network: DeepNetwork, output: np.ndarray, key: np.ndarray, train: Frames) -> None:
    """Make the units of a class a thermometer of the class's potential.

    Each unit gets the output weights of its class, less the mean over all classes, which decides nothing, as large as
    random initial weights. Its threshold is a quantile of what it then receives: where a share s of the frames is of
    the class, its units fire with odds from s / (1 - s) times `SPREAD` down to s / (1 - s) over `SPREAD`, in equal
    ratios. So the number of units that fire grows with the potential, and few fire for other classes. A unit of several
    classes gets the mean of their weights and the sum of their shares, and stands where it does in the first of them.

    Parameters
    ----------
    network : the layer, with batch normalisation as PyTorch makes it; changed in place.
    output : weights of the output layer, (classes, units of the last hidden layer).
    key : bool (classes, units), see `population_key`.
    train : spikes of the last hidden layer.

    """
    layer, x = network.hidden[0], as_tensor(train.first(ESTIMATION_FRAMES))
    used = key.any(axis=0)
    part = torch.from_numpy(key[:, used].T / key[:, used].sum(axis=0)[:, None])
    weight = (part @ torch.from_numpy(output - output.mean(axis=0))).float()
    own = size_of(weight).clamp_min(torch.finfo().tiny)
    layer.linear.weight[torch.from_numpy(used)] = weight / own * size_of(layer.linear.weight.flatten())
    estimate_statistics(network, x)
    network.eval()

    shares = np.bincount(train.labels, minlength=len(key)) / len(train)
    share = np.minimum((shares[:, None] * key).sum(axis=0), 1.0)
    first, unit = key.argmax(axis=0), np.arange(key.shape[1])
    rank = key.cumsum(axis=1)[first, unit] - 1
    active = key[0].sum()
    odds = SPREAD ** (1 - 2 * rank / (active - 1)) if active > 1 else np.ones(len(unit))
    fires = np.minimum(share * odds / (share * odds + 1 - share), 1.0)  # rounding may bring a share of 1 above it
    received = layer.pre_activation(x).numpy()
    thresholds = [np.quantile(values, 1 - chance) for values, chance in zip(received.T, fires, strict=True)]
    layer.get_parameter("norm.bias").copy_(torch.from_numpy(np.where(used, -np.array(thresholds), 0.0)))


@torch_settings()
def train_population(
    train: Frames,
    validation: Frames,
    recipe: PopulationRecipe,
    seed: int,
    checkpoint: Path | None = None,
    output: np.ndarray | None = None,
) -> tuple[DeepNetwork, list[dict[str, float]]]:
    """Train the layer, its units sharpening as the recipe's schedule says.

    Parameters
    ----------
    train, validation : spikes of the last hidden layer (frames, 1, 1, units), with labels.
    recipe : how.
    seed : of the key, initial weights, dropout and batch order.
    checkpoint : file to go on from after an interruption (see `steep.resume`).
    output : weights of the threshold network's output layer, where the recipe starts from them.

    Returns
    -------
    A network of one layer of steps, whose output weights are the key times a factor; and one row per epoch.

    """
    shuffle = prepare_torch(seed, STREAM)
    spec = {
        "input_shape": list(train.shape),
        "full_scale": train.full_scale,
        "classes": train.classes,
        "layers": [{"kind": "dense", "units": recipe.units}],
        "activation": "sigmoid",
        "batch_normalization": True,
    }
    network = DeepNetwork(spec, recipe.dropout, recipe.input_dropout)
    key = population_key(train.classes, recipe.units, recipe.active, seed)
    begin_sharpening(network, as_tensor(train.first(CALIBRATION_FRAMES)), recipe.surrogate_slope, recipe.shape)
    with torch.no_grad():
        network.output.weight.copy_(torch.from_numpy(key * (FULL_SCORE / recipe.active)))
        network.output.bias.zero_()
    network.output.requires_grad_(False)
    if output is not None:
        start_from_output(network, output, key, train)
    history = History(network, validation, recipe.epochs)

    def sharpness(progress: float) -> tuple[float, ...]:
        return sharpness_at(Moment(progress, recipe.epochs, history.losses), 1, recipe.schedule)

    def after_epoch(epoch: int, loss: float) -> None:
        reached = sharpness(epoch / recipe.epochs)
        set_sharpness(network, reached)
        history.note(epoch, loss, reached[0])

    start = None if output is None else {"output": output}
    identity = training_key("steep.population", seed, recipe.written(), (train, validation), spec, start)
    fit(
        network,
        train,
        recipe.training(),
        shuffle,
        before_batch=lambda progress: set_sharpness(network, sharpness(progress)),
        after_epoch=after_epoch,
        checkpoint=checkpoint_at(checkpoint, identity, (history,)),
    )
    return network, history.rows
