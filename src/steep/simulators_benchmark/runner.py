"""Start one process for each implementation, network and repetition, in turn, and gather what they measured.

The spikes of every process are held against the integer network's: all layers, and the output's potentials, as far as
the implementation gives them. One that differs stays in the table with the number of values that differ; one that
cannot be measured stays there with the reason.
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from steep.simulators_benchmark.implementations import IMPLEMENTATIONS, PACKAGE, Implementation
from steep.simulators_benchmark.networks import expected
from steep.threshold.network import ThresholdNetwork

log = logging.getLogger("steep")
SECONDS = 2.0
LIMIT = 600.0
SOURCE = Path(__file__).parents[2]
COLUMNS = [
    "network",
    "implementation",
    "measured",
    "frames_per_cpu_s",
    "frames_per_wall_s",
    "lowest",
    "highest",
    "frames",
    "repetitions",
    "batch",
    "threads",
    "build_s",
    "memory_MiB",
    "load",
    "compared",
    "values",
    "differing",
    "version",
    "note",
]


@dataclass(frozen=True)
class Bench:
    """What all measurements of a run have in common.

    Attributes
    ----------
    peers : Python of the peers' environment.
    scratch : folder for everything that processes leave.
    seconds : CPU time that a measurement should take, about.
    limit : wall seconds after which a measurement is given up.

    """

    peers: Path
    scratch: Path
    seconds: float = SECONDS
    limit: float = LIMIT


class Task:
    """A network with its frames, on disk for the processes; what they should record is evaluated when it is asked for.

    Parameters
    ----------
    name : of the network.
    network, frames : frames uint8 (frames, channels, height, width).
    scratch : a folder; the task makes one of its own there.

    """

    def __init__(self, name: str, network: ThresholdNetwork, frames: np.ndarray, scratch: Path) -> None:
        """Write network and frames."""
        self.name, self.network, self.frames = name, network, frames
        self.folder = Path(tempfile.mkdtemp(prefix="task-", dir=scratch))
        network.save(self.folder / "network.npz")
        np.save(self.folder / "frames.npy", frames)
        self.units = {f"layer{number}": units for number, units in enumerate(network.sizes[1:])}
        self.units["potential"] = network.sizes[-1]
        self._truth: dict[str, np.ndarray] = {}

    def truth(self, count: int) -> dict[str, np.ndarray]:
        """Return ``layer<n>``, packed spikes of the first `count` frames, n from 0, and ``potential``."""
        if not self._truth or len(self._truth["potential"]) < count:
            self._truth = expected(self.network, self.frames[:count]).packed()
        return {name: array[:count] for name, array in self._truth.items()}


class NotMeasuredError(Exception):
    """Why an implementation gave no numbers."""


def command_of(
    bench: Bench, task: Task, chosen: Implementation, batch: int | None, count: int | None, whole: bool, number: int = 0
) -> tuple[list[str], dict[str, str], Path]:
    """Return command and environment of a measurement, and the file it writes its spikes to.

    What is compiled is kept from one repetition to the next and never taken from elsewhere, so that the first
    repetition builds everything; a `whole` job finds nothing built.
    """
    scratch = task.folder / f"{re.sub('[^a-z0-9]+', '-', chosen.name.lower())}-{number}"
    scratch.mkdir(exist_ok=True)
    spikes = scratch / "spikes.npz"
    spikes.unlink(missing_ok=True)
    job = {
        "module": chosen.module,
        "options": chosen.options,
        "batch": batch,
        "count": count,
        "whole": whole,
        "network": str(task.folder / "network.npz"),
        "frames": str(task.folder / "frames.npy"),
        "scratch": str(scratch),
        "shared": str(scratch if whole else bench.scratch),
        "spikes": str(spikes),
        "seconds": bench.seconds,
    }
    python = bench.peers if chosen.peer else Path(sys.executable)
    if not python.exists():
        raise NotMeasuredError(f"no {bench.peers}; make .venv-peers/.ready")
    threads = {
        f"{library}_NUM_THREADS": str(chosen.threads) for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")
    }
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    environment = os.environ | threads | {"PYTHONPATH": path, "TMPDIR": str(scratch), "STEEP_CACHE": str(scratch)}
    return [str(python), "-m", f"{PACKAGE}.measure", json.dumps(job)], environment, spikes


def result_of(code: int, output: str, errors: str) -> dict[str, Any]:
    """Return what a process measured; NotMeasuredError with its last words when it failed."""
    if code:
        words = [line.strip() for line in errors.splitlines() if line.strip()]
        raise NotMeasuredError((words or [f"exit status {code}"])[-1][:200])
    result: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return result


def start(
    bench: Bench, task: Task, chosen: Implementation, batch: int | None, count: int | None, whole: bool = False
) -> tuple[dict[str, Any], Path]:
    """Run one measurement in a process of its own; return what it says and the file of its spikes."""
    command, environment, spikes = command_of(bench, task, chosen, batch, count, whole, (count or 0) if whole else 0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=bench.limit)
    except subprocess.TimeoutExpired as error:
        raise NotMeasuredError(f"took longer than {bench.limit:.0f} s") from error
    return result_of(done.returncode, done.stdout, done.stderr), spikes


def differences(task: Task, spikes: Path) -> dict[str, Any]:
    """Return what of `spikes` is ``compared`` with the integer network, how many ``values`` that is, and how many of
    them are ``differing``.

    The spikes are those of the first frames.
    """
    with np.load(spikes, allow_pickle=False) as found:
        given = {name: found[name] for name in found.files}
    values = differing = 0
    for name, array in given.items():
        right = task.truth(len(array))[name]
        if array.shape != right.shape:
            raise NotMeasuredError(f"gave {name} of shape {array.shape} where {right.shape} was expected")
        values += len(array) * task.units[name]
        wrong = array != right if name == "potential" else np.bitwise_count(array ^ right)
        differing += int(wrong.sum())
    layers = sum(name != "potential" for name in given)
    what = "every layer's spikes" if layers == len(task.units) - 1 else f"spikes of {layers} layers"
    what += ", potentials" if "potential" in given else ""
    return {"compared": what, "values": values, "differing": differing}


def row_of(task: Task, chosen: Implementation, results: list[dict[str, Any]], reason: str) -> dict[str, Any]:
    """Return a row of the table: medians over repetitions, or why there are none."""
    row: dict[str, Any] = {"network": task.name, "implementation": chosen.name, "threads": chosen.threads}
    row |= {"note": chosen.note}
    if reason:
        return row | {"measured": f"not measured: {reason}"}
    rates = [1 / result["cpu_s_per_frame"] for result in results]
    return row | {
        "measured": "yes",
        "frames_per_cpu_s": median(rates),
        "lowest": min(rates),
        "highest": max(rates),
        "frames_per_wall_s": median(1 / result["wall_s_per_frame"] for result in results),
        "frames": results[0]["frames"],
        "repetitions": len(results),
        "batch": results[0]["batch"],
        "build_s": results[0]["build_wall_s"],  # later repetitions find compiled what the first one has compiled
        "memory_MiB": median(result["memory_MiB"] for result in results),
        "load": median(result["load"] for result in results),
        "compared": results[0]["compared"],
        "values": results[0]["values"],
        "differing": max(result["differing"] for result in results),
        "version": results[0]["version"],
    }


def measure_all(
    bench: Bench,
    networks: dict[str, ThresholdNetwork],
    frames: np.ndarray,
    repetitions: int,
    implementations: Sequence[Implementation] = IMPLEMENTATIONS,
    keep: Callable[[pd.DataFrame], None] = lambda table: None,
) -> pd.DataFrame:
    """Measure every implementation on every network; implementations take turns.

    Parameters
    ----------
    bench : what measurements have in common.
    networks : by name.
    frames : uint8 (frames, channels, height, width), spikes; measurements take the first ones.
    repetitions : how often; the table has medians.
    implementations : what to measure.
    keep : called with the table so far after every measurement.

    """
    tasks = [Task(name, network, frames, bench.scratch) for name, network in networks.items()]
    pairs = [(task, chosen) for task in tasks for chosen in implementations]
    results: list[list[dict[str, Any]]] = [[] for _ in pairs]
    reasons = [""] * len(pairs)

    def table() -> pd.DataFrame:
        rows = [
            row_of(*pair, found, reason)
            for pair, found, reason in zip(pairs, results, reasons, strict=True)
            if found or reason
        ]
        counts = dict.fromkeys(("frames", "repetitions", "batch", "threads", "values", "differing"), "Int64")
        return pd.DataFrame(rows).reindex(columns=COLUMNS).astype(counts)

    for _ in range(repetitions):
        for place, (task, chosen) in enumerate(pairs):
            if reasons[place]:
                continue
            # The best batch and the number of frames are searched for once.
            earlier = results[place]
            batch, count = (earlier[0]["batch"], earlier[0]["frames"]) if earlier else (chosen.batch, None)
            try:
                result, spikes = start(bench, task, chosen, batch, count)
                result |= differences(task, spikes)
            except NotMeasuredError as reason:
                reasons[place] = str(reason)
                log.info("%s, %s: not measured: %s", task.name, chosen.name, reason)
            else:
                earlier.append(result)
                wrong = f", {result['differing']} values differ" if result["differing"] else ""
                log.info("%s, %s: %.0f frames/s%s", task.name, chosen.name, 1 / result["cpu_s_per_frame"], wrong)
            keep(table())
    return table()


def scratch_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder for a run of the benchmark, removed at its end."""
    return tempfile.TemporaryDirectory(prefix="steep-benchmark-")
