"""What one does with a module: sharpen it, and compile it to a network that runs."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from steep.errors import SteepError
from steep.modules import affine
from steep.modules.compilation import Currents, InputSpikes, compile_module, widened
from steep.modules.network import Network
from steep.modules.places import SURROGATE_SLOPE, Places, find
from steep.modules.trace import FRAMES, follow
from steep.recipes import CEILING_QUANTILE, StepShape


def sharpen(
    module: nn.Module,
    batch: Any,
    shape: StepShape = "ramp",
    surrogate_slope: float = SURROGATE_SLOPE,
    ceiling_quantile: float = CEILING_QUANTILE,
) -> Places:
    """Let every activation of a module be one that can be sharpened, in place; at sharpness 0 now.

    Parameters
    ----------
    module : of any class. Its class, its weights and their names stay.
    batch : what its forward pass takes, some hundred frames: they show the activations, and the ceilings of those
        without a limit are calibrated on them.
    shape : ``ramp`` or ``sigmoid``, what becomes a step (see `steep.sharpening.activation`).
    surrogate_slope : slope, in units of the slope at sharpness 0, that the backward pass does not exceed.
    ceiling_quantile : where the ceilings lie.

    Returns
    -------
    The places that were found, which can be printed.

    Raises
    ------
    SteepError
        when the module is sharpened already, has no activation, has one that has no step, or does between two
        activations what no threshold network does. It is left as it was.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> print(sharpen(net, torch.rand(100, 2)))  # doctest: +ELLIPSIS
    1 places, sharpened as ramp
      1: relu, 0 or 0.4..., step at 0.2..., sharpness 0.00

    """
    if isinstance(batch, tuple | list | dict):
        raise SteepError("the batch is several inputs; a module that is sharpened takes one tensor")
    places = find(module, batch, shape, surrogate_slope, ceiling_quantile)
    places.attach(module)
    try:
        if isinstance(batch, Tensor):  # what could not be compiled is said before it is trained
            sides = tuple(batch.shape[1:])
            frame = affine.source(0, sides, np.ones(sides[0]), np.zeros(sides[0]))
            with widened(module):
                follow(module, frame, batch[:1].detach().double().cpu().repeat(FRAMES, *(1,) * len(sides)), top=1)
    except BaseException:
        places.detach(module)
        raise
    return places


def compile(module: nn.Module, frames: Currents | InputSpikes, bits: "int | dict[str, int]" = 8) -> Network:
    """Return the integer network of a sharpened module; see `steep.modules.compilation.compile_module`.

    Examples
    --------
    >>> import steep, torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> _ = sharpen(net, torch.rand(100, 2))
    >>> steep.Sharpener(net, steps=1).step()  # a training would have many, and learn meanwhile
    >>> print(compile(net, InputSpikes((2,)), bits=4))
    2 populations, 5 units, 12 synapses, 2 steps deep; frames of spikes, 2
      1: 3, 4 bits: dense from input (delay 1)
      output: 2, 4 bits: dense from 1 (delay 1)

    """
    return Network(compile_module(module, frames, bits))
