"""Verbs of the STPU: models by themselves, and the study's part on it."""

import logging
from pathlib import Path

from steep.cli.results import write_views
from steep.cli.verbs import FILE, INTEGER, LABELS, Arguments, part, structure, verb
from steep.errors import SteepError

log = logging.getLogger("steep")
# What is read of the config's studies, and rows of experiment, readout, network and the readout's network, if any.
STUDIED = ("frames", "leaks", "spacings", "fault_rates")
NETWORKS = {"type": "array", "items": {"type": "array", "items": {"type": "string"}, "minItems": 4, "maxItems": 4}}
MODEL_BACKENDS = ("reference", "brian2-buffer", "brian2-delays", "brian2-rows")


@verb(
    "model",
    "raster",
    steps=INTEGER,
    backend={"choices": MODEL_BACKENDS, "required": False, "default": "reference"},
    variant={"choices": ("multiplicative", "subtractive"), "required": False, "default": "multiplicative"},
    precision={"choices": ("float32", "float64"), "required": False, "default": "float32"},
    slots=INTEGER | {"required": False, "help": "buffer slots; longer delays are refused"},
    membranes=FILE | {"required": False, "help": "CSV of the recorded neurons' membranes at the end of each step"},
)
def simulate_model(a: Arguments) -> None:
    """Simulate a text model and write the spikes of its recorded neurons (all, if it records none) as a raster."""
    from dataclasses import replace

    import numpy as np
    import pandas as pd

    from steep.files import write_text
    from steep.stpu.textmodel import raster_text, read_model

    if a.steps < 1:
        raise SteepError(f"--steps is {a.steps}; write at least 1")
    model = read_model(a.model, a.precision, a.slots)
    network = replace(model.network, variant=a.variant)
    watched = np.unique([output.neuron for output in model.outputs]) if model.outputs else np.arange(network.count)
    stimulus = model.stimulus.until(a.steps)
    if a.backend == "reference":
        from steep.stpu.reference import simulate

        recording = simulate(network, stimulus, a.steps, watched)
    else:
        from steep.stpu.brian2_stpu import simulate

        recording = simulate(network, stimulus, a.steps, watched, a.backend.removeprefix("brian2-"))
    fired = recording.raster(a.steps, network.count)
    write_text(a.raster, raster_text(fired[:, watched], watched))
    if a.membranes:
        write_text(a.membranes, pd.DataFrame(recording.membrane, columns=watched).to_csv(index_label="step"))
    log.info("%s: %d steps, %d neurons, %d spikes", a.backend, a.steps, network.count, len(recording.step))


@verb("network", "frames", "output", count=INTEGER, spacing=INTEGER | {"required": False, "default": 1})
def export_model(a: Arguments) -> None:
    """Write a threshold network, laid on the STPU, with its first frames as a text model for SST's gensa element."""
    from steep.frames import Frames
    from steep.stpu.layout import from_threshold_network
    from steep.stpu.studies import stimulus_of
    from steep.stpu.textmodel import Output, TextModel, write_model
    from steep.threshold.network import ThresholdNetwork

    layout = from_threshold_network(ThresholdNetwork.load(a.network), clock=True)
    stimulus, steps = stimulus_of(layout, Frames.load(a.frames).values[: a.count], a.spacing)
    outputs = tuple(Output(int(neuron)) for neuron in layout.neurons(len(layout.depth) - 1))
    write_model(a.output, TextModel(layout.network, stimulus, outputs))
    log.info(
        "%s: %d neurons, %d synapses, %d steps", *(a.output, layout.network.count, len(layout.network.weight), steps)
    )


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
