"""Figure: the answer in one picture, original and spiking accuracy of every network, the talk beside ours."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke

from steep.analysis.verdicts import OVERVIEW_COLUMNS
from steep.analysis.verdicts import overview as shown
from steep.figures.style import GREY, STAGES, TALK, plt
from steep.tables import read_table

# An arrow's head as a marker, whose tip is at its place, by the way it points.
HEADS = {way: Outline([(0, 0), (-way, 0.6), (-way, -0.6), (0, 0)], closed=True) for way in (-1, 1)}


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
        yticks=range(len(overview)),
        yticklabels=[f"{row.network}\n{row.data}" for row in overview.itertuples()],
        xlabel=f"{evaluation} accuracy, %",
        ylim=(len(overview) - 0.5, -0.5),
    )
    axis.tick_params(axis="y", length=0, labelsize=8)
    axis.grid(axis="x", color=GREY, alpha=0.2)
    axis.margins(x=0.06)
    if axis.get_xlim()[1] > 100:
        axis.set_xlim(right=100.5)  # an interval over few seeds may reach beyond what an accuracy can be
    for y in range(len(overview) - 1):
        axis.axhline(y + 0.5, color=GREY, linewidth=0.4, alpha=0.4)
    head: dict[str, Any] = {"marker": HEADS[-1], "markersize": 12, "linestyle": ""}
    handles = [
        Line2D([], [], color=STAGES["original"][1], marker="o", linestyle="", label="ours: original"),
        Line2D([], [], color=STAGES["threshold"][1], label="ours: threshold (tip)", **head),
    ]
    of_the_talk = overview["talk_original"].notna()
    if of_the_talk.any():
        handles.insert(0, Line2D([], [], color=TALK, label="talk: spiking (tip)", **head))
        handles.insert(0, Line2D([], [], color=TALK, marker="o", linestyle="", label="talk: original"))
    if (of_the_talk & overview["generated"]).any():
        words = "open: the talk's data are not ours"
        handles.append(Line2D([], [], color=TALK, marker="o", markerfacecolor="white", linestyle="", label=words))
    figure.legend(handles=handles, fontsize=8, loc="outside upper center", ncols=len(handles))
    return figure


def _arrow(axis: Axes, y: float, start: float, end: float, from_: str, to: str, hollow: bool = False) -> None:
    """Draw a circle, and from it an arrow whose tip lies at the end.

    The head is of one size however near the two lie, with a white margin where it covers the circle.
    """
    inside = "white" if hollow else from_
    axis.plot(start, y, "o", color=from_, markerfacecolor=inside, markersize=8, zorder=3)
    if start == end:
        axis.annotate("and spiking", (start, y), (7, 0), textcoords="offset points", va="center", fontsize=7)
        return
    axis.plot([start, end], [y, y], color=to, linewidth=1.5, zorder=1)
    axis.plot(
        end,
        y,
        color=to,
        zorder=4,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        marker=HEADS[1 if end > start else -1],
        markersize=12,
        markeredgewidth=0.8,
        markerfacecolor="white" if hollow else to,
    )


def plot(verdicts: Path, evaluation: str) -> Figure:
    """Draw the study's table of verdicts."""
    return draw(shown(read_table(verdicts, *OVERVIEW_COLUMNS)), evaluation)
