"""Training from an original network on, while its activations become steps."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import DeepNetwork, as_tensor
from steep.recipes import SharpeningRecipe
from steep.resume import checkpoint_at, training_key
from steep.settings import torch_settings
from steep.sharpening.activation import CALIBRATION_FRAMES, begin_sharpening, set_sharpness, sharpened
from steep.sharpening.schedules import Moment, sharpness_at
from steep.training import AFTERWARDS, History, Objective, classification, fit, prepare_torch, restore

RECORDED_FRAMES = 500
# Histogram edges: bins around 0 and 1, where sharpened activations end, and on to 1.5 for an unbounded original.
EDGES = np.linspace(-0.01, 1.51, 77)
# What is counted: the first and the last bin hold what lies beyond the edges too.
BINS = np.array([-np.inf, *EDGES[1:-1], np.inf])


class Recorder:
    """Histograms of every hidden layer's activations, epoch by epoch: what the figure of converging activations
    shows."""

    def __init__(self, network: DeepNetwork, x: Tensor) -> None:
        """Watch `network` on frames `x`."""
        self.network, self.x = network, x
        self.histograms: list[list[np.ndarray]] = []
        self.sharpness: list[tuple[float, ...]] = []

    def record(self, activations: list[Tensor], sharpness: tuple[float, ...]) -> None:
        """Keep the histograms of one moment; values beyond the edges count in the first and the last bin."""
        self.histograms.append([np.histogram(a.numpy(), BINS)[0] for a in activations])
        self.sharpness.append(sharpness)

    def state(self) -> dict[str, np.ndarray]:
        """Return what was recorded, for a checkpoint."""
        return {"recorded.histograms": np.array(self.histograms), "recorded.sharpness": np.array(self.sharpness)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what an interrupted run had recorded."""
        histograms, sharpness = list(state["recorded.histograms"]), list(state["recorded.sharpness"])
        self.histograms, self.sharpness = histograms, sharpness

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what was recorded, as arrays for an NPZ (see `sharpen`)."""
        layers = [sharpened(layer) for layer in self.network.hidden]
        return {
            "histogram": np.array(self.histograms),
            "edges": EDGES,
            "sharpness": np.array(self.sharpness),
            "centre": np.array([float(layer.centre) for layer in layers]),
            "slope": np.array([float(layer.slope) for layer in layers]),
            "shape": np.array(layers[0].shape),
        }


def distillation(teacher: DeepNetwork, weight: float, temperature: float) -> Objective:
    """Return an objective for `fit`: besides the labels, what another network makes of the same frames.

    With t the teacher's scores, s those of the network that learns, and T the temperature (Hinton, Vinyals, Dean,
    2015, equation 4):

        (1 - weight) * cross-entropy(labels, s) + weight * T^2 * KL(softmax(t / T) || softmax(s / T))

    Parameters
    ----------
    teacher : in evaluation mode; not changed.
    weight : 0 to 1.
    temperature : more than 0.

    """

    def objective(x: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            target = functional.softmax(teacher(x).float() / temperature, 1)
        apart = functional.kl_div(functional.log_softmax(scores / temperature, 1), target, reduction="batchmean")
        return (1 - weight) * classification(x, scores, labels) + weight * temperature**2 * apart

    return objective


@torch_settings()
def sharpen(
    tensors: dict[str, np.ndarray],
    spec: dict[str, Any],
    recipe: SharpeningRecipe,
    train: Frames,
    validation: Frames,
    seed: int,
    checkpoint: Path | None = None,
    teacher: dict[str, np.ndarray] | None = None,
) -> tuple[DeepNetwork, list[dict[str, float]], dict[str, np.ndarray]]:
    """Train on from an original network until its units are steps, and beyond.

    Parameters
    ----------
    tensors, spec : the original network.
    recipe : how.
    train, validation : frames; the validation frames are only measured, never learnt.
    seed : of dropout and batch order.
    checkpoint : file to go on from after an interruption (see `steep.resume`).
    teacher : the network that the recipe's ``distillation`` names, of the same specification; None without one.

    Returns
    -------
    The network at sharpness 1; one row per epoch (epoch 0 is the original network); and the recorded activations:
    ``histogram`` int64 (epochs + 1, layers, bins), ``edges`` (bins + 1,), ``sharpness`` (epochs + 1, layers),
    ``centre`` and ``slope`` (layers,), float64, ``shape`` a string.

    Raises
    ------
    SteepError
        when there is a teacher without ``distillation`` or the other way round.

    """
    taught = recipe.distillation
    if (taught is None) != (teacher is None):
        raise SteepError(
            "sharpening: a teacher and the recipe's distillation go together; give both (--teacher) or neither"
        )
    shuffle = prepare_torch(seed, AFTERWARDS)
    network = restore(tensors, spec, recipe)
    history = History(network, validation, recipe.epochs)
    history.note(0, math.nan, 0.0)

    recorder = Recorder(network, history.x[:RECORDED_FRAMES])
    original = network.activations(recorder.x)
    scales = begin_sharpening(
        network,
        as_tensor(train.first(CALIBRATION_FRAMES)),
        recipe.surrogate_slope,
        recipe.shape,
        recipe.ceiling,
    )
    recorder.record(
        [(a - offset) / scale for a, (scale, offset) in zip(original, scales, strict=True)], (0.0,) * len(scales)
    )

    def sharpness(progress: float) -> tuple[float, ...]:
        return sharpness_at(Moment(progress, recipe.epochs, history.losses), len(scales), recipe.schedule)

    def after_epoch(epoch: int, loss: float) -> None:
        # An epoch ends at the sharpness with which the next one begins; the last one ends as steps.
        reached = sharpness(epoch / recipe.epochs)
        set_sharpness(network, reached)
        recorder.record(network.activations(recorder.x), reached)
        history.note(epoch, loss, float(np.mean(reached)))

    objective: Objective = classification
    learnt_from = tensors
    if taught is not None and teacher is not None:
        objective = distillation(restore(teacher, spec, recipe).eval(), taught.weight, taught.temperature)
        learnt_from = tensors | {f"teacher.{name}": array for name, array in teacher.items()}
    key = training_key("steep.sharpening.training", seed, recipe.written(), (train, validation), spec, learnt_from)
    fit(
        network,
        train,
        recipe,
        shuffle,
        before_batch=lambda progress: set_sharpness(network, sharpness(progress)),
        after_epoch=after_epoch,
        checkpoint=checkpoint_at(checkpoint, key, (history, recorder)),
        objective=objective,
    )
    return network, history.rows, recorder.arrays()
