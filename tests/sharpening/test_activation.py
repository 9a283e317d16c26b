"""The sharpened activation: its limits, its gradient, and that sharpening starts where the original network is."""

import math

import pytest
import torch
from random_sharpened import random_network, random_specification, with_activations

from steep.errors import SteepError
from steep.networks import ACTIVATIONS, DeepNetwork, scaled
from steep.sharpening.activation import (
    SHAPES,
    SharpenedActivation,
    begin_sharpening,
    require_steps,
    set_sharpness,
    sharpened_network,
)

X = torch.linspace(-3, 3, 601, dtype=torch.float64)


def spec(activation: str, layers: list[dict]) -> dict:
    return {
        "input_shape": [1, 6, 6],
        "full_scale": 1,
        "layers": layers,
        "classes": 3,
        "activation": activation,
        "batch_normalization": True,
    }


def at(sharpness: float, **parameters) -> SharpenedActivation:
    module = SharpenedActivation(**parameters)
    module.sharpness.fill_(sharpness)
    return module


def test_equation() -> None:
    found = at(0.75, centre=0.5, slope=2.0)(X)
    torch.testing.assert_close(found, 1 / (1 + torch.exp(-2.0 / 0.25 * (X - 0.5))))


def test_equation_of_the_ramp() -> None:
    found = at(0.75, centre=0.5, slope=2.0, shape="ramp")(X)
    torch.testing.assert_close(found, (2.0 / 0.25 / 4 * (X - 0.5) + 0.5).clamp(0, 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_sharpness_one_is_a_step_that_is_zero_at_its_place(shape: str) -> None:
    found = at(1.0, centre=0.5, shape=shape)(torch.tensor([0.4999, 0.5, 0.5001]))
    assert found.tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_converges_to_the_step_everywhere_else(shape: str) -> None:
    step = at(1.0, shape=shape)(X)
    away = X.abs() > 0.05
    distances = [float((at(s, shape=shape)(X) - step)[away].abs().max()) for s in (0.0, 0.5, 0.9, 0.99, 0.999)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-12


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sharpness", [0.0, 0.4])
def test_gradient_is_the_derivative_while_it_is_wide_enough(sharpness: float, shape: str) -> None:
    module = at(sharpness, centre=0.2, slope=1.5, surrogate_slope=2.0, shape=shape)
    assert torch.autograd.gradcheck(module, X[7::40].clone().requires_grad_())


@pytest.mark.parametrize("sharpness", [0.8, 0.99, 1.0])
def test_gradient_never_gets_narrower_than_asked(sharpness: float) -> None:
    x = X.clone().requires_grad_()
    at(sharpness, centre=0.2, slope=1.5, surrogate_slope=2.0)(x).sum().backward()
    s = torch.sigmoid(3.0 * (X - 0.2))
    torch.testing.assert_close(x.grad, 3.0 * s * (1 - s))


@pytest.mark.parametrize("sharpness", [0.8, 0.99, 1.0])
def test_gradient_of_the_ramp_is_a_box(sharpness: float) -> None:
    """Slope 3 at most: gradient 3/4 within 2/3 of the centre, nothing outside."""
    x = X.clone().requires_grad_()
    at(sharpness, centre=0.2, slope=1.5, surrogate_slope=2.0, shape="ramp")(x).sum().backward()
    torch.testing.assert_close(x.grad, 0.75 * ((X - 0.2).abs() < 2 / 3).double())


EXACT = [("sigmoid", "sigmoid"), ("tanh", "sigmoid"), ("bounded_relu", "ramp")]


@pytest.mark.parametrize(("activation", "shape"), EXACT)
@pytest.mark.parametrize("normalize", [True, False])
def test_sharpening_a_bounded_network_starts_at_the_network_itself(
    activation: str, shape: str, normalize: bool
) -> None:
    torch.manual_seed(0)
    layers = [
        {"kind": "conv", "filters": 2, "kernel": [3, 3]},
        {"kind": "maxpool", "size": [2, 2]},
        {"kind": "dense", "units": 5},
    ]
    network = DeepNetwork(spec(activation, layers) | {"batch_normalization": normalize})
    x = (torch.rand(50, 1, 6, 6) < 0.5).float()
    with torch.no_grad():
        network(x)  # statistics that are not the initial ones
        network.eval()
        before, activations = network(x), network.activations(x)
        scales = begin_sharpening(network, x, 2.0, shape)
        assert scales == [(2.0, -1.0) if activation == "tanh" else (1.0, 0.0)] * 2
        torch.testing.assert_close(network(x), before)
        for a, b, (scale, offset) in zip(activations, network.activations(x), scales, strict=True):
            torch.testing.assert_close(scale * b + offset, a)


class Moved(torch.nn.Module):
    """What a sharpened activation stands for in the original network."""

    def __init__(self, activation: torch.nn.Module, scale: float, offset: float) -> None:
        super().__init__()
        self.activation, self.scale, self.offset = activation, scale, offset

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * self.activation(x) + self.offset


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(20))
def test_where_sharpening_begins_only_the_activations_are_others(activation: str, shape: str, seed: int) -> None:
    """Whatever the activation, the padding, stride, kernel, pooling and normalisation: scales and offsets that move
    into other layers change no logit."""
    spec = random_specification(seed, activation)
    network, frames = random_network(spec, seed)
    x = scaled(torch.from_numpy(frames), spec["full_scale"]).double()
    original = with_activations(network, [layer.activation for layer in network.hidden])
    scales = begin_sharpening(network, x, 2.0, shape)
    moved = [Moved(layer.activation, *scale) for layer, scale in zip(network.hidden, scales, strict=True)]
    with torch.no_grad():
        torch.testing.assert_close(network(x), with_activations(original, moved)(x), rtol=1e-9, atol=1e-9)
        if (activation, shape) in EXACT:
            torch.testing.assert_close(network(x), original(x), rtol=1e-9, atol=1e-9)


def test_tanh_units_are_padded_with_what_zero_becomes() -> None:
    """Three padded convolutions, of which the first sees frames; float32, as trained."""
    torch.manual_seed(0)
    layers = [{"kind": "conv", "filters": 3, "kernel": [3, 4], "padding": "same"}] * 3
    network = DeepNetwork(spec("tanh", layers)).eval()
    x = (torch.rand(20, 1, 6, 6) < 0.5).float()
    with torch.no_grad():
        before = network(x)
        begin_sharpening(network, x, 2.0, "sigmoid")
        torch.testing.assert_close(network(x), before)


def test_a_stored_network_tells_how_sharp_it_is() -> None:
    network = DeepNetwork(spec("relu", [{"kind": "dense", "units": 8}, {"kind": "dense", "units": 4}]))
    begin_sharpening(network, torch.ones(30, 1, 6, 6), 2.0, "sigmoid")
    for sharpness in ((1.0, 0.5), (1.0, 1.0)):
        set_sharpness(network, sharpness)
        stored = sharpened_network(network.spec)
        stored.load(network.tensors())
        assert [float(layer.activation.sharpness) for layer in stored.hidden] == [*sharpness]
        if sharpness == (1.0, 1.0):
            require_steps(stored)
        else:
            with pytest.raises(SteepError, match=r"hidden layer 2 has sharpness 0\.5, not 1"):
                require_steps(stored)


@pytest.mark.parametrize("shape", SHAPES)
def test_sharpening_a_relu_network_touches_its_ramp_in_the_middle(shape: str) -> None:
    """With m the ceiling, the value and derivative at m/2 are those of x/m, and the next layer's weights
    grew by m."""
    torch.manual_seed(0)
    network = DeepNetwork(spec("relu", [{"kind": "dense", "units": 40}]))
    x = (torch.rand(400, 1, 6, 6) < 0.5).float()
    network.eval()
    weight = network.output.weight.detach().clone()
    ((ceiling, offset),) = begin_sharpening(network, x, math.inf, shape)
    assert offset == 0
    activations = torch.relu(network.blocks[0].pre_activation(x))
    positive = activations[activations > 0]
    assert float((positive <= ceiling).float().mean()) == pytest.approx(0.99, abs=0.001)
    middle = torch.tensor([ceiling / 2], requires_grad=True)
    value = network.blocks[0].activation(middle)
    value.backward()
    assert float(value.detach()) == pytest.approx(0.5) and float(middle.grad) == pytest.approx(1 / ceiling)
    torch.testing.assert_close(network.output.weight.detach(), weight * ceiling)


def test_a_recipe_may_lower_the_ceiling() -> None:
    torch.manual_seed(0)
    network = DeepNetwork(spec("relu", [{"kind": "dense", "units": 40}])).eval()
    x = (torch.rand(400, 1, 6, 6) < 0.5).float()
    (before,) = network.activations(x)
    ((ceiling, _),) = begin_sharpening(network, x, 2.0, "ramp", ceiling_quantile=0.8)
    assert float((before[before > 0] <= ceiling).float().mean()) == pytest.approx(0.8, abs=0.001)
    set_sharpness(network, (1.0,))
    assert torch.equal(network.activations(x)[0] > 0, before > ceiling / 2)


def test_a_relu_cut_at_its_ceiling_is_the_ramp() -> None:
    torch.manual_seed(0)
    network = DeepNetwork(spec("relu", [{"kind": "dense", "units": 40}])).eval()
    x = (torch.rand(400, 1, 6, 6) < 0.5).float()
    (before,) = network.activations(x)
    ((ceiling, _),) = begin_sharpening(network, x, 2.0, "ramp")
    torch.testing.assert_close(ceiling * network.activations(x)[0], before.clamp(max=ceiling))


def test_a_sharpened_network_is_binary_and_keeps_its_step_positions(tmp_path) -> None:
    torch.manual_seed(0)
    network = DeepNetwork(spec("relu", [{"kind": "dense", "units": 8}, {"kind": "dense", "units": 4}]))
    x = (torch.rand(30, 1, 6, 6) < 0.5).float()
    begin_sharpening(network, x, 2.0, "sigmoid")
    set_sharpness(network, (1.0, 1.0))
    again = sharpened_network(network.spec)
    again.load_state_dict(network.state_dict())
    for a, b in zip(network.activations(x), again.activations(x), strict=True):
        assert set(a.unique().tolist()) <= {0.0, 1.0}
        assert torch.equal(a, b)


def test_an_original_network_has_no_sharpness() -> None:
    network = DeepNetwork(spec("relu", [{"kind": "dense", "units": 2}]))
    with pytest.raises(SteepError, match="has its original activations; sharpen it first"):
        require_steps(network)
