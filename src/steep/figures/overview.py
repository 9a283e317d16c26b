"""Figure: the answer in one picture, original and spiking accuracy of every network, the talk beside ours."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steep.figures.style import GREY, STAGES, TALK, plt


def draw(overview: pd.DataFrame, evaluation: str) -> Figure:
    """Draw one row per experiment: an arrow from original to spiking, of the talk in black, of ours in colour.

    Parameters
    ----------
    overview : `steep.analysis.verdicts.overview`.
    evaluation : frames the accuracies are measured on, ``test`` or ``validation``.

    """
    figure, axis = plt.subplots(figsize=(8.5, 0.78 * len(overview) + 1.3), layout="constrained")
    for y, row in enumerate(overview.itertuples()):
        if not np.isnan(row.talk_original):
            _arrow(axis, y - 0.17, row.talk_original, row.talk_spiking, TALK, TALK, hollow=row.generated)
        _arrow(axis, y + 0.17, row.ours_original, row.ours_spiking, STAGES["original"][1], STAGES["threshold"][1])
        for value, half, stage in (
            (row.ours_original, row.ours_ci95_original, "original"),
            (row.ours_spiking, row.ours_ci95_spiking, "threshold"),
        ):
            if not np.isnan(half):
                axis.errorbar(value, y + 0.17, xerr=half, color=STAGES[stage][1], capsize=3, linewidth=1.5)
        word = row.verdict_spiking
        if row.generated and not np.isnan(row.talk_original):
            word = "other data: generated"
        axis.text(1.01, y, word, transform=axis.get_yaxis_transform(), va="center", fontsize=8, color="#222222")
    axis.text(
        1.01, -0.5, "spiking accuracy is", transform=axis.get_yaxis_transform(), va="bottom", fontsize=8, color=GREY
    )
    axis.set(
        **{"yticks": range(len(overview)), "yticklabels": [f"{r.network}\n{r.data}" for r in overview.itertuples()]},
        **{"xlabel": f"{evaluation} accuracy, %", "ylim": (len(overview) - 0.5, -0.5)},
    )
    axis.tick_params(axis="y", length=0, labelsize=8)
    axis.grid(axis="x", color=GREY, alpha=0.2)
    axis.margins(x=0.06)
    if axis.get_xlim()[1] > 100:
        axis.set_xlim(right=100.5)  # an interval over few seeds may reach beyond what an accuracy can be
    for y in range(len(overview) - 1):
        axis.axhline(y + 0.5, color=GREY, linewidth=0.4, alpha=0.4)
    handles = [
        Line2D([], [], color=STAGES["original"][1], marker="o", linestyle="", label="ours: original"),
        Line2D([], [], color=STAGES["threshold"][1], marker="D", linestyle="", label="ours: spiking"),
    ]
    if overview["talk_original"].notna().any():
        handles.insert(0, Line2D([], [], color=TALK, marker="D", linestyle="", label="talk: spiking"))
        handles.insert(0, Line2D([], [], color=TALK, marker="o", linestyle="", label="talk: original"))
    figure.legend(handles=handles, fontsize=8, loc="outside upper center", ncols=len(handles))
    return figure


def _arrow(axis: plt.Axes, y: float, start: float, end: float, from_: str, to: str, hollow: bool = False) -> None:
    """Draw a circle, a diamond and the way between them."""
    axis.plot([start, end], [y, y], color=to, linewidth=1.2, alpha=0.7, zorder=1)
    fill = {"markerfacecolor": "white"} if hollow else {}
    axis.plot(start, y, "o", color=from_, markersize=7, zorder=3, **fill)
    axis.plot(end, y, "D", color=to, markersize=6, zorder=3, **fill)
