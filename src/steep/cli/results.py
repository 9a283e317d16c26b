"""Verbs from the spikes to tables and figures."""

import logging
from typing import Any

from steep.cli.verbs import BACKEND_FILES, FILES, STRUCTURE, TEXT, Arguments, verb

log = logging.getLogger("steep")


@verb("original", "continued", "sharpened", "frames", "output", labels=STRUCTURE)
def score_network(a: Arguments) -> None:
    """Measure the floating-point networks on the test frames."""
    from steep.analysis.scores import float_scores
    from steep.files import write_text
    from steep.frames import Frames

    stages = {"original": a.original, "continued": a.continued, "sharpened": a.sharpened}
    table = float_scores(stages, Frames.load(a.frames))
    write_text(a.output, table.assign(**a.labels).to_csv(index=False))


@verb("frames", "scores", "comparison", labels=STRUCTURE, spikes=BACKEND_FILES)
def compare_backends(a: Arguments) -> None:
    """Measure the threshold network on the test frames and hold the backends against each other, spike for spike."""
    from steep.analysis.scores import compare, require_equal, spike_scores
    from steep.files import write_text
    from steep.frames import Frames
    from steep.spikes import Spikes

    spikes = {backend: Spikes.load(path) for backend, path in a.spikes}
    table = compare(spikes)
    require_equal(spikes, table)
    write_text(a.scores, spike_scores(spikes, Frames.load(a.frames)).assign(**a.labels).to_csv(index=False))
    write_text(a.comparison, table.assign(**a.labels).to_csv(index=False))
    if len(spikes) > 1:
        counts = table["values"].sum(), table["differing"].sum()
        log.info("%s: %d values compared, %d differ", ", ".join(spikes), *counts)
    else:
        log.info("one backend, nothing to compare it with")


def write_views(a: Arguments, table: Any, view: Any, title: str, note: str) -> None:
    """Write a table as CSV and, for people, as a page."""
    from steep.analysis.render import to_html
    from steep.files import write_text

    write_text(a.csv, table.to_csv(index=False))
    write_text(a.html, to_html(view, title, note))


@verb("csv", scores=FILES)
def tabulate_accuracy(a: Arguments) -> None:
    """Join the scores of all experiments and seeds into one tidy table."""
    from steep.analysis.tables import accuracy_table, read_tables
    from steep.files import write_text

    write_text(a.csv, accuracy_table(read_tables(a.scores)).to_csv(index=False))


@verb("accuracy", "csv", "html", "markdown", "view", "note", study=STRUCTURE)
def tabulate_talk(a: Arguments) -> None:
    """Set the talk's table beside ours."""
    import pandas as pd

    from steep.analysis.render import to_markdown
    from steep.analysis.tables import talk_table, talk_view, view_note
    from steep.files import write_text

    table = talk_table(a.study, pd.read_csv(a.accuracy))
    view, note = talk_view(table), view_note(table)
    write_views(a, table, view, "Test accuracy: the talk and this study", note)
    write_text(a.markdown, to_markdown(view, note))
    write_text(a.view, view.to_csv(index=False))
    write_text(a.note, f"{note}\n")


@verb("csv", "html", comparisons=FILES)
def tabulate_backends(a: Arguments) -> None:
    """Count the spikes compared between backends, and the differing ones."""
    from steep.analysis.tables import BACKENDS_NOTE, backend_table, backend_view, read_tables

    table = backend_table(read_tables(a.comparisons))
    write_views(a, table, backend_view(table), "Backends against each other", BACKENDS_NOTE)


@verb("csv", "html", benchmarks=FILES)
def tabulate_costs(a: Arguments) -> None:
    """Sum the benchmarks by rule."""
    from steep.analysis.costs import COSTS_NOTE, cost_table, cost_view

    table = cost_table(a.benchmarks)
    write_views(a, table, cost_view(table), "What the study cost", COSTS_NOTE)


@verb("csv", "html", "config", study=STRUCTURE, files=FILES)
def record_provenance(a: Arguments) -> None:
    """Record what was run, with what, on what."""
    import yaml

    from steep.analysis.provenance import file_digest, provenance
    from steep.files import write_text

    table = provenance(a.study, {str(path): file_digest(path) for path in a.files})
    write_views(
        a, table, table, "Provenance", "Digests are SHA-256 of the files' bytes; equal results have equal digests."
    )
    write_text(a.config, yaml.safe_dump(a.study, sort_keys=False))


@verb("activations", "history", "output", title=TEXT)
def plot_convergence(a: Arguments) -> None:
    """Draw activations converging to steps."""
    import pandas as pd

    from steep.figures.convergence import draw
    from steep.figures.style import save_figure
    from steep.files import read_npz

    save_figure(draw(read_npz(a.activations), pd.read_csv(a.history), a.title), a.output)
