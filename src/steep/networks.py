"""The trainable network: PyTorch modules built from an architecture."""

from collections.abc import Callable
from typing import Any, assert_never, cast

import numpy as np
import torch
from torch import Tensor, nn

from steep.architecture import (
    BATCH_NORM_EPS,
    Conv,
    Dense,
    MaxPool,
    Pair,
    Shape,
    dense_reads,
    layer_shapes,
    parse_layers,
    units,
)
from steep.errors import SteepError
from steep.frames import Frames

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # 0.01 of the pre-activation below 0, PyTorch's default
    "bounded_relu": lambda: nn.Hardtanh(0.0, 1.0),
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}
Norm = nn.BatchNorm1d | nn.BatchNorm2d


class HiddenLayer(nn.Module):
    """Weights, optional batch normalisation, pooling, activation, dropout.

    A pooling that follows the layer belongs to it and takes the largest pre-activation of its window: activations are
    monotonic, so this is the largest activation, and where several units of a window are saturated or silent the
    gradient still goes to the one nearest to its threshold.
    """

    def __init__(self, linear: nn.Linear | nn.Conv2d, norm: Norm | None, activation: nn.Module, dropout: float) -> None:
        """Join the parts; a dense layer flattens what it gets."""
        super().__init__()
        self.linear, self.norm, self.activation, self.dropout = linear, norm, activation, nn.Dropout(dropout)
        self.zeros: nn.Module = nn.Identity()
        self.pool: nn.Module = nn.Identity()

    def pad_with(self, value: float) -> None:
        """Put `value` in the place of the zeros around the input; a dense layer has none."""
        if value and isinstance(self.linear, nn.Conv2d):
            high, wide = cast(Pair, self.linear.padding)  # numbers, as `convolution` makes it
            around = getattr(self.zeros, "padding", (wide, wide, high, high))
            self.zeros, self.linear.padding = nn.ConstantPad2d(around, value), (0, 0)

    def pre_activation(self, x: Tensor) -> Tensor:
        """Return what enters the activation."""
        x = self.linear(x.flatten(1) if isinstance(self.linear, nn.Linear) else self.zeros(x))
        pooled: Tensor = self.pool(x if self.norm is None else self.norm(x))
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to (frames, ...)."""
        activations: Tensor = self.dropout(self.activation(self.pre_activation(x)))
        return activations


class DeepNetwork(nn.Module):
    """A feed-forward network of hidden layers, poolings and a dense output layer.

    Parameters
    ----------
    spec : what the network is, as stored with its weights
        ``input_shape`` (channels, height, width), ``full_scale`` (of the frames, see `Frames`), ``layers`` (as in the
        config), ``classes``, ``activation``, ``batch_normalization``.
    dropout : probability of dropping a hidden unit during training, of the layers that a dense layer reads; in feature
        maps that a convolution reads, single units tell little that their neighbours do not.
    input_dropout : probability of dropping an input during training.

    """

    def __init__(self, spec: dict[str, Any], dropout: float = 0.0, input_dropout: float = 0.0) -> None:
        """Build the layers with PyTorch's default initial weights."""
        super().__init__()
        self.spec = spec
        self.input_dropout = nn.Dropout(input_dropout)
        layers = parse_layers(spec["layers"])
        shapes = layer_shapes(tuple(spec["input_shape"]), layers, spec["classes"])
        normalize = spec["batch_normalization"]
        self.blocks = nn.ModuleList()
        for number, (layer, shape) in enumerate(zip(layers, shapes, strict=False)):
            activation = ACTIVATIONS[spec["activation"]]()
            dropped = dropout if dense_reads(layers, number) else 0.0
            block: HiddenLayer | nn.MaxPool2d | nn.Identity
            match layer:
                case Dense(count):
                    linear = nn.Linear(units(shape), count, bias=not normalize)
                    by_unit = nn.BatchNorm1d(count, BATCH_NORM_EPS) if normalize else None
                    block = HiddenLayer(linear, by_unit, activation, dropped)
                case Conv(filters):
                    conv, zeros = convolution(layer, shape, bias=not normalize)
                    by_filter = nn.BatchNorm2d(filters, BATCH_NORM_EPS) if normalize else None
                    block = HiddenLayer(conv, by_filter, activation, dropped)
                    block.zeros = zeros
                case MaxPool(size):
                    block = nn.MaxPool2d(size)
                    if self.blocks and isinstance(before := self.blocks[-1], HiddenLayer):
                        before.pool, block = block, nn.Identity()  # keeps the numbers of the layers
                case _:
                    assert_never(layer)
            self.blocks.append(block)
        self.output = nn.Linear(units(shapes[-2]), spec["classes"])

    @property
    def hidden(self) -> list[HiddenLayer]:
        """The hidden layers that have an activation, first layer first."""
        return [block for block in self.blocks if isinstance(block, HiddenLayer)]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (frames, classes) for float32 frames (frames, channels, height, width)."""
        x = self.input_dropout(x)
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.output(x.flatten(1))
        return scores

    @torch.no_grad()
    def activations(self, x: Tensor) -> list[Tensor]:
        """Return the activations of every hidden layer that has one, in evaluation mode, for frames `x`."""
        training = self.training
        self.eval()
        found = []
        for block in self.blocks:
            x = block(x)
            if isinstance(block, HiddenLayer):
                found.append(x)
        self.train(training)
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """Return parameters and buffers as arrays, to be saved."""
        return {name: tensor.numpy() for name, tensor in self.state_dict().items()}

    def load(self, tensors: dict[str, np.ndarray]) -> None:
        """Take over what `tensors` returned; SteepError when it is another network's."""
        try:
            self.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
        except RuntimeError as error:
            wrong = " ".join(str(error).split("\n")[1:2]).strip()
            raise SteepError(f"the tensors are not those of the network they should be: {wrong}") from error


def convolution(layer: Conv, shape: Shape, bias: bool) -> tuple[nn.Conv2d, nn.Module]:
    """Return a convolution and what puts zeros around its input where PyTorch's convolution cannot."""
    (above, below), (left, right) = layer.padding(shape)
    even = above == below and left == right
    conv = nn.Conv2d(
        shape[0], layer.filters, layer.kernel, layer.stride, padding=(above, left) if even else 0, bias=bias
    )
    return conv, nn.Identity() if even else nn.ZeroPad2d((left, right, above, below))


def scaled(values: Tensor, full_scale: int) -> Tensor:
    """Return uint8 frames as float32, full scale as 1."""
    x = values.to(torch.float32)
    return x if full_scale == 1 else x.div_(full_scale)


def as_tensor(frames: Frames) -> Tensor:
    """Return the values of frames as a float32 tensor, full scale as 1."""
    return scaled(torch.from_numpy(frames.values), frames.full_scale)


@torch.no_grad()
def logits(network: DeepNetwork, x: Tensor, batch: int = 1000) -> Tensor:
    """Return the logits of all frames, in evaluation mode, `batch` frames at a time."""
    training = network.training
    network.eval()
    result = torch.cat([network(part) for part in x.split(batch)])
    network.train(training)
    return result
