"""Compilation: a sharpened network becomes an integer threshold network.

Batch normalisation (Ioffe, Szegedy, 2015) and bias are folded in float64: a unit with weights W, bias b, running mean
mu and variance v, scale gamma, shift beta and step position c fires when g (W x + b - mu) + beta > c with g = gamma /
sqrt(v + eps), that is when (g W) x > c - beta - g (b - mu). What stands around a padded image of hidden units is not
silence where the original activation's 0 is not (see `steep.sharpening.starts`): a constant p, so that a unit at the
border whose window has weights Q outside the image gets a threshold less by p sum(g Q).

A threshold unit may be scaled by any positive number, so every unit (of a convolution: every filter) gets its own:
the one that brings its largest weight to 2^(bits-1) - 1. Weights are rounded to the nearest integer; a
threshold t becomes floor(t) + 1/2, which an integer sum exceeds exactly when it exceeds t: rounding thresholds changes
no spike. Where frames are currents, of which training saw fractions of full scale, the first layer's thresholds are
multiplied by full scale instead of its inputs being divided by it. The output layer is compared across units and
therefore has one scale; its thresholds are rounded like its weights.
"""

from typing import Any, assert_never

import numpy as np

from steep.architecture import BATCH_NORM_EPS, Conv, Dense, Pair, Shape, Weighted, layer_shapes, parse_layers, units
from steep.errors import SteepError
from steep.sharpening.starts import padding_value
from steep.threshold.network import ConvLink, Population, ThresholdNetwork, conv, dense, or_pool

NORM = ("weight", "bias", "running_mean", "running_var")


def tensor_shapes(spec: dict[str, Any]) -> dict[str, Shape]:
    """Return the shape of every tensor that a sharpened network of this specification may have, by name."""
    architecture = parse_layers(spec["layers"])
    shapes = layer_shapes(tuple(spec["input_shape"]), architecture, spec["classes"])
    found: dict[str, Shape] = {}
    for number, (layer, before) in enumerate(zip(architecture, shapes, strict=False)):
        if not isinstance(layer, Weighted):
            continue
        weight = layer.weight_shape(before)
        found |= {f"blocks.{number}.linear.weight": weight, f"blocks.{number}.linear.bias": weight[:1]}
        if spec["batch_normalization"]:
            found |= {f"blocks.{number}.norm.{name}": weight[:1] for name in NORM}
            found[f"blocks.{number}.norm.num_batches_tracked"] = ()
        found |= {f"blocks.{number}.activation.{name}": () for name in ("centre", "slope", "sharpness")}
    return found | {"output.weight": (spec["classes"], units(shapes[-2])), "output.bias": (spec["classes"],)}


def check_tensors(tensors: dict[str, np.ndarray], spec: dict[str, Any]) -> None:
    """Refuse tensors of which compilation would leave one unread, miss one or read one that is something else.

    Raises
    ------
    SteepError
        when one is missing, unknown, of another shape or not finite, or a unit is no step yet.

    """
    known = tensor_shapes(spec)
    # A layer that is normalised has a shift of its own; a bias beside it is allowed.
    optional = {name for name in known if name.endswith(".linear.bias") and spec["batch_normalization"]}
    for name in [*known, *tensors]:
        if name not in known:
            raise SteepError(f"tensor {name} is unknown: the network is not what its specification says")
        if name not in tensors:
            if name in optional:
                continue
            raise SteepError(f"tensor {name} is missing: the network is not sharpened, or of an earlier version")
        if tensors[name].shape != known[name]:
            raise SteepError(f"tensor {name} has shape {tensors[name].shape}, its specification says {known[name]}")
        lowest = 0 if name.endswith(".running_var") else -np.inf
        if not (np.isfinite(tensors[name]) & (tensors[name] >= lowest)).all():
            raise SteepError(f"tensor {name} holds what is no number or no variance; write a smaller learning_rate")
        if name.endswith(".activation.sharpness") and tensors[name] < 1:
            raise SteepError(f"{name} is {tensors[name]:g}, not 1; only steps are compiled: sharpen it to the end")


def fold(tensors: dict[str, np.ndarray], block: str, normalized: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 weights and thresholds of a hidden layer, with batch normalisation, bias (where there is one) and
    step position folded in."""
    weight = tensors[f"{block}.linear.weight"].astype(np.float64)
    centre = np.full(len(weight), float(tensors[f"{block}.activation.centre"]))
    bias = tensors.get(f"{block}.linear.bias", np.zeros(len(weight)))
    if not normalized:
        return weight, centre - bias
    gamma, beta, mean, variance = (tensors[f"{block}.norm.{name}"].astype(np.float64) for name in NORM)
    gain = gamma / np.sqrt(variance + BATCH_NORM_EPS)
    return weight * gain.reshape(-1, *(1,) * (weight.ndim - 1)), centre - beta + gain * (mean - bias)


def outside(weight: np.ndarray, sides: Shape, stride: Pair, padding: tuple[Pair, Pair]) -> np.ndarray:
    """Return the sum of the weights of each window that lie outside the image.

    Parameters
    ----------
    weight : float64 (filters, channels, height, width).
    sides : height and width of the image.
    stride, padding : as of `ConvLink`.

    Returns
    -------
    Float64 (filters, height, width) of the convolution's output.

    """
    around = np.pad(np.zeros(sides), padding, constant_values=1.0)
    windows = np.lib.stride_tricks.sliding_window_view(around, weight.shape[2:])[:: stride[0], :: stride[1]]
    sums: np.ndarray = np.einsum("hwij,fij->fhw", windows, weight.sum(axis=1))
    return sums


def border_thresholds(weight: np.ndarray, threshold: np.ndarray, layer: Conv, shape: Shape, value: float) -> np.ndarray:
    """Return the thresholds of a convolution's units with `value` around its input of `shape`: as they are, (filters,),
    where nothing but silence is around it, else (filters, height, width)."""
    padding = layer.padding(shape)
    if not value or not np.any(padding):
        return threshold
    return threshold[:, None, None] - value * outside(weight, shape[1:], layer.stride, padding)


def quantize(
    weight: np.ndarray, threshold: np.ndarray, bits: int, per_unit: bool, top: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and round to signed integers of `bits` bits and half-integer thresholds.

    Parameters
    ----------
    weight : float64 (units, ...).
    threshold : float64 (units,), or (units, ...) where one unit is met in several places (a filter).
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
    places = (-1, *(1,) * (threshold.ndim - 1))
    thresholds = np.floor(threshold * scale.reshape(places)) + 0.5
    if per_unit:
        reach = (top * np.abs(integers).sum(axis=1) + 0.5).reshape(places)
        thresholds = np.clip(thresholds, -reach, reach)
    return integers.astype(np.int32).reshape(weight.shape), thresholds


def bits_by_layer(spec: dict[str, Any], bits: int | list[int]) -> list[int]:
    """Return the weight bits of every layer that has weights, output layer last; SteepError when there are more or
    fewer."""
    count = 1 + sum(isinstance(layer, Weighted) for layer in parse_layers(spec["layers"]))
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
    SteepError when the tensors are not those of a sharpened network of this specification.
    """
    check_tensors(tensors, spec)
    remaining = iter(bits_by_layer(spec, bits))
    architecture = parse_layers(spec["layers"])
    shapes = layer_shapes(tuple(spec["input_shape"]), architecture, spec["classes"])
    populations: list[Population] = []
    around = 0.0  # what stands around an image: frames have silence
    for number, (layer, before) in enumerate(zip(architecture, shapes, strict=False)):
        if not isinstance(layer, Weighted):
            if spec["full_scale"] > 1 and number == 0:
                raise SteepError("a pooling cannot come first where the input is currents; it pools spikes")
            populations.append(or_pool(number, before, layer.size))
            continue
        weight, threshold = fold(tensors, f"blocks.{number}", spec["batch_normalization"])
        top = spec["full_scale"] if number == 0 else 1
        if isinstance(layer, Conv):
            threshold = border_thresholds(weight, threshold, layer, before, around)
        around = padding_value(spec["activation"])
        integers, theta = quantize(weight, threshold * top, next(remaining), per_unit=True, top=top)
        match layer:
            case Dense():
                populations.append(dense(number, integers, theta))
            case Conv():
                link = ConvLink(number, integers, layer.stride, layer.padding(before))
                populations.append(conv(link, before, theta))
            case _:
                assert_never(layer)
    output = tensors["output.weight"].astype(np.float64), -tensors["output.bias"].astype(np.float64)
    populations.append(dense(len(populations), *quantize(*output, next(remaining), per_unit=False)))
    return ThresholdNetwork(tuple(spec["input_shape"]), tuple(populations), spec["full_scale"])
