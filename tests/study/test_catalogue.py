"""The catalogue: every entry has what belongs to it, and nothing of its kind lies about without an entry."""

from pathlib import Path

import pytest

from steep.study.catalogue import CHAPTERS, FIGURES, PROVENANCE, TABLES, VIEWED
from steep.study.config import read_config
from steep.study.study import Study

ROOT = Path(__file__).parents[2]
ENTRIES = (*FIGURES, *TABLES)
STUDIES = {
    path.stem: Study.of(read_config(path)) for path in sorted((ROOT / "config").glob("*.yaml"))
}  # every config that is kept
# Captions of what is no entry: written-out rules' tables, and the report's own pages.
OTHERS = {"provenance", "traces", "config", "workflow", "determinism"}
# Modules of figures that several figures share.
SHARED = {"style", "text", "rows", "simulators", "stpu_cost", "__init__"}


def test_every_entry_is_captioned_in_the_report_and_every_caption_used() -> None:
    captions = {path.stem for path in (ROOT / "report").glob("*.rst")}
    assert captions - OTHERS == {entry.name for entry in ENTRIES}


def test_every_figure_has_its_module_and_every_module_its_figure() -> None:
    modules = {path.stem for path in (ROOT / "src/steep/figures").glob("*.py")} - SHARED
    assert modules == {figure.name.replace("-", "_") for figure in FIGURES}


def test_names_are_told_apart() -> None:
    for kind in (FIGURES, TABLES):
        assert len({entry.name for entry in kind}) == len(kind)
    assert len({entry.rule for entry in ENTRIES}) == len(ENTRIES)
    # `bits-x.svg` must not be taken for one of `bits-x-y`'s.
    several = [figure.name for figure in FIGURES if figure.each]
    assert not [(a, b) for a in several for b in several if a != b and a.startswith(f"{b}-")]


@pytest.mark.parametrize("name", STUDIES)
def test_every_entry_finds_its_files_and_what_to_say(name: str) -> None:
    study = STUDIES[name]
    for entry in ENTRIES:
        values = (entry.each.of(study) if entry.each else [""]) if entry.when(study) else []
        for value in values:
            wildcards = {entry.each.wildcard: value} if entry.each else {}
            for files in entry.inputs.values():
                found = files.find(study, wildcards)
                assert isinstance(found, list) == files.many
                assert all(isinstance(path, Path) for path in (found if isinstance(found, list) else [found]))
            for value in entry.values.values():
                # What the study says passes the parser of the command line.
                value.parser(value.text(study, wildcards))
            assert entry.heading(wildcards)


def test_every_chapter_has_figures_and_every_entry_a_chapter() -> None:
    named = {entry.chapter for entry in ENTRIES if isinstance(entry.chapter, str)}
    assert named <= {*CHAPTERS, PROVENANCE}
    assert {figure.chapter for figure in FIGURES} == set(CHAPTERS)


def test_a_caption_is_a_sentence() -> None:
    for entry in ENTRIES:
        assert entry.caption.endswith(".") and entry.caption[0].isupper(), entry.name


def test_what_is_told_in_words_has_its_note() -> None:
    assert [table.name for table in VIEWED] == ["verdicts", "talk", "effects"]
    assert all({"view", "note", "landing"} <= set(table.also) for table in VIEWED)


def test_what_a_study_lacks_is_not_made() -> None:
    cifar10, test = STUDIES["cifar10"], STUDIES["test"]
    made = {entry.name for entry in ENTRIES if entry.stems(cifar10)}
    assert not made & {"effects", "leak", "robustness", "layout", "responses", "stpu", "benchmark"}
    assert {entry.name for entry in ENTRIES if entry.stems(test)} == {entry.name for entry in ENTRIES} - {"benchmark"}
