"""Figure: the sharpened activation at several sharpness values, and what learns through it (the talk's slide "sharpened
sigmoid")."""

import math
import textwrap

import numpy as np
from matplotlib.figure import Figure

from steep.figures.convergence import sharpened
from steep.figures.style import GREY, SHARPNESS, plt

VALUES = (0.0, 0.5, 0.75, 0.9, 1.0)
COLUMNS = 3
STEEPEST = 10  # slopes are shown up to here, or one of nearly a step would flatten all others
CENTRE, SLOPE = 0.5, 4.0  # a rectified linear unit's, with its ceiling as unit (steep.sharpening.activation)


def surrogate(x: np.ndarray, shape: str, sharpness: float, surrogate_slope: float) -> np.ndarray:
    """Return the derivative that the backward pass uses: of the activation no steeper than `surrogate_slope` times the
    gentle one."""
    slope = SLOPE * (surrogate_slope if sharpness >= 1 else min(1 / (1 - sharpness), surrogate_slope))
    if shape == "ramp":
        return np.where(np.abs(slope * (x - CENTRE)) < 2, slope / 4, 0.0)
    gentle = 1 / (1 + np.exp(np.clip(-slope * (x - CENTRE), -500, 500)))
    return slope * gentle * (1 - gentle)


def draw(settings: dict[str, tuple[str, float]]) -> Figure:
    """Draw the activation above and its surrogate derivative below, one such pair for each way of sharpening.

    Parameters
    ----------
    settings : (shape, surrogate slope) by the name of what uses it.

    """
    columns = min(COLUMNS, len(settings))
    lines = math.ceil(len(settings) / columns)
    figure, axes = plt.subplots(
        2 * lines,
        columns,
        figsize=(3.4 * columns + 1.2, 4.2 * lines + 0.4),
        layout="constrained",
        squeeze=False,
        sharex=True,
    )
    steepest = min(max(surrogate_slope for _, surrogate_slope in settings.values()) * SLOPE / 4, STEEPEST)
    x = np.linspace(-1, 2, 1501)
    colours = plt.get_cmap(SHARPNESS)(np.linspace(0.25, 1, len(VALUES)))
    pairs = [pair for line in range(lines) for pair in axes[2 * line : 2 * line + 2].T]
    for above, below in pairs[len(settings) :]:
        above.set_visible(False)
        below.set_visible(False)
    for number, ((above, below), (name, (shape, surrogate_slope))) in enumerate(
        zip(pairs, settings.items(), strict=False)
    ):
        for value, colour in zip(VALUES, colours, strict=True):
            width = 2.2 if value == 1 else 1.4
            label = f"sharpness {value:g}" + (" (a step: spikes)" if value == 1 else "")
            above.plot(x, sharpened(x, shape, CENTRE, SLOPE, value), color=colour, linewidth=width, label=label)
            below.plot(x, surrogate(x, shape, value, surrogate_slope), color=colour, linewidth=width)
        above.plot(x, np.clip(x, 0, 1), color=GREY, linestyle=":", linewidth=1.2, label="ReLU, cut at its ceiling")
        heading = textwrap.fill(name, 50, break_on_hyphens=False, max_lines=8, placeholder=" …")
        above.set_title(f"{heading}\n{shape}, learns through a slope of at most {surrogate_slope:g}", fontsize=9)
        below.set(xlabel="pre-activation / ceiling", ylim=(-0.05 * steepest, 1.1 * steepest))
        below.tick_params(labelbottom=True)
        if number % columns == 0:
            above.set_ylabel("activation")
            below.set_ylabel("derivative used\nfor learning")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=min(3, columns + 1)
    )
    return figure


def plot(settings: dict[str, tuple[str, float]]) -> Figure:
    """Draw `settings`: shape and surrogate slope of each way of sharpening."""
    return draw({name: (shape, float(surrogate_slope)) for name, (shape, surrogate_slope) in settings.items()})
