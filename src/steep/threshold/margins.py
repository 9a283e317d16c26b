"""Margins: how near units are to their threshold, and so what rounding weights may do to their spikes.

A weight is rounded by at most 1/2, evenly distributed; the sum of n inputs that fire is off by n / 2 at most and by
sqrt(n / 12) in the mean square (for currents: by the sum of their values / 2, the root of the sum of their squares /
12). A unit is *near* its threshold in a frame when it is within one such root mean square of it, and *decided* when no
rounding could have turned its spike around.
"""

from typing import Any, assert_never

import numpy as np
import torch
from torch.nn import functional

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import HiddenLayer, as_tensor
from steep.settings import torch_settings
from steep.shapes import require_same_shape
from steep.sharpening.activation import require_steps, sharpened_network
from steep.simulators.torch_threshold import potential
from steep.threshold.network import ConvLayer, DenseLayer, ThresholdNetwork, WeightedLayer

BATCH = 250
OFTEN = 0.1  # a unit is called near when it is in more than this part of the frames


@torch.no_grad()
def float_spikes(tensors: dict[str, np.ndarray], spec: dict[str, Any], frames: Frames) -> list[torch.Tensor]:
    """Return the spikes of every hidden layer with weights of the sharpened network with real weights, after all the
    poolings that follow it, bool (frames, ...)."""
    network = sharpened_network(spec).eval()
    network.load(tensors)
    require_steps(network)

    def spikes(x: torch.Tensor) -> list[torch.Tensor]:
        found: list[torch.Tensor] = []
        for block in network.blocks:
            x = block(x)
            if isinstance(block, HiddenLayer):
                found.append(x > 0.5)
            elif found:  # a pooling; one before all weights pools the input
                found[-1] = x > 0.5
        return found

    parts = [spikes(part) for part in as_tensor(frames).split(BATCH)]
    return [torch.cat(layer) for layer in zip(*parts, strict=True)]


@torch_settings()
def margin_rows(
    network: ThresholdNetwork, tensors: dict[str, np.ndarray], spec: dict[str, Any], frames: Frames
) -> list[dict[str, object]]:
    """Return one row per hidden layer with weights.

    Columns: ``layer`` (from 1), ``units``, ``frames``, ``near`` and ``decided`` (percent of unit-frames), ``flipped``
    (percent of unit-frames in which the integer network's spike is not that of the network with real weights, errors of
    earlier layers included; after its poolings where some follow), ``units_near`` (units near in more than a tenth of
    the frames), ``units_dead`` and ``units_saturated`` (never and always firing).
    """
    if frames.shape != network.input_shape:
        raise SteepError(f"frames of shape {frames.shape}, and the network takes {network.input_shape}; give its own")
    real = float_spikes(tensors, spec, frames)
    rows: list[dict[str, object]] = []
    x = torch.from_numpy(frames.values).double()
    for number, layer in enumerate(network.layers[:-1]):
        values = [potential(layer, part) for part in x.split(BATCH)]
        fired = torch.cat([v > 0 for v in values])
        if isinstance(layer, WeightedLayer):
            off = [_rounding(layer, part) for part in x.split(BATCH)]
            near = torch.cat([v.abs() <= spread for v, (spread, _) in zip(values, off, strict=True)])
            decided = torch.cat([v.abs() > worst for v, (_, worst) in zip(values, off, strict=True)])
            often = fired.flatten(1).double().mean(0)
            rows.append(
                {
                    "layer": number + 1,
                    "units": often.numel(),
                    "frames": len(frames),
                    "near": 100 * float(near.double().mean()),
                    "decided": 100 * float(decided.double().mean()),
                    "flipped": np.nan,
                    "units_near": int((near.flatten(1).double().mean(0) > OFTEN).sum()),
                    "units_dead": int((often == 0).sum()),
                    "units_saturated": int((often == 1).sum()),
                }
            )
        last_of_block = number + 1 == len(network.layers) - 1 or isinstance(network.layers[number + 1], WeightedLayer)
        if last_of_block and rows:
            wanted = real[len(rows) - 1]
            require_same_shape(fired, wanted, f"layer {number + 1}: spikes with integer and with real weights")
            rows[-1]["flipped"] = 100 * float((fired != wanted).double().mean())
        x = fired.double()
    return rows


def _rounding(layer: WeightedLayer, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the root mean square and the largest error of the sums of a layer from rounding its weights."""

    def total(inputs: torch.Tensor) -> torch.Tensor:
        match layer:
            case DenseLayer():
                return inputs.flatten(1).sum(1, keepdim=True)
            case ConvLayer():
                (above, below), (left, right) = layer.padding
                ones = torch.ones(1, *layer.weight.shape[1:], dtype=x.dtype)
                return functional.conv2d(functional.pad(inputs, (left, right, above, below)), ones, stride=layer.stride)
            case _:
                assert_never(layer)

    return (total(x**2) / 12).sqrt(), total(x) / 2
