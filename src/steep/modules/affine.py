"""What lies between two steps of a network is affine: sums of spikes times numbers, plus a constant.

A value of the network is kept as

    value[c, ...] = constant[c, ...] + sum over the terms t that reach channel c of (A_t s_t)[c, ...]

in float64, where s_t are the spikes of the population that term t comes from. The linear maps A stay structured as long
as they can: a selection of channels, a convolution, a matrix of a dense layer; a sparse matrix says what is none of
them. Nothing here knows PyTorch modules: `trace` turns their operators into these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_array

from steep.architecture import Shape, units
from steep.simulators.torch_threshold import convolved
from steep.threshold.network import ConvLink, Zeros, ungrouped


@dataclass(frozen=True)
class Geometry:
    """How a convolution moves over its input: for each dimension stride, zeros (before, after), dilation; groups."""

    stride: Shape
    padding: Zeros
    dilation: Shape
    groups: int = 1

    def link(self, weight: np.ndarray) -> ConvLink:
        """Return the convolution of a kernel that moves so, as the network has it; weights need not be integers."""
        return ConvLink(0, weight, self.stride, self.padding, self.dilation, self.groups)

    @property
    def pointwise(self) -> bool:
        """Whether it neither skips nor pads."""
        return set(self.stride) <= {1} and not any(map(any, self.padding))


@dataclass(frozen=True)
class Select:
    """Row n is channel ``index[n]`` of the source, times ``gain[n]``; the sides are those of the source."""

    index: np.ndarray
    gain: np.ndarray


@dataclass(frozen=True)
class Convolve:
    """Row n is filter n of a convolution of the source; weight float64 (rows, channels / groups, *kernel)."""

    weight: np.ndarray
    geometry: Geometry


@dataclass(frozen=True)
class Matrix:
    """Rows are those of a matrix over all units of the source, flattened: dense float64 or sparse; a row of the term is
    as many rows of the matrix as the value has units in a channel."""

    weight: "np.ndarray | csr_array"


Operator = Select | Convolve | Matrix


@dataclass(frozen=True)
class Term:
    """What a value has from one population.

    Attributes
    ----------
    source : number of the population; 0 is the input.
    shape : of that population, channels first.
    operator : from its spikes to the rows of the term.
    channels : int64 (rows,), the channels of the value that the rows are added to.

    """

    source: int
    shape: Shape
    operator: Operator
    channels: np.ndarray


@dataclass(frozen=True)
class Affine:
    """A value of the network for one frame: shape (channels, *sides) or (units,); constant float64, of that shape or
    with sides of 1."""

    shape: Shape
    terms: tuple[Term, ...]
    constant: np.ndarray

    @property
    def sides(self) -> Shape:
        """Height and width, or what there is behind the channels."""
        return self.shape[1:]

    def map_of_constants(self) -> np.ndarray:
        """Return the constant of every unit, float64 of the value's shape."""
        return np.broadcast_to(self.constant, self.shape)


def source(number: int, shape: Shape, gain: np.ndarray, constant: np.ndarray) -> Affine:
    """Return the spikes of a population as a value: ``gain`` (channels,) times them plus ``constant`` (channels,)."""
    channels = np.arange(shape[0])
    own = constant.astype(np.float64).reshape(-1, *(1,) * (len(shape) - 1))
    return Affine(shape, (Term(number, shape, Select(channels, gain.astype(np.float64)), channels),), own)


def compressed(constant: np.ndarray) -> np.ndarray:
    """Return a map of constants with sides of 1 where every channel has only one."""
    if constant.ndim == 1:
        return constant
    first = constant.reshape(len(constant), -1)[:, :1]
    return (
        first.reshape(-1, *(1,) * (constant.ndim - 1))
        if (constant.reshape(len(constant), -1) == first).all()
        else constant
    )


def rows(operator: Operator, chosen: np.ndarray, each: int, shape: Shape) -> Operator:
    """Return an operator's rows `chosen`; `each` is the number of units in a row, `shape` that of the source."""
    match operator:
        case Select(index, gain):
            return Select(index[chosen], gain[chosen])
        case Convolve(weight, geometry):
            if geometry.groups == 1 or np.array_equal(chosen, np.arange(len(weight))):
                return Convolve(weight[chosen], geometry)
            return rows(Matrix(matrix(operator, shape)), chosen, each, shape)
        case Matrix(weight):
            return Matrix(weight[(chosen[:, None] * each + np.arange(each)).ravel()])


def scaled(operator: Operator, gain: np.ndarray, each: int) -> Operator:
    """Return an operator whose row n is multiplied by ``gain[n]``."""
    match operator:
        case Select(index, own):
            return Select(index, own * gain)
        case Convolve(weight, geometry):
            return Convolve(weight * gain.reshape(-1, *(1,) * (weight.ndim - 1)), geometry)
        case Matrix(weight):
            factors = np.repeat(gain, each)
            return Matrix(
                weight * factors[:, None] if isinstance(weight, np.ndarray) else csr_array(diagonal(factors) @ weight)
            )


def diagonal(values: np.ndarray) -> csr_array:
    """Return a diagonal matrix."""
    at = np.arange(len(values))
    return csr_array((values, (at, at)), (len(values), len(values)))


def kernel_matrix(weight: np.ndarray, geometry: Geometry, shape: Shape) -> csr_array:
    """Return a convolution over an input of `shape` as a sparse matrix (units after, units before)."""
    found = geometry.link(weight).connect(shape)
    after = units(convolved_shape(weight, geometry, shape))
    return csr_array((found.weight, (found.target, found.source)), (after, units(shape)))


def convolved_shape(weight: np.ndarray, geometry: Geometry, shape: Shape) -> Shape:
    """Return the shape of a convolution's output behind an input of `shape`."""
    return geometry.link(weight).output_shape(shape)


def matrix(operator: Operator, shape: Shape) -> "np.ndarray | csr_array":
    """Return an operator on a source of `shape` as a matrix over its flattened units."""
    match operator:
        case Select(index, gain):
            each = units(shape[1:])
            at = (index[:, None] * each + np.arange(each)).ravel()
            values = np.repeat(gain, each)
            return csr_array((values, (np.arange(len(at)), at)), (len(at), units(shape)))
        case Convolve(weight, geometry):
            return kernel_matrix(weight, geometry, shape)
        case Matrix(weight):
            return weight


def times(left: "np.ndarray | csr_array", right: "np.ndarray | csr_array") -> "np.ndarray | csr_array":
    """Return the product of two matrices: dense where one is and the product has no room to be sparse."""
    if isinstance(left, csr_array) and isinstance(right, csr_array):
        return csr_array(left @ right)
    result = left @ right if isinstance(left, np.ndarray) or isinstance(right, np.ndarray) else None
    return np.asarray(result)


def every_unit(value: Affine) -> Affine:
    """Return a value with its units as channels: flat, of matrices."""
    each = units(value.sides)
    if len(value.shape) == 1:
        return value
    terms = tuple(
        replace(
            term,
            operator=Matrix(matrix(term.operator, term.shape)),
            channels=(term.channels[:, None] * each + np.arange(each)).ravel(),
        )
        for term in value.terms
    )
    return Affine((units(value.shape),), terms, value.map_of_constants().ravel())


def select_channels(value: Affine, chosen: np.ndarray) -> Affine:
    """Return a value whose channel n is the channel ``chosen[n]`` of another, in any order, also more than once."""
    each = units(value.sides)
    terms = []
    for term in value.terms:
        place = np.full(value.shape[0], -1)
        place[term.channels] = np.arange(len(term.channels))
        reached = np.flatnonzero(place[chosen] >= 0)
        if len(reached):
            picked = place[chosen[reached]]
            terms.append(replace(term, operator=rows(term.operator, picked, each, term.shape), channels=reached))
    return Affine((len(chosen), *value.sides), tuple(terms), value.constant[chosen])


def concatenated(values: Sequence[Affine]) -> Affine:
    """Return values one behind the other, along the channels."""
    first, terms = 0, []
    for value in values:
        terms += [replace(term, channels=term.channels + first) for term in value.terms]
        first += value.shape[0]
    sides = values[0].sides
    constants = [value.constant for value in values]
    if len({constant.shape[1:] for constant in constants}) > 1:
        constants = [value.map_of_constants() for value in values]
    return Affine((first, *sides), tuple(terms), np.concatenate(constants))


def multiplied(value: Affine, gain: np.ndarray) -> Affine:
    """Return a value times a constant for each channel, (channels,), or for each unit, (channels, *sides)."""
    if gain.ndim == 1 or units(gain.shape[1:]) == 1:
        own, each = gain.reshape(len(gain)), units(value.sides)
        terms = tuple(replace(t, operator=scaled(t.operator, own[t.channels], each)) for t in value.terms)
        return Affine(value.shape, terms, value.constant * own.reshape(-1, *(1,) * len(value.sides)))
    flat = every_unit(value)
    terms = tuple(replace(t, operator=scaled(t.operator, gain.ravel()[t.channels], 1)) for t in flat.terms)
    return shaped(Affine(flat.shape, terms, flat.constant * gain.ravel()), value.shape)


def shaped(value: Affine, shape: Shape) -> Affine:
    """Return a flat value in a shape of as many units."""
    if value.shape == shape:
        return value
    each = units(shape[1:])
    terms = []
    for term in value.terms:
        channels = np.unique(term.channels // each)
        weight = matrix(term.operator, term.shape)
        wanted = (channels[:, None] * each + np.arange(each)).ravel()
        if not np.array_equal(wanted, term.channels):
            # Rows in the order of units; those that the term does not reach are empty.
            place = csr_array(
                (np.ones(len(term.channels)), (np.searchsorted(wanted, term.channels), np.arange(len(term.channels)))),
                (len(wanted), len(term.channels)),
            )
            weight = times(place, weight)
        terms.append(replace(term, operator=Matrix(weight), channels=channels))
    return Affine(shape, tuple(terms), compressed(value.constant.reshape(shape)))


def added(one: Affine, other: Affine) -> Affine:
    """Return the sum of two values of one shape; terms of one population that are alike become one."""
    terms = list(one.terms)
    for term in other.terms:
        for number, own in enumerate(terms):
            if (merged := _merged(own, term)) is not None:
                terms[number] = merged
                break
        else:
            terms.append(term)
    return Affine(one.shape, tuple(terms), one.constant + other.constant)


def _merged(one: Term, other: Term) -> Term | None:
    """Return the sum of two terms of one source and the same structure; None where there is none."""
    if one.source != other.source or not np.array_equal(one.channels, other.channels):
        return None
    match one.operator, other.operator:
        case Select(index, gain), Select(same, more) if np.array_equal(index, same):
            return replace(one, operator=Select(index, gain + more))
        case Convolve(weight, geometry), Convolve(more, same) if geometry == same and weight.shape == more.shape:
            return replace(one, operator=Convolve(weight + more, geometry))
        case Matrix(weight), Matrix(more) if type(weight) is type(more):
            return replace(one, operator=Matrix(weight + more))
    return None


def linear(value: Affine, weight: "np.ndarray | csr_array", bias: np.ndarray | None) -> Affine:
    """Return a dense layer's output, flat, for a flat value: weight float64 (units, inputs)."""
    count = weight.shape[0]
    constant = np.asarray(weight @ value.constant)
    result = Affine((count,), (), constant if bias is None else constant + bias)
    for term in value.terms:
        joined = Matrix(times(weight[:, term.channels], matrix(term.operator, term.shape)))
        own = Term(term.source, term.shape, joined, np.arange(count))
        result = added(result, Affine(result.shape, (own,), np.zeros(count)))
    return result


def convolve(value: Affine, weight: np.ndarray, bias: np.ndarray | None, geometry: Geometry) -> Affine:
    """Return a convolution of a value: weight float64 (filters, channels / groups, *kernel), zeros around it."""
    after = convolved_shape(weight, geometry, value.shape)
    terms = [_convolved(term, weight, geometry, value.shape) for term in value.terms]
    constant = np.zeros((after[0], *(1,) * len(after[1:])))
    if value.constant.any():
        seen = torch.from_numpy(value.map_of_constants().copy())[None]
        sums = convolved(seen, torch.from_numpy(weight), geometry.link(weight))
        constant = _alike(sums[0].numpy(), value, geometry)
    if bias is not None:
        constant = constant + bias.reshape(-1, *(1,) * (constant.ndim - 1))
    result = Affine(after, (), constant)
    for term in terms:
        result = added(result, Affine(after, (term,), np.zeros(())))
    return replace(result, constant=compressed(np.asarray(result.constant)))


def _alike(sums: np.ndarray, value: Affine, geometry: Geometry) -> np.ndarray:
    """Return the constants behind a convolution, one for each channel where nothing can make them differ: equal sums
    may be rounded unequally."""
    uniform = units(value.constant.shape[1:]) == 1 and not any(map(any, geometry.padding))
    return sums[(slice(None), *(slice(0, 1),) * (sums.ndim - 1))] if uniform else sums


def _convolved(term: Term, weight: np.ndarray, geometry: Geometry, shape: Shape) -> Term:
    """Return one term of a value of `shape` behind a convolution."""
    channels, filters = term.channels, np.arange(len(weight))
    whole = len(channels) == shape[0] and np.array_equal(channels, np.arange(shape[0]))
    depthwise = geometry.groups == shape[0] == len(weight)
    if depthwise and geometry.groups > 1:
        # Every channel by itself: the rows stay those of the term.
        own, several = weight[channels], replace(geometry, groups=len(channels))
        filters = channels
    elif geometry.groups == 1:
        own, several = weight[:, channels], geometry
    elif whole:
        own, several = weight, geometry
    else:
        own, several = ungrouped(weight, geometry.groups)[:, channels], replace(geometry, groups=1)
    match term.operator:
        case Select(index, gain):
            if np.array_equal(index, np.arange(term.shape[0])):
                return replace(term, operator=Convolve(_gained(own, gain, several.groups), several), channels=filters)
            if several.groups == 1:
                spread = np.zeros((len(own), term.shape[0], *own.shape[2:]))
                for number, channel in enumerate(index):
                    spread[:, channel] += own[:, number] * gain[number]
                return replace(term, operator=Convolve(spread, several), channels=filters)
        case Convolve(first, before):
            if (joined := _joined(first, before, own, several)) is not None:
                return replace(term, operator=joined, channels=filters)
    between = (len(channels), *shape[1:])
    matrices = times(kernel_matrix(own, several, between), matrix(term.operator, term.shape))
    return replace(term, operator=Matrix(matrices), channels=filters)


def _gained(weight: np.ndarray, gain: np.ndarray, groups: int) -> np.ndarray:
    """Return a kernel whose input channels are multiplied by their gains."""
    each = weight.shape[1]
    per_filter = np.repeat(gain.reshape(groups, each), len(weight) // groups, axis=0)
    gained: np.ndarray = weight * per_filter.reshape(*per_filter.shape, *(1,) * (weight.ndim - 2))
    return gained


def _points(weight: np.ndarray, groups: int) -> np.ndarray:
    """Return the kernel of a convolution of points as a matrix (filters, channels)."""
    return ungrouped(weight, groups).reshape(len(weight), -1)


def _joined(first: np.ndarray, before: Geometry, second: np.ndarray, after: Geometry) -> Convolve | None:
    """Return two convolutions in a row as one, where one of them is of points and so neither moves nor pads; else
    None."""
    if units(second.shape[2:]) == 1 and after.pointwise:
        points = _points(second, after.groups)
        if first.shape[1] == 1 and before.groups == len(first):
            kernel = points.reshape(*points.shape, *(1,) * (first.ndim - 2)) * first[None, :, 0]
        else:
            kernel = np.tensordot(points, ungrouped(first, before.groups), axes=1)
        return Convolve(kernel, replace(before, groups=1))
    if units(first.shape[2:]) == 1 and set(before.stride) == {1}:
        # Zeros that the first one puts around the image stay zeros.
        points = _points(first, before.groups)
        around = tuple((a + c, b + d) for (a, b), (c, d) in zip(before.padding, after.padding, strict=True))
        after = replace(after, padding=around)
        if after.groups == len(second) == len(points):
            return Convolve(second * points.reshape(*points.shape, *(1,) * (second.ndim - 2)), replace(after, groups=1))
        whole = ungrouped(second, after.groups)
        return Convolve(np.einsum("fm...,mc->fc...", whole, points), replace(after, groups=1))
    return None
