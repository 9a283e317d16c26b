"""Verbs that end a study: provenance, traces, the summary; and those that keep a run and hold another against it."""

from typing import Annotated, Any

from steep.cli.catalogue import write_table
from steep.cli.verbs import Folder, In, Inputs, Out, Outputs, group
from steep.errors import SteepError
from steep.study.options import part

verb = group("Ends of a study")


@verb
def record_provenance(
    study: Annotated[dict[str, Any], part("")], files: Inputs, csv: Out, html: Out, config: Out, repeat: Out
) -> None:
    """Record what was run, with what, on what, and how to run it again.

    Parameters
    ----------
    study : the study's config, whole
    files : data and tables whose digests are recorded
    config : the config, written as YAML
    repeat : the commands that repeat the study, written as text

    """
    import yaml

    from steep.analysis.render import Tabulated
    from steep.files import file_digest, write_text
    from steep.study.checkout import origin
    from steep.study.provenance import COMMIT, command, provenance

    table = provenance(study, {str(path): file_digest(path) for path in files})
    note = "Digests are SHA-256 of the files' bytes; equal results have equal digests."
    write_table(Tabulated(table, table, "Provenance", note), csv, html, "record-provenance", files)
    write_text(config, yaml.safe_dump(study, sort_keys=False))
    commit = table.set_index("what").loc[COMMIT, "value"]
    clone = f"git clone {address}\n" if (address := origin()) else ""
    write_text(repeat, f"{clone}# commit {commit}\n{command(study)}\n")


@verb
def record_traces(results: Inputs, csv: Out, html: Out) -> None:
    """Say of every figure and table which rule made it, from which files, with their digests.

    Parameters
    ----------
    results : figures and pages of tables

    """
    import pandas as pd

    from steep.analysis.render import Tabulated
    from steep.study.trace import trace_rows

    table = pd.DataFrame(trace_rows(results))
    view = table.assign(**{name: table[name].str[:16] for name in ("sha256", "its sha256")})
    note = (
        "SHA-256 of the files' bytes, the first 16 digits of 64 here, all in the CSV. Of many files of one kind the "
        "digest of the sorted lines 'name digest' stands for all. Files between data and tables (networks, spikes, "
        "scores of a seed) are no rows: Snakemake's rule graph and the jobs' logs say what they were made from; data, "
        "config, commit and versions stand in the table Provenance. A rule's command is python -m steep and its name "
        "with dashes."
    )
    made = Tabulated(table, view, "From every figure and table back to its files", note)
    write_table(made, csv, html, "record-traces", results)


@verb
def summarize_study(
    config: Annotated[dict[str, Any], part("", needed=("title",))],
    figures: Inputs,
    tables: Inputs,
    texts: Inputs,
    markdown: Out,
    html: Out,
    latex: Outputs,
) -> None:
    """Tell the study without Snakemake's viewer: one Markdown file, one page that stands alone, tables for LaTeX.

    Parameters
    ----------
    config : title and remarks of the study's config
    figures : figures of the study, as SVG
    tables : pages of its tables, and its tables as text for people
    texts : the words beside them
    markdown : the summary as Markdown, with links to the figures
    html : the summary as one page
    latex : tables for LaTeX, each named as its view

    """
    from steep.files import write_text
    from steep.study.summary import latex_table, page, text

    material = {path.name: path for path in [*figures, *tables, *texts]}
    write_text(markdown, text(config, material, markdown.parent))
    write_text(html, page(config, material))
    for path in latex:
        write_text(path, latex_table(material[f"{path.stem}.csv"]))


@verb
def compare_kept(accuracy: In, kept: In) -> None:
    """Hold a run's accuracies against those of a kept run; an error where one differs beyond chance.

    Parameters
    ----------
    accuracy : the table of accuracies of a run
    kept : that of the kept run

    """
    from steep.analysis.compare import KEYS, hold_against
    from steep.analysis.render import to_markdown
    from steep.analysis.tables import compare_view
    from steep.tables import read_table

    for path in (accuracy, kept):
        if not path.is_file():
            raise SteepError(f"{path}: no such file; run the study first (make reproduce STUDY=...)")
    here, there = (read_table(path, *KEYS, "seed", "accuracy") for path in (accuracy, kept))
    table = hold_against(here, there)
    print(to_markdown(compare_view(table)), end="")
    differing = int((table["verdict"] == "differs").sum())
    if differing:
        raise SteepError(
            f"{differing} of {len(table)} accuracies differ from {kept}, also when corrected for their number "
            "(Holm, 5%): another method, other data or other versions, hardly chance"
        )


@verb
def update_pages(kept: Folder, pages: Inputs) -> None:
    """Write the tables of the kept run and of the benchmarks into pages, between their marks.

    Parameters
    ----------
    kept : folder of the tables that are kept
    pages : pages of Markdown, which are written anew

    """
    from steep.files import write_text
    from steep.study.documents import filled, tables

    made = tables(kept)
    for page in pages:
        write_text(page, filled(page.read_text(encoding="utf-8"), made))
