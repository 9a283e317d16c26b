"""What the STPU's implementations cost: CPU time per step and memory, against neurons, synapses and delays.

Every measurement is a process of its own that simulates the same random recurrent network; the cost of a step is the
difference between a long and a short run, so that building the network does not count. All implementations of a
network must record the same spikes.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import pandas as pd

from steep.errors import SteepError
from steep.stpu.network import Stimulus, StpuNetwork

TARGETS: tuple[Literal["numpy", "cython"], ...] = ("numpy", "cython")
TRAVELS: tuple[Literal["buffer", "delays", "rows"], ...] = ("buffer", "delays", "rows")
# How spikes travel in Brian2 and its target; None for NumPy.
IMPLEMENTATIONS = {"reference": None} | {
    f"brian2-{travel} ({target})": (travel, target) for target in TARGETS for travel in TRAVELS
}
# One size is changed at a time; the rest is as in the first setting.
SETTINGS = (
    [{"neurons": 1000, "fan_out": 100, "longest": longest} for longest in (16, 1, 4, 64)]
    + [{"neurons": neurons, "fan_out": 100, "longest": 16} for neurons in (300, 3000, 10000)]
    + [{"neurons": 1000, "fan_out": fan_out, "longest": 16} for fan_out in (10, 1000)]
)
STEPS = (50, 450)


def network_of(neurons: int, fan_out: int, longest: int) -> StpuNetwork:
    """Return a random recurrent network, a fifth of it input neurons, delays 1 to `longest`, that stays moderately
    active."""
    rng = np.random.default_rng(7)
    inputs = neurons // 5
    synapses = neurons * fan_out
    return StpuNetwork(
        initial=np.zeros(neurons),
        threshold=np.full(neurons, 12.0),
        reset=np.zeros(neurons),
        leak=np.full(neurons, 0.5),
        is_input=np.arange(neurons) < inputs,
        source=np.repeat(np.arange(neurons), fan_out),
        target=rng.integers(inputs, neurons, synapses),
        weight=rng.integers(-6, 7, synapses) * (10 / np.sqrt(fan_out)),
        delay=rng.integers(1, longest + 1, synapses),
    )


def peak_memory() -> float:
    """Return this process's own peak resident memory, MiB; getrusage may give the parent's."""
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kilobytes) / 1024


def measure_here(implementation: str, setting: dict[str, int]) -> dict[str, float]:
    """Measure one implementation on one network in this process."""
    network = network_of(**setting)
    inputs = np.flatnonzero(network.is_input)
    stimulus = Stimulus.from_raster(np.random.default_rng(8).random((max(STEPS), len(inputs))) < 0.1, inputs)
    chosen = IMPLEMENTATIONS[implementation]
    watched = np.zeros(1, np.int64)

    def run(steps: int) -> tuple[float, np.ndarray]:
        from steep.stpu import reference

        started = time.process_time()
        if chosen is None:
            found = reference.simulate(network, stimulus.until(steps), steps, watched)
        else:
            from steep.stpu.brian2_stpu import simulate

            travel, target = chosen
            found = simulate(network, stimulus.until(steps), steps, watched, travel, target)
        return time.process_time() - started, found.neuron

    run(min(STEPS))  # compiles, imports, warms caches
    short, _ = run(min(STEPS))
    long, neurons = run(max(STEPS))
    memory = peak_memory()
    per_step = (long - short) / (max(STEPS) - min(STEPS))
    events = len(neurons) * setting["fan_out"] / max(STEPS)
    return {
        "us_per_step": 1e6 * per_step,
        "events_per_step": events,
        "memory_MiB": memory,
        "check": int(neurons.sum()) + len(neurons),
    }


def measure_all(repetitions: int) -> pd.DataFrame:
    """Measure every implementation on every network, in turn; return medians over the repetitions.

    Raises
    ------
    SteepError
        when a measurement fails, or implementations record different spikes.

    """
    rows = []
    for setting in SETTINGS:
        measured: dict[str, list[dict[str, Any]]] = {name: [] for name in IMPLEMENTATIONS}
        for _ in range(repetitions):
            for name, results in measured.items():
                command = [sys.executable, "-m", "steep.stpu.benchmark", name, json.dumps(setting)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    raise SteepError(f"{name} failed on {setting}: {done.stderr.strip().splitlines()[-1]}")
                results.append(json.loads(done.stdout.splitlines()[-1]))
        if len({result["check"] for results in measured.values() for result in results}) > 1:
            raise SteepError(f"implementations differ on {setting}; this is a bug, please report it")
        for name, results in measured.items():
            values = {
                key: median(result[key] for result in results)
                for key in ("us_per_step", "events_per_step", "memory_MiB")
            }
            rate = values["events_per_step"] / values["us_per_step"]
            rows.append({"implementation": name} | setting | values | {"million_events_per_s": rate})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1], json.loads(sys.argv[2]))))
