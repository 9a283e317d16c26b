"""The threshold network as a data structure."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from random_networks import threshold_networks

from steep.architecture import units
from steep.errors import SteepError
from steep.files import read_npz, write_npz
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdNetwork


@settings(deadline=None)
@given(network=threshold_networks())
def test_synapses_connect_what_the_layers_say(network: ThresholdNetwork) -> None:
    """Every synapse stands once, has its place within the layers, and the pooled windows cover each unit at most
    once."""
    for (synapses, thresholds), layer, before, after in zip(
        network.connections(), network.layers, network.shapes, network.shapes[1:], strict=False
    ):
        pairs = set(zip(synapses.source.tolist(), synapses.target.tolist(), strict=True))
        assert len(pairs) == len(synapses.weight)
        assert len(thresholds) == units(after)
        assert all(0 <= i < units(before) and 0 <= j < units(after) for i, j in pairs)
        if isinstance(layer, OrPoolLayer):
            assert len(set(synapses.source.tolist())) == len(synapses.source) == units(after) * units(layer.size)
        elif isinstance(layer, DenseLayer):
            assert len(pairs) == np.count_nonzero(layer.weight)
        else:
            # Every unit sees as many units as its window has inside the image; weights of zero connect nothing.
            inside = np.pad(np.ones(before), ((0, 0), *layer.padding))
            windows = np.lib.stride_tricks.sliding_window_view(inside, layer.weight.shape[2:], axis=(1, 2))
            windows = windows[:, :: layer.stride[0], :: layer.stride[1]]
            assert windows.shape[1:3] == after[1:]
            assert len(pairs) == np.einsum("cyxij,fcij->", windows, layer.weight != 0)


@settings(max_examples=30, deadline=None)
@given(network=threshold_networks())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, network: ThresholdNetwork) -> None:
    path = tmp_path_factory.mktemp("network") / "threshold.npz"
    network.save(path)
    first = path.read_bytes()
    loaded = ThresholdNetwork.load(path)
    loaded.save(path)
    assert path.read_bytes() == first
    assert loaded.shapes == network.shapes and loaded.input_top == network.input_top


def test_a_layer_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "threshold.npz"
    ThresholdNetwork((1, 1, 1), (dense([[1]], [0.5]),)).save(path)
    arrays = read_npz(path)
    text = arrays["description"].tobytes().replace(b'"dense"', b'"loose"')
    write_npz(path, arrays | {"description": np.frombuffer(text, np.uint8)})
    with pytest.raises(SteepError, match="not a threshold network of this version"):
        ThresholdNetwork.load(path)


def dense(weight: list[list[int]], threshold: list[float]) -> DenseLayer:
    return DenseLayer(np.array(weight, np.int32), np.array(threshold))


def test_what_would_not_be_exact_is_refused() -> None:
    with pytest.raises(SteepError, match="half-integer"):
        ThresholdNetwork((1, 1, 1), (dense([[1]], [0.3]),))
    with pytest.raises(SteepError, match="int32"):
        ThresholdNetwork((1, 1, 1), (DenseLayer(np.ones((1, 1)), np.array([0.5])),))
    with pytest.raises(SteepError, match="not exact in float64"):
        ThresholdNetwork((1, 1, 1), (dense([[1]], [2.0**53]),))


def test_float32_is_chosen_only_where_it_is_exact() -> None:
    assert ThresholdNetwork((1, 1, 1), (dense([[2**22]], [0.5]),)).float_dtype is np.float32
    assert ThresholdNetwork((1, 1, 1), (dense([[2**23]], [0.5]),)).float_dtype is np.float64


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SteepError, match="follows a layer"):
        _ = ThresholdNetwork((1, 2, 2), (dense([[1, 1]], [0.5]),)).shapes
    with pytest.raises(SteepError, match="follows a layer"):
        _ = ThresholdNetwork((1, 2, 2), (ConvLayer(np.ones((1, 2, 1, 1), np.int32), np.array([0.5])),)).shapes


def test_a_layer_without_units_and_a_file_without_layers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SteepError, match=r"layer 1 \(0 is the input\) has no units"):
        ThresholdNetwork((1, 2, 2), (OrPoolLayer((3, 1)), DenseLayer(np.zeros((1, 0), np.int32), np.array([0.5]))))
    with pytest.raises(SteepError, match=r"layer 0 \(0 is the input\) has no units"):
        ThresholdNetwork((1, 0, 2), ())
    path = tmp_path / "threshold.npz"
    for layers in ((), (OrPoolLayer((1, 1)),)):
        ThresholdNetwork((1, 1, 1), layers).save(path)
        arrays = read_npz(path)
        broken = arrays["description"].tobytes().replace(b'"size": [1, 1]', b'"size": [0, 1]')
        write_npz(path, {"description": np.frombuffer(broken, np.uint8)})
        with pytest.raises(SteepError, match="not a threshold network of this version; delete it and run again"):
            ThresholdNetwork.load(path)


def test_a_cut_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "threshold.npz"
    ThresholdNetwork((1, 1, 1), (dense([[1]], [0.5]),)).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SteepError, match="delete it and run again"):
        ThresholdNetwork.load(path)
