"""One look for all figures: same colours and names everywhere, readable in print and by the colour-blind; same bytes
on every run."""

import logging
import math
import re
import warnings
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from steep.analysis.statistics import interval
from steep.errors import SteepError
from steep.figures.text import make_literal
from steep.files import write_text
from steep.study.trace import as_text

log = logging.getLogger("steep")

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#555555"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY)
MARKERS = ("o", "s", "^", "D", "v", "x")
SEQUENTIAL = "viridis_r"
# The stages of a network: the same word and colour in every figure. What the talk says is black.
STAGES = {
    "original": ("original", BLUE),
    "continued": ("continued", GREEN),
    "sharpened": ("sharpened", ORANGE),
    "threshold": ("threshold", VERMILION),
}
TALK = "#000000"
SPIKE, SILENCE = "#222222", "#FFFFFF"
# Sharpness from gentle to step, from light to dark.
SHARPNESS = "cividis_r"
# Hidden layers beside each other in one plot, from dark to light, and the output: none has a stage's colour. Markers
# tell them apart too.
LAYERS, OUTPUT = "RdPu_r", "#56B4E9"

# The user's own settings are taken back, also those that `rcdefaults` leaves. Text is set in the font that comes with
# Matplotlib, whatever others there are.
plt.rcParams.update({name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"})
plt.rcParams.update(
    {
        "font.sans-serif": ["DejaVu Sans"],
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


def look(number: int) -> dict[str, str]:
    """Return colour and marker of the curve of that number, from 0; a colour comes again with another marker."""
    again, colour = divmod(number, len(PALETTE))
    return {"color": PALETTE[colour], "marker": MARKERS[(colour + again) % len(MARKERS)]}


def layer_colours(hidden: int) -> list[str]:
    """Return the colours of that many hidden layers, the first one darkest."""
    return [to_hex(colour) for colour in plt.get_cmap(LAYERS)(np.linspace(0.1, 0.65, hidden))]


def whole_numbers(axis: Axis, most: int = 9) -> None:
    """Put at most about so many ticks on an axis, none at fractions."""
    axis.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 5, 10]))


def with_interval(rows: pd.DataFrame, by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values of column `by`, the mean accuracy over seeds at each, and the half-width of its 95%
    interval."""
    groups = rows.groupby(by, sort=True)["accuracy"]
    measured = [interval(values.to_numpy()) for _, values in groups]
    mean, half = np.array(measured).T
    return np.array(list(groups.groups)), mean, half


def error_bars(mean: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return how far error bars reach below and above mean accuracies in %, float64 (2, n): the half-width of the
    interval, but never past what an accuracy can be."""
    return np.stack([np.minimum(half, mean), np.minimum(half, 100 - mean)])


def picture(axis: Axes, image: np.ndarray, title: str = "", **style: Any) -> None:
    """Show an array as pixels, without ticks, in a thin frame; values of 0 and 1 as silence and spike unless `style`
    says otherwise."""
    colours: dict[str, Any] = {} if image.ndim == 3 or "cmap" in style else {"cmap": ListedColormap([SILENCE, SPIKE])}
    limits: dict[str, Any] = {} if image.ndim == 3 or "norm" in style or "vmin" in style else {"vmin": 0, "vmax": 1}
    axis.imshow(image, interpolation="none", **colours, **limits, **style)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=8)
    axis.spines[:].set(visible=True, linewidth=0.5, color=GREY)


def room_below(names: list[str]) -> float:
    """Return how many inches more a figure needs where `name_classes` writes upright."""
    longest = max(map(len, names))
    return 0.06 * longest if longest > 2 else 0.0


def name_classes(axis: Axes, names: list[str]) -> None:
    """Name the classes below an axis, upright where names are longer than numbers."""
    axis.set_xticks(range(len(names)), names, rotation=90 if room_below(names) else 0)


def layer_name(number: int, last: int) -> str:
    """Return what a layer is called: ``input``, ``layer 1``, ..., ``output``."""
    return "input" if number == 0 else "output" if number == last else f"layer {number}"


def as_maps(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (maps, height, width) of a shape (channels, *sides): a line is a map of one row, of a volume every slice
    is a map."""
    *maps, height, width = (shape[0], 1, shape[1]) if len(shape) == 2 else shape
    return math.prod(maps), height, width


def as_grid(values: np.ndarray, shape: tuple[int, ...], fill: float) -> np.ndarray:
    """Lay a layer's units out as a picture: feature maps side by side in rows, a gap of one pixel of `fill` between
    them; a layer without maps as a rectangle of units, row by row.

    Parameters
    ----------
    values : (units,).
    shape : of the layer, (units,) or (channels, *sides).
    fill : value of gaps and of places without a unit.

    """
    if len(values) != math.prod(shape):
        raise SteepError(f"{len(values)} values for a layer of shape {shape}; give one for each unit")
    if len(shape) == 1:
        columns = math.ceil(math.sqrt(shape[0] * (1 if shape[0] > 12 else shape[0])))
        grid = np.full(math.ceil(shape[0] / columns) * columns, fill, np.float64)
        grid[: shape[0]] = values
        return grid.reshape(-1, columns)
    maps, height, width = as_maps(shape)
    columns = math.ceil(math.sqrt(maps * height / width))
    rows = math.ceil(maps / columns)
    grid = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), fill, np.float64)
    for number, plane in enumerate(values.reshape(maps, height, width)):
        row, column = divmod(number, columns)
        top, left = row * (height + 1), column * (width + 1)
        grid[top : top + height, left : left + width] = plane
    return grid


def compact(svg: str) -> str:
    """Return an SVG that looks the same in fewer bytes: coordinates to a hundredth of a point, no indentation, no names
    of groups, to which nothing refers. Factors of a scale and the metadata, the first element, stay as they are."""
    head, body = svg[: (end := svg.index("</metadata>"))], svg[end:]
    body = re.sub(r'<g id="[^"]*"', "<g", re.sub(r"\n\s+", "\n", body))
    parts = re.split(r"((?:scale|matrix)\([^)]*\))", body)
    parts[::2] = [re.sub(r"(\d\.\d\d)\d+", r"\1", part) for part in parts[::2]]
    return head + "".join(parts)


def save_figure(figure: Figure, path: Path | str, trace: dict[str, Any] | None = None) -> None:
    """Write an SVG without a date, so that equal figures have equal bytes, and close the figure. Its
    text is taken literally (`steep.figures.text`).

    `trace` says what the figure was made from (`steep.study.trace.trace_of`) and becomes part of the file's metadata.
    """
    metadata = {"Date": None, "Description": as_text(trace) if trace else None}
    make_literal(figure)
    svg = StringIO()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        figure.savefig(svg, format="svg", metadata=metadata)
    plt.close(figure)
    lacking = [warning for warning in warned if "missing from font" in str(warning.message)]
    if lacking:
        log.warning("%s: the font of the figures lacks letters of its text; boxes stand in their place", path)
    for warning in warned:
        if warning not in lacking:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    write_text(path, compact(svg.getvalue()))
