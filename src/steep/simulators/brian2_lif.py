"""The threshold network as leaky integrate-and-fire neurons in Brian2, one frame per time step.

A neuron of the network is a LIF neuron with a constant input current,

    dv/dt = (I - v) / tau,      I = -theta,      spike when v > 0,

whose time constant is short against the step, tau = dt / 1000: from one step to the next it forgets everything
(exp(-1000) is 0 in float64) and returns to -theta, on which the spikes that arrive within the step add their weights.
Where frames are currents, an input delivers its value times the weight of the synapse.
Frames enter one per step, so layer l works on the frame that entered l steps before it, and N frames through L layers
take N + L steps.
"""

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    TimedArray,
    defaultclock,
    ms,
    prefs,
    start_scope,
)

from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork

# Brian2's default order delivers spikes before the reset, which then erases what arrived. Here arrivals come last in
# a step and are judged at the beginning of the next one.
SCHEDULE = ["start", "thresholds", "resets", "groups", "synapses", "end"]
STEP = 1 * ms


def inputs(network: ThresholdNetwork, frames: np.ndarray) -> SpikeGeneratorGroup | NeuronGroup:
    """Return the input layer, which presents row f of `frames` uint8 (frames, inputs) at step f."""
    if network.input_top == 1:
        step, pixel = np.nonzero(frames)
        return SpikeGeneratorGroup(network.sizes[0], pixel, step * STEP, sorted=True)
    current = TimedArray(frames.astype(np.float64), dt=STEP)
    # Nothing to reset: x is set anew at every step. Brian2 warns where there is no reset at all.
    group = NeuronGroup(network.sizes[0], "x : 1", threshold="x > 0", reset="x = x", namespace={"current": current})
    group.run_regularly("x = current(t, i)", when="start")
    return group


def simulate(network: ThresholdNetwork, frames: np.ndarray) -> Spikes:
    """Run the network on frames uint8 (frames, channels, height, width) of spikes or currents."""
    start_scope()
    prefs.codegen.target = "numpy"
    prefs.core.default_float_dtype = np.float64  # sums up to 2^53 are exact; Brian2's preferences outlive a simulation
    defaultclock.dt = STEP
    count = len(frames)
    source, arrival = (
        inputs(network, frames.reshape(count, -1)),
        "v_post += w" if network.input_top == 1 else "v_post += w * x_pre",
    )
    run = Network(source)
    run.schedule = SCHEDULE
    monitors = []
    for synapses, thresholds in network.connections():
        neurons = NeuronGroup(
            len(thresholds),
            """dv/dt = (I - v) / tau : 1
               I : 1 (constant)""",
            threshold="v > 0",
            reset="v = I",
            method="exact",
            namespace={"tau": STEP / 1000},
        )
        neurons.I = -thresholds
        neurons.v = -thresholds
        connections = Synapses(source, neurons, "w : 1 (constant)", on_pre=arrival)
        if len(synapses.weight):
            connections.connect(i=synapses.source, j=synapses.target)
            connections.w = synapses.weight
            run.add(connections)
        monitor = SpikeMonitor(neurons)
        monitors.append(monitor)
        run.add(neurons, monitor)
        source, arrival = neurons, "v_post += w"
    # Potentials are read where the threshold reads them: arrivals in, nothing reset.
    potentials = StateMonitor(source, "v", record=True, when="before_thresholds")
    run.add(potentials)
    depth = len(network.layers)
    run.run((count + depth) * STEP)

    layers = []
    for number, monitor in enumerate(monitors, 1):
        fired = np.zeros((count, network.sizes[number]), bool)
        frame = np.rint(np.asarray(monitor.t / STEP)).astype(np.int64) - number
        # Before and after the frames, a layer has none to work on; what its units do then belongs to no frame.
        inside = (frame >= 0) & (frame < count)
        fired[frame[inside], np.asarray(monitor.i)[inside]] = True
        layers.append(fired)
    return Spikes(tuple(layers), np.ascontiguousarray(potentials.v[:, depth : depth + count].T, np.float64))
