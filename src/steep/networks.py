"""The trainable network: PyTorch modules built from an architecture."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steep.architecture import Conv, Dense, MaxPool, layer_shapes, parse_layers, units

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


class HiddenLayer(nn.Module):
    """Weights, optional batch normalisation, activation, dropout."""

    def __init__(
        self, linear: nn.Linear | nn.Conv2d, norm: nn.Module | None, activation: nn.Module, dropout: float
    ) -> None:
        """Join the parts; a dense layer flattens what it gets."""
        super().__init__()
        self.linear, self.norm, self.activation, self.dropout = linear, norm, activation, nn.Dropout(dropout)

    def pre_activation(self, x: Tensor) -> Tensor:
        """Return what enters the activation."""
        x = self.linear(x.flatten(1) if isinstance(self.linear, nn.Linear) else x)
        return x if self.norm is None else self.norm(x)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to (frames, ...)."""
        return self.dropout(self.activation(self.pre_activation(x)))


class DeepNetwork(nn.Module):
    """A feed-forward network of hidden layers, poolings and a dense output layer.

    Parameters
    ----------
    spec : what the network is, as stored with its weights
        ``input_shape`` (channels, height, width), ``layers`` (as in the config), ``classes``, ``activation``,
        ``batch_normalization``.
    dropout : probability of dropping a hidden unit during training.
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
        for layer, shape in zip(layers, shapes, strict=False):
            activation = ACTIVATIONS[spec["activation"]]()
            match layer:
                case Dense(count):
                    linear = nn.Linear(units(shape), count, bias=not normalize)
                    block = HiddenLayer(linear, nn.BatchNorm1d(count) if normalize else None, activation, dropout)
                case Conv(filters, kernel):
                    conv = nn.Conv2d(shape[0], filters, kernel, bias=not normalize)
                    block = HiddenLayer(conv, nn.BatchNorm2d(filters) if normalize else None, activation, dropout)
                case MaxPool(size):
                    block = nn.MaxPool2d(size)
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
        return self.output(x.flatten(1))

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


def as_tensor(values: np.ndarray) -> Tensor:
    """Return uint8 frames as a float32 tensor."""
    return torch.from_numpy(values).to(torch.float32)


@torch.no_grad()
def logits(network: DeepNetwork, x: Tensor, batch: int = 1000) -> Tensor:
    """Return the logits of all frames, in evaluation mode, `batch` frames at a time."""
    training = network.training
    network.eval()
    result = torch.cat([network(part) for part in x.split(batch)])
    network.train(training)
    return result
