"""Figure: energy of a frame, as events counted times energies published for one event, beside published frames."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from steep.figures.rows import require_titles
from steep.figures.style import BLUE, GREEN, GREY, ORANGE, TALK, VERMILION, plt
from steep.tables import read_table

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, GREY, GREY)  # what does not spike is grey


def number(value: float) -> str:
    """Return a number in three significant digits, without an exponent."""
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")


def draw(energies: pd.DataFrame, published: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw one group of ranges per experiment, and the published energies of a frame as bands below.

    Parameters
    ----------
    energies : `steep.analysis.energy.energy_table`.
    published : system, accuracy, low_uJ, high_uJ per frame.
    titles : of the experiments, by key.

    """
    names = list(energies["experiment"].unique())
    systems = list(energies["system"].unique())
    high = 0.24 * (len(systems) + 1) * len(names) + 0.24 * (len(published) + 1) + 1.8
    figure, axis = plt.subplots(figsize=(9, high), layout="constrained")
    y, ticks, words = 0.0, [], []
    for name in names:
        rows = energies[energies["experiment"] == name]
        star = "*" if rows["currents"].any() else ""
        axis.text(0.0, y - 0.75, titles[name] + star, transform=axis.get_yaxis_transform(), fontsize=9, weight="bold")
        for row in rows.itertuples():
            colour = COLOURS[systems.index(row.system) % len(COLOURS)]
            recalled = "recalled" in row.standing
            axis.plot([row.low_uJ, row.high_uJ], [y, y], color=colour, linewidth=5, solid_capstyle="butt", alpha=0.85)
            axis.plot([row.low_uJ, row.high_uJ], [y, y], "|", color=colour, markersize=10)
            ticks.append(y)
            words.append(row.system + (" (part recalled)" if recalled else ""))
            label = " to ".join(dict.fromkeys([number(row.low_uJ), number(row.high_uJ)]))
            axis.annotate(label, (row.high_uJ, y), xytext=(7, 0), textcoords="offset points", va="center", fontsize=7)
            y += 1
        y += 1.2
    axis.text(
        0.0, y - 0.75, "Published, other networks", transform=axis.get_yaxis_transform(), fontsize=9, weight="bold"
    )
    for row in published.itertuples():
        axis.plot([row.low_uJ, row.high_uJ], [y, y], "D-", color=TALK, markersize=5)
        values = (
            f"{row.low_uJ:g}" if row.low_uJ == row.high_uJ else f"{row.low_uJ:g} or {row.high_uJ:g}: sources conflict"
        )
        axis.annotate(values, (row.high_uJ, y), xytext=(9, 0), textcoords="offset points", va="center", fontsize=7)
        ticks.append(y)
        words.append(f"{row.system}, MNIST {row.accuracy:g}%")
        y += 1
    axis.set(xscale="log", xlabel="µJ a frame: estimate, not measured on any chip", yticks=ticks, yticklabels=words)
    axis.set_ylim(y - 0.3, -1.4)
    axis.margins(x=0.04)
    axis.set_xlim(right=axis.get_xlim()[1] * 40)  # room for the numbers
    axis.tick_params(axis="y", labelsize=8, length=0)
    axis.tick_params(axis="x", which="both", top=True, labeltop=True)  # the figure is high
    axis.spines["top"].set_visible(True)
    axis.grid(axis="x", color=GREY, alpha=0.2)
    if energies["currents"].any():
        figure.supxlabel("* input as currents: values times weights are counted as events", fontsize=7, color=GREY)
    return figure


def plot(energy: Path, published: Path, titles: dict[str, str]) -> Figure:
    """Draw the study's table of energies beside the published ones."""
    energies = read_table(energy, "experiment", "currents", "system", "low_uJ", "high_uJ")
    others = read_table(published, "system", "accuracy", "low_uJ", "high_uJ", "standing")
    require_titles(titles, energy, energies)
    return draw(energies, others, titles)
