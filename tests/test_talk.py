"""What docs/talk.md says of the talk's numbers is what the configs and the data sets have."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from steep.datasets import SOURCES


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "talk.md").read_text()


def config(root: Path, name: str) -> dict[str, Any]:
    return yaml.safe_load((root / "config" / name).read_text())


def test_every_accuracy_of_the_talk_has_its_slide(root: Path, page: str) -> None:
    rows = re.findall(r"^\| `(\w+\.yaml)`, `([a-z0-9-]+)` \| ([\d.]+) \| ([\d.]+) \| \d+ \| ", page, re.MULTILINE)
    told = {(file, key): {"original": float(before), "spiking": float(after)} for file, key, before, after in rows}
    ranges = re.findall(r"^\| `(\w+\.yaml)`, `([a-z0-9-]+)` \| (-\d+) to (-\d+) \| \d+ \| ", page, re.MULTILINE)
    told |= {(file, key): {"spiking_cost": [int(low), int(high)]} for file, key, low, high in ranges}
    assert len(told) == len(rows) + len(ranges)
    held = {
        (path.name, key): entry["talk"]
        for path in (root / "config").glob("*.yaml")
        for key, entry in yaml.safe_load(path.read_text()).get("experiments", {}).items()
        if "talk" in entry
    }
    assert told == held


def cell(layer: dict[str, Any]) -> str:
    """Return a layer as the talk writes it."""
    match layer["kind"]:
        case "dense":
            return f"Dense {layer['units']}"
        case "conv":
            return f"Conv {layer['filters']}x{layer['kernel'][0]}x{layer['kernel'][1]}"
        case _:
            return f"MaxPool {layer['size'][0]}x{layer['size'][1]}"


def test_the_networks_of_the_talk_are_the_configs(root: Path, page: str) -> None:
    networks = config(root, "paper.yaml")["networks"]
    rows = re.findall(r"^\| ([^|]+) \| (`Input[^|]+) \| `paper.yaml`, `networks\.([a-z-]+)` \|", page, re.MULTILINE)
    assert len(rows) == 4
    for title, cells, key in rows:
        assert title == networks[key]["title"]
        layers = ["Input 784", *map(cell, networks[key]["layers"]), "Output 10"]
        assert re.findall("`([^`]+)`", cells) == layers


def test_the_sizes_of_the_data_are_the_talks(page: str) -> None:
    for name, (size, classes) in {"mnist": ("28x28", 10), "cifar10": ("32x32", 10)}.items():
        shape = SOURCES[name].shape
        assert size == f"{shape[1]}x{shape[2]}" and len(SOURCES[name].names) == classes
        assert re.search(rf'"{size} images of [a-z ]+", "{classes} classes" \| \[{name}\.py\]', page)
    spectra = SOURCES["hyperspectral"]
    assert f'"{max(spectra.shape)} dimension hyperspectral pixels", "{len(spectra.names)} classes"' in page


def test_the_talk_is_cited(root: Path, page: str) -> None:
    (source,) = yaml.safe_load((root / "CITATION.cff").read_text())["references"]
    opening = " ".join(page.split("**How far")[0].split())
    assert source["title"] in opening and str(source["year"]) in opening
    for author in source["authors"]:
        assert f"{author['given-names']} {author['family-names']}" in opening
