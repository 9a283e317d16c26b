"""The STPU in Brian2, twice: with the temporal buffer as state of the neuron, and with Brian2's own synaptic delays.

Both take the step of `steep.stpu.network` as discrete updates at the start of a time step. They differ in how a spike
travels: with the *buffer*, it is written at once into slot t + d of its target, and the slot is read and cleared when
its time comes; with *delays*, Brian2's queues hold it back until it arrives in an ordinary variable.
"""

from typing import Any

import numpy as np
from brian2 import (
    Function,
    Network,
    NeuronGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    defaultclock,
    ms,
    network_operation,
    prefs,
    start_scope,
)

from steep.stpu.network import Recording, Stimulus, StpuNetwork

STEP = 1 * ms
# `before_start`: what enters from outside; `start`: leak and arrivals; then the threshold judges; the multiplicative
# leak acts on all and the reset overwrites it where a spike was; last, spikes travel.
SCHEDULE = ["start", "thresholds", "groups", "resets", "synapses", "end"]
EQUATIONS = """
V : 1
arrived : 1
told : boolean
threshold : 1 (constant)
base : 1 (constant)
leak : 1 (constant)
retained : 1 (constant)
"""
LEAK = {
    "multiplicative": "",
    # max(V - leak, base), written without max, which Brian2's expressions lack; multiplying by 0 or 1 is exact.
    "subtractive": "left = V - leak\nV = left * int(left >= base) + base * int(left < base)\n",
}
CYTHON_PUT = """cdef double put(int cell, int cells_in_all, double value):
    if cell >= cells_in_all:
        cell -= cells_in_all
    _namespacecells[cell] += value
    return 0.0
"""
CYTHON_TAKE = """cdef double take(int cell):
    cdef double value = _namespacecells[cell]
    _namespacecells[cell] = 0
    return value
"""


def simulate(
    network: StpuNetwork,
    stimulus: Stimulus,
    steps: int,
    watched: np.ndarray,
    buffered: bool = True,
    target: str = "numpy",
) -> Recording:
    """Run `steps` steps; as `steep.stpu.reference.simulate`.

    Parameters
    ----------
    network, stimulus, steps, watched : as there.
    buffered : with the temporal buffer, else with Brian2's delays.
    target : Brian2's code generation target, ``numpy`` or ``cython``.

    """
    stimulus.check(network, steps)
    kind = network.dtype
    start_scope()
    prefs.codegen.target = target
    prefs.core.default_float_dtype = kind
    defaultclock.dt = STEP
    namespace: dict[str, Any] = {"slots": network.slots}
    cells = np.zeros(network.slots * network.count, kind)
    if buffered:
        namespace |= _buffer_functions(cells)

    neurons = NeuronGroup(
        network.count,
        EQUATIONS,
        threshold="V > threshold or told",
        reset="V = base",
        namespace=namespace,
        dtype={"told": bool},
    )
    # A threshold that no membrane exceeds: input neurons fire when told to, and only then.
    neurons.threshold = np.where(network.is_input, np.inf, network.threshold)
    neurons.base = np.where(network.is_input, 0, network.reset)
    neurons.V = np.where(network.is_input, 0, network.initial)
    neurons.leak = np.where(network.is_input, 0, network.leak)
    neurons.retained = kind(1) - network.leak.astype(kind)
    fetch = (
        "arrived = take(i + N * (t_in_timesteps % slots))\nV += arrived" if buffered else "V += arrived\narrived = 0"
    )
    neurons.run_regularly(LEAK[network.variant] + fetch, when="start")
    if network.variant == "multiplicative":
        neurons.run_regularly("V *= retained", when="groups")

    run = Network(neurons)
    run.schedule = SCHEDULE
    if len(network.source):
        run.add(_synapses(network, neurons, buffered, namespace))
    run.add(_from_outside(network, stimulus, steps, neurons, cells if buffered else None))
    spikes = SpikeMonitor(neurons)
    potential = StateMonitor(neurons, "V", record=watched, when="after_start")
    membrane = StateMonitor(neurons, "V", record=watched, when="end")
    run.add(spikes, potential, membrane)
    run.run(steps * STEP)
    at, neuron = np.rint(np.asarray(spikes.t / STEP)).astype(np.int64), np.asarray(spikes.i).astype(np.int64)
    order = np.lexsort((neuron, at))
    return Recording(at[order], neuron[order], np.asarray(potential.V).T, np.asarray(membrane.V).T)


def _buffer_functions(cells: np.ndarray) -> dict[str, Function]:
    """Return ``put``, which adds a value to a cell of the ring of buffers, and ``take``, which empties a cell."""

    def put(cell: np.ndarray, cells_in_all: int, value: np.ndarray) -> np.ndarray:
        np.add.at(cells, np.where(cell >= cells_in_all, cell - cells_in_all, cell), value)
        return np.zeros(np.shape(cell))

    def take(cell: np.ndarray) -> np.ndarray:
        values = cells[cell]
        cells[cell] = 0
        return values

    functions = {}
    for function, arguments, code in (
        (put, ["cell", "cells_in_all", "value"], CYTHON_PUT),
        (take, ["cell"], CYTHON_TAKE),
    ):
        made = Function(
            function,
            arg_units=[1] * len(arguments),
            arg_names=arguments,
            return_unit=1,
            return_type="float",
            stateless=False,
        )
        made.implementations.add_implementation("numpy", function)
        made.implementations.add_implementation(
            "cython", code, name=function.__name__, namespace={"cells": cells}, availability_check=None
        )
        functions[function.__name__] = made
    return functions


def _synapses(network: StpuNetwork, neurons: NeuronGroup, buffered: bool, namespace: dict[str, Any]) -> Synapses:
    """Return all synapses, ordered by source, so that sums are built in the same order as in the reference."""
    order = np.argsort(network.source, kind="stable")
    # `cell` is the target's cell d slots after slot 0; `now` is where slot 0 of this step lies.
    model = "w : 1 (constant)\ncell : integer (constant)\nnow : integer (shared)" if buffered else "w : 1 (constant)"
    on_pre = "done = put(cell + now, slots * N_post, w)" if buffered else "arrived_post += w"
    synapses = Synapses(neurons, neurons, model, on_pre=on_pre, namespace=namespace)
    synapses.connect(i=network.source[order], j=network.target[order])
    synapses.w = network.weight[order]
    if buffered:
        synapses.cell = network.target[order] + network.count * network.delay[order]
        synapses.run_regularly("now = N_post * (t_in_timesteps % slots)", when="start")
    else:
        # What is sent in the last slot of a step is read at the start of the next one: that is a delay of 1.
        synapses.delay = (network.delay[order] - 1) * STEP
    return synapses


def _from_outside(
    network: StpuNetwork, stimulus: Stimulus, steps: int, neurons: NeuronGroup, cells: np.ndarray | None
) -> Any:
    """Return the operation that tells input neurons to spike and injects, before each step."""
    by_step = np.argsort(stimulus.step, kind="stable")
    told = np.split(stimulus.neuron[by_step], np.searchsorted(stimulus.step[by_step], np.arange(1, steps)))
    order = np.argsort(stimulus.injected_step, kind="stable")
    bounds = np.searchsorted(stimulus.injected_step[order], np.arange(steps + 1))
    values = stimulus.injected.astype(network.dtype)

    @network_operation(when="before_start")
    def enter(t: Any) -> None:
        step = round(float(t / STEP))
        flags = np.zeros(network.count, bool)
        flags[told[step]] = True
        neurons.told = flags
        chosen = order[bounds[step] : bounds[step + 1]]
        if len(chosen):
            targets = stimulus.injected_neuron[chosen]
            if cells is None:
                arrived = np.array(neurons.arrived)
                np.add.at(arrived, targets, values[chosen])
                neurons.arrived = arrived
            else:
                np.add.at(cells, step % network.slots * network.count + targets, values[chosen])

    return enter
