"""What `steep status` says: jobs done, begun and left, and the time of those left."""

import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.persistence.file import FilePersistence

import steep.study.status
from steep.errors import SteepError
from steep.study.status import Job, begun, describe, kept_seconds, plan, status

SNAKEFILE = """
print("rule invented:")

rule all:
    input: expand("r/{experiment}/figure, last (draft).svg", experiment=config["names"])

rule train:
    output: "r/{experiment}/a.npz", "r/{experiment}/b.csv"
    log: "r/logs/{experiment}/train (all).log"
    benchmark: "r/benchmarks/{experiment}/train.tsv"
    shell: "touch {output}"

rule draw:
    input: "r/{experiment}/a.npz"
    output: "r/{experiment}/figure, last (draft).svg"
    log: "r/logs/{experiment}/draw.log"
    shell: "touch {output}"
"""
# What a user may have set for Snakemake: each changes what it prints, or which jobs it would run.
PROFILE = "quiet: all\nprintshellcmds: true\nforceall: true\nuntil: train\nexecutor: slurm\ngroups: [train=g]\n"


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workflow of four jobs, of which one is done."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "c.yaml").write_text("names: ['007', logs]\n")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "c.yaml", "--", "r/007/a.npz"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_plan_is_snakemakes_own(workflow: Path) -> None:
    every, left = plan(Path("c.yaml"), every=True), plan(Path("c.yaml"), every=False)
    train = Job(
        "train",
        ("r/007/a.npz", "r/007/b.csv"),
        Path("r/logs/007/train (all).log"),
        Path("r/benchmarks/007/train.tsv"),
        "007",
    )
    draw = Job("draw", ("r/007/figure, last (draft).svg",), Path("r/logs/007/draw.log"), Path(), "007")
    assert len(every) == 4 and {train, draw} < set(every)
    assert set(left) == set(every) - {train} and [job.subject for job in left if job.rule == "train"] == ["logs"]


@pytest.mark.parametrize("variables", ["SNAKEMAKE_PROFILE", "XDG_CONFIG_HOME", "LC_ALL"])
def test_what_a_user_has_set_for_snakemake_changes_no_count(
    workflow: Path, monkeypatch: pytest.MonkeyPatch, variables: str
) -> None:
    for name in ("profiles/mine/profile.yaml", "snakemake/default/config.yaml", "profiles/default/profile.yaml"):
        (workflow / name).parent.mkdir(parents=True, exist_ok=True)
        (workflow / name).write_text(PROFILE)
    values = {"SNAKEMAKE_PROFILE": "profiles/mine", "XDG_CONFIG_HOME": str(workflow), "LC_ALL": "tr_TR.UTF-8"}
    monkeypatch.setenv(variables, values[variables])
    assert len(plan(Path("c.yaml"), every=True)) == 4
    assert len(plan(Path("c.yaml"), every=False)) == 3


def test_what_snakemake_cannot_plan_is_one_line(workflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workflow / "Snakefile").write_text('rule all:\n    input: "nobody-makes-it.txt"\n')
    with pytest.raises(SteepError, match=r"c\.yaml: Snakemake makes no plan \(.*nobody-makes-it") as refused:
        plan(Path("c.yaml"), every=False)
    assert "\n" not in str(refused.value)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SteepError, match="asked for its plan and stopped"):
        plan(Path("c.yaml"), every=False)


def test_a_count_that_is_not_snakemakes_is_an_error(workflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a wrong number: what was found is held against the total that Snakemake counts."""
    text = steep.study.status.PLAN.read_text()
    assert "dag.needrun_jobs(exclude_finished=False)" in text
    changed = workflow / "plan.py"
    changed.write_text(text.replace("dag.needrun_jobs(exclude_finished=False)", "dag.needrun_jobs()"))
    monkeypatch.setattr(steep.study.status, "PLAN", changed)
    with pytest.raises(SteepError, match="Snakemake counts 4 jobs, 0 were found"):
        plan(Path("c.yaml"), every=False)


def jobs(folder: Path, rule: str, *seconds: float | None, experiment: str = "") -> list[Job]:
    """Return jobs of a rule, with a benchmark for those that have a time."""
    found = []
    for number, value in enumerate(seconds):
        log, benchmark = (folder / kind / experiment / f"{rule}-{number}" for kind in ("logs", "benchmarks"))
        job = Job(rule, (f"{rule}{number}",), log.with_suffix(".log"), benchmark.with_suffix(".tsv"), experiment)
        if value is not None:
            job.benchmark.parent.mkdir(parents=True, exist_ok=True)
            job.benchmark.write_text(f"s\th:m:s\n{value}\t0:00:00\n")
        found.append(job)
    return found


def test_time_left_comes_from_this_study_then_from_the_kept_run(tmp_path: Path) -> None:
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


def test_notes_of_long_names_are_read_as_snakemake_writes_them(tmp_path: Path) -> None:
    (tmp_path / "incomplete").mkdir()
    outputs = {f"results/{'study-' * 15}/{'experiment-' * 9}/seed-0/original{n}.npz" for n in range(3)} | {"a~b?c>.npz"}
    for output in outputs:
        path = Path(FilePersistence._record_path(Namer(), tmp_path / "incomplete", output))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert any(path.is_dir() for path in (tmp_path / "incomplete").iterdir())
    assert begun(tmp_path) == outputs


class Namer:
    """What Snakemake's own naming of notes asks of its object."""

    def _fetch_max_len(self, subject: object) -> int:
        return 255


def test_the_kept_run_is_the_studys_own_or_the_papers() -> None:
    paper = kept_seconds("paper")
    assert paper["train_original"] > 1 and kept_seconds("mine") == paper
    assert kept_seconds("cifar10")["train_original"] > 3 * paper["train_original"]
    assert kept_seconds("cifar10")["sweep_stpu"] == paper["sweep_stpu"]


def test_a_config_that_is_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("study: mine\n")
    with pytest.raises(SteepError, match=r"mine\.yaml: title: missing; write it \(and \d more\)"):
        status(tmp_path / "mine.yaml")
