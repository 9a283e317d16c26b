"""The comparison sees every error inside a simulator: +1 in one weight or threshold, and connections that are not the
network's. Errors are put where a simulator builds what it computes with."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, Synapses
from fast_delivery import ARCHITECTURES, chain, conv, delivery_alone, dense, pool, with_weights
from hypothesis import HealthCheck, given, seed, settings
from random_networks import frames_for, threshold_networks

from steep.comparison import compare, compare_networks, require_network
from steep.errors import SteepError
from steep.simulators import brian2_fast, brian2_lif, load_simulator, stpu, torch_threshold
from steep.simulators.brian2_fast import program
from steep.spikes import Spikes
from steep.stpu.layout import Layout
from steep.threshold.network import Arrivals, ConvLink, DenseLink, Link, Population, SparseLink, ThresholdNetwork
from steep.threshold.network import Synapses as Connections

needs_compiler = pytest.mark.skipif(bool(program.missing_tools()), reason=f"no {program.missing_tools()}")


def networks(count: int) -> list[ThresholdNetwork]:
    """Return small random networks of every kind, always the same ones."""
    drawn: list[ThresholdNetwork] = []

    @seed(7)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(threshold_networks())
    def collect(network: ThresholdNetwork) -> None:
        drawn.append(network)

    collect()
    assert len(drawn) == count
    return drawn


def first_difference(simulator: str, network: ThresholdNetwork, spikes: Spikes) -> int:
    """Return the population that the comparison names, 0 where it finds nothing."""
    try:
        require_network(compare_networks({simulator: spikes}, network), "threshold.npz")
    except SteepError as error:
        return int(re.fullmatch(rf"{simulator}: layer (\d+) of what it worked on is not layer \1 of .*", str(error))[1])
    return 0


def seen_by_spikes(network: ThresholdNetwork, frames: np.ndarray, wrong: Spikes) -> bool:
    right = load_simulator("torch")(network, frames)
    return bool(compare({"torch": right, "wrong": wrong})["differing"].any())


def acts(link: Link, place: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a weight belongs to a synapse at all: at some places of a kernel lies nothing but padding."""
    if not isinstance(link, ConvLink):
        return True
    weight = np.zeros_like(link.weight)
    weight[place] = 1
    return len(replace(link, weight=weight).synapses(shape).weight) > 0


def weights_of(link: Link) -> np.ndarray:
    return link.entries.weight if isinstance(link, SparseLink) else link.weight


def with_weight(link: Link, weight: np.ndarray) -> Link:
    return (
        replace(link, entries=replace(link.entries, weight=weight))
        if isinstance(link, SparseLink)
        else replace(link, weight=weight)
    )


def plus_one(network: ThresholdNetwork, rng: np.random.Generator) -> tuple[int, ThresholdNetwork]:
    """Return the population, from 1, of which a weight or threshold is one more, and that network."""
    while True:
        number = int(rng.integers(1, len(network.populations) + 1))
        population = network.populations[number - 1]
        links, which = list(population.links), int(rng.integers(-1, len(population.links)))
        values = (population.threshold if which < 0 else weights_of(links[which])).copy()
        if not values.size:
            continue
        place = tuple(int(rng.integers(side)) for side in values.shape)
        values[place] += 1
        if which < 0:
            changed = replace(population, threshold=values)
        elif acts(links[which], place, network.shapes[links[which].source]):
            links[which] = with_weight(links[which], values)
            changed = replace(population, links=tuple(links))
        else:
            continue
        others = network.populations
        return number, replace(network, populations=(*others[: number - 1], changed, *others[number:]))


def wrong_torch(network: ThresholdNetwork, rng: np.random.Generator, patch: pytest.MonkeyPatch) -> int:
    """One more in a tensor."""
    number, wrong = plus_one(network, rng)
    real = torch_threshold.Stage
    replaced = {id(old): new for old, new in zip(network.populations, wrong.populations, strict=True)}

    def build(population: Population, sizes: list[int], dtype: torch.dtype) -> torch_threshold.Stage:
        return real(replaced[id(population)], sizes, dtype)

    patch.setattr(torch_threshold, "Stage", build)
    return number


def wrong_stpu(network: ThresholdNetwork, rng: np.random.Generator, patch: pytest.MonkeyPatch) -> list[int]:
    """One more in a synapse of the STPU, in what is injected, or in a threshold of a neuron."""
    real, hit = stpu.from_threshold_network, []

    def build(network: ThresholdNetwork, clock: bool) -> Layout:
        layout = real(network, clock=clock)
        chip = layout.network
        population = np.searchsorted(layout.first, np.arange(chip.count), side="right") - 1
        places = [(chip.weight, synapse, population[target]) for synapse, target in enumerate(chip.target)]
        places += [(chip.threshold, neuron, population[neuron]) for neuron in np.flatnonzero(~chip.is_input)]
        for injection in layout.injections:
            weight = injection.synapses.weight
            places += [(weight, synapse, injection.population) for synapse in range(len(weight))]
        values, place, number = places[rng.integers(len(places))]
        values[place] += 1
        hit.append(int(number))
        return layout

    patch.setattr(stpu, "from_threshold_network", build)
    return hit


def wrong_brian2(network: ThresholdNetwork, rng: np.random.Generator, patch: pytest.MonkeyPatch) -> list[int]:
    """One more in w of Brian2's synapses, or one less in the constant current I of a neuron."""
    hit: list[int] = []

    class Wrong(Network):
        def run(self, *arguments: object) -> None:
            neurons = [one for one in self.objects if isinstance(one, NeuronGroup) and "I" in one.variables]
            layer = {group.name: number for number, group in enumerate(sorted(neurons, key=order), 1)}
            connected = [one for one in self.objects if isinstance(one, Synapses)]
            if connected and rng.integers(2):
                chosen = connected[rng.integers(len(connected))]
                weights = chosen.variables["w"].get_value()
                weights[rng.integers(len(weights))] += 1
                hit.append(layer[chosen.target.name])
            else:
                chosen = neurons[rng.integers(len(neurons))]
                currents = chosen.variables["I"].get_value()
                currents[rng.integers(len(currents))] -= 1
                hit.append(layer[chosen.name])
            super().run(*arguments)

    patch.setattr(brian2_lif, "Network", Wrong)
    return hit


def order(group: NeuronGroup) -> tuple[int, str]:
    """Brian2 numbers names as objects are made: neurongroup, neurongroup_1, ..., neurongroup_10."""
    return len(group.name), group.name


def wrong_fast(network: ThresholdNetwork, rng: np.random.Generator, patch: pytest.MonkeyPatch) -> int:
    """One more in the file of weights or of thresholds that Python writes for the program."""
    number, wrong = plus_one(network, rng)
    real = brian2_fast._write
    patch.setattr(brian2_fast, "_write", lambda folder, _, *rest: real(folder, wrong, *rest))
    return number


def fast_networks(count: int) -> list[ThresholdNetwork]:
    """Return networks of the architectures that other tests have compiled too."""
    architectures = list(ARCHITECTURES.values())
    return [with_weights(architectures[number % len(architectures)], number, 127) for number in range(count)]


SIMULATORS = {
    "torch": (wrong_torch, networks, 120),
    "stpu": (wrong_stpu, networks, 120),
    "brian2-synapses": (wrong_brian2, networks, 20),
    "brian2-fast": (wrong_fast, fast_networks, 60),
}


@pytest.mark.parametrize(
    "simulator", [name if name != "brian2-fast" else pytest.param(name, marks=needs_compiler) for name in SIMULATORS]
)
def test_one_more_in_a_weight_or_threshold_is_found_and_its_layer_named(simulator: str) -> None:
    """320 tries in all; spikes alone would miss most of them."""
    change, drawn, tries = SIMULATORS[simulator]
    by_spikes = 0
    for number, network in enumerate(drawn(tries)):
        frames = frames_for(network, number)
        with pytest.MonkeyPatch.context() as patch:
            hit = change(network, np.random.default_rng(number), patch)
            wrong = load_simulator(simulator)(network, frames)
        expected = hit[0] if isinstance(hit, list) else hit
        assert first_difference(simulator, network, wrong) == expected, (number, network)
        by_spikes += seen_by_spikes(network, frames, wrong)
    print(f"{simulator}: {tries} of {tries} found, {by_spikes} by spikes and potentials alone")
    assert by_spikes < tries
    assert first_difference(simulator, network, load_simulator(simulator)(network, frames)) == 0


# Every kind of layer; strides and paddings that are not alike; units with thresholds below 0.
STRUCTURED = with_weights(
    chain(
        (1, 6, 7),
        conv(2, (2, 2), (1, 1), ((1, 0), (0, 0))),
        pool((2, 3)),
        conv(3, (1, 1), (2, 1)),
        dense(4),
    ),
    1,
    5,
)


def skipping(top: int) -> ThresholdNetwork:
    """Return a network in which both the input and a population are listened to at two delays, and one twice at the
    same; units with thresholds below 0 get currents or not."""
    rng = np.random.default_rng(4)

    def population(count: int, **sources: int) -> Population:
        links = tuple(
            DenseLink(int(source[1:]), rng.integers(1, 6, (count, inputs), dtype=np.int32))
            for source, inputs in sources.items()
        )
        return Population((count,), (*links, links[-1]), rng.integers(-3, 4, count) - 0.5)

    populations = population(5, p0=8), population(6, p1=5, p0=8), population(4, p2=6), population(3, p3=4, p1=5, p0=8)
    return ThresholdNetwork((2, 4), populations, top)


def difference_in(simulator: str, network: ThresholdNetwork = STRUCTURED) -> int:
    return first_difference(simulator, network, load_simulator(simulator)(network, frames_for(network, 0)))


def exchanged(synapses: Connections, ends: np.ndarray) -> np.ndarray:
    """Exchange an end of the first synapse with that of one which shares neither source nor target with it."""
    other = int(np.argmax((synapses.source != synapses.source[0]) & (synapses.target != synapses.target[0])))
    ends = ends.copy()
    ends[[0, other]] = ends[[other, 0]]
    return ends


SYNAPSES: dict[str, Callable[[Connections], Connections]] = {
    "missing": lambda s: Connections(s.source[1:], s.target[1:], s.weight[1:]),
    "doubled": lambda s: Connections(*(np.append(array, array[0]) for array in (s.source, s.target, s.weight))),
    "targets": lambda s: replace(s, target=exchanged(s, s.target)),
    "sources": lambda s: replace(s, source=exchanged(s, s.source)),
    "none": lambda s: Connections(s.source[:0], s.target[:0], s.weight[:0]),
}


@pytest.mark.parametrize("error", SYNAPSES)
@pytest.mark.parametrize("simulator", ["stpu", "brian2-synapses"])
def test_wrong_synapses_are_found(simulator: str, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of `connections`, from which these simulators are built: the network's own fingerprint does without."""
    change = SYNAPSES[error]
    for number in range(1, 5)[:: 1 if simulator == "stpu" else 3]:
        mislead(monkeypatch, number, 0, lambda link: replace(link, synapses=change(link.synapses)))
        assert difference_in(simulator) == number
        for which in range(len(skipping(1).populations[number - 1].links)):
            mislead(monkeypatch, number, which, lambda link: replace(link, synapses=change(link.synapses)))
            assert [difference_in(simulator, skipping(top)) for top in (1, 255)] == [number] * 2


def mislead(patch: pytest.MonkeyPatch, number: int, which: int, change: Callable[[Arrivals], Arrivals]) -> None:
    """Change what one link of a population brings, in what `connections` says."""

    def wrong(network: ThresholdNetwork) -> object:
        for population, (links, thresholds) in enumerate(CONNECTIONS(network), 1):
            changed = [change(link) if at == which else link for at, link in enumerate(links)]
            yield changed if population == number else links, thresholds

    patch.setattr(ThresholdNetwork, "connections", wrong)


CONNECTIONS = ThresholdNetwork.connections


@pytest.mark.parametrize("simulator", ["stpu", "brian2-synapses"])
def test_a_link_of_another_delay_or_from_elsewhere_is_found(simulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last population listens to the third, the first and the input."""
    network = skipping(1)
    assert [link.source for link in network.populations[3].links] == [3, 1, 0, 0]
    for which in range(4):
        for more in (1, -1)[: 1 if which == 0 else 2]:
            mislead(monkeypatch, 4, which, lambda link, more=more: replace(link, delay=link.delay + more))
            assert difference_in(simulator, network) == 4
    for which in range(2):  # the second has more units than those
        mislead(monkeypatch, 4, which, lambda link: replace(link, source=2))
        assert difference_in(simulator, network) == 4


@pytest.mark.parametrize("name", ["delay", "leak", "reset", "variant"])
def test_a_wrong_time_is_found_on_the_stpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = stpu.from_threshold_network

    def wrong(network: ThresholdNetwork, clock: bool) -> Layout:
        layout = real(network, clock=clock)
        if name == "variant":
            return replace(layout, network=replace(layout.network, variant="subtractive"))
        values = getattr(layout.network, name)
        if name == "delay":
            values[np.flatnonzero(layout.network.target >= layout.first[3])[0]] = 2
        else:
            values[layout.first[3]] = {"leak": 0.5, "reset": 0.25}[name]
        return layout

    monkeypatch.setattr(stpu, "from_threshold_network", wrong)
    assert difference_in("stpu") == (1 if name == "variant" else 3)


def test_a_wrong_delay_of_the_clock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = stpu.from_threshold_network

    def wrong(network: ThresholdNetwork, clock: bool) -> Layout:
        layout = real(network, clock=clock)
        of_clock = np.flatnonzero(layout.network.source == layout.clock)
        layout.network.delay[of_clock[-1]] += 1
        return layout

    monkeypatch.setattr(stpu, "from_threshold_network", wrong)
    assert difference_in("stpu") == 3  # the last one with a unit whose threshold is below 0


def test_a_wrong_delay_in_brian2_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Network):
        def run(self, *arguments: object) -> None:
            late = max((one for one in self.objects if isinstance(one, Synapses)), key=order)
            late.pre.variables["delay"].set_value(float(brian2_lif.STEP))
            super().run(*arguments)

    monkeypatch.setattr(brian2_lif, "Network", Late)
    assert difference_in("brian2-synapses") == 4


def pad_shifted(x: torch.Tensor, sides: list[int]) -> torch.Tensor:
    left, right, above, below = sides
    return PAD(x, [left, right, below, above])


def pool_across(x: torch.Tensor, size: tuple[int, int], stride: tuple[int, int], **more: int) -> torch.Tensor:
    return POOL(x, size[::-1], stride[::-1], **more).reshape(len(x), 2, 3, 2)


def conv_without_stride(x: torch.Tensor, weight: torch.Tensor, bias: None, stride: tuple[int, int], *rest: object):
    return CONV(x, weight)[:, :, : CONV(x, weight, None, stride, *rest).shape[2]]


PAD, POOL, CONV = (getattr(torch.nn.functional, name) for name in ("pad", "avg_pool2d", "conv2d"))


@pytest.mark.parametrize(("name", "wrong", "number"), [("pad", pad_shifted, 1), ("avg_pool2d", pool_across, 2)])
def test_a_wrong_shape_of_connections_is_found_in_torch(
    name: str, wrong: Callable[..., torch.Tensor], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_threshold.functional, name, wrong)
    assert difference_in("torch") == number


def test_a_wrong_stride_is_found_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(torch_threshold.CONVOLUTIONS, 2, conv_without_stride)
    assert difference_in("torch") == 3


def test_weights_of_too_few_digits_are_found_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that need float64, computed in float32: the weight itself is rounded."""
    link = DenseLink(0, np.array([[2**24 + 1, 1]], np.int32))
    network = ThresholdNetwork((1, 1, 2), (Population((1,), (link,), np.zeros(1)),))

    class Rounded(torch_threshold.Delivery):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            self.weight = self.weight.float().double()

    monkeypatch.setattr(torch_threshold, "Delivery", Rounded)
    assert difference_in("torch", network) == 1


@needs_compiler
def test_files_in_another_order_are_found_in_the_fast_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, thresholds and frames all in the network's own order: sums agree with the files, and are wrong."""
    network = with_weights(ARCHITECTURES["spikes"], 0, 127)
    monkeypatch.setattr(brian2_fast, "_to_rows", lambda values, shape: values)
    assert difference_in("brian2-fast", network) == 1
    uniform = [
        replace(population, threshold=np.full_like(population.threshold, 0.5)) if k in (0, 2) else population
        for k, population in enumerate(network.populations)
    ]
    # Dense, after a convolution.
    assert difference_in("brian2-fast", replace(network, populations=tuple(uniform))) == 4


TABLES: dict[str, Callable[[list[np.ndarray]], list[np.ndarray]]] = {
    "missing": lambda t: [np.minimum(t[0], len(t[1]) - 1), t[1][:-1], t[2][:-1]],
    "doubled": lambda t: [np.where(t[0] == len(t[1]), len(t[1]) + 1, t[0]), *(np.append(x, x[-1]) for x in t[1:])],
    "targets": lambda t: [t[0], t[1][::-1], t[2]],
    "weights": lambda t: [t[0], t[1], np.where(np.arange(len(t[2])) == 3, t[2] + 1, t[2])],
    "none": lambda t: [0 * t[0], t[1][:0], t[2][:0]],
}


@needs_compiler
@pytest.mark.parametrize("error", TABLES)
def test_wrong_synapses_are_found_in_the_fast_delivery(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one link at a time, in the tables that the program reads; currents among them."""
    network = with_weights(ARCHITECTURES["graph"], 0, 127)
    real = brian2_fast._tables
    single = [way for way in program.ways(network) if not way.has_rows]
    assert [way.number for way in single] == [2, 2, 3, 4, 4, 5, 8]
    for chosen in single:

        def wrong(way: program.Way, dtype: type, name: str = chosen.name) -> list[np.ndarray]:
            tables = real(way, dtype)
            return TABLES[error](tables) if way.name == name else tables

        monkeypatch.setattr(brian2_fast, "_tables", wrong)
        assert difference_in("brian2-fast", network) == chosen.number


# What is wrong in the program of a network, and the populations that are then not the network's.
PROGRAMS: dict[str, tuple[str, str, str, list[int]]] = {
    "a padding is shifted": ("chain", "Conv<1, 6, 7, 2, 2, 2, 1, 1, 1,", "Conv<1, 6, 7, 2, 2, 2, 1, 1, 0,", [1]),
    "a stride is forgotten": ("chain", "Conv<2, 3, 2, 3, 1, 1, 2,", "Conv<2, 3, 2, 3, 1, 1, 1,", [3]),
    "a delay is one step less": ("graph", "sent[1].after(4)", "sent[1].after(3)", [9]),
    "currents come too early": ("graph", "sent[0].after(5)", "sent[0].after(1)", [5]),
    "a link comes from elsewhere": ("graph", "link2_1.deliver(sent[1]", "link2_1.deliver(sent[2]", [2]),
    "a link leads elsewhere": ("graph", "sent[4].after(1), v + FIRST[4]", "sent[4].after(1), v + FIRST[3]", [4, 5]),
    "a link is left out": ("graph", "link4_3.deliver(sent[2].after(2), v + FIRST[3]);", "", [4]),
}


@needs_compiler
@pytest.mark.parametrize("error", PROGRAMS)
def test_a_wrong_program_is_found(error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, right, wrong, expected = PROGRAMS[error]
    network = STRUCTURED if kind == "chain" else with_weights(ARCHITECTURES["graph"], 0, 5)
    real = program.source_of
    assert right in real(network)
    monkeypatch.setattr(program, "source_of", lambda network: real(network).replace(right, wrong, 1))
    frames = frames_for(network, 0)
    (spikes,) = brian2_fast.run_blocks(delivery_alone(network, tmp_path, []), network, [frames])
    of_network = load_simulator("torch")(network, frames).fingerprint
    equal = [a == b for a, b in zip(spikes.fingerprint, of_network, strict=True)]
    assert [place for place, same in enumerate(equal, 1) if not same] == expected
