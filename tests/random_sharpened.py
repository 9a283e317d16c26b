"""Random specifications and deep networks for property-based tests."""

import copy
import random
from typing import Any

import numpy as np
import torch

from steep.errors import SteepError
from steep.networks import DeepNetwork
from steep.threshold.compile import tensor_shapes

LARGEST = 7  # weights in integers up to it; a divisor of 2^15 - 1, so that rounding to 16 bits changes none


def random_layers(rng: random.Random) -> list[dict[str, Any]]:
    """Return up to six layers of any kind, as the config has them; whether they fit is not asked."""
    layers: list[dict[str, Any]] = []
    for _ in range(rng.randint(0, 4)):
        window = [rng.choice((1, 1, 2, 2, 3, 4)) for _ in range(2)]
        if rng.random() < 0.1:
            window[rng.randrange(2)] = rng.choice((5, 11, 28, 100))
        if rng.random() < 0.3:
            layers.append({"kind": "maxpool", "size": window})
            continue
        layers.append({"kind": "conv", "filters": rng.randint(1, 3), "kernel": window})
        if rng.random() < 0.4:
            layers[-1]["stride"] = [rng.choice((1, 1, 2, 3)) for _ in range(2)]
        if rng.random() < 0.7:
            layers[-1]["padding"] = rng.choice(("same", "same", "valid"))
    return layers + [{"kind": "dense", "units": rng.randint(1, 6)} for _ in range(rng.randint(0, 2))]


def random_specification(seed: int, activation: str) -> dict[str, Any]:
    """Return what a small network is: layers, activation, normalisation and the frames it takes."""
    rng = random.Random(seed)
    while True:
        spec = {
            "input_shape": [rng.randint(1, 2), rng.randint(1, 9), rng.randint(1, 9)],
            "full_scale": rng.choice((1, 255)),
            "layers": random_layers(rng),
            "classes": rng.randint(1, 4),
            "activation": activation,
            "batch_normalization": rng.random() < 0.5,
        }
        kinds = [layer["kind"] for layer in spec["layers"]]
        if set(kinds) <= {"maxpool"} or (spec["full_scale"] > 1 and kinds[0] == "maxpool"):
            continue  # nothing to sharpen; currents, which are not pooled
        try:
            tensor_shapes(spec)
        except SteepError:
            continue
        return spec


@torch.no_grad()
def random_network(spec: dict[str, Any], seed: int) -> tuple[DeepNetwork, np.ndarray]:
    """Return a float64 network with integer weights and real biases and statistics, and frames for it, uint8."""
    generator = torch.Generator().manual_seed(seed)
    network = DeepNetwork(spec).double()
    shape = (12, *spec["input_shape"])
    frames = torch.randint(0, spec["full_scale"] + 1, shape, generator=generator).to(torch.uint8)
    for layer in network.hidden:
        weight = layer.linear.weight
        weight.copy_(torch.randint(-LARGEST, LARGEST + 1, weight.shape, generator=generator))
        weight.view(len(weight), -1)[:, 0] = LARGEST
        spread = 2 * weight[0].numel() ** 0.5
        for vector in [layer.linear.bias] if layer.norm is None else [layer.norm.running_mean]:
            vector.copy_(spread * torch.randn(vector.shape, generator=generator, dtype=torch.float64))
        if layer.norm is not None:
            layer.norm.running_var.copy_(spread**2 * torch.rand(len(weight), generator=generator).double())
            layer.norm.weight.copy_(torch.randn(len(weight), generator=generator))
            layer.norm.bias.copy_(torch.randn(len(weight), generator=generator))
    output = network.output.weight
    output.copy_(torch.randn(output.shape, generator=generator))
    return network.eval(), frames.numpy()


def with_activations(network: DeepNetwork, activations: list[torch.nn.Module]) -> DeepNetwork:
    """Return a copy of the network with other activations of its hidden layers."""
    other = copy.deepcopy(network)
    for layer, activation in zip(other.hidden, activations, strict=True):
        layer.activation = activation
    return other
