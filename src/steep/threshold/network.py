"""Integer networks of threshold units, in which every population takes one step.

A *population* is a set of threshold units; *links* bring it the spikes of earlier populations. Unit j fires for a frame
when, strictly,

    sum over links l, sources i:  w_lij s_li > theta_j,     w integer,  theta integer or half-integer,  s 0 or 1.

Where frames are currents and not spikes, s of the input is an integer from 0 to 255: the current injected into unit j
is sum_i w_ij s_i, an integer too.

A unit keeps nothing from one step to the next (full leak, reset to 0). The *depth* of a population is the longest path
from the input to it; a link that spans n depths has a delay of n steps, so that what belongs to one frame meets in one
step, and a new frame may enter at every step. Sums of integers are exact in float32 below 2^24 and in float64 below
2^53 whatever the order of summation, so two simulators of one threshold network give the same spikes or one of them is
wrong. With half-integer theta, which is what compilation writes, no sum ever equals its threshold.

The last population is the output. Readout ``potential`` is the class with the largest sum minus theta; of equals the
lowest class.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, assert_never

import numpy as np

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.files import read_npz, write_npz

EXACT_FLOAT32 = 2**24
EXACT_FLOAT64 = 2**53
Zeros = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Synapses:
    """Connections of one link, one entry each: int64 indices into the flattened populations before and after, int64
    weights."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def by_source(self) -> "Synapses":
        """Return the same, all of a source's next to each other: the order in which spikes are delivered."""
        order = np.argsort(self.source, kind="stable")
        return Synapses(self.source[order], self.target[order], self.weight[order])


@dataclass(frozen=True)
class DenseLink:
    """Every unit sees every unit of population `source`: weight int32 (units, inputs)."""

    source: int
    weight: np.ndarray

    def output_shape(self, shape: Shape) -> Shape:
        """Return (units,)."""
        if self.weight.shape[1] != units(shape):
            raise SteepError(f"a dense link for {self.weight.shape[1]} inputs follows a population of {units(shape)}")
        return (len(self.weight),)

    def reach(self) -> np.ndarray:
        """Return the sum of the magnitudes of the weights onto each unit, float64 (units,)."""
        magnitudes: np.ndarray = np.abs(self.weight.astype(np.float64)).sum(1)
        return magnitudes

    def synapse_count(self, shape: Shape) -> int:
        """Return the number of connections from a population of `shape`, at most: those with weight zero count too."""
        return self.weight.size

    def synapses(self, shape: Shape) -> Synapses:
        """Return the connections from a population of `shape`; weights of zero are left out."""
        target, source = np.nonzero(self.weight)
        return Synapses(source, target, self.weight[target, source].astype(np.int64))


@dataclass(frozen=True)
class ConvLink:
    """Convolution of population `source`, of one to three dimensions: weight int32 (filters, channels / groups,
    *kernel).

    Attributes
    ----------
    stride, dilation : for each dimension; 1 where empty.
    padding : silent units (before, after) for each dimension; none where empty.
    groups : filters and channels are divided into so many parts that do not see each other.

    Examples
    --------
    >>> link = ConvLink(0, np.ones((8, 3, 5, 5), np.int32), stride=(2, 2), padding=((2, 2), (2, 2)))
    >>> link.output_shape((3, 28, 28))
    (8, 14, 14)

    """

    source: int
    weight: np.ndarray
    stride: Shape = ()
    padding: Zeros = ()
    dilation: Shape = ()
    groups: int = 1

    def __post_init__(self) -> None:
        """Fill in what was left empty; refuse what no convolution has."""
        dimensions = max(self.weight.ndim - 2, 0)
        for name, usual in (("stride", 1), ("padding", (0, 0)), ("dilation", 1)):
            if not getattr(self, name):
                object.__setattr__(self, name, (usual,) * dimensions)
            if len(getattr(self, name)) != dimensions:
                raise SteepError(f"a convolution of {dimensions} dimensions has {name} {getattr(self, name)}")
        zeros = [count for pair in self.padding for count in pair]
        steps = [*self.stride, *self.dilation, self.groups]
        whole = all(isinstance(number, int | np.integer) for number in (*steps, *zeros))
        if not whole or min(steps) < 1 or min(zeros, default=0) < 0:
            raise SteepError(
                "a convolution has whole numbers for stride, dilation and groups, at least 1, "
                "and for padding, at least 0"
            )

    @property
    def kernel(self) -> Shape:
        """Sides of the kernel."""
        return self.weight.shape[2:]

    def output_shape(self, shape: Shape) -> Shape:
        """Return (filters, *sides)."""
        filters, channels, *kernel = self.weight.shape
        sides: list[int] = []
        if len(shape) == 1 + len(kernel) and shape[0] == channels * self.groups and filters % self.groups == 0:
            sides = [
                (side + before + after - step_in * (size - 1) - 1) // step + 1
                for side, size, step, (before, after), step_in in zip(
                    shape[1:], kernel, self.stride, self.padding, self.dilation, strict=True
                )
            ]
        if min(sides, default=0) < 1:
            raise SteepError(
                f"a convolution of {channels * self.groups} channels, {'x'.join(map(str, kernel))}, follows a "
                f"population of shape {shape}"
            )
        return (filters, *sides)

    @property
    def pools(self) -> bool:
        """Whether the link is a maximum over windows of each channel's spikes: weights 1, every channel by itself."""
        return self.groups == len(self.weight) and self.weight.shape[1] == 1 and bool((self.weight == 1).all())

    def reach(self) -> np.ndarray:
        """Return the sum of the magnitudes of the weights of each filter, float64 (filters, 1, ...)."""
        magnitudes: np.ndarray = np.abs(self.weight.reshape(len(self.weight), -1).astype(np.float64)).sum(1)
        return magnitudes.reshape(-1, *(1,) * len(self.kernel))

    def synapse_count(self, shape: Shape) -> int:
        """Return the number of connections from a population of `shape`, at most: those to padding and with weight
        zero count too."""
        return self.weight.size * units(self.output_shape(shape)[1:])

    def synapses(self, shape: Shape) -> Synapses:
        """Return the connections from a population of `shape`; weights of zero are left out."""
        found = self.connect(shape)
        return Synapses(found.source, found.target, found.weight.astype(np.int64))

    def connect(self, shape: Shape) -> Synapses:
        """Return the same with weights of the kernel's own dtype, which need not be integers."""
        after, groups = self.output_shape(shape), self.groups
        each = len(self.weight) // groups
        weight = self.weight.reshape(groups, each, *self.weight.shape[1:])
        outputs = np.arange(units(after)).reshape(groups, each, 1, -1)
        # -1: no unit, and no synapse
        inputs = np.pad(np.arange(units(shape)).reshape(shape), ((0, 0), *self.padding), constant_values=-1)
        parts: list[Synapses] = []
        for place in product(*(range(size) for size in self.kernel)):
            window = tuple(
                slice(at * step_in, at * step_in + step * (count - 1) + 1, step)
                for at, step_in, step, count in zip(place, self.dilation, self.stride, after[1:], strict=True)
            )
            seen = inputs[:, *window].reshape(groups, 1, weight.shape[2], -1)
            here = weight.reshape(*weight.shape[:3], -1)[..., np.ravel_multi_index(place, self.kernel), None]
            source, target, own = np.broadcast_arrays(seen, outputs, here)
            real = (own != 0) & (source >= 0)
            parts.append(Synapses(source[real], target[real], own[real]))
        return join(parts)


def ungrouped(weight: np.ndarray, groups: int) -> np.ndarray:
    """Return the kernel of a grouped convolution, (filters, channels of a group, *kernel), as that of one without
    groups, (filters, channels, *kernel): zeros where groups do not see each other."""
    if groups == 1:
        return weight
    each, channels = len(weight) // groups, weight.shape[1]
    whole = np.zeros((len(weight), channels * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        filters = slice(group * each, (group + 1) * each)
        whole[filters, group * channels : (group + 1) * channels] = weight[filters]
    return whole


@dataclass(frozen=True)
class SparseLink:
    """Connections of population `source`, one by one, to a population of `shape`: what no kernel says."""

    source: int
    entries: Synapses
    shape: Shape

    def __post_init__(self) -> None:
        """Refuse entries that are not whole."""
        ends = self.entries.source, self.entries.target
        if any(end.dtype.kind != "i" or end.shape != self.entries.weight.shape for end in ends):
            raise SteepError("a sparse link needs an integer source and target for each weight")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the population after it."""
        before, after = self.entries.source, self.entries.target
        if len(before) and (
            min(before.min(), after.min()) < 0 or before.max() >= units(shape) or after.max() >= units(self.shape)
        ):
            raise SteepError(f"a link from {units(shape)} to {units(self.shape)} units goes beyond them")
        return self.shape

    def reach(self) -> np.ndarray:
        """Return the sum of the magnitudes of the weights onto each unit, float64 (*shape)."""
        magnitudes = np.abs(self.entries.weight).astype(np.float64)
        sums: np.ndarray = np.bincount(self.entries.target, magnitudes, units(self.shape)).reshape(self.shape)
        return sums

    def synapse_count(self, shape: Shape) -> int:
        """Return the number of connections."""
        return len(self.entries.weight)

    def synapses(self, shape: Shape) -> Synapses:
        """Return the connections; weights of zero are left out."""
        real = self.entries.weight != 0
        return Synapses(self.entries.source[real], self.entries.target[real], self.entries.weight[real])


Link = DenseLink | ConvLink | SparseLink
KINDS: dict[str, type[Link]] = {"dense": DenseLink, "conv": ConvLink, "sparse": SparseLink}


def join(parts: list[Synapses]) -> Synapses:
    """Put several sets of connections into one."""
    nothing = np.zeros(0, np.int64)
    return Synapses(
        np.concatenate([nothing, *(part.source for part in parts)]),
        np.concatenate([nothing, *(part.target for part in parts)]),
        np.concatenate([nothing, *(part.weight for part in parts)]),
    )


@dataclass(frozen=True)
class Population:
    """Threshold units, and the links that they listen to.

    Attributes
    ----------
    shape : (units,), or (channels, *sides).
    links : from earlier populations, at least one.
    threshold : float64 of `shape`, or with sides of 1: one for every channel.
    name : where it comes from, for people; may be empty.

    """

    shape: Shape
    links: tuple[Link, ...]
    threshold: np.ndarray
    name: str = ""

    @property
    def pools(self) -> bool:
        """Whether it is a maximum pooling of spikes: a unit fires when any of its window fires."""
        return bool((self.threshold == 0.5).all()) and all(
            isinstance(link, ConvLink) and link.pools for link in self.links
        )

    def thresholds(self) -> np.ndarray:
        """Return theta of every unit, float64 (units,)."""
        return np.broadcast_to(self.threshold, self.shape).ravel()


def dense(source: int, weight: np.ndarray, threshold: np.ndarray, name: str = "") -> Population:
    """Return a population that sees all of population `source`: weight int32 (units, inputs), threshold (units,)."""
    return Population((len(weight),), (DenseLink(source, weight),), threshold, name)


def conv(link: ConvLink, shape: Shape, threshold: np.ndarray, name: str = "") -> Population:
    """Return a convolution's population behind one of `shape`; threshold (filters,) or one for each unit."""
    after = link.output_shape(shape)
    by_filter = threshold.reshape(-1, *(1,) * (len(after) - 1)) if threshold.ndim == 1 else threshold
    return Population(after, (link,), by_filter, name)


def or_pool(
    source: int, shape: Shape, size: Shape, stride: Shape = (), padding: Zeros = (), name: str = ""
) -> Population:
    """Return the maximum pooling of the spikes of population `source`, of `shape`, over windows of `size`, which do not
    overlap unless `stride` says so; what is left over at the end is dropped.

    Examples
    --------
    >>> pool = or_pool(0, shape=(3, 4, 5), size=(2, 2))
    >>> pool.shape, pool.pools
    ((3, 2, 2), True)

    """
    if len(shape) != 1 + len(size):
        raise SteepError(f"a pooling follows a population of shape {shape}")
    link = ConvLink(source, np.ones((shape[0], 1, *size), np.int32), stride or size, padding, groups=shape[0])
    after = link.output_shape(shape)
    return Population(after, (link,), np.full((shape[0], *(1,) * len(size)), 0.5), name)


@dataclass(frozen=True)
class Arrivals:
    """What a link brings to a population: the population that it comes from, its delay in steps, its synapses, ordered
    by source."""

    source: int
    delay: int
    synapses: Synapses


@dataclass(frozen=True)
class ThresholdNetwork:
    """A feed-forward graph of populations of threshold units.

    Attributes
    ----------
    input_shape : of a frame: channels and its sides. The input is population 0.
    populations : in an order in which every link comes from an earlier one; numbered from 1, the last is the output.
    input_top : largest value of an input: 1 for spikes, 255 for currents.
    worth : float64 (output units,): what a potential of 1 is worth in the numbers of the network that was compiled;
        None where only the largest counts.

    Raises
    ------
    SteepError
        when populations do not fit, one has no units, a weight is no integer, a threshold is neither integer nor
        half-integer, or sums could exceed 2^53.

    Examples
    --------
    The exclusive or: the hidden unit fires when both inputs do, and keeps the output silent then. The output sees the
    inputs too, over a link that waits for the hidden unit.

    >>> both = dense(0, np.array([[1, 1]], np.int32), np.array([1.5]))
    >>> links = DenseLink(0, np.array([[1, 1]], np.int32)), DenseLink(1, np.array([[-2]], np.int32))
    >>> network = ThresholdNetwork((2,), (both, Population((1,), links, np.array([0.5]))))
    >>> network.sizes, network.depths
    ([2, 1, 1], [0, 1, 2])
    >>> [arrivals.delay for arrivals in list(network.connections())[1][0]]
    [2, 1]

    """

    input_shape: Shape
    populations: tuple[Population, ...]
    input_top: int = 1
    worth: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check everything that exactness stands on."""
        for number, shape in enumerate(self.shapes):
            if units(shape) < 1 or min(shape, default=0) < 1:
                raise SteepError(f"population {number} (0 is the input) has no units; it needs at least one")
        for number, population in enumerate(self.populations, 1):
            self._check(number, population)
        if self.worth is not None and self.worth.shape != (self.sizes[-1],):
            raise SteepError(f"worth has shape {self.worth.shape}; write a number for each of {self.sizes[-1]} outputs")
        if self.largest_sum >= EXACT_FLOAT64:
            raise SteepError(f"sums of up to {self.largest_sum:.3g} are not exact in float64; use fewer weight bits")

    def _check(self, number: int, population: Population) -> None:
        """Refuse a population that does not fit those before it, or whose sums are not exact."""
        where, shape, threshold = f"population {number}", population.shape, population.threshold
        if not population.links:
            raise SteepError(f"{where} has no link; connect it or leave it out")
        for link in population.links:
            weight = link.entries.weight if isinstance(link, SparseLink) else link.weight
            wanted = {DenseLink: (2,), ConvLink: (3, 4, 5), SparseLink: (1,)}[type(link)]
            if weight.ndim not in wanted:
                raise SteepError(f"{where}: weights have {weight.ndim} axes, not {' or '.join(map(str, wanted))}")
            if weight.dtype != (np.int64 if isinstance(link, SparseLink) else np.int32):
                raise SteepError(f"{where}: weights must be int32 (of sparse links int64), not {weight.dtype}")
            if not 0 <= link.source < number:
                raise SteepError(f"{where} listens to population {link.source}; links come from earlier ones")
            if units(link.output_shape(self.shapes[link.source])) != units(shape):
                raise SteepError(
                    f"{where}, of shape {shape}, gets {link.output_shape(self.shapes[link.source])} from population "
                    f"{link.source}"
                )
        own = (shape[0], *(1,) * (len(shape) - 1))
        if threshold.shape not in (shape, own):
            raise SteepError(f"{where}: thresholds of shape {threshold.shape}, not one for each unit or channel")
        if not np.array_equal(2 * threshold, np.rint(2 * threshold)):
            raise SteepError(f"{where}: a threshold is neither an integer nor a half-integer")

    @property
    def shapes(self) -> list[Shape]:
        """Shapes of the input and of every population."""
        return [self.input_shape, *(population.shape for population in self.populations)]

    @property
    def sizes(self) -> list[int]:
        """Numbers of units of the input and of every population."""
        return [units(shape) for shape in self.shapes]

    @property
    def depths(self) -> list[int]:
        """Steps from the entry of a frame to the spikes of the input (0) and of every population."""
        depths = [0]
        for population in self.populations:
            depths.append(1 + max(depths[link.source] for link in population.links))
        return depths

    @property
    def largest_sum(self) -> float:
        """Bound on twice the magnitude of any partial sum of weights and threshold (twice, because of
        half-integers)."""
        bound = 2.0
        for population in self.populations:
            reach = np.abs(population.threshold)
            for link in population.links:
                top = self.input_top if link.source == 0 else 1
                own, after = link.reach(), link.output_shape(self.shapes[link.source])
                reach = reach + top * (own if after == population.shape else _as_shape(own, after, population.shape))
            bound = max(bound, float(2 * reach.max()))
        return bound

    @property
    def float_dtype(self) -> type[np.floating]:
        """The narrowest floating-point type in which every sum is exact."""
        return np.float32 if self.largest_sum < EXACT_FLOAT32 else np.float64

    def connections(self) -> Iterator[tuple[list[Arrivals], np.ndarray]]:
        """Yield what arrives at each population, and the thresholds of its units, first population first."""
        depths = self.depths
        for number, population in enumerate(self.populations, 1):
            arrivals = [
                Arrivals(
                    link.source,
                    depths[number] - depths[link.source],
                    link.synapses(self.shapes[link.source]).by_source(),
                )
                for link in population.links
            ]
            yield arrivals, population.thresholds()

    def chain(self) -> list[tuple[Link, Population]]:
        """Return the only link of each population, and the population; SteepError unless each listens to the one before
        it and to nothing else."""
        for number, population in enumerate(self.populations):
            if [link.source for link in population.links] != [number]:
                raise SteepError(
                    f"population {number + 1} does not listen to the one before it alone; this works on chains only"
                )
        return [(population.links[0], population) for population in self.populations]

    def save(self, path: Path | str) -> None:
        """Write an NPZ: a JSON description and the arrays ``threshold<n>`` and ``weight<n>.<k>``, n from 1 the
        population, k from 1 the link; of sparse links ``source<n>.<k>`` and ``target<n>.<k>`` besides."""
        kinds = {cls: kind for kind, cls in KINDS.items()}
        arrays: dict[str, np.ndarray] = {}
        described, depths = [], self.depths
        for number, population in enumerate(self.populations, 1):
            links = []
            for which, link in enumerate(population.links, 1):
                delay = depths[number] - depths[link.source]
                links.append({"kind": kinds[type(link)], "source": link.source, "delay": delay} | _geometry(link))
                arrays |= {f"{name}{number}.{which}": array for name, array in _arrays(link).items()}
            arrays[f"threshold{number}"] = population.threshold
            described.append({"name": population.name, "shape": list(population.shape), "links": links})
        description = {
            "format": "steep threshold network 3",
            "input_shape": list(self.input_shape),
            "input_top": self.input_top,
            "neuron": {"fires": "sum > threshold", "leak": 1, "reset": 0},
            "populations": described,
        }
        if self.worth is not None:
            arrays["worth"] = self.worth
        arrays["description"] = np.frombuffer(json.dumps(description, sort_keys=True).encode(), np.uint8)
        write_npz(path, arrays)

    @classmethod
    def load(cls, path: Path | str) -> "ThresholdNetwork":
        """Read what `save` wrote, in this form or the one before it; SteepError when the file is broken."""
        arrays = read_npz(path, ("description",))
        try:
            description = json.loads(arrays["description"].tobytes())
            shape, top = tuple(description["input_shape"]), description["input_top"]
            populations = READERS[description["format"]](description, arrays)
            if not populations:
                raise ValueError("no populations")
            return cls(shape, populations, top, arrays.get("worth"))
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise SteepError(f"{path}: not a threshold network of this version; delete it and run again") from error


def _as_shape(values: np.ndarray, given: Shape, shape: Shape) -> np.ndarray:
    """Return values for each channel or unit of the shape `given` for each unit of a `shape` of as many."""
    return np.broadcast_to(values, given).reshape(shape)


def _arrays(link: Link) -> dict[str, np.ndarray]:
    """Return the arrays of a link, by name."""
    if isinstance(link, SparseLink):
        return {"source": link.entries.source, "target": link.entries.target, "weight": link.entries.weight}
    return {"weight": link.weight}


def _geometry(link: Link) -> dict[str, object]:
    """Return what a link is besides its arrays, for JSON."""
    match link:
        case ConvLink():
            return {
                "stride": list(link.stride),
                "padding": [list(pair) for pair in link.padding],
                "dilation": list(link.dilation),
                "groups": link.groups,
            }
        case DenseLink() | SparseLink():
            return {}
        case _:
            assert_never(link)


def _populations(description: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[Population, ...]:
    """Return the populations that a description and its arrays say; KeyError where there is no such link."""
    found: list[Population] = []
    for number, spec in enumerate(description["populations"], 1):
        shape = tuple(spec["shape"])
        links = tuple(_link(link, arrays, f"{number}.{which}", shape) for which, link in enumerate(spec["links"], 1))
        found.append(Population(shape, links, arrays[f"threshold{number}"], spec["name"]))
    return tuple(found)


def _link(spec: dict[str, Any], arrays: dict[str, np.ndarray], which: str, shape: Shape) -> Link:
    """Return the link that `_geometry` and the arrays of the name `which` describe, to a population of `shape`."""
    kind, source, weight = KINDS[spec["kind"]], spec["source"], arrays[f"weight{which}"]
    if kind is SparseLink:
        return SparseLink(source, Synapses(arrays[f"source{which}"], arrays[f"target{which}"], weight), shape)
    if kind is ConvLink:
        padding = tuple((before, after) for before, after in spec["padding"])
        return ConvLink(source, weight, tuple(spec["stride"]), padding, tuple(spec["dilation"]), spec["groups"])
    return DenseLink(source, weight)


def _old_populations(description: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[Population, ...]:
    """Return the populations of a file of format 2: a chain of layers."""
    shape, found = tuple(description["input_shape"]), []
    for number, spec in enumerate(description["layers"], 1):
        if spec["kind"] == "orpool":
            found.append(or_pool(number - 1, shape, tuple(spec["size"])))
        else:
            weight, threshold = arrays[f"weight{number}"], arrays[f"threshold{number}"]
            link: Link = DenseLink(number - 1, weight)
            if spec["kind"] == "conv":
                padding = tuple((before, after) for before, after in spec["padding"])
                link = ConvLink(number - 1, weight, tuple(spec["stride"]), padding)
                threshold = threshold if threshold.ndim > 1 else threshold[:, None, None]
            elif spec["kind"] != "dense":
                raise KeyError(spec["kind"])
            found.append(Population(link.output_shape(shape), (link,), threshold))
        shape = found[-1].shape
    return tuple(found)


READERS = {"steep threshold network 2": _old_populations, "steep threshold network 3": _populations}
