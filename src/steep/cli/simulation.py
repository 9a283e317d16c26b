"""Verbs that compile networks to integers and run them on a simulator."""

import logging
from typing import Annotated

from steep.cli.verbs import In, Inputs, LayerNumbers, Out, Part, group
from steep.errors import SteepError
from steep.simulators import SIMULATORS
from steep.study.options import Option, Role
from steep.study.options import part as part_of_config

compilation, simulation = group("Compilation"), group("Simulation")
log = logging.getLogger("steep")
Simulator = Annotated[str, Option(Role.VALUE, {"choices": tuple(SIMULATORS)})]


@compilation
def compile_network(
    sharpened: In,
    weight_bits: Annotated[int | list[int], part_of_config("recipes.*.compilation.weight_bits")],
    output: Out,
) -> None:
    """Compile a sharpened network to an integer threshold network.

    Parameters
    ----------
    weight_bits : bits of the weights, one number or one for each layer with weights
    output : the threshold network, as NPZ

    """
    from steep.network_file import load_network
    from steep.threshold.compile import compile_network as compiled

    network = compiled(*load_network(sharpened), weight_bits)
    network.save(output)
    log.info(
        "%s: layers of %s units, weights of %s bits",
        output,
        "-".join(str(size) for size in network.sizes),
        weight_bits,
    )


@compilation
def compile_population(population: In, weight_bits: int, output: Out) -> None:
    """Compile a trained population code to a threshold network that hangs on the last hidden layer.

    Parameters
    ----------
    population : the population code, as train-population writes it
    weight_bits : bits of the weights
    output : the circuit, as NPZ

    """
    from steep.network_file import load_network
    from steep.threshold.compile import compile_network as compiled
    from steep.threshold.network import ThresholdNetwork

    whole = compiled(*load_network(population), weight_bits)
    ThresholdNetwork(whole.input_shape, whole.populations[:-1]).save(output)


@compilation
def compile_winner_take_all(network: In, output: Out) -> None:
    """Build the spiking winner-take-all of a threshold network's output layer, which hangs on the last hidden layer.

    Parameters
    ----------
    output : the circuit, as NPZ

    """
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import winner_take_all

    winner_take_all(ThresholdNetwork.load(network)).save(output)


@simulation
def simulate_network(
    simulator: Simulator, network: In, frames: In, output: Out, record: LayerNumbers = (), part: Part = (1, 1)
) -> None:
    """Run a threshold network on a simulator and record the spikes of all layers, or of those in `record`.

    Parameters
    ----------
    output : the spikes of every layer and the potentials of the last, as NPZ
    record : numbers of the layers whose spikes are recorded, as JSON; all if not given
    part : which part of the frames is run, such as 2/5; all if not given

    """
    import time

    from steep.frames import Frames
    from steep.simulators import load_simulator
    from steep.threshold.network import ThresholdNetwork

    threshold, encoded = ThresholdNetwork.load(network), Frames.load(frames)
    if encoded.shape != threshold.input_shape:
        raise SteepError(f"{frames}: frames of shape {encoded.shape}, the network takes {threshold.input_shape}")
    if encoded.full_scale != threshold.input_top:
        raise SteepError(
            f"{frames}: values up to {encoded.full_scale}, the network takes values up to {threshold.input_top}; "
            "encode the frames as those it was trained on"
        )
    simulate = load_simulator(simulator)
    started = time.monotonic()
    number, parts = part
    values = encoded.values[len(encoded) * (number - 1) // parts : len(encoded) * number // parts]
    simulate(threshold, values, record or None).save(output)
    log.info("%s: %d frames in %.1f s", simulator, len(values), time.monotonic() - started)


@simulation
def simulate_readout(simulator: Simulator, network: In, spikes: In, output: Out) -> None:
    """Run a readout on a simulator, on the last hidden layer's spikes as that simulator recorded them.

    Parameters
    ----------
    network : the readout's circuit, as compile-population or compile-winner-take-all writes it
    spikes : the spikes of the network that it hangs on, of the same simulator
    output : its spikes and potentials, as NPZ

    """
    from steep.simulators import load_simulator
    from steep.spikes import Spikes
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import last_hidden

    circuit = ThresholdNetwork.load(network)
    hidden = last_hidden(circuit, Spikes.load(spikes))
    load_simulator(simulator)(circuit, hidden).save(output)
    log.info("%s: %d frames", simulator, len(hidden))


@simulation
def join_spikes(parts: Inputs, output: Out) -> None:
    """Put the spikes of all parts of the frames together, in the order given.

    Parameters
    ----------
    parts : spikes of all parts, in their order
    output : the spikes of all frames

    """
    from steep.spikes import Spikes

    Spikes.joined([Spikes.load(part) for part in parts]).save(output)
