"""The STPU in Brian2, three times: with the temporal buffer as state of the neuron, with Brian2's own synaptic delays,
and with the buffer filled row by row.

All take the step of `steep.stpu.network` as discrete updates at the start of a time step. They differ in how a spike
travels. With the *buffer*, each synapse writes it at once into slot t + d of its target, and the slot is read and
cleared when its time comes; with *delays*, Brian2's queues hold it back until it arrives in an ordinary variable. With
*rows*, there are no Brian2 synapses: once a step, one call adds for each neuron that fires its row of weights, ordered
by delay, to the same buffer. That is the fast form; the other two are those that a Brian2 user can read and check.
"""

from typing import Any, Literal

import numpy as np

from steep.errors import SteepError
from steep.extras import optional
from steep.simulators.brian2_settings import brian2_settings
from steep.stpu.network import Chances, Recording, Stimulus, StpuNetwork

with optional():
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

STEP = 1 * ms
# `before_start`: what enters from outside; `start`: leak and arrivals; then the threshold judges; the multiplicative
# leak acts on all and the reset overwrites it where a spike was; last, spikes travel.
SCHEDULE = ["start", "thresholds", "groups", "resets", "synapses", "end"]
EQUATIONS = """
V : 1
arrived : 1
forced : boolean
allowed : boolean
threshold : 1 (constant)
base : 1 (constant)
leak : 1 (constant)
retained : 1 (constant)
"""
LEAK = {
    "multiplicative": "",
    # max(V - leak, base): Brian2's expressions have clip and no max.
    "subtractive": "V = clip(V - leak, base, inf)\n",
}
# Cells of all temporal buffers together: positions up to twice as far are Brian2's 32-bit integers.
MOST_CELLS = 2**30
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
CYTHON_SEND = """cdef double send(int now, int count, int cells_in_all):
    cdef int spike, cell
    cdef long long k
    for spike in range(_namespacefired[count]):
        for k in range(_namespacebegin[_namespacefired[spike]], _namespacebegin[_namespacefired[spike] + 1]):
            cell = _namespacetarget[k] + now
            if cell >= cells_in_all:
                cell -= cells_in_all
            _namespacecells[cell] += _namespaceweight[k]
    return 0.0
"""
Travel = Literal["buffer", "delays", "rows"]
Target = Literal["numpy", "cython"]


@brian2_settings()
def simulate(
    network: StpuNetwork,
    stimulus: Stimulus,
    steps: int,
    watched: np.ndarray,
    travel: Travel = "buffer",
    target: Target = "numpy",
    seed: int = 0,
) -> Recording:
    """Run `steps` steps; as `steep.stpu.reference.simulate`.

    Parameters
    ----------
    network, stimulus, steps, watched : as there.
    travel : how spikes travel: through the ``buffer``, by Brian2's ``delays``, or into the buffer in ``rows``.
    target : Brian2's code generation target, ``numpy`` or ``cython``.
    seed : as there.

    Raises
    ------
    SteepError
        when the stimulus does not fit, the buffers have more cells than Brian2 can number, or a target fails.

    """
    arguments = (network, stimulus, steps, watched, travel, target, seed)
    if target == "numpy":
        return _simulate(*arguments)
    try:
        return _simulate(*arguments)
    except SteepError:
        raise
    except Exception as error:  # of Brian2, Cython, setuptools, the system: compilers fail in many ways
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        said = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise SteepError(
            f"Brian2's target {target} failed ({said}); is there a C++ compiler, and a home folder to write to?"
            " target numpy needs neither"
        ) from error


def _simulate(
    network: StpuNetwork,
    stimulus: Stimulus,
    steps: int,
    watched: np.ndarray,
    travel: Travel,
    target: Target,
    seed: int,
) -> Recording:
    stimulus.check(network, steps)
    network = network.within(steps)
    chances = Chances(network, seed)
    if travel != "delays" and network.slots * network.count >= MOST_CELLS:
        raise SteepError(
            f"{network.count} neurons with buffers of {network.slots} slots are more than Brian2 can number;"
            " simulate fewer steps or shorter delays, or use brian2-delays or reference"
        )
    kind = network.dtype
    start_scope()
    prefs.codegen.target = target
    prefs.core.default_float_dtype = kind
    defaultclock.dt = STEP
    namespace: dict[str, Any] = {"slots": network.slots}
    cells = np.zeros(network.slots * network.count, kind)
    if travel != "delays":
        namespace |= _buffer_functions(cells)

    neurons = NeuronGroup(
        network.count,
        EQUATIONS,
        threshold="V > threshold or forced" if chances.certain else "(V > threshold and allowed) or forced",
        reset="V = base",
        namespace=namespace,
        dtype={"forced": bool, "allowed": bool},
        # Names of one's own, the same in every run of a process: Brian2 writes them into the code that it compiles, and
        # what is compiled is found again.
        name="neurons",
    )
    # A threshold that no membrane exceeds: input neurons fire when told to, and only then.
    neurons.threshold = np.where(network.is_input, np.inf, network.threshold)
    neurons.base = np.where(network.is_input, 0, network.reset)
    neurons.V = np.where(network.is_input, 0, network.initial)
    neurons.leak = np.where(network.is_input, 0, network.leak)
    neurons.retained = network.retained
    fetch = (
        "V += arrived\narrived = 0"
        if travel == "delays"
        else "arrived = take(i + N * (t_in_timesteps % slots))\nV += arrived"
    )
    neurons.run_regularly(LEAK[network.variant] + fetch, when="start")
    if network.variant == "multiplicative":
        # Over threshold without a spike, nothing leaks; multiplying by 0 or 1 is exact.
        held = "V *= retained * int(V <= threshold) + int(V > threshold)"
        neurons.run_regularly("V *= retained" if chances.certain else held, when="groups")

    run = Network(neurons)
    run.schedule = SCHEDULE
    if len(network.source):
        if travel == "rows":
            run.add(_rows(network, neurons, cells))
        else:
            run.add(_synapses(network, neurons, travel == "buffer", namespace))
    run.add(_from_outside(network, stimulus, steps, neurons, None if travel == "delays" else cells, chances))
    spikes = SpikeMonitor(neurons, name="spikes")
    run.add(spikes)
    monitors = [
        StateMonitor(neurons, "V", record=watched, when=when, name=name)
        for name, when in (("potential", "after_start"), ("membrane", "end"))
        if len(watched)
    ]
    run.add(*monitors)
    with np.errstate(over="ignore", invalid="ignore"):  # a membrane may grow beyond its precision, as there
        run.run(steps * STEP)
    potential, membrane = [np.asarray(monitor.V).T for monitor in monitors] or [np.zeros((steps, 0), kind)] * 2
    at, neuron = np.rint(np.asarray(spikes.t / STEP)).astype(np.int64), np.asarray(spikes.i).astype(np.int64)
    order = np.lexsort((neuron, at))
    return Recording(at[order], neuron[order], potential, membrane)


def _buffer_functions(cells: np.ndarray) -> dict[str, Function]:
    """Return ``put``, which adds a value to a cell of the ring of buffers, and ``take``, which empties a cell."""

    def put(cell: np.ndarray, cells_in_all: int, value: np.ndarray) -> np.ndarray:
        np.add.at(cells, np.where(cell >= cells_in_all, cell - cells_in_all, cell), value)
        return np.zeros(np.shape(cell))

    def take(cell: np.ndarray) -> np.ndarray:
        values: np.ndarray = cells[cell]
        cells[cell] = 0
        return values

    return {
        "put": _compiled(put, ["cell", "cells_in_all", "value"], CYTHON_PUT, {"cells": cells}),
        "take": _compiled(take, ["cell"], CYTHON_TAKE, {"cells": cells}),
    }


def _compiled(function: Any, arguments: list[str], code: str, arrays: dict[str, np.ndarray]) -> Function:
    """Return a function for Brian2's equations in Python and in Cython, where it works on `arrays`."""
    made = Function(
        function,
        arg_units=[1] * len(arguments),
        arg_names=arguments,
        return_unit=1,
        stateless=False,
    )
    made.implementations.add_implementation("numpy", function)
    made.implementations.add_implementation(
        "cython", code, name=function.__name__, namespace=arrays, availability_check=None
    )
    return made


def _rows(network: StpuNetwork, neurons: NeuronGroup, cells: np.ndarray) -> NeuronGroup:
    """Return the object that sends all spikes of a step: every source has a row of cells and weights, ordered by delay
    and beyond that as given, so that sums are built in the same order as in the reference."""
    order = np.lexsort((network.delay, network.source))
    begin = np.searchsorted(network.source[order], np.arange(network.count + 1))
    target = (network.target[order] + network.count * network.delay[order]).astype(np.int32)
    weight = network.weight[order].astype(cells.dtype)
    fired = neurons.variables["_spikespace"].get_value()  # the neurons that fire, and at the end their number

    def send(now: int, count: int, cells_in_all: int) -> float:
        first, last = begin[fired[: fired[count]]], begin[fired[: fired[count]] + 1]
        length = last - first
        # The entries of all rows, one row after the other.
        entry = np.repeat(first - np.cumsum(length) + length, length) + np.arange(length.sum())
        np.add.at(cells, (target[entry] + int(now)) % int(cells_in_all), weight[entry])
        return 0.0

    arrays = {"fired": fired, "begin": begin.astype(np.int64), "target": target, "weight": weight, "cells": cells}
    function = _compiled(send, ["now", "count", "cells_in_all"], CYTHON_SEND, arrays)
    namespace = {"send": function, "count": network.count, "slots": network.slots}
    sender = NeuronGroup(1, "done : 1", namespace=namespace, name="sender")
    sender.run_regularly("done = send(count * (t_in_timesteps % slots), count, count * slots)", when="synapses")
    return sender


def _synapses(network: StpuNetwork, neurons: NeuronGroup, buffered: bool, namespace: dict[str, Any]) -> Synapses:
    """Return all synapses, ordered by source, so that sums are built in the same order as in the reference."""
    order = np.argsort(network.source, kind="stable")
    # `cell` is the target's cell d slots after slot 0; `now` is where slot 0 of this step lies.
    model = "w : 1 (constant)\ncell : integer (constant)\nnow : integer (shared)" if buffered else "w : 1 (constant)"
    on_pre = "done = put(cell + now, slots * N_post, w)" if buffered else "arrived_post += w"
    synapses = Synapses(neurons, neurons, model, on_pre=on_pre, namespace=namespace, name="synapses")
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
    network: StpuNetwork,
    stimulus: Stimulus,
    steps: int,
    neurons: NeuronGroup,
    cells: np.ndarray | None,
    chances: Chances,
) -> Any:
    """Return the operation that tells input neurons to spike, injects, and draws who may fire, before each step."""
    by_step = np.argsort(stimulus.step)  # in any order within a step: all of it is set at once
    forced = np.split(stimulus.neuron[by_step], np.searchsorted(stimulus.step[by_step], np.arange(1, steps)))
    order = np.argsort(stimulus.injected_step, kind="stable")
    bounds = np.searchsorted(stimulus.injected_step[order], np.arange(steps + 1))
    values = stimulus.injected.astype(network.dtype)
    # Brian2's own arrays: setting variables through a group takes longer than many a step.
    flags, allowed, arrived = (neurons.variables[name].get_value() for name in ("forced", "allowed", "arrived"))

    def enter(t: Any) -> None:
        step = round(float(t / STEP))
        flags[:] = False
        flags[forced[step]] = True
        if not chances.certain:
            allowed[:] = chances.draw()
        chosen = order[bounds[step] : bounds[step + 1]]
        if len(chosen):
            targets = stimulus.injected_neuron[chosen]
            if cells is None:
                np.add.at(arrived, targets, values[chosen])
            else:
                np.add.at(cells, step % network.slots * network.count + targets, values[chosen])

    return network_operation(when="before_start", name="enter")(enter)
