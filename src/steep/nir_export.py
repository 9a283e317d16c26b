"""Threshold networks in the Neuromorphic Intermediate Representation, NIR (Pedersen et al., Nature Comm., 2024).

Two forms of one network. *Exact*: ``Delay`` (one step per layer), ``Linear``, ``Conv2d`` or ``SumPool2d``, and
``Threshold``: what the network is. *Portable*: ``Affine``, ``Conv2d`` or ``SumPool2d``, and leaky integrate-and-fire
neurons, ``LIF`` with tau = dt and one threshold for all, 1/2, with the rest of each unit's threshold as a bias: for
frameworks that know no more. Integrated with one Euler step per time step, such a neuron forgets everything and its
membrane is the input of the step. Compiled thresholds lie half-way between integers, so it does not matter whether a
framework fires at > or at >=.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import h5py
import nir
import numpy as np

from steep.architecture import Shape
from steep.errors import SteepError
from steep.files import atomic, reading
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdNetwork

DT = 1e-4  # seconds, the time step of both forms; snnTorch knows no other
FORMS = ("exact", "portable")


def to_graph(network: ThresholdNetwork, form: str) -> nir.NIRGraph:
    """Return the network as a graph, a chain from ``input`` to ``output``; `form` is ``exact`` or ``portable``."""
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array(network.input_shape)})}
    for number, (layer, (before, after)) in enumerate(zip(network.layers, pairwise(network.shapes), strict=True), 1):
        if form == "exact":
            nodes[f"delay{number}"] = nir.Delay(np.full(before, DT))
        if isinstance(layer, DenseLayer) and len(before) > 1:
            nodes[f"flatten{number}"] = nir.Flatten({"input": np.array(before)}, start_dim=0, end_dim=-1)
        theta, ones = layer.unit_thresholds(before).reshape(after), np.ones(after)
        if form == "exact":
            nodes[f"weights{number}"] = _weights(layer, before)
            nodes[f"neurons{number}"] = nir.Threshold(theta)
        else:
            nodes[f"weights{number}"] = _weights(layer, before, biased=True)
            half = {"v_leak": 0 * ones, "v_threshold": 0.5 * ones, "v_reset": 0 * ones}
            nodes[f"neurons{number}"] = nir.LIF(tau=DT * ones, r=ones, **half)
    nodes["output"] = nir.Output({"output": np.array(network.shapes[-1])})
    names = list(nodes)
    # The shapes fit by construction; NIR 1.0.8 infers those of convolutions for square kernels only.
    return nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)


def _weights(layer: DenseLayer | ConvLayer | OrPoolLayer, before: Shape, biased: bool = False) -> nir.NIRNode:
    """Return the node of a layer's connections, in float64; with a bias of 1/2 - theta if `biased`."""
    if isinstance(layer, OrPoolLayer):
        return nir.SumPool2d(kernel_size=np.array(layer.size), stride=np.array(layer.size), padding=np.array([0, 0]))
    weight = layer.weight.astype(np.float64)
    bias = 0.5 - layer.threshold if biased else np.zeros(len(weight))
    if isinstance(layer, DenseLayer):
        return nir.Affine(weight, bias) if biased else nir.Linear(weight)
    # NIR pads both sides alike; rows and columns of zero weights bring the kernel back to where it was.
    grown = [(max(b - a, 0), max(a - b, 0)) for a, b in layer.padding]
    weight = np.pad(weight, ((0, 0), (0, 0), *grown))
    padding = max(layer.padding[0]), max(layer.padding[1])
    return nir.Conv2d(before[1:], weight, stride=layer.stride, padding=padding, dilation=1, groups=1, bias=bias)


def write_graph(path: Path | str, network: ThresholdNetwork, form: str) -> None:
    """Write a form of the network as an NIR file (HDF5), whole or not at all."""
    with atomic(path) as temporary:
        nir.write(temporary, to_graph(network, form))


def _walk(path: Path | str) -> None:
    """Refuse an HDF5 file that cannot be walked or says that it holds far more than its bytes could: reading on in a
    damaged one may take minutes and gigabytes."""
    size = Path(path).stat().st_size

    def check(name: str, one: h5py.Group | h5py.Dataset) -> None:
        if isinstance(one, h5py.Dataset) and one.nbytes > 2000 * size:
            raise ValueError(f"{name} would take {one.nbytes} bytes")

    with h5py.File(path, "r") as file:
        file.visititems(check)


def read_graph(path: Path | str) -> nir.NIRGraph:
    """Read an NIR file; SteepError when it is unreadable or none."""
    # h5py raises what the HDF5 library and the reader's constructors happen to say about a damaged file.
    with reading(path, "not a whole NIR file; export it again", (Exception,)):
        _walk(path)
        return nir.read(path, type_check=False)


def chain(graph: nir.NIRGraph) -> Iterator[tuple[str, nir.NIRNode]]:
    """Yield the nodes of a graph that is a chain, input first; SteepError when it branches."""
    following = dict(graph.edges)
    if len(following) != len(graph.edges):
        raise SteepError("the graph branches; only chains are run here")
    name = next(name for name, node in graph.nodes.items() if isinstance(node, nir.Input))
    while name is not None:
        yield name, graph.nodes[name]
        name = following.get(name)


def run_graph(graph: nir.NIRGraph, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Run a chain on frames, a new one at every time step, by what the nodes mean and nothing else.

    Parameters
    ----------
    graph : nodes as `to_graph` makes them.
    frames : uint8 (frames, channels, height, width).

    Returns
    -------
    Spikes of every node of neurons, bool (frames, ...): those that belong to each frame.

    """
    delays = [node for _, node in chain(graph) if isinstance(node, nir.Delay)]
    lag, spikes = 0, {}
    x = np.concatenate([frames.astype(np.float64), np.zeros((len(delays), *frames.shape[1:]))])
    for name, node in chain(graph):
        match node:
            case nir.Delay(delay=delay):
                steps = round(float(delay.flat[0]) / DT)
                lag += steps
                x = np.concatenate([np.zeros((steps, *x.shape[1:])), x[: len(x) - steps]])
            case nir.Flatten():
                x = x.reshape(len(x), -1)
            case nir.Linear(weight=weight):
                x = x @ weight.T
            case nir.Affine(weight=weight, bias=bias):
                x = x @ weight.T + bias
            case nir.Conv2d(weight=weight, bias=bias, stride=stride, padding=padding):
                (down, right), (high, wide) = np.broadcast_to(stride, 2), np.broadcast_to(padding, 2)
                x = np.pad(x, ((0, 0), (0, 0), (high, high), (wide, wide)))
                windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
                windows = windows[:, :, ::down, ::right]
                x = np.einsum("nchwij,fcij->nfhw", windows, weight) + bias[:, None, None]
            case nir.SumPool2d(kernel_size=size):
                height, width = (x.shape[axis] // size[axis - 2] for axis in (2, 3))
                x = x[:, :, : height * size[0], : width * size[1]]
                x = x.reshape(*x.shape[:2], height, size[0], width, size[1]).sum((3, 5))
            case nir.Threshold(threshold=threshold):
                x = (x > threshold).astype(np.float64)
                spikes[name] = x[lag : lag + len(frames)].astype(bool)
            case nir.LIF():
                x = _integrate(node, x)
                spikes[name] = x[lag : lag + len(frames)].astype(bool)
    return spikes


def _integrate(node: nir.LIF, current: np.ndarray) -> np.ndarray:
    """Return the spikes of LIF neurons, one Euler step of tau dv/dt = v_leak - v + r I per time step."""
    v, fired = np.zeros(current.shape[1:]), np.zeros_like(current)
    for step, value in enumerate(current):
        v = v + DT / node.tau * (node.v_leak - v + node.r * value)
        fired[step] = v > node.v_threshold
        v = np.where(fired[step] > 0, node.v_reset, v)
    return fired
