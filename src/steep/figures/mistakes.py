"""Figure: misclassified frames, with the spikes that decided.

The class with the largest potential wins. The difference between the potentials of the class given and of the true
class is a sum over the spikes of the last hidden layer: each adds the weight to the one minus the weight to the other;
what is left is the difference of the thresholds. The sum is exact, for weights are integers.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from steep.analysis.activity import check_examples
from steep.figures.layers import show_input
from steep.figures.style import GREEN, GREY, PURPLE, as_grid, name_classes, picture, plt, room_below
from steep.files import read_npz
from steep.threshold.network import ThresholdNetwork
from steep.threshold.readouts import output_weights

GIVEN, TRUE = PURPLE, GREEN  # not the colours of spiking and original
SIDES = LinearSegmentedColormap.from_list("sides", [TRUE, "#F7F7F7", GIVEN]).with_extremes(bad="#DDDDDD")
MOST = 4
STRONGEST = 60


def contributions(network: ThresholdNetwork, hidden: np.ndarray, given: int, true: int) -> tuple[np.ndarray, float]:
    """Return what each unit of the last hidden layer adds to potential `given` minus potential `true`, float64
    (units,), 0 for silent ones; and what the thresholds add."""
    output, threshold = output_weights(network)
    weight = output.astype(np.float64)
    return (weight[given] - weight[true]) * hidden, float(threshold[true] - threshold[given])


def draw(examples: dict[str, np.ndarray], network: ThresholdNetwork, names: list[str], title: str) -> Figure:
    """Draw the frame, the potentials, and the spikes that spoke for either class, strongest first.

    Parameters
    ----------
    examples : `steep.analysis.activity.choose_examples`.
    network : the threshold network.
    names : of the classes.
    title : heading.

    """
    check_examples(examples, network.shapes)
    wrong = np.flatnonzero(examples["classes"] != examples["labels"])[:MOST]
    shape = network.shapes[-2]
    if not len(wrong):
        figure, axis = plt.subplots(figsize=(6, 1.5), layout="constrained")
        axis.axis("off")
        axis.text(0.5, 0.5, f"{title}: every frame is classified rightly", ha="center")
        return figure
    figure, axes = plt.subplots(
        len(wrong),
        4,
        figsize=(11.5, (2.2 + room_below(names)) * len(wrong) + 0.9),
        layout="constrained",
        squeeze=False,
        width_ratios=[1, 1.2, 1.35, 2.2],
    )
    figure.suptitle(title, fontsize=11)
    for row, frame in zip(axes, wrong, strict=True):
        given, true = int(examples["classes"][frame]), int(examples["labels"][frame])
        show_input(row[0], examples["values"][frame], int(examples["full_scale"]))
        row[0].set_ylabel(f"frame {examples['index'][frame]}", fontsize=8)
        row[0].set_xlabel(f"true: {names[true]}\ngiven: {names[given]}", fontsize=8)
        potential = examples["potential"][frame]
        classes = np.arange(len(potential))
        colours = np.where(classes == given, GIVEN, np.where(classes == true, TRUE, "#BBBBBB"))
        row[1].bar(classes, potential, color=colours)
        row[1].axhline(0, color=GREY, linewidth=0.6)
        name_classes(row[1], names)
        row[1].set_ylabel("potential", fontsize=7)
        row[1].tick_params(labelsize=7)
        before = len(network.populations) - 1
        hidden = examples[f"layer{before}"][frame] if before else examples["values"][frame].reshape(-1)
        added, rest = contributions(network, hidden.astype(np.float64), given, true)
        _where(row[2], added, shape)
        _strongest(row[3], added, rest)
    axes[-1, 1].set_xlabel("class", fontsize=8)
    axes[0, 0].set_title("frame", fontsize=9)
    axes[0, 1].set_title("potentials by class\n(purple: given, green: true)", fontsize=9)
    axes[0, 2].set_title("last hidden layer: for whom\neach spike spoke", fontsize=9)
    axes[0, 3].set_title("the strongest spikes, one bar each", fontsize=9)
    return figure


def _where(axis: Axes, added: np.ndarray, shape: tuple[int, ...]) -> None:
    """Show the units of the last hidden layer in place, coloured by the class they spoke for."""
    reach = max(1.0, float(np.abs(added).max()))
    grid = as_grid(added, shape, np.nan)
    picture(axis, np.ma.masked_invalid(grid), cmap=SIDES, vmin=-reach, vmax=reach)
    bar = axis.figure.colorbar(axis.images[0], ax=axis, pad=0.02, shrink=0.9)
    bar.ax.tick_params(labelsize=6)


def _strongest(axis: Axes, added: np.ndarray, rest: float) -> None:
    """Draw the contributions in order of strength, and say what they add up to."""
    order = np.argsort(-np.abs(added), kind="stable")
    order = order[added[order] != 0]
    shown = added[order][:STRONGEST]
    axis.bar(np.arange(len(shown)), shown, color=np.where(shown > 0, GIVEN, TRUE), width=0.9)
    axis.axhline(0, color=GREY, linewidth=0.6)
    axis.set(xticks=[], xlim=(-0.8, max(len(shown), 10) - 0.2))
    axis.set_ylabel("weight to given − to true", fontsize=7)
    axis.tick_params(labelsize=7)
    gains, losses = added[added > 0].sum(), added[added < 0].sum()
    beyond = f"; {len(order) - len(shown)} weaker ones not shown" if len(order) > len(shown) else ""
    axis.set_xlabel(
        f"spikes, strongest first{beyond}\nfor given: {gains:+.0f}, for true: {losses:+.0f}, "
        f"thresholds {rest:+.0f}, in all {gains + losses + rest:+.0f}".replace("-", "−"),
        fontsize=7,
    )


def plot(examples: Path, network: Path, names: list[str], title: str) -> Figure:
    """Draw the frames in `examples` (`steep.analysis.activity.choose_examples`)."""
    return draw(read_npz(examples), ThresholdNetwork.load(network), names, title)
