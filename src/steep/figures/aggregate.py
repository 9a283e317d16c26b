"""Figure: the spiking convolution of an example image, all filters in one picture (the talk's slide of that name).

Each filter is shown at the pixel under its centre: value = 1 x [filter 1 fired] + 2 x [filter 2] + 4 x [filter 3]. A
kernel of an even side has its centre between two pixels; of these the upper, or left one, is taken.
"""

from pathlib import Path

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from steep.analysis.activity import check_examples
from steep.errors import SteepError
from steep.figures import FEW_FILTERS
from steep.figures.layers import choose
from steep.figures.style import GREY, as_grid, picture, plt
from steep.files import read_npz
from steep.threshold.network import ConvLink, ThresholdNetwork

# White for nothing, then one colour per set of filters, after Okabe and Ito; more filters, darker.
COLOURS = ("#FFFFFF", "#F0E442", "#56B4E9", "#009E73", "#CC79A7", "#E69F00", "#0072B2", "#222222")


def aggregated(spikes: np.ndarray) -> np.ndarray:
    """Return the sum of powers of two of the filters that fired, int64 (height, width), of bool (filters, height,
    width)."""
    return np.tensordot(1 << np.arange(len(spikes)), spikes.astype(np.int64), 1)


def centred(values: np.ndarray, link: ConvLink, image: tuple[int, int]) -> np.ndarray:
    """Return `values` of a convolution's positions on the pixels under the filters' centres, -1 on other pixels; int64
    of shape `image`. Positions whose centre lies beside the image, as far padding allows, are not shown."""
    whole = np.full(image, -1, np.int64)
    row, column = (
        np.arange(count) * step + apart * (size - 1) // 2 - before
        for count, step, apart, size, (before, _) in zip(
            values.shape, link.stride, link.dilation, link.kernel, link.padding, strict=True
        )
    )
    inside = tuple((at >= 0) & (at < side) for at, side in zip((row, column), image, strict=True))
    whole[np.ix_(row[inside[0]], column[inside[1]])] = values[np.ix_(*inside)]
    return whole


def few_filters(network: ThresholdNetwork) -> ConvLink | None:
    """Return the only link of the first population where it is a convolution of images by few filters."""
    match network.populations[0].links:
        case (ConvLink() as link,) if len(link.kernel) == 2 and len(link.weight) <= FEW_FILTERS:
            return link
    return None


def draw(examples: dict[str, np.ndarray], network: ThresholdNetwork, title: str, columns: int = 4) -> Figure:
    """Draw the filters, and what each filter and all together see of the first frames classified rightly, or of the
    first ones where none is.

    Parameters
    ----------
    examples : `steep.analysis.activity.choose_examples`.
    network : whose first population is a convolution of at most `FEW_FILTERS` filters.
    title : heading.
    columns : frames shown.

    """
    link, first = few_filters(network), network.populations[0]
    if link is None:
        raise SteepError(
            f"this figure is for a first layer of at most {FEW_FILTERS} convolutions; draw another experiment"
        )
    filters, (_, height, width) = len(link.weight), network.input_shape
    check_examples(examples, network.shapes)
    shown, heading = choose(examples, title)
    shown = shown[:columns]
    figure, axes = plt.subplots(
        filters + 2,
        len(shown) + 1,
        figsize=(1.75 * (len(shown) + 1), 1.75 * (filters + 2) + 0.9),
        layout="constrained",
        squeeze=False,
    )
    figure.suptitle(heading, fontsize=11)
    colours = ListedColormap(COLOURS[: 2**filters])
    norm = BoundaryNorm(np.arange(2**filters + 1) - 0.5, 2**filters)
    reach = max(1, np.abs(link.weight).max())
    axes[0, 0].axis("off")
    axes[0, 0].text(0.5, 0.5, "frame", ha="center", va="center", fontsize=9)
    for number in range(filters):
        channels = as_grid(link.weight[number].ravel(), link.weight.shape[1:], np.nan)
        picture(axes[number + 1, 0], channels, cmap="PuOr_r", vmin=-reach, vmax=reach)
        axes[number + 1, 0].set_ylabel(f"filter {number + 1} (+{1 << number})", fontsize=8)
        own = first.threshold[number]
        theta = " to ".join(f"{value:g}" for value in sorted({own.min(), own.max()}))
        axes[number + 1, 0].set_xlabel(f"weights, ±{reach}; θ {theta}", fontsize=7)
    axes[-1, 0].axis("off")
    axes[-1, 0].text(0.5, 0.5, "all, each at its\ncentre pixel", ha="center", va="center", fontsize=9)
    for column, frame in enumerate(shown, 1):
        value = examples["values"][frame]
        top = float(examples["full_scale"])
        label = f"frame {examples['index'][frame]}, class {examples['labels'][frame]}"
        picture(axes[0, column], value.mean(0) / top, label, cmap="gray_r", vmin=0, vmax=1)
        spikes = examples["layer1"][frame].reshape(first.shape)
        for number in range(filters):
            on = np.where(centred(spikes[number].astype(np.int64), link, (height, width)) > 0, 1 << number, 0)
            picture(axes[number + 1, column], on, cmap=colours, norm=norm)
            axes[number + 1, column].set_xlabel(f"{spikes[number].sum()} spikes", fontsize=7)
        total = centred(aggregated(spikes), link, (height, width))
        mappable = axes[-1, column].imshow(np.ma.masked_less(total, 0), cmap=colours, norm=norm, interpolation="none")
        axes[-1, column].set(xticks=[], yticks=[], facecolor="#DDDDDD")
        axes[-1, column].spines[:].set(visible=True, linewidth=0.5, color=GREY)
    bar = figure.colorbar(mappable, ax=axes[-1, :], orientation="horizontal", ticks=range(2**filters), shrink=0.7)
    bar.set_label(" + ".join(f"{1 << n} × [filter {n + 1} fired]" for n in range(filters)), fontsize=8)
    bar.ax.tick_params(labelsize=8, length=0)
    return figure


def plot(examples: Path, network: Path, title: str) -> Figure:
    """Draw the frames in `examples` (`steep.analysis.activity.choose_examples`)."""
    return draw(read_npz(examples), ThresholdNetwork.load(network), title)
