"""Verbs of the STPU: models by themselves, and the study's part on it."""

import logging
from pathlib import Path

from steep.cli.results import write_views
from steep.cli.verbs import FILE, INTEGER, LABELS, SWITCH, Arguments, part, structure, verb
from steep.errors import SteepError

log = logging.getLogger("steep")
# What is read of the config's studies, and rows of experiment, readout, network and the readout's network, if any.
STUDIED = ("frames", "leaks", "spacings", "fault_rates")
NETWORKS = {"type": "array", "items": {"type": "array", "items": {"type": "string"}, "minItems": 4, "maxItems": 4}}
MODEL_BACKENDS = ("reference", "brian2-buffer", "brian2-delays", "brian2-rows")
TARGETS = ("numpy", "cython")


@verb(
    "model",
    "raster",
    steps=INTEGER,
    backend={"choices": MODEL_BACKENDS, "required": False, "default": "reference"},
    target={"choices": TARGETS, "required": False, "help": "Brian2's: cython is compiled; numpy unless told"},
    variant={"choices": ("multiplicative", "subtractive"), "required": False, "default": "multiplicative"},
    precision={"choices": ("float32", "float64"), "required": False, "default": "float32"},
    slots=INTEGER | {"required": False, "help": "buffer slots; longer delays are refused"},
    seed=INTEGER | {"required": False, "default": 0, "help": "decides for p < 1; not the element's own random stream"},
    membranes=FILE | {"required": False, "help": "CSV of the recorded neurons' membranes at the end of each step"},
    element_output=FILE | {"required": False, "help": "what the element itself would write of the model's outputs"},
    element_file={"required": False, "help": "which of its files, where the outputs name several", "metavar": "NAME"},
)
def simulate_model(a: Arguments) -> None:
    """Simulate a text model and write the spikes of its recorded neurons (all, if it records none) as a raster."""
    import numpy as np
    import pandas as pd

    from steep.files import write_text
    from steep.stpu.elementfile import recorded_text, traces_into, traces_of
    from steep.stpu.textmodel import raster_text, read_model

    if a.steps < 1:
        raise SteepError(f"--steps is {a.steps}; write at least 1")
    if a.target and a.backend == "reference":
        raise SteepError(f"--target {a.target} is for Brian2; name one of its backends, or leave it out")
    model = read_model(a.model, a.precision, a.slots, a.variant)
    network = model.network
    recorded = np.unique([output.neuron for output in model.outputs]) if model.outputs else np.arange(network.count)
    traces = traces_into(a.element_file, traces_of(model.outputs)) if a.element_output else []
    probed = np.unique(np.array([trace.neuron for trace in traces if trace.membrane], np.int64))
    watched = recorded if a.membranes else probed
    stimulus = model.stimulus.until(a.steps)
    if network.probability is not None:
        log.info("p below 1: NumPy's random numbers from seed %d decide, not the element's own stream", a.seed)
    if a.backend == "reference":
        from steep.stpu.reference import simulate

        recording = simulate(network, stimulus, a.steps, watched, seed=a.seed)
    else:
        from steep.stpu.brian2_stpu import simulate

        travel = a.backend.removeprefix("brian2-")
        recording = simulate(network, stimulus, a.steps, watched, travel, a.target or "numpy", a.seed)
    write_text(a.raster, raster_text(recording.raster_of(recorded, a.steps), recorded))
    if a.membranes:
        write_text(a.membranes, pd.DataFrame(recording.membrane, columns=watched).to_csv(index_label="step"))
    if a.element_output:
        write_text(a.element_output, recorded_text(traces, recording, watched, a.steps, network.is_input))
    log.info("%s: %d steps, %d neurons, %d spikes", a.backend, a.steps, network.count, len(recording.step))


@verb(
    "network",
    "frames",
    "output",
    readout={"choices": ("potential", "spikes", "wta"), "required": False, "default": "wta"},
    table=FILE | {"required": False, "help": "how to read the classes; the name of the model and .csv unless told"},
    circuit=FILE | {"required": False, "help": "the compiled population code, for readout spikes"},
    population=FILE | {"required": False, "help": "the trained population code, for readout spikes"},
    count=INTEGER | {"required": False, "help": "number of frames, the first ones; all unless told"},
    spacing=INTEGER
    | {"required": False, "help": "steps from frame to frame; 1, with readout potential 2, unless told"},
    inexact=SWITCH | {"help": "export, with a warning, what is too large for float32 or six digits"},
)
def export_model(a: Arguments) -> None:
    """Write a threshold network with a readout and frames as a text model for SST's gensa element, and its table."""
    import numpy as np

    from steep.checkpoint import load_network
    from steep.frames import Frames
    from steep.stpu.export import export
    from steep.stpu.textmodel import write_model
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import attach, key_of, winner_take_all

    network, frames = ThresholdNetwork.load(a.network), Frames.load(a.frames)
    table = a.table or a.output.with_name(f"{a.output.name}.csv")
    if a.count is not None and a.count < 1:
        raise SteepError(f"--count is {a.count}; write at least 1")
    given = [bool(a.circuit), bool(a.population)]
    if given != [a.readout == "spikes"] * 2:
        raise SteepError(
            "readout spikes needs --circuit and --population, the compiled and the trained code; the others none"
        )
    if a.readout == "spikes":
        network, key = attach(network, ThresholdNetwork.load(a.circuit)), key_of(load_network(a.population)[0])
    else:
        key = np.eye(network.sizes[-1], dtype=bool)
        network = attach(network, winner_take_all(network)) if a.readout == "wta" else network
    spacing = (2 if a.readout == "potential" else 1) if a.spacing is None else a.spacing
    chosen = frames if a.count is None else frames.first(a.count)
    model, answers = export(network, chosen, a.readout, key, spacing, a.inexact)
    write_model(a.output, model)
    answers.save(table)
    log.info(
        "%s: %d neurons, %d synapses; simulate %d steps for all %d frames, %s says how to read them",
        *(a.output, model.network.count, len(model.network.weight), answers.steps[-1] + 1, len(chosen), table),
    )


@verb(
    "recorded",
    "table",
    "output",
    frames=FILE | {"required": False, "help": "the frames that were exported, for their labels"},
)
def classify_spikes(a: Arguments) -> None:
    """Read the classes of an exported model's frames from what the element has recorded, as a CSV."""
    import pandas as pd

    from steep.files import write_text
    from steep.frames import Frames
    from steep.stpu.export import AnswerTable, digest_of, read_classes

    table = AnswerTable.load(a.table)
    classes = read_classes(table, a.recorded)
    rows = pd.DataFrame({"frame": range(len(classes)), "step": table.steps, "class": classes})
    words = f"{len(classes)} frames"
    if a.frames:
        frames = Frames.load(a.frames).first(len(classes))
        if digest_of(frames) != table.digest:
            raise SteepError(f"{a.frames}: these are not the frames that {a.table} was exported with; give those")
        correct = int((classes == frames.labels).sum())
        rows["label"] = frames.labels
        words += f", {correct} right, accuracy {100 * correct / len(classes):.2f}%"
    write_text(a.output, rows.to_csv(index=False))
    log.info("%s: %s", table.readout, words)


@verb("network", "exact", "portable")
def export_nir(a: Arguments) -> None:
    """Write a threshold network in the Neuromorphic Intermediate Representation, in its exact and its portable form."""
    from steep.nir_export import write_graph
    from steep.threshold.network import ThresholdNetwork

    network = ThresholdNetwork.load(a.network)
    write_graph(a.exact, network, "exact")
    write_graph(a.portable, network, "portable")


@verb("network", "frames", "output", labels=LABELS, studies=part("stpu.studies", needed=STUDIED), seed=INTEGER)
def study_stpu(a: Arguments) -> None:
    """Measure accuracy on validation frames against leak, frame spacing, faults."""
    import pandas as pd

    from steep.files import write_text
    from steep.frames import Frames
    from steep.stpu.studies import fault_study, leak_study
    from steep.threshold.network import ThresholdNetwork

    network, frames = ThresholdNetwork.load(a.network), Frames.load(a.frames).first(a.studies["frames"])
    rows = leak_study(network, frames, a.studies["leaks"], a.studies["spacings"])
    log.info("leak and spacing: %d settings measured", len(rows))
    rows += fault_study(network, frames, a.studies["fault_rates"], a.seed)
    log.info("faults: %d settings measured", len(rows))
    write_text(a.output, pd.DataFrame(rows).assign(**a.labels).to_csv(index=False))


@verb("csv", "html", networks=structure(NETWORKS), limits=part("stpu.limits"))
def tabulate_stpu(a: Arguments) -> None:
    """Hold the networks, with each of their readouts, against the design rules of the STPU."""
    from steep.stpu.layout import from_threshold_network
    from steep.stpu.table import NOTE, stpu_table, stpu_view
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import attach

    layouts = {}
    for experiment, readout, path, circuit in a.networks:
        network = ThresholdNetwork.load(path)
        whole = attach(network, ThresholdNetwork.load(circuit)) if circuit else network
        layouts[experiment, readout] = from_threshold_network(whole, clock=True)
    table = stpu_table(layouts, a.limits)
    write_views(
        a,
        table,
        stpu_view(table),
        "Networks on the STPU",
        NOTE,
        [Path(path) for row in a.networks for path in row[2:] if path],
    )


@verb("csv", "figure", repetitions=INTEGER)
def benchmark_stpu(a: Arguments) -> None:
    """Measure what the STPU's implementations cost, and draw it."""
    from steep.figures.stpu_cost import draw
    from steep.figures.style import save_figure
    from steep.files import write_text
    from steep.stpu.benchmark import measure_all

    table = measure_all(a.repetitions)
    write_text(a.csv, table.round(3).to_csv(index=False))
    save_figure(draw(table), a.figure)
