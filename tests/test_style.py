"""The house is tidy: formatters, linters and the type checker have nothing to say."""

import subprocess
from pathlib import Path

import pytest

COMMANDS = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy", "src"],
    ["snakefmt", "--check", "Snakefile", "rules"],
    ["snakemake", "--lint", "--configfile", "config/test.yaml"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(command[:2]) for command in COMMANDS])
def test_nothing_to_say(root: Path, command: list[str]) -> None:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
