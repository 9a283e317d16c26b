"""Limits of the STPU: what a network must not exceed, as small predicates that each give one clear line.

The limits of the hardware are not published in what we could read. They stand in the config, each with its standing:
*assumed* ones are shown as assumed wherever they appear.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from steep.stpu.network import StpuNetwork


@dataclass(frozen=True)
class Use:
    """What a network needs of one resource, and the line that says so when it is too much."""

    used: int
    complaint: str


def neurons(network: StpuNetwork, limit: int) -> Use:
    """Count neurons, input neurons among them."""
    return Use(network.count, f"{network.count} neurons, the STPU has {limit}; use smaller layers")


def fan_in(network: StpuNetwork, limit: int) -> Use:
    """Count the synapses onto the neuron that has most."""
    counts = np.bincount(network.target, minlength=network.count)
    most = int(counts.max(initial=0))
    return Use(
        most,
        f"neuron {int(counts.argmax())} has {most} synapses onto it, the limit is {limit}; use smaller kernels",
    )


def fan_out(network: StpuNetwork, limit: int) -> Use:
    """Count the synapses from the neuron that has most."""
    counts = np.bincount(network.source, minlength=network.count)
    most = int(counts.max(initial=0))
    return Use(
        most, f"neuron {int(counts.argmax())} has {most} synapses from it, the limit is {limit}; use smaller layers"
    )


def buffer_slots(network: StpuNetwork, limit: int) -> Use:
    """Count the slots the longest delay needs, the present one among them."""
    longest = int(network.delay.max(initial=0))
    return Use(
        network.slots,
        f"a delay of {longest} steps needs {network.slots} buffer slots, there are {limit}; use shorter delays",
    )


def weight_bits(network: StpuNetwork, limit: int) -> Use:
    """Count the bits of the largest weight as a signed integer, 64 where a weight is none."""
    if not np.array_equal(network.weight, np.rint(network.weight)):
        return Use(
            64, f"a weight is not an integer, the STPU has integers of {limit} bits; compile with weight_bits: {limit}"
        )
    bits = int(np.abs(network.weight).max(initial=0)).bit_length() + 1
    return Use(bits, f"the largest weight needs {bits} bits, the STPU has {limit}; compile with weight_bits: {limit}")


LIMITS: dict[str, Callable[[StpuNetwork, int], Use]] = {
    "neurons": neurons,
    "fan_in": fan_in,
    "fan_out": fan_out,
    "buffer_slots": buffer_slots,
    "weight_bits": weight_bits,
}


@dataclass(frozen=True)
class Finding:
    """One limit held against one network."""

    name: str
    used: int
    limit: int
    assumed: bool
    complaint: str | None


def check(network: StpuNetwork, limits: dict[str, dict[str, Any]]) -> list[Finding]:
    """Hold every limit against a network.

    Parameters
    ----------
    network : what is to fit.
    limits : by name, ``limit`` and ``assumed``.

    """
    findings = []
    for name, entry in limits.items():
        use = LIMITS[name](network, entry["limit"])
        broken = use.used > entry["limit"]
        findings.append(Finding(name, use.used, entry["limit"], entry["assumed"], use.complaint if broken else None))
    return findings
