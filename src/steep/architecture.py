"""Architectures as data: a network is a short list of layers in the config, not a class of its own."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from steep.errors import SteepError

Shape = tuple[int, ...]
Pair = tuple[int, int]
BATCH_NORM_EPS = 1e-5  # added to a variance before its root: training and compilation mean the same


@dataclass(frozen=True)
class Dense:
    """Every unit sees every input unit."""

    units: int

    def output_shape(self, shape: Shape) -> Shape:
        """Return (units,)."""
        return (self.units,)

    def weight_shape(self, shape: Shape) -> Shape:
        """Return the shape of the weights behind an input of `shape`, (units, inputs)."""
        return (self.units, units(shape))


@dataclass(frozen=True)
class Conv:
    """Convolution; `kernel` and `stride` are (height, width).

    Without padding (`same` false), windows lie inside the image. With it, zeros are put around the image so that the
    output has ceil(side / stride) rows and columns; an odd zero goes below or to the right, as in TensorFlow.
    """

    filters: int
    kernel: Pair
    stride: Pair = (1, 1)
    same: bool = False

    def padding(self, shape: Shape) -> tuple[Pair, Pair]:
        """Return the zeros put (above, below) and (left, right) of an input of `shape`."""
        _, *sides = image_shape(self, shape)
        if not self.same:
            return (0, 0), (0, 0)
        pairs = []
        for side, kernel, stride in zip(sides, self.kernel, self.stride, strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pairs.append((total // 2, total - total // 2))
        return pairs[0], pairs[1]

    def output_shape(self, shape: Shape) -> Shape:
        """Return (filters, height, width)."""
        _, *sides = image_shape(self, shape)
        return (self.filters, *convolved(sides, self.kernel, self.stride, self.padding(shape)))

    def weight_shape(self, shape: Shape) -> Shape:
        """Return the shape of the weights behind an input of `shape`, (filters, channels, height, width)."""
        return (self.filters, image_shape(self, shape)[0], *self.kernel)


@dataclass(frozen=True)
class MaxPool:
    """Maximum over windows of `size` (height, width) that do not overlap; rows and columns left over are dropped."""

    size: Pair

    def output_shape(self, shape: Shape) -> Shape:
        """Return (channels, height // size, width // size)."""
        return pooled(image_shape(self, shape), self.size)


Weighted = Dense | Conv
Layer = Weighted | MaxPool


def convolved(sides: Sequence[int], kernel: Pair, stride: Pair, padding: tuple[Pair, Pair]) -> Pair:
    """Return height and width after a convolution of an image with these sides; below 1 where no window fits."""
    height, width = (
        (side + sum(zeros) - size) // step + 1
        for side, size, step, zeros in zip(sides, kernel, stride, padding, strict=True)
    )
    return height, width


def pooled(shape: tuple[int, int, int], size: Pair) -> tuple[int, int, int]:
    """Return channels, height and width after a pooling of windows of `size`; what is left over is dropped."""
    channels, height, width = shape
    return channels, height // size[0], width // size[1]


def image_shape(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Return `shape` as (channels, height, width); SteepError when it is flat."""
    if len(shape) != 3:
        raise SteepError(
            f"{layer} follows a dense layer, which has no rows and columns; put it before the first dense layer"
        )
    channels, height, width = shape
    return channels, height, width


def parse_layers(specs: list[dict[str, Any]]) -> tuple[Layer, ...]:
    """Turn the config's list of layers into typed ones; the schema has checked the keys."""
    kinds: dict[str, Callable[[dict[str, Any]], Layer]] = {
        "dense": lambda spec: Dense(spec["units"]),
        "conv": lambda spec: Conv(
            spec["filters"], tuple(spec["kernel"]), tuple(spec.get("stride", (1, 1))), spec.get("padding") == "same"
        ),
        "maxpool": lambda spec: MaxPool(tuple(spec["size"])),
    }
    return tuple(kinds[spec["kind"]](spec) for spec in specs)


def dense_reads(layers: Sequence[Layer], number: int) -> bool:
    """Return whether what layer `number` gives, poolings behind it aside, is read by a dense layer; the output layer is
    one."""
    reader = next((layer for layer in layers[number + 1 :] if isinstance(layer, Weighted)), None)
    match reader:
        case Conv():
            return False
        case Dense() | None:
            return True
        case _:
            assert_never(reader)


def layer_shapes(input_shape: Shape, layers: tuple[Layer, ...], outputs: int) -> list[Shape]:
    """Return the shapes of the input, of every hidden layer and of the dense output layer with `outputs` units.

    Raises
    ------
    SteepError
        when a layer does not fit the one before it.

    """
    shapes: list[Shape] = [input_shape]
    for layer in layers:
        shape = layer.output_shape(shapes[-1])
        if min(shape) < 1:
            raise SteepError(f"{layer} does not fit its input of shape {shapes[-1]}; write a smaller window")
        shapes.append(shape)
    return [*shapes, (outputs,)]


def units(shape: Shape) -> int:
    """Return the number of units of a shape."""
    return math.prod(shape)
