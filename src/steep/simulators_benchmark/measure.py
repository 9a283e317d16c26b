"""Measure one implementation on one network in this process, and print the result as one line of JSON.

Run by `runner` as ``python -m steep.simulators_benchmark.measure <json>``, also in the peers' environment. A frame's
cost is the difference between a long and a short run, so what a run does once does not count; the network is built, and
code compiled, before. CPU seconds are those of this process, its threads and the programs it starts.
"""

import json
import logging
import os
import re
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np

from steep.simulators_benchmark.implementations import BATCHES
from steep.simulators_benchmark.simulation import Family, Job, Simulation
from steep.threshold.network import ThresholdNetwork

FIRST_COUNT = 20
SHORT = 0.1  # of the long run
TURNS = 20


def clocks() -> np.ndarray:
    """Return CPU seconds of this process and of programs it has started and seen end, and wall seconds."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array(
        [own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, time.perf_counter()], np.float64
    )


def peak_memory() -> float:
    """Return the larger of this process's peak resident memory and that of the largest program it started, MiB.

    The process's own is read from /proc, because getrusage may give its parent's.
    """
    (own,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return max(int(own), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def timed(simulation: Simulation, count: int) -> np.ndarray:
    """Run and return CPU and wall seconds."""
    before = clocks()
    simulation.run(count)
    spent: np.ndarray = clocks() - before
    return spent


def rounded(count: float, granularity: int, limit: int) -> int:
    """Return a multiple of `granularity` near `count`, at least one and within `limit`."""
    return max(1, min(int(count), limit) // granularity) * granularity


def fitting_count(simulation: Simulation, limit: int, seconds: float) -> int:
    """Return a number of frames, a multiple of the granularity and at most `limit`, that takes about `seconds` more
    than very few do."""
    limit = rounded(limit, simulation.granularity, limit)
    first = count = rounded(FIRST_COUNT, simulation.granularity, limit)
    once = timed(simulation, first)[0]
    while count < limit:
        count = rounded(10 * count, simulation.granularity, limit)
        spent = timed(simulation, count)[0] - once
        if spent >= seconds / 10:
            return rounded(seconds / spent * (count - first) + first, simulation.granularity, limit)
    return count


def cost(simulation: Simulation, count: int, seconds: float) -> np.ndarray:
    """Return CPU and wall seconds of a frame, from long and short runs that take turns until `seconds` are spent; up to
    `TURNS` where the difference drowns in what else the machine does.

    Raises
    ------
    ValueError
        when the long runs took no longer than the short ones all the same.

    """
    short = rounded(SHORT * count, simulation.granularity, count)
    difference, spent, turns = np.zeros(2), 0.0, 0
    while spent < seconds or (difference.min() <= 0 and turns < TURNS):
        less = timed(simulation, short) if short < count else np.zeros(2)
        more = timed(simulation, count)
        difference += more - less
        spent, turns = spent + more[0], turns + 1
    if difference.min() <= 0:
        raise ValueError(f"{count} frames took no longer than {short}: measure with less other work on the machine")
    return difference / turns / (count - short if short < count else count)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Measure what `job` says.

    Parameters
    ----------
    job : ``module``, ``options``, ``batch`` (None: the fastest), ``network`` and ``frames`` (files), ``count`` (frames
        of the long run, None: as many as take ``seconds`` of CPU time), ``scratch`` and ``shared`` (folders),
        ``spikes`` (file to write), ``whole`` (measure one run of ``count`` frames with everything before it).

    """
    started = clocks()
    network = ThresholdNetwork.load(job["network"])
    frames = np.load(job["frames"], allow_pickle=False)
    family = cast(Family, import_module(job["module"]))
    batches = [batch for batch in BATCHES if 2 * batch <= len(frames)] if job["batch"] is None else [job["batch"]]

    def prepared(batch: int) -> Simulation:
        return family.prepare(network, frames, Job(job["options"], batch, Path(job["scratch"]), Path(job["shared"])))

    tried: dict[int, float] = {}
    if len(batches) > 1:
        for batch in batches:
            simulation = prepared(batch)
            simulation.run(batch)
            count = fitting_count(simulation, len(frames), job["seconds"] / 4)
            tried[batch] = float(cost(simulation, max(count, 2 * batch), job["seconds"] / 4)[0])
        batches = [min(tried, key=tried.__getitem__)]
    before = clocks()
    simulation = prepared(batches[0])
    if job["whole"]:
        simulation.run(job["count"])
        cpu, wall = clocks() - started
        result = {"cpu_s": cpu, "wall_s": wall, "frames": job["count"]}
    else:
        first = rounded(FIRST_COUNT, simulation.granularity, len(frames))
        simulation.run(first)  # compiles, and fills caches
        building = clocks() - before
        building -= timed(simulation, first)
        count = job["count"] or fitting_count(simulation, len(frames), job["seconds"])
        cpu, wall = cost(simulation, count, job["seconds"])
        result = {
            "cpu_s_per_frame": cpu,
            "wall_s_per_frame": wall,
            "frames": count,
            "build_wall_s": building[1],
            "tried": tried,
        }
    result |= {"memory_MiB": peak_memory(), "batch": batches[0], "version": family.version(job["options"])}
    result |= {"load": os.getloadavg()[0]}
    np.savez(job["spikes"], allow_pickle=False, **simulation.recorded().packed())
    return result


if __name__ == "__main__":
    logging.getLogger("brian2").setLevel(logging.ERROR)
    print(json.dumps(measure(json.loads(sys.argv[1]))))
