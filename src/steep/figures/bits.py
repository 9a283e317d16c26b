"""Figure: accuracy against the bits of the weights, of all layers together and of each alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from steep.figures.rows import BITS, rows_of
from steep.figures.style import (
    GREY,
    MARKERS,
    OUTPUT,
    TALK,
    error_bars,
    layer_colours,
    layer_name,
    plt,
    with_interval,
)

SHOWN = 3  # points of accuracy below the best in the enlarged part


def draw(bits: pd.DataFrame, layers: list[int], title: str) -> Figure:
    """Draw one curve for all layers and one for each layer with weights, the last of which is the output.

    Parameters
    ----------
    bits : rows of `steep.threshold.bits.sweep_bits` for several seeds.
    layers : numbers of the layers with weights in the network, poolings counted.
    title : heading.

    """
    figure, (whole, upper) = plt.subplots(1, 2, figsize=(10.5, 3.8), layout="constrained")
    figure.suptitle(title, fontsize=11)
    colours = [TALK, *layer_colours(len(layers) - 1), OUTPUT]
    changed = bits["changed"].astype(str)
    names = ["all", *sorted(set(changed) - {"all"}, key=int)]
    curves = [with_interval(bits[changed == name], "bits") for name in names]
    best = max(mean.max() for _, mean, _ in curves)
    for number, (name, (count, mean, half)) in enumerate(zip(names, curves, strict=True)):
        label = "all layers" if name == "all" else f"{layer_name(layers[int(name) - 1], layers[-1])} alone"
        style: dict[str, Any] = {
            "color": colours[0 if name == "all" else int(name)],
            "marker": MARKERS[number % len(MARKERS)],
            "capsize": 3,
            "markersize": 5,
            "linewidth": 2 if name == "all" else 1,
        }
        whole.errorbar(count, mean, error_bars(mean, half), label=label, **style)
        # The curves lie on each other, so each a little beside the one before; no bars of points that are not shown.
        beside = count + 0.08 * (number - (len(names) - 1) / 2)
        upper.errorbar(beside, mean, error_bars(mean, np.where(mean < best - SHOWN, np.nan, half)), **style)
    whole.set(ylim=(None, min(100, whole.get_ylim()[1])), ylabel="validation accuracy, %")
    upper.set(ylim=(best - SHOWN, min(100, best + SHOWN / 3)), title=f"the last {SHOWN} points, enlarged")
    for axis in (whole, upper):
        axis.set(xlabel="bits of a weight", xticks=count)
        axis.grid(axis="y", color=GREY, alpha=0.2)
    whole.legend(fontsize=8)
    return figure


def plot(bits: Path, experiment: str, title: str, layers: list[int]) -> Figure:
    """Draw an experiment's rows of the study of bits."""
    return draw(rows_of(experiment, bits, *BITS), layers, title)
