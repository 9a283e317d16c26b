"""One look for all figures: same colours and names everywhere, readable in print and by the colour-blind; same bytes
on every run."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from steep.analysis.statistics import interval
from steep.files import atomic

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#555555"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY)
MARKERS = ("o", "s", "^", "D", "v", "x")
SEQUENTIAL = "viridis_r"

plt.rcParams.update(
    {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "figure.dpi": 110,
        "svg.hashsalt": "steep",
        "svg.fonttype": "path",
    }
)


def with_interval(rows: pd.DataFrame, by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values of column `by`, the mean accuracy over seeds at each, and the half-width of its 95%
    interval."""
    groups = rows.groupby(by, sort=True)["accuracy"]
    measured = [interval(values.to_numpy()) for _, values in groups]
    mean, half = np.array(measured).T
    return np.array(list(groups.groups)), mean, half


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write an SVG without a date, so that equal figures have equal bytes, and close the figure."""
    with atomic(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
    plt.close(figure)
