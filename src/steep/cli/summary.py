"""Verbs that draw conclusions: the talk's rows judged, the spikes counted, the study told."""

import logging

from steep.cli.results import require_experiments, write_views
from steep.cli.verbs import FILES, LABEL, Arguments, part, require_pairs, structure, verb

log = logging.getLogger("steep")


@verb("network", "frames", "spikes", "activity", "examples")
def summarize_spikes(a: Arguments) -> None:
    """Count the spikes of a simulation, and keep a few frames with all their spikes."""
    from steep.analysis.activity import choose_examples, measure_activity
    from steep.files import write_npz
    from steep.frames import Frames
    from steep.spikes import Spikes
    from steep.threshold.network import ThresholdNetwork

    network, frames, spikes = ThresholdNetwork.load(a.network), Frames.load(a.frames), Spikes.load(a.spikes)
    activity = measure_activity(network, frames, spikes)
    write_npz(a.activity, activity)
    write_npz(a.examples, choose_examples(network, frames, spikes))
    log.info(
        "a frame: %.0f spikes, %.0f synaptic events",
        *(activity["frame_spikes"][:, 1:].sum(1).mean(), activity["frame_events"].sum(1).mean()),
    )


@verb("csv", "html", activity=FILES, labels=structure({"type": "array", "items": LABEL}))
def tabulate_activity(a: Arguments) -> None:
    """Say how busy every layer is; `labels` is one entry per file."""
    import pandas as pd

    from steep.analysis.activity import ACTIVITY_NOTE, activity_rows, activity_table, activity_view
    from steep.files import read_npz

    require_pairs(activity=a.activity, labels=a.labels)
    rows = [
        row for path, labels in zip(a.activity, a.labels, strict=True) for row in activity_rows(read_npz(path), labels)
    ]
    table = activity_table(pd.DataFrame(rows))
    write_views(a, table, activity_view(table), "Spikes and events of a frame", ACTIVITY_NOTE, a.activity)


@verb("activity", "published", "csv", "html")
def tabulate_energy(a: Arguments) -> None:
    """Multiply counted events with published energies."""
    from steep.analysis.energy import COUNTED, ENERGY_NOTE, PUBLISHED, energy_table, energy_view
    from steep.tables import read_table

    table = energy_table(read_table(a.activity, *COUNTED), read_table(a.published, *PUBLISHED))
    inputs = [a.activity, a.published]
    write_views(a, table, energy_view(table), "Energy of a frame, estimated", ENERGY_NOTE, inputs)


@verb(
    *("talk", "csv", "html", "view", "answer", "note", "landing", "landing-answer"),
    study=part("", needed=("experiments", "datasets")),
)
def tabulate_verdicts(a: Arguments) -> None:
    """Judge every row of the talk: reproduced, better, not reproduced."""
    from steep.analysis.render import in_rst, to_rst
    from steep.analysis.verdicts import TALK_COLUMNS, answer, rule_note, verdict_table, verdict_view
    from steep.files import write_text
    from steep.tables import read_table

    talk = read_table(a.talk, *TALK_COLUMNS)
    require_experiments(a.study, a.talk, talk)
    table = verdict_table(talk, a.study)
    view, note = verdict_view(table), rule_note(table)
    words = answer(table, a.study.get("evaluation", "test"))
    write_views(a, table, view, "Is the talk reproduced?", f"{words} {note}", [a.talk])
    write_text(a.view, view.to_csv(index=False))
    write_text(a.answer, f"{words}\n")
    write_text(a.note, f"{note}\n")
    write_text(a.landing, to_rst(view, note))
    write_text(a.landing_answer, f"{in_rst(words)}\n")
    log.info("%s", words)


@verb(
    *("accuracy", "csv", "html", "view", "note", "landing"),
    study=part("", needed=("experiments", "networks", "datasets", "baseline")),
)
def tabulate_effects(a: Arguments) -> None:
    """Hold every experiment against the study's baseline, seed by seed."""
    from steep.analysis.effects import EFFECTS_NOTE, effect_answer, effect_table, effect_view
    from steep.analysis.render import to_rst
    from steep.analysis.tables import ACCURACY_COLUMNS
    from steep.files import write_text
    from steep.tables import read_table

    accuracy = read_table(a.accuracy, *ACCURACY_COLUMNS)
    require_experiments(a.study, a.accuracy, accuracy)
    table = effect_table(a.study, accuracy)
    frames = a.study.get("evaluation", "test").capitalize()
    view, note = effect_view(table), f"{effect_answer(table)} {EFFECTS_NOTE.format(frames=frames)}"
    write_views(a, table, view, "What each change does", note, [a.accuracy])
    write_text(a.view, view.to_csv(index=False))
    write_text(a.note, f"{note}\n")
    write_text(a.landing, to_rst(view, note))


@verb("csv", "html", results=FILES)
def record_traces(a: Arguments) -> None:
    """Say of every figure and table which rule made it, from which files, with their digests."""
    import pandas as pd

    from steep.trace import trace_rows

    table = pd.DataFrame(trace_rows(a.results))
    view = table.assign(**{name: table[name].str[:16] for name in ("sha256", "its sha256")})
    note = (
        "SHA-256 of the files' bytes, the first 16 digits of 64 here, all in the CSV. Of many files of one kind the "
        "digest of the sorted lines 'name digest' stands for all. Files between data and tables (networks, spikes, "
        "scores of a seed) are no rows: Snakemake's rule graph and the jobs' logs say what they were made from; data, "
        "config, commit and versions stand in the table Provenance. A rule's command is python -m steep and its name "
        "with dashes."
    )
    write_views(a, table, view, "From every figure and table back to its files", note, a.results)


@verb("markdown", "html", config=part("", needed=("title",)), figures=FILES, tables=FILES, texts=FILES, latex=FILES)
def summarize_study(a: Arguments) -> None:
    """Tell the study without Snakemake's viewer: one Markdown file, one page that stands alone, tables for LaTeX."""
    from steep.analysis.summary import latex_table, page, text
    from steep.files import write_text

    material = {path.name: path for path in [*a.figures, *a.tables, *a.texts]}
    write_text(a.markdown, text(a.config, material, a.markdown.parent))
    write_text(a.html, page(a.config, material))
    for path in a.latex:
        write_text(path, latex_table(material[f"{path.stem}.csv"]))
