"""Random threshold networks for property-based tests, and an evaluation of them written down as plainly as possible."""

from collections.abc import Callable
from itertools import product

import numpy as np
from hypothesis import strategies as st

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.threshold.network import (
    ConvLink,
    DenseLink,
    Link,
    Population,
    SparseLink,
    Synapses,
    ThresholdNetwork,
    conv,
    dense,
    or_pool,
)


@st.composite
def chains(draw: st.DrawFn) -> ThresholdNetwork:
    """Draw small networks in which every population listens to the one before it, of images of two dimensions and of
    every kind of layer that the study's configs know; thresholds are integers and half-integers of either sign, so that
    sums hit them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    start = shape = tuple(draw(st.tuples(st.integers(1, 2), st.integers(1, 7), st.integers(1, 7))))
    populations: list[Population] = []
    top = draw(st.sampled_from([1, 255]))
    for number, kind in enumerate(draw(st.lists(st.sampled_from(["conv", "orpool", "dense"]), max_size=3))):
        if kind == "orpool" and top > 1 and not populations:
            kind = "conv"  # currents are not pooled
        if kind == "dense" or len(shape) == 1:
            weight = _weights(rng, (draw(st.integers(1, 9)), units(shape)))
            populations.append(dense(number, weight, _thresholds(rng, len(weight))))
        elif kind == "conv":
            kernel = draw(st.integers(1, shape[1])), draw(st.integers(1, shape[2]))
            stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
            side = st.tuples(st.integers(0, 2), st.integers(0, 2))
            weight = _weights(rng, (draw(st.integers(1, 3)), shape[0], *kernel))
            link = ConvLink(number, weight, stride, (draw(side), draw(side)))
            after = link.output_shape(shape) if draw(st.booleans()) else len(weight)
            populations.append(conv(link, shape, _thresholds(rng, after)))
        else:
            size = draw(st.integers(1, shape[1])), draw(st.integers(1, shape[2]))
            populations.append(or_pool(number, shape, size))
        shape = populations[-1].shape
    weight = _weights(rng, (draw(st.integers(1, 4)), units(shape)))
    populations.append(dense(len(populations), weight, _thresholds(rng, len(weight))))
    return ThresholdNetwork(start, tuple(populations), top)


@st.composite
def graphs(draw: st.DrawFn, dimensions: int | None = None) -> ThresholdNetwork:
    """Draw small graphs: skips of any length, several links between the same populations, convolutions of one to three
    dimensions with stride, padding, dilation and groups, overlapping poolings, sparse links, currents that skip."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sides = draw(st.integers(1, 3)) if dimensions is None else dimensions
    most = {1: 9, 2: 6, 3: 3}[sides]
    shapes: list[Shape] = [(draw(st.integers(1, 4)), *(draw(st.integers(1, most)) for _ in range(sides)))]
    top = draw(st.sampled_from([1, 255]))
    populations: list[Population] = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        # What comes first is often the population just before, so that networks are deep.
        source = number - 1 if draw(st.booleans()) else draw(st.integers(0, number - 1))
        first = _link(draw, rng, source, shapes[source])
        after = first.output_shape(shapes[source])
        links: list[Link] = [first]
        for _ in range(draw(st.integers(0, 2))):
            other = draw(st.integers(0, number - 1))
            links.append(_matching(draw, rng, other, shapes[other], after))
        own = after if draw(st.booleans()) else (after[0], *(1,) * (len(after) - 1))
        populations.append(Population(after, tuple(links), _thresholds(rng, own), f"block.{number}"))
        shapes.append(after)
    weight = _weights(rng, (draw(st.integers(1, 4)), units(shapes[-1])))
    populations.append(dense(len(populations), weight, _thresholds(rng, len(weight)), "output"))
    return ThresholdNetwork(shapes[0], tuple(populations), top)


def threshold_networks() -> st.SearchStrategy[ThresholdNetwork]:
    """Draw networks of either kind."""
    return st.one_of(chains(), graphs())


def _link(draw: st.DrawFn, rng: np.random.Generator, source: int, shape: Shape) -> Link:
    """Draw a link from a population of `shape`, which says what the population after it looks like."""
    kinds: list[Callable[[], Link]] = [lambda: _dense(draw, rng, source, shape)]
    if len(shape) > 1:
        kinds += 3 * [lambda: _conv(draw, rng, source, shape)]
    return draw(st.sampled_from(kinds))()


def _matching(draw: st.DrawFn, rng: np.random.Generator, source: int, shape: Shape, after: Shape) -> Link:
    """Draw a link to a population of the shape `after`: a convolution of points where one fits, else synapses one by
    one."""
    if len(shape) == len(after) > 1 and shape[1:] == after[1:] and draw(st.booleans()):
        return ConvLink(source, _weights(rng, (after[0], shape[0], *(1,) * (len(after) - 1))))
    if len(after) == 1 and draw(st.booleans()):
        return DenseLink(source, _weights(rng, (after[0], units(shape))))
    count = draw(st.integers(0, 12))
    ends = rng.integers(0, units(shape), count), rng.integers(0, units(after), count)
    return SparseLink(source, Synapses(*ends, rng.integers(-4, 5, count)), after)


def _dense(draw: st.DrawFn, rng: np.random.Generator, source: int, shape: Shape) -> Link:
    return DenseLink(source, _weights(rng, (draw(st.integers(1, 9)), units(shape))))


def _conv(draw: st.DrawFn, rng: np.random.Generator, source: int, shape: Shape) -> Link:
    groups = draw(st.sampled_from([n for n in range(1, shape[0] + 1) if shape[0] % n == 0]))
    stride, dilation, kernel, padding = [], [], [], []
    for side in shape[1:]:
        padding.append((draw(st.integers(0, 2)), draw(st.integers(0, 2))))
        dilation.append(draw(st.integers(1, 2)))
        kernel.append(draw(st.integers(1, (side + sum(padding[-1]) - 1) // dilation[-1] + 1)))
        stride.append(draw(st.integers(1, 3)))
    geometry = tuple(stride), tuple(padding), tuple(dilation), groups
    if draw(st.integers(0, 4)) == 0:  # a pooling, whose windows may overlap
        ones = np.ones((shape[0], 1, *kernel), np.int32)
        return ConvLink(source, ones, *geometry[:3], shape[0])
    weight = _weights(rng, (groups * draw(st.integers(1, 2)), shape[0] // groups, *kernel))
    return ConvLink(source, weight, *geometry)


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(-4, 5, shape, dtype=np.int32)


def _thresholds(rng: np.random.Generator, shape: int | Shape) -> np.ndarray:
    return rng.integers(-8, 13, shape) / 2


def frames_for(network: ThresholdNetwork, seed: int, count: int = 12) -> np.ndarray:
    """Return frames of every density; the first is blank and the second full."""
    rng = np.random.default_rng(seed)
    density = rng.random((count, *(1,) * len(network.input_shape)))
    frames = (rng.random((count, *network.input_shape)) < density).astype(np.uint8)
    frames *= rng.integers(1, network.input_top + 1, frames.shape).astype(np.uint8)
    frames[0], frames[1] = 0, network.input_top
    return frames


def evaluate_plainly(network: ThresholdNetwork, frame: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Evaluate one frame with loops over positions, in integers: spikes of every population, flat, and twice the output
    potential."""
    seen, fired, v = [frame.astype(np.int64)], [], np.zeros(0)
    for population in network.populations:
        v = -(2 * np.broadcast_to(population.threshold, population.shape)).astype(np.int64)
        for link in population.links:
            v = v + 2 * _sums(link, seen[link.source]).reshape(population.shape)
        seen.append((v > 0).astype(np.int64))
        fired.append(seen[-1].ravel().astype(bool))
    return fired, v.ravel()


def _sums(link: Link, x: np.ndarray) -> np.ndarray:
    """Return what a link brings to every unit when the population before it sends x."""
    match link:
        case DenseLink(_, weight):
            return weight.astype(np.int64) @ x.ravel()
        case SparseLink(_, entries, shape):
            sums = np.zeros(units(shape), np.int64)
            for source, target, weight in zip(entries.source, entries.target, entries.weight, strict=True):
                sums[target] += weight * x.ravel()[source]
            return sums
        case ConvLink(_, weight):
            after = link.output_shape(x.shape)
            sums = np.zeros(after, np.int64)
            filters, channels = len(weight) // link.groups, weight.shape[1]
            for f, *place in product(*map(range, after)):
                for c, *inner in product(*map(range, weight.shape[1:])):
                    at = [
                        p * step + i * apart - before
                        for p, step, i, apart, (before, _) in zip(
                            place, link.stride, inner, link.dilation, link.padding, strict=True
                        )
                    ]
                    if all(0 <= a < side for a, side in zip(at, x.shape[1:], strict=True)):
                        sums[(f, *place)] += weight[(f, c, *inner)] * x[(f // filters * channels + c, *at)]
            return sums
    raise SteepError(f"{link} is of no known kind")
