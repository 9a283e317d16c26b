"""Threshold networks in the Neuromorphic Intermediate Representation, NIR (Pedersen et al., Nature Comm., 2024).

Two forms of one network. *Exact*: ``Delay`` (one step per layer), ``Linear``, ``Conv2d`` or ``SumPool2d``, and
``Threshold``: what the network is. *Portable*: ``Affine``, ``Conv2d`` or ``SumPool2d``, and leaky integrate-and-fire
neurons, ``LIF`` with tau = dt and one threshold for all, 1/2, with the rest of each unit's threshold as a bias: for
frameworks that know no more. (Where units of one filter differ in their thresholds, which a bias cannot say, so do
those of the LIF neurons.) Integrated with one Euler step per time step, such a neuron forgets everything and its
membrane is the input of the step. Compiled thresholds lie half-way between integers, so it does not matter whether a
framework fires at > or at >=.

*Shapes.* A reader that checks shapes infers those of a convolution, and NIR 1.0.8 takes a kernel's height for its width
as well. Kernels are therefore written square: grown by rows and columns of zeros, with as much padding, which changes
no sum. Kernels of one odd and one even side leave a row or a column over that way; its units are written too, with
thresholds out of any sum's reach, and nothing reads them: see `written_shapes`.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import assert_never

import h5py
import nir
import numpy as np

from steep.architecture import Pair, Shape, units
from steep.errors import SteepError
from steep.files import atomic, reading
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdLayer, ThresholdNetwork, WeightedLayer

DT = 1e-4  # seconds, the time step of both forms; snnTorch knows no other
FORMS = ("exact", "portable")


def square(layer: ConvLayer, image: Pair, sides: Pair) -> tuple[int, Pair, Pair]:
    """Return side and padding (of rows, of columns) of a square kernel that does over an `image` what the layer's does,
    and the rows and columns it gives: `sides`, or a few more where it must be."""
    choices = []
    smallest, uneven = max(layer.weight.shape[2:]), max(abs(before - after) for before, after in layer.padding)
    for side in range(smallest, smallest + uneven + 2):
        axes = []
        for length, (before, _), kernel, wanted, step in zip(
            image, layer.padding, layer.weight.shape[2:], sides, layer.stride, strict=True
        ):
            # NIR pads both sides alike; what that is too much at the first one, zeros of the kernel make up for.
            paddings = range(before, before + side - kernel + 1)
            given = [((length + 2 * padding - side) // step + 1, padding) for padding in paddings]
            axes.append([pair for pair in given if pair[0] >= wanted])
        if all(axes):
            (rows, high), (columns, wide) = (min(pairs) for pairs in axes)
            choices.append((rows + columns, side, (high, wide), (rows, columns)))
    _, side, padding, found = min(choices)
    return side, padding, found


def _sides(shape: Shape) -> Pair:
    """Return height and width of an image's shape."""
    _, height, width = shape
    return height, width


def written_shapes(network: ThresholdNetwork) -> list[Shape]:
    """Return the shapes of the input and of every layer as they are written: those of the network, or with some rows
    below and columns to the right more, of units that never fire (see the module)."""
    shapes = [network.input_shape]
    for layer, after in zip(network.layers, network.shapes[1:], strict=True):
        match layer:
            case ConvLayer():
                shapes.append((after[0], *square(layer, _sides(shapes[-1]), _sides(after))[2]))
            case OrPoolLayer():
                shapes.append(layer.output_shape(shapes[-1]))
            case DenseLayer():
                shapes.append(after)
            case _:
                assert_never(layer)
    return shapes


def _thresholds(layer: ThresholdLayer, before: Shape, after: Shape, written: Shape, top: int) -> np.ndarray:
    """Return the thresholds of all units as they are written; no input up to `top` makes the units fire that the
    network does not have."""
    theta = layer.unit_thresholds(before).reshape(after)
    if written == after:
        return theta
    if not isinstance(layer, WeightedLayer):
        reach = np.full(after[0], units(layer.size))
    else:
        reach = top * np.abs(layer.weight.reshape(len(layer.weight), -1).astype(np.float64)).sum(1)
    grown = np.broadcast_to(reach[:, None, None] + 0.5, written).copy()
    grown[:, : after[1], : after[2]] = theta
    return grown


def to_graph(network: ThresholdNetwork, form: str) -> nir.NIRGraph:
    """Return the network as a graph, a chain from ``input`` to ``output``; `form` is ``exact`` or ``portable``."""
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array(network.input_shape)})}
    shapes = written_shapes(network)
    for number, layer in enumerate(network.layers, 1):
        before, after = network.shapes[number - 1 : number + 1]
        seen, written = shapes[number - 1 : number + 1]
        if form == "exact":
            nodes[f"delay{number}"] = nir.Delay(np.full(seen, DT))
        if isinstance(layer, DenseLayer) and len(seen) > 1:
            nodes[f"flatten{number}"] = nir.Flatten({"input": np.array(seen)}, start_dim=0, end_dim=-1)
        theta, ones = (
            _thresholds(layer, before, after, written, network.input_top if number == 1 else 1),
            np.ones(written),
        )
        if form == "exact":
            nodes[f"weights{number}"] = _weights(layer, before, seen, after)
            nodes[f"neurons{number}"] = nir.Threshold(theta)
        else:
            # One threshold of each filter becomes its bias; most often there is but one.
            own: np.ndarray | None = None
            level = theta
            if isinstance(layer, WeightedLayer):
                own = theta if theta.ndim == 1 else theta[:, after[1] // 2, after[2] // 2]
                level = 0.5 * ones + theta - own.reshape(-1, *(1,) * (theta.ndim - 1))
            nodes[f"weights{number}"] = _weights(layer, before, seen, after, own)
            rest = {"v_leak": 0 * ones, "v_threshold": level, "v_reset": 0 * ones}
            nodes[f"neurons{number}"] = nir.LIF(tau=DT * ones, r=ones, **rest)
    nodes["output"] = nir.Output({"output": np.array(network.shapes[-1])})
    return nir.NIRGraph(nodes, list(pairwise(nodes)))


def _weights(
    layer: ThresholdLayer, before: Shape, seen: Shape, after: Shape, theta: np.ndarray | None = None
) -> nir.NIRNode:
    """Return the node of a layer's connections, in float64.

    Parameters
    ----------
    layer, before, after : a layer of the network, and the shapes of its input and output.
    seen : the input's shape as it is written.
    theta : a threshold for each unit or filter; 1/2 minus it becomes the node's bias.

    """
    if not isinstance(layer, WeightedLayer):
        return nir.SumPool2d(kernel_size=np.array(layer.size), stride=np.array(layer.size), padding=np.array([0, 0]))
    weight = layer.weight.astype(np.float64)
    bias = np.zeros(len(weight)) if theta is None else 0.5 - theta
    match layer:
        case DenseLayer():
            around = [(0, more - less) for less, more in zip(before, seen, strict=True)]
            weight = np.pad(weight.reshape(-1, *before), ((0, 0), *around)).reshape(len(weight), -1)
            return nir.Linear(weight) if theta is None else nir.Affine(weight, bias)
        case ConvLayer():
            side, padding, _ = square(layer, _sides(seen), _sides(after))
            first = [zeros - own for zeros, (own, _) in zip(padding, layer.padding, strict=True)]
            grown = [(zeros, side - kernel - zeros) for zeros, kernel in zip(first, weight.shape[2:], strict=True)]
            weight = np.pad(weight, ((0, 0), (0, 0), *grown))
            return nir.Conv2d(seen[1:], weight, stride=layer.stride, padding=padding, dilation=1, groups=1, bias=bias)
        case _:
            assert_never(layer)


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
        return nir.read(path)


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
                windows = np.lib.stride_tricks.sliding_window_view(x, (1, 1, *weight.shape[2:]))
                windows = windows[:, :, ::down, ::right, 0, 0]
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
            case nir.Input() | nir.Output():
                pass
            case _:
                raise SteepError(
                    f"node {name} is a {type(node).__name__}; only nodes as they are exported are run here"
                )
    return spikes


def _integrate(node: nir.LIF, current: np.ndarray) -> np.ndarray:
    """Return the spikes of LIF neurons, one Euler step of tau dv/dt = v_leak - v + r I per time step."""
    v, fired = np.zeros(current.shape[1:]), np.zeros_like(current)
    for step, value in enumerate(current):
        v = v + DT / node.tau * (node.v_leak - v + node.r * value)
        fired[step] = v > node.v_threshold
        v = np.where(fired[step] > 0, node.v_reset, v)
    return fired
