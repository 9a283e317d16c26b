"""Figure: a rectified linear unit beside a spiking neuron (the talk's slide on transfer functions).

The neuron is simulated, not drawn: one neuron of the STPU with full leak, into which a current is injected.
"""

import numpy as np
from matplotlib.figure import Figure

from steep.figures.style import BLUE, GREY, STAGES, VERMILION, plt
from steep.stpu.network import Stimulus, StpuNetwork
from steep.stpu.reference import simulate

THRESHOLD = 0.5
FRAMES = np.array([0.2, 0.9, 0.9, 0.4, -0.6, 0.55, 0.0, 0.7, 0.3, 0.3, 0.3, 1.1])  # frame after frame: an example


def respond(currents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the membrane at the moment of decision, float64 (steps,), and the spikes, bool (steps,), of a neuron into
    which a current is injected at every step."""
    nothing = np.zeros(0, np.int64)
    network = StpuNetwork(
        initial=np.zeros(1),
        threshold=np.array([THRESHOLD]),
        reset=np.zeros(1),
        leak=np.ones(1),
        is_input=np.array([False]),
        source=nothing,
        target=nothing,
        weight=np.zeros(0),
        delay=nothing,
    )
    steps = np.arange(len(currents))
    stimulus = Stimulus(nothing, nothing, steps, np.zeros_like(steps), currents)
    recording = simulate(network, stimulus, len(currents), np.array([0]))
    return recording.potential[:, 0], recording.raster(len(currents), 1)[:, 0].astype(bool)


def draw() -> Figure:
    """Draw the rectified linear unit, the spiking neuron's answer to one frame, and its answer to frame after frame."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9.5, 2.9), layout="constrained", width_ratios=[1, 1, 1.7]
    )
    x = np.linspace(-1, 1.5, 251)
    left.plot(x, np.maximum(x, 0), color=BLUE, linewidth=2)
    left.set(title="Rectified linear unit", xlabel="input", ylabel="output, any number")
    _, fired = respond(x)
    middle.plot(x[~fired], fired[~fired], ".", x[fired], fired[fired], ".", color=VERMILION, markersize=4)
    middle.axvline(THRESHOLD, color=GREY, linestyle=":", linewidth=1)
    middle.text(THRESHOLD + 0.04, 0.5, "threshold", fontsize=8, color=GREY)
    middle.set(title="Spiking neuron, one frame", xlabel="input current", ylabel="spikes", yticks=[0, 1])
    membrane, spikes = respond(FRAMES)
    step = np.arange(len(FRAMES))
    right.bar(step, membrane, width=0.7, color=np.where(spikes, VERMILION, "#BBBBBB"))
    right.axhline(THRESHOLD, color=GREY, linestyle=":", linewidth=1)
    right.axhline(0, color=GREY, linewidth=0.5)
    right.plot(step[spikes], np.full(spikes.sum(), 1.35), "|", color=STAGES["threshold"][1], markersize=12, mew=2)
    right.text(len(FRAMES) - 0.4, 1.35, "spikes", va="center", fontsize=8, color=VERMILION)
    right.text(len(FRAMES) - 0.4, THRESHOLD, "threshold", va="center", fontsize=8, color=GREY)
    right.set(
        title="Spiking neuron: one frame, one step",
        xlabel="step (a new frame at each)",
        ylabel="membrane",
        xticks=step,
        xlim=(-0.6, len(FRAMES) - 0.4),
        ylim=(-0.75, 1.5),
    )
    return figure


def plot() -> Figure:
    """Draw it; nothing is read."""
    return draw()
