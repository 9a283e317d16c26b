"""Figures: frames per second by simulator, and what simulations cost against their size."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steep.figures.style import BLUE, GREEN, GREY, MARKERS, ORANGE, PALETTE, VERMILION, plt

FAMILIES = (("Brian2", BLUE, "plain Brian2"), ("Steep", VERMILION, "this project"), ("PyTorch", GREEN, "PyTorch"))
OTHERS = (ORANGE, "others")


def _family(name: str) -> tuple[str, str]:
    """Return colour and name of an implementation's family."""
    return next(((colour, title) for start, colour, title in FAMILIES if name.startswith(start)), OTHERS)


def draw(table: pd.DataFrame) -> Figure:
    """Draw frames per second of every implementation, one panel for each network.

    Filled: for each second of CPU time, with the lowest and highest repetition; hollow: of wall time. Implementations
    that give other spikes, or could not be measured, are marked as such.
    """
    networks = list(table["network"].unique())
    names = list(table["implementation"].unique())[::-1]
    columns = min(2, len(networks))
    lines = -(-len(networks) // columns)
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(2.6 + 3.6 * columns, 0.8 + lines * (0.6 + 0.19 * len(names))),
        layout="constrained",
        sharey=True,
        squeeze=False,
    )
    for axis in axes.flat[len(networks) :]:
        axis.set_visible(False)
    for axis, network in zip(axes.flat, networks, strict=False):
        rows = table[table["network"] == network].set_index("implementation")
        for height, name in enumerate(names):
            colour, _ = _family(name)
            row = rows.loc[name] if name in rows.index else None  # the table of an interrupted run has not all
            if row is None or row["measured"] != "yes":
                axis.text(
                    0.02, height, "not measured", transform=axis.get_yaxis_transform(), color=GREY, va="center", size=7
                )
                continue
            axis.plot([row["lowest"], row["highest"]], [height, height], color=colour, linewidth=1.5)
            axis.plot(row["frames_per_wall_s"], height, "o", color=colour, markerfacecolor="none", markersize=6)
            axis.plot(row["frames_per_cpu_s"], height, "o", color=colour, markersize=4)
            if row["differing"]:
                axis.annotate(
                    "other spikes",
                    (row["frames_per_cpu_s"], height),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                    size=7,
                )
        axis.set(xscale="log", title=network, ylim=(-0.7, len(names) - 0.3))
        axis.set_yticks(range(len(names)), names, size=7)
        axis.grid(axis="x", color=GREY, alpha=0.2)
    for axis in axes[-1]:
        axis.set_xlabel("frames per second")
    found = dict.fromkeys(_family(name) for name in reversed(names))
    handles = [Line2D([], [], marker="o", linestyle="", color=colour, label=title) for colour, title in found]
    handles += [
        Line2D([], [], marker="o", linestyle="", color=GREY, markersize=4, label="of CPU time"),
        Line2D([], [], marker="o", linestyle="", color=GREY, markerfacecolor="none", label="of wall time"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=7)
    return figure


PANELS = {
    "frames": ("size", "cpu_s", "frames", "CPU seconds of a job, building included"),
    "width": ("synapses", "frames_per_cpu_s", "synapses", "frames per CPU second"),
    "processes": ("size", "frames_per_wall_s", "processes at a time", "frames per second"),
    "stream": ("size", "memory_MiB", "frames in one go", "peak memory (MiB)"),
}


def draw_curves(table: pd.DataFrame) -> Figure:
    """Draw the curves of `steep.simulators_benchmark.curves`, one panel each."""
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13.5, 4.4), layout="constrained")
    measured = table[table["measured"] == "yes"]
    names = list(table["implementation"].unique())
    for axis, (curve, (across, up, xlabel, ylabel)) in zip(axes, PANELS.items(), strict=True):
        rows = measured[measured["curve"] == curve]
        if rows.empty:
            axis.set_visible(False)
            continue
        for number, name in enumerate(names):
            own = rows[rows["implementation"] == name].sort_values(across)
            axis.plot(
                own[across],
                own[up],
                color=PALETTE[number % len(PALETTE)],
                marker=MARKERS[number % len(MARKERS)],
                linestyle="-" if number < len(PALETTE) else "--",
                markersize=4,
                label=name,
            )
        axis.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
        axis.grid(color=GREY, alpha=0.2)
        if curve == "stream":
            axis.set(yscale="linear", ylim=(0, 1.3 * rows[up].max()))
        if curve == "processes":
            ticks = sorted(rows["size"].unique())
            axis.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
            axis.minorticks_off()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7)
    return figure
