"""The threshold network as Brian2 LIF neurons with fast delivery: rows of weights instead of single synapses.

The neurons are those of `steep.simulators.brian2_lif`, with the same equations, threshold, reset and schedule, and
Brian2 integrates, judges and resets them, in its C++ standalone mode. What differs is how spikes travel: instead of
Brian2's synapses, which keep indices and a weight for each connection, one call per step adds contiguous rows of
integer weights to the neurons' v (`delivery.h`); only links without such rows, as poolings, go synapse by synapse. The
spikes are the same, and tests hold the two forms to it.

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

import numpy as np

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.frames import flattened
from steep.simulators.brian2_fast.program import Way, longest_delays, program_for, ways
from steep.spikes import PackedLayers, Spikes, recorded_layers
from steep.threshold.fingerprint import digest, numbers
from steep.threshold.network import ConvLink, DenseLink, Synapses, ThresholdNetwork, join

log = logging.getLogger("steep")
# Frames of one run of the program.
BLOCK = 10_000


def simulate(network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, *input shape) of spikes or currents.

    Parameters
    ----------
    network, frames : as every simulator's.
    record : numbers of the populations whose spikes are returned, from 1; all of them if not given.

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
    yield from run_blocks(program_for(network), network, blocks, record)


def run_blocks(
    executable: Path,
    network: ThresholdNetwork,
    blocks: Iterable[np.ndarray],
    record: Collection[int] | None = None,
) -> Iterator[Spikes]:
    """Run a program on each block of frames, in a folder of its own, where the network is written once."""
    kept = recorded_layers(len(network.populations), record)
    folder = Path(tempfile.mkdtemp(prefix="steep-brian2-"))
    try:
        written = _write(folder, network)
        for block in blocks:
            for first in range(0, max(len(block), 1), BLOCK):
                yield _run(executable, folder, network, block[first : first + BLOCK], kept, written)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    executable: Path, folder: Path, network: ThresholdNetwork, frames: np.ndarray, kept: list[int], written: list[int]
) -> Spikes:
    """Run the program in a folder where the network is `written`, whose checksums these are, and read what it has
    recorded."""
    count, sizes = len(frames), network.sizes[1:]
    given = [count, *written, _write_frames(folder, network, frames, kept)]
    (folder / "done.bin").unlink(missing_ok=True)  # of the frames before
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
    packed = [
        np.fromfile(folder / f"spikes{number}.bin", np.uint8).reshape(count, -(-size // 8)) if number in kept else None
        for number, size in enumerate(sizes, 1)
    ]
    potential = np.fromfile(folder / "potential.bin", np.float64).reshape(count, sizes[-1])
    return Spikes(PackedLayers(packed, sizes), _from_rows(potential, network.shapes[-1]), _fingerprint(folder, sizes))


def _write(folder: Path, network: ThresholdNetwork) -> list[int]:
    """Write what the program reads of a network; return what it has to report: checksums of weights and thresholds."""
    links, dtype = ways(network), network.float_dtype
    tables = [_whole_words(table.tobytes()) for way in links for table in _tables(way, dtype)]
    currents = [_to_rows(-each.thresholds()[None], each.shape)[0].astype(dtype) for each in network.populations]
    of_delays = [
        numbers(population, size, delay)
        for population, (size, longest) in enumerate(zip(network.sizes, longest_delays(network), strict=True))
        for delay in range(1, longest + 1)
    ]
    files = {
        "weights.bin": b"".join(tables),
        "inputs.bin": np.concatenate(currents).tobytes(),
        "numbers.bin": np.concatenate(of_delays).tobytes(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [_checksum(files[name]) for name in ("weights.bin", "inputs.bin")]


def _tables(way: Way, dtype: type[np.floating]) -> list[np.ndarray]:
    """Return the arrays that the program reads for a link: weights, int32; or of single synapses, ordered by source,
    where those of each source begin (int64), targets (int32) and weights."""
    if isinstance(way.link, DenseLink):
        targets = _to_rows(np.arange(units(way.after))[None], way.after)[0]
        return [_to_rows(way.link.weight, way.before)[targets]]
    if isinstance(way.link, ConvLink) and way.has_rows:
        return [way.link.weight]
    own = way.link.synapses(way.before)
    counts = np.bincount(own.source, minlength=units(way.before))
    if counts.max() == 1:
        # As in poolings whose windows do not overlap: a synapse for each source, of weight 0 where there is none, makes
        # the program faster, which need not look up where those of a source begin.
        none = np.flatnonzero(counts == 0)
        own = join([own, Synapses(none, 0 * none, 0 * none)])
    rows = Synapses(_places(way.before)[own.source], _places(way.after)[own.target], own.weight).by_source()
    begins = np.searchsorted(rows.source, np.arange(units(way.before) + 1))
    return [begins.astype(np.int64), rows.target.astype(np.int32), rows.weight.astype(dtype)]


def _write_frames(folder: Path, network: ThresholdNetwork, frames: np.ndarray, kept: list[int]) -> int:
    """Write what the program reads besides the network; return the checksum of the frames, which it has to report."""
    flat = _to_rows(flattened(frames), network.input_shape)
    if network.input_top == 1:
        flat = np.packbits(flat, axis=1, bitorder="little")
    content = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 8))).tobytes()
    (folder / "frames.bin").write_bytes(content)
    job = [len(frames), *(number in kept for number in range(1, len(network.populations) + 1))]
    (folder / "job.bin").write_bytes(np.array(job, np.int64).tobytes())
    return _checksum(content)


def _fingerprint(folder: Path, sizes: list[int]) -> tuple[str, ...]:
    """Return the fingerprint of each population from what the program's delivery made of the numbers, and from the
    neurons' constant currents, which are minus the thresholds."""
    worked_on = np.fromfile(folder / "fingerprint.bin", np.uint64)
    found = np.split(worked_on, 2 * np.cumsum(sizes)[:-1])
    return tuple(digest(one[: len(one) // 2], -one[len(one) // 2 :].view(np.float64)) for one in found)


def _whole_words(content: bytes) -> bytes:
    """Fill up the last word of 8 bytes with zeros."""
    return content + bytes(-len(content) % 8)


def _checksum(content: bytes) -> int:
    """Return the sum of 8-byte words, each times an odd number of its own, modulo 2^64, as `delivery.h` does."""
    words = np.frombuffer(_whole_words(content), np.uint64)
    return int((words * np.arange(1, 2 * len(words), 2, dtype=np.uint64)).sum(dtype=np.uint64))


def _to_rows(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Reorder the last axis from (channel, row, column) to (row, column, channel), in which the program counts; there
    may be any number of sides in place of row and column."""
    return flattened(values.reshape(len(values), shape[0], units(shape[1:])).transpose(0, 2, 1))


def _from_rows(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Undo `_to_rows`."""
    return flattened(values.reshape(len(values), units(shape[1:]), shape[0]).transpose(0, 2, 1))


def _places(shape: Shape) -> np.ndarray:
    """Return the number in the program of each unit of a population, int64 (units,)."""
    places: np.ndarray = _from_rows(np.arange(units(shape))[None], shape)[0]
    return places
