"""Figure: how sparse, how dead and how saturated the units are (the talk's slide "Activation of convolution layers").

Feature maps are shown unit by unit, in the colour of how often a unit fires; units that never fire or always fire, over
all frames, stand out. Layers without maps are shown as their units in order of activity.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from steep.figures.style import BLUE, GREY, ORANGE, SEQUENTIAL, VERMILION, as_grid, layer_name, plt

DEAD, SATURATED, GAP = VERMILION, ORANGE, 2.0


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
        *(2, last),
        figsize=(2.6 * last + 1.6, 5.6),
        **{"layout": "constrained", "squeeze": False, "height_ratios": [1.6, 1]},
    )
    figure.suptitle(title, fontsize=11)
    for number in range(1, last + 1):
        counts = activity[f"unit_spikes{number}"]
        shape = tuple(int(side) for side in activity[f"shape{number}"])
        above, below = axes[:, number - 1]
        if len(shape) == 3:
            image = _maps(above, counts / frames, shape)
            above.set_title(f"{layer_name(number, last)}: {shape[0]} maps of {shape[1]}×{shape[2]}", fontsize=9)
        else:
            image = _units(above, counts / frames)
            above.set_title(f"{layer_name(number, last)}: {shape[0]} units", fontsize=9)
        dead, saturated = int((counts == 0).sum()), int((counts == frames).sum())
        below.hist(counts / frames, np.linspace(0, 1, 21), color=BLUE)
        below.set_xlabel("fires on this part of the frames", fontsize=8)
        below.set_xlim(0, 1)
        below.set_title(f"{dead:,} dead, {saturated:,} saturated of {len(counts):,}", fontsize=8)
        below.tick_params(labelsize=7)
    axes[1, 0].set_ylabel("units")
    figure.colorbar(image, ax=axes, label="fires on this part of the frames", pad=0.01, shrink=0.6)
    handles = [Patch(facecolor=DEAD, label="dead: never fires"), Patch(facecolor=SATURATED, label="saturated: always")]
    figure.legend(handles=handles, fontsize=8, loc="outside lower center", ncols=2)
    return figure


def coloured(rate: np.ndarray) -> np.ndarray:
    """Return RGBA of how often units fire, dead and saturated ones in colours of their own, gaps white."""
    colours = plt.get_cmap(SEQUENTIAL)(rate)
    for value, colour in ((0.0, DEAD), (1.0, SATURATED)):
        colours[rate == value] = plt.matplotlib.colors.to_rgba(colour)
    colours[rate == GAP] = 1.0
    return colours


def _maps(axis: Axes, rate: np.ndarray, shape: tuple[int, ...]) -> plt.cm.ScalarMappable:
    """Show feature maps as pictures."""
    axis.imshow(coloured(as_grid(rate, shape, GAP)), interpolation="none")
    axis.axis("off")
    return plt.cm.ScalarMappable(plt.Normalize(0, 1), SEQUENTIAL)


def _units(axis: Axes, rate: np.ndarray) -> plt.cm.ScalarMappable:
    """Show units in order of activity."""
    order = np.sort(rate)[::-1]
    at = np.arange(len(order))
    axis.fill_between(at, order, step="mid", color=BLUE, alpha=0.25, linewidth=0)
    axis.scatter(at, order, s=9, c=coloured(order), linewidths=0, clip_on=False, zorder=3, rasterized=len(order) > 200)
    axis.set(xlabel="units, most active first", ylim=(0, 1), xlim=(-0.5, len(order) - 0.5))
    axis.set_ylabel("part of the frames", fontsize=8, color=GREY)
    axis.tick_params(labelsize=7)
    return plt.cm.ScalarMappable(plt.Normalize(0, 1), SEQUENTIAL)
