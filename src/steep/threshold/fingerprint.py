"""Fingerprint of the network that a simulator worked on, whatever the form in which it holds it.

Spikes do not show every error: a hidden weight that is off by one turns a unit only on a frame whose sum lies next to
the threshold. So each unit i of a layer has an odd random number p_i of 64 bits, and for each unit j of the next layer

    f_j = sum_i w_ij p_i    modulo 2^64

is formed from what the simulator computes with, by each in its own way. A weight that is off, a synapse that is
missing, there twice or led elsewhere changes f: one change always does, since an odd number times anything but 0 is not
0 modulo 2^64; several cancel about once in 2^60. A layer's fingerprint is a hash of f and of the thresholds, in the
network's own order of units. A pooling counts as what it is: synapses of weight 1, thresholds 1/2.
"""

import hashlib
from typing import assert_never

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from steep.architecture import Shape, units
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdLayer, ThresholdNetwork

# Synapses that are summed at a time.
CHUNK = 2**20


def numbers(population: int, count: int, delay: int = 1) -> np.ndarray:
    """Return p of the first `count` units of a population, odd uint64 (count,): the input is 0, layer l is l.

    Synapses of another `delay` than one step have numbers of their own, so that a wrong delay is seen.
    """
    # The generator's own bits, which are the same in every version of NumPy.
    return np.random.PCG64([population, delay]).random_raw(count).astype(np.uint64) | np.uint64(1)


def modulo(values: np.ndarray) -> np.ndarray:
    """Return integers as uint64, modulo 2^64; what is no integer, and wrong, as the bits of its float64."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
        whole = (np.abs(values) < 2.0**63) & (values == np.rint(values))
        integers = np.where(whole, values, 0).astype(np.int64)
        return np.where(whole, integers.view(np.uint64), values.view(np.uint64))
    return values.astype(np.int64).astype(np.uint64)


def synapse_sums(count: int, source: np.ndarray, target: np.ndarray, weight: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return f of `count` units, uint64 (count,), from synapses one by one: source and target, integers (synapses,),
    are indices within their populations; weight (synapses,); p uint64, of the sources."""
    sums = np.zeros(count, np.uint64)
    for first in range(0, len(weight), CHUNK):
        part = slice(first, first + CHUNK)
        np.add.at(sums, np.asarray(target[part]), modulo(weight[part]) * p[np.asarray(source[part])])
    return sums


def digest(sums: np.ndarray, thresholds: np.ndarray, other: np.ndarray | None = None) -> str:
    """Return the fingerprint of a layer, 16 hexadecimal digits.

    Parameters
    ----------
    sums : f, uint64 (units,).
    thresholds : float64 (units,).
    other : whatever else the units have that a threshold unit does not, 0 where there is nothing.

    """
    # Adding 0 makes 0 of -0, which is the same threshold.
    parts = [np.ascontiguousarray(sums, "<u8"), np.asarray(thresholds, "<f8") + 0.0]
    if other is not None and np.any(other):
        parts.append(np.asarray(other, "<f8"))
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def fingerprint(network: ThresholdNetwork) -> tuple[str, ...]:
    """Return the fingerprint of each layer, from the kernels and matrices as they stand: `ThresholdNetwork.connections`
    has no part in it, so that its errors are seen too."""
    shapes = network.shapes
    return tuple(
        digest(*_sums_and_thresholds(layer, shape, numbers(number, units(shape)).reshape(shape)))
        for number, (layer, shape) in enumerate(zip(network.layers, shapes, strict=False))
    )


def _sums_and_thresholds(layer: ThresholdLayer, shape: Shape, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f, uint64, and thresholds, float64, of all units of a layer for p (shape) of the layer before."""
    match layer:
        case DenseLayer(weight, threshold):
            return modulo(weight) @ p.ravel(), threshold
        case ConvLayer(weight, _, (down, right)):
            padded = np.pad(p, ((0, 0), *layer.padding))
            windows = sliding_window_view(padded, (1, *weight.shape[2:]))[:, ::down, ::right, 0]
            sums = np.tensordot(modulo(weight), windows, axes=((1, 2, 3), (0, 3, 4)))
            return sums, np.broadcast_to(layer.threshold_map, sums.shape)
        case OrPoolLayer((height, width)):
            channels, rows, columns = layer.output_shape(shape)
            cut = p[:, : rows * height, : columns * width].reshape(channels, rows, height, columns, width)
            sums = cut.sum(axis=(2, 4), dtype=np.uint64)
            return sums, np.full(sums.shape, 0.5)
        case _:
            assert_never(layer)
