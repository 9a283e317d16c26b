"""Readouts: how the class of a frame is read from spikes.

``potential``  the class of the largest potential of the output layer, computed outside the network.
``wta``        a spiking winner-take-all: the network itself ends in one spike, that of the winning class.
``spikes``     an N-hot population code (Whetstone, Severa et al., 2019): a layer of units of which each class should
               make N fire; the class whose units fire most, of equals the lowest.

The last two are populations in place of the output. They hang on the spikes of the last hidden layer, the population
before the output, to which the output must listen alone. So they are networks of their own, whose frames are those
spikes: units keep nothing from step to step, and a network cut there computes what it computed whole.

*Winner-take-all.* One comparator for each pair of classes a < b fires when a's potential is at least b's: its weights
are a's minus b's, its threshold is theirs minus 1/2, so that a tie goes to the lower class. A winner unit for each
class is excited by the comparators it wins when they fire and inhibited by those it loses when they fire (the
comparators stand in for lateral inhibition, which would take steps to settle); it fires when it wins all. It is the
largest potential, ties and all, in two steps and still one frame a step. A race, in
which potentials of some thousands count down to the first spike, would take thousands of steps a frame.
"""

from dataclasses import replace
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from steep.errors import SteepError
from steep.spikes import Spikes
from steep.threshold.network import DenseLink, ThresholdNetwork, dense

Readout = Literal["potential", "spikes", "wta"]
READOUTS: tuple[str, ...] = get_args(Readout)


def output_weights(network: ThresholdNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Return weights int32 (classes, units) and thresholds float64 (classes,) of the output; SteepError unless it has
    one link, a dense one from the population before it."""
    output, before = network.populations[-1], len(network.populations) - 1
    match output.links:
        case (DenseLink(source, weight),) if source == before:
            return weight, output.thresholds()
    raise SteepError(
        "the output does not listen to the population before it alone, by a dense link; readouts spikes and wta and "
        "the figure of mistakes need that"
    )


def last_hidden(network: ThresholdNetwork, spikes: Spikes) -> np.ndarray:
    """Return the spikes of the population before the output as frames for a readout, uint8 (frames, 1, 1, units)."""
    if len(spikes.layers) < 2:
        raise SteepError("a network of one layer has no hidden layer for a readout to hang on; use readout potential")
    hidden = spikes.layers[-2]
    if hidden.shape[1] != network.sizes[0]:
        raise SteepError(f"the readout takes {network.sizes[0]} units, the last hidden layer has {hidden.shape[1]}")
    return hidden.astype(np.uint8)[:, None, None]


def winner_take_all(network: ThresholdNetwork) -> ThresholdNetwork:
    """Return the winner-take-all of a network's output: comparators, then winners."""
    output, threshold = output_weights(network)
    classes, inputs = output.shape
    if classes < 2:
        raise SteepError(
            f"a winner-take-all needs two classes or more, the output has {classes}; use readout potential"
        )
    pairs = np.array(list(combinations(range(classes), 2)))
    weight = output[pairs[:, 0]] - output[pairs[:, 1]]
    comparators = dense(0, weight, threshold[pairs[:, 0]] - threshold[pairs[:, 1]] - 0.5, "comparators")
    inhibition = np.zeros((classes, len(pairs)), np.int32)
    inhibition[pairs[:, 0], np.arange(len(pairs))] = 1
    inhibition[pairs[:, 1], np.arange(len(pairs))] = -1
    winners = dense(1, inhibition, classes - 1.5 - np.arange(classes), "winners")
    return ThresholdNetwork((1, 1, inputs), (comparators, winners))


def attach(network: ThresholdNetwork, readout: ThresholdNetwork) -> ThresholdNetwork:
    """Return the whole network with a readout in place of its output."""
    output_weights(network)
    kept = network.populations[:-1]
    hung = [
        replace(population, links=tuple(replace(link, source=link.source + len(kept)) for link in population.links))
        for population in readout.populations
    ]
    return ThresholdNetwork(network.input_shape, (*kept, *hung), network.input_top)


def winners(spikes: Spikes) -> np.ndarray:
    """Return the class of each frame from the spikes of a winner-take-all, int64 (frames,); SteepError unless exactly
    one unit fired."""
    fired = spikes.layers[-1]
    count = fired.sum(axis=1)
    if (count != 1).any():
        frame = int(np.argmax(count != 1))
        raise SteepError(
            f"winner-take-all: {count[frame]} units fired in frame {frame}; this is a bug, please report it"
        )
    classes: np.ndarray = fired.argmax(axis=1)
    return classes


def key_of(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Return the key of a trained population code (`steep.population`), bool (classes, units); SteepError where the
    tensors are of anything else."""
    if tensors.get("output.weight", np.zeros(0)).ndim != 2:
        raise SteepError("these are not the tensors of a trained population code; give population.safetensors")
    key: np.ndarray = tensors["output.weight"] > 0
    return key


def decode(spikes: Spikes, key: np.ndarray) -> np.ndarray:
    """Return the class whose units fired most, of equals the lowest, int64 (frames,); `key` bool (classes, units).

    SteepError where the spikes are of another number of units.
    """
    fired = spikes.layers[-1]
    if fired.shape[1] != key.shape[1]:
        raise SteepError(f"a population code of {key.shape[1]} units, spikes of {fired.shape[1]}; give its own spikes")
    classes: np.ndarray = (fired.astype(np.int64) @ key.astype(np.int64).T).argmax(axis=1)
    return classes
