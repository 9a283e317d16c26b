"""Verbs of the STPU: models by themselves, and the study's part on it."""

import logging
from typing import Annotated, Any, Literal

from steep.cli.verbs import In, OptionalIn, OptionalOut, Out, Row, group
from steep.errors import SteepError
from steep.study.options import part
from steep.threshold.readouts import Readout

verb = group("STPU and other targets")
log = logging.getLogger("steep")
# What is read of the config's sweep.
SWEPT = ("frames", "leaks", "spacings", "fault_rates")


@verb
def sweep_stpu(
    row: Row,
    settings: Annotated[dict[str, Any], part("stpu.sweep", needed=SWEPT)],
    seed: int,
    network: In,
    frames: In,
    output: Out,
) -> None:
    """Measure accuracy on validation frames against leak, frame spacing, faults.

    Parameters
    ----------
    settings : what is swept, as the config writes it
    frames : encoded validation frames
    output : accuracies, written as CSV

    """
    import pandas as pd

    from steep.files import write_text
    from steep.frames import Frames
    from steep.stpu.sweeps import sweep_faults, sweep_leak
    from steep.threshold.network import ThresholdNetwork

    threshold, encoded = ThresholdNetwork.load(network), Frames.load(frames).first(settings["frames"])
    rows = sweep_leak(threshold, encoded, settings["leaks"], settings["spacings"])
    log.info("leak and spacing: %d settings measured", len(rows))
    rows += sweep_faults(threshold, encoded, settings["fault_rates"], seed)
    log.info("faults: %d settings measured", len(rows))
    write_text(output, pd.DataFrame(rows).assign(**row).to_csv(index=False))


@verb
def export_nir(
    network: In,
    exact: Out,
    portable: Out,
) -> None:
    """Write a threshold network in the Neuromorphic Intermediate Representation, in its exact and its portable form.

    Parameters
    ----------
    exact : the graph that gives the same spikes, as NIR
    portable : the graph in the nodes that most tools read, as NIR

    """
    from steep.nir_export import write_graph
    from steep.threshold.network import ThresholdNetwork

    threshold = ThresholdNetwork.load(network)
    write_graph(exact, threshold, "exact")
    write_graph(portable, threshold, "portable")


@verb
def export_model(
    network: In,
    frames: In,
    output: Out,
    readout: Readout = "wta",
    table: OptionalOut = None,
    circuit: OptionalIn = None,
    population: OptionalIn = None,
    count: int | None = None,
    spacing: int | None = None,
    inexact: bool = False,
) -> None:
    """Write a threshold network with a readout and frames as a text model for SST's gensa element, and its table.

    Parameters
    ----------
    output : the text model
    table : how to read the classes, written as CSV; the name of the model and .csv if not given
    circuit : the compiled population code, for readout spikes
    population : the trained population code, for readout spikes
    count : number of frames, the first ones; all if not given
    spacing : steps from frame to frame; 1, with readout potential 2, if not given
    inexact : export, with a warning, what is too large for float32 or six digits

    """
    import numpy as np

    from steep.frames import Frames
    from steep.network_file import load_network
    from steep.stpu.export import export
    from steep.stpu.textmodel import write_model
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import attach, key_of, winner_take_all

    whole, encoded = ThresholdNetwork.load(network), Frames.load(frames)
    answers_file = table or output.with_name(f"{output.name}.csv")
    if count is not None and count < 1:
        raise SteepError(f"--count is {count}; write at least 1")
    if (circuit is not None, population is not None) != (readout == "spikes",) * 2:
        raise SteepError(
            "readout spikes needs --circuit and --population, the compiled and the trained code; the others none"
        )
    if circuit and population:
        whole, key = attach(whole, ThresholdNetwork.load(circuit)), key_of(load_network(population)[0])
    else:
        key = np.eye(whole.sizes[-1], dtype=bool)
        whole = attach(whole, winner_take_all(whole)) if readout == "wta" else whole
    steps = (2 if readout == "potential" else 1) if spacing is None else spacing
    chosen = encoded if count is None else encoded.first(count)
    model, answers = export(whole, chosen, readout, key, steps, inexact)
    write_model(output, model)
    answers.save(answers_file)
    log.info(
        "%s: %d neurons, %d synapses; simulate %d steps for all %d frames, %s says how to read them",
        output,
        model.network.count,
        len(model.network.weight),
        answers.steps[-1] + 1,
        len(chosen),
        answers_file,
    )


@verb
def classify_spikes(
    recorded: In,
    table: In,
    output: Out,
    frames: OptionalIn = None,
) -> None:
    """Read the classes of an exported model's frames from what the element has recorded, as a CSV.

    Parameters
    ----------
    recorded : what the element wrote of the model's outputs
    table : how to read the classes, as export-model writes it
    output : the class of each frame, written as CSV
    frames : the frames that were exported, for their labels

    """
    import pandas as pd

    from steep.files import write_text
    from steep.frames import Frames
    from steep.stpu.export import AnswerTable, digest_of, read_classes

    answers = AnswerTable.load(table)
    classes = read_classes(answers, recorded)
    rows = pd.DataFrame({"frame": range(len(classes)), "step": answers.steps, "class": classes})
    words = f"{len(classes)} frames"
    if frames:
        exported = Frames.load(frames).first(len(classes))
        if digest_of(exported) != answers.digest:
            raise SteepError(f"{frames}: these are not the frames that {table} was exported with; give those")
        correct = int((classes == exported.labels).sum())
        rows["label"] = exported.labels
        words += f", {correct} right, accuracy {100 * correct / len(classes):.2f}%"
    write_text(output, rows.to_csv(index=False))
    log.info("%s: %s", answers.readout, words)


@verb
def simulate_model(
    model: In,
    raster: Out,
    steps: int,
    simulator: Literal["reference", "brian2-buffer", "brian2-delays", "brian2-rows"] = "reference",
    target: Literal["numpy", "cython"] | None = None,
    variant: Literal["multiplicative", "subtractive"] = "multiplicative",
    precision: Literal["float32", "float64"] = "float32",
    slots: int | None = None,
    seed: int = 0,
    membranes: OptionalOut = None,
    element_output: OptionalOut = None,
    element_file: str | None = None,
) -> None:
    """Simulate a text model and write the spikes of its recorded neurons (all, if it records none) as a raster.

    Parameters
    ----------
    model : the text model
    raster : the spikes, written as text: a line for each step, a column for each neuron
    steps : number of steps
    simulator : what simulates it: the reference in NumPy, or one of the Brian2 forms
    target : Brian2's: cython is compiled; numpy if not given
    variant : how a membrane leaks
    precision : of membranes and weights
    slots : buffer slots; longer delays are refused
    seed : decides for p < 1; not the element's own random stream
    membranes : the recorded neurons' membranes at the end of each step, written as CSV
    element_output : what the element itself would write of the model's outputs
    element_file : which of its files, where the outputs name several

    """
    import numpy as np
    import pandas as pd

    from steep.files import write_text
    from steep.stpu.elementfile import recorded_text, traces_into, traces_of
    from steep.stpu.textmodel import raster_text, read_model

    if steps < 1:
        raise SteepError(f"--steps is {steps}; write at least 1")
    if target and simulator == "reference":
        raise SteepError(f"--target {target} is for Brian2; name one of its simulators, or leave it out")
    read = read_model(model, precision, slots, variant)
    network = read.network
    recorded = np.unique([output.neuron for output in read.outputs]) if read.outputs else np.arange(network.count)
    traces = traces_into(element_file, traces_of(read.outputs)) if element_output else []
    probed = np.unique(np.array([trace.neuron for trace in traces if trace.membrane], np.int64))
    watched = recorded if membranes else probed
    stimulus = read.stimulus.until(steps)
    if network.probability is not None:
        log.info("p below 1: NumPy's random numbers from seed %d decide, not the element's own stream", seed)
    if simulator == "reference":
        from steep.stpu.reference import simulate

        recording = simulate(network, stimulus, steps, watched, seed=seed)
    else:
        from steep.stpu.brian2_stpu import simulate as simulate_brian2

        travel: Any = simulator.removeprefix("brian2-")
        recording = simulate_brian2(network, stimulus, steps, watched, travel, target or "numpy", seed)
    write_text(raster, raster_text(recording.raster_of(recorded, steps), recorded))
    if membranes:
        write_text(membranes, pd.DataFrame(recording.membrane, columns=watched).to_csv(index_label="step"))
    if element_output:
        write_text(element_output, recorded_text(traces, recording, watched, steps, network.is_input))
    log.info("%s: %d steps, %d neurons, %d spikes", simulator, steps, network.count, len(recording.step))
