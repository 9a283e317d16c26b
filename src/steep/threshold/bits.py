"""Bits of the weights: what rounding them to fewer costs, without training again."""

from typing import Any

import numpy as np

from steep.frames import Frames
from steep.simulators.torch_threshold import simulate
from steep.threshold.compile import bits_by_layer, compile_network


def sweep_bits(
    tensors: dict[str, np.ndarray],
    spec: dict[str, Any],
    frames: Frames,
    choices: list[int],
    compiled: int | list[int],
) -> list[dict[str, object]]:
    """Measure accuracy with the weights of all layers, and of one layer alone, rounded to so many bits.

    Parameters
    ----------
    tensors, spec : the sharpened network.
    frames : validation frames.
    choices : numbers of bits.
    compiled : bits of the other layers, as in the config.

    Returns
    -------
    Rows of ``changed`` (``all`` or the number of the layer with weights, from 1), ``bits``, ``frames``, ``correct``,
    ``accuracy`` (%).

    """
    kept = bits_by_layer(spec, compiled)
    rows: list[dict[str, object]] = []
    for changed in ["all", *range(1, len(kept) + 1)]:
        for bits in choices:
            setting = [bits if changed in ("all", number) else own for number, own in enumerate(kept, 1)]
            classes = simulate(compile_network(tensors, spec, setting), frames.values).classes()
            correct = int((classes == frames.labels).sum())
            row = {"frames": len(frames), "correct": correct, "accuracy": 100 * correct / len(frames)}
            rows.append({"changed": changed, "bits": bits} | row)
    return rows
