"""The fingerprint is what its definition says, from kernels and from synapses alike."""

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import graphs, threshold_networks

from steep.threshold.fingerprint import digest, fingerprint, modulo, numbers, synapse_sums
from steep.threshold.network import DenseLink, Link, Population, SparseLink, ThresholdNetwork, dense


def test_two_units_by_hand() -> None:
    """f = 2 p0 - p1 and p1, modulo 2^64, then the thresholds, in little-endian words of eight bytes."""
    network = ThresholdNetwork((1, 1, 2), (dense(0, np.array([[2, -1], [0, 1]], np.int32), np.array([0.5, -0.0])),))
    p0, p1 = (int(p) for p in numbers(0, 2))
    words = [(2 * p0 - p1) % 2**64, p1]
    content = b"".join(word.to_bytes(8, "little") for word in words) + np.array([0.5, 0.0], "<f8").tobytes()
    assert fingerprint(network) == (hashlib.sha256(content).hexdigest()[:16],)


def test_numbers_are_odd_and_their_own_for_each_population_and_delay() -> None:
    drawn = [numbers(*which) for which in ((0, 50), (1, 50), (0, 50, 2), (0, 7))]
    assert all((p % 2 == 1).all() and p.dtype == np.uint64 for p in drawn)
    assert len(set(np.concatenate(drawn[:3]).tolist())) == 150
    assert np.array_equal(drawn[3], drawn[0][:7])
    # Spikes files hold what was made of them: they stay as they are.
    assert numbers(0, 2).tolist() == [16412783775159424549, 10277383025879800781]
    assert int(np.bitwise_count(numbers(0, 10_000)).sum()) == pytest.approx(10_000 * 32.5, rel=0.01)


@settings(max_examples=60, deadline=None)
@given(network=threshold_networks())
def test_kernels_and_synapses_give_the_same(network: ThresholdNetwork) -> None:
    assert fingerprint(network) == by_synapses(network)


def by_synapses(network: ThresholdNetwork, later: int = 0) -> tuple[str, ...]:
    """Return the fingerprint from what `connections` yields, each delay longer by `later`."""
    found = []
    for arrivals, thresholds in network.connections():
        sums = np.zeros(len(thresholds), np.uint64)
        for link in arrivals:
            p = numbers(link.source, network.sizes[link.source], link.delay + later)
            synapses = link.synapses
            sums += synapse_sums(len(thresholds), synapses.source, synapses.target, synapses.weight, p)
        found.append(digest(sums, thresholds))
    return tuple(found)


def test_a_skip_by_hand() -> None:
    """The input reaches the output in two steps, over a link of its own."""
    ends = DenseLink(1, np.array([[3]], np.int32)), DenseLink(0, np.array([[0, -5]], np.int32))
    output = Population((1,), ends, np.array([1.5]))
    network = ThresholdNetwork((2,), (dense(0, np.array([[1, 1]], np.int32), np.array([0.5])), output))
    direct, late = int(numbers(1, 1)[0]), int(numbers(0, 2, 2)[1])
    content = ((3 * direct - 5 * late) % 2**64).to_bytes(8, "little") + np.array([1.5], "<f8").tobytes()
    assert fingerprint(network)[1] == hashlib.sha256(content).hexdigest()[:16]


def anything(network: ThresholdNetwork, *links: Link) -> bool:
    """Whether links bring anything to a population: synapses between the same two units may cancel."""
    sums: Counter[tuple[int, int, int]] = Counter()
    for link in links:
        own = link.synapses(network.shapes[link.source])
        for source, target, weight in zip(own.source.tolist(), own.target.tolist(), own.weight.tolist(), strict=True):
            sums[link.source, source, target] += weight
    return any(sums.values())


@settings(max_examples=60, deadline=None)
@given(network=graphs(), place=st.integers(0, 2**16))
def test_what_is_wrong_with_links_is_seen(network: ThresholdNetwork, place: int) -> None:
    """A link left out or there twice, one that comes from elsewhere, with another weight, or a step too late."""
    right = fingerprint(network)
    number = place % len(network.populations)
    population = network.populations[number]
    which = place // 7 % len(population.links)
    link, others = population.links[which], [*population.links[:which], *population.links[which + 1 :]]
    brings = anything(network, link)

    def with_links(*links: Link) -> ThresholdNetwork:
        changed = replace(population, links=links)
        populations = (*network.populations[:number], changed, *network.populations[number + 1 :])
        return replace(network, populations=populations)

    def seen(*links: Link) -> bool:
        return fingerprint(with_links(*links))[number] != right[number]

    def told(*links: Link) -> bool:
        """Whether what a link brings decides; one that brings nothing may still decide for the delays of others."""
        return seen(*links) == brings or (not brings and with_links(*links).depths != network.depths)

    late = by_synapses(network, 1)
    assert (late[number] != right[number]) == anything(network, *population.links)
    if others:
        assert told(*others)
    assert told(*others, link, link)
    assert not seen(*reversed(population.links))
    for source, shape in enumerate(network.shapes[: number + 1]):
        if shape == network.shapes[link.source] and source != link.source:
            assert told(*others, replace(link, source=source))
    if not isinstance(link, SparseLink) and (isinstance(link, DenseLink) or not any(map(any, link.padding))):
        weight = link.weight.copy()
        weight.flat[place % weight.size] += 1
        assert seen(*others, replace(link, weight=weight))


def test_what_is_no_integer_is_seen() -> None:
    assert modulo(np.array([3.0, -1.0])).tolist() == modulo(np.array([3, -1])).tolist() == [3, 2**64 - 1]
    assert modulo(np.array([200.0, -(2.0**40)])).tolist() == [200, 2**64 - 2**40]
    odd = modulo(np.array([0.5, np.nan, np.inf, 1e300, 3.0]))
    assert len(set(odd.tolist()) | {0, 1}) == 7 and odd[4] == 3


def test_what_a_threshold_unit_does_not_have_is_seen() -> None:
    sums, thresholds = numbers(0, 3), np.array([0.5, 1.0, 2.0])
    right = digest(sums, thresholds)
    assert digest(sums, thresholds, np.zeros((2, 3))) == right
    assert digest(sums, thresholds, np.array([0, 0, 0.5])) != right
    assert digest(sums, np.array([0.5, 1.0, 2.5])) != right
    assert digest(sums[:2], thresholds[:2]) != right
