"""Fingerprint of the network that a simulator worked on, whatever the form in which it holds it.

Spikes do not show every error: a hidden weight that is off by one turns a unit only on a frame whose sum lies next to
the threshold. So each unit i of a population has an odd random number p_i of 64 bits, one for each delay at which it is
listened to, and for each unit j of another population

    f_j = sum over its links and their sources i of w_ij p_i    modulo 2^64

is formed from what the simulator computes with, by each in its own way. A weight that is off, a synapse that is
missing, there twice or led elsewhere changes f: one change always does, since an odd number times anything but 0 is
not 0 modulo 2^64; several cancel about once in 2^60. A population's fingerprint is a hash of f and of the thresholds,
in the network's own order of units.
"""

import hashlib
from typing import assert_never

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from steep.architecture import Shape, units
from steep.threshold.network import ConvLink, DenseLink, Link, SparseLink, ThresholdNetwork

# Synapses that are summed at a time.
CHUNK = 2**20


def numbers(population: int, count: int, delay: int = 1) -> np.ndarray:
    """Return p of the first `count` units of a population, odd uint64 (count,); the input is population 0.

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
    """Return the fingerprint of a population, 16 hexadecimal digits.

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
    """Return the fingerprint of each population, from the kernels and matrices as they stand:
    `ThresholdNetwork.connections` has no part in it, so that its errors are seen too."""
    shapes, depths, found = network.shapes, network.depths, []
    for number, population in enumerate(network.populations, 1):
        sums = np.zeros(units(population.shape), np.uint64)
        for link in population.links:
            shape, delay = shapes[link.source], depths[number] - depths[link.source]
            sums += link_sums(link, numbers(link.source, units(shape), delay).reshape(shape)).ravel()
        found.append(digest(sums, population.thresholds()))
    return tuple(found)


def link_sums(link: Link, p: np.ndarray) -> np.ndarray:
    """Return what a link brings to each unit, uint64 (units, ...), for numbers p of the population before it."""
    match link:
        case DenseLink(_, weight):
            dense: np.ndarray = modulo(weight) @ p.ravel()
            return dense
        case ConvLink(_, weight):
            each = len(weight) // link.groups
            padded = np.pad(p, ((0, 0), *link.padding)).reshape(link.groups, -1, *_padded_sides(link, p.shape))
            spans = tuple(step * (size - 1) + 1 for step, size in zip(link.dilation, link.kernel, strict=True))
            axes = tuple(range(2, padded.ndim))
            windows: np.ndarray = sliding_window_view(padded, spans, axes)  # type: ignore[call-overload, unused-ignore]
            steps = tuple(slice(None, None, step) for step in link.stride)
            inside = tuple(slice(None, None, step) for step in link.dilation)
            windows = windows[:, :, *steps, *inside]
            kernels = modulo(weight).reshape(link.groups, each, *weight.shape[1:])
            dimensions = len(link.kernel)
            summed = tuple(range(-dimensions, 0))
            return np.concatenate(
                [
                    np.tensordot(kernel, window, axes=((1, *(n + 2 for n in range(dimensions))), (0, *summed)))
                    for kernel, window in zip(kernels, windows, strict=True)
                ]
            )
        case SparseLink(_, entries, shape):
            return synapse_sums(units(shape), entries.source, entries.target, entries.weight, p.ravel())
        case _:
            assert_never(link)


def _padded_sides(link: ConvLink, shape: Shape) -> Shape:
    """Return the sides of an image of `shape` with its padding."""
    return tuple(side + sum(zeros) for side, zeros in zip(shape[1:], link.padding, strict=True))
