"""The threshold network as leaky integrate-and-fire neurons in Brian2, one frame per time step.

A neuron of the network is a LIF neuron with a constant input current,

    dv/dt = (I - v) / tau,      I = -theta,      spike when v > 0,

whose time constant is short against the step, tau = dt / 1000: from one step to the next it forgets everything
(exp(-1000) is 0 in float64) and returns to -theta, on which the spikes that arrive within the step add their weights.
Where frames are currents, an input delivers the value that its frame has, times the weight of the synapse.
Frames enter one per step, and a population works on the frame that entered as many steps ago as it is deep; spikes that
skip depths wait in Brian2's delays.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from steep.extras import optional
from steep.frames import flattened
from steep.simulators.brian2_settings import brian2_settings
from steep.spikes import PackedLayers, Spikes, recorded_layers
from steep.threshold.fingerprint import digest, numbers, synapse_sums
from steep.threshold.network import Arrivals, ThresholdNetwork

with optional():
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

# Brian2's default order delivers spikes before the reset, which then erases what arrived. Here arrivals come last in
# a step and are judged at the beginning of the next one.
SCHEDULE = ["start", "thresholds", "resets", "groups", "synapses", "end"]
STEP = 1 * ms
# The neurons, as arguments of NeuronGroup.
LIF: dict[str, Any] = {
    "model": """dv/dt = (I - v) / tau : 1
                I : 1 (constant)""",
    "threshold": "v > 0",
    "reset": "v = I",
    "method": "exact",
    "namespace": {"tau": STEP / 1000},
}


def inputs(network: ThresholdNetwork, frames: np.ndarray) -> SpikeGeneratorGroup | NeuronGroup:
    """Return the input population, which presents row f of `frames` uint8 (frames, inputs) at step f, nothing if there
    is none."""
    if network.input_top == 1:
        step, pixel = np.nonzero(frames)
        return SpikeGeneratorGroup(network.sizes[0], pixel, step * STEP, sorted=True)
    rows = frames if len(frames) else np.zeros((1, network.sizes[0]))  # Brian2 wants at least one
    current = TimedArray(rows.astype(np.float64), dt=STEP)
    # Nothing to reset: x is set anew at every step. Brian2 warns where there is no reset at all.
    group = NeuronGroup(network.sizes[0], "x : 1", threshold="x > 0", reset="x = x", namespace={"current": current})
    group.run_regularly("x = current(t, i)", when="start")
    return group


def connected(source: SpikeGeneratorGroup | NeuronGroup, neurons: NeuronGroup, arrivals: Arrivals) -> Synapses:
    """Return the synapses of a link, which deliver in `neurons` what `source` sent."""
    # What is sent in a step is judged in the next one: no delay in Brian2 is a delay of one step.
    delay = (arrivals.delay - 1) * STEP
    arrival, namespace = "v_post += w", {}
    if "current" in source.namespace:
        # On delivery x is that of a later frame: what counts is the value when the spike was sent.
        arrival, namespace = "v_post += w * current(t - waited, i)", source.namespace | {"waited": delay}
    synapses = Synapses(source, neurons, "w : 1 (constant)", on_pre=arrival, delay=delay, namespace=namespace)
    synapses.connect(i=arrivals.synapses.source, j=arrivals.synapses.target)
    synapses.w = arrivals.synapses.weight
    return synapses


@brian2_settings()
def simulate(network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, *input shape) of spikes or currents.

    `record` numbers the populations whose spikes are returned, from 1; all of them if not given.
    """
    start_scope()
    prefs.codegen.target = "numpy"
    prefs.core.default_float_dtype = np.float64  # sums up to 2^53 are exact
    defaultclock.dt = STEP
    count, last, depths = len(frames), len(network.populations), network.depths
    kept = recorded_layers(last, record)
    monitors: dict[int, SpikeMonitor] = {}
    groups: list[SpikeGeneratorGroup | NeuronGroup] = [inputs(network, flattened(frames))]
    delivered: list[Synapses] = []
    for number, (links, thresholds) in enumerate(network.connections(), 1):
        neurons = NeuronGroup(len(thresholds), **LIF)
        neurons.I = -thresholds
        neurons.v = -thresholds
        for arrivals in links:
            if len(arrivals.synapses.weight):  # of an object that is made and not run Brian2 complains
                delivered.append(connected(groups[arrivals.source], neurons, arrivals))
        groups.append(neurons)
        if number in kept:
            monitors[number] = SpikeMonitor(neurons)
    # Potentials are read where the threshold reads them: arrivals in, nothing reset.
    potentials = StateMonitor(groups[-1], "v", record=True, when="before_thresholds")
    run = Network(*groups, *delivered, *monitors.values(), potentials)
    run.schedule = SCHEDULE
    run.run((count + max(depths[number] for number in {*kept, last})) * STEP)

    packed: list[np.ndarray | None] = [None] * last
    for number, monitor in monitors.items():
        fired = np.zeros((count, network.sizes[number]), bool)
        frame = np.rint(np.asarray(monitor.t / STEP)).astype(np.int64) - depths[number]
        # Before and after the frames, a population has none to work on; what its units do then belongs to no frame.
        inside = (frame >= 0) & (frame < count)
        fired[frame[inside], np.asarray(monitor.i)[inside]] = True
        packed[number - 1] = np.packbits(fired, axis=1)
    layers = PackedLayers(packed, network.sizes[1:])
    potential = np.ascontiguousarray(potentials.v[:, depths[last] : depths[last] + count].T, np.float64)
    return Spikes(layers, potential, fingerprint(groups, delivered))


def fingerprint(groups: list[SpikeGeneratorGroup | NeuronGroup], delivered: list[Synapses]) -> tuple[str, ...]:
    """Return the fingerprint of each population from what Brian2's objects hold: `groups` are the input and the neurons
    of each population, `delivered` all synapses."""
    population = {group.name: number for number, group in enumerate(groups)}
    sums = [np.zeros(group.N, np.uint64) for group in groups]
    for link in delivered:
        before, after = population[link.source.name], population[link.target.name]
        steps = 1 + int(np.rint(float(link.delay / STEP)))
        p = numbers(before, groups[before].N, steps)
        source, target, weight = (np.asarray(array) for array in (link.i, link.j, link.w))
        sums[after] += synapse_sums(groups[after].N, source, target, weight, p)
    return tuple(digest(own, -np.asarray(group.I)) for own, group in zip(sums[1:], groups[1:], strict=True))
