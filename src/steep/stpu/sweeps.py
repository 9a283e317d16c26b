"""Sweeps on the STPU model: what leak, frames that follow each other closely, and faults do to a network."""

import numpy as np
from scipy.sparse import csr_array

from steep.frames import Frames, flattened
from steep.stpu.layout import Layout, from_threshold_network
from steep.stpu.network import Stimulus, no_injection
from steep.stpu.reference import Faults, simulate
from steep.threshold.network import ThresholdNetwork


def stimulus_of(layout: Layout, frames: np.ndarray, spacing: int = 1) -> tuple[Stimulus, int]:
    """Return frames as input spikes or injected currents, one frame every `spacing` steps, and the number of steps
    until the last one has left.

    The clock neuron, if the layout has one, spikes with every frame.
    """
    count = len(frames)
    inputs, values = layout.neurons(0), flattened(frames)
    raster = values if len(inputs) else values[:, :0]
    if layout.clock is not None:
        inputs, raster = np.append(inputs, layout.clock), np.column_stack([raster, np.ones(count, raster.dtype)])
    step, column = np.nonzero(raster)
    injected = [no_injection()]
    for injection in layout.injections:
        units, weights = layout.neurons(injection.population), injection.synapses
        matrix = csr_array((weights.weight, (weights.target, weights.source)), (len(units), values.shape[1]))
        current = (matrix @ values.T.astype(np.int64)).T + injection.lift
        arrival = np.repeat(np.arange(count) * spacing + int(layout.depth[injection.population]), len(units))
        injected.append((arrival, np.tile(units, count), current.ravel()))
    stimulus = Stimulus(
        step * spacing, inputs[column], *(np.concatenate(arrays) for arrays in zip(*injected, strict=True))
    )
    return stimulus, (count - 1) * spacing + int(layout.depth.max()) + 1


def classify(layout: Layout, frames: np.ndarray, spacing: int = 1, faults: Faults | None = None) -> np.ndarray:
    """Return the class of each frame, readout ``potential``, int64 (frames,).

    Parameters
    ----------
    layout : a network whose last population is the output.
    frames : uint8 (frames, ...) of spikes or currents.
    spacing : steps from one frame to the next.
    faults : what goes wrong, if anything.

    """
    stimulus, steps = stimulus_of(layout, frames, spacing)
    recording = simulate(layout.network, stimulus, steps, layout.outputs, faults)
    read = np.arange(len(frames)) * spacing + layout.depth[-1]
    classes: np.ndarray = (recording.potential[read] - layout.network.threshold[layout.outputs]).argmax(axis=1)
    return classes


def measure(
    sweep: str, layout: Layout, frames: Frames, spacing: int, faults: Faults | None = None, **setting: float
) -> dict[str, object]:
    """Return one row of a sweep: its name, what was set, and how many frames were classified rightly."""
    correct = int((classify(layout, frames.values, spacing, faults) == frames.labels).sum())
    row = {"sweep": sweep, "leak": 1.0, "spacing": spacing, "dropped": 0.0, "inserted": 0.0, "late": 0.0} | setting
    return row | {"frames": len(frames), "correct": correct, "accuracy": 100 * correct / len(frames)}


def sweep_leak(
    network: ThresholdNetwork, frames: Frames, leaks: list[float], spacings: list[int]
) -> list[dict[str, object]]:
    """Measure accuracy against leak and frame spacing: below leak 1 a membrane keeps a part of the frame before."""
    rows = []
    for leak in leaks:
        layout = from_threshold_network(network, clock=True, leak=leak)
        rows += [measure("leak", layout, frames, spacing, leak=leak) for spacing in spacings]
    return rows


def sweep_faults(network: ThresholdNetwork, frames: Frames, rates: list[float], seed: int) -> list[dict[str, object]]:
    """Measure accuracy against the rate of dropped, inserted and late spikes, one kind at a time."""
    layout = from_threshold_network(network, clock=True)
    return [
        measure("faults", layout, frames, 1, Faults(**{kind: rate}, seed=seed), **{kind: rate})
        for kind in ("dropped", "inserted", "late")
        for rate in rates
    ]
