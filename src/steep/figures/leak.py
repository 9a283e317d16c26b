"""Figure: when do frames disturb each other? Accuracy against leak and frame spacing."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from steep.figures.rows import SWEEP, rows_of
from steep.figures.style import GREY, error_bars, look, plt, with_interval
from steep.figures.text import formula


def draw(sweep: pd.DataFrame, title: str) -> Figure:
    """Draw accuracy against spacing for each leak, and against what is left of a membrane when the next frame comes.

    Parameters
    ----------
    sweep : rows of `steep.stpu.sweeps.sweep_leak` for several seeds.
    title : heading.

    """
    rows = sweep[sweep["sweep"] == "leak"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
    figure.suptitle(title, fontsize=11)
    for number, (leak, group) in enumerate(rows.groupby("leak", sort=True)):
        spacing, mean, half = with_interval(group, "spacing")
        style: dict[str, Any] = {"capsize": 3, "markersize": 5, **look(number)}
        left.errorbar(spacing, mean, error_bars(mean, half), label=f"leak {leak:g}", **style)
        right.errorbar((1 - leak) ** spacing, mean, error_bars(mean, half), linestyle="", **style)
    left.set(
        xlabel="steps from one frame to the next",
        ylabel="validation accuracy, %",
        xticks=sorted(rows["spacing"].unique()),
    )
    left.legend(fontsize=8)
    right.set(xlabel=formula("part of a membrane left for the next frame, (1 − leak)$^{spacing}$"))
    right.grid(axis="y", color=GREY, alpha=0.2)
    left.grid(axis="y", color=GREY, alpha=0.2)
    return figure


def plot(sweep: Path, experiment: str, title: str) -> Figure:
    """Draw an experiment's rows of the sweep on the STPU."""
    return draw(rows_of(experiment, sweep, *SWEEP), title)
