"""How to run a study again."""

from pathlib import Path

import pytest

from steep.analysis import provenance
from steep.config import read_config


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://example.org/a/steep.git", "https://example.org/a/steep.git"),
        ("https://me:secret@example.org:8443/a/steep", "https://example.org:8443/a/steep"),
        ("git@example.org:a/steep.git", ""),
        ("/home/me/steep", ""),
        ("", ""),
    ],
)
def test_no_password_and_no_folder_is_shown(monkeypatch: pytest.MonkeyPatch, remote: str, shown: str) -> None:
    monkeypatch.setattr(provenance, "_git", lambda *_: remote)
    assert provenance.origin() == shown


def test_a_kept_config_is_named_and_another_one_given(root: Path) -> None:
    expected = {"paper": "make reproduce", "demo": "make demo", "encodings": "make reproduce STUDY=encodings"}
    for name, words in expected.items():
        config = read_config(root / "config" / f"{name}.yaml")
        assert provenance.command(config) == words
        changed = provenance.command(config | {"seeds": [7]})
        assert changed == f"snakemake --cores all --configfile results/{name}/tables/config.yaml"
