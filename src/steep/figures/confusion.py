"""Figure: spiking beside non-spiking, accuracy and confusion (the talk's slides "STPU")."""

from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from steep.errors import SteepError
from steep.figures.style import GREY, STAGES, name_classes, plt, room_below
from steep.files import read_npz
from steep.shapes import require_pairs, require_same_shape


def confusion(labels: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Return how often each label (row) got each class (column), int64 (count, count)."""
    require_same_shape(labels, classes, "labels and classes")
    return np.bincount(labels * count + classes, minlength=count * count).reshape(count, count)


def turned(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """Return how many frames become wrong from one set of classes to another, and how many become right."""
    for classes in (before, after):
        require_same_shape(labels, classes, "labels and classes")
    right, still = before == labels, after == labels
    return int((right & ~still).sum()), int((~right & still).sum())


def draw(
    matrices: dict[str, np.ndarray],
    turns: tuple[int, int],
    seeds: int,
    simulators: list[str],
    names: list[str],
    title: str,
) -> Figure:
    """Draw the confusions of the original and of the spiking network, and what changed between them.

    Parameters
    ----------
    matrices : `confusion` of ``original`` and ``threshold``, summed over seeds.
    turns : `turned` from the one to the other, summed over seeds. The matrices do not say: in a cell, frames that
        become wrong and frames that become right cancel.
    seeds : over which they were summed.
    simulators : that gave the spikes, all the same ones.
    names : of the classes.
    title : heading.

    """
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.9 + room_below(names)), layout="constrained")
    figure.suptitle(title, fontsize=11)
    mistakes = {stage: np.where(np.eye(len(matrix), dtype=bool), 0, matrix) for stage, matrix in matrices.items()}
    # One scale for both, or equal counts would have unequal colours.
    norm = LogNorm(0.7, 1.5 * max(2, *(int(wrong.max()) for wrong in mistakes.values())))
    size = min(9, 70 / len(matrices["original"]))
    for axis, (stage, matrix) in zip(axes, matrices.items(), strict=False):
        name = STAGES[stage][0]
        if stage == "threshold":
            name = f"{name}, on {' = '.join(simulators)}"
        accuracy = 100 * np.trace(matrix) / matrix.sum()
        wrong = mistakes[stage]
        axis.imshow(np.ma.masked_equal(wrong, 0), cmap="Reds" if stage == "threshold" else "Blues", norm=norm)
        for (row, column), value in np.ndenumerate(matrix):
            if value:
                ink = GREY if row == column else "white" if norm(value) > 0.6 else "#222222"
                axis.text(column, row, f"{value}", ha="center", va="center", fontsize=size, color=ink)
        axis.set_title(
            f"{name}\n{accuracy:.2f}%, {wrong.sum():,} of {matrix.sum():,} wrong",
            fontsize=9,
            color=STAGES[stage][1],
        )
    change = matrices["threshold"] - matrices["original"]
    np.fill_diagonal(change, 0)
    reach = max(1, np.abs(change).max())
    axes[2].imshow(change, cmap="PuOr_r", vmin=-reach, vmax=reach)
    for (row, column), value in np.ndenumerate(change):
        if value:
            ink = "white" if abs(value) > 0.6 * reach else "#222222"
            word = f"{value:+d}".replace("-", "−")
            axes[2].text(column, row, word, ha="center", va="center", fontsize=size, color=ink)
    axes[2].set_title(f"spiking − original\n{turns[0]:,} frames become wrong, {turns[1]:,} become right", fontsize=9)
    for axis in axes:
        name_classes(axis, names)
        axis.set_yticks(range(len(names)), names if axis is axes[0] else [])
        axis.set(xlabel="class given", ylabel="true class" if axis is axes[0] else "")
        axis.tick_params(labelsize=7, length=0)
        axis.spines[:].set(visible=True, linewidth=0.5, color=GREY)
    sums = f"sums over {seeds} seeds; " if seeds > 1 else ""
    figure.supxlabel(f"{sums}blue and red on one logarithmic scale", fontsize=8, color=GREY)
    return figure


def plot(activity: list[Path], classes: list[Path], simulators: list[str], names: list[str], title: str) -> Figure:
    """Draw the original and the spiking networks of all seeds: `activity` and `classes` hold one file per seed."""
    require_pairs(activity=activity, classes=classes)
    original, spiking = [read_npz(path) for path in classes], [read_npz(path) for path in activity]
    if not all(np.array_equal(one["labels"], other["labels"]) for one, other in zip(original, spiking, strict=True)):
        raise SteepError("--classes and --activity are not of the same frames; give files of the same seeds, in order")
    count = len(names)
    matrices = {
        "original": np.sum([confusion(one["labels"], one["original"], count) for one in original], axis=0),
        "threshold": np.sum([confusion(one["labels"], one["classes"], count) for one in spiking], axis=0),
    }
    turns = [
        turned(one["labels"], one["original"], other["classes"]) for one, other in zip(original, spiking, strict=True)
    ]
    worse, better = (sum(counts) for counts in zip(*turns, strict=True))
    return draw(matrices, (worse, better), len(original), simulators, names, title)
