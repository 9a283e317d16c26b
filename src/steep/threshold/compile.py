"""Compilation: a sharpened network becomes an integer threshold network.

Batch normalisation (Ioffe, Szegedy, 2015) and bias are folded in float64: a unit with weights W, bias b, running mean
mu and variance v, scale gamma, shift beta and step position c fires when g (W x + b - mu) + beta > c with g = gamma /
sqrt(v + eps), that is when (g W) x > c - beta - g (b - mu).

A threshold unit may be scaled by any positive number, so every unit (of a convolution: every filter) gets its own:
the one that brings its largest weight to 2^(bits-1) - 1. Weights are rounded to the nearest integer; a
threshold t becomes floor(t) + 1/2, which an integer sum exceeds exactly when it exceeds t: rounding thresholds changes
no spike. Where frames are currents, of which training saw fractions of full scale, the first layer's thresholds are
multiplied by full scale instead of its inputs being divided by it. The output layer is compared across units and
therefore has one scale; its thresholds are rounded like its weights.
"""

from typing import Any

import numpy as np

from steep.architecture import Dense, MaxPool, layer_shapes, parse_layers
from steep.errors import SteepError
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdLayer, ThresholdNetwork

BATCH_NORM_EPS = 1e-5  # PyTorch's default, which `steep.networks` uses


def fold(tensors: dict[str, np.ndarray], block: str, normalized: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 weights and thresholds of a hidden layer, with batch normalisation, bias and step position
    folded in."""
    weight = tensors[f"{block}.linear.weight"].astype(np.float64)
    centre = np.full(len(weight), float(tensors[f"{block}.activation.centre"]))
    if not normalized:
        return weight, centre - tensors[f"{block}.linear.bias"].astype(np.float64)
    gamma, beta, mean, variance = (
        tensors[f"{block}.norm.{name}"].astype(np.float64) for name in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gamma / np.sqrt(variance + BATCH_NORM_EPS)
    return weight * gain.reshape(-1, *(1,) * (weight.ndim - 1)), centre - beta + gain * mean


def quantize(
    weight: np.ndarray, threshold: np.ndarray, bits: int, per_unit: bool, top: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and round to signed integers of `bits` bits and half-integer thresholds.

    Parameters
    ----------
    weight : float64 (units, ...).
    threshold : float64 (units,).
    bits : 2 to 16; weights lie within +-(2^(bits-1) - 1).
    per_unit : one scale per unit, else one for all.
    top : largest value of an input.

    Returns
    -------
    Weights int32 and thresholds float64. With `per_unit`, thresholds out of any sum's reach, with inputs up to
    `top`, are brought to the edge of it, which changes no spike.

    """
    rows = weight.reshape(len(weight), -1)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    if not per_unit:
        largest = np.full_like(largest, largest.max(initial=0.0))
    scale = np.where(largest > 0, (2 ** (bits - 1) - 1) / np.where(largest > 0, largest, 1.0), 1.0)
    integers = np.rint(rows * scale[:, None])
    thresholds = np.floor(threshold * scale) + 0.5
    if per_unit:
        reach = top * np.abs(integers).sum(axis=1) + 0.5
        thresholds = np.clip(thresholds, -reach, reach)
    return integers.astype(np.int32).reshape(weight.shape), thresholds


def bits_by_layer(spec: dict[str, Any], bits: int | list[int]) -> list[int]:
    """Return the weight bits of every layer that has weights, output layer last; SteepError when there are more or
    fewer."""
    count = 1 + sum(layer["kind"] != "maxpool" for layer in spec["layers"])
    if isinstance(bits, int):
        return [bits] * count
    if len(bits) != count:
        raise SteepError(
            f"weight_bits has {len(bits)} entries for {count} layers with weights (the output layer is one); "
            "write one for each"
        )
    return list(bits)


def compile_network(tensors: dict[str, np.ndarray], spec: dict[str, Any], bits: int | list[int]) -> ThresholdNetwork:
    """Return the integer network of a sharpened network's tensors and specification.

    `bits` are those of the weights, one number for all layers or one for each that has weights, output layer last.
    """
    remaining = iter(bits_by_layer(spec, bits))
    architecture = parse_layers(spec["layers"])
    shapes = layer_shapes(tuple(spec["input_shape"]), architecture, spec["classes"])
    layers: list[ThresholdLayer] = []
    for number, (layer, before) in enumerate(zip(architecture, shapes, strict=False)):
        if isinstance(layer, MaxPool):
            layers.append(OrPoolLayer(layer.size))
            continue
        weight, threshold = fold(tensors, f"blocks.{number}", spec["batch_normalization"])
        top = spec["full_scale"] if number == 0 else 1
        integers = quantize(weight, threshold * top, next(remaining), per_unit=True, top=top)
        if isinstance(layer, Dense):
            layers.append(DenseLayer(*integers))
        else:
            layers.append(ConvLayer(*integers, layer.stride, layer.padding(before)))
    output = tensors["output.weight"].astype(np.float64), -tensors["output.bias"].astype(np.float64)
    layers.append(DenseLayer(*quantize(*output, next(remaining), per_unit=False)))
    return ThresholdNetwork(tuple(spec["input_shape"]), tuple(layers), spec["full_scale"])
