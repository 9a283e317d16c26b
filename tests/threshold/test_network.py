"""The threshold network as a data structure: a graph of populations and links, and its file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import evaluate_plainly, threshold_networks

from steep.architecture import units
from steep.errors import SteepError
from steep.files import read_npz, write_npz
from steep.simulators import load_simulator
from steep.threshold.fingerprint import fingerprint
from steep.threshold.network import (
    ConvLink,
    DenseLink,
    Link,
    Population,
    SparseLink,
    Synapses,
    ThresholdNetwork,
    conv,
    dense,
    or_pool,
)


def layer(source: int, weight: list[list[int]], threshold: list[float]) -> Population:
    return dense(source, np.array(weight, np.int32), np.array(threshold))


def sparse(source: int, entries: list[tuple[int, int, int]], shape: tuple[int, ...]) -> SparseLink:
    return SparseLink(source, Synapses(*np.array(entries, np.int64).reshape(-1, 3).T), shape)


def kernel(*shape: int, value: int = 1) -> np.ndarray:
    return np.full(shape, value, np.int32)


ONE = layer(0, [[1]], [0.5])


@settings(deadline=None)
@given(network=threshold_networks(), seed=st.integers(0, 1000))
def test_synapses_bring_what_the_links_say(network: ThresholdNetwork, seed: int) -> None:
    """Of every kind of link, against loops over positions, where every unit before it sends a number of its own."""
    rng, depths = np.random.default_rng(seed), network.depths
    for number, (population, (arrivals, thresholds)) in enumerate(
        zip(network.populations, network.connections(), strict=True), 1
    ):
        assert np.array_equal(thresholds, np.broadcast_to(population.threshold, population.shape).ravel())
        for link, arriving in zip(population.links, arrivals, strict=True):
            before, synapses = network.shapes[link.source], arriving.synapses
            assert arriving.source == link.source and arriving.delay == depths[number] - depths[link.source] >= 1
            x = rng.integers(1, 256, before)
            silent = np.zeros(population.threshold.shape)
            alone = replace(population, links=(replace(link, source=0),), threshold=silent)
            _, wanted = evaluate_plainly(ThresholdNetwork(before, (alone,), 255), x)
            found = np.zeros(units(population.shape), np.int64)
            np.add.at(found, synapses.target, synapses.weight * x.ravel()[synapses.source])
            assert (2 * found).tolist() == wanted.tolist()
            assert (np.diff(synapses.source) >= 0).all() and (synapses.weight != 0).all()
            assert len(synapses.weight) <= link.synapse_count(before)
            if not isinstance(link, SparseLink):
                pairs = set(zip(synapses.source.tolist(), synapses.target.tolist(), strict=True))
                assert len(pairs) == len(synapses.weight)


def test_depth_is_the_longest_path_and_a_delay_what_a_link_spans() -> None:
    """0 -> 1 -> 2 -> 4 (the output), 0 -> 3 -> 4, 0 -> 4; nothing reads 5's place, which comes before the output."""
    output = Population(
        (1,), (DenseLink(2, kernel(1, 1)), DenseLink(3, kernel(1, 1)), DenseLink(0, kernel(1, 1))), np.array([0.5])
    )
    network = ThresholdNetwork((1,), (ONE, layer(1, [[1]], [0.5]), ONE, output))
    assert network.depths == [0, 1, 2, 1, 3]
    delays = [[link.delay for link in arrivals] for arrivals, _ in network.connections()]
    assert delays == [[1], [1], [1], [1, 2, 3]]
    deep = (ONE, layer(1, [[1]], [0.5]), layer(2, [[1]], [0.5]), ONE)
    assert ThresholdNetwork((1,), deep).depths == [0, 1, 2, 3, 1]  # the output is not the deepest


def test_poolings_are_convolutions_of_ones() -> None:
    pool = or_pool(0, (3, 7, 5), (2, 3))
    assert pool.shape == (3, 3, 1) and pool.pools
    synapses = pool.links[0].synapses((3, 7, 5))
    # Every unit of a window once, the row and the columns that are left over not at all.
    assert len(set(synapses.source.tolist())) == len(synapses.source) == 3 * 6 * 3
    assert or_pool(0, (2, 9), (3,), stride=(1,), padding=((1, 0),)).shape == (2, 8)
    for other in (
        replace(pool, threshold=pool.threshold + 1),
        replace(pool, links=(replace(pool.links[0], weight=2 * pool.links[0].weight),)),
        conv(ConvLink(0, kernel(3, 3, 2, 2)), (3, 7, 5), np.full(3, 0.5)),
        layer(0, [[1, 1]], [0.5]),
    ):
        assert not other.pools


@settings(max_examples=50, deadline=None)
@given(network=threshold_networks())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, network: ThresholdNetwork) -> None:
    path = tmp_path_factory.mktemp("network") / "threshold.npz"
    network.save(path)
    first = path.read_bytes()
    loaded = ThresholdNetwork.load(path)
    loaded.save(path)
    assert path.read_bytes() == first
    assert loaded.shapes == network.shapes and loaded.input_top == network.input_top
    assert fingerprint(loaded) == fingerprint(network)
    assert [p.name for p in loaded.populations] == [p.name for p in network.populations]


def old_file(path: Path, layers: list[dict[str, Any]], top: int, **arrays: np.ndarray) -> None:
    """Write a file as they were when a network was a chain of layers."""
    description = {
        "format": "steep threshold network 2",
        "input_shape": [2, 6, 5],
        "input_top": top,
        "neuron": {"fires": "sum > threshold", "leak": 1, "reset": 0, "delay": 1},
        "layers": layers,
    }
    written = np.frombuffer(json.dumps(description, sort_keys=True).encode(), np.uint8)
    write_npz(path, {"description": written, **arrays})


@pytest.mark.parametrize("top", [1, 255])
def test_files_of_chains_are_read_to_the_same_network(tmp_path: Path, top: int) -> None:
    rng = np.random.default_rng(0)
    weights = {
        "weight1": rng.integers(-5, 6, (3, 2, 2, 2), dtype=np.int32),
        "weight3": rng.integers(-5, 6, (4, 3, 3, 2), dtype=np.int32),
        "weight4": rng.integers(-5, 6, (2, 4 * 2 * 2), dtype=np.int32),
    }
    thresholds = {
        "threshold1": np.array([0.5, -1.5, 2.0]),
        "threshold3": rng.integers(-3, 4, (4, 2, 2)) + 0.5,  # one for each position
        "threshold4": np.array([0.5, 1.5]),
    }
    padding = ((1, 0), (0, 2))
    layers = [
        {"kind": "conv", "stride": [1, 2], "padding": [[0, 1], [0, 0]]},
        {"kind": "orpool", "size": [2, 1]},
        {"kind": "conv", "stride": [1, 1], "padding": [list(pair) for pair in padding]},
        {"kind": "dense"},
    ]
    path = tmp_path / "old.npz"
    # What comes out of (2, 6, 5): (3, 6, 2), pooled (3, 3, 2), then (4, 2, 3); hence threshold3 of (4, 2, 3).
    thresholds["threshold3"] = rng.integers(-3, 4, (4, 2, 3)) + 0.5
    weights["weight4"] = rng.integers(-5, 6, (2, 4 * 2 * 3), dtype=np.int32)
    old_file(path, layers, top, **weights, **thresholds)
    first = ConvLink(0, weights["weight1"], (1, 2), ((0, 1), (0, 0)))
    expected = ThresholdNetwork(
        (2, 6, 5),
        (
            conv(first, (2, 6, 5), thresholds["threshold1"]),
            or_pool(1, (3, 6, 2), (2, 1)),
            conv(ConvLink(2, weights["weight3"], (1, 1), padding), (3, 3, 2), thresholds["threshold3"]),
            dense(3, weights["weight4"], thresholds["threshold4"]),
        ),
        top,
    )
    found = ThresholdNetwork.load(path)
    assert found.shapes == expected.shapes == [(2, 6, 5), (3, 6, 2), (3, 3, 2), (4, 2, 3), (2,)]
    assert fingerprint(found) == fingerprint(expected) and found.input_top == top
    assert [p.threshold.shape for p in found.populations] == [p.threshold.shape for p in expected.populations]
    found.save(tmp_path / "a.npz")
    expected.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_old_files_that_are_broken_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "old.npz"
    whole = {"weight1": kernel(2, 60), "threshold1": np.full(2, 0.5)}
    old_file(path, [{"kind": "dense"}], 1, **whole)
    assert ThresholdNetwork.load(path).sizes == [60, 2]
    for layers, arrays in (
        ([{"kind": "loose"}], whole),
        ([{"kind": "dense"}], {}),
        ([{"kind": "orpool"}], {}),
        ([{"kind": "conv", "stride": [1, 1], "padding": 0}], whole | {"weight1": kernel(2, 2, 1, 1)}),
        ([], {}),
    ):
        old_file(path, layers, 1, **arrays)
        with pytest.raises(SteepError, match="not a threshold network of this version; delete it and run again"):
            ThresholdNetwork.load(path)


def test_an_old_pooling_of_nothing_is_refused(tmp_path: Path) -> None:
    old_file(tmp_path / "old.npz", [{"kind": "orpool", "size": [0, 1]}], 1)
    with pytest.raises(SteepError, match="at least 1"):
        ThresholdNetwork.load(tmp_path / "old.npz")


def test_files_that_are_broken_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "threshold.npz"
    skip = Population((1,), (DenseLink(1, kernel(1, 1)), sparse(0, [(0, 0, 2)], (1,))), np.array([0.5]))
    ThresholdNetwork((1, 1, 1), (ONE, skip)).save(path)
    arrays = read_npz(path)
    assert {"weight2.1", "source2.2", "target2.2", "weight2.2", "threshold2"} < set(arrays)
    text = arrays["description"].tobytes()
    for old, new in (
        (b'"dense"', b'"loose"'),
        (b'"sparse"', b'"conv"'),
        (b'"populations"', b'"layers"'),
        (b"network 3", b"network 2"),
        (b"network 3", b"network 4"),
    ):
        assert old in text
        write_npz(path, arrays | {"description": np.frombuffer(text.replace(old, new), np.uint8)})
        with pytest.raises(SteepError, match="not a threshold network of this version; delete it and run again"):
            ThresholdNetwork.load(path)
    for missing in ("weight1.1", "threshold2", "target2.2"):
        write_npz(path, {name: array for name, array in arrays.items() if name != missing})
        with pytest.raises(SteepError, match="not a threshold network of this version"):
            ThresholdNetwork.load(path)
    ThresholdNetwork((1, 1, 1), ()).save(path)
    with pytest.raises(SteepError, match="not a threshold network of this version"):
        ThresholdNetwork.load(path)


def test_a_cut_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "threshold.npz"
    ThresholdNetwork((1, 1, 1), (ONE,)).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SteepError, match="delete it and run again"):
        ThresholdNetwork.load(path)


def listening(*links: Link, shape: tuple[int, ...] = (1,), threshold: np.ndarray | None = None) -> Population:
    """Return a population of thresholds 1/2."""
    return Population(shape, links, np.full(shape, 0.5) if threshold is None else threshold)


ALL = DenseLink(0, kernel(1, 4))
IMAGE = ConvLink(0, kernel(2, 1, 2, 2))
REFUSED: dict[str, tuple[Population, str]] = {
    "no links": (listening(), "population 1 has no link; connect it or leave it out"),
    "a link from itself": (
        listening(replace(ALL, source=1)),
        "population 1 listens to population 1; links come from earlier",
    ),
    "a link from later": (listening(replace(ALL, source=2)), "population 1 listens to population 2; links come from"),
    "a link from nowhere": (listening(replace(ALL, source=-1)), "population 1 listens to population -1; links come"),
    "a dense link that does not fit": (
        listening(DenseLink(0, kernel(1, 3))),
        "a dense link for 3 inputs follows a population of 4",
    ),
    "a dense link to others": (listening(ALL, shape=(2,)), r"population 1, of shape \(2,\), gets \(1,\) from popula"),
    "a second link to others": (listening(ALL, DenseLink(0, kernel(2, 4))), r"of shape \(1,\), gets \(2,\) from pop"),
    "channels that do not fit": (
        listening(ConvLink(0, kernel(2, 3, 1, 1))),
        r"a convolution of 3 channels, 1x1, follows a population of shape \(1, 2, 2\)",
    ),
    "groups that do not fit": (listening(ConvLink(0, kernel(3, 1, 1, 1), groups=2)), "a convolution of 2 channels"),
    "dimensions that do not fit": (listening(ConvLink(0, kernel(2, 1, 2))), "a convolution of 1 channels, 2, follows"),
    "a kernel larger than the image": (listening(ConvLink(0, kernel(1, 1, 3, 1))), "a convolution of 1 channels, 3x1"),
    "a dilated kernel larger than the image": (
        listening(ConvLink(0, kernel(1, 1, 2, 2), dilation=(2, 1))),
        "a convolution of 1 channels, 2x2",
    ),
    "a convolution to others": (listening(IMAGE, shape=(3, 1, 1)), r"of shape \(3, 1, 1\), gets \(2, 1, 1\) from pop"),
    "synapses beyond the units": (listening(sparse(0, [(4, 0, 1)], (1,))), "a link from 4 to 1 units goes beyond them"),
    "synapses beyond the targets": (listening(sparse(0, [(0, 1, 1)], (1,))), "a link from 4 to 1 units goes beyond"),
    "synapses before the units": (listening(sparse(0, [(-1, 0, 1)], (1,))), "a link from 4 to 1 units goes beyond"),
    "dense weights that are real": (
        listening(DenseLink(0, np.ones((1, 4)))),
        r"weights must be int32 \(of sparse links int64\), not float64",
    ),
    "weights of a convolution that are long": (
        listening(ConvLink(0, np.ones((1, 1, 2, 2), np.int64))),
        "weights must be int32 .*, not int64",
    ),
    "sparse weights that are short": (
        listening(SparseLink(0, Synapses(np.array([0]), np.array([0]), kernel(1)), (1,))),
        "weights must be int32 .*, not int32",
    ),
    "weights with too many axes": (listening(DenseLink(0, kernel(1, 4, 1))), "weights have 3 axes, not 2"),
    "a kernel with too many axes": (
        listening(ConvLink(0, kernel(1, 1, 1, 1, 1, 1))),
        "weights have 6 axes, not 3 or 4 or 5",
    ),
    "a threshold that is real": (listening(ALL, threshold=np.array([0.3])), "neither an integer nor a half-integer"),
    "a threshold that is none": (listening(ALL, threshold=np.array([np.nan])), "neither an integer nor a half-integer"),
    "too many thresholds": (
        listening(ALL, threshold=np.full(2, 0.5)),
        r"thresholds of shape \(2,\), not one for each unit or channel",
    ),
    "thresholds of filters without sides": (
        listening(IMAGE, shape=(2, 1, 1), threshold=np.full(2, 0.5)),
        r"thresholds of shape \(2,\), not one",
    ),
    "no units": (listening(DenseLink(0, kernel(0, 4)), shape=(0,)), r"population 1 \(0 is the input\) has no units"),
    "sums that are not exact": (listening(ALL, threshold=np.array([2.0**53])), "not exact in float64; use fewer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(name: str) -> None:
    population, message = REFUSED[name]
    with pytest.raises(SteepError, match=message) as refused:
        ThresholdNetwork((1, 2, 2), (population, layer(0, [[1] * 4], [0.5])))
    assert "\n" not in str(refused.value)


def test_an_input_without_units_and_a_pooling_of_units_are_refused() -> None:
    with pytest.raises(SteepError, match=r"population 0 \(0 is the input\) has no units"):
        ThresholdNetwork((1, 0, 2), ())
    with pytest.raises(SteepError, match=r"a pooling follows a population of shape \(9,\)"):
        or_pool(1, (9,), (2, 2))
    with pytest.raises(SteepError, match="a convolution of 2 channels, 3x1, follows"):
        or_pool(0, (2, 2, 2), (3, 1))


def test_links_that_are_not_whole_are_refused() -> None:
    for geometry, message in (
        ({"stride": (1,)}, r"a convolution of 2 dimensions has stride \(1,\)"),
        ({"padding": ((0, 0),)}, r"a convolution of 2 dimensions has padding \(\(0, 0\),\)"),
        ({"dilation": (1, 1, 1)}, "a convolution of 2 dimensions has dilation"),
        ({"stride": (1, -1)}, "whole numbers for stride, dilation and groups, at least 1, and for padding, at least 0"),
        ({"dilation": (0, 1)}, "at least 1"),
        ({"groups": 0}, "at least 1"),
        ({"padding": ((0, 0), (0, -1))}, "for padding, at least 0"),
        ({"padding": ((0, 0), (0, 0.5))}, "whole numbers"),
    ):
        with pytest.raises(SteepError, match=message):
            ConvLink(0, kernel(1, 1, 2, 2), **geometry)
    whole = np.array([0, 1])
    for source, target in ((whole[:1], whole), (whole, whole[:1]), (whole / 1, whole), (whole, whole[None])):
        with pytest.raises(SteepError, match="needs an integer source and target for each weight"):
            SparseLink(0, Synapses(source, target, whole), (2,))


def test_the_largest_sum_is_over_all_links_of_a_unit() -> None:
    """Twice the magnitudes: of half-integers, and whatever the order of summation."""
    assert ThresholdNetwork((1, 1, 1), (layer(0, [[-3]], [-4.5]),)).largest_sum == 2 * (3 + 4.5)
    links = DenseLink(1, np.array([[2, -3], [1, 1]], np.int32)), sparse(0, [(0, 1, -5), (2, 1, -1), (1, 0, 2)], (2,))
    output = Population((2,), links, np.array([1.5, -0.5]))
    first = layer(0, [[1, 0, 0], [0, 1, 1]], [0.5, 0.5])
    # Of the second unit: 1 + 1 from the population before it, 5 + 1 of the input, 1/2; of the first one 5 + 2 + 1 1/2.
    assert ThresholdNetwork((3,), (first, output)).largest_sum == 2 * 8.5
    # Currents arrive over every link from the input, also over one that skips.
    assert ThresholdNetwork((3,), (first, output), 255).largest_sum == 2 * (2 + 255 * 6 + 0.5)
    # A threshold for each position counts where it stands; a filter's weights, however many places see them.
    places = np.array([[[0.5, 7.5]]])
    image = conv(ConvLink(0, kernel(1, 1, 1, 2, value=-4)), (1, 1, 3), places)
    assert ThresholdNetwork((1, 1, 3), (image,)).largest_sum == 2 * (8 + 7.5)
    # A pooling is a sum, too, which simulators may form.
    assert ThresholdNetwork((1, 4, 4), (or_pool(0, (1, 4, 4), (4, 4)),)).largest_sum == 2 * 16.5


def test_float32_is_chosen_only_where_it_is_exact() -> None:
    """Twice the sum lies below 2^24, or just not, over two links that are each far below."""
    for weight, threshold, dtype in ((2**22, 0.5, np.float32), (2**23 - 1, 0.5, np.float32), (2**23, 0, np.float64)):
        assert ThresholdNetwork((1,), (layer(0, [[weight]], [threshold]),)).float_dtype is dtype
        half = weight // 2
        both = DenseLink(0, kernel(1, 1, value=half)), sparse(0, [(0, 0, half - weight)], (1,))
        assert ThresholdNetwork((1,), (listening(*both, threshold=np.array([threshold])),)).float_dtype is dtype
    # Below 2^53 to the last half; currents of 255 through a link that skips.
    assert ThresholdNetwork((1,), (layer(0, [[1]], [2.0**52 - 1.5]),)).float_dtype is np.float64
    with pytest.raises(SteepError, match="not exact in float64"):
        ThresholdNetwork((1,), (layer(0, [[1]], [2.0**52 - 1]),))
    output = listening(DenseLink(1, kernel(1, 1)), DenseLink(0, kernel(1, 1, value=2**16)))
    assert ThresholdNetwork((1,), (ONE, output)).float_dtype is np.float32
    assert ThresholdNetwork((1,), (ONE, output), 255).float_dtype is np.float64


def test_a_chain_is_known_and_nothing_else_is() -> None:
    network = ThresholdNetwork((1,), (ONE, layer(1, [[1]], [0.5])))
    assert network.chain() == [(population.links[0], population) for population in network.populations]
    skip = listening(DenseLink(0, kernel(1, 1)))
    twice = listening(DenseLink(1, kernel(1, 1)), DenseLink(1, kernel(1, 1)))
    for second in (skip, twice):
        with pytest.raises(SteepError, match="population 2 does not listen to the one before it alone; this works"):
            ThresholdNetwork((1,), (ONE, second)).chain()


def test_a_link_may_give_the_units_of_a_population_in_another_shape() -> None:
    """As a convolution does that a flat population listens to; its sums are bounded unit by unit."""
    link = ConvLink(0, np.full((4, 2, 1, 1), 3, np.int32))
    for shape in ((48,), (4, 12), (16, 3), (2, 2, 12)):
        population = Population(shape, (link,), np.full(shape, 0.5))
        network = ThresholdNetwork((2, 4, 3), (population,))
        assert network.largest_sum == 2 * (6 + 0.5)
        frames = np.ones((1, 2, 4, 3), np.uint8)
        assert load_simulator("torch")(network, frames).layers[0].all()
