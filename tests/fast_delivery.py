"""Networks for Brian2's fast delivery, and its program without Brian2, which compiles in seconds."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from steep.simulators.brian2_fast import program
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdNetwork


def with_weights(network: ThresholdNetwork, seed: int, largest: int) -> ThresholdNetwork:
    """Return a network of the same architecture with other weights, and thresholds that sums hit."""
    rng = np.random.default_rng(seed)
    layers = []
    for layer in network.layers:
        if not isinstance(layer, OrPoolLayer):
            weight = rng.integers(-largest, largest + 1, layer.weight.shape, dtype=np.int32)
            layer = replace(layer, weight=weight, threshold=rng.integers(-largest, 2 * largest, len(weight)) / 2)
        layers.append(layer)
    return ThresholdNetwork(network.input_shape, tuple(layers), network.input_top)


def conv(filters: int, channels: int, kernel: tuple[int, int], stride=(1, 1), padding=((0, 0), (0, 0))) -> ConvLayer:
    return ConvLayer(np.zeros((filters, channels, *kernel), np.int32), np.zeros(filters), stride, padding)


def dense(units: int, inputs: int) -> DenseLayer:
    return DenseLayer(np.zeros((units, inputs), np.int32), np.zeros(units))


ARCHITECTURES = {
    # Two channels in, strides and padding of every kind, a pooling that cuts off a row and a column, a wide row.
    "spikes": ThresholdNetwork(
        (2, 11, 9),
        (
            conv(5, 2, (3, 4), (2, 1), ((1, 0), (2, 3))),
            OrPoolLayer((2, 3)),
            conv(19, 5, (2, 2), (1, 2), ((0, 1), (1, 1))),
            dense(140, 19 * 2 * 2),
            dense(3, 140),
        ),
    ),
    "currents": ThresholdNetwork((3, 6, 5), (conv(4, 3, (5, 5), (1, 1), ((2, 2), (2, 2))), dense(7, 120)), 255),
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
