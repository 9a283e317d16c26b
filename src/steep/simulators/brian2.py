"""The Brian2 simulator: the threshold network as LIF neurons, with one of two deliveries of spikes.

*Synapses* (`steep.simulators.brian2_lif`) is ordinary Brian2, a synapse for each connection, which any Brian2 user can
read and check; *fast* (`steep.simulators.brian2_fast`) adds rows of weights. Both give the same spikes. Fast is taken
unless compiling it would take longer than the whole simulation by synapses, there is no compiler, or it fails.
"""

import logging
from collections.abc import Collection

import numpy as np

from steep.errors import SteepError
from steep.simulators.brian2_fast.program import is_built, program_for
from steep.simulators.brian2_fast.tools import missing_tools
from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork

log = logging.getLogger("steep")
# About what compiling takes on one core.
COMPILATION = 10.0


def simulate(network: ThresholdNetwork, frames: np.ndarray, record: Collection[int] | None = None) -> Spikes:
    """Run the network on frames uint8 (frames, *input shape) of spikes or currents.

    `record` numbers the populations whose spikes are returned, from 1; all of them if not given.
    """
    missing = missing_tools()
    if missing:
        log.warning("no %s: install it for a simulation many times faster; Brian2's own synapses do it now", missing)
    elif _fast_program(network, len(frames)):
        from steep.simulators.brian2_fast import simulate as fast

        return fast(network, frames, record)
    # Imported when needed: Brian2's own synapses bring Brian2 with it, which takes longer than many a simulation.
    from steep.simulators.brian2_lif import simulate as by_synapses

    return by_synapses(network, frames, record)


def _fast_program(network: ThresholdNetwork, frames: int) -> bool:
    """Return whether there is now a program for the fast delivery, built here if that is worth it. What goes wrong in
    building is told and no error; what goes wrong in running it is one."""
    try:
        if is_built(network) or synapses_seconds(network, frames) > COMPILATION:
            program_for(network)
            return True
    except SteepError as error:
        log.warning("%s; Brian2's own synapses do it now, which takes longer", error)
    return False


def synapses_seconds(network: ThresholdNetwork, frames: int) -> float:
    """Return roughly what Brian2's own synapses take, fitted to one machine's times for the talk's four networks."""
    links = [link for population in network.populations for link in population.links]
    synapses = sum(link.synapse_count(network.shapes[link.source]) for link in links)
    return 2e-7 * synapses + frames * (1e-4 * len(links) + 2e-9 * synapses)
