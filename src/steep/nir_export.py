"""Threshold networks in the Neuromorphic Intermediate Representation, NIR (Pedersen et al., Nature Comm., 2024).

Two forms of one network. *Exact*: ``Delay`` (of each link's steps), ``Linear``, ``Conv1d``, ``Conv2d`` or
``SumPool2d``, and ``Threshold``: what the network is. *Portable*: ``Affine``, ``Conv1d``, ``Conv2d`` or ``SumPool2d``,
and leaky integrate-and-fire neurons, ``LIF`` with tau = dt and one threshold for all, 1/2, with the rest of each unit's
threshold as a bias: for frameworks that know no more. (Where units of one filter differ in their thresholds, which a
bias cannot say, so do those of the LIF neurons.) Integrated with one Euler step per time step, such a neuron forgets
everything and its membrane is the input of the step; a frame passes all of the network within one step, so that links
need no delays. Compiled thresholds lie half-way between integers, so it does not matter whether a framework fires at >
or at >=.

Several links of a population end in its one node of neurons: what arrives there by several edges adds up.

*Shapes.* A reader that checks shapes infers those of a convolution, and NIR 1.0.8 takes a kernel's height for its width
as well. Kernels are therefore written square: grown by rows and columns of zeros, with as much padding, which changes
no sum. Kernels of one odd and one even side leave a row or a column over that way; its units are written too, with
thresholds out of any sum's reach, and nothing reads them: see `written`. NIR has no node for convolutions of three
dimensions and for single connections: they are written as matrices, between flattened populations. What a population's
own shape and name are its neurons' metadata say, so that `from_graph` gives the network back.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.extras import optional
from steep.files import atomic, reading
from steep.frames import flattened
from steep.threshold.network import ConvLink, DenseLink, Link, Population, ThresholdNetwork, ungrouped

with optional():
    import h5py
    import nir

DT = 1e-4  # seconds, the time step of both forms; snnTorch knows no other
FORMS = ("exact", "portable")
LARGEST = 2**26  # entries of a matrix that stands for what NIR has no node for: half a gigabyte
Neurons = nir.Threshold | nir.LIF


@dataclass(frozen=True, order=True)
class Kernel:
    """How a convolution is written: sides of its kernel and padding of each dimension, and whether as a pooling."""

    sides: Shape
    padding: Shape
    pools: bool = False


def kernels(link: Link, before: Shape, seen: Shape) -> dict[Shape, Kernel]:
    """Return how NIR can say a link, by the sides of the image that this gives: those of the link's own output, or a
    few more; nothing where there is no node for it.

    Parameters
    ----------
    link : of any kind.
    before, seen : shape of the population that it comes from, and as it is written.

    """
    if not isinstance(link, ConvLink) or len(link.kernel) > 2 or len(seen) != 1 + len(link.kernel):
        return {}
    wanted = link.output_shape(before)[1:]
    starts = tuple(start for start, _ in link.padding)
    if link.pools and len(wanted) == 2 and set(link.dilation) == {1}:
        given = _convolved(seen, link, link.kernel, starts)
        # Frameworks know no padding of a pooling that is more than half of its window.
        if all(2 * start <= side for start, side in zip(starts, link.kernel, strict=True)) and _covers(given, wanted):
            return {given: Kernel(link.kernel, starts, pools=True)}
    found: dict[Shape, Kernel] = {}
    smallest, uneven = max(link.kernel), max(abs(start - end) for start, end in link.padding)
    for side in range(smallest, smallest + uneven + 2):
        # NIR pads both sides alike; what that is too much at the first one, zeros of the kernel make up for.
        zeros = [range(side - own + 1) for own in link.kernel]
        for first in product(*zeros):
            padding = tuple(start + step * n for start, step, n in zip(starts, link.dilation, first, strict=True))
            given = _convolved(seen, link, (side,) * len(wanted), padding)
            if _covers(given, wanted):
                found.setdefault(given, Kernel((side,) * len(wanted), padding))
    return found


def _convolved(shape: Shape, link: ConvLink, sides: Shape, padding: Shape) -> Shape:
    """Return the sides of the image that NIR infers for a link whose kernel and padding are written like this."""
    return tuple(
        (length + 2 * zeros - apart * (side - 1) - 1) // step + 1
        for length, side, zeros, apart, step in zip(shape[1:], sides, padding, link.dilation, link.stride, strict=True)
    )


def _covers(given: Shape, wanted: Shape) -> bool:
    return all(have >= want for have, want in zip(given, wanted, strict=True))


def written(network: ThresholdNetwork) -> tuple[list[Shape], list[list[Kernel | None]]]:
    """Return the shapes of the input and of every population as they are written, and how each of its links is, None
    where as a matrix.

    A population is written as an image where all its links can give the same one: its own, or with some rows below and
    columns to the right more, of units that never fire (see the module); else flat.
    """
    shapes, forms = [network.input_shape], []
    for population in network.populations:
        offered, given = [], []
        for link in population.links:
            before = network.shapes[link.source]
            offered.append(kernels(link, before, shapes[link.source]))
            given.append(link.output_shape(before))
        sides = _common(offered) if set(given) == {population.shape} else None
        if sides is None:
            shapes.append((units(population.shape),))
            forms.append([ways.get(shape[1:]) for ways, shape in zip(offered, given, strict=True)])
        else:
            shapes.append((population.shape[0], *sides))
            forms.append([ways[sides] for ways in offered])
    return shapes, forms


def _common(offered: list[dict[Shape, Kernel]]) -> Shape | None:
    """Return the sides of the smallest image that all links can give, of equals that of the smallest kernels."""
    common = set.intersection(*(set(ways) for ways in offered))
    return min(common, key=lambda sides: (sum(sides), [ways[sides] for ways in offered], sides), default=None)


def _thresholds(network: ThresholdNetwork, number: int, shape: Shape) -> np.ndarray:
    """Return the thresholds of all units of a population as it is written, with `shape`; no input makes the units fire
    that the network does not have."""
    population = network.populations[number - 1]
    theta = population.thresholds()
    if len(theta) == units(shape):
        return theta.reshape(shape)
    reach = sum((network.input_top if link.source == 0 else 1) * link.reach() for link in population.links)
    grown = np.broadcast_to(reach + 0.5, shape).copy()
    grown[tuple(map(slice, population.shape))] = theta.reshape(population.shape)
    return grown


class _Graph:
    """Nodes and edges, one by one."""

    def __init__(self) -> None:
        self.nodes: dict[str, nir.NIRNode] = {}
        self.edges: list[tuple[str, str]] = []

    def add(self, name: str, node: nir.NIRNode, *before: str) -> str:
        """Add a node behind others, unless there is one of its name; return the name."""
        if name not in self.nodes:
            self.nodes[name] = node
            self.edges += [(one, name) for one in before]
        return name


def to_graph(network: ThresholdNetwork, form: str) -> nir.NIRGraph:
    """Return the network as a graph, from ``input`` to ``output``, the last population; `form` is ``exact`` or
    ``portable``.

    Populations that nothing reads get an output of their own: NIR wants one behind every node. SteepError where a link
    that NIR has no node for is too large for a matrix.

    Examples
    --------
    >>> from steep.threshold.network import dense
    >>> network = ThresholdNetwork((2,), (dense(0, np.array([[2, -1]], np.int32), np.array([0.5])),))
    >>> to_graph(network, "exact").edges
    [('input', 'delay0_1'), ('delay0_1', 'weights1_1'), ('weights1_1', 'neurons1'), ('neurons1', 'output')]
    >>> from_graph(to_graph(network, "exact")).populations[0].links[0].weight
    array([[ 2, -1]], dtype=int32)

    """
    exact, graph, depths = form == "exact", _Graph(), network.depths
    shapes, forms = written(network)
    top = {"input_top": network.input_top}
    graph.add("input", nir.Input({"input": np.array(network.input_shape)}, metadata=top))
    for number, (population, ways) in enumerate(zip(network.populations, forms, strict=True), 1):
        shape = shapes[number]
        given = [link.output_shape(network.shapes[link.source]) for link in population.links]
        theta = _thresholds(network, number, shape)
        biased, bias, level = _divided(theta, ways, given)
        ends = []
        for which, (link, way) in enumerate(zip(population.links, ways, strict=True)):
            seen, tail = shapes[link.source], str(link.source)
            end = f"neurons{link.source}" if link.source else "input"
            if exact:
                delay = depths[number] - depths[link.source]
                tail += f"_{delay}"
                end = graph.add(f"delay{tail}", nir.Delay(np.full(seen, delay * DT)), end)
            if way is None and len(seen) > 1:
                end = graph.add(f"flatten{tail}", _flatten(seen), end)
            own = bias if which == biased and not exact else np.zeros(units(shape) if way is None else given[which][0])
            if way is None:
                matrix = _matrix(link, network.shapes[link.source], seen, units(shape))
                node = nir.Linear(matrix) if exact else nir.Affine(matrix, own)
            else:
                assert isinstance(link, ConvLink)
                node = _convolution(link, way, seen, own)
            end = graph.add(f"weights{number}_{which + 1}", node, end)
            if way is not None and len(shape) == 1:
                end = graph.add(f"flattened{number}_{which + 1}", _flatten(given[which]), end)
            ends.append(end)
        said: dict[str, Any] = {"shape": np.array(population.shape), "name": population.name}
        if exact:
            neurons: nir.NIRNode = nir.Threshold(theta, metadata=said)
        else:
            ones = np.ones(shape)
            rest = {"v_leak": 0 * ones, "v_threshold": level, "v_reset": 0 * ones}
            neurons = nir.LIF(tau=DT * ones, r=ones, **rest, metadata=said)
        graph.add(f"neurons{number}", neurons, *ends)
    graph.add("output", nir.Output({"output": np.array(shapes[-1])}), f"neurons{len(network.populations)}")
    return nir.NIRGraph(graph.nodes, graph.edges)


def _divided(
    theta: np.ndarray, ways: list[Kernel | None], given: list[Shape]
) -> tuple[int | None, np.ndarray, np.ndarray]:
    """Divide the thresholds of a population between the bias of a link and its LIF neurons, for the portable form.

    Parameters
    ----------
    theta : thresholds of the population as it is written.
    ways, given : how its links are written, and the shapes that they give.

    Returns
    -------
    Which link has the bias, None where none can; the bias; the thresholds that are left: 1/2 where a bias can say all.

    """
    # A matrix has a bias for each unit, a kernel one for each filter: most often they have but one threshold.
    for which in sorted(range(len(ways)), key=lambda which: ways[which] is not None):
        way, shape = ways[which], given[which]
        if way is None:
            return which, 0.5 - theta, np.full(theta.shape, 0.5)
        if not way.pools:
            image = theta if theta.ndim > 1 else theta.reshape(shape)
            middle: list[Any] = [slice(None), *(side // 2 for side in shape[1:])]
            own = image[tuple(middle)]
            level = 0.5 + image - own.reshape(-1, *(1,) * (image.ndim - 1))
            return which, 0.5 - own, level.reshape(theta.shape)
    return None, theta, theta


def _flatten(shape: Shape) -> nir.Flatten:
    return nir.Flatten({"input": np.array(shape)}, start_dim=0, end_dim=-1)


def _matrix(link: Link, before: Shape, seen: Shape, count: int) -> np.ndarray:
    """Return a link to `count` units as a matrix, float64 (units, inputs); the population before it has the shape
    `before` and is written with `seen`."""
    if not isinstance(link, DenseLink):
        _refuse_large(count * units(seen))
    image = seen if len(seen) == len(before) else before
    places = np.arange(units(image)).reshape(image)[tuple(map(slice, before))].ravel()
    synapses, matrix = link.synapses(before), np.zeros((count, units(seen)))
    np.add.at(matrix, (synapses.target, places[synapses.source]), synapses.weight)
    return matrix


def _refuse_large(entries: int) -> None:
    if entries > LARGEST:
        raise SteepError(
            f"a link that NIR has no node for needs an array of {entries} numbers, more than {LARGEST}; this network "
            "is too large for NIR"
        )


def _convolution(link: ConvLink, way: Kernel, seen: Shape, bias: np.ndarray) -> nir.NIRNode:
    """Return the node of a convolution or pooling of an image of shape `seen`, in float64."""
    if way.pools:
        return nir.SumPool2d(np.array(way.sides), np.array(link.stride), np.array(way.padding))
    grown = []
    for side, own, zeros, (start, _), apart in zip(
        way.sides, link.kernel, way.padding, link.padding, link.dilation, strict=True
    ):
        first = (zeros - start) // apart
        grown.append((first, side - own - first))
    weight = np.pad(_ungrouped(link), ((0, 0), (0, 0), *grown))
    if len(way.sides) == 2:
        return nir.Conv2d(seen[1:], weight, link.stride, way.padding, link.dilation, 1, bias)
    return nir.Conv1d(seen[1], weight, link.stride[0], way.padding[0], link.dilation[0], 1, bias)


def _ungrouped(link: ConvLink) -> np.ndarray:
    """Return the weights of a convolution, float64 (filters, channels, *kernel), 0 where groups do not see each other.

    NIR has groups, but NIR 1.0.8 does not read a file with them: it takes the channels of a kernel for all there are.
    """
    if link.groups > 1:
        _refuse_large(link.weight.size * link.groups)
    return ungrouped(link.weight.astype(np.float64), link.groups)


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


def _ordered(graph: nir.NIRGraph) -> dict[str, list[str]]:
    """Return the nodes before each node, in an order in which these come first; of several such orders, the one that
    counts on in the names. SteepError when there is a loop."""
    before: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for one, other in graph.edges:
        before[other].append(one)
    sorter = TopologicalSorter(before)
    try:
        sorter.prepare()
    except CycleError as error:
        raise SteepError("the graph has a loop; only feed-forward ones are run and read here") from error
    found: dict[str, list[str]] = {}
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=_counted)
        name = ready.pop(0)
        found[name] = before[name]
        sorter.done(name)
    return found


def _counted(name: str) -> list[tuple[int, str]]:
    """Return a key of a name that sorts numbers in it by their values."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]


def run_graph(graph: nir.NIRGraph, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Run a graph on frames, a new one at every time step, by what the nodes mean and nothing else.

    Parameters
    ----------
    graph : nodes as `to_graph` makes them.
    frames : uint8 (frames, *input shape).

    Returns
    -------
    Spikes of every node of neurons, bool (frames, ...): those that belong to each frame, which are as late as the
    longest delay on a way from the input.

    """
    order, lags = _ordered(graph), dict.fromkeys(graph.nodes, 0)
    for name, before in order.items():
        node = graph.nodes[name]
        own = _steps(name, node) if isinstance(node, nir.Delay) else 0
        lags[name] = own + max((lags[one] for one in before), default=0)
    silence = np.zeros((max(lags.values()), *frames.shape[1:]))
    values: dict[str, np.ndarray] = {}
    spikes: dict[str, np.ndarray] = {}
    for name, before in order.items():
        node = graph.nodes[name]
        if isinstance(node, nir.Input):
            x = np.concatenate([frames.astype(np.float64), silence])
        else:
            x = sum((values[one] for one in before), np.zeros(()))
        values[name] = x = _passed(name, node, x)
        if isinstance(node, Neurons):
            spikes[name] = x[lags[name] : lags[name] + len(frames)].astype(bool)
    return spikes


def _passed(name: str, node: nir.NIRNode, x: np.ndarray) -> np.ndarray:
    """Return what a node makes of x, float64 (steps, ...), step by step."""
    y: np.ndarray
    match node:
        case nir.Input() | nir.Output():
            y = x
        case nir.Delay():
            steps = _steps(name, node)
            y = np.concatenate([np.zeros((steps, *x.shape[1:])), x[: len(x) - steps]])
        case nir.Flatten():
            y = flattened(x)
        case nir.Linear(weight=weight):
            y = x @ weight.T
        case nir.Affine(weight=weight, bias=bias):
            y = x @ weight.T + bias
        case nir.Conv1d() | nir.Conv2d():
            y = _convolve(node, x)
        case nir.SumPool2d(kernel_size=size, stride=stride, padding=padding):
            y = _windows(x, size, stride, padding).sum((-2, -1))
        case nir.Threshold(threshold=threshold):
            y = (x > threshold).astype(np.float64)
        case nir.LIF():
            y = _integrate(node, x)
        case _:
            raise SteepError(f"node {name} is a {type(node).__name__}; only nodes as they are exported are run here")
    return y


def _steps(name: str, node: nir.Delay) -> int:
    """Return the steps of a delay; SteepError unless all units have the same."""
    delay = np.asarray(node.delay) / DT
    steps = round(float(delay.flat[0])) if np.isfinite(delay).all() else 0
    if not np.allclose(delay, steps, rtol=0, atol=1e-6) or steps < 1:
        raise SteepError(f"node {name} delays its units by other than a number of steps of {DT} seconds")
    return steps


def _windows(x: np.ndarray, sides: Any, stride: Any, padding: Any, dilation: Any = 1) -> np.ndarray:
    """Return the windows of images (steps, channels, *sides): (steps, channels, *places, *sides of a window)."""
    count = x.ndim - 2
    sides, stride, padding, dilation = (
        np.broadcast_to(one, count).tolist() for one in (sides, stride, padding, dilation)
    )
    x = np.pad(x, ((0, 0), (0, 0), *((zeros, zeros) for zeros in padding)))
    spans = [apart * (side - 1) + 1 for side, apart in zip(sides, dilation, strict=True)]
    windows: np.ndarray = sliding_window_view(x, spans, tuple(range(2, x.ndim)))  # type: ignore[call-overload, unused-ignore]
    every = tuple(slice(None, None, step) for step in (*stride, *dilation))
    return windows[:, :, *every]


def _convolve(node: nir.Conv1d | nir.Conv2d, x: np.ndarray) -> np.ndarray:
    """Return the convolution of images (steps, channels, *sides)."""
    weight, groups = node.weight, int(node.groups)
    windows = _windows(x, weight.shape[2:], node.stride, node.padding, node.dilation)
    places = windows.shape[2 : x.ndim]
    size = math.prod(weight.shape[2:])
    windows = windows.reshape(len(x), groups, weight.shape[1], math.prod(places), size)
    filters = weight.reshape(groups, -1, weight.shape[1], size)
    sums: np.ndarray = np.einsum("ngcpk,gfck->ngfp", windows, filters, optimize=True).reshape(
        len(x), len(weight), *places
    )
    sums += node.bias.reshape(-1, *(1,) * len(places))
    return sums


def _integrate(node: nir.LIF, current: np.ndarray) -> np.ndarray:
    """Return the spikes of LIF neurons, one Euler step of tau dv/dt = v_leak - v + r I per time step."""
    v, fired = np.zeros(current.shape[1:]), np.zeros_like(current)
    for step, value in enumerate(current):
        v = v + DT / node.tau * (node.v_leak - v + node.r * value)
        fired[step] = v > node.v_threshold
        v = np.where(fired[step] > 0, node.v_reset, v)
    return fired


def from_graph(graph: nir.NIRGraph) -> ThresholdNetwork:
    """Return the network that a graph of the exact form says.

    Raises
    ------
    SteepError
        when the graph has other nodes than the exact form, several inputs or outputs, weights that are no integers, or
        delays by which what belongs to one frame does not meet in one step.

    """
    order, nodes = _ordered(graph), graph.nodes
    inputs = [name for name in order if isinstance(nodes[name], nir.Input)]
    ends = [name for name in order if isinstance(nodes[name], nir.Output)]
    # Behind what nothing reads there are outputs besides.
    outputs = [before for end in ends if end == "output" or len(ends) == 1 for before in order[end]]
    if len(inputs) != 1 or len(outputs) != 1:
        raise SteepError("the graph has not one input and one output; only what is so is read")
    names = [name for name in order if isinstance(nodes[name], nir.Threshold) and name not in outputs]
    number = {name: place for place, name in enumerate([*inputs, *names, *outputs])}
    start = nodes[inputs[0]]
    shapes = [tuple(int(side) for side in start.input_type["input"])]
    seen, populations, delays = shapes.copy(), [], []
    for name in [*names, *outputs]:
        node, links = nodes[name], []
        if not isinstance(node, nir.Threshold):
            raise SteepError(f"node {name} is a {type(node).__name__}; populations of the exact form are thresholds")
        shape = _own_shape(name, node)
        theta = node.threshold
        image = shape if len(shape) == theta.ndim else theta.shape
        for weights in _through(order, nodes, name):
            for origin, steps in _origins(order, nodes, weights):
                source = number[origin]
                if source >= number[name]:
                    raise SteepError(f"node {origin} is the output, and node {name} reads it; nothing may")
                links.append(_link(weights, nodes[weights], source, shapes[source], seen[source], image))
                delays.append((name, source, steps))
        own = theta.reshape(shape) if theta.size == units(shape) else theta[tuple(map(slice, shape))]
        said = node.metadata.get("name", "")
        said = said.decode(errors="replace") if isinstance(said, bytes) else said
        populations.append(Population(shape, tuple(links), own, said))
        shapes.append(shape)
        seen.append(theta.shape)
    network = ThresholdNetwork(shapes[0], tuple(populations), int(start.metadata.get("input_top", 1)))
    for name, source, steps in delays:
        if network.depths[number[name]] - network.depths[source] != steps:
            raise SteepError(f"node {name} gets spikes of several frames in one step: a delay before it is wrong")
    return network


def _own_shape(name: str, node: nir.Threshold) -> Shape:
    """Return the shape of a population itself, which may be written flat or with some rows and columns more."""
    seen = node.threshold.shape
    own = tuple(int(side) for side in np.atleast_1d(node.metadata.get("shape", seen)))
    inside = len(own) == len(seen) and own[0] == seen[0] and _covers(seen, own)
    if min(own, default=0) < 1 or not (inside or units(own) == math.prod(seen)):
        raise SteepError(f"node {name} has neurons of shape {seen}, which hold no population of shape {own}")
    return own


def _through(order: dict[str, list[str]], nodes: dict[str, nir.NIRNode], name: str) -> Iterator[str]:
    """Yield the nodes before a node, those before it in place of what flattens."""
    for before in order[name]:
        if isinstance(nodes[before], nir.Flatten):
            yield from _through(order, nodes, before)
        else:
            yield before


def _origins(order: dict[str, list[str]], nodes: dict[str, nir.NIRNode], name: str) -> Iterator[tuple[str, int]]:
    """Yield the populations whose spikes a node gets, and how many steps later."""
    for before in _through(order, nodes, name):
        node = nodes[before]
        if isinstance(node, nir.Delay):
            yield from ((origin, steps + _steps(before, node)) for origin, steps in _origins(order, nodes, before))
        elif isinstance(node, nir.Threshold | nir.Input):
            yield before, 0
        else:
            raise SteepError(f"node {before} is a {type(node).__name__}; before {name} the exact form has delays")


def _link(name: str, node: nir.NIRNode, source: int, before: Shape, seen: Shape, after: Shape) -> Link:
    """Return the link that a node says.

    Parameters
    ----------
    name, node : between two populations.
    source : number of the population before it.
    before, seen : its shape, and as it is written.
    after : shape of the population after it, (units,) where that is written flat.

    """
    if isinstance(node, nir.Linear) and node.weight.ndim == 2 and node.weight.shape[1] == math.prod(seen):
        image = seen if len(seen) == len(before) else before
        matrix = node.weight.reshape(-1, *image)[:, *map(slice, before)]
        return DenseLink(source, _integers(name, matrix.reshape(len(matrix), -1)))
    groups, apart = before[0], 1
    if isinstance(node, nir.SumPool2d):
        weight = np.ones((groups, 1, *np.broadcast_to(node.kernel_size, 2)))
    elif isinstance(node, nir.Conv1d | nir.Conv2d) and not isinstance(node.padding, str) and not np.any(node.bias):
        weight, groups, apart = node.weight, int(node.groups), node.dilation
    else:
        raise SteepError(f"node {name} is a {type(node).__name__} as the exact form has none")
    dimensions = weight.ndim - 2
    stride, padding, dilation = (
        tuple(np.broadcast_to(one, dimensions).tolist()) for one in (node.stride, node.padding, apart)
    )
    same = tuple((zeros, zeros) for zeros in padding)
    link = ConvLink(source, _integers(name, weight), stride, same, dilation, groups)
    wanted = after if len(after) > 1 else link.output_shape(seen)
    # At the end as many zeros as the population's own units need.
    needed = tuple(
        (zeros, max((count - 1) * step + space * (side - 1) + 1 - zeros - length, 0))
        for zeros, count, step, space, side, length in zip(
            padding, wanted[1:], stride, dilation, link.kernel, before[1:], strict=True
        )
    )
    return replace(link, padding=needed)


def _integers(name: str, weight: np.ndarray) -> np.ndarray:
    """Return weights as int32; SteepError where they are none."""
    if not np.array_equal(weight, np.rint(weight)) or np.abs(weight).max(initial=0) >= 2**31:
        raise SteepError(f"node {name} has weights that are no integers of 32 bits; only threshold networks are read")
    return weight.astype(np.int32)
