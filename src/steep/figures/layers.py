"""Figure: a deep spiking network, layer by layer (the talk's slides "Visualizing a deep spiking CNN").

One row per frame, one column per layer; each spike is a dark pixel, feature maps lie side by side.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steep.analysis.activity import check_examples
from steep.figures.style import GREY, SPIKE, STAGES, as_grid, as_maps, layer_name, picture, plt, whole_numbers
from steep.files import read_npz
from steep.threshold.network import ThresholdNetwork

GAP = 0.15  # shade of gaps between feature maps


def choose(examples: dict[str, np.ndarray], title: str) -> tuple[np.ndarray, str]:
    """Return the numbers of the examples that are classified rightly, int64, and the heading: of a network that learnt
    nothing all examples, and a heading that says so."""
    right = np.flatnonzero(examples["classes"] == examples["labels"])
    if len(right):
        return right, title
    return np.arange(len(examples["labels"])), f"{title}: no frame is classified rightly"


def draw(examples: dict[str, np.ndarray], shapes: list[tuple[int, ...]], title: str, rows: int = 4) -> Figure:
    """Draw the spikes of the first frames that are classified rightly, or of the first ones where none is.

    Parameters
    ----------
    examples : `steep.analysis.activity.choose_examples`.
    shapes : of the input and of every layer.
    title : heading.
    rows : number of frames at most.

    """
    check_examples(examples, shapes)
    chosen, heading = choose(examples, title)
    chosen = chosen[:rows]
    last = len(shapes) - 1
    figure, axes = plt.subplots(
        len(chosen),
        last + 1,
        figsize=(1.9 * (last + 1) + 0.6, 1.9 * len(chosen) + 0.8),
        layout="constrained",
        squeeze=False,
    )
    figure.suptitle(heading, fontsize=11)
    for row, frame in enumerate(chosen):
        for number, shape in enumerate(shapes):
            axis = axes[row, number]
            if number == last:
                _potentials(axis, examples["potential"][frame], int(examples["labels"][frame]), row == len(chosen) - 1)
                continue
            if number == 0:
                show_input(axis, examples["values"][frame], int(examples["full_scale"]))
                count = int(np.count_nonzero(examples["values"][frame]))
            else:
                spikes = examples[f"layer{number}"][frame]
                picture(axis, as_grid(spikes, shape, GAP), cmap="gray_r", vmin=0, vmax=1)
                count = int(spikes.sum())
            axis.set_xlabel(f"{count:,} of {int(np.prod(shape)):,}", fontsize=7)
            if row == 0:
                kind = "{} maps of {}×{}".format(*as_maps(shape)) if number and len(shape) > 1 else ""
                axis.set_title(f"{layer_name(number, last)}\n{kind}", fontsize=8)
        axes[row, 0].set_ylabel(f"frame {examples['index'][frame]}, class {examples['labels'][frame]}", fontsize=8)
    axes[0, last].set_title("output\npotential (●: spike)", fontsize=8)
    return figure


def show_input(axis: Axes, value: np.ndarray, full_scale: int) -> None:
    """Show a frame: spikes dark; currents as grey levels, a spectrum as a curve."""
    scaled = value.astype(np.float64) / full_scale
    if value.shape[1] == 1:
        axis.fill_between(np.arange(value.shape[2]), scaled[0, 0], color=GREY, linewidth=0)
        axis.set(xticks=[], yticks=[], ylim=(0, 1))
    elif len(value) == 3:
        picture(axis, scaled.transpose(1, 2, 0) if full_scale > 1 else 1 - 0.85 * scaled.transpose(1, 2, 0))
    else:
        picture(axis, scaled[0], cmap="gray_r", vmin=0, vmax=1)


def _potentials(axis: Axes, potential: np.ndarray, label: int, lowest: bool) -> None:
    """Draw the output units' potentials, the largest coloured; a dot where the unit fires."""
    classes = np.arange(len(potential))
    colours = np.where(classes == potential.argmax(), STAGES["threshold"][1], "#BBBBBB")
    axis.bar(classes, potential, color=colours, width=0.8)
    fired = potential > 0
    axis.plot(classes[fired], np.full(fired.sum(), potential.max() * 1.15), "o", color=SPIKE, markersize=4)
    axis.axhline(0, color=GREY, linewidth=0.6)
    axis.set(xticks=classes if len(classes) <= 10 else [])
    whole_numbers(axis.yaxis, 4)
    axis.tick_params(axis="x", labelsize=7, length=0)
    axis.tick_params(axis="y", labelsize=6, length=2)
    if lowest:
        axis.set_xlabel("class", fontsize=7)


def plot(examples: Path, network: Path, title: str) -> Figure:
    """Draw the frames in `examples` (`steep.analysis.activity.choose_examples`)."""
    return draw(read_npz(examples), ThresholdNetwork.load(network).shapes, title)
