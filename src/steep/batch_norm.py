"""The statistics of batch normalisation, estimated anew.

Those gathered in training are of inputs and units with dropout, and of weights that have changed since. Steps are fired
by small differences, which both change: with such statistics a network may lose several points on whole frames, now
and then nearly all.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
ESTIMATION_FRAMES = 4000


def norms_of(module: nn.Module) -> list[Any]:
    """Return the batch normalisations of a module that keep statistics."""
    return [one for one in module.modules() if isinstance(one, NORMS) and one.track_running_stats]


@torch.no_grad()
def estimate(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the statistics by the mean over `batches`, each of two frames or more, seen without dropout; the module
    is in evaluation mode afterwards."""
    module.eval()
    norms = norms_of(module)
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over the batches
        norm.train()
    try:
        for batch in batches:
            module(batch)
    finally:
        for norm, value in zip(norms, momentum, strict=True):
            norm.momentum = value
            norm.eval()
