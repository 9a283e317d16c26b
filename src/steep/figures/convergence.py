"""Figure: activations converge to spiking during training (the talk's slide of that name).

Above, the sharpness of the layers and the validation accuracy over the epochs of sharpening. Below, one row a layer:
the distribution of the layer's activations on validation frames, epoch by epoch, and the activation function itself
on its way to the step, at moments spread over the layer's own sharpness.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steep.figures.rows import HISTORY
from steep.figures.style import GREY, MARKERS, SEQUENTIAL, SHARPNESS, STAGES, layer_colours, plt, whole_numbers
from steep.files import read_npz
from steep.tables import read_table

CURVES = 5


def sharpened(x: np.ndarray, shape: str, centre: float, slope: float, sharpness: float) -> np.ndarray:
    """Return the sharpened activation (`steep.sharpening.activation`) of float64 `x`."""
    if sharpness >= 1:
        return (x > centre).astype(np.float64)
    u = slope / (1 - sharpness) * (x - centre)
    return np.clip(u / 4 + 0.5, 0, 1) if shape == "ramp" else 1 / (1 + np.exp(np.clip(-u, -500, 500)))


def binary_fraction(histogram: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the fraction of values in the bins around 0 and around 1, over the last axis of bin counts."""
    middle = (edges[:-1] + edges[1:]) / 2
    near = np.isclose(middle, 0) | np.isclose(middle, 1)
    return histogram[..., near].sum(-1) / histogram.sum(-1)


def moments(sharpness: np.ndarray) -> np.ndarray:
    """Return the epochs at which a layer's activation function is drawn, int64: those that reach equal parts of its
    sharpness, float64 (epochs + 1,), which never falls; each epoch once."""
    return np.unique(np.searchsorted(sharpness, np.linspace(0, 1, CURVES)).clip(0, len(sharpness) - 1))


def draw(activations: dict[str, np.ndarray], history: pd.DataFrame, numbers: list[int], title: str) -> Figure:
    """Draw the figure.

    Parameters
    ----------
    activations : what `steep.sharpening.training.sharpen` recorded.
    history : its rows, one per epoch, epoch 0 the original network.
    numbers : of the layers with weights in the network, poolings counted, the output last.
    title : heading.

    """
    histogram, edges, sharpness = activations["histogram"], activations["edges"], activations["sharpness"]
    epochs, layers = histogram.shape[:2]
    share = histogram / histogram.sum(-1, keepdims=True)
    figure, axes = plt.subplots(
        layers + 1, 2, figsize=(9, 2.3 * (layers + 1) + 0.5), width_ratios=[2.2, 1], squeeze=False, layout="constrained"
    )
    figure.suptitle(title, fontsize=11)

    _progress(axes[0, 0], sharpness, binary_fraction(histogram, edges), numbers)
    accuracy = axes[0, 1]
    accuracy.plot(history["epoch"], history["validation_accuracy"], color=STAGES["sharpened"][1], marker=".")
    accuracy.axhline(history["validation_accuracy"].iloc[0], color=STAGES["original"][1], linestyle=":", linewidth=1.2)
    accuracy.set(xlabel="epoch of sharpening", ylabel="accuracy in %", title="Validation accuracy (dotted: original)")
    whole_numbers(accuracy.xaxis)

    norm = LogNorm(1e-5, 1)
    colours_of_share = plt.get_cmap(SEQUENTIAL).with_extremes(bad="white")  # white: no activation lies there
    for layer in range(layers):
        left, right = axes[layer + 1]
        image = left.pcolormesh(
            np.arange(epochs + 1) - 0.5,
            edges,
            np.ma.masked_equal(share[:, layer].T, 0),
            cmap=colours_of_share,
            norm=norm,
            rasterized=True,
        )
        left.set_ylim(float(edges[0]), min(float(edges[-1]), 1.25))
        left.set(ylabel="activation", title=f"Layer {numbers[layer]}: distribution of activations")
        whole_numbers(left.xaxis)
        left.set_xlabel("epoch of sharpening (0: the original network)" if layer == layers - 1 else "")
        figure.colorbar(image, ax=left, label="share", pad=0.01)
        centre, slope = float(activations["centre"][layer]), float(activations["slope"][layer])
        x = np.linspace(centre - 4 / slope, centre + 4 / slope, 1201)
        for moment in moments(sharpness[:, layer]):
            value = float(sharpness[moment, layer])
            colour = plt.get_cmap(SHARPNESS)(0.25 + 0.75 * value)
            when = f"epoch {moment}" if moment else "start"
            curve = sharpened(x, str(activations["shape"]), centre, slope, value)
            right.plot(x, curve, color=colour, label=f"{value:.2f} ({when})")
        right.axvline(centre, color=GREY, linestyle=":", linewidth=1)
        right.set(title=f"Layer {numbers[layer]}: activation function", ylabel="activation")
        right.set_xlabel("pre-activation" if layer == layers - 1 else "")
        right.legend(title="sharpness", fontsize=7, title_fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _progress(axis: Axes, sharpness: np.ndarray, binary: np.ndarray, numbers: list[int]) -> None:
    """Draw the sharpness, one line where it is the same in all layers, and the share of activations at 0 or 1, layer by
    layer, both float64 (epochs + 1, layers)."""
    epochs, layers = sharpness.shape
    together = bool((sharpness == sharpness[:, :1]).all())
    if together:
        axis.plot(range(epochs), sharpness[:, 0], "--", color=GREY)
    handles = [
        Line2D([], [], linestyle="--", color=GREY, label="sharpness" if together else "sharpness, layer by layer"),
        Line2D([], [], color=GREY, label="share of activations at 0 or 1"),
    ]
    for layer, colour in enumerate(layer_colours(layers)):
        if not together:
            axis.plot(range(epochs), sharpness[:, layer], "--", color=colour)
        handles += axis.plot(
            range(epochs),
            binary[:, layer],
            label=f"layer {numbers[layer]}",
            color=colour,
            marker=MARKERS[layer % len(MARKERS)],
            markersize=3,
        )
    whole_numbers(axis.xaxis)
    axis.set(ylim=(-0.03, 1.05), ylabel="fraction", xlim=(-0.5, epochs - 0.5))
    axis.set_title("Sharpness, and how binary the activations are")
    # Below the curves, which are everywhere where layers sharpen one after the other.
    axis.legend(handles=handles, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)


def plot(activations: Path, history: Path, layers: list[int], title: str) -> Figure:
    """Draw what `steep.sharpening.training.sharpen` kept of one training."""
    return draw(read_npz(activations), read_table(history, *HISTORY), layers, title)
