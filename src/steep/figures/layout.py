"""Figure: the STPU, and how a network lies on it."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from steep.figures.style import GREY, ORANGE, OUTPUT, SPIKE, layer_colours, layer_name, plt
from steep.stpu.layout import Layout, from_threshold_network
from steep.threshold.network import ThresholdNetwork

ROWS = 32
# So many slots and neurons of a unit are drawn at most, or as many as the network needs.
SLOTS, NEURONS = 64, 8192


def draw(layout: Layout, limits: dict[str, Any], title: str) -> Figure:
    """Draw one neuron of the STPU with its temporal buffer, and the unit's neurons, coloured by population.

    Parameters
    ----------
    layout : the network.
    limits : the config's ``stpu.limits``; where it has no limit of slots or neurons, those in use are drawn.
    title : heading.

    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", width_ratios=[1, 1.25])
    figure.suptitle(title, fontsize=11)
    _neuron(left, limits.get("buffer_slots"), layout.network.slots)
    _unit(right, layout, limits.get("neurons"))
    return figure


def _neuron(axis: Any, rule: dict[str, Any] | None, used: int) -> None:
    """Draw a temporal buffer, of whose slots the network needs `used`; `rule` is their limit, if there is one."""
    slots = int(rule["limit"]) if rule else used
    drawn = min(slots, max(SLOTS, used))
    axis.set(xlim=(-0.5, drawn + 4.5), ylim=(-2.2, 4), title="One LIF neuron and its temporal buffer")
    axis.axis("off")
    for slot in range(drawn):
        colour = ORANGE if slot < used else "white"
        axis.add_patch(Rectangle((slot, 0), 0.9, 0.9, facecolor=colour, edgecolor=GREY, linewidth=0.8))
    axis.text(0.45, -0.5, "now", ha="center", fontsize=8)
    if used > 1:
        axis.text(used - 0.55, -0.5, f"+{used - 1}", ha="center", fontsize=8)
    far = "… " if drawn < slots else ""
    axis.text(drawn - 0.55, -0.5, f"{far}+{slots - 1}", ha="center", fontsize=8, color=GREY)
    at = min(used - 1, slots - 1) + 0.45
    axis.add_patch(FancyArrowPatch((at, 2.9), (at, 0.95), arrowstyle="-|>", mutation_scale=12, color=ORANGE))
    axis.text(at + 0.2, 3.0, "a spike adds its weight\nto the slot of its delay", fontsize=8, ha="left", va="bottom")
    axis.add_patch(FancyArrowPatch((0.45, -0.75), (0.45, -1.6), arrowstyle="-|>", mutation_scale=12, color=ORANGE))
    words = "each step, the slot 'now' is read into the membrane and cleared;\nover threshold it fires, else it leaks"
    axis.text(0.9, -1.5, words, fontsize=8, va="center")
    words = f"{used} of {slots}\nslots used{' (assumed)' if rule['assumed'] else ''}" if rule else f"{used} slots\nused"
    axis.text(drawn + 0.1, 0.45, words, fontsize=8, va="center")


def _unit(axis: Any, layout: Layout, rule: dict[str, Any] | None) -> None:
    """Draw the unit as a grid of neurons, column after column, coloured by population; `rule` is their limit, if there
    is one."""
    neurons = int(rule["limit"]) if rule else layout.network.count
    columns = -(-max(min(neurons, NEURONS), layout.network.count) // ROWS)
    grid = np.full(columns * ROWS, -1)
    labels = []
    for population in range(len(layout.depth)):
        members = layout.neurons(population)
        grid[members] = population
        labels.append(f"{layer_name(population, len(layout.depth) - 1)}: {len(members)}")
    if layout.clock is not None:
        grid[layout.clock] = len(layout.depth)
        labels.append("clock: 1")
    colours = [GREY, *layer_colours(len(layout.depth) - 2), OUTPUT, SPIKE][: len(labels)]
    picture = np.ones((columns * ROWS, 3))
    for index, colour in enumerate(colours):
        picture[grid == index] = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    picture[layout.network.count : neurons] = 0.85
    axis.imshow(picture.reshape(columns, ROWS, 3).transpose(1, 0, 2), interpolation="nearest", aspect="equal")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    of = f" of {neurons:,}" if rule else ""
    notes = ", assumed" if rule and rule["assumed"] else ""
    notes += f", {NEURONS:,} drawn" if neurons > columns * ROWS else ""
    axis.set_title(f"{layout.network.count:,}{of} neurons{notes}; {len(layout.network.weight):,} synapses")
    handles = [Rectangle((0, 0), 1, 1, facecolor=colour) for colour in colours]
    axis.legend(handles, labels, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3)


def plot(network: Path, limits: dict[str, Any], title: str) -> Figure:
    """Draw a threshold network."""
    return draw(from_threshold_network(ThresholdNetwork.load(network), clock=True), limits, title)
