"""The worked examples work: docs/extending.md is run as it stands; the rule graph is the workflow's."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from checkouts import ENVIRONMENT, copy_of

from steep.study.catalogue import FIGURES, TABLES


@pytest.mark.dag
def test_the_worked_examples(root: Path, tmp_path: Path) -> None:
    folder = copy_of(root, tmp_path)
    environment = ENVIRONMENT | {"PYTHONPATH": str(folder / "src")}
    page = (folder / "docs" / "extending.md").read_text()
    blocks = re.findall(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [language for _, language, _ in blocks] == ["yaml", "python", "sh", "python", "sh", "sh"]
    output = ""
    for name, language, text in blocks:
        if language == "sh":
            done = subprocess.run(
                ["bash", "-e"], input=text, capture_output=True, text=True, cwd=folder, env=environment
            )
            assert done.returncode == 0, done.stdout + done.stderr
            output = done.stdout
        else:
            (folder / name).write_text(text)
    compared = pd.read_csv(folder / "results/mine/tables/backends.csv")
    spikes = compared[compared["quantity"] == "spikes"]
    assert set(spikes["backend"]) == {"plain"} and set(compared["backend"]) == {"plain", "torch"}
    assert compared["differing"].sum() == 0
    assert spikes["values"].sum() > 100_000
    assert "No experiment of this study is a row of the talk" in output
    accuracy = pd.read_csv(folder / "results/mine/tables/accuracy.csv")
    assert accuracy.groupby(["experiment", "stage"])["accuracy"].mean().min() > 60


def test_the_rule_graph_is_the_workflows(root: Path) -> None:
    command = [
        "snakemake",
        "--configfile",
        "config/test.yaml",
        "--forceall",
        "--rulegraph",
        "mermaid-js",
        "--quiet",
        "all",
    ]
    done = subprocess.run(command, cwd=root, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = dict(re.findall(r"(id\d+)\[(\w+)", done.stdout))
    boxes = {entry.rule: "figures" for entry in FIGURES} | {entry.rule: "tables" for entry in TABLES}
    planned = {
        tuple(boxes.get(names[rule], names[rule]) for rule in arrow)
        for arrow in re.findall(r"(id\d+) --> (id\d+)", done.stdout)
    }
    page = (root / "docs" / "rules.md").read_text()
    drawn = re.findall(r"^  (\w+) --> (\w+)$", page, re.MULTILINE)
    assert sorted(drawn) == sorted((a, b) for a, b in planned if a != b) and len(drawn) > 50
