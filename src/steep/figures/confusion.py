"""Figure: spiking beside non-spiking, accuracy and confusion (the talk's slides "STPU")."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from steep.figures.style import GREY, STAGES, plt


def confusion(labels: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Return how often each label (row) got each class (column), int64 (count, count)."""
    return np.bincount(labels * count + classes, minlength=count * count).reshape(count, count)


def draw(matrices: dict[str, np.ndarray], seeds: int, simulators: list[str], title: str) -> Figure:
    """Draw the confusions of the original and of the spiking network, and what changed between them.

    Parameters
    ----------
    matrices : `confusion` of ``original`` and ``threshold``, summed over seeds.
    seeds : over which they were summed.
    simulators : that gave the spikes, all the same ones.
    title : heading.

    """
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.9), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for axis, (stage, matrix) in zip(axes, matrices.items(), strict=False):
        name = STAGES[stage][0]
        if stage == "threshold":
            name = f"{name}, on {' = '.join(simulators)}"
        accuracy = 100 * np.trace(matrix) / matrix.sum()
        wrong = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
        _matrix(axis, wrong, matrix, "Reds" if stage == "threshold" else "Blues")
        axis.set_title(
            f"{name}\n{accuracy:.2f}%, {wrong.sum():,} of {matrix.sum():,} wrong",
            **{"fontsize": 9, "color": STAGES[stage][1]},
        )
    change = matrices["threshold"] - matrices["original"]
    np.fill_diagonal(change, 0)
    reach = max(1, np.abs(change).max())
    axes[2].imshow(change, cmap="PuOr_r", vmin=-reach, vmax=reach)
    for (row, column), value in np.ndenumerate(change):
        if value:
            ink = "white" if abs(value) > 0.6 * reach else "#222222"
            axes[2].text(column, row, f"{value:+d}".replace("-", "−"), ha="center", va="center", fontsize=6, color=ink)
    gained, lost = int(change[change > 0].sum()), -int(change[change < 0].sum())
    axes[2].set_title(f"what spiking changes\n{gained:,} more mistakes, {lost:,} fewer", fontsize=9)
    for axis in axes:
        classes = np.arange(len(change))
        axis.set(xticks=classes, yticks=classes, xlabel="class given", ylabel="true class" if axis is axes[0] else "")
        axis.tick_params(labelsize=7, length=0)
        axis.spines[:].set(visible=True, linewidth=0.5, color=GREY)
    if seeds > 1:
        figure.supxlabel(f"sums over {seeds} seeds", fontsize=8, color=GREY)
    return figure


def _matrix(axis: Axes, wrong: np.ndarray, matrix: np.ndarray, colours: str) -> None:
    """Show the mistakes in colour and every count as a number; right ones on the diagonal in grey."""
    top = max(2, int(wrong.max()))
    axis.imshow(np.ma.masked_equal(wrong, 0), cmap=colours, norm=LogNorm(0.7, top * 1.5))
    size = 7 if len(matrix) <= 5 else 5.5
    for (row, column), value in np.ndenumerate(matrix):
        if value:
            right = row == column
            ink = GREY if right else "white" if value > 0.3 * top else "#222222"
            axis.text(column, row, f"{value}", ha="center", va="center", fontsize=size, color=ink)
