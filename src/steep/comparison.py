"""Simulators held against the network that all should have worked on, and against each other, spike for spike."""

import numpy as np
import pandas as pd

from steep.errors import SteepError
from steep.spikes import Spikes
from steep.threshold.fingerprint import fingerprint
from steep.threshold.network import ThresholdNetwork

COMPARISON_COLUMNS = ["against", "simulator", "layer", "quantity", "values", "differing"]


def compare_networks(spikes: dict[str, Spikes], network: ThresholdNetwork) -> pd.DataFrame:
    """Hold what every simulator says it worked on against the network that all were given, layer by layer.

    Returns
    -------
    Rows like those of `compare`: against ``network``, quantity ``weights and thresholds``, values: the synapses into
    the layer and its thresholds. A fingerprint does not tell how many of them differ: all count as differing.

    """
    given, rows = fingerprint(network), []
    for simulator, one in spikes.items():
        if len(one.fingerprint) != len(given):
            raise SteepError(
                f"{simulator}: spikes with the fingerprints of {len(one.fingerprint)} layers, the network has "
                f"{len(given)}; a simulator has to give one of each layer that it worked on"
            )
        for number, population in enumerate(network.populations, 1):
            synapses = sum(link.synapse_count(network.shapes[link.source]) for link in population.links)
            values = synapses + network.sizes[number]
            differing = 0 if one.fingerprint[number - 1] == given[number - 1] else values
            rows.append(("network", simulator, number, "weights and thresholds", values, differing))
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def require_network(table: pd.DataFrame, path: object) -> None:
    """Raise a SteepError that names the first simulator and layer that differ in a table made by `compare_networks`;
    `path` is the network's file."""
    for row in table[table["differing"] > 0].itertuples():
        raise SteepError(
            f"{row.simulator}: layer {row.layer} of what it worked on is not layer {row.layer} of {path}: weights, "
            "connections or thresholds differ; run the simulation again, and report a bug in the simulator if that is "
            "all"
        )


def compare(spikes: dict[str, Spikes]) -> pd.DataFrame:
    """Compare every simulator with the first, layer by layer.

    Returns
    -------
    Rows of against, simulator, layer (from 1), quantity (``spikes`` or ``potential``, the latter for the output
    layer), values (units times frames), differing.

    """
    first_name, *others = spikes
    rows = []
    for other in others:
        first, second = (spikes[name].packed() for name in (first_name, other))
        if first.units != second.units or not set(second.recorded) <= set(first.recorded):
            raise SteepError(
                f"{first_name} and {other} recorded layers {first.recorded} of {list(first.units)} units and layers "
                f"{second.recorded} of {list(second.units)} units; run the simulations again"
            )
        # Unpacked only where bytes differ: the layers of a large network take gigabytes.
        quantities = [
            (number, "spikes", a, b)
            for number, (a, b) in enumerate(zip(first.packed, second.packed, strict=True), 1)
            if a is not None and b is not None
        ]
        quantities.append((len(first), "potential", spikes[first_name].potential, spikes[other].potential))
        for layer, quantity, a, b in quantities:
            if a.shape != b.shape:
                raise SteepError(
                    f"layer {layer}: {first_name} and {other} recorded {quantity} of different shapes; "
                    "run the simulations again"
                )
            values, differing = a.size, 0
            if quantity == "spikes":
                values = len(a) * first.units[layer - 1]
            if not np.array_equal(a, b):
                if quantity == "spikes":
                    a, b = first[layer - 1], second[layer - 1]
                differing = int(np.count_nonzero(a != b))
            rows.append(
                {
                    "against": first_name,
                    "simulator": other,
                    "layer": layer,
                    "quantity": quantity,
                    "values": values,
                    "differing": differing,
                }
            )
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def require_equal(spikes: dict[str, Spikes], table: pd.DataFrame) -> None:
    """Raise a SteepError that names the first difference in a table made by `compare`: a mismatch is a bug."""
    for row in table[table["differing"] > 0].itertuples():
        pair = spikes[row.against], spikes[row.simulator]
        a, b = (s.potential if row.quantity == "potential" else s.layers[row.layer - 1] for s in pair)
        frame, unit = np.argwhere(a != b)[0]
        raise SteepError(
            f"{row.against} and {row.simulator} differ in {row.differing} of {row.values} {row.quantity} of layer "
            f"{row.layer}, first in frame {frame}, unit {unit}; this is a bug in a simulator, please report it"
        )
