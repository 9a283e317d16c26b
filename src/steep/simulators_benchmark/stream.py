"""A stream of any number of frames through the fast delivery: what it takes, and that memory does not grow.

Run by `curves` as ``python -m steep.simulators_benchmark.stream NETWORK FRAMES COUNT``; prints one line of JSON. The
frames of the file enter again and again; every pass has to give the spikes of the first one.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from steep.simulators.brian2_fast import BLOCK, simulate_blocks
from steep.simulators_benchmark.measure import clocks, peak_memory
from steep.threshold.network import ThresholdNetwork


def blocks(frames: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Yield `count` frames in blocks of at most `BLOCK`, beginning anew where the frames end."""
    while count > 0:
        for first in range(0, min(count, len(frames)), BLOCK):
            yield frames[first : min(first + BLOCK, count)]
        count -= len(frames)


def measure(network: ThresholdNetwork, frames: np.ndarray, count: int) -> dict[str, Any]:
    """Return CPU and wall seconds, peak memory (MiB), and how many values differ from those of the first pass."""
    before = clocks()
    first_pass: list[tuple[np.ndarray, ...]] = []
    differing = 0
    of_a_pass = -(-len(frames) // BLOCK)
    for number, spikes in enumerate(simulate_blocks(network, blocks(frames, count))):
        found = (*(layer for layer in spikes.packed().packed if layer is not None), spikes.potential)
        if number < of_a_pass:
            first_pass.append(found)
        for a, b in zip(found, first_pass[number % of_a_pass], strict=True):
            differing += int((a != b[: len(a)]).sum())
    cpu, wall = clocks() - before
    return {"cpu_s": cpu, "wall_s": wall, "memory_MiB": peak_memory(), "frames": count, "differing": differing}


if __name__ == "__main__":
    given = ThresholdNetwork.load(sys.argv[1]), np.load(sys.argv[2], allow_pickle=False), int(sys.argv[3])
    print(json.dumps(measure(*given)))
