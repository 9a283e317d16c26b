"""The fingerprint is what its definition says, from kernels and from synapses alike."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from random_networks import threshold_networks

from steep.threshold.fingerprint import digest, fingerprint, modulo, numbers, synapse_sums
from steep.threshold.network import DenseLayer, ThresholdNetwork


def test_two_units_by_hand() -> None:
    """f = 2 p0 - p1 and p1, modulo 2^64, then the thresholds, in little-endian words of eight bytes."""
    network = ThresholdNetwork((1, 1, 2), (DenseLayer(np.array([[2, -1], [0, 1]], np.int32), np.array([0.5, -0.0])),))
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
    found = []
    for number, (synapses, thresholds) in enumerate(network.connections()):
        p = numbers(number, network.sizes[number])
        sums = synapse_sums(len(thresholds), synapses.source, synapses.target, synapses.weight, p)
        found.append(digest(sums, thresholds))
    assert fingerprint(network) == tuple(found)


def test_what_is_no_integer_is_seen() -> None:
    assert modulo(np.array([3.0, -1.0])).tolist() == modulo(np.array([3, -1])).tolist() == [3, 2**64 - 1]
    odd = modulo(np.array([0.5, np.nan, np.inf, 1e300, 3.0]))
    assert len(set(odd.tolist()) | {0, 1}) == 7 and odd[4] == 3


def test_what_a_threshold_unit_does_not_have_is_seen() -> None:
    sums, thresholds = numbers(0, 3), np.array([0.5, 1.0, 2.0])
    right = digest(sums, thresholds)
    assert digest(sums, thresholds, np.zeros((2, 3))) == right
    assert digest(sums, thresholds, np.array([0, 0, 0.5])) != right
    assert digest(sums, np.array([0.5, 1.0, 2.5])) != right
    assert digest(sums[:2], thresholds[:2]) != right
