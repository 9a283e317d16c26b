"""The threshold network as Brian2 LIF neurons with fast delivery: rows of weights instead of single synapses.

The neurons are those of `steep.simulators.brian2_lif`, with the same equations, threshold, reset and schedule, and
Brian2 integrates, judges and resets them, in its C++ standalone mode. What differs is how spikes travel: instead of
Brian2's synapses, which keep indices and a weight for each connection, one call per step adds contiguous rows of
integer weights to the neurons' v (`delivery.h`). The spikes are the same, and tests hold the two forms to it.

One compiled program serves every network of the same architecture: weights, thresholds and frames are files
that it reads, frames one by one, so its memory does not depend on their number.
"""

import logging
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import assert_never

import numpy as np

from steep.errors import SteepError
from steep.frames import flattened
from steep.simulators.brian2_fast.program import program_for
from steep.spikes import PackedLayers, Spikes, recorded_layers
from steep.threshold.fingerprint import digest, numbers
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdNetwork

log = logging.getLogger("steep")
# Frames of one run of the program.
BLOCK = 10_000


def simulate(network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, channels, height, width) of spikes or currents.

    Parameters
    ----------
    network, frames : as every simulator's.
    record : numbers of the layers whose spikes are returned, from 1; all of them if not given.

    Raises
    ------
    SteepError
        when the program cannot be built, fails, or has not worked on what it was given.

    """
    return Spikes.joined(list(simulate_blocks(network, [frames], record)))


def simulate_blocks(
    network: ThresholdNetwork, blocks: Iterable[np.ndarray], record: Collection[int] | None = None
) -> Iterator[Spikes]:
    """Yield the spikes of each block of frames; no more than one block is in memory at a time."""
    executable = program_for(network)
    for block in blocks:
        for first in range(0, max(len(block), 1), BLOCK):
            yield _run(executable, network, block[first : first + BLOCK], record)


def _run(executable: Path, network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None) -> Spikes:
    """Run the program in a folder of its own and read what it has recorded."""
    depth, count = len(network.layers), len(frames)
    kept = recorded_layers(depth, record)
    folder = Path(tempfile.mkdtemp(prefix="steep-brian2-"))
    try:
        given = _write(folder, network, frames, kept)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Brian2 writes the state of its arrays there when it ends.
        done = subprocess.run([executable, "--results_dir", f"{folder}/"], cwd=folder, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
            raise SteepError(f"Brian2 simulation ended with exit status {done.returncode}: {said}")
        worked_on = np.fromfile(folder / "done.bin", np.uint64).tolist() if (folder / "done.bin").exists() else []
        if worked_on != given:
            raise SteepError(f"Brian2 simulation was given {given} and worked on {worked_on}; was it interrupted?")
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        log.info("%d frames in %.2f s of processor time", count, seconds)
        sizes = network.sizes
        packed = [
            np.fromfile(folder / f"spikes{number}.bin", np.uint8).reshape(count, -(-sizes[number] // 8))
            if number in kept
            else None
            for number in range(1, depth + 1)
        ]
        potential = np.fromfile(folder / "potential.bin", np.float64).reshape(count, sizes[-1])
        layers = PackedLayers(packed, sizes[1:])
        return Spikes(layers, _from_rows(potential, network.shapes[-1]), _fingerprint(folder, sizes[1:]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, network: ThresholdNetwork, frames: np.ndarray, kept: list[int]) -> list[int]:
    """Write what the program reads; return what it has to report: the number of frames, and checksums of weights,
    thresholds and frames."""
    weights = []
    for layer, shape in zip(network.layers, network.shapes, strict=False):
        match layer:
            case DenseLayer(weight):
                weights.append(_to_rows(weight, shape))
            case ConvLayer(weight=weight):
                weights.append(weight.reshape(len(weight), -1))
            case OrPoolLayer():
                pass
            case _:
                assert_never(layer)
    thresholds = [
        _to_rows(layer.unit_thresholds(before)[None], after)[0]
        for layer, before, after in zip(network.layers, network.shapes, network.shapes[1:], strict=False)
    ]
    flat = _to_rows(flattened(frames), network.input_shape)
    if network.input_top == 1:
        flat = np.packbits(flat, axis=1, bitorder="little")
    files = {
        "weights.bin": b"".join(np.ascontiguousarray(weight, np.int32).tobytes() for weight in weights),
        "inputs.bin": np.concatenate([-theta for theta in thresholds]).astype(network.float_dtype).tobytes(),
        "frames.bin": np.pad(flat, ((0, 0), (0, -flat.shape[1] % 8))).tobytes(),
        "numbers.bin": np.concatenate([numbers(*entry) for entry in enumerate(network.sizes[:-1])]).tobytes(),
        "job.bin": np.array([len(frames), *(n + 1 in kept for n in range(len(network.layers)))], np.int64).tobytes(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [len(frames), *(_checksum(files[name]) for name in ("weights.bin", "inputs.bin", "frames.bin"))]


def _fingerprint(folder: Path, sizes: list[int]) -> tuple[str, ...]:
    """Return the fingerprint of each layer from what the program's delivery made of the numbers, and from the neurons'
    constant currents, which are minus the thresholds."""
    worked_on = np.fromfile(folder / "fingerprint.bin", np.uint64)
    layers = np.split(worked_on, 2 * np.cumsum(sizes)[:-1])
    return tuple(digest(layer[: len(layer) // 2], -layer[len(layer) // 2 :].view(np.float64)) for layer in layers)


def _checksum(content: bytes) -> int:
    """Return the sum of 8-byte words, each times an odd number of its own, modulo 2^64, as `delivery.h` does."""
    words = np.frombuffer(content + bytes(-len(content) % 8), np.uint64)
    return int((words * np.arange(1, 2 * len(words), 2, dtype=np.uint64)).sum(dtype=np.uint64))


def _to_rows(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reorder the last axis from (channel, row, column) to (row, column, channel), in which the program counts."""
    if len(shape) < 3 or shape[0] == 1:
        return values
    return flattened(values.reshape(len(values), *shape).transpose(0, 2, 3, 1))


def _from_rows(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo `_to_rows`."""
    if len(shape) < 3:
        return values
    channels, height, width = shape
    return flattened(values.reshape(len(values), height, width, channels).transpose(0, 3, 1, 2))
