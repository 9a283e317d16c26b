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
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import assert_never

import numpy as np

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.extras import optional
from steep.simulators.brian2_fast.cache import built, cache_folder, keep_log, one_builder, put
from steep.simulators.brian2_fast.tools import build_environment, compiler, machine, missing_tools, workshop_folder
from steep.threshold.network import ConvLink, DenseLink, Link, SparseLink, ThresholdNetwork

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


@dataclass(frozen=True)
class Way:
    """A link of a network as the program has it.

    Attributes
    ----------
    link : the link.
    name : of its delivery in the program.
    number : of the population that it brings spikes to, from 1.
    delay : steps that they are on their way.
    before, after : shapes of the populations before and after it.

    """

    link: Link
    name: str
    number: int
    delay: int
    before: Shape
    after: Shape

    @property
    def has_rows(self) -> bool:
        """Whether its weights lie in rows, as kernels over one or two dimensions do and matrices; what has none is
        delivered synapse by synapse."""
        match self.link:
            case DenseLink():
                return True
            case ConvLink(kernel=kernel, dilation=dilation, groups=groups):
                simple = len(kernel) < 3 and set(dilation) == {1} and groups == 1
                return simple and self.link.output_shape(self.before) == self.after
            case SparseLink():
                return False
            case _:
                assert_never(self.link)


def ways(network: ThresholdNetwork) -> list[Way]:
    """Return all links of a network, in the order in which the program reads them."""
    shapes, depths = network.shapes, network.depths
    return [
        Way(link, f"link{number}_{which}", number, depths[number] - depths[link.source], shapes[link.source], after)
        for number, (population, after) in enumerate(zip(network.populations, shapes[1:], strict=True), 1)
        for which, link in enumerate(population.links, 1)
    ]


def longest_delays(network: ThresholdNetwork) -> list[int]:
    """Return for the input and every population the longest delay at which it is listened to; 1 where it is not."""
    longest = [1] * len(network.sizes)
    for way in ways(network):
        longest[way.link.source] = max(longest[way.link.source], way.delay)
    return longest


def source_of(network: ThresholdNetwork) -> str:
    """Return the C++ of the architecture: shapes, links and the step, nothing of weights, thresholds or the ends of
    single synapses."""
    links, sizes, depths, longest = ways(network), network.sizes, network.depths, longest_delays(network)
    return SOURCE.format(
        float="float" if network.float_dtype is np.float32 else "double",
        populations=len(network.populations),
        top=network.input_top,
        channels=_listed(shape[0] for shape in network.shapes),
        pixels=_listed(units(shape[1:]) for shape in network.shapes),
        first=_listed(accumulate(sizes[1:], initial=0)),
        depths=_listed(depths),
        deepest=max(depths),
        longest=_listed(longest),
        numbers=sum(size * steps for size, steps in zip(sizes, longest, strict=True)),
        links="\n".join(f"inline {delivery_type(way)} {way.name};" for way in links),
        load="\n    ".join(f"{way.name}.load(tables, {'TOP' if way.link.source == 0 else 1});" for way in links),
        deliver="\n    ".join(
            f"{way.name}.deliver(sent[{way.link.source}].after({way.delay}), v + FIRST[{way.number - 1}]);"
            for way in links
        ),
    )


def _listed(numbers: Iterable[int]) -> str:
    """Return numbers as the elements of an array in C++."""
    return ", ".join(map(str, numbers))


def delivery_type(way: Way) -> str:
    """Return the C++ type that delivers what a link brings."""
    link, before, after = way.link, way.before, way.after
    if isinstance(link, DenseLink):
        return f"Dense<{units(before)}, {units(after)}>"
    if isinstance(link, SparseLink) or not way.has_rows:
        return f"Sparse<{units(before)}, {units(after)}, Float>"
    # One dimension is an image of one row.
    row = (1,) * (2 - len(link.kernel))
    starts = (0,) * len(row) + tuple(zeros for zeros, _ in link.padding)
    numbers = (before[0], *row, *before[1:], after[0], *row, *link.kernel, *row, *link.stride)
    numbers += (*starts, *row, *after[1:])
    return f"Conv<{_listed(numbers)}>"


SOURCE = """\
// Written by steep for one architecture.
#include "delivery.h"
#include "network.h"
#include "objects.h"
#include "steep_network.h"

namespace steep {{
using Float = {float};
constexpr int POPULATIONS = {populations}, TOP = {top};
// Of the input and of every population: shape, steps from a frame's entry to its spikes, longest delay of its links.
constexpr int CHANNELS[] = {{{channels}}}, PIXELS[] = {{{pixels}}};
constexpr int DEPTHS[] = {{{depths}}}, DEEPEST = {deepest};
constexpr int LONGEST[] = {{{longest}}};
// Of every population: its first neuron, and the end.
constexpr int FIRST[] = {{{first}}};
constexpr int NEURONS = FIRST[POPULATIONS], OUTPUT = FIRST[POPULATIONS - 1], CLASSES = NEURONS - OUTPUT;
{links}

inline std::vector<int64_t> job;  // number of frames; for each population, whether its spikes are kept
inline std::vector<uint64_t> numbers;  // for the fingerprint: of the input's and every population's units, by delay
inline Checksum of_weights, of_inputs, of_others;
inline Frames frames;
inline std::array<Sent, POPULATIONS + 1> sent;  // by the input, and by every population
inline std::array<Recorder, POPULATIONS + 1> recorders;
inline FILE* potential;

// Read the files of the job; the neurons' constant input current I and their v are Brian2's own arrays.
inline void start() {{
    job = whole_file<int64_t>("job.bin", 1 + POPULATIONS, of_others);
    numbers = whole_file<uint64_t>("numbers.bin", {numbers}, of_others);
    Tables tables;
    {load}
    tables.stop();
    of_weights = tables.checksum;
    const std::vector<Float> inputs = whole_file<Float>("inputs.bin", NEURONS, of_inputs);
    for (int i = 0; i < NEURONS; i++) brian::_array_neurons_I[i] = brian::_array_neurons_v[i] = inputs[i];
    frames.start("frames.bin", CHANNELS[0] * PIXELS[0], TOP);
    for (int p = 0; p <= POPULATIONS; p++) {{
        sent[p].start(order_of(CHANNELS[p], PIXELS[p]), LONGEST[p], p == 0 && TOP > 1);
        if (p > 0 && job[p]) recorders[p].start("spikes" + std::to_string(p) + ".bin", sent[p].order);
    }}
    potential = opened("potential.bin", "wb");
}}

// Let what was sent arrive, as far as it is due.
[[gnu::noinline]] inline void deliver(Float* v) {{
    {deliver}
}}

// Say what was worked on, from the tables that spikes are delivered from and from Brian2's array of currents: of each
// population what arrives when all units send their numbers, modulo 2^64, then the currents.
[[gnu::noinline]] inline void report() {{
    std::vector<uint64_t> sum(NEURONS);
    std::vector<Float> v(NEURONS);
    for (int shift = 0; shift < 64; shift++) {{
        const uint64_t* next = numbers.data();
        for (Sent& one : sent) next = one.send_numbers(next, shift);
        std::fill(v.begin(), v.end(), 0);
        deliver(v.data());
        for (int i = 0; i < NEURONS; i++) sum[i] += static_cast<uint64_t>(static_cast<int64_t>(v[i])) << shift;
    }}
    FILE* file = opened("fingerprint.bin", "wb");
    for (int p = 1; p <= POPULATIONS; p++) {{
        write_in_order<uint64_t>(file, sum.data() + FIRST[p - 1], sent[p].order);
        write_in_order<double>(file, brian::_array_neurons_I + FIRST[p - 1], sent[p].order);
    }}
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

// Let the spikes of this step, which Brian2 has found, and those still on their way travel, and the next frame enter.
inline double advance(int64_t step) {{
    Float* v = brian::_array_neurons_v;
    const int32_t* found = brian::_array_neurons__spikespace;
    const int32_t* end = found + found[NEURONS];
    for (int p = 1; p <= POPULATIONS; p++) {{
        Sent& own = sent[p];
        own.begin();
        int32_t* to = own.sources();
        const int32_t* next = std::lower_bound(found, end, FIRST[p]);
        const int count = own.count[own.now] = next - found;
        for (int k = 0; k < count; k++) to[k] = found[k] - FIRST[p - 1];
        found = next;
        const int64_t frame = step - DEPTHS[p];
        if (frame >= 0 && frame < job[0]) recorders[p].write(own.after(1));
    }}
    sent[0].begin();
    if (step < job[0]) frames.next(sent[0]);
    deliver(v);
    // What has arrived is judged in the next step.
    const int64_t frame = step + 1 - DEPTHS[POPULATIONS];
    if (frame >= 0 && frame < job[0]) {{
        double values[CLASSES];
        for (int unit = 0; unit < CLASSES; unit++) values[unit] = v[OUTPUT + unit];
        write_all(potential, values, sizeof values);
    }}
    if (step >= job[0] + DEEPEST - 1) stop();
    return 0;
}}
}}  // namespace steep

void steep_start() {{ steep::start(); }}
double steep_advance(int64_t step) {{ return steep::advance(step); }}
"""


def _digest(source: str) -> str:
    """Return the name of a program: whatever could make another program of the source is in it."""
    with optional():
        brian2 = version("brian2")
    parts = [source, brian2, *COMPILER_OPTIONS, *compiler(), machine(tuple(compiler()))]
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
