"""Figure: activations converge to spiking during training (the talk's slide of that name).

Above, the sharpness of the layers and the validation accuracy over the epochs of sharpening. Below, one row a layer:
the distribution of the layer's activations on validation frames, epoch by epoch, and the activation function itself
at the same moments.
"""

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from steep.figures.style import BLUE, GREY, SEQUENTIAL, VERMILION, plt

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


def draw(activations: dict[str, np.ndarray], history: pd.DataFrame, title: str) -> Figure:
    """Draw the figure.

    Parameters
    ----------
    activations : what `steep.sharpening.training.sharpen` recorded.
    history : its rows, one per epoch, epoch 0 the original network.
    title : heading.

    """
    histogram, edges, sharpness = activations["histogram"], activations["edges"], activations["sharpness"]
    epochs, layers = histogram.shape[:2]
    share = histogram / histogram.sum(-1, keepdims=True)
    figure, axes = plt.subplots(
        layers + 1, 2, figsize=(9, 2.3 * (layers + 1)), width_ratios=[2.2, 1], squeeze=False, layout="constrained"
    )
    figure.suptitle(title, fontsize=11)

    top = axes[0, 0]
    top.plot(range(epochs), sharpness[:, 0], color=GREY, drawstyle="default", label="sharpness")
    colours = plt.get_cmap("cividis")(np.linspace(0.15, 0.85, layers))
    for layer in range(layers):
        fraction = binary_fraction(histogram[:, layer], edges)
        top.plot(
            range(epochs),
            fraction,
            color=colours[layer],
            marker=".",
            label=f"layer {layer + 1}: share of activations at 0 or 1",
        )
    top.set(
        ylim=(-0.03, 1.05),
        ylabel="fraction",
        xlim=(-0.5, epochs - 0.5),
        title="Sharpness, and how binary the activations are",
    )
    top.legend(loc="lower right", fontsize=8)
    accuracy = axes[0, 1]
    accuracy.plot(history["epoch"], history["validation_accuracy"], color=BLUE, marker=".")
    accuracy.axhline(history["validation_accuracy"].iloc[0], color=GREY, linestyle=":", linewidth=1)
    accuracy.set(xlabel="epoch of sharpening", ylabel="%", title="Validation accuracy (dotted: original)")

    moments = np.unique(np.searchsorted(sharpness[:, 0], np.linspace(0, 1, CURVES)).clip(0, epochs - 1))
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
        left.set(ylabel="activation", title=f"Layer {layer + 1}: distribution of activations")
        left.set_xlabel("epoch of sharpening (0: the original network)" if layer == layers - 1 else "")
        figure.colorbar(image, ax=left, label="share", pad=0.01)
        centre, slope = float(activations["centre"][layer]), float(activations["slope"][layer])
        x = np.linspace(centre - 4 / slope, centre + 4 / slope, 1201)
        for colour, moment in zip(plt.get_cmap("plasma")(np.linspace(0, 0.85, len(moments))), moments, strict=True):
            value = float(sharpness[moment, layer])
            when = f"epoch {moment}" if moment else "start"
            curve = sharpened(x, str(activations["shape"]), centre, slope, value)
            right.plot(x, curve, color=colour, label=f"{value:.2f} ({when})")
        right.axvline(centre, color=VERMILION, linestyle=":", linewidth=1)
        right.set(title=f"Layer {layer + 1}: activation function", ylabel="activation")
        right.set_xlabel("pre-activation" if layer == layers - 1 else "")
        right.legend(title="sharpness", fontsize=7, title_fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
