"""Verbs that draw. Each reads saved results, draws one figure and writes into it what it was made from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from steep.cli.verbs import FILES, LAYERS, TEXT, TEXTS, TITLES, Arguments, part, require_pairs, structure, verb
from steep.errors import SteepError

if TYPE_CHECKING:
    import pandas as pd


def save(a: Arguments, figure: Any, inputs: list[Path]) -> None:
    """Write a figure as SVG, with the trace of what it was made from."""
    from steep.figures.style import save_figure
    from steep.trace import trace_of

    save_figure(figure, a.output, trace_of(a.verb, inputs))


# A way of sharpening: shape and surrogate slope.
WAY = {"type": "array", "prefixItems": [{"$ref": "#/$defs/shape"}, {"type": "number"}], "minItems": 2, "maxItems": 2}
# What the figures take from the tables, besides which experiment a row is about.
HISTORY = ("epoch", "sharpness", "validation_accuracy")
BITS = ("changed", "bits", "accuracy", "seed")
STUDIES = ("study", "leak", "spacing", "drop", "insert", "jitter", "accuracy", "seed")
BENCHMARKS = {
    "simulators": (
        *("network", "implementation", "measured", "lowest", "highest"),
        *("frames_per_cpu_s", "frames_per_wall_s", "differing"),
    ),
    "sizes": (
        *("curve", "size", "implementation", "measured", "synapses", "cpu_s"),
        *("frames_per_cpu_s", "frames_per_wall_s", "memory_MiB"),
    ),
    "stpu": ("implementation", "neurons", "fan_out", "longest", "us_per_step"),
}


def _of(experiment: str, path: Path, *needed: str) -> "pd.DataFrame":
    """Return the rows of one experiment in a table."""
    from steep.tables import read_table

    table = read_table(path, "experiment", *needed)
    rows = table[table["experiment"] == experiment]
    if rows.empty:
        raise SteepError(f"{path}: holds no row of experiment {experiment!r}; it has {_listed(table)}")
    return rows


def _require_titles(titles: dict[str, str], path: Path, table: "pd.DataFrame") -> None:
    """Raise a SteepError where an experiment of a table has no title."""
    if missing := [name for name in table["experiment"].unique() if name not in titles]:
        raise SteepError(f"--titles: none for experiment {missing[0]!r} of {path}; it has {_listed(table)}")


def _listed(table: "pd.DataFrame") -> str:
    return ", ".join(table["experiment"].unique())


@verb("output")
def plot_transfer(a: Arguments) -> None:
    """Draw a rectified linear unit beside a spiking neuron."""
    from steep.figures.transfer import draw

    save(a, draw(), [])


@verb("output", settings=structure({"type": "object", "additionalProperties": WAY}))
def plot_sigmoid(a: Arguments) -> None:
    """Draw the sharpened activation at several sharpness values."""
    from steep.figures.sigmoid import draw

    save(a, draw({name: (shape, float(widest)) for name, (shape, widest) in a.settings.items()}), [])


@verb("activations", "history", "output", layers=LAYERS, title=TEXT)
def plot_convergence(a: Arguments) -> None:
    """Draw activations converging to steps."""
    from steep.figures.convergence import draw
    from steep.files import read_npz
    from steep.tables import read_table

    history = read_table(a.history, *HISTORY)
    save(a, draw(read_npz(a.activations), history, a.layers, a.title), [a.activations, a.history])


@verb("output", sharpened=FILES, continued=FILES, title=TEXT)
def plot_sharpening(a: Arguments) -> None:
    """Draw accuracy over sharpening, with the sharpness under it; one file per seed, in the same order."""
    import pandas as pd

    from steep.figures.sharpening import draw
    from steep.tables import read_table

    sharpened, continued = (
        pd.concat(
            [read_table(path, *HISTORY).assign(seed=number) for number, path in enumerate(paths)], ignore_index=True
        )
        for paths in (a.sharpened, a.continued)
    )
    save(a, draw(sharpened, continued, a.title), [*a.sharpened, *a.continued])


@verb("images", "output", encodings=part("encodings"), title=TEXT)
def plot_conversion(a: Arguments) -> None:
    """Draw frames as they are, binarized, as contours, as injected current."""
    from steep.figures.conversion import draw
    from steep.frames import Frames

    save(a, draw(Frames.load(a.images), a.encodings, a.title), [a.images])


@verb("examples", "network", "output", title=TEXT)
def plot_layers(a: Arguments) -> None:
    """Draw the spikes of every layer for a few frames."""
    from steep.figures.layers import draw
    from steep.files import read_npz
    from steep.threshold.network import ThresholdNetwork

    network = ThresholdNetwork.load(a.network)
    save(a, draw(read_npz(a.examples), network.shapes, a.title), [a.examples, a.network])


@verb("examples", "network", "output", title=TEXT)
def plot_pipeline(a: Arguments) -> None:
    """Draw frames in flight through the layers, as an animation."""
    from steep.figures.pipeline import draw
    from steep.files import read_npz, write_text
    from steep.threshold.network import ThresholdNetwork
    from steep.trace import trace_of

    network, trace = ThresholdNetwork.load(a.network), trace_of(a.verb, [a.examples, a.network])
    write_text(a.output, draw(read_npz(a.examples), network.shapes, a.title, trace))


@verb("examples", "network", "output", title=TEXT, names=TEXTS)
def plot_mistakes(a: Arguments) -> None:
    """Draw misclassified frames with the spikes that decided."""
    from steep.figures.mistakes import draw
    from steep.files import read_npz
    from steep.threshold.network import ThresholdNetwork

    network = ThresholdNetwork.load(a.network)
    save(a, draw(read_npz(a.examples), network, a.names, a.title), [a.examples, a.network])


@verb("examples", "network", "output", title=TEXT)
def plot_aggregate(a: Arguments) -> None:
    """Draw the spiking convolution of a few frames, all filters in one picture."""
    from steep.figures.aggregate import draw
    from steep.files import read_npz
    from steep.threshold.network import ThresholdNetwork

    network = ThresholdNetwork.load(a.network)
    save(a, draw(read_npz(a.examples), network, a.title), [a.examples, a.network])


@verb("activity", "output", title=TEXT)
def plot_feature_maps(a: Arguments) -> None:
    """Draw how often every unit fires, and which never or always do."""
    from steep.figures.feature_maps import draw
    from steep.files import read_npz

    save(a, draw(read_npz(a.activity), a.title), [a.activity])


@verb("output", activity=FILES, classes=FILES, simulators=TEXTS, names=TEXTS, title=TEXT)
def plot_confusion(a: Arguments) -> None:
    """Draw the confusions of the original and the spiking network beside each other; one file per seed."""
    import numpy as np

    from steep.figures.confusion import confusion, draw, turned
    from steep.files import read_npz

    require_pairs(activity=a.activity, classes=a.classes)
    original, spiking = [read_npz(path) for path in a.classes], [read_npz(path) for path in a.activity]
    if not all(np.array_equal(one["labels"], other["labels"]) for one, other in zip(original, spiking, strict=True)):
        raise SteepError("--classes and --activity are not of the same frames; give files of the same seeds, in order")
    count = len(a.names)
    matrices = {
        "original": sum(confusion(one["labels"], one["original"], count) for one in original),
        "threshold": sum(confusion(one["labels"], one["classes"], count) for one in spiking),
    }
    turns = [
        turned(one["labels"], one["original"], other["classes"]) for one, other in zip(original, spiking, strict=True)
    ]
    worse, better = (sum(counts) for counts in zip(*turns, strict=True))
    save(a, draw(matrices, (worse, better), len(original), a.simulators, a.names, a.title), [*a.activity, *a.classes])


@verb("activity", "output", titles=TITLES)
def plot_activity(a: Arguments) -> None:
    """Draw spikes and synaptic events of a frame, by layer."""
    from steep.analysis.energy import COUNTED
    from steep.figures.activity import draw
    from steep.tables import read_table

    activity = read_table(a.activity, *COUNTED, "layer", "units", "spikes_per_frame")
    _require_titles(a.titles, a.activity, activity)
    save(a, draw(activity, a.titles), [a.activity])


@verb("energy", "published", "output", titles=TITLES)
def plot_energy(a: Arguments) -> None:
    """Draw the energy of a frame beside published ones."""
    from steep.figures.energy import draw
    from steep.tables import read_table

    energy = read_table(a.energy, "experiment", "currents", "system", "low_uJ", "high_uJ")
    published = read_table(a.published, "system", "accuracy", "low_uJ", "high_uJ", "standing")
    _require_titles(a.titles, a.energy, energy)
    save(a, draw(energy, published, a.titles), [a.energy, a.published])


@verb("effects", "output", evaluation=TEXT)
def plot_effects(a: Arguments) -> None:
    """Draw what each change does beside the baseline."""
    from steep.figures.effects import draw
    from steep.tables import read_table

    save(a, draw(read_table(a.effects, "change", "effect", "effect_ci95", "verdict"), a.evaluation), [a.effects])


@verb("verdicts", "output", evaluation=TEXT)
def plot_overview(a: Arguments) -> None:
    """Draw the talk's accuracies beside ours."""
    from steep.analysis.verdicts import OVERVIEW_COLUMNS, overview
    from steep.figures.overview import draw
    from steep.tables import read_table

    save(a, draw(overview(read_table(a.verdicts, *OVERVIEW_COLUMNS)), a.evaluation), [a.verdicts])


@verb("bits", "output", experiment=TEXT, layers=LAYERS, title=TEXT)
def plot_bits(a: Arguments) -> None:
    """Draw accuracy against the bits of the weights."""
    from steep.figures.bits import draw

    save(a, draw(_of(a.experiment, a.bits, *BITS), a.layers, a.title), [a.bits])


@verb("table", "output", benchmark={"choices": list(BENCHMARKS)})
def plot_benchmark(a: Arguments) -> None:
    """Draw what a benchmark measured."""
    from steep.figures import simulators, stpu_cost
    from steep.tables import read_table

    draw = {"simulators": simulators.draw, "sizes": simulators.draw_curves, "stpu": stpu_cost.draw}[a.benchmark]
    save(a, draw(read_table(a.table, *BENCHMARKS[a.benchmark])), [a.table])


@verb("output", responses=part("stpu.studies.responses"))
def plot_responses(a: Arguments) -> None:
    """Draw synaptic responses made of delays beside their equations."""
    from steep.figures.responses import draw

    save(a, draw(a.responses), [])


@verb("studies", "output", experiment=TEXT, title=TEXT)
def plot_leak(a: Arguments) -> None:
    """Draw accuracy against leak and frame spacing."""
    from steep.figures.leak import draw

    save(a, draw(_of(a.experiment, a.studies, *STUDIES), a.title), [a.studies])


@verb("studies", "bits", "output", experiment=TEXT, title=TEXT)
def plot_robustness(a: Arguments) -> None:
    """Draw accuracy against faults and against the bits of the weights."""
    from steep.figures.robustness import draw

    studies, bits = _of(a.experiment, a.studies, *STUDIES), _of(a.experiment, a.bits, *BITS)
    save(a, draw(studies, bits, a.title), [a.studies, a.bits])


@verb("network", "output", title=TEXT, limits=part("stpu.limits"))
def plot_layout(a: Arguments) -> None:
    """Draw how a network lies on the STPU."""
    from steep.figures.layout import draw
    from steep.stpu.layout import from_threshold_network
    from steep.threshold.network import ThresholdNetwork

    layout = from_threshold_network(ThresholdNetwork.load(a.network), clock=True)
    save(a, draw(layout, a.limits, a.title), [a.network])
