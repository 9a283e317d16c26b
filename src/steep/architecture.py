"""Architectures as data: a network is a short list of layers in the config, not a class of its own."""

import math
from dataclasses import dataclass
from typing import Any

from steep.errors import SteepError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Dense:
    """Every unit sees every input unit."""

    units: int

    def output_shape(self, shape: Shape) -> Shape:
        """Return (units,)."""
        return (self.units,)


@dataclass(frozen=True)
class Conv:
    """Convolution with stride 1 and no padding; `kernel` is (height, width)."""

    filters: int
    kernel: tuple[int, int]

    def output_shape(self, shape: Shape) -> Shape:
        """Return (filters, height, width)."""
        _, height, width = image_shape(self, shape)
        return (self.filters, height - self.kernel[0] + 1, width - self.kernel[1] + 1)


@dataclass(frozen=True)
class MaxPool:
    """Maximum over windows of `size` (height, width) that do not overlap; rows and columns left over are dropped."""

    size: tuple[int, int]

    def output_shape(self, shape: Shape) -> Shape:
        """Return (channels, height // size, width // size)."""
        channels, height, width = image_shape(self, shape)
        return (channels, height // self.size[0], width // self.size[1])


Layer = Dense | Conv | MaxPool


def image_shape(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Return `shape` as (channels, height, width); SteepError when it is flat."""
    if len(shape) != 3:
        raise SteepError(
            f"{layer} follows a dense layer, which has no rows and columns; put it before the first dense layer"
        )
    return shape


def parse_layers(specs: list[dict[str, Any]]) -> tuple[Layer, ...]:
    """Turn the config's list of layers into typed ones; the schema has checked the keys."""
    kinds = {
        "dense": lambda spec: Dense(spec["units"]),
        "conv": lambda spec: Conv(spec["filters"], tuple(spec["kernel"])),
        "maxpool": lambda spec: MaxPool(tuple(spec["size"])),
    }
    return tuple(kinds[spec["kind"]](spec) for spec in specs)


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
