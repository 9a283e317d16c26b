"""Verbs that measure: accuracies, comparisons, spikes counted, what integer weights cost."""

import logging
from typing import Annotated, Any

from steep.cli.verbs import In, OptionalIn, Out, Row, SpikesOfSimulators, group
from steep.errors import SteepError
from steep.study.options import part
from steep.threshold.readouts import Readout

verb = group("Measurement")
log = logging.getLogger("steep")


@verb
def score_network(row: Row, original: In, continued: In, sharpened: In, frames: In, scores: Out, classes: Out) -> None:
    """Measure the floating-point networks on the test frames.

    Parameters
    ----------
    continued : the control, as continue-original writes it
    scores : accuracies, written as CSV
    classes : the class of every frame by every network, as NPZ

    """
    from steep.analysis.scores import float_classes, float_scores
    from steep.files import write_npz, write_text
    from steep.frames import Frames

    encoded = Frames.load(frames)
    found = float_classes({"original": original, "continued": continued, "sharpened": sharpened}, encoded)
    write_text(scores, float_scores(found, encoded).assign(**row).to_csv(index=False))
    write_npz(classes, {"labels": encoded.labels.astype("int64"), **found})


@verb
def compare_simulators(
    row: Row,
    readout: Readout,
    network: In,
    spikes: SpikesOfSimulators,
    frames: In,
    scores: Out,
    comparison: Out,
    population: OptionalIn = None,
) -> None:
    """Measure the threshold network on the test frames; hold the simulators against it and each other, spike for
    spike.

    Parameters
    ----------
    network : the network that was simulated: the threshold network, or the readout's circuit
    spikes : the spikes of each simulator
    scores : accuracies, written as CSV
    comparison : values compared and differing, written as CSV
    population : the population code as it was trained, for readout spikes

    """
    import pandas as pd

    from steep.analysis.scores import spike_scores
    from steep.comparison import compare, compare_networks, require_equal, require_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.network_file import load_network
    from steep.spikes import Spikes
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import key_of

    recorded = {simulator: Spikes.load(path) for simulator, path in spikes}
    networks = compare_networks(recorded, ThresholdNetwork.load(network))
    require_network(networks, network)
    table = compare(recorded)
    require_equal(recorded, table)
    key = None
    if readout == "spikes":
        if not population:
            raise SteepError("readout spikes needs --population, the trained population code")
        key = key_of(load_network(population)[0])
    measured = spike_scores(recorded, Frames.load(frames), readout, key)
    write_text(scores, measured.assign(**row).to_csv(index=False))
    both = pd.concat([part for part in (networks, table) if len(part)], ignore_index=True)
    write_text(comparison, both.assign(**row, readout=readout).to_csv(index=False))
    log.info("%s: weights and thresholds are those of %s", ", ".join(recorded), network)
    if len(recorded) > 1:
        counts = table["values"].sum(), table["differing"].sum()
        log.info("%s: %d values compared, %d differ", ", ".join(recorded), *counts)
    else:
        log.info("one simulator, nothing to compare it with")


@verb
def sweep_weight_bits(
    row: Row,
    settings: Annotated[dict[str, Any], part("sweep")],
    weight_bits: Annotated[int | list[int], part("recipes.*.compilation.weight_bits")],
    sharpened: In,
    network: In,
    frames: In,
    bits: Out,
    margins: Out,
) -> None:
    """Measure what integer weights cost: accuracy on validation frames against their bits, margins of thresholds.

    Parameters
    ----------
    settings : what is swept, as the config writes it
    weight_bits : bits of the weights as the network was compiled with
    frames : encoded validation frames
    bits : accuracy against bits, written as CSV
    margins : units near their thresholds, written as CSV

    """
    import pandas as pd

    from steep.files import write_text
    from steep.frames import Frames
    from steep.network_file import load_network
    from steep.threshold.bits import sweep_bits
    from steep.threshold.margins import margin_rows
    from steep.threshold.network import ThresholdNetwork

    tensors, spec = load_network(sharpened)
    encoded = Frames.load(frames).first(settings["frames"])
    rows = sweep_bits(tensors, spec, encoded, settings["weight_bits"], weight_bits)
    log.info("bits: %d settings measured", len(rows))
    near = margin_rows(ThresholdNetwork.load(network), tensors, spec, encoded)
    write_text(bits, pd.DataFrame(rows).assign(**row).to_csv(index=False))
    write_text(margins, pd.DataFrame(near).assign(**row).to_csv(index=False))


@verb
def summarize_spikes(network: In, frames: In, spikes: In, activity: Out, examples: Out) -> None:
    """Count the spikes of a simulation, and keep a few frames with all their spikes.

    Parameters
    ----------
    spikes : the spikes of all layers, as simulate-network writes them
    activity : counts of every unit and frame, as NPZ
    examples : a few frames with all their spikes, as NPZ

    """
    from steep.analysis.activity import choose_examples, measure_activity
    from steep.files import write_npz
    from steep.frames import Frames
    from steep.spikes import Spikes
    from steep.threshold.network import ThresholdNetwork

    simulated = ThresholdNetwork.load(network), Frames.load(frames), Spikes.load(spikes)
    counts = measure_activity(*simulated)
    write_npz(activity, counts)
    write_npz(examples, choose_examples(*simulated))
    fired, arrived = counts["frame_spikes"][:, 1:].sum(1).mean(), counts["frame_events"].sum(1).mean()
    log.info("a frame: %.0f spikes, %.0f synaptic events", fired, arrived)
