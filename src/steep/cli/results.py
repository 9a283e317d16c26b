"""Verbs from the spikes to tables and figures."""

import logging
import math
from pathlib import Path
from typing import Any

from steep.cli.verbs import BACKEND_FILES, FILE, FILES, FOLDER, INTEGER, LABELS, TEXT, Arguments, part, verb
from steep.errors import SteepError

log = logging.getLogger("steep")


@verb("original", "continued", "sharpened", "frames", "scores", "classes", labels=LABELS)
def score_network(a: Arguments) -> None:
    """Measure the floating-point networks on the test frames."""
    from steep.analysis.scores import float_classes, float_scores
    from steep.files import write_npz, write_text
    from steep.frames import Frames

    frames = Frames.load(a.frames)
    classes = float_classes({"original": a.original, "continued": a.continued, "sharpened": a.sharpened}, frames)
    write_text(a.scores, float_scores(classes, frames).assign(**a.labels).to_csv(index=False))
    write_npz(a.classes, {"labels": frames.labels.astype("int64"), **classes})


@verb(
    *("network", "frames", "scores", "comparison"),
    labels=LABELS,
    readout={"choices": ["potential", "spikes", "wta"]},
    spikes=BACKEND_FILES,
    population=FILE | {"required": False, "help": "the trained population code, for readout spikes"},
)
def compare_backends(a: Arguments) -> None:
    """Measure the threshold network on the test frames; hold the backends against it and each other, spike for
    spike."""
    import pandas as pd

    from steep.analysis.scores import compare, compare_networks, require_equal, require_network, spike_scores
    from steep.checkpoint import load_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.spikes import Spikes
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import key_of

    spikes = {backend: Spikes.load(path) for backend, path in a.spikes}
    networks = compare_networks(spikes, ThresholdNetwork.load(a.network))
    require_network(networks, a.network)
    table = compare(spikes)
    require_equal(spikes, table)
    key = None
    if a.readout == "spikes":
        if not a.population:
            raise SteepError("readout spikes needs --population, the trained population code")
        key = key_of(load_network(a.population)[0])
    scores = spike_scores(spikes, Frames.load(a.frames), a.readout, key)
    write_text(a.scores, scores.assign(**a.labels).to_csv(index=False))
    both = pd.concat([part for part in (networks, table) if len(part)], ignore_index=True)
    write_text(a.comparison, both.assign(**a.labels, readout=a.readout).to_csv(index=False))
    log.info("%s: weights and thresholds are those of %s", ", ".join(spikes), a.network)
    if len(spikes) > 1:
        counts = table["values"].sum(), table["differing"].sum()
        log.info("%s: %d values compared, %d differ", ", ".join(spikes), *counts)
    else:
        log.info("one backend, nothing to compare it with")


def write_views(a: Arguments, table: Any, view: Any, title: str, note: str, inputs: list[Path]) -> None:
    """Write a table as CSV and, for people, as a page that says which `inputs` it was made from."""
    from steep.analysis.render import to_html
    from steep.files import write_text
    from steep.trace import trace_of

    write_text(a.csv, table.to_csv(index=False))
    write_text(a.html, to_html(view, title, note, trace_of(a.verb, inputs)))


def require_experiments(study: dict[str, Any], path: Path, table: Any) -> None:
    """Raise a SteepError where the study and a table are not about the same experiments."""
    there, said = set(table["experiment"]), set(study["experiments"])
    if there != said:
        name = min(there ^ said)
        place = "is not in --study" if name in there else "has no row"
        raise SteepError(f"{path}: experiment {name!r} {place}; give the table of the same study")


@verb("csv", "html", scores=FILES)
def tabulate_accuracy(a: Arguments) -> None:
    """Join the scores of all experiments and seeds into one tidy table."""
    from steep.analysis.tables import ACCURACY_COLUMNS, ACCURACY_NOTE, accuracy_table, read_tables

    table = accuracy_table(read_tables(a.scores, *ACCURACY_COLUMNS))
    view = table.assign(accuracy=[f"{value:.2f}" for value in table["accuracy"]])
    write_views(a, table, view, "Every accuracy measured", ACCURACY_NOTE, a.scores)


@verb(
    *("accuracy", "csv", "html", "markdown", "view", "note", "landing"),
    study=part("", needed=("experiments", "networks", "datasets")),
)
def tabulate_talk(a: Arguments) -> None:
    """Set the talk's table beside ours."""
    from steep.analysis.render import to_markdown, to_rst
    from steep.analysis.tables import ACCURACY_COLUMNS, talk_table, talk_view, view_note
    from steep.files import write_text
    from steep.tables import read_table

    accuracy = read_table(a.accuracy, *ACCURACY_COLUMNS)
    require_experiments(a.study, a.accuracy, accuracy)
    table = talk_table(a.study, accuracy)
    evaluation = a.study.get("evaluation", "test")
    view, note = talk_view(table, evaluation), view_note(table, evaluation)
    write_views(a, table, view, f"{evaluation.capitalize()} accuracy: the talk and this study", note, [a.accuracy])
    write_text(a.markdown, to_markdown(view, note))
    write_text(a.view, view.to_csv(index=False))
    write_text(a.note, f"{note}\n")
    write_text(a.landing, to_rst(view, note))


@verb("csv", "html", comparisons=FILES)
def tabulate_backends(a: Arguments) -> None:
    """Count the spikes compared between backends, and the differing ones."""
    from steep.analysis.tables import BACKENDS_NOTE, COMPARED_COLUMNS, backend_table, backend_view, read_tables

    table = backend_table(read_tables(a.comparisons, *COMPARED_COLUMNS, empty=True))
    write_views(a, table, backend_view(table), "Backends against each other", BACKENDS_NOTE, a.comparisons)


@verb("csv", "html", benchmarks=FILES)
def tabulate_costs(a: Arguments) -> None:
    """Sum the benchmarks by rule."""
    from steep.analysis.costs import COSTS_NOTE, cost_table, cost_view

    table = cost_table(a.benchmarks)
    write_views(a, table, cost_view(table), "What the study cost", COSTS_NOTE, a.benchmarks)


def three_digits(value: Any) -> str:
    """Return a cell of a table for people; of fractions the first three digits."""
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return str(value)


@verb("table", "csv", "html", title=TEXT)
def tabulate_benchmark(a: Arguments) -> None:
    """Show what a benchmark measured."""
    from steep.tables import read_table

    table = read_table(a.table)
    # Numbers span six orders of magnitude: three digits of each, however large.
    view = table.apply(lambda column: column.map(three_digits)).rename(columns=lambda name: name.replace("_", " "))
    write_views(a, table, view, a.title, "Measured on one machine; see the caption.", [a.table])


@verb("csv", "html", "config", "repeat", study=part(""), files=FILES)
def record_provenance(a: Arguments) -> None:
    """Record what was run, with what, on what, and how to run it again."""
    import yaml

    from steep.analysis.checkout import origin
    from steep.analysis.provenance import COMMIT, command, provenance
    from steep.files import write_text
    from steep.trace import file_digest

    table = provenance(a.study, {str(path): file_digest(path) for path in a.files})
    note = "Digests are SHA-256 of the files' bytes; equal results have equal digests."
    write_views(a, table, table, "Provenance", note, a.files)
    write_text(a.config, yaml.safe_dump(a.study, sort_keys=False))
    commit = table.set_index("what").loc[COMMIT, "value"]
    clone = f"git clone {address}\n" if (address := origin()) else ""
    write_text(a.repeat, f"{clone}# commit {commit}\n{command(a.study)}\n")


@verb(
    *("sharpened", "network", "frames", "bits", "margins"),
    labels=LABELS,
    quantization=part("quantization"),
    weight_bits=part("recipes.*.deployment.weight_bits"),
)
def study_quantization(a: Arguments) -> None:
    """Measure what integer weights cost: accuracy on validation frames against their bits, margins of thresholds."""
    import pandas as pd

    from steep.checkpoint import load_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.threshold.bits import bits_study
    from steep.threshold.margins import margin_rows
    from steep.threshold.network import ThresholdNetwork

    tensors, spec = load_network(a.sharpened)
    frames = Frames.load(a.frames).first(a.quantization["frames"])
    rows = bits_study(tensors, spec, frames, a.quantization["weight_bits"], a.weight_bits)
    log.info("bits: %d settings measured", len(rows))
    margins = margin_rows(ThresholdNetwork.load(a.network), tensors, spec, frames)
    write_text(a.bits, pd.DataFrame(rows).assign(**a.labels).to_csv(index=False))
    write_text(a.margins, pd.DataFrame(margins).assign(**a.labels).to_csv(index=False))


@verb("csv", "html", tables=FILES, title=TEXT)
def join_tables(a: Arguments) -> None:
    """Put tables of the same columns below each other."""
    from steep.analysis.tables import read_tables

    table = read_tables(a.tables)
    note = "Validation frames; every row is one measurement. Test frames are not used."
    write_views(a, table, table.round(4).astype(str), a.title, note, a.tables)


@verb("margins", "csv", "html")
def tabulate_margins(a: Arguments) -> None:
    """Say how many units are near their thresholds."""
    from steep.analysis.tables import MARGINS_COLUMNS, MARGINS_NOTE, margin_table, margin_view
    from steep.tables import read_table

    table = margin_table(read_table(a.margins, *MARGINS_COLUMNS))
    write_views(a, table, margin_view(table), "Units near their thresholds", MARGINS_NOTE, [a.margins])


@verb("accuracy", "reference")
def compare_reference(a: Arguments) -> None:
    """Hold a run's accuracies against those of a reference run; an error where one differs beyond chance."""
    from steep.analysis.compare import KEYS, hold_against
    from steep.analysis.render import to_markdown
    from steep.analysis.tables import compare_view
    from steep.tables import read_table

    for path in (a.accuracy, a.reference):
        if not path.is_file():
            raise SteepError(f"{path}: no such file; run the study first (make reproduce STUDY=...)")
    new, reference = (read_table(path, *KEYS, "seed", "accuracy") for path in (a.accuracy, a.reference))
    table = hold_against(new, reference)
    print(to_markdown(compare_view(table)), end="")
    differing = int((table["verdict"] == "differs").sum())
    if differing:
        raise SteepError(
            f"{differing} of {len(table)} accuracies differ from {a.reference}, also when corrected for their number "
            "(Holm, 5%): another method, other data or other versions, hardly chance"
        )


@verb(reference=FOLDER, pages=FILES)
def update_pages(a: Arguments) -> None:
    """Write the tables of the reference run and of the benchmarks into pages, between their marks."""
    from steep.analysis.documents import filled, tables
    from steep.files import write_text

    made = tables(a.reference)
    for page in a.pages:
        write_text(page, filled(page.read_text(encoding="utf-8"), made))


@verb("config", "csv", "train-frames", epochs=INTEGER, turns=INTEGER)
def benchmark_training(a: Arguments) -> None:
    """Measure an epoch of ordinary and of sharpened training against plain PyTorch, for networks of a config."""
    from steep.config import check_config, read_config
    from steep.files import write_text
    from steep.frames import Frames
    from steep.training_benchmark import benchmark_config

    config = read_config(a.config)
    check_config(config, str(a.config))
    table = benchmark_config(config, Frames.load(a.train_frames), a.epochs, a.turns)
    write_text(a.csv, table.round(3).to_csv(index=False))
    print(table.round(3).to_string(index=False))
