"""Figure: the sharpened activation at several sharpness values, and what learns through it (the talk's slide "sharpened
sigmoid")."""

import numpy as np
from matplotlib.figure import Figure

from steep.figures.convergence import sharpened
from steep.figures.style import GREY, SHARPNESS, plt

VALUES = (0.0, 0.5, 0.75, 0.9, 1.0)
CENTRE, SLOPE = 0.5, 4.0  # a rectified linear unit's, with its ceiling as unit (steep.sharpening.activation)


def surrogate(x: np.ndarray, shape: str, sharpness: float, widest: float) -> np.ndarray:
    """Return the derivative that the backward pass uses: of the activation no steeper than `widest` times the gentle
    one."""
    slope = SLOPE * (widest if sharpness >= 1 else min(1 / (1 - sharpness), widest))
    if shape == "ramp":
        return np.where(np.abs(slope * (x - CENTRE)) < 2, slope / 4, 0.0)
    gentle = 1 / (1 + np.exp(-slope * (x - CENTRE)))
    return slope * gentle * (1 - gentle)


def draw(settings: dict[str, tuple[str, float]]) -> Figure:
    """Draw the activation above and its surrogate derivative below, one column for each way of sharpening.

    Parameters
    ----------
    settings : (shape, surrogate slope) by the name of what uses it.

    """
    figure, axes = plt.subplots(
        *(2, len(settings)),
        figsize=(3.4 * len(settings) + 1.2, 4.6),
        **{"layout": "constrained", "squeeze": False, "sharex": True, "sharey": "row"},
    )
    x = np.linspace(-1, 2, 1501)
    colours = plt.get_cmap(SHARPNESS)(np.linspace(0.25, 1, len(VALUES)))
    for column, (name, (shape, widest)) in enumerate(settings.items()):
        above, below = axes[:, column]
        for value, colour in zip(VALUES, colours, strict=True):
            width = 2.2 if value == 1 else 1.4
            label = f"sharpness {value:g}" + (" (a step: spikes)" if value == 1 else "")
            above.plot(x, sharpened(x, shape, CENTRE, SLOPE, value), color=colour, linewidth=width, label=label)
            below.plot(x, surrogate(x, shape, value, widest), color=colour, linewidth=width)
        above.plot(x, np.clip(x, 0, 1), color=GREY, linestyle=":", linewidth=1.2, label="ReLU, cut at its ceiling")
        above.set_title(f"{name}\n{shape}, learns through a slope of at most {widest:g}", fontsize=9)
        below.set_xlabel("pre-activation / ceiling")
    axes[0, 0].set_ylabel("activation")
    axes[1, 0].set_ylabel("derivative used for learning")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=3)
    return figure
