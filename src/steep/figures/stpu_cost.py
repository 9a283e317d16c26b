"""Figure: what a step of the STPU costs, against longest delay, neurons and synapses."""

import pandas as pd
from matplotlib.figure import Figure

from steep.figures.style import GREY, MARKERS, PALETTE, plt

SIZES = {"longest": "longest delay (steps)", "neurons": "neurons", "fan_out": "synapses per neuron"}


def draw(table: pd.DataFrame) -> Figure:
    """Draw CPU time per step of every implementation; one size is varied in each panel, the others are as in the
    first row."""
    usual = table.iloc[0]
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.4), layout="constrained", sharey=True)
    for axis, (size, title) in zip(axes, SIZES.items(), strict=True):
        others = [other for other in SIZES if other != size]
        chosen = table[(table[others] == usual[others]).all(axis=1)]
        for (name, rows), colour, marker in zip(
            chosen.groupby("implementation", sort=False), PALETTE, MARKERS, strict=False
        ):
            rows = rows.sort_values(size)
            axis.plot(rows[size], rows["us_per_step"], marker=marker, color=colour, label=name, markersize=5)
        axis.set(xscale="log", yscale="log", xlabel=title)
        axis.grid(axis="y", color=GREY, alpha=0.2)
    axes[0].set_ylabel("CPU time per step (µs)")
    axes[0].legend(fontsize=7)
    return figure
