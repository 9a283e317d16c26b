"""The captions of the report, filled in as Snakemake fills them in: sentences apart, and true of the study at hand."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from docutils.core import publish_doctree
from jinja2 import Environment, StrictUndefined

from steep.study.catalogue import FIGURES, TABLES
from steep.study.study import Study

ROOT = Path(__file__).parents[2]
STUDIES = {
    name: yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    for name in ("paper", "test", "cifar10", "ablations")
}
NAMES = sorted(path.stem for path in (ROOT / "report").glob("*.rst") if path.stem not in ("workflow", "determinism"))


def caption(name: str, config: dict[str, Any], **wildcards: str) -> str:
    """Return the caption as Snakemake's report fills it in."""
    entries = [entry for entry in (*FIGURES, *TABLES) if entry.name == name]
    generated = []
    for entry in entries:
        own = {entry.each.wildcard: wildcards.get(entry.each.wildcard, "")} if entry.each else {}
        generated += [key for key in entry.generated(Study.of(config), own) if key not in generated]
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    params = SimpleNamespace(generated=generated)
    snakemake = SimpleNamespace(config=config, wildcards=SimpleNamespace(**wildcards), params=params)
    text = environment.from_string((ROOT / f"report/{name}.rst").read_text()).render(snakemake=snakemake)
    publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 5})  # a warning is an error
    return text


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("name", NAMES)
def test_sentences_are_apart(name: str, study: str) -> None:
    config = STUDIES[study]
    if "stpu" not in config and name in ("leak", "robustness", "layout", "stpu"):
        return
    if "baseline" not in config and name == "effects":
        return
    for experiment, entry in config["experiments"].items():
        text = caption(name, config, experiment=experiment, dataset=entry["dataset"], sweep="bits")
        assert not re.search(r"[a-z`*)][.:;][A-Z]", text), text
        lengths = [len(sentence.split()) for sentence in re.split(r"(?<=[.?!])[*_)]*\s+", text)]
        assert max(lengths) <= 35 and sum(lengths) < 20 * len(lengths), text
        assert not re.search(r"\btold (from|apart)\b", " ".join(text.split()))


def test_a_study_is_described_alone_and_only_its_own_data_called_generated() -> None:
    texts = {sweep: caption("sweep", STUDIES["paper"], sweep=sweep) for sweep in ("stpu", "bits", "margins")}
    assert "frame spacing" in texts["stpu"] and "**generated**" not in texts["stpu"]
    assert "bits of the integer" in texts["bits"] and "frame spacing" not in texts["bits"]
    assert "hyperspectral-generated are **generated**" in texts["bits"]
    assert all("on the first 1,000 validation frames" in text for text in texts.values())


def test_colour_images_are_spoken_of_where_there_are_some() -> None:
    assert "colour images" not in caption("conversion", STUDIES["paper"], dataset="mnist")
    assert "colour images" in caption("conversion", STUDIES["cifar10"], dataset="cifar10")


def test_a_dark_pixel_of_currents_is_no_spike() -> None:
    for experiment, currents in (("stpu-dnn-binarized", False), ("samson-real", True)):
        assert ("currents, the value" in caption("layers", STUDIES["paper"], experiment=experiment)) == currents
