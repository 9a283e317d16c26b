"""Which networks fit the STPU: every limit held against every network."""

from pathlib import Path
from typing import Any

import pandas as pd

from steep.analysis.render import Tabulated
from steep.errors import SteepError
from steep.stpu.layout import Layout, from_threshold_network, timing
from steep.stpu.limits import check
from steep.threshold.network import ThresholdNetwork
from steep.threshold.readouts import attach

NOTE = (
    "Used of limit; * marks a limit that is assumed, not read in a source. The clock, one input neuron, is counted "
    "where units have a negative threshold: it keeps them silent while there is no frame, and its weights count as "
    "weights. Inputs that are currents take no neurons and no synapses: what they add to a unit is injected. Latency: "
    "steps from the entry of a frame to its class; a new frame may enter at every step."
)
TITLES = {
    "neurons": "Neurons",
    "fan_in": "Synapses onto a neuron",
    "fan_out": "Synapses from a neuron",
    "buffer_slots": "Buffer slots",
    "weight_bits": "Weight bits, clock included",
}


def stpu_table(layouts: dict[tuple[str, str], Layout], limits: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return one row per network, by experiment and readout: what it uses of each limit, whether it fits, and its
    timing in steps."""
    rows = []
    for (name, readout), layout in layouts.items():
        findings = check(layout.network, limits)
        row: dict[str, object] = {
            "experiment": name,
            "readout": readout,
            "synapses": len(layout.network.weight),
            "spontaneous": layout.spontaneous,
        }
        for finding in findings:
            row |= {
                finding.name: finding.used,
                f"{finding.name}_limit": finding.limit,
                f"{finding.name}_assumed": finding.assumed,
            }
        steps = timing(layout)
        row |= {"latency": steps.latency, "steps_per_frame": steps.pipelined, "steps_per_frame_alone": steps.sequential}
        complaints = [finding.complaint for finding in findings if finding.complaint]
        row |= {"fits": not complaints, "why_not": "; ".join(complaints)}
        rows.append(row)
    return pd.DataFrame(rows)


def stpu_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text for people."""
    view = pd.DataFrame({"Experiment": table["experiment"], "Readout": table["readout"]})
    for name, title in TITLES.items():
        if name in table:
            stars = ["*" if assumed else "" for assumed in table[f"{name}_assumed"]]
            parts = zip(table[name], table[f"{name}_limit"], stars, strict=True)
            view[title] = [f"{used:,} of {limit:,}{star}" for used, limit, star in parts]
    view["Synapses"] = [f"{n:,}" for n in table["synapses"]]
    view["Units below 0"] = table["spontaneous"]
    view["Latency (steps)"] = table["latency"]
    view["Steps per frame"] = [
        f"{a} ({b} one by one)" for a, b in zip(table["steps_per_frame"], table["steps_per_frame_alone"], strict=True)
    ]
    view["Fits the STPU"] = [
        "yes" if fits else f"no: {why}" for fits, why in zip(table["fits"], table["why_not"], strict=True)
    ]
    return view


def tabulate(networks: list[Path], rows: list[dict[str, str]], limits: dict[str, Any]) -> Tabulated:
    """Hold the networks, with each of their readouts, against the limits of the STPU."""
    needed = len(rows) + sum(row["readout"] != "potential" for row in rows)
    if len(networks) != needed:
        raise SteepError(
            f"--networks {len(networks)} entries; --rows asks for {needed}: a network each, and its circuit after it "
            "where the readout is not potential"
        )
    files, layouts = iter(networks), {}
    for row in rows:
        network = ThresholdNetwork.load(next(files))
        if row["readout"] != "potential":
            network = attach(network, ThresholdNetwork.load(next(files)))
        layouts[row["experiment"], row["readout"]] = from_threshold_network(network, clock=True)
    table = stpu_table(layouts, limits)
    return Tabulated(table, stpu_view(table), "Networks on the STPU", NOTE)
