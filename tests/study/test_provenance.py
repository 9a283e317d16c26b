"""What was run, with what, on what, and how to run a study again."""

import ast
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from steep import digest
from steep.study import provenance
from steep.study.config import read_config

# Packages that are imported and change no number, figure or exported file: what reads the config and fetches data, and
# the peers of the benchmark, whose versions stand in its own table.
NOT_COUNTED = {"yaml", "jsonschema", "pooch", "requests", "snakemake", "snakemake_interface_logger_plugins"}
PEERS = {"bindsnet", "nengo", "nest", "norse", "snntorch", "spikingjelly", "torchvision"}


def test_a_kept_config_is_named_and_another_one_given(root: Path) -> None:
    expected = {"paper": "make reproduce", "demo": "make demo", "encodings": "make reproduce STUDY=encodings"}
    for name, words in expected.items():
        config = read_config(root / "config" / f"{name}.yaml")
        assert provenance.command(config) == words
        changed = provenance.command(config | {"seeds": [7]})
        assert changed == f"snakemake --cores all --configfile results/{name}/tables/config.yaml"


def values(root: Path) -> dict[str, str]:
    table = provenance.provenance(read_config(root / "config" / "test.yaml"), {"t.npz": "abc"})
    return dict(zip(table["what"], table["value"], strict=True))


def test_every_package_that_counts_has_its_version(root: Path) -> None:
    """One list: what the digest of the code counts is what the table says."""
    rows = values(root)
    assert {*digest.PACKAGES.values(), "snakemake"} <= rows.keys()
    imported = set()
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    # Who trains with Lightning has it; the study does not.
    assert imported - sys.stdlib_module_names - {"steep"} - NOT_COUNTED - PEERS - {"lightning"} == set(digest.PACKAGES)
    assert rows["numpy"] == sys.modules["numpy"].__version__ and rows["t.npz"] == "abc"


def test_a_package_without_a_version_is_not_called_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str | None:
        if name == "pandas":
            return None  # metadata that hold no version
        raise PackageNotFoundError(name)

    monkeypatch.setattr(digest, "version", version)
    monkeypatch.setattr(digest, "find_spec", lambda name: None if name == "nir" else object())
    digest.installed.cache_clear()
    try:
        rows = values(root)
    finally:
        digest.installed.cache_clear()
    assert (rows["numpy"], rows["pandas"], rows["nir"]) == ("of unknown version", "of unknown version", "not installed")


def test_a_processor_without_a_name_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path, *_: object, **__: object) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(provenance.platform, "processor", lambda: "")
    for machine, said in (("aarch64", "aarch64"), ("", "of unknown kind")):
        monkeypatch.setattr(provenance.platform, "machine", lambda machine=machine: machine)
        assert provenance._processor() == f"{said} (the system does not tell its name)"
