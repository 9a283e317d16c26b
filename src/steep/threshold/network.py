"""Integer networks of threshold units, in which one frame takes one step per layer.

A unit j of layer l fires for a frame when the spikes of the layer before it satisfy, strictly,

    sum_i w_ij s_i > theta_j,     w integer,  theta integer or half-integer,  s 0 or 1.

Where frames are currents and not spikes, s of the input is an integer from 0 to 255: the current injected into unit j
of the first layer is sum_i w_ij s_i, an integer too.

A unit keeps nothing from one step to the next (full leak, reset to 0), a synapse takes one step (delay 1). Sums of
integers are exact in float32 below 2^24 and in float64 below 2^53 whatever the order of summation, so two simulators
of one threshold network give the same spikes or one of them is wrong. With half-integer theta, which is what
compilation writes, no sum ever equals its threshold.

The output layer consists of such units too. Readout ``potential`` is the class with the largest sum_i w_ij s_i -
theta_j; of equals the lowest class.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, assert_never

import numpy as np

from steep.architecture import Pair, Shape, convolved, pooled, units
from steep.errors import SteepError
from steep.files import read_npz, write_npz

EXACT_FLOAT32 = 2**24
EXACT_FLOAT64 = 2**53


@dataclass(frozen=True)
class Synapses:
    """Connections of one layer, one entry each: int64 indices into the flattened layers before and after, int64
    weights."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def by_source(self) -> "Synapses":
        """Return the same, all of a source's next to each other: the order in which spikes are delivered."""
        order = np.argsort(self.source, kind="stable")
        return Synapses(self.source[order], self.target[order], self.weight[order])


@dataclass(frozen=True)
class DenseLayer:
    """Every unit sees every unit of the layer before: weight int32 (units, inputs), threshold float64 (units,)."""

    weight: np.ndarray
    threshold: np.ndarray

    def output_shape(self, shape: Shape) -> Shape:
        """Return (units,)."""
        if self.weight.shape[1] != units(shape):
            raise SteepError(f"a dense layer for {self.weight.shape[1]} inputs follows a layer of {units(shape)} units")
        return (len(self.weight),)

    def unit_thresholds(self, shape: Shape) -> np.ndarray:
        """Return theta of every unit, float64 (units,)."""
        return self.threshold

    def synapse_count(self, shape: Shape) -> int:
        """Return the number of connections from a layer of `shape`, at most: those with weight zero count too."""
        return self.weight.size

    def synapses(self, shape: Shape) -> Synapses:
        """Return the connections from a layer of `shape`; weights of zero are left out."""
        target, source = np.nonzero(self.weight)
        return Synapses(source, target, self.weight[target, source].astype(np.int64))


@dataclass(frozen=True)
class ConvLayer:
    """Convolution: weight int32 (filters, channels, height, width), threshold float64 (filters,), or one for each unit
    (filters, height, width), stride (height, width), padding: silent units (above, below) and (left, right)."""

    weight: np.ndarray
    threshold: np.ndarray
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))

    def output_shape(self, shape: Shape) -> Shape:
        """Return (filters, height, width)."""
        filters, channels, height, width = self.weight.shape
        sides = convolved(shape[1:], (height, width), self.stride, self.padding) if len(shape) == 3 else (0, 0)
        if len(shape) != 3 or shape[0] != channels or min(sides) < 1:
            raise SteepError(
                f"a convolution of {channels} channels, {height}x{width}, follows a layer of shape {shape}"
            )
        return (filters, *sides)

    @property
    def threshold_map(self) -> np.ndarray:
        """The thresholds as float64 (filters, height, width), or (filters, 1, 1) where a filter's are all the same."""
        return self.threshold if self.threshold.ndim == 3 else self.threshold[:, None, None]

    def unit_thresholds(self, shape: Shape) -> np.ndarray:
        """Return theta of every unit, float64 (units,)."""
        return np.broadcast_to(self.threshold_map, self.output_shape(shape)).ravel()

    def synapse_count(self, shape: Shape) -> int:
        """Return the number of connections from a layer of `shape`, at most: those to padding and with weight zero
        count too."""
        _, height, width = self.output_shape(shape)
        return self.weight.size * height * width

    def synapses(self, shape: Shape) -> Synapses:
        """Return the connections from a layer of `shape`; weights of zero are left out."""
        outputs = np.arange(units(self.output_shape(shape))).reshape(self.output_shape(shape))
        inputs = np.arange(units(shape)).reshape(shape)
        inputs = np.pad(inputs, ((0, 0), *self.padding), constant_values=-1)  # -1: no unit, and no synapse
        parts: list[Synapses] = []
        rows, columns = (step * np.arange(count) for step, count in zip(self.stride, outputs.shape[1:], strict=True))
        for (filter_, channel, row, column), weight in np.ndenumerate(self.weight):
            if weight:
                source = inputs[channel, row + rows[:, None], column + columns].ravel()
                target = outputs[filter_].ravel()[source >= 0]
                parts.append(Synapses(source[source >= 0], target, np.full(len(target), weight, np.int64)))
        return join(parts)


@dataclass(frozen=True)
class OrPoolLayer:
    """Maximum pooling of spikes: a unit fires when any of its window of `size` (height, width) fires (weights 1,
    theta 1/2)."""

    size: Pair

    def output_shape(self, shape: Shape) -> Shape:
        """Return (channels, height // size, width // size)."""
        if len(shape) != 3:
            raise SteepError(f"a pooling follows a layer of shape {shape}")
        return pooled(shape, self.size)

    def unit_thresholds(self, shape: Shape) -> np.ndarray:
        """Return 1/2 for every unit, float64 (units,)."""
        return np.full(units(self.output_shape(shape)), 0.5)

    def synapse_count(self, shape: Shape) -> int:
        """Return the number of connections from a layer of `shape`."""
        return units(self.output_shape(shape)) * self.size[0] * self.size[1]

    def synapses(self, shape: Shape) -> Synapses:
        """Return the connections from a layer of `shape`, all of weight 1."""
        channels, height, width = self.output_shape(shape)
        outputs = np.arange(channels * height * width).reshape(channels, height, width)
        inputs = np.arange(units(shape)).reshape(shape)[:, : height * self.size[0], : width * self.size[1]]
        target = outputs.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2).ravel()
        return Synapses(inputs.ravel(), target, np.ones(inputs.size, np.int64))


WeightedLayer = DenseLayer | ConvLayer
ThresholdLayer = WeightedLayer | OrPoolLayer
KINDS: dict[str, type[ThresholdLayer]] = {"dense": DenseLayer, "conv": ConvLayer, "orpool": OrPoolLayer}


def join(parts: list[Synapses]) -> Synapses:
    """Put several sets of connections into one."""
    nothing = np.zeros(0, np.int64)
    return Synapses(
        np.concatenate([nothing, *(part.source for part in parts)]),
        np.concatenate([nothing, *(part.target for part in parts)]),
        np.concatenate([nothing, *(part.weight for part in parts)]),
    )


def _geometry(layer: ThresholdLayer) -> dict[str, object]:
    """Return what a layer is besides its arrays, for JSON."""
    match layer:
        case OrPoolLayer(size):
            return {"size": list(size)}
        case ConvLayer():
            return {"stride": list(layer.stride), "padding": [list(pair) for pair in layer.padding]}
        case DenseLayer():
            return {}
        case _:
            assert_never(layer)


def _layer(spec: dict[str, Any], arrays: dict[str, np.ndarray], number: int) -> ThresholdLayer:
    """Return the layer that `_geometry` and the arrays describe; KeyError where there is none of its kind."""
    kind = KINDS[spec["kind"]]
    if kind is OrPoolLayer:
        return OrPoolLayer(tuple(spec["size"]))
    stored = arrays[f"weight{number}"], arrays[f"threshold{number}"]
    if kind is ConvLayer:
        (above, below), (left, right) = spec["padding"]
        return ConvLayer(*stored, tuple(spec["stride"]), ((above, below), (left, right)))
    return DenseLayer(*stored)


@dataclass(frozen=True)
class ThresholdNetwork:
    """A chain of threshold layers.

    Attributes
    ----------
    input_shape : channels, height, width of a frame.
    layers : first hidden layer to output layer.
    input_top : largest value of an input: 1 for spikes, 255 for currents.

    Raises
    ------
    SteepError
        when layers do not fit, one has no units, a weight is no integer, a threshold is neither integer nor
        half-integer, or sums could exceed 2^53.

    """

    input_shape: Shape
    layers: tuple[ThresholdLayer, ...]
    input_top: int = 1

    def __post_init__(self) -> None:
        """Check everything that exactness stands on."""
        if self.input_top > 1 and self.layers and isinstance(self.layers[0], OrPoolLayer):
            raise SteepError("a pooling cannot come first where the input is currents; it pools spikes")
        for number, size in enumerate(self.sizes):
            if size < 1:
                raise SteepError(f"layer {number} (0 is the input) has no units; it needs at least one")
        for number, layer in enumerate(self.layers, 1):
            if not isinstance(layer, WeightedLayer):
                continue
            axes = 4 if isinstance(layer, ConvLayer) else 2
            if layer.weight.ndim != axes:
                raise SteepError(f"layer {number}: weights have {layer.weight.ndim} axes, not {axes}")
        for number, (layer, shape) in enumerate(zip(self.layers, self.shapes[1:], strict=True), 1):
            if not isinstance(layer, WeightedLayer):
                continue
            shapes = [layer.weight.shape[:1], *([shape] if isinstance(layer, ConvLayer) else [])]
            if layer.weight.dtype != np.int32 or layer.threshold.shape not in shapes:
                raise SteepError(f"layer {number}: weights must be int32 with one threshold per unit or filter")
            if not np.array_equal(2 * layer.threshold, np.rint(2 * layer.threshold)):
                raise SteepError(f"layer {number}: a threshold is neither an integer nor a half-integer")
        if self.largest_sum >= EXACT_FLOAT64:
            raise SteepError(f"sums of up to {self.largest_sum:.3g} are not exact in float64; use fewer weight bits")

    @property
    def shapes(self) -> list[Shape]:
        """Shapes of the input and of every layer."""
        shapes = [self.input_shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return shapes

    @property
    def sizes(self) -> list[int]:
        """Numbers of units of the input and of every layer."""
        return [units(shape) for shape in self.shapes]

    @property
    def largest_sum(self) -> float:
        """Bound on twice the magnitude of any partial sum of weights and threshold (twice, because of
        half-integers)."""
        bound = 2.0 * max(
            [1, *(layer.size[0] * layer.size[1] for layer in self.layers if isinstance(layer, OrPoolLayer))]
        )
        for number, layer in enumerate(self.layers):
            if isinstance(layer, WeightedLayer) and layer.weight.size:
                reach = np.abs(layer.weight.reshape(len(layer.weight), -1).astype(np.float64)).sum(1)
                reach = reach * (self.input_top if number == 0 else 1)
                height = np.abs(layer.threshold.reshape(len(reach), -1)).max(1)
                bound = max(bound, float((2 * (reach + height)).max()))
        return bound

    @property
    def float_dtype(self) -> type[np.floating]:
        """The narrowest floating-point type in which every sum is exact."""
        return np.float32 if self.largest_sum < EXACT_FLOAT32 else np.float64

    def connections(self) -> Iterator[tuple[Synapses, np.ndarray]]:
        """Yield the synapses into each layer, ordered by source, and the thresholds of its units, first layer first."""
        for layer, (before, _) in zip(self.layers, pairwise(self.shapes), strict=True):
            yield layer.synapses(before).by_source(), layer.unit_thresholds(before)

    def save(self, path: Path | str) -> None:
        """Write an NPZ: a JSON description and the arrays ``weight<n>`` and ``threshold<n>``, n from 1."""
        kinds = {cls: kind for kind, cls in KINDS.items()}
        description = {
            "format": "steep threshold network 2",
            "input_shape": list(self.input_shape),
            "input_top": self.input_top,
            "neuron": {"fires": "sum > threshold", "leak": 1, "reset": 0, "delay": 1},
            "layers": [{"kind": kinds[type(layer)]} | _geometry(layer) for layer in self.layers],
        }
        arrays = {"description": np.frombuffer(json.dumps(description, sort_keys=True).encode(), np.uint8)}
        for number, layer in enumerate(self.layers, 1):
            if isinstance(layer, WeightedLayer):
                arrays |= {f"weight{number}": layer.weight, f"threshold{number}": layer.threshold}
        write_npz(path, arrays)

    @classmethod
    def load(cls, path: Path | str) -> "ThresholdNetwork":
        """Read what `save` wrote; SteepError when the file is broken."""
        arrays = read_npz(path, ("description",))
        try:
            description = json.loads(arrays["description"].tobytes())
            layers = tuple(_layer(spec, arrays, number) for number, spec in enumerate(description["layers"], 1))
            if not layers:
                raise ValueError("no layers")
            return cls(tuple(description["input_shape"]), layers, description["input_top"])
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise SteepError(f"{path}: not a threshold network of this version; delete it and run again") from error
