"""Networks for Brian2's fast delivery, and its program without Brian2, which compiles in seconds."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from steep.architecture import Shape, units
from steep.simulators.brian2_fast import program
from steep.threshold import network as graph
from steep.threshold.network import ConvLink, DenseLink, Link, Population, SparseLink, Synapses, ThresholdNetwork

# What makes a population behind population `source`, of a shape.
Layer = Callable[[int, Shape], Population]


def with_weights(network: ThresholdNetwork, seed: int, largest: int) -> ThresholdNetwork:
    """Return a network of the same architecture with other weights, and thresholds that sums hit."""
    rng = np.random.default_rng(seed)

    def drawn(link: Link) -> Link:
        if isinstance(link, SparseLink):
            weight = rng.integers(-largest, largest + 1, link.entries.weight.shape)
            return replace(link, entries=replace(link.entries, weight=weight))
        return replace(link, weight=rng.integers(-largest, largest + 1, link.weight.shape, dtype=np.int32))

    populations = []
    for population in network.populations:
        if not population.pools:
            links = tuple(drawn(link) for link in population.links)
            threshold = rng.integers(-largest, 2 * largest, population.threshold.shape) / 2
            population = replace(population, links=links, threshold=threshold)
        populations.append(population)
    return replace(network, populations=tuple(populations))


def conv(filters: int, kernel: Shape, stride: Shape = (), padding: graph.Zeros = ()) -> Layer:
    def layer(source: int, shape: Shape) -> Population:
        weight = np.zeros((filters, shape[0], *kernel), np.int32)
        return graph.conv(ConvLink(source, weight, stride, padding), shape, np.zeros(filters))

    return layer


def pool(size: Shape) -> Layer:
    return lambda source, shape: graph.or_pool(source, shape, size)


def dense(count: int) -> Layer:
    return lambda source, shape: graph.dense(source, np.zeros((count, units(shape)), np.int32), np.zeros(count))


def chain(shape: Shape, *layers: Layer, top: int = 1) -> ThresholdNetwork:
    """Return a network in which every population listens to the one before it; weights and thresholds are 0."""
    network = ThresholdNetwork(shape, (), top)
    for source, layer in enumerate(layers):
        network = replace(network, populations=(*network.populations, layer(source, network.shapes[-1])))
    return network


def mixed(top: int) -> ThresholdNetwork:
    """Return a graph with links of every kind and delays of up to five steps, two links between the same populations,
    inputs that skip, a population that nothing reads, and populations deeper than the output; weights are 1."""
    rng = np.random.default_rng(0)

    def kernel(source: int, *shape: int, **geometry: object) -> ConvLink:
        return ConvLink(source, np.ones(shape, np.int32), **geometry)

    def matrix(source: int, *shape: int) -> DenseLink:
        return DenseLink(source, np.ones(shape, np.int32))

    def sparse(source: int, before: int, after: Shape) -> SparseLink:
        ends = rng.integers(0, before, 40), rng.integers(0, units(after), 40)
        return SparseLink(source, Synapses(*ends, np.ones(40, np.int64)), after)

    def population(shape: Shape, *links: Link) -> Population:
        return Population(shape, links, np.zeros(shape))

    image, turned, row, volume = (4, 5, 6), (4, 3, 4), (4, 12), (2, 2, 2, 3)
    apart = kernel(1, 4, 2, 3, 3, padding=((2, 2), (1, 1)), dilation=(2, 1), groups=2)
    populations = (
        population(image, kernel(0, 4, 2, 3, 3, padding=((1, 1), (1, 1)))),
        population(image, apart, sparse(0, 60, image)),
        graph.or_pool(2, image, (2, 3), (1, 2), ((0, 0), (1, 0))),  # 4 x 4 x 3; windows overlap
        # A convolution of points, which says 4 x 4 x 3, into as many units of another shape.
        population(turned, matrix(3, 48, 48), kernel(3, 4, 4, 1, 1), sparse(2, 120, turned)),
        population(row, matrix(4, 48, 48), sparse(0, 60, row)),
        population((3, 5), kernel(5, 3, 4, 4, stride=(2,))),
        population(volume, matrix(6, 24, 15)),
        population((3, 2, 1, 2), kernel(7, 3, 2, 1, 2, 2)),  # the deepest; nothing reads it
        population((3,), matrix(4, 3, 48), matrix(1, 3, 120), matrix(1, 3, 120)),
    )
    return ThresholdNetwork((2, 5, 6), populations, top)


ARCHITECTURES = {
    # Two channels in, strides and padding of every kind, a pooling that cuts off a row and a column, a wide row.
    "spikes": chain(
        (2, 11, 9),
        conv(5, (3, 4), (2, 1), ((1, 0), (2, 3))),
        pool((2, 3)),
        conv(19, (2, 2), (1, 2), ((0, 1), (1, 1))),
        dense(140),
        dense(3),
    ),
    "currents": chain((3, 6, 5), conv(4, (5, 5), (1, 1), ((2, 2), (2, 2))), dense(7), top=255),
    "graph": mixed(255),
}


HARNESS_OBJECTS = """#pragma once
#include <cstdint>
struct Network { static bool _globally_stopped; };
namespace brian { extern FLOAT *_array_neurons_v, *_array_neurons_I; extern int32_t* _array_neurons__spikespace; }
"""
HARNESS_MAIN = """#include "steep_network.cpp"
bool Network::_globally_stopped = false;
static FLOAT v[steep::NEURONS], current[steep::NEURONS];
static int32_t spikes[steep::NEURONS + 1];
FLOAT *brian::_array_neurons_v = v, *brian::_array_neurons_I = current;
int32_t* brian::_array_neurons__spikespace = spikes;
int main() {
    steep::start();
    for (int64_t step = 0; !Network::_globally_stopped; step++) {
        int count = 0;
        for (int i = 0; i < steep::NEURONS; i++)
            if (v[i] > 0) spikes[count++] = i;
        spikes[steep::NEURONS] = count;
        for (int i = 0; i < steep::NEURONS; i++) v[i] = current[i];
        steep::advance(step);
    }
}
"""


def delivery_alone(network: ThresholdNetwork, folder: Path, options: list[str]) -> Path:
    """Compile the delivery alone, with a loop of six lines in place of Brian2, which takes far longer to compile."""
    (folder / "steep_network.cpp").write_text(program.source_of(network))
    (folder / "objects.h").write_text(HARNESS_OBJECTS)
    (folder / "network.h").write_text("")
    (folder / "main.cpp").write_text(HARNESS_MAIN)
    kind = "float" if network.float_dtype is np.float32 else "double"
    command = [*program.compiler(), "-std=c++17", "-O1", "-w", *options, f"-DFLOAT={kind}"]
    command += [f"-I{folder}", f"-I{program.HERE}", str(folder / "main.cpp"), "-o", str(folder / "simulation")]
    subprocess.run(command, check=True)
    return folder / "simulation"
