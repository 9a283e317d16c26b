"""Figure: spikes and synaptic events of a frame, by layer."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steep.analysis.energy import COUNTED
from steep.figures.rows import require_titles
from steep.figures.style import BLUE, GREY, ORANGE, layer_name, plt
from steep.tables import read_table


def number(value: float) -> str:
    """Return a count, of small ones the first decimal: about one spike is not one spike."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def draw(table: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw, for every experiment and layer, active units beside all units and arriving events beside all synapses.

    Parameters
    ----------
    table : `steep.analysis.activity.activity_table`.
    titles : of the experiments, by key.

    """
    names = list(table["experiment"].unique())
    heights = [int((table["experiment"] == name).sum()) for name in names]
    figure, axes = plt.subplots(
        len(names),
        2,
        figsize=(9.5, 0.26 * sum(heights) + 0.7 * len(names) + 0.6),
        layout="constrained",
        squeeze=False,
        sharex="col",
        height_ratios=heights,
    )
    for (left, right), name in zip(axes, names, strict=True):
        rows = table[table["experiment"] == name]
        last = int(rows["layer"].max())
        at = np.arange(len(rows))
        words = [
            layer_name(int(layer), last) + "*" * bool(c)
            for layer, c in zip(rows["layer"], rows["currents"], strict=True)
        ]
        _points(left, at, rows["units"], rows["spikes_per_frame"], BLUE)
        left.set(yticks=at, yticklabels=words)
        left.set_title(titles[name], loc="left", fontsize=9)
        events = rows["events_per_frame"].where(rows["layer"] > 0)
        _points(right, at, rows["synapses"], events, ORANGE)
        right.set(yticks=at, yticklabels=[])
        total, synapses = rows["events_per_frame"].sum(), rows["synapses"].sum()
        part = f"{100 * total / synapses:.0f}% of all synapses" if synapses else "there are no synapses"
        right.set_title(
            f"{total:,.0f} events a frame, {part}",
            loc="left",
            fontsize=9,
        )
        for axis in (left, right):
            axis.set_ylim(len(rows) - 0.4, -0.6)
            axis.grid(axis="x", color=GREY, alpha=0.2)
            axis.tick_params(axis="y", length=0)
    axes[-1, 0].set(xscale="log", xlabel="active units a frame (grey: all units)")
    axes[-1, 1].set(xscale="log", xlabel="events arriving a frame (grey: all synapses)")
    if table["currents"].any():
        figure.supxlabel("* currents: values that are not 0, and values times weights", fontsize=7, color=GREY)
    return figure


def _points(axis: Axes, at: np.ndarray, whole: pd.Series, part: pd.Series, colour: str) -> None:
    """Draw a part and its whole as points, for a logarithmic axis has no origin for bars, with the number and the
    percentage beside them."""
    axis.plot(whole.where(whole > 0), at, "o", color="#AAAAAA", markersize=7)
    axis.plot(part.where(part > 0), at, "o", color=colour, markersize=6)
    for y, (all_, some) in enumerate(zip(whole, part, strict=True)):
        if all_ > 0:
            axis.annotate(
                f"{number(some)}, {100 * some / all_:.0f}%",
                (all_, y),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
    axis.set_xscale("log")
    axis.margins(x=0.25)


def plot(activity: Path, titles: dict[str, str]) -> Figure:
    """Draw the study's table of activity."""
    table = read_table(activity, *COUNTED, "layer", "units", "spikes_per_frame")
    require_titles(titles, activity, table)
    return draw(table, titles)
