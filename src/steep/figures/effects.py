"""Figure: what each change does to the spiking accuracy, beside the baseline."""

import pandas as pd
from matplotlib.figure import Figure

from steep.figures.style import BLUE, GREY, VERMILION, plt

LOOKS = {"better": (BLUE, "^"), "worse": (VERMILION, "v")}  # anything else: a grey dot


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
        colour, marker = LOOKS.get(row.verdict, (GREY, "o"))
        half = None if pd.isna(row.effect_ci95) else row.effect_ci95
        axis.errorbar(row.effect, y, xerr=half, color=colour, marker=marker, markersize=5, linewidth=1.2)
        edge = row.effect + (half or 0)
        axis.annotate(
            f"{row.effect:+.2f}".replace("-", "−"),
            (max(edge, 0), y),
            **{"xytext": (5, 0), "textcoords": "offset points", "va": "center", "fontsize": 7, "color": colour},
        )
    axis.set(yticks=range(len(changes)), yticklabels=changes["change"], ylim=(len(changes) - 0.4, -0.6))
    axis.set_xlabel(
        f"points of spiking accuracy on {evaluation} frames, against {baseline.change}: {baseline.spiking:.2f}%"
    )
    axis.tick_params(axis="y", labelsize=8, length=0)
    axis.grid(axis="x", color=GREY, alpha=0.2)
    axis.margins(x=0.08)
    return figure
