"""Bits and margins: counted by hand on small networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import evaluate_plainly, frames_for, threshold_networks

from steep.architecture import Conv, units
from steep.errors import SteepError
from steep.frames import Frames
from steep.sharpening.activation import sharpened_network
from steep.simulators import load_simulator
from steep.threshold.bits import sweep_bits
from steep.threshold.compile import compile_network
from steep.threshold.margins import margin_rows, rounding
from steep.threshold.network import DenseLink, Link, Population, SparseLink, Synapses, ThresholdNetwork

LAYERS = [
    {"kind": "conv", "filters": 2, "kernel": [3, 3], "padding": "same"},
    {"kind": "maxpool", "size": [2, 2]},
    {"kind": "dense", "units": 5},
]
SPEC = {"input_shape": [1, 6, 6], "full_scale": 1, "layers": LAYERS, "classes": 3, "activation": "relu"}


@pytest.fixture
def network() -> tuple[dict, dict]:
    torch.manual_seed(0)
    spec = SPEC | {"batch_normalization": False}
    made = sharpened_network(spec).eval()
    return made.tensors(), spec


@pytest.fixture
def frames() -> Frames:
    values = (np.random.default_rng(0).random((30, 1, 6, 6)) < 0.5).astype(np.uint8)
    return Frames(values, np.random.default_rng(1).integers(0, 3, 30).astype(np.uint8), 3, full_scale=1)


def test_many_bits_leave_wide_margins_and_few_do_not(network: tuple[dict, dict], frames: Frames) -> None:
    rows = {bits: margin_rows(compile_network(*network, bits), *network, frames) for bits in (2, 16)}
    for few, many in zip(rows[2], rows[16], strict=True):
        assert (few["layer"], few["units"]) == (many["layer"], many["units"])
        assert many["near"] <= few["near"] and many["decided"] > 99 > few["decided"]
        assert many["flipped"] == 0
    assert [row["layer"] for row in rows[16]] == [1, 3] and [row["units"] for row in rows[16]] == [72, 5]
    assert rows[2][1]["flipped"] > 0


def test_near_is_within_a_root_mean_square_of_rounding(network: tuple[dict, dict], frames: Frames) -> None:
    """By hand for the dense layer: a sum of n ones is off by sqrt(n / 12)."""
    compiled = compile_network(*network, 4)
    spikes = load_simulator("torch")(compiled, frames.values)
    before, dense = spikes.layers[1].astype(np.float64), compiled.populations[2]
    v = before @ dense.links[0].weight.T - dense.threshold
    active = before.sum(axis=1, keepdims=True)
    row = margin_rows(compiled, *network, frames)[1]
    assert row["near"] == pytest.approx(100 * (np.abs(v) <= np.sqrt(active / 12)).mean())
    assert row["decided"] == pytest.approx(100 * (np.abs(v) > active / 2).mean())
    fired = (v > 0).mean(axis=0)
    assert (row["units_dead"], row["units_saturated"]) == ((fired == 0).sum(), (fired == 1).sum())


@settings(max_examples=40, deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
def test_rounding_counts_every_synapse_of_every_link(network: ThresholdNetwork, seed: int) -> None:
    """Against loops over positions: with weights of 1 a sum is what a unit sees of its inputs, or of their squares."""
    frame = frames_for(network, seed)[2].astype(np.int64)
    fired, _ = evaluate_plainly(network, frame)
    hidden = zip(fired, network.shapes[1:], strict=True)
    seen = [frame, *(spikes.astype(np.int64).reshape(shape) for spikes, shape in hidden)]
    for population in network.populations:
        spread, worst = rounding(population, {at: torch.from_numpy(x[None]).double() for at, x in enumerate(seen)})
        wanted = []
        for power in (2, 1):
            total = np.zeros(units(population.shape))
            for link in population.links:
                ones = with_ones(replace(link, source=0))
                alone = Population(
                    population.shape, (ones,), np.zeros((population.shape[0], *(1,) * (len(population.shape) - 1)))
                )
                top = ThresholdNetwork(seen[link.source].shape, (alone,), 255**2)
                total += evaluate_plainly(top, seen[link.source] ** power)[1] / 2
            wanted.append(total)
        for found, values in ((spread, np.sqrt(wanted[0] / 12)), (worst, wanted[1] / 2)):
            whole = found.expand(1, *population.shape).flatten().numpy()
            assert whole == pytest.approx(values, rel=1e-12)


def with_ones(link: Link) -> Link:
    if isinstance(link, SparseLink):
        return replace(link, entries=replace(link.entries, weight=np.ones_like(link.entries.weight)))
    return replace(link, weight=np.ones_like(link.weight))


def test_margins_of_a_unit_are_over_all_its_links(network: tuple[dict, dict], frames: Frames) -> None:
    """By hand: the dense layer listens to the pooling, to the frame, and to one synapse of the convolution."""
    compiled = compile_network(*network, 8)
    rng = np.random.default_rng(0)
    weight = rng.integers(-3, 4, (5, 36), dtype=np.int32)
    one = SparseLink(1, Synapses(np.array([7]), np.array([2]), np.array([0])), (5,))
    third = compiled.populations[2]
    third = replace(third, links=(*third.links, DenseLink(0, weight), one))
    graph = replace(compiled, populations=(*compiled.populations[:2], third, compiled.populations[3]))
    spikes = load_simulator("torch")(graph, frames.values)
    convolved, pooled = (spikes.layers[number].astype(np.float64) for number in (0, 1))
    flat = frames.values.reshape(30, 36).astype(np.float64)
    v = pooled @ third.links[0].weight.T + flat @ weight.T - third.threshold
    active = np.repeat((pooled.sum(axis=1) + flat.sum(axis=1))[:, None], 5, axis=1)
    active[:, 2] += convolved[:, 7]
    row = margin_rows(graph, *network, frames)[1]
    assert row["near"] == pytest.approx(100 * (np.abs(v) <= np.sqrt(active / 12)).mean())
    assert row["decided"] == pytest.approx(100 * (np.abs(v) > active / 2).mean())
    assert np.array_equal(v > 0, spikes.layers[2])


CONV = {"kind": "conv", "filters": 3, "kernel": [3, 3]}


def pool(height: int, width: int) -> dict:
    return {"kind": "maxpool", "size": [height, width]}


ARCHITECTURES = {
    "two poolings": [CONV, pool(2, 2), pool(2, 2), {"kind": "dense", "units": 4}],
    "two poolings, the second to one place": [CONV, pool(3, 3), pool(2, 2), {"kind": "dense", "units": 4}],
    "three poolings, last": [CONV, pool(2, 1), pool(1, 2), pool(2, 2)],
    "a pooling first": [pool(2, 2), CONV, pool(1, 3), {"kind": "conv", "filters": 2, "kernel": [1, 1]}],
    "even kernels with zeros around, and a pooling of nothing": [
        CONV | {"kernel": [2, 4], "padding": "same", "stride": [2, 1]},
        pool(1, 1),
        pool(2, 3),
        CONV | {"kernel": [5, 1], "padding": "same"},
    ],
    "no convolution": [{"kind": "dense", "units": 6}, {"kind": "dense", "units": 1}],
}


def fired_plainly(tensors: dict, layers: list[dict], frame: np.ndarray) -> dict[int, np.ndarray]:
    """Return the spikes of every layer with real weights for one frame, by number from 1, with loops over units."""
    x, fired = frame.astype(np.float64), {}
    for number, layer in enumerate(layers, 1):
        if layer["kind"] == "maxpool":
            height, width = layer["size"]
            shape = len(x), x.shape[1] // height, x.shape[2] // width
            found = np.zeros(shape)
            for c, row, column in np.ndindex(shape):
                found[c, row, column] = x[
                    c, row * height : (row + 1) * height, column * width : (column + 1) * width
                ].max()
        else:
            weight = tensors[f"blocks.{number - 1}.linear.weight"].astype(np.float64)
            bias = tensors[f"blocks.{number - 1}.linear.bias"].astype(np.float64)
            centre = float(tensors[f"blocks.{number - 1}.activation.centre"])
            if layer["kind"] == "dense":
                found = np.array([(w * x.ravel()).sum() + b > centre for w, b in zip(weight, bias, strict=True)])
            else:
                shaped = Conv(layer["filters"], tuple(layer["kernel"]), tuple(layer.get("stride", (1, 1))),
                              layer.get("padding") == "same")  # fmt: skip
                padded = np.pad(x, ((0, 0), *shaped.padding(x.shape)))
                found = np.zeros(shaped.output_shape(x.shape))
                for f, row, column in np.ndindex(found.shape):
                    top, left = row * shaped.stride[0], column * shaped.stride[1]
                    window = padded[:, top : top + weight.shape[2], left : left + weight.shape[3]]
                    found[f, row, column] = (window * weight[f]).sum() + bias[f] > centre
        x = found.astype(np.float64)
        fired[number] = found > 0
    return fired


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_turned_units_are_those_of_a_slow_loop(name: str) -> None:
    """Whatever poolings follow a layer: the integer network's spikes are held against those at the same place."""
    layers = ARCHITECTURES[name]
    torch.manual_seed(3)
    spec = SPEC | {"input_shape": [2, 11, 12], "layers": layers, "batch_normalization": False}
    made = sharpened_network(spec).eval()
    for block in made.hidden:
        block.activation.centre.fill_(0.05)
    tensors = made.tensors()
    values = (np.random.default_rng(0).random((20, 2, 11, 12)) < 0.4).astype(np.uint8)
    given = Frames(values, np.zeros(20, np.uint8), 3, full_scale=1)
    compiled = compile_network(tensors, spec, 2)
    integer = load_simulator("torch")(compiled, given.values)
    real = [fired_plainly(tensors, layers, frame) for frame in given.values]

    kinds = [layer["kind"] for layer in layers] + ["dense"]
    weighted = [number for number, kind in enumerate(kinds[:-1], 1) if kind != "maxpool"]
    expected = {}
    for number in weighted:
        end = number
        while kinds[end] == "maxpool":  # the number of the layer after `end`, from 1, is its place from 0
            end += 1
        turned = [(integer.layers[end - 1][f] != real[f][end].ravel()).mean() for f in range(20)]
        expected[number] = 100 * float(np.mean(turned))
    rows = margin_rows(compiled, tensors, spec, given)
    assert {row["layer"]: row["flipped"] for row in rows} == pytest.approx(expected)
    assert [row["units"] for row in rows] == [compiled.sizes[number] for number in weighted]
    assert max(expected.values()) > 1


def test_spikes_of_another_shape_are_refused_and_not_repeated(network: tuple[dict, dict], frames: Frames) -> None:
    """Two networks with one unit where the other has five: NumPy and PyTorch would hold the one against all five."""
    other = SPEC | {"layers": [*LAYERS[:2], {"kind": "dense", "units": 1}], "batch_normalization": False}
    compiled = compile_network(sharpened_network(other).eval().tensors(), other, 8)
    with pytest.raises(SteepError, match=r"layer 3: spikes .* have shapes \(30, 1\) and \(30, 5\)"):
        margin_rows(compiled, *network, frames)
    short = SPEC | {"layers": LAYERS[2:], "batch_normalization": False}
    with pytest.raises(SteepError, match="1 populations before its output, its specification 3 layers"):
        margin_rows(compile_network(sharpened_network(short).eval().tensors(), short, 8), *network, frames)
    few = Frames(frames.values[:, :, :5], frames.labels, 3, full_scale=1)
    with pytest.raises(SteepError, match=r"frames of shape \(1, 5, 6\), and the network takes \(1, 6, 6\)"):
        margin_rows(compile_network(*network, 8), *network, few)


def test_bits_of_all_layers_and_of_one(network: tuple[dict, dict], frames: Frames) -> None:
    rows = {(row["changed"], row["bits"]): row["correct"] for row in sweep_bits(*network, frames, [2, 8, 16], 16)}
    assert len(rows) == 4 * 3

    def correct(bits: list[int]) -> int:
        return int(
            (load_simulator("torch")(compile_network(*network, bits), frames.values).classes() == frames.labels).sum()
        )

    assert rows["all", 2] == correct([2, 2, 2]) and rows[2, 8] == correct([16, 8, 16])
    assert len({rows[changed, 16] for changed in ("all", 1, 2, 3)}) == 1
