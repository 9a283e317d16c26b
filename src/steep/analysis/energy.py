"""Energy of a frame: counted events times what others have published for one event.

Nothing here was measured on a chip. An event is multiplied with the lowest and the highest figure published for the
system; neuron updates, static power and what moves frames in and out are left out, because the figures are for events.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from steep.analysis.render import Tabulated
from steep.errors import SteepError
from steep.tables import read_table

PICO, MICRO = 1e-12, 1e-6
# What is taken from the table of the activity, and from the published energies.
COUNTED = ("experiment", "currents", "events_per_frame", "synapses")
PUBLISHED = ("system", "counts", "low_pJ", "high_pJ", "source", "standing")


def energy_table(activity: pd.DataFrame, per_event: pd.DataFrame) -> pd.DataFrame:
    """Return one row per experiment and system: events of a frame, and the energy they stand for.

    Parameters
    ----------
    activity : `steep.analysis.activity.activity_table`.
    per_event : columns system, counts (``events`` of the spiking network, or ``synapses``: every synapse once a frame,
        as a network of real numbers does), low_pJ, high_pJ, source, standing.

    Returns
    -------
    experiment, currents, system, counts, counted (per frame, mean), low_uJ, high_uJ, source, standing.

    """
    rows = []
    for experiment, layers in activity.groupby("experiment", sort=False):
        counted = {"events": layers["events_per_frame"].sum(), "synapses": layers["synapses"].sum()}
        for entry in per_event.itertuples():
            if entry.counts not in counted:
                raise SteepError(f"{entry.system}: counts is {entry.counts!r}; write {' or '.join(counted)}")
            amount = counted[entry.counts]
            rows.append(
                {
                    "experiment": experiment,
                    "currents": bool(layers["currents"].any()),
                    "system": entry.system,
                    "counts": entry.counts,
                    "counted": amount,
                    "low_uJ": amount * entry.low_pJ * PICO / MICRO,
                    "high_uJ": amount * entry.high_pJ * PICO / MICRO,
                    "low_pJ": entry.low_pJ,
                    "high_pJ": entry.high_pJ,
                    "source": entry.source,
                    "standing": entry.standing,
                }
            )
    return pd.DataFrame(rows)


ENERGY_NOTE = (
    "An estimate, not a measurement: events counted in the simulation times energies published for one event. Neuron "
    "updates, static power, moving frames in and out are not in it. Where the input is currents (*), the first layer's "
    "multiplications count as events, which these figures are not made for. The STPU's energy was never published. "
    "Networks that do not spike are counted as if every synapse multiplied once a frame, inputs of zero and poolings "
    "too. "
    "Standing says whether a figure was read in the source named, read in another source that cites it, or recalled."
)


def energy_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the energies as text for people."""

    def between(low: float, high: float) -> str:
        return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"

    return pd.DataFrame(
        {
            "Experiment": table["experiment"] + np.where(table["currents"], "*", ""),
            "System": table["system"],
            "Counted per frame": [
                f"{value:,.0f} {what}" for value, what in zip(table["counted"], table["counts"], strict=True)
            ],
            "pJ each": [between(*pair) for pair in zip(table["low_pJ"], table["high_pJ"], strict=True)],
            "µJ per frame": [between(*pair) for pair in zip(table["low_uJ"], table["high_uJ"], strict=True)],
            "Source": table["source"],
            "Standing": table["standing"],
        }
    )


def tabulate(activity: Path, published: Path) -> Tabulated:
    """Multiply counted events with published energies."""
    table = energy_table(read_table(activity, *COUNTED), read_table(published, *PUBLISHED))
    return Tabulated(table, energy_view(table), "Energy of a frame, estimated", ENERGY_NOTE)
