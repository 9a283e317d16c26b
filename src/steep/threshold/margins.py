"""Margins: how near units are to their threshold, and so what rounding weights may do to their spikes.

A weight is rounded by at most 1/2, evenly distributed; the sum of n inputs that fire is off by n / 2 at most and by
sqrt(n / 12) in the mean square (for currents: by the sum of their values / 2, the root of the sum of their squares /
12). A unit is *near* its threshold in a frame when it is within one such root mean square of it, and *decided* when no
rounding could have turned its spike around.
"""

import math
from dataclasses import replace
from typing import Any, assert_never

import numpy as np
import torch

from steep.architecture import Shape, Weighted, parse_layers
from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import HiddenLayer, as_tensor
from steep.settings import torch_settings
from steep.shapes import require_same_shape
from steep.sharpening.activation import require_steps, sharpened_network
from steep.simulators.torch_threshold import Delivery, last_readers, potential
from steep.threshold.network import ConvLink, DenseLink, Link, Population, SparseLink, ThresholdNetwork

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
    weighted = [isinstance(layer, Weighted) for layer in parse_layers(spec["layers"])]
    if len(weighted) != len(network.populations) - 1:
        raise SteepError(
            f"the network has {len(network.populations) - 1} populations before its output, its specification "
            f"{len(weighted)} layers; give that which it was compiled from"
        )
    real = float_spikes(tensors, spec, frames)
    rows: list[dict[str, object]] = []
    readers = last_readers(network)
    spikes = {0: torch.from_numpy(frames.values).double()}
    for number, population in enumerate(network.populations[:-1], 1):
        split = zip(*(x.split(BATCH) for x in spikes.values()), strict=True)
        batches = [dict(zip(spikes, parts, strict=True)) for parts in split]
        values = [potential(population, batch) for batch in batches]
        fired = torch.cat([v > 0 for v in values])
        if weighted[number - 1]:
            off = [rounding(population, batch) for batch in batches]
            near = torch.cat([v.abs() <= spread for v, (spread, _) in zip(values, off, strict=True)])
            decided = torch.cat([v.abs() > worst for v, (_, worst) in zip(values, off, strict=True)])
            often = fired.flatten(1).double().mean(0)
            rows.append(
                {
                    "layer": number,
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
        if rows and all(weighted[number : number + 1]):  # no pooling follows
            wanted = real[len(rows) - 1]
            require_same_shape(fired, wanted, f"layer {number}: spikes with integer and with real weights")
            rows[-1]["flipped"] = 100 * float((fired != wanted).double().mean())
        spikes = {source: x for source, x in spikes.items() if readers.get(source, 0) > number}
        spikes[number] = fired.double()
    return rows


def rounding(population: Population, spikes: dict[int, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the root mean square and the largest error of a population's sums from rounding the weights of its
    links."""
    squares = worst = torch.zeros(())
    for link in population.links:
        x = spikes[link.source]
        squares = squares + _total(link, x**2, population.shape) / 12
        worst = worst + _total(link, x, population.shape) / 2
    return squares.sqrt(), worst


def _total(link: Link, x: torch.Tensor, after: Shape) -> torch.Tensor:
    """Return the sum of what each unit of a population of the shape `after` sees of x (frames, ...), each synapse once;
    (frames, ...), of size 1 where all units see the same."""
    match link:
        case DenseLink():
            return x.flatten(1).sum(1).reshape(-1, *(1,) * len(after))
        case ConvLink(_, weight):
            # One filter for each group, for all of a group see the same.
            ones = replace(link, weight=np.ones_like(weight[: link.groups]))
            seen = Delivery(ones, 0, x.dtype)(x)
            return seen.repeat_interleave(len(weight) // link.groups, 1).reshape(len(x), *after)
        case SparseLink(_, entries):
            each = replace(link, entries=replace(entries, weight=np.ones_like(entries.weight)))
            return Delivery(each, math.prod(x.shape[1:]), x.dtype)(x).reshape(len(x), *after)
        case _:
            assert_never(link)
