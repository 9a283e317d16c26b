"""Figure: what a step of the STPU costs, against longest delay, neurons and synapses."""

import pandas as pd
from matplotlib.figure import Figure

from steep.figures.style import GREY, look, plt

SIZES = {"longest": "longest delay (steps)", "neurons": "neurons", "fan_out": "synapses per neuron"}


def draw(table: pd.DataFrame) -> Figure:
    """Draw CPU time per step of every implementation; one size is varied in each panel, the others are as in the
    first row. A colour is a way of keeping the buffer, dashed what Cython compiled."""
    usual = table.iloc[0]
    ways = list(dict.fromkeys(name.split(" (")[0] for name in table["implementation"]))
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 4), layout="constrained", sharey=True)
    for axis, (size, title) in zip(axes, SIZES.items(), strict=True):
        others = [other for other in SIZES if other != size]
        chosen = table[(table[others] == usual[others]).all(axis=1)]
        for name, rows in chosen.groupby("implementation", sort=False):
            rows, number = rows.sort_values(size), ways.index(name.split(" (")[0])
            axis.plot(
                rows[size],
                rows["us_per_step"],
                label=name,
                markersize=5,
                linestyle="--" if "cython" in name else "-",
                **look(number),
            )
        axis.set(xscale="log", yscale="log", xlabel=title)
        axis.grid(axis="y", color=GREY, alpha=0.2)
    axes[0].set_ylabel("CPU time per step (µs)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7)
    return figure
