"""What `steep status` says: jobs done, begun and left, and the time of those left."""

from pathlib import Path

import pytest

from steep.errors import SteepError
from steep.status import Job, begun, describe, parse, plan, reference_seconds

PLAN = """Building DAG of jobs...
rule train_original:
    input: results/t/frames/train.npz, results/t/frames/validation.npz
    output: results/t/e/seed-0/original.safetensors, results/t/e/seed-0/original.csv
    log: results/t/logs/e/seed-0/train_original.log
    jobid: 3
    wildcards: experiment=e, seed=0
    resources: tmpdir=<TBD>, mem_mb=2000

rule plot_bits:
    input: results/t/tables/study-bits.csv
    output: results/t/figures/bits-e.svg
    log: results/t/logs/e/plot_bits.log
    jobid: 4

rule all:
    input: results/t/figures/bits-e.svg
    jobid: 0

Job stats:
job               count
"""


def test_a_plan_is_read() -> None:
    original, figure = parse(PLAN)
    assert original == Job(
        "train_original",
        ("results/t/e/seed-0/original.safetensors", "results/t/e/seed-0/original.csv"),
        Path("results/t/logs/e/seed-0/train_original.log"),
    )
    assert figure.benchmark == Path("results/t/benchmarks/e/plot_bits.tsv")
    assert original.subject == figure.subject == "e"
    assert Job("tabulate_talk", (), Path("results/t/logs/tabulate_talk.log")).subject == ""


def jobs(folder: Path, rule: str, *seconds: float | None, experiment: str = "") -> list[Job]:
    """Return jobs of a rule, with a benchmark for those that have a time."""
    found = []
    for number, value in enumerate(seconds):
        job = Job(rule, (f"{rule}{number}",), folder / "logs" / experiment / f"{rule}-{number}.log")
        if value is not None:
            job.benchmark.parent.mkdir(parents=True, exist_ok=True)
            job.benchmark.write_text(f"s\th:m:s\n{value}\t0:00:00\n")
        found.append(job)
    return found


def test_time_left_comes_from_this_study_then_from_the_reference(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    trained, stated, unknown = (
        jobs(tmp_path, "train", 100.0, 140.0, None, None),
        jobs(tmp_path, "score", None),
        jobs(tmp_path, "plot", None),
    )
    left = [*trained[2:], *stated, *unknown]
    trained[2].log.write_text("[e] epoch 1/3\n[e] epoch 2/3, 50 s left\n")
    text = describe([*trained, *stated, *unknown], left, {"train2"}, True, {"score": 60.0, "train": 9.0})
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()}
    assert rows["train"] == ["2", "1", "2", "240", "s"]  # two times the mean of 100 and 140 s
    assert rows["score"] == ["0", "0", "1", "60", "s"] and rows["plot"] == ["0", "0", "1", "?"]
    assert "2 of 6 jobs done, 1 running" in text
    assert "about 5 minutes of one core left, and 1 short jobs never measured" in text
    assert "[e] epoch 2/3, 50 s left" in text
    assert "interrupted" in describe([*trained, *stated], [*trained[2:], *stated], {"train2"}, False, {})
    assert describe(trained[:2], [], set(), False, {}) == "2 of 2 jobs done"


def test_an_experiment_is_estimated_by_its_own_jobs(tmp_path: Path) -> None:
    """Networks differ in size: the mean of a rule is for experiments of which nothing has been measured."""
    small = jobs(tmp_path, "train", 10.0, 14.0, None, experiment="small")
    large = jobs(tmp_path, "train", 300.0, None, None, experiment="large")
    other = jobs(tmp_path, "train", None, experiment="other")
    every = [*small, *large, *other]
    text = describe(every, [small[2], *large[1:], *other], set(), False, {"train": 9.0})
    assert text.splitlines()[1].split() == ["train", "3", "0", "4", "720", "s"]  # 12, two times 300, and 108 s
    assert "about 12 minutes of one core left" in text


def test_what_was_begun_is_read_from_snakemakes_notes(tmp_path: Path) -> None:
    (tmp_path / "incomplete").mkdir()
    (tmp_path / "incomplete" / "cmVzdWx0cy9h").touch()
    assert begun(tmp_path) == {"results/a"} and begun(tmp_path / "none") == set()


def test_the_reference_is_the_studys_own_or_the_papers() -> None:
    paper = reference_seconds("paper")
    assert paper["train_original"] > 1 and reference_seconds("mine") == paper
    assert reference_seconds("cifar10")["train_original"] > 3 * paper["train_original"]
    assert reference_seconds("cifar10")["study_stpu"] == paper["study_stpu"]


def test_a_config_that_is_wrong_is_one_line(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (tmp_path / "mine.yaml").write_text("study: 7\n")
    with pytest.raises(SteepError, match=r"mine\.yaml") as refused:
        plan(tmp_path / "mine.yaml")
    assert "\n" not in str(refused.value)
