"""Limits: what is used is counted rightly, the limit itself still fits, one more does not."""

from dataclasses import replace

import numpy as np
import pytest

from steep.stpu.limits import LIMITS, check
from steep.stpu.network import StpuNetwork

NETWORK = StpuNetwork(
    initial=np.zeros(4),
    threshold=np.zeros(4),
    reset=np.zeros(4),
    leak=np.zeros(4),
    is_input=np.array([True, False, False, False]),
    source=np.array([0, 0, 0, 1, 2]),
    target=np.array([1, 1, 2, 2, 2]),
    weight=np.array([1.0, -127, 3, 0, 5]),
    delay=np.array([1, 6, 2, 1, 1]),
)
USED = {"neurons": 4, "fan_in": 3, "fan_out": 3, "buffer_slots": 7, "weight_bits": 8}


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit(name: str) -> None:
    fits, breaks = (check(NETWORK, {name: {"limit": USED[name] - less, "assumed": True}})[0] for less in (0, 1))
    assert fits.used == breaks.used == USED[name]
    assert fits.complaint is None
    assert breaks.complaint and "\n" not in breaks.complaint and str(USED[name] - 1) in breaks.complaint


def test_weights_that_are_no_integers_fit_no_number_of_bits() -> None:
    (finding,) = check(replace(NETWORK, weight=NETWORK.weight + 0.5), {"weight_bits": {"limit": 16, "assumed": False}})
    assert finding.complaint and "not an integer" in finding.complaint


def test_a_network_without_synapses_uses_none() -> None:
    network = replace(
        NETWORK,
        source=np.zeros(0, np.int64),
        target=np.zeros(0, np.int64),
        weight=np.zeros(0),
        delay=np.zeros(0, np.int64),
    )
    assert [LIMITS[name](network, 9).used for name in ("fan_in", "fan_out")] == [0, 0]
