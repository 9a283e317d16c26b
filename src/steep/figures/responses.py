"""Figure: synaptic response functions made of delays, beside their equations."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from steep.figures.style import BLUE, GREY, ORANGE, plt
from steep.stpu.network import Stimulus
from steep.stpu.reference import simulate
from steep.stpu.responses import alpha, difference_of_exponentials, response_network

TRAIN = (0, 5, 8, 30, 33, 36)


def draw(settings: dict[str, Any]) -> Figure:
    """Draw the membrane of one neuron, as simulated, after one spike and after a train of spikes.

    Parameters
    ----------
    settings : the config's ``stpu.sweep.responses``.

    """
    delays = np.arange(1, settings["steps"] + 1)
    fine = np.linspace(0, settings["steps"], 800)
    rise, decay = settings["difference"]
    responses = {
        f"alpha function, τ = {settings['alpha']:g} steps": lambda t: alpha(t, settings["alpha"]),
        f"difference of exponentials, {rise:g} and {decay:g} steps": lambda t: difference_of_exponentials(
            t, rise, decay
        ),
    }
    largest = 2 ** (settings["bits"] - 1) - 1
    figure, axes = plt.subplots(2, 2, figsize=(9, 4.6), layout="constrained", sharex="row")
    for column, (name, response) in enumerate(responses.items()):
        network = response_network(response(delays), settings["bits"])
        for row, spikes in enumerate(((0,), TRAIN)):
            at = np.array(spikes)
            silent = np.zeros(0, np.int64)
            steps = settings["steps"] + max(spikes) + 1
            stimulus = Stimulus(at, np.zeros_like(at), silent, silent, np.zeros(0))
            membrane = simulate(network, stimulus, steps, np.array([1])).potential.ravel()
            axis = axes[row, column]
            axis.vlines(np.arange(steps), 0, membrane, color=BLUE, linewidth=1.2, label="membrane on the STPU")
            axis.plot(np.arange(steps), membrane, ".", color=BLUE, markersize=4)
            curve = np.linspace(0, steps, 1600)
            summed = sum(
                np.where((curve > s) & (curve - s <= settings["steps"]), response(curve - s), 0) for s in spikes
            )
            axis.plot(curve, largest * summed, color=ORANGE, linewidth=1.2, label="equation")
            axis.plot(at, np.full(len(at), -0.06 * largest), "|", color=GREY, markersize=8, label="input spikes")
            axis.set(ylabel="membrane", xlabel="step" if row else "")
            if row == 0:
                axis.set_title(name)
                axis.plot(fine, np.zeros_like(fine), color=GREY, linewidth=0.5)
    axes[0, 0].legend(fontsize=8)
    return figure


def plot(responses: dict[str, Any]) -> Figure:
    """Draw the responses that the config describes."""
    return draw(responses)
