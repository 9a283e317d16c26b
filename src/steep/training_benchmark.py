"""What the study's training costs: an epoch of ordinary and of sharpened training, against plain PyTorch.

The plain loop is what anyone would write: the same architecture as `torch.nn.Sequential`, dropout in the same places,
data in memory as float32, the same optimizer and augmentation, one compute thread, memory kept as by ours
(`steep.training.keep_memory`). The three take turns, each turn in another order and after one that does not count, and
CPU seconds of whole epochs are compared, without what comes before them, so that what else a machine does weighs
little; figures are medians of ratios within a turn.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from steep.architecture import Conv, Dense, MaxPool, dense_reads, layer_shapes, parse_layers, units
from steep.datasets import SOURCES
from steep.encodings import CURRENTS
from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import ACTIVATIONS, DeepNetwork, as_tensor
from steep.recipes import OriginalRecipe, SharpeningRecipe
from steep.sharpening.activation import CALIBRATION_FRAMES, begin_sharpening, set_sharpness
from steep.sharpening.schedules import Moment, sharpness_at
from steep.training import OPTIMIZERS, augment, fit, prepare_torch

KINDS = ("plain", "original", "sharpened")


def plain_network(spec: dict[str, Any], dropout: float, input_dropout: float) -> nn.Sequential:
    """Return the architecture as plain modules; convolutions without padding."""
    modules: list[nn.Module] = [nn.Dropout(input_dropout)] if input_dropout else []
    layers = parse_layers(spec["layers"])
    shapes = layer_shapes(tuple(spec["input_shape"]), layers, spec["classes"])
    normalize = spec["batch_normalization"]
    flat = False
    for number, (layer, shape) in enumerate(zip(layers, shapes, strict=False)):
        dropped = dropout if dense_reads(layers, number) else 0.0
        match layer:
            case Dense(count):
                modules += [] if flat else [nn.Flatten()]
                flat = True
                modules.append(nn.Linear(units(shape), count, bias=not normalize))
                modules += [nn.BatchNorm1d(count)] if normalize else []
            case Conv(filters, kernel, stride):
                modules.append(nn.Conv2d(shape[0], filters, kernel, stride, bias=not normalize))
                modules += [nn.BatchNorm2d(filters)] if normalize else []
            case MaxPool(size):
                modules.append(nn.MaxPool2d(size))
                continue
            case _:
                raise SteepError(f"{layer}: the benchmark has no plain form of it; leave its network out")
        modules.append(ACTIVATIONS[spec["activation"]]())
        modules += [nn.Dropout(dropped)] if dropped else []
    modules += [] if flat else [nn.Flatten()]
    return nn.Sequential(*modules, nn.Linear(units(shapes[-2]), spec["classes"]))


def plain_epochs(network: nn.Sequential, x: Tensor, labels: Tensor, recipe: SharpeningRecipe, seed: int) -> None:
    """Train as plain PyTorch code does, on frames float32 and labels int64."""
    shuffle = prepare_torch(seed, 0)
    optimizer = OPTIMIZERS[recipe.optimizer](network.parameters(), recipe.learning_rate, 0.0)
    network.train()
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(x), generator=shuffle).split(recipe.batch_size)[:-1]:
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                scores = network(augment(x[chosen], shuffle, recipe.augmentation))
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(scores.float(), labels[chosen]).backward()
            optimizer.step()


def benchmark(spec: dict[str, Any], recipe: SharpeningRecipe, frames: Frames, turns: int) -> pd.DataFrame:
    """Measure the three kinds of training in turn.

    Parameters
    ----------
    spec : the network.
    recipe : its schedule must not be the adaptive one.
    frames : training frames.
    turns : how often.

    Returns
    -------
    One row per turn: CPU seconds of ``plain``, ``original``, ``sharpened``, for all epochs.

    """

    def nothing(*_: Any) -> None:
        return None

    x, labels = as_tensor(frames), torch.from_numpy(frames.labels.astype(np.int64))

    def plain() -> float:
        prepare_torch(0, 0)
        network = plain_network(spec, recipe.dropout, recipe.input_dropout)
        return _cpu_seconds(lambda: plain_epochs(network, x, labels, recipe, 0))

    def original() -> float:
        shuffle = prepare_torch(0, 0)
        network = DeepNetwork(spec, recipe.dropout, recipe.input_dropout)
        return _cpu_seconds(lambda: fit(network, frames, recipe, shuffle, nothing, nothing))

    def sharpened() -> float:
        shuffle = prepare_torch(0, 0)
        network = DeepNetwork(spec, recipe.dropout, recipe.input_dropout)
        first = x[:CALIBRATION_FRAMES]
        count = len(begin_sharpening(network, first, recipe.surrogate_slope, recipe.shape, recipe.ceiling))

        def before_batch(progress: float) -> None:
            set_sharpness(network, sharpness_at(Moment(progress), count, recipe.schedule))

        return _cpu_seconds(lambda: fit(network, frames, recipe, shuffle, before_batch, nothing))

    kinds = dict(zip(KINDS, (plain, original, sharpened), strict=True))
    rows = []
    for turn in range(turns + 1):
        first = turn % len(KINDS)
        rows.append({name: kinds[name]() for name in (*KINDS[first:], *KINDS[:first])})
    return pd.DataFrame(rows[1:])


def benchmark_config(config: dict[str, Any], frames: Frames, epochs: int, turns: int) -> pd.DataFrame:
    """Measure every experiment of a config whose networks take such frames.

    Returns
    -------
    One row per network: CPU seconds of an epoch of 10,000 frames of each kind (medians over turns), and the medians of
    the ratios ``plain_to_original`` (frames per second against plain code) and ``sharpened_to_original``.

    """
    rows = []
    for name, entry in config["experiments"].items():
        source = SOURCES[config["datasets"][entry["dataset"]]["source"]]
        currents = config["encodings"][entry["encoding"]]["kind"] in CURRENTS
        if source.shape != frames.shape or currents == frames.are_spikes:
            continue
        parts = config["recipes"][entry["recipe"]]
        original = OriginalRecipe.of(parts["original"])
        recipe = replace(SharpeningRecipe.of(parts["sharpening"]), epochs=epochs)
        spec = {
            "input_shape": list(frames.shape),
            "full_scale": frames.full_scale,
            "classes": frames.classes,
            "layers": config["networks"][entry["network"]]["layers"],
            "activation": original.activation,
            "batch_normalization": original.batch_normalization,
        }
        table = benchmark(spec, recipe, frames, turns)
        scale = 10_000 / len(frames) / epochs
        rows.append(
            {"experiment": name, "precision": recipe.precision}
            | {kind: float(scale * table[kind].median()) for kind in KINDS}
            | {
                "plain_to_original": float((table["plain"] / table["original"]).median()),
                "sharpened_to_original": float((table["sharpened"] / table["original"]).median()),
            }
        )
    return pd.DataFrame(rows)


def _cpu_seconds(run: Callable[[], None]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started
