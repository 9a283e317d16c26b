"""Figure: accuracy against the bits of the weights, of all layers together and of each alone."""

import pandas as pd
from matplotlib.figure import Figure

from steep.figures.style import GREY, MARKERS, PALETTE, layer_name, plt, with_interval


def draw(bits: pd.DataFrame, layers: list[int], title: str) -> Figure:
    """Draw one curve for all layers and one for each layer with weights, the last of which is the output.

    Parameters
    ----------
    bits : rows of `steep.threshold.bits.bits_study` for several seeds.
    layers : numbers of the layers with weights in the network, poolings counted.
    title : heading.

    """
    figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    changed = bits["changed"].astype(str)
    names = ["all", *sorted(set(changed) - {"all"}, key=int)]
    for number, name in enumerate(names):
        count, mean, half = with_interval(bits[changed == name], "bits")
        label = "all layers" if name == "all" else f"{layer_name(layers[int(name) - 1], layers[-1])} alone"
        style = {"color": PALETTE[number % len(PALETTE)], "marker": MARKERS[number % len(MARKERS)]}
        axis.errorbar(
            count, mean, half, capsize=3, markersize=5, label=label, linewidth=2 if name == "all" else 1, **style
        )
    axis.set(xlabel="bits of a weight", ylabel="validation accuracy, %", xticks=count)
    axis.grid(axis="y", color=GREY, alpha=0.2)
    axis.legend(fontsize=8)
    return figure
