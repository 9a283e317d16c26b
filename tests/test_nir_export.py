"""NIR: both forms, written, read back and run, fire as the threshold network does; the exact one gives the network
back; other frameworks' readers agree."""

from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import chains, evaluate_plainly, frames_for, graphs, threshold_networks

from steep import nir_export
from steep.architecture import units
from steep.cli import main
from steep.errors import SteepError
from steep.nir_export import DT, FORMS, from_graph, read_graph, run_graph, to_graph, write_graph, written
from steep.threshold.fingerprint import fingerprint
from steep.threshold.network import (
    ConvLink,
    DenseLink,
    Population,
    SparseLink,
    Synapses,
    ThresholdNetwork,
    conv,
    dense,
    or_pool,
)


def assert_fires(graph: nir.NIRGraph, network: ThresholdNetwork, frames: np.ndarray) -> None:
    found = run_graph(graph, frames)
    assert len(found) == len(network.populations)
    for number, (shape, seen) in enumerate(zip(network.shapes, written(network)[0], strict=True)):
        if number:
            spikes = found[f"neurons{number}"]
            assert spikes.shape[1:] == seen
            own = spikes if spikes[0].size == units(shape) else spikes[(slice(None), *map(slice, shape))]
            assert spikes.sum() == own.sum()  # units besides the network's never fire
            expected = [evaluate_plainly(network, frame)[0][number - 1] for frame in frames]
            assert np.array_equal(own.reshape(len(frames), -1), expected), number


def assert_same(one: ThresholdNetwork, other: ThresholdNetwork) -> None:
    assert fingerprint(one) == fingerprint(other)
    assert one.shapes == other.shapes and one.depths == other.depths and one.input_top == other.input_top
    assert [population.name for population in one.populations] == [population.name for population in other.populations]


@settings(max_examples=80, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
@pytest.mark.parametrize("form", FORMS)
def test_a_graph_from_disk_fires_like_the_network(
    tmp_path_factory: pytest.TempPathFactory, form: str, network: ThresholdNetwork, seed: int
) -> None:
    path = tmp_path_factory.mktemp("nir") / "network.nir"
    write_graph(path, network, form)
    graph = nir.read(path)  # with all its checks
    assert graph.check_types()
    assert_fires(graph, network, frames_for(network, seed, 5))


@settings(max_examples=80, deadline=None)
@given(network=st.one_of(chains(), graphs(), graphs(2)))
def test_the_exact_form_gives_the_network_back(
    tmp_path_factory: pytest.TempPathFactory, network: ThresholdNetwork
) -> None:
    """Also from memory, and again from what was read: nothing is lost on the way."""
    path = tmp_path_factory.mktemp("nir") / "network.nir"
    write_graph(path, network, "exact")
    once = from_graph(read_graph(path))
    assert_same(once, network)
    assert_same(from_graph(to_graph(network, "exact")), network)
    assert_same(from_graph(to_graph(once, "exact")), network)


KERNELS = [
    ((1, 1, 30), (1, 5), (1, 1), ((0, 0), (0, 0))),  # one row
    ((1, 1, 30), (1, 4), (1, 1), ((0, 0), (1, 2))),  # one row, padded
    ((2, 30, 1), (7, 1), (3, 1), ((0, 0), (0, 0))),  # one column
    ((1, 9, 8), (2, 3), (1, 1), ((0, 0), (0, 0))),  # an odd and an even side
    ((1, 9, 8), (4, 1), (2, 1), ((1, 2), (0, 0))),
    ((1, 9, 8), (9, 8), (1, 1), ((0, 0), (0, 0))),
    ((1, 9, 8), (2, 2), (1, 1), ((0, 1), (1, 0))),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), KERNELS)
def test_kernels_of_any_shape_pass_the_readers_checks(tmp_path: Path, form, shape, kernel, stride, padding) -> None:
    """Two such convolutions, a pooling and two dense layers."""
    rng = np.random.default_rng(3)
    populations, before = [], shape
    for filters in (3, 2):
        weight = rng.integers(-4, 5, (filters, before[0], *kernel), dtype=np.int32)
        link = ConvLink(len(populations), weight, stride, padding)
        if min(before[1] - kernel[0], before[2] - kernel[1]) < 0 and populations:
            break
        populations.append(conv(link, before, rng.integers(0, 5, filters) + 0.5))
        before = populations[-1].shape
    populations.append(or_pool(len(populations), before, (1, 1) if min(before[1:]) < 2 else (2, 2)))
    for count in (6, 4):
        weight = rng.integers(-4, 5, (count, units(populations[-1].shape)), dtype=np.int32)
        populations.append(dense(len(populations), weight, rng.integers(0, 5, count) + 0.5))
    network = ThresholdNetwork(shape, tuple(populations))
    write_graph(tmp_path / "network.nir", network, form)
    graph = nir.read(tmp_path / "network.nir")
    assert_fires(graph, network, frames_for(network, 1, 8))
    if form == "exact":
        assert_same(from_graph(graph), network)
    shapes = written(network)[0]
    assert shapes[-1] == network.shapes[-1]
    odd_and_even = (kernel[0] + kernel[1]) % 2 and padding == ((0, 0), (0, 0)) and stride == (1, 1)
    assert (shapes == network.shapes) == (not odd_and_even)  # nothing is added without need


def points(source: int, filters: int, channels: int, *kernel: int, **geometry: object) -> ConvLink:
    weight = np.random.default_rng(filters).integers(-4, 5, (filters, channels, *kernel), dtype=np.int32)
    return ConvLink(source, weight, **geometry)


def kinds(network: ThresholdNetwork, number: int) -> list[str]:
    """Return what the links of a population are in the exact form."""
    nodes = to_graph(network, "exact").nodes
    return [type(node).__name__ for name, node in nodes.items() if name.startswith(f"weights{number}_")]


# Links from an input of 2 x 6 x 6 to one population, the nodes that say them, and the shape that it is written with.
SAME = ((1, 1), (1, 1))
SPARSE = SparseLink(0, Synapses(np.array([3, 3, 70]), np.array([71, 71, 0]), np.array([2, 3, -1])), (2, 6, 6))
LINKS = {
    "a residual": ((points(0, 2, 2, 3, 3, padding=SAME), points(0, 2, 2, 1, 1)), ["Conv2d", "Conv2d"], (2, 6, 6)),
    "groups and dilation": (
        (points(0, 2, 1, 3, 2, padding=((2, 2), (1, 0)), dilation=(2, 1), groups=2),),
        ["Conv2d"],
        (2, 6, 6),
    ),
    # A kernel of 1 x 2 is written square and leaves a row or a column over, which a pooling does not.
    "a kernel and a pooling that do not agree": (
        (points(0, 2, 2, 1, 2), *or_pool(0, (2, 6, 6), (1, 2), (1, 1)).links),
        ["Linear", "SumPool2d"],
        (60,),
    ),
    "more around one end than around the other": (
        (points(0, 2, 2, 1, 2, padding=((0, 0), (0, 1))), points(0, 2, 2, 2, 2, padding=((0, 1), (0, 1)))),
        ["Conv2d", "Conv2d"],
        (2, 6, 6),
    ),
    "an overlapping pooling": (or_pool(0, (2, 6, 6), (3, 3), (1, 1), SAME).links, ["SumPool2d"], (2, 6, 6)),
    "a pooling with more around it than half of its window": (
        or_pool(0, (2, 6, 6), (1, 3), (1, 1), ((0, 0), (2, 0))).links,
        ["Conv2d"],
        (2, 6, 6),
    ),
    "a pooling beside a convolution": (
        (*or_pool(0, (2, 6, 6), (3, 3), (1, 1), SAME).links, points(0, 2, 2, 1, 1)),
        ["SumPool2d", "Conv2d"],
        (2, 6, 6),
    ),
    "single connections": ((points(0, 2, 2, 1, 1), SPARSE), ["Conv2d", "Linear"], (72,)),
    "a dense link": ((DenseLink(0, np.ones((72, 72), np.int32)),), ["Linear"], (72,)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LINKS)
def test_every_link_is_said_by_the_node_that_fits(tmp_path: Path, form: str, name: str) -> None:
    """A convolution and an output read the population, which is written as an image or flat."""
    links, nodes, shape = LINKS[name]
    own = (2, 6, 5) if shape == (60,) else (2, 6, 6)
    population = Population(own, links, np.random.default_rng(1).integers(-3, 8, own) - 0.5)
    after = Population(own, (points(1, 2, 2, 3, 3, padding=SAME),), np.full((2, 1, 1), 0.5))
    weight = np.random.default_rng(2).integers(-4, 5, (3, units(own)), dtype=np.int32)
    network = ThresholdNetwork((2, 6, 6), (population, after, dense(2, weight, np.full(3, -0.5))))
    assert kinds(network, 1) == nodes
    assert written(network)[0][1] == shape
    assert kinds(network, 2) == ["Conv2d" if len(shape) == 3 else "Linear"]
    write_graph(tmp_path / "network.nir", network, form)
    graph = nir.read(tmp_path / "network.nir")
    assert_fires(graph, network, frames_for(network, 1, 6))
    if form == "exact":
        assert_same(from_graph(graph), network)


def test_one_and_three_dimensions(tmp_path: Path) -> None:
    for shape, node in (((2, 9), "Conv1d"), ((2, 4, 3, 3), "Linear")):
        sides = len(shape) - 1
        link = points(0, 4, 1, *(2,) * sides, padding=((0, 1),) * sides, dilation=(2,) * sides, groups=2)
        hidden = conv(link, shape, np.array([-0.5, 1.5, 0.5, 2.5]))
        output = dense(1, np.ones((2, units(hidden.shape)), np.int32), np.array([3.5, 7.5]))
        network = ThresholdNetwork(shape, (hidden, output))
        assert kinds(network, 1) == [node]
        for form in FORMS:
            write_graph(tmp_path / "network.nir", network, form)
            assert_fires(read_graph(tmp_path / "network.nir"), network, frames_for(network, 1, 6))


def branching() -> ThresholdNetwork:
    """Return a network of which the output listens to the input, twice, and to a population; another one is deeper,
    and nothing reads it."""
    ones = np.ones((2, 2), np.int32)
    output = Population((2,), (DenseLink(0, ones), DenseLink(1, -ones), DenseLink(0, 2 * ones)), np.array([0.5, -1.0]))
    hidden = dense(0, ones, np.array([0.5, 1.5]), "hidden"), dense(1, ones, np.zeros(2)), dense(2, ones, np.zeros(2))
    return ThresholdNetwork((2,), (*hidden, output), 255)


def test_delays_are_shared_and_what_nothing_reads_has_an_output() -> None:
    graph = to_graph(branching(), "exact")
    delays = {name: round(float(node.delay[0]) / DT) for name, node in graph.nodes.items() if name.startswith("delay")}
    assert delays == {"delay0_1": 1, "delay0_2": 2, "delay1_1": 1, "delay2_1": 1}
    assert len([edge for edge in graph.edges if edge[1] == "neurons4"]) == 3
    assert {name for name, node in graph.nodes.items() if isinstance(node, nir.Output)} == {"output", "output_neurons3"}
    assert_same(from_graph(graph), branching())


def broken(change: str) -> nir.NIRGraph:
    """Return a graph of the exact form with something in it that is none of it."""
    graph = to_graph(branching(), "exact")
    nodes, edges = graph.nodes, graph.edges
    match change:
        case "late":
            nodes["delay0_2"] = nir.Delay(np.full(2, 3 * DT))
        case "uneven":
            nodes["delay0_2"] = nir.Delay(np.array([1, 2]) * DT)
        case "fraction":
            nodes["weights1_1"] = nir.Linear(np.full((2, 2), 0.5))
        case "large":
            nodes["weights1_1"] = nir.Linear(np.full((2, 2), 2.0**31))
        case "affine":
            nodes["weights1_1"] = nir.Affine(np.ones((2, 2)), np.ones(2))
        case "direct":
            edges.append(("neurons1", "neurons4"))
        case "leaky":
            nodes["neurons1"] = nir.LIF(*(np.ones(2) for _ in range(4)))
        case "threshold":
            nodes["neurons1"] = nir.Threshold(np.array([0.25, 1.5]))
        case "shape":
            nodes["neurons1"] = nir.Threshold(np.zeros(2), metadata={"shape": np.array([3])})
        case "loop":
            edges.append(("neurons3", "delay0_1"))
        case "outputs":
            edges.append(("neurons3", "output"))
        case "read":
            edges.append(("neurons4", "delay2_1"))
    return graph


BROKEN = {
    "late": "node neurons4 gets spikes of several frames in one step: a delay before it is wrong",
    "uneven": "node delay0_2 delays its units by other than a number of steps of 0.0001 seconds",
    "fraction": "node weights1_1 has weights that are no integers of 32 bits",
    "large": "node weights1_1 has weights that are no integers of 32 bits",
    "affine": "node weights1_1 is a Affine as the exact form has none",
    "direct": "node weights1_1 is a Linear; before neurons1 the exact form has delays",
    "leaky": "node neurons1 is a LIF; before",
    "threshold": "population 1: a threshold is neither an integer nor a half-integer",
    "shape": r"node neurons1 has neurons of shape \(2,\), which hold no population of shape \(3,\)",
    "loop": "the graph has a loop",
    "outputs": "the graph has not one input and one output",
    "read": "node neurons4 is the output, and node neurons3 reads it",
}


@pytest.mark.parametrize("change", BROKEN)
def test_what_is_not_the_exact_form_is_refused_in_one_line(change: str) -> None:
    with pytest.raises(SteepError, match=BROKEN[change]) as refused:
        from_graph(broken(change))
    assert "\n" not in str(refused.value)


def test_the_portable_form_is_not_read_back() -> None:
    with pytest.raises(SteepError, match="is a LIF; "):
        from_graph(to_graph(branching(), "portable"))


def test_a_matrix_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What NIR has no node for has 72 x 72 entries as a matrix; a dense link may be as large as it is."""
    monkeypatch.setattr(nir_export, "LARGEST", 72 * 72 - 1)
    population = Population((2, 6, 6), (SPARSE,), np.zeros((2, 1, 1)))
    with pytest.raises(SteepError, match="needs an array of 5184 numbers, more than 5183; this network is too large"):
        to_graph(ThresholdNetwork((2, 6, 6), (population,)), "exact")
    to_graph(ThresholdNetwork((2, 6, 6), (dense(0, np.ones((72, 72), np.int32), np.zeros(72)),)), "exact")


def test_a_node_that_is_not_exported_is_refused() -> None:
    graph = to_graph(ThresholdNetwork((1, 1, 1), (dense(0, np.ones((1, 1), np.int32), np.array([0.5])),)), "exact")
    name = next(name for name, node in graph.nodes.items() if isinstance(node, nir.Threshold))
    graph.nodes[name] = nir.Scale(np.ones(1))
    with pytest.raises(SteepError, match=f"node {name} is a Scale; only nodes as they are exported are run here"):
        run_graph(graph, np.ones((1, 1, 1, 1), np.uint8))


@pytest.fixture
def network() -> ThresholdNetwork:
    rng = np.random.default_rng(3)
    return ThresholdNetwork(
        (1, 8, 8),
        (
            conv(ConvLink(0, rng.integers(-4, 5, (2, 1, 3, 3), dtype=np.int32)), (1, 8, 8), np.array([0.5, 2.5])),
            or_pool(1, (2, 6, 6), (2, 2)),
            dense(2, rng.integers(-4, 5, (5, 18), dtype=np.int32), rng.integers(0, 5, 5) + 0.5),
        ),
    )


def test_the_forms_consist_of_what_they_promise(network: ThresholdNetwork) -> None:
    kinds = [{type(node) for node in to_graph(network, form).nodes.values()} for form in FORMS]
    common = {nir.Input, nir.Conv2d, nir.SumPool2d, nir.Flatten, nir.Output}
    assert kinds == [common | {nir.Delay, nir.Linear, nir.Threshold}, common | {nir.Affine, nir.LIF}]


def test_the_verb_writes_both(tmp_path: Path, network: ThresholdNetwork) -> None:
    network.save(tmp_path / "n.npz")
    paths = ["--exact", str(tmp_path / "exact.nir"), "--portable", str(tmp_path / "portable.nir")]
    assert main(["export-nir", "--network", str(tmp_path / "n.npz"), *paths]) == 0
    frames = frames_for(network, 0, 9)
    one, other = (list(run_graph(read_graph(tmp_path / f"{form}.nir"), frames).values()) for form in FORMS)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_broken_file_is_one_line(tmp_path: Path, network: ThresholdNetwork) -> None:
    path = tmp_path / "network.nir"
    write_graph(path, network, "exact")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(SteepError, match="export it again"):
        read_graph(path)


def test_snntorch_reads_the_portable_form(tmp_path: Path) -> None:
    """Optional: `pip install --no-deps snntorch nirtorch` where this is to be run."""
    snntorch = pytest.importorskip(
        "snntorch.import_nir", reason="snnTorch is not installed: pip install snntorch nirtorch"
    )
    import torch

    rng = np.random.default_rng(5)
    populations = tuple(
        dense(source, rng.integers(-4, 5, size, dtype=np.int32), rng.integers(0, 5, size[0]) + 0.5)
        for source, size in enumerate(((7, 12), (4, 7)))
    )
    network = ThresholdNetwork((1, 3, 4), populations)
    imported = snntorch.import_from_nir(to_graph(network, "portable"))
    frames = frames_for(network, 1, 20)
    for frame in frames:
        out, _ = imported(torch.from_numpy(frame[None]).float())
        fired, _ = evaluate_plainly(network, frame)
        assert np.array_equal(out.detach().numpy().ravel() > 0.5, fired[-1])


def test_norse_reads_the_portable_form() -> None:
    """Optional: `pip install --no-deps norse nirtorch` where this is to be run."""
    norse = pytest.importorskip("norse.torch", reason="Norse is not installed: pip install norse nirtorch")
    import torch

    rng = np.random.default_rng(5)
    populations = tuple(
        dense(source, rng.integers(-4, 5, size, dtype=np.int32), rng.integers(0, 5, size[0]) + 0.5)
        for source, size in enumerate(((7, 12), (4, 7)))
    )
    network = ThresholdNetwork((1, 3, 4), populations)
    imported = norse.from_nir(to_graph(network, "portable"), dt=DT)
    for frame in frames_for(network, 1, 20):
        out, _ = imported(torch.from_numpy(frame[None]).float())
        fired, _ = evaluate_plainly(network, frame)
        assert np.array_equal(out.detach().numpy().ravel() > 0.5, fired[-1])
