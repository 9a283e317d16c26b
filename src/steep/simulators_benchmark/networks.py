"""Networks and frames for the benchmark where none are given: seeded, and labelled as generated.

Weights are random integers of 8 bits. A threshold is chosen for each unit (of a convolution: each filter) so that it
fires for `ACTIVE` of the calibration frames, which is about what the paper study's trained networks do; it is a
half-integer, so no sum ever equals it.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from steep.architecture import Conv, Dense, Layer, MaxPool, Shape, layer_shapes, parse_layers
from steep.errors import SteepError
from steep.simulators.torch_threshold import potential
from steep.simulators_benchmark.simulation import Recorded
from steep.simulators_benchmark.torch_modules import modules
from steep.threshold.network import ConvLink, Population, ThresholdNetwork, conv, dense, or_pool

ACTIVE = 0.17
PIXELS_ON = 0.19
LARGEST_WEIGHT = 127
CALIBRATION_FRAMES = 300


def random_frames(count: int, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Return frames uint8 (count, *shape) of which every pixel is 1 with probability `PIXELS_ON`."""
    return (np.random.default_rng(seed).random((count, *shape)) < PIXELS_ON).astype(np.uint8)


def random_network(
    layers: list[dict[str, Any]], input_shape: tuple[int, ...], classes: int, frames: np.ndarray, seed: int = 0
) -> ThresholdNetwork:
    """Return a network of random weights.

    Parameters
    ----------
    layers : hidden layers as in the config; the output layer is dense.
    input_shape : channels, height, width.
    classes : units of the output layer.
    frames : uint8 (frames, *input_shape), the first of which calibrate the thresholds.
    seed : of the weights.

    """
    rng = np.random.default_rng(seed)
    parsed = (*parse_layers(layers), Dense(classes))
    shapes = layer_shapes(input_shape, parsed[:-1], classes)
    populations: list[Population] = []
    x = torch.from_numpy(frames[:CALIBRATION_FRAMES]).to(torch.float64)
    for number, (layer, shape) in enumerate(zip(parsed, shapes, strict=False)):
        drawn = _drawn(rng, layer, number, shape)
        if not isinstance(layer, MaxPool):
            sums = _sums(drawn, x)
            by_unit = np.moveaxis(sums, 1, 0).reshape(sums.shape[1], -1)
            theta = np.floor(np.quantile(by_unit, 1 - ACTIVE, axis=1)) + 0.5
            drawn = replace(drawn, threshold=theta.reshape(drawn.threshold.shape))
        x = torch.from_numpy(_sums(drawn, x) > 0).to(torch.float64)
        populations.append(drawn)
    return ThresholdNetwork(input_shape, tuple(populations))


def _drawn(rng: np.random.Generator, layer: Layer, source: int, shape: Shape) -> Population:
    """Return a layer behind population `source`, of `shape`, with random weights and thresholds of 0."""

    def weight(size: Shape) -> np.ndarray:
        return rng.integers(-LARGEST_WEIGHT, LARGEST_WEIGHT + 1, size, dtype=np.int32)

    match layer:
        case MaxPool(size):
            return or_pool(source, shape, size)
        case Dense(count):
            return dense(source, weight(layer.weight_shape(shape)), np.zeros(count))
        case Conv(filters):
            link = ConvLink(source, weight(layer.weight_shape(shape)), layer.stride, layer.padding(shape))
            return conv(link, shape, np.zeros(filters))
    raise SteepError(f"{layer}: the benchmark has no random weights for it; leave its network out")


@torch.no_grad()
def _sums(population: Population, x: torch.Tensor) -> np.ndarray:
    """Return sum - theta of every unit for float64 spikes `x` (frames, ...) of the population before it."""
    sums: np.ndarray = potential(population, {population.links[0].source: x}).numpy()
    return sums


def expected(network: ThresholdNetwork, frames: np.ndarray, batch: int = 500) -> Recorded:
    """Return what every simulator has to record for frames uint8 (frames, ...): all sums are exact."""
    dtype = torch.float32 if network.float_dtype is np.float32 else torch.float64
    layers: list[list[np.ndarray]] = [[] for _ in network.populations]
    potential, stages = [], modules(network, dtype)
    with torch.no_grad():
        for part in torch.from_numpy(frames).split(batch):
            x = part.to(dtype)
            for module, kept in zip(stages, layers, strict=True):
                current = module(x)
                x = (current > 0.5).to(dtype)
                kept.append((current > 0.5).flatten(1).numpy())
            potential.append(current.flatten(1).to(torch.float64).numpy() - 0.5)
    return Recorded(tuple(np.concatenate(kept) for kept in layers), np.concatenate(potential))
