"""NIR: both forms, written, read back and run, fire as the threshold network does; other frameworks' readers agree."""

from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import evaluate_plainly, frames_for, threshold_networks

from steep.cli import main
from steep.errors import SteepError
from steep.nir_export import DT, FORMS, read_graph, run_graph, to_graph, write_graph, written_shapes
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdNetwork


@settings(max_examples=80, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
@pytest.mark.parametrize("form", FORMS)
def test_a_graph_from_disk_fires_like_the_network(
    tmp_path_factory: pytest.TempPathFactory, form: str, network: ThresholdNetwork, seed: int
) -> None:
    path = tmp_path_factory.mktemp("nir") / "network.nir"
    write_graph(path, network, form)
    frames = frames_for(network, seed, 5)
    graph = nir.read(path)  # with all its checks
    assert graph.check_types()
    found = list(run_graph(graph, frames).values())
    for layer, (shape, written) in enumerate(zip(network.shapes[1:], written_shapes(network)[1:], strict=True)):
        assert found[layer].shape[1:] == written
        own = found[layer][(slice(None), *map(slice, shape))]
        assert found[layer].sum() == own.sum()  # units besides the network's never fire
        found[layer] = own
    for number, frame in enumerate(frames):
        fired, _ = evaluate_plainly(network, frame)
        for layer, expected in enumerate(fired):
            assert np.array_equal(found[layer][number].ravel(), expected)


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
    layers, before = [], shape
    for filters in (3, 2):
        weight = rng.integers(-4, 5, (filters, before[0], *kernel), dtype=np.int32)
        layer = ConvLayer(weight, rng.integers(0, 5, filters) + 0.5, stride, padding)
        if min(before[1] - kernel[0], before[2] - kernel[1]) < 0 and layers:
            break
        layers.append(layer)
        before = layer.output_shape(before)
    layers.append(OrPoolLayer((1, 1) if min(before[1:]) < 2 else (2, 2)))
    for units in (6, 4):
        inputs = int(np.prod(layers[-1].output_shape(before) if isinstance(layers[-1], OrPoolLayer) else before))
        layers.append(DenseLayer(rng.integers(-4, 5, (units, inputs), dtype=np.int32), rng.integers(0, 5, units) + 0.5))
        before = (units,)
    network = ThresholdNetwork(shape, tuple(layers))
    write_graph(tmp_path / "network.nir", network, form)
    graph = nir.read(tmp_path / "network.nir")
    found = list(run_graph(graph, frames := frames_for(network, 1, 8)).values())
    for number, frame in enumerate(frames):
        for layer, expected in enumerate(evaluate_plainly(network, frame)[0]):
            own = found[layer][(number, *map(slice, network.shapes[layer + 1]))]
            assert np.array_equal(own.ravel(), expected)
    written = written_shapes(network)
    assert written[-1] == network.shapes[-1]
    odd_and_even = (kernel[0] + kernel[1]) % 2 and padding == ((0, 0), (0, 0)) and stride == (1, 1)
    assert (written == network.shapes) == (not odd_and_even)  # nothing is added without need


def test_a_node_that_is_not_exported_is_refused() -> None:
    graph = to_graph(ThresholdNetwork((1, 1, 1), (DenseLayer(np.ones((1, 1), np.int32), np.array([0.5])),)), "exact")
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
            ConvLayer(rng.integers(-4, 5, (2, 1, 3, 3), dtype=np.int32), np.array([0.5, 2.5])),
            OrPoolLayer((2, 2)),
            DenseLayer(rng.integers(-4, 5, (5, 18), dtype=np.int32), rng.integers(0, 5, 5) + 0.5),
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
    layers = tuple(
        DenseLayer(rng.integers(-4, 5, size, dtype=np.int32), rng.integers(0, 5, size[0]) + 0.5)
        for size in ((7, 12), (4, 7))
    )
    network = ThresholdNetwork((1, 3, 4), layers)
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
    layers = tuple(
        DenseLayer(rng.integers(-4, 5, size, dtype=np.int32), rng.integers(0, 5, size[0]) + 0.5)
        for size in ((7, 12), (4, 7))
    )
    network = ThresholdNetwork((1, 3, 4), layers)
    imported = norse.from_nir(to_graph(network, "portable"), dt=DT)
    for frame in frames_for(network, 1, 20):
        out, _ = imported(torch.from_numpy(frame[None]).float())
        fired, _ = evaluate_plainly(network, frame)
        assert np.array_equal(out.detach().numpy().ravel() > 0.5, fired[-1])
