"""Figure: how sparse, how dead and how saturated the units are (the talk's slide "Activation of convolution layers").

Feature maps are shown unit by unit, in the colour of how often a unit fires; units that never fire (dead) or always
fire (saturated), over all frames, stand out. A map is dead where all its units are dead, saturated where all its units
are saturated; such maps are framed and hatched too, for print without colour. Layers without maps are shown as their
units in order of activity. Dead units lie at 0 there and saturated ones at 1, in the same colours.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from steep.figures.style import BLUE, GREY, SPIKE, VERMILION, as_grid, as_maps, layer_name, plt, whole_numbers
from steep.files import read_npz

# Blues for how often, so that both extremes stand out from every shade, for the colour-blind too; most units fire
# seldom, so the scale is that of the square root.
RATES, SCALE = "Blues", PowerNorm(0.5, 0, 1)
DEAD, SATURATED, GAP = VERMILION, "#F0E442", 2.0
# What a dead or saturated map is drawn with besides its colour.
MARKED_MAP: dict[str, dict[str, Any]] = {
    DEAD: {"hatch": "xxxx", "linestyle": "-"},
    SATURATED: {"hatch": "----", "linestyle": ":"},
}


def draw(activity: dict[str, np.ndarray], title: str) -> Figure:
    """Draw every layer but the input: above its units, below the distribution of their activity.

    Parameters
    ----------
    activity : `steep.analysis.activity.measure_activity`.
    title : heading.

    """
    frames = len(activity["labels"])
    last = activity["frame_spikes"].shape[1] - 1
    figure, axes = plt.subplots(
        2,
        last,
        figsize=(2.6 * last + 1.6, 5.6),
        layout="constrained",
        squeeze=False,
        height_ratios=[1.6, 1],
    )
    figure.suptitle(f"{title}, first seed", fontsize=11)
    image = None
    for number in range(1, last + 1):
        counts = activity[f"unit_spikes{number}"]
        shape = tuple(int(side) for side in activity[f"shape{number}"])
        above, below = axes[:, number - 1]
        if len(shape) > 1:
            shape = as_maps(shape)
            dead, saturated = extremes(counts, frames, shape)
            image = _maps(above, counts / frames, shape, {DEAD: dead, SATURATED: saturated})
            above.set_title(
                f"{layer_name(number, last)}: {shape[0]} maps of {shape[1]}×{shape[2]}\n"
                f"{dead.sum()} of {shape[0]} maps dead, {saturated.sum()} saturated",
                fontsize=9,
            )
        else:
            _units(above, counts / frames)
            above.set_title(f"{layer_name(number, last)}: {shape[0]:,} units", fontsize=9)
        never, always = int((counts == 0).sum()), int((counts == frames).sum())
        below.hist(counts / frames, np.linspace(0, 1, 21), color=BLUE)
        below.set_xlabel("fires on this part of the frames", fontsize=8)
        below.set_xlim(0, 1)
        whole_numbers(below.yaxis, 5)
        below.set_title(f"{never:,} dead, {always:,} saturated of {len(counts):,} units", fontsize=8)
        below.tick_params(labelsize=7)
    axes[1, 0].set_ylabel("units")
    if image is not None:
        figure.colorbar(
            image, ax=axes, label="fires on this part of the frames (square-root scale)", pad=0.01, shrink=0.6
        )
    figure.legend(handles=_key(image is not None), fontsize=8, loc="outside lower center", ncols=2)
    return figure


def extremes(counts: np.ndarray, frames: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return which feature maps are dead, no unit of theirs firing on any frame, and which are saturated, all their
    units firing on every frame, bool (maps,).

    Parameters
    ----------
    counts : (units,), frames on which a unit fires.
    frames : of which they are counted.
    shape : of the layer, (maps, height, width).

    """
    units = counts.reshape(shape[0], -1)
    return (units == 0).all(1), (units == frames).all(1)


def _key(maps: bool) -> list[Artist]:
    """Return what the marks mean: of units, and where there are `maps` of maps."""
    handles: list[Artist] = []
    for colour, unit, whole in (
        (DEAD, "dead unit: never fires", "dead map: none of its units ever fires"),
        (SATURATED, "saturated unit: always fires", "saturated map: all its units always fire"),
    ):
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                label=unit,
                marker="s",
                linestyle="none",
                markersize=6,
                markeredgecolor=GREY,
                markeredgewidth=0.4,
            )
        )
        if maps:
            handles.append(Patch(facecolor=colour, edgecolor=SPIKE, label=whole, **MARKED_MAP[colour]))
    return handles


def coloured(rate: np.ndarray) -> np.ndarray:
    """Return RGBA of how often units fire, dead and saturated ones in colours of their own, gaps white."""
    colours = plt.get_cmap(RATES)(SCALE(rate.clip(0, 1)))
    for value, colour in ((0.0, DEAD), (1.0, SATURATED)):
        colours[rate == value] = to_rgba(colour)
    colours[rate == GAP] = 1.0
    return colours


def _maps(axis: Axes, rate: np.ndarray, shape: tuple[int, ...], marked: dict[str, np.ndarray]) -> ScalarMappable:
    """Show feature maps as pictures; those `marked`, bool (maps,) by colour, in a frame and hatched."""
    axis.imshow(coloured(as_grid(rate, shape, GAP)), interpolation="none")
    axis.axis("off")
    count, height, width = shape
    place = as_grid(np.repeat(np.arange(count), height * width), shape, -1)
    for colour, which in marked.items():
        for number in np.flatnonzero(which):
            top, left = np.argwhere(place == number)[0]
            corner = (left - 0.5, top - 0.5)
            axis.add_patch(Rectangle(corner, width, height, facecolor="none", edgecolor=SPIKE, **MARKED_MAP[colour]))
    return ScalarMappable(SCALE, RATES)


def _units(axis: Axes, rate: np.ndarray) -> None:
    """Show units in order of activity."""
    order = np.sort(rate)[::-1]
    at = np.arange(len(order))
    axis.fill_between(at, order, step="mid", color=BLUE, alpha=0.25, linewidth=0)
    style: dict[str, Any] = {"clip_on": False, "zorder": 3, "rasterized": len(order) > 200}
    between = (order > 0) & (order < 1)
    axis.scatter(at[between], order[between], s=9, color=BLUE, linewidths=0, **style)
    edge = 0.4 if len(order) <= 200 else 0
    for value, colour in ((0.0, DEAD), (1.0, SATURATED)):
        axis.scatter(
            at[order == value],
            order[order == value],
            s=16,
            c=colour,
            marker="s",
            edgecolors=GREY,
            linewidths=edge,
            **style,
        )
    axis.set(xlabel="units, most active first", ylim=(0, 1), xlim=(-0.5, len(order) - 0.5))
    axis.set_ylabel("part of the frames", fontsize=8, color=GREY)
    whole_numbers(axis.xaxis, 5)
    axis.tick_params(labelsize=7)


def plot(activity: Path, title: str) -> Figure:
    """Draw what `steep.analysis.activity.measure_activity` counted."""
    return draw(read_npz(activity), title)
