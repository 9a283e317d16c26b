"""What simulations cost against their size: frames, synapses, processes at a time.

*frames*: one whole process, from its start over building and compiling to the last spike, for jobs of so many frames.
*stream*: CPU time and peak memory of so many frames in one go through the fast delivery, which is built before.
*width*: a frame's cost in dense networks of two hidden layers so wide, building not counted. *processes*: frames per
second where so many processes at a time each take a chunk of the frames.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from steep.simulators_benchmark.implementations import IMPLEMENTATIONS, Implementation
from steep.simulators_benchmark.networks import random_network
from steep.simulators_benchmark.runner import (
    SOURCE,
    Bench,
    NotMeasuredError,
    Task,
    command_of,
    differences,
    result_of,
    start,
)
from steep.threshold.network import ThresholdNetwork

log = logging.getLogger("steep")
FRAMES = (100, 1000, 10000)
WIDTHS = (64, 256, 1024, 2048)
PROCESSES = (1, 2)
STREAMED = (10_000, 100_000, 1_000_000)
FAST = "Steep, Brian2 fast"
CHOSEN = (
    "Brian2 cython",
    "Brian2 C++ standalone",
    "Steep, Brian2 synapses",
    FAST,
    "PyTorch threshold network, best batch",
    "snnTorch, best batch",
    "BindsNET, best batch",
    "Nengo",
    "NEST",
)
BATCH = 500  # where the best one would have to be searched for at every size
COLUMNS = [
    "curve",
    "size",
    "implementation",
    "measured",
    "neurons",
    "synapses",
    "frames",
    "processes",
    "batch",
    "cpu_s",
    "wall_s",
    "frames_per_cpu_s",
    "frames_per_wall_s",
    "memory_MiB",
    "differing",
    "load",
]

Measured = Callable[[Bench, Task, Implementation], dict[str, Any]]


def chosen_implementations() -> list[Implementation]:
    """Return the implementations that curves are measured of, batches fixed."""
    return [entry if entry.batch else replace(entry, batch=BATCH) for entry in IMPLEMENTATIONS if entry.name in CHOSEN]


def whole_job(bench: Bench, task: Task, chosen: Implementation, frames: int) -> dict[str, Any]:
    """Measure a process that builds the network and simulates `frames` frames once."""
    result, spikes = start(bench, task, chosen, min(chosen.batch or 1, frames), frames, whole=True)
    return result | _of_whole(result, frames) | differences(task, spikes)


def per_frame(bench: Bench, task: Task, chosen: Implementation) -> dict[str, Any]:
    """Measure a frame's cost."""
    result, spikes = start(bench, task, chosen, chosen.batch, None)
    return result | _rates(result) | differences(task, spikes)


def side_by_side(bench: Bench, task: Task, chosen: Implementation, processes: int) -> dict[str, Any]:
    """Measure a frame's cost in so many processes at the same time; rates add up, of CPU seconds they are the mean."""
    prepared = [command_of(bench, task, chosen, chosen.batch, None, False, number) for number in range(processes)]
    running = [
        subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for command, environment, _ in prepared
    ]
    try:
        ended = [process.communicate(timeout=bench.limit) for process in running]
    except subprocess.TimeoutExpired as error:
        raise NotMeasuredError(f"took longer than {bench.limit:.0f} s") from error
    finally:
        for process in running:
            process.kill()
    results = [
        result_of(process.returncode, output, errors) for process, (output, errors) in zip(running, ended, strict=True)
    ]
    rates = pd.DataFrame([_rates(result) for result in results])
    wrong = sum(differences(task, spikes)["differing"] for _, _, spikes in prepared)
    together = {
        "frames_per_cpu_s": rates["frames_per_cpu_s"].mean(),
        "frames_per_wall_s": rates["frames_per_wall_s"].sum(),
    }
    return results[0] | together | {"differing": wrong}


def streamed(bench: Bench, task: Task, chosen: Implementation, frames: int) -> dict[str, Any]:
    """Measure `frames` frames in one go; `chosen` is the fast delivery, the only one that need not keep them all."""
    command = [sys.executable, "-m", "steep.simulators_benchmark.stream"]
    command += [str(task.folder / "network.npz"), str(task.folder / "frames.npy")]
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "STEEP_CACHE": str(task.folder)}
    for count in (1, frames):  # the first process compiles, so that the compiler's memory is not the second one's
        done = subprocess.run([*command, str(count)], capture_output=True, text=True, env=environment)
    result = result_of(done.returncode, done.stdout, done.stderr) | {"load": os.getloadavg()[0]}
    return result | _of_whole(result, frames)


def _of_whole(result: dict[str, Any], frames: int) -> dict[str, float]:
    """Return frames per second of a run of `frames` frames with everything in it."""
    return {f"frames_per_{kind}_s": frames / result[f"{kind}_s"] for kind in ("cpu", "wall")}


def _rates(result: dict[str, Any]) -> dict[str, float]:
    return {
        "frames_per_cpu_s": 1 / result["cpu_s_per_frame"],
        "frames_per_wall_s": 1 / result["wall_s_per_frame"],
    }


def measure_curves(
    bench: Bench,
    network: ThresholdNetwork,
    frames: np.ndarray,
    implementations: Sequence[Implementation],
    sizes: tuple[Sequence[int], ...] = (FRAMES, WIDTHS, PROCESSES, STREAMED),
) -> pd.DataFrame:
    """Measure all four curves.

    Parameters
    ----------
    bench : what measurements have in common.
    network : of the curves over frames and processes and of the stream.
    frames : uint8 (frames, channels, height, width), spikes.
    implementations : with a batch each, as from `chosen_implementations`.
    sizes : frames, widths, processes, frames of the stream; numbers of frames that are not there are left out, but a
        stream begins anew.

    """
    rows: list[dict[str, Any]] = []

    def settings() -> Iterator[tuple[dict[str, Any], Task, ThresholdNetwork, Measured]]:
        task = Task("network", network, frames, bench.scratch)
        for size in sizes[0]:
            if size <= len(frames):
                yield {"curve": "frames", "size": size}, task, network, partial(whole_job, frames=size)
        for size in sizes[1]:
            layers = [{"kind": "dense", "units": size}] * 2
            wide = random_network(layers, network.input_shape, network.sizes[-1], frames)
            wide_task = Task(f"width {size}", wide, frames, bench.scratch)
            yield {"curve": "width", "size": size}, wide_task, wide, per_frame
        for size in sizes[2]:
            label = {"curve": "processes", "size": size, "processes": size}
            yield label, task, network, partial(side_by_side, processes=size)
        for size in sizes[3]:
            yield {"curve": "stream", "size": size}, task, network, partial(streamed, frames=size)

    for label, task, built, measured in settings():
        synapses = sum(len(link.synapses.weight) for arrivals, _ in built.connections() for link in arrivals)
        label = {"processes": 1, "neurons": sum(built.sizes), "synapses": synapses} | label
        for chosen in implementations:
            if label["curve"] == "stream" and chosen.name != FAST:
                continue
            try:
                result = measured(bench, task, chosen) | {"measured": "yes"}
            except NotMeasuredError as reason:
                result = {"measured": f"not measured: {reason}"}
            rows.append({"implementation": chosen.name} | result | label)
            log.info("%s %s, %s: %s", label["curve"], label["size"], chosen.name, result.get("frames_per_cpu_s"))
    return pd.DataFrame(rows).reindex(columns=COLUMNS)
