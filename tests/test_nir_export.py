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
from steep.nir_export import DT, FORMS, read_graph, run_graph, to_graph, write_graph
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
    found = list(run_graph(read_graph(path), frames).values())
    for number, frame in enumerate(frames):
        fired, _ = evaluate_plainly(network, frame)
        for layer, expected in enumerate(fired):
            assert np.array_equal(found[layer][number].ravel(), expected)


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
