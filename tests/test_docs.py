"""The worked examples work: docs/extending.md is run as it stands; the rule graph is the workflow's."""

import json
import re
import subprocess
import sys
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
    kinds = ["yaml", "python", "sh", "python", "sh", "sh", "sh", "python", "rst", "sh", "python", "rst", "sh", "sh"]
    assert [language for _, language, _ in blocks] == kinds
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
    compared = pd.read_csv(folder / "results/mine/tables/comparisons.csv")
    spikes = compared[compared["quantity"] == "spikes"]
    assert set(spikes["simulator"]) == {"plain"} and set(compared["simulator"]) == {"plain", "torch"}
    assert compared["differing"].sum() == 0
    assert spikes["values"].sum() > 100_000
    assert "No experiment of this study is a row of the talk" in output
    accuracy = pd.read_csv(folder / "results/mine/tables/accuracy.csv")
    assert accuracy.groupby(["experiment", "stage"])["accuracy"].mean().min() > 60
    # The layer type, the key, the figure and the table are there, and no simulator differs on them.
    sizes = pd.read_csv(folder / "results/mine/tables/sizes.csv").set_index("experiment")
    # A filter of a group sees one of four channels.
    assert sizes.loc["my-net-stripes", "synapses"] <= 4 * 9 * 25 + 8 * 4 * 16 + 128 * 40 + 40 * 2
    log = (folder / "results/mine/logs/my-net-stripes/seed-0/train_original.log").read_text()
    assert "epoch 4/4" in log
    summary = (folder / "results/mine/summary.html").read_text()
    assert "How large the networks are" in summary and "potentials-my-net-stripes" in summary
    # What the page adds to the code is as tidy as the rest, and the type checker finds nothing forgotten.
    for command in (
        ["ruff", "check", "src"],
        ["mypy", "src"],
        ["snakemake", "--lint", "--configfile", "my-study.yaml"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr


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


def pretend_finished(folder: Path, config: str) -> None:
    """Give a study files that say nothing, and let Snakemake note them as made: no job runs."""
    (script,) = (folder / "src").rglob("plan.py")
    command = [sys.executable, "-P", str(script), "Snakefile", config, "every"]
    planned = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    for job in json.loads(planned.stdout)["jobs"]:
        for name in filter(None, [*job["outputs"], job["log"], job["benchmark"]]):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("s\n1.0\n")
    touch = ["snakemake", "--touch", "--forceall", "--cores", "1", "--configfile", config]
    subprocess.run(touch, cwd=folder, env=ENVIRONMENT, capture_output=True, check=True)


@pytest.mark.dag
def test_why_a_job_runs_again_is_printed_as_the_page_says(root: Path, tmp_path: Path) -> None:
    """Every line of the page's outputs is printed, in this order; digests of code are any digests."""
    folder = copy_of(root, tmp_path)
    environment = ENVIRONMENT | {"PYTHONPATH": str(folder / "src")}
    pretend_finished(folder, "config/demo.yaml")
    page = (folder / "docs" / "why-did-this-job-run-again.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```\n\n```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == page.count("```sh") == page.count("```text") == 6
    for commands, shown in blocks:
        done = subprocess.run(["bash", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True)
        printed = iter([plain(line) for line in (done.stdout + done.stderr).splitlines()])
        for line in shown.splitlines():
            assert line == "[...]" or plain(line) in printed, f"{commands}{line}\n{done.stdout}{done.stderr}"
    table = dict(re.findall(r"^\| ([^|]+) \| (\d+) \|", page, re.MULTILINE))
    counted: dict[str, int] = {}
    for change, (name, old, new) in {
        "a comment, a docstring": ("src/steep/figures/bits.py", "SHOWN = 3 ", "# A comment.\nSHOWN = 3 "),
        "a remark in the config": ("config/demo.yaml", "remarks: [", 'remarks: ["A remark.", '),
        "a constant of one figure": ("src/steep/figures/bits.py", "SHOWN = 3 ", "SHOWN = 4 "),
        "the title of a network": ("config/demo.yaml", "title: STPU DNN", "title: Dense"),
        "one more seed": ("config/demo.yaml", "seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3]"),
        "the code of `threshold/network.py`": ("src/steep/threshold/network.py", "\nimport ", "\nEXTRA = 1\nimport "),
        "the epochs of the sharpening recipe": ("config/demo.yaml", "epochs: 40", "epochs: 41"),
    }.items():
        before = (folder / name).read_text()
        assert old in before
        (folder / name).write_text(before.replace(old, new))
        counted[change] = jobs_planned(folder)
        (folder / name).write_text(before)
    assert counted == {change: int(table.pop(change)) for change in counted}
    assert list(table) == ["the version of Matplotlib"]


def jobs_planned(folder: Path) -> int:
    """Return how many jobs of the demo study Snakemake would run, its final target counted."""
    command = ["snakemake", "-n", "--configfile", "config/demo.yaml"]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    totals = re.findall(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    return int(totals[0]) if totals else 0


def plain(line: str) -> str:
    """Return a line of output without digests and without spaces at its end."""
    return re.sub(r"'[0-9a-f]{16}'", "'digest'", line).rstrip()
