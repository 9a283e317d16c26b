"""The sharpened activation: an activation with a sharpness.

Every hidden unit of an ordinary network, with activation f and pre-activation x, is given

    a(x; s) = S(k (x - c)),    k = k0 / (1 - s),    s the sharpness, 0 <= s < 1
    a(x; 1) = 1 if x > c else 0

with S one of two shapes that have the same slope in their middle:

    sigmoid   S(u) = 1 / (1 + exp(-u))
    ramp      S(u) = min(max(u / 4 + 1/2, 0), 1)

(the talk: "augment existing deep network with extra sigmoid layer (one-to-one)", "sharpen sigmoid neurons to the
point where they essentially become (spike-like) step functions"; the ramp is the bounded ReLU of Whetstone, Severa et
al., 2019). The original activation is replaced by scale * a(x; 0) + offset, whose scale and offset move into the
weights and the bias of the layer after. How c, k0, scale and offset follow from f is this study's choice:

- sigmoid: c = 0, k0 = 1, scale 1, offset 0. With shape sigmoid, sharpness 0 is the ordinary network itself.
- tanh: c = 0, k0 = 2, scale 2, offset -1. Likewise. The zeros around a padded image of such units become 1/2, neither
  silent nor active: a constant, which compilation moves into the thresholds of the units at the border.
- bounded ReLU, min(max(x, 0), 1): c = 1/2, k0 = 4, scale 1, offset 0. With shape ramp, sharpness 0 is the ordinary
  network itself.
- ReLU and leaky ReLU: with m the layer's *ceiling* (a high quantile of its positive activations on training
  frames, 0.99 unless the recipe says otherwise: a lower one makes more units fire), c = m/2, k0 = 4/m, scale m,
  offset 0: the ramp is the ReLU cut at m, the sigmoid touches it in its middle.
"""

import math
from typing import Any, assert_never, get_args

import numpy as np
import torch
from torch import Tensor, nn

from steep.errors import SteepError
from steep.networks import DeepNetwork, HiddenLayer, Norm
from steep.recipes import CEILING_QUANTILE, StepShape
from steep.sharpening.starts import STARTS, UNBOUNDED, padding_value

CALIBRATION_FRAMES = 1000


class _Sharpened(torch.autograd.Function):
    """A sharpened activation with a backward pass that never gets narrower than a given slope.

    The derivative of a steep activation is zero nearly everywhere, so that saturated units stop learning. Past the
    slope `surrogate_slope` the backward pass uses the derivative of the activation with that slope instead: a
    surrogate gradient (Neftci, Mostafa, Zenke, 2019). Whole-tensor operations are few and in place: on convolutions
    they, not the sums, are what sharpening costs.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, shape: StepShape, centre: float, slope: float, surrogate_slope: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.shape, ctx.centre, ctx.slope = shape, centre, min(slope, surrogate_slope)
        if math.isinf(slope):
            return torch.gt(x, centre, out=torch.empty_like(x))
        match shape:
            case "ramp":
                return torch.mul(x, slope / 4).add_(0.5 - slope / 4 * centre).clamp_(0, 1)
            case "sigmoid":
                return torch.mul(x, slope).sub_(slope * centre).sigmoid_()
            case _:
                assert_never(shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (x,) = ctx.saved_tensors
        shape: StepShape = ctx.shape
        centre, slope = ctx.centre, ctx.slope
        match shape:
            case "ramp":
                inside = torch.ops.aten.hardtanh_backward(gradient, x, centre - 2 / slope, centre + 2 / slope)
                return inside.mul_(slope / 4), None, None, None, None
            case "sigmoid":
                gentle = torch.mul(x, slope).sub_(slope * centre).sigmoid_()
                return torch.ops.aten.sigmoid_backward(gradient, gentle).mul_(slope), None, None, None, None
            case _:
                assert_never(shape)


SHAPES: tuple[StepShape, ...] = get_args(StepShape)


def sharpened_values(
    x: Tensor, shape: StepShape, centre: float, slope: float, sharpness: float, surrogate_slope: float
) -> Tensor:
    """Return a(x; sharpness), elementwise.

    Parameters
    ----------
    x : pre-activations.
    shape : ``sigmoid`` or ``ramp``.
    centre, slope : c and k0 of the module docstring.
    sharpness : 0 to 1.
    surrogate_slope : slope, in units of k0, that the backward pass does not exceed.

    """
    steep = math.inf if sharpness >= 1 else slope / (1 - sharpness)
    activations: Tensor = _Sharpened.apply(  # type: ignore[no-untyped-call]  # PyTorch's apply has no types
        x, shape, centre, steep, surrogate_slope * slope
    )
    return activations


class SharpenedActivation(nn.Module):
    """The activation of one layer's units.

    Attributes
    ----------
    sharpness : float64 scalar (buffer), 0 (gentle) to 1 (a step).
    centre, slope : float32 scalars (buffers), c and k0 of the module docstring in units of the pre-activation.
    surrogate_slope : slope, in units of k0, that the backward pass does not exceed.
    shape : ``sigmoid`` or ``ramp``.

    """

    sharpness: Tensor
    centre: Tensor
    slope: Tensor

    def __init__(
        self, centre: float = 0.0, slope: float = 1.0, surrogate_slope: float = math.inf, shape: StepShape = "sigmoid"
    ) -> None:
        """Start at sharpness 0."""
        super().__init__()
        self.surrogate_slope, self.shape = surrogate_slope, shape
        # In what is stored too: a network whose units are no steps yet is not taken for one whose units are.
        self.register_buffer("sharpness", torch.zeros((), dtype=torch.float64))
        self.register_buffer("centre", torch.tensor(centre))
        self.register_buffer("slope", torch.tensor(slope))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation at its present sharpness, elementwise."""
        centre, slope, sharpness = float(self.centre), float(self.slope), float(self.sharpness)
        return sharpened_values(x, self.shape, centre, slope, sharpness, self.surrogate_slope)


def ceiling(activations: Tensor, quantile: float = CEILING_QUANTILE) -> float:
    """Return the level that this part of a layer's positive activations stay under; 1 when none is positive."""
    positive = activations[activations > 0].numpy()
    return float(np.quantile(positive, quantile)) if len(positive) else 1.0


def absorb(linear: nn.Linear | nn.Conv2d, norm: Norm | None, scale: float, offset: float) -> None:
    """Change a layer so that it does to ``(x - offset) / scale`` what it did to x.

    Normalisation acts on a sum of weights and inputs that has moved; its running mean moves along.
    """
    moved = offset * linear.weight.sum(tuple(range(1, linear.weight.ndim)))
    if norm is not None:
        norm.get_buffer("running_mean").sub_(moved)
    else:
        linear.get_parameter("bias").add_(moved)
    linear.weight *= scale


@torch.no_grad()
def begin_sharpening(
    network: DeepNetwork,
    x: Tensor,
    surrogate_slope: float,
    shape: StepShape,
    ceiling_quantile: float = CEILING_QUANTILE,
) -> list[tuple[float, float]]:
    """Replace every activation by its sharpened one at sharpness 0.

    Parameters
    ----------
    network : the original network; changed in place.
    x : float32 frames that calibrate the ceilings, `CALIBRATION_FRAMES` or so.
    surrogate_slope, shape : as for `SharpenedActivation`.
    ceiling_quantile : where the ceilings of unbounded activations lie (see the module).

    Returns
    -------
    Scale and offset of every layer: its original activations are about scale times the sharpened ones plus offset.

    """
    network.eval()
    name = network.spec["activation"]
    pad_with_silence(network)
    scales: list[tuple[float, float]] = []
    scale, offset = 1.0, 0.0
    for block in network.blocks:
        if isinstance(block, HiddenLayer):
            absorb(block.linear, block.norm, scale, offset)
            activations = block.activation(block.pre_activation(x))
            centre, slope, scale, offset = STARTS[name]
            if name in UNBOUNDED:
                scale = ceiling(activations, ceiling_quantile)
                centre, slope = centre * scale, slope / scale
            block.activation = SharpenedActivation(centre, slope, surrogate_slope, shape)
            scales.append((scale, offset))
            x = (activations - offset) / scale
        else:
            x = block(x)
    absorb(network.output, None, scale, offset)
    return scales


def pad_with_silence(network: DeepNetwork) -> None:
    """Put around the images of hidden units what their original activation's 0 becomes (see `padding_value`); frames
    keep their zeros."""
    for block in network.hidden[1:]:
        block.pad_with(padding_value(network.spec["activation"]))


def sharpened(layer: HiddenLayer) -> SharpenedActivation:
    """Return the activation of a layer; SteepError where it is the original one."""
    if not isinstance(layer.activation, SharpenedActivation):
        raise SteepError("the network has its original activations; sharpen it first")
    return layer.activation


def set_sharpness(network: DeepNetwork, sharpness: tuple[float, ...]) -> None:
    """Set the sharpness of each hidden layer, first layer first."""
    for layer, value in zip(network.hidden, sharpness, strict=True):
        sharpened(layer).sharpness.fill_(value)


def require_steps(network: DeepNetwork) -> None:
    """Raise SteepError unless every hidden unit of the network is a step."""
    for number, layer in enumerate(network.hidden, 1):
        sharpness = float(sharpened(layer).sharpness)
        if sharpness < 1:
            raise SteepError(f"hidden layer {number} has sharpness {sharpness:g}, not 1; sharpen it to the end")


def sharpened_network(spec: dict[str, Any]) -> DeepNetwork:
    """Return a network whose units are steps, to load the tensors of a sharpened network into."""
    network = DeepNetwork(spec)
    pad_with_silence(network)
    for layer in network.hidden:
        layer.activation = SharpenedActivation()
    set_sharpness(network, (1.0,) * len(network.hidden))
    return network
