"""Figure: what each change does to the spiking accuracy, beside the baseline."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from steep.figures.style import BLUE, GREY, VERMILION, plt
from steep.tables import read_table

LOOKS = {"better": (BLUE, "^"), "worse": (VERMILION, "v")}  # anything else: a grey dot; likely: not filled
TICKS = (1, 2, 5, 10, 20, 50)
SMALL_TICKS = (0.1, 0.2, 0.5)  # where no effect is larger; the scale is linear there


def draw(effects: pd.DataFrame, evaluation: str) -> Figure:
    """Draw a row for each change, its effect with the 95% interval.

    Parameters
    ----------
    effects : `steep.analysis.effects.effect_table`.
    evaluation : the frames it was measured on, ``test`` or ``validation``.

    """
    baseline = effects[effects["verdict"] == "baseline"].iloc[0]
    changes = effects[effects["verdict"] != "baseline"]
    figure, axis = plt.subplots(figsize=(8, 0.25 * len(changes) + 1.3), layout="constrained")
    axis.axvline(0, color=GREY, linewidth=1)
    for y, row in enumerate(changes.itertuples()):
        colour, marker = LOOKS.get(row.verdict.removeprefix("likely "), (GREY, "o"))
        inside = "white" if row.verdict.startswith("likely ") else colour
        half = None if pd.isna(row.effect_ci95) else row.effect_ci95
        axis.errorbar(
            row.effect, y, xerr=half, color=colour, marker=marker, markerfacecolor=inside, markersize=5, linewidth=1.2
        )
        text = f"{row.effect:+.2f}".replace("-", "−")
        axis.annotate(
            text,
            (1, y),
            xycoords=axis.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=colour,
        )
    axis.set_xscale("symlog", linthresh=1)  # small effects beside large ones
    low, high = axis.get_xlim()
    sizes = SMALL_TICKS if low > -1 and high < 1 else (0.5, *TICKS)
    ticks = [tick for size in sizes for tick in (-size, size) if low <= tick <= high]
    ticks = sorted([0.0, *ticks])
    axis.set(xticks=ticks, xticklabels=[f"{tick:+g}".replace("-", "−") if tick else "0" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set(yticks=range(len(changes)), yticklabels=changes["change"], ylim=(len(changes) - 0.4, -0.6))
    axis.set_xlabel(
        f"points of spiking accuracy on {evaluation} frames, linear up to 1\n"
        f"0: {baseline.change}, {baseline.threshold:.2f}%"
    )
    axis.tick_params(axis="y", labelsize=8, length=0)
    axis.grid(axis="x", color=GREY, alpha=0.2)
    return figure


def plot(effects: Path, evaluation: str) -> Figure:
    """Draw the study's table of effects."""
    return draw(read_table(effects, "change", "effect", "effect_ci95", "verdict"), evaluation)
