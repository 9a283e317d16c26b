"""The compiled Brian2 simulation of an architecture: built once, kept, shared by all jobs.

Programs are kept in the folder that STEEP_CACHE names, or in ``~/.cache/steep``, under a digest of everything they
depend on: source, versions, compiler, processor. Each build has a folder of its own and is renamed into place when it
is complete, so that jobs that start at once cannot mix, and a program that is there works.
"""

import hashlib
import logging
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import assert_never

import numpy as np

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.simulators.brian2_fast.cache import built, cache_folder, keep_log, one_builder, put
from steep.simulators.brian2_fast.tools import build_environment, compiler, machine, missing_tools, workshop_folder
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdLayer, ThresholdNetwork, WeightedLayer

log = logging.getLogger("steep")
HERE = Path(__file__).parent
COMPILER_OPTIONS = ["-w", "-O3", "-march=native", "-std=c++17", "-fno-trapping-math"]


def program_for(network: ThresholdNetwork) -> Path:
    """Return the executable for the network's architecture, which is built now unless that was done before.

    Raises
    ------
    SteepError
        when there is no compiler, or Brian2 or the compiler fails, or there is no place for the program.

    """
    if missing_tools():
        raise SteepError(f"Brian2's fast delivery needs {missing_tools()}; install it, or use brian2-synapses")
    source = source_of(network)
    name = _digest(source)
    if (executable := built(name)) is not None:
        return executable
    folder = cache_folder() / name
    try:
        with one_builder(folder):
            if not built(name):
                _build(source, network, folder)
    except OSError as error:
        raise SteepError(
            f"{error.filename or folder}: the Brian2 simulation cannot be built ({error.strerror}); "
            "make room or set STEEP_CACHE"
        ) from error
    if (executable := built(name)) is not None:
        return executable
    raise SteepError(f"programs in {folder.parent} may not be run; set STEEP_CACHE to a folder where they may")


def is_built(network: ThresholdNetwork) -> bool:
    """Return whether the program for the network's architecture is there already."""
    return built(_digest(source_of(network))) is not None


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
                if isinstance(layer, WeightedLayer)]  # fmt: skip
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
        case _:
            assert_never(layer)


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
    const uint64_t worked_on[] = {{uint64_t(job[0]), of_weights.value, of_currents.value, frames.checksum.value}};
    FILE* file = opened("done.bin", "wb");
    write_all(file, worked_on, sizeof worked_on);
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
    parts = [source, version("brian2"), *COMPILER_OPTIONS, *compiler(), machine(tuple(compiler()))]
    parts += [path.read_text(encoding="utf-8") for path in sorted(HERE.rglob("*")) if path.suffix in (".h", ".cpp")]
    parts.append((HERE / "build.py").read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:20]


def _build(source: str, network: ThresholdNetwork, folder: Path) -> None:
    """Build the program in a temporary folder, put it beside `folder` and rename that."""
    started = time.monotonic()
    log.info("compiling the Brian2 simulation of this architecture, once")
    workshop = workshop_folder()
    # Not a temporary folder, which would be closed to others: what is in the cache may be shared.
    complete = folder.with_name(f"{folder.name}-{secrets.token_hex(4)}")
    try:
        (workshop / "steep_network.cpp").write_text(source, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "steep.simulators.brian2_fast.build",
            str(workshop),
            str(sum(network.sizes[1:])),
        ]
        command += [network.float_dtype.__name__, *COMPILER_OPTIONS]
        done = subprocess.run(command, env=build_environment(workshop), capture_output=True)
        if done.returncode or not (workshop / "simulation").exists():
            kept = keep_log(folder, done.stdout + done.stderr)
            words = shlex.join(compiler())
            raise SteepError(f"the Brian2 simulation did not compile; {kept} says why (is {words} complete?)")
        complete.mkdir()
        for name in ("steep_network.cpp", "simulation"):
            shutil.copy(workshop / name, complete / name)
        put(complete, folder)
    finally:
        for left in (workshop, complete):
            shutil.rmtree(left, ignore_errors=True)
    log.info("compiled in %.0f s", time.monotonic() - started)
