"""One look for all figures: same colours and names everywhere, readable in print and by the colour-blind; same bytes
on every run."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from steep.files import atomic

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#555555"
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


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write an SVG without a date, so that equal figures have equal bytes, and close the figure."""
    with atomic(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
    plt.close(figure)
