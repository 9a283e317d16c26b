"""The compiled Brian2 simulation of an architecture: built once, kept, shared by all jobs.

Programs are kept in the folder that STEEP_CACHE names, or in ``~/.cache/steep``, under a digest of everything they
depend on: source, versions, compiler, processor. Each build has a folder of its own and is renamed into place when it
is complete, so that jobs that start at once cannot mix, and a program that is there works.
"""

import fcntl
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path

import numpy as np

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdLayer, ThresholdNetwork

log = logging.getLogger("steep")
HERE = Path(__file__).parent
COMPILER_OPTIONS = ["-w", "-O3", "-march=native", "-std=c++17", "-fno-trapping-math"]


def missing_tools() -> str:
    """Return the names of the tools that building needs and that are not there; empty when all are."""
    return " and ".join(name for name in (compiler(), "make") if shutil.which(name) is None)


def compiler() -> str:
    """Return the C++ compiler's command, which Brian2 takes from CXX."""
    return os.environ.get("CXX", "g++").split()[0]


def program_for(network: ThresholdNetwork) -> Path:
    """Return the executable for the network's architecture, which is built now unless that was done before.

    Raises
    ------
    SteepError
        when there is no compiler, or Brian2 or the compiler fails.

    """
    if missing_tools():
        raise SteepError(f"Brian2's fast delivery needs {missing_tools()}; install it, or use backend brian2-reference")
    source = source_of(network)
    folder = _cache_folder() / _digest(source)
    executable = folder / "simulation"
    with _one_builder(folder):
        if not executable.exists():
            _build(source, network, folder)
    return executable


def is_built(network: ThresholdNetwork) -> bool:
    """Return whether the program for the network's architecture is there already."""
    return (_cache_folder() / _digest(source_of(network)) / "simulation").exists()


def source_of(network: ThresholdNetwork) -> str:
    """Return the C++ of the architecture: shapes and the step, nothing of weights or thresholds."""
    layers = [
        _layer_type(layer, before, after)
        for layer, before, after in zip(network.layers, network.shapes, network.shapes[1:], strict=False)
    ]
    sizes = network.sizes[1:]
    numbers = range(1, len(layers) + 1)
    orders = [(shape[0], units(shape[1:])) for shape in network.shapes]
    tops = [network.input_top, *[1] * (len(layers) - 1)]
    weighted = [(number, np.size(layer.weight)) for number, layer in zip(numbers, network.layers, strict=True)
                if not isinstance(layer, OrPoolLayer)]  # fmt: skip
    offsets = dict(zip((number for number, _ in weighted), accumulate((size for _, size in weighted), initial=0),
                       strict=False))  # fmt: skip
    return SOURCE.format(
        float="float" if network.float_dtype is np.float32 else "double",
        depth=len(layers),
        inputs=network.sizes[0],
        top=network.input_top,
        neurons=sum(sizes),
        first=", ".join(str(first) for first in accumulate(sizes, initial=0)),
        weights=sum(size for _, size in weighted),
        sources=sum(network.sizes[:-1]),
        layers="\n".join(f"inline {kind} layer{number};" for number, kind in zip(numbers, layers, strict=True)),
        load="\n    ".join(
            f"layer{number}.load(weights.data() + {offsets[number]}, {tops[number - 1]});"
            if number in offsets
            else f"layer{number}.load();"
            for number in numbers
        ),
        record="\n    ".join(
            f'if (job[{number}]) recorders[{number - 1}].start("spikes{number}.bin", {channels}, {pixels});'
            for number, (channels, pixels) in enumerate(orders[1:], 1)
        ),
        answer="\n    ".join(
            f"answer(file, layer{number}, {tops[number - 1]} > 1, order_of({before[0]}, {before[1]}), "
            f"numbers.data() + {first}, order_of({after[0]}, {after[1]}), I + FIRST[{number - 1}]);"
            for number, before, after, first in zip(
                numbers, orders, orders[1:], accumulate(network.sizes[:-1], initial=0), strict=False
            )
        ),
        deliver="\n    ".join(
            f"layer{number}.deliver(fired[{number - 2}], v + FIRST[{number - 1}]);" for number in numbers[1:]
        ),
    )


def _layer_type(layer: ThresholdLayer, before: Shape, after: Shape) -> str:
    """Return the C++ type that delivers into a layer."""
    match layer:
        case DenseLayer():
            return f"Dense<{layer.weight.shape[1]}, {len(layer.weight)}>"
        case OrPoolLayer():
            numbers = (*before, *layer.size)
            return f"OrPool<{', '.join(map(str, numbers))}>"
        case ConvLayer():
            filters, _, height, width = layer.weight.shape
            (above, _), (left, _) = layer.padding
            numbers = (*before, filters, height, width, *layer.stride, above, left, *after[1:])
            return f"Conv<{', '.join(map(str, numbers))}>"


SOURCE = """\
// Written by steep for one architecture.
#include "delivery.h"
#include "network.h"
#include "objects.h"
#include "steep_network.h"

namespace steep {{
using Float = {float};
constexpr int DEPTH = {depth}, INPUTS = {inputs}, TOP = {top}, NEURONS = {neurons};
constexpr int FIRST[] = {{{first}}};  // first neuron of each layer
{layers}

inline std::vector<int64_t> job;  // number of frames; for each layer, whether its spikes are kept
inline std::vector<uint64_t> numbers;  // for the fingerprint, of all sources, in the network's own order
inline Checksum of_weights, of_inputs, of_others;
inline Frames frames;
inline std::array<Recorder, DEPTH> recorders;
inline FILE* potential;
inline std::array<int32_t, NEURONS> spikes;

// Read the files of the job; the neurons' constant input current I and their v are Brian2's own arrays.
inline void start() {{
    job = whole_file<int64_t>("job.bin", 1 + DEPTH, of_others);
    numbers = whole_file<uint64_t>("numbers.bin", {sources}, of_others);
    const std::vector<int32_t> weights = whole_file<int32_t>("weights.bin", {weights}, of_weights);
    {load}
    const std::vector<Float> inputs = whole_file<Float>("inputs.bin", NEURONS, of_inputs);
    for (int i = 0; i < NEURONS; i++) brian::_array_neurons_I[i] = brian::_array_neurons_v[i] = inputs[i];
    frames.start("frames.bin", INPUTS, TOP);
    {record}
    potential = opened("potential.bin", "wb");
}}

// Say what was worked on, from the tables that spikes are delivered from and from Brian2's array of currents.
[[gnu::noinline]] inline void report() {{
    FILE* file = opened("fingerprint.bin", "wb");
    const Float* I = brian::_array_neurons_I;
    {answer}
    if (std::fclose(file)) fail("cannot write results; is the disk full?");
}}

// Close the files and say how much was read: I is read back from Brian2's array.
inline void stop() {{
    for (Recorder& recorder : recorders) recorder.stop();
    if (std::fclose(potential)) fail("cannot write results; is the disk full?");
    if (std::fgetc(frames.file) != EOF) fail("frames.bin is longer than the number of frames");
    report();
    Checksum of_currents;
    of_currents.add(brian::_array_neurons_I, NEURONS * sizeof(Float));
    const uint64_t told[] = {{uint64_t(job[0]), of_weights.value, of_currents.value, frames.checksum.value}};
    FILE* file = opened("done.bin", "wb");
    write_all(file, told, sizeof told);
    if (std::fclose(file)) fail("cannot write results; is the disk full?");
    Network::_globally_stopped = true;
}}

// Let the spikes of this step, which Brian2 has found, travel, and the next frame enter.
inline double advance(int64_t step) {{
    Float* v = brian::_array_neurons_v;
    const int32_t* found = brian::_array_neurons__spikespace;
    std::array<Arrivals, DEPTH> fired;
    for (int layer = 0, at = 0; layer < DEPTH; layer++) {{
        const int end = std::lower_bound(found + at, found + found[NEURONS], FIRST[layer + 1]) - found;
        for (int k = at; k < end; k++) spikes[k] = found[k] - FIRST[layer];
        fired[layer] = {{spikes.data() + at, nullptr, end - at}};
        at = end;
        const int64_t frame = step - (layer + 1);
        if (frame >= 0 && frame < job[0]) recorders[layer].write(fired[layer]);
    }}
    if (step < job[0]) layer1.deliver(frames.next(), v + FIRST[0]);
    {deliver}
    const int64_t frame = step - (DEPTH - 1);
    if (frame >= 0 && frame < job[0]) {{
        double values[FIRST[DEPTH] - FIRST[DEPTH - 1]];
        for (int unit = 0; unit < FIRST[DEPTH] - FIRST[DEPTH - 1]; unit++) values[unit] = v[FIRST[DEPTH - 1] + unit];
        write_all(potential, values, sizeof values);
    }}
    if (step >= job[0] + DEPTH - 1) stop();
    return 0;
}}
}}  // namespace steep

void steep_start() {{ steep::start(); }}
double steep_advance(int64_t step) {{ return steep::advance(step); }}
"""


def _digest(source: str) -> str:
    """Return the name of a program: whatever could make another program of the source is in it."""
    parts = [source, version("brian2"), *COMPILER_OPTIONS, os.environ.get("CXX", ""), _machine()]
    parts += [path.read_text(encoding="utf-8") for path in sorted(HERE.rglob("*")) if path.suffix in (".h", ".cpp")]
    parts.append((HERE / "build.py").read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


@cache
def _machine() -> str:
    """Return the compiler's version and what the processor can do: the program is compiled for it."""
    said = subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    return f"{said}\0{platform.machine()}\0{flags}"


@cache
def _cache_folder() -> Path:
    """Return the folder of compiled programs; one of this process alone where the usual one cannot be written."""
    chosen = Path(os.environ.get("STEEP_CACHE") or Path.home() / ".cache" / "steep") / "brian2"
    try:
        chosen.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=chosen):
            return chosen
    except OSError as error:
        log.warning("%s cannot be written (%s); set STEEP_CACHE to keep compiled simulations", chosen, error.strerror)
        return Path(tempfile.mkdtemp(prefix="steep-cache-"))


@contextmanager
def _one_builder(folder: Path) -> Iterator[None]:
    """Let other processes wait while one builds. Where files cannot be locked, several may build; each is right."""
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            log.debug("no locks on %s", folder.parent)
        yield


def _build(source: str, network: ThresholdNetwork, folder: Path) -> None:
    """Build the program in a folder beside `folder` and rename that."""
    started = time.monotonic()
    log.info("compiling the Brian2 simulation of this architecture, once")
    building = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        (building / "steep_network.cpp").write_text(source, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "steep.simulators.brian2_fast.build",
            str(building),
            str(sum(network.sizes[1:])),
        ]
        command += [network.float_dtype.__name__, *COMPILER_OPTIONS]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or not (building / "simulation").exists():
            kept = folder.with_suffix(".log")
            kept.write_text(done.stdout + done.stderr, encoding="utf-8")
            raise SteepError(f"the Brian2 simulation did not compile; {kept} says why (is {compiler()} complete?)")
        for path in building.iterdir():
            if path.name not in ("simulation", "steep_network.cpp"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        try:
            building.rename(folder)
        except OSError:
            if not (folder / "simulation").exists():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    log.info("compiled in %.0f s", time.monotonic() - started)
