"""The sharpened sigmoid: an activation with a sharpness.

Every hidden unit of an ordinary network, with activation f and pre-activation x, is given a sharpened sigmoid

    a(x; s) = 1 / (1 + exp(-k (x - c))),    k = k0 / (1 - s),    s the sharpness, 0 <= s < 1
    a(x; 1) = 1 if x > c else 0

(the talk: "augment existing deep network with extra sigmoid layer (one-to-one)", "sharpen sigmoid neurons to the
point where they essentially become (spike-like) step functions"). How c and k0 follow from f is this study's choice:

- f = sigmoid: c = 0 and k0 = 1, so that sharpness 0 is the ordinary network itself.
- f = ReLU: the sigmoid that touches the unit's ramp in its middle. With m the layer's *ceiling* (a high percentile of
  its positive activations on training frames), c = m / 2 and k0 = 4 / m; the activation now runs from 0 to 1 instead
  of 0 to m, so the next layer's weights are multiplied by m.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steep.networks import DeepNetwork, HiddenLayer

CEILING_QUANTILE = 0.99
CALIBRATION_FRAMES = 1000


class _SharpenedSigmoid(torch.autograd.Function):
    """The sharpened sigmoid with a backward pass that never gets narrower than a given slope.

    The derivative of a steep sigmoid is zero nearly everywhere, so that saturated units stop learning. Past the slope
    `widest` the backward pass uses the derivative of the sigmoid with that slope instead: a surrogate gradient
    (Neftci, Mostafa, Zenke, 2019).
    """

    @staticmethod
    def forward(ctx: Any, shifted: Tensor, slope: float, widest: float) -> Tensor:
        ctx.slope = min(slope, widest)
        gentle = torch.sigmoid(shifted * ctx.slope)
        ctx.save_for_backward(gentle)
        if math.isinf(slope):
            return (shifted > 0).to(shifted.dtype)
        return gentle if slope == ctx.slope else torch.sigmoid(shifted * slope)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (gentle,) = ctx.saved_tensors
        return gradient * (gentle * (1 - gentle) * ctx.slope), None, None


class SharpenedSigmoid(nn.Module):
    """The activation of one layer's units.

    Attributes
    ----------
    sharpness : 0 (a gentle sigmoid) to 1 (a step).
    centre, slope : float32 scalars (buffers), c and k0 of the module docstring in units of the pre-activation.
    widest : slope, in units of k0, that the backward pass does not exceed.

    """

    def __init__(self, centre: float = 0.0, slope: float = 1.0, widest: float = math.inf) -> None:
        """Start at sharpness 0."""
        super().__init__()
        self.sharpness = 0.0
        self.widest = widest
        self.register_buffer("centre", torch.tensor(centre))
        self.register_buffer("slope", torch.tensor(slope))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation at its present sharpness, elementwise."""
        start = float(self.slope)
        slope = math.inf if self.sharpness >= 1 else start / (1 - self.sharpness)
        return _SharpenedSigmoid.apply(x - self.centre, slope, self.widest * start)


def ceiling(activations: Tensor) -> float:
    """Return the level that 99% of a layer's positive activations stay under; 1 when none is positive."""
    positive = activations[activations > 0].numpy()
    return float(np.quantile(positive, CEILING_QUANTILE)) if len(positive) else 1.0


@torch.no_grad()
def begin_sharpening(network: DeepNetwork, x: Tensor, widest: float) -> list[float]:
    """Replace every activation by its sharpened sigmoid at sharpness 0.

    Parameters
    ----------
    network : the original network; changed in place.
    x : float32 frames that calibrate the ceilings, `CALIBRATION_FRAMES` or so.
    widest : as for `SharpenedSigmoid`.

    Returns
    -------
    The unit in which each layer's original activations are to be compared with the sharpened ones: its ceiling for
    ReLU, 1 for sigmoid.

    """
    network.eval()
    scales: list[float] = []
    factor = 1.0
    for block in network.blocks:
        if isinstance(block, HiddenLayer):
            # Only the weights are scaled: bias and normalisation act on a sum that stays what it was.
            block.linear.weight *= factor
            activations = block.activation(block.pre_activation(x))
            if network.spec["activation"] == "sigmoid":
                factor, block.activation = 1.0, SharpenedSigmoid(widest=widest)
            else:
                factor = ceiling(activations)
                block.activation = SharpenedSigmoid(factor / 2, 4 / factor, widest)
            scales.append(factor)
            x = activations / factor
        else:
            x = block(x)
    network.output.weight *= factor
    return scales


def set_sharpness(network: DeepNetwork, sharpness: tuple[float, ...]) -> None:
    """Set the sharpness of each hidden layer, first layer first."""
    for layer, value in zip(network.hidden, sharpness, strict=True):
        layer.activation.sharpness = value


def sharpened_network(spec: dict[str, Any], dropout: float = 0.0, input_dropout: float = 0.0) -> DeepNetwork:
    """Return a network whose units are steps, to load the tensors of a sharpened network into."""
    network = DeepNetwork(spec, dropout, input_dropout)
    for layer in network.hidden:
        layer.activation = SharpenedSigmoid()
    set_sharpness(network, (1.0,) * len(network.hidden))
    return network
