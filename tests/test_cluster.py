"""The profiles for clusters, run on a Slurm of two nodes that the tests start: the same digests as on one machine, and
jobs that are cancelled or killed are tried again and go on."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import patience
import pytest
import slurm
from checkouts import ENVIRONMENT, copy_of, digests, pause, paused, with_long_training

pytestmark = pytest.mark.dag
FOLDER = "results/test/small-dense-digits-current"
TARGETS = [f"{FOLDER}/seed-{seed}/scores-potential.csv" for seed in (0, 1)]
NAMES = [
    f"{FOLDER}/seed-{seed}/{name}"
    for seed in (0, 1)
    for name in (
        "original.safetensors",
        "sharpened.safetensors",
        "threshold.npz",
        "spikes/stpu.npz",
        "scores-potential.csv",
    )
]

TRAININGS = {"train_original", "continue_original", "sharpen_network"}
# What the group `tables` makes of it cheaply: two figures that do not depend on each other.
FIGURES = ["results/test/figures/convergence-small-dense-digits-current.svg", "results/test/figures/sigmoid.svg"]

# A dry run that says of every job of the queue its group or rule, how many of the study's jobs it is, and the minutes,
# megabytes and cores it would ask for.
QUEUE = """
import sys
from snakemake.cli import main
from snakemake.executors.dryrun import Executor
from snakemake.resources import GroupResources

def say(self, job, run=Executor.run_job):
    name, jobs, asked = job.name, 1, job.resources
    if job.is_group():
        name, jobs = job.groupid, len(job.jobs)
        asked = GroupResources.basic_layered(job.toposorted, job.global_resources, run_local=False)
    if name != "all":
        print("queued", name, jobs, *[asked[key] for key in ("runtime", "mem_mb", "_cores")])
    run(self, job)

Executor.run_job = say
main(sys.argv[1:])
"""


def run(folder: Path, *options: str, targets: list[str] = TARGETS) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a checkout; waiting for a job that never ends is stopped."""
    return patience.run(["snakemake", *targets, "--configfile", "config/test.yaml", *options], folder, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if reason := slurm.obstacle():
        pytest.skip(reason)
    with slurm.cluster(tmp_path_factory.mktemp("slurm") / "state-of-slurm"):
        yield


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which nothing was run."""
    return with_long_training(copy_of(Path(__file__).parents[1], tmp_path_factory.mktemp("fresh")), epochs=100)


@pytest.fixture(scope="module")
def prepared(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with frames, made on this machine."""
    folder = shutil.copytree(fresh, tmp_path_factory.mktemp("prepared") / "study")
    done = run(folder, "--cores", "2", "--until", "encode_frames")
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def here(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What comes of the study on one machine, without a cluster."""
    folder = shutil.copytree(prepared, tmp_path_factory.mktemp("here") / "study")
    done = run(folder, "--cores", "2")
    assert done.returncode == 0, done.stdout
    return digests(folder, NAMES)


def test_slurm_and_scancel(two_nodes: None, fresh: Path, here: dict[str, str], tmp_path: Path) -> None:
    """The trainings go to Slurm as an array of seeds, are cancelled in the middle by somebody, and go on."""
    folder = shutil.copytree(fresh, tmp_path / "study")
    command = ["snakemake", *TARGETS, *FIGURES, "--configfile", "config/test.yaml", "--profile", "profiles/slurm"]
    pause(folder, "original")
    running = patience.Started([*command, "--slurm-init-seconds-before-status-checks", "5"], folder, env=ENVIRONMENT)
    paused(running, folder)
    listed = subprocess.run(["squeue", "-h", "-o", "%i"], capture_output=True, text=True).stdout.split()
    arrays = {job.split("_")[0] for job in listed if "_" in job}
    assert arrays, listed
    subprocess.run(["scancel", *arrays], check=True)
    said = running.end()
    assert running.returncode == 0, said
    assert "Trying to restart job" in said and "array job" in said
    assert digests(folder, NAMES) == here
    assert all((folder / name).is_file() for name in FIGURES)
    logs = [path.read_text() for path in (folder / "results/test/logs").rglob("train_original.log")]
    assert any("goes on after epoch" in log for log in logs)
    assert not [*folder.rglob("*.part"), *folder.rglob("*.checkpoint.npz")]
    # Data were one job, all that comes after the trainings of a seed was one job each, and the figures were one.
    for group, count in {"data": 1, "threshold": 2, "tables": 1}.items():
        jobs = [line for line in said.splitlines() if "has been submitted" in line and f"group_{group}" in line]
        assert len(jobs) == count, said


def queued() -> list[tuple[str, str]]:
    """Return number and memory of every job that runs."""
    listed = subprocess.run(["squeue", "-h", "-t", "running", "-o", "%i %m"], capture_output=True, text=True)
    return [tuple(line.split()) for line in listed.stdout.splitlines()]


def test_generic_and_a_job_over_its_memory_and_its_time(
    two_nodes: None, prepared: Path, here: dict[str, str], tmp_path: Path
) -> None:
    """Slurm kills the training twice: the first attempt asked for too little memory, the second one hangs in the middle
    until its time runs out (its end is set to soon; Slurm counts time limits in whole minutes). The third goes on from
    there."""
    folder = shutil.copytree(prepared, tmp_path / "study")
    name = f"{FOLDER}/seed-0/original.safetensors"
    command = ["snakemake", name, "--configfile", "config/test.yaml", "--profile", "profiles/generic"]
    command += ["--set-resources", "train_original:mem_mb=250 * attempt ** 2"]
    pause(folder, "original")
    running = patience.Started(command, folder, env=ENVIRONMENT)
    paused(running, folder)
    (job,) = (job for job, memory in queued() if memory == "1000M")
    # Slurm looks at the clock twice a minute; stopped, the training waits for it, as one that hangs. An end that is
    # past when Slurm reads it would be refused.
    subprocess.run(["scontrol", "update", f"JobId={job}", "EndTime=now+5"], check=True)
    said = running.end()
    assert running.returncode == 0, said
    assert said.count("Trying to restart job") == 2
    assert digests(folder, [name])[name] == here[name]
    logs = "".join(path.read_text() for path in (folder / ".snakemake" / "cluster-logs").iterdir())
    assert re.search("exceeded memory limit|Exceeded job memory|oom", logs), logs
    assert "DUE TO TIME LIMIT" in logs and "goes on after epoch" in logs, logs


def test_every_rule_is_in_a_group_or_trains(root: Path) -> None:
    """A rule without a group would be queued job by job."""
    rules = {
        rule: body
        for path in (root / "rules").glob("*.smk")
        for rule, body in re.findall(r"^ *rule (\w*):\n((?:.+\n|\n(?!\n))*)", path.read_text(), re.M)
    }
    assert {rule for rule, body in rules.items() if "group:" not in body} == TRAININGS
    generated = re.findall(r"^    rule:\n((?:.+\n|\n(?!\n))*)", (root / "rules" / "catalogue.smk").read_text(), re.M)
    assert len(generated) == 2 and all("group:" in body for body in generated)


@pytest.mark.parametrize("name", ["slurm", "generic"])
def test_what_jobs_ask_for(root: Path, tmp_path: Path, name: str) -> None:
    """Snakemake adds up the minutes of jobs that follow each other. The third attempt asks for three times what the
    first one does, and still for no more than partitions of four hours give."""
    arguments = ["--profile", f"profiles/{name}", "--configfile", "config/paper.yaml", "--dry-run", "--attempt", "3"]
    done = patience.run([sys.executable, "-c", QUEUE, *arguments], copy_of(root, tmp_path), env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout
    found = re.findall(r"^queued (\w+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.M)
    assert {line[0] for line in found} == TRAININGS | {"data", "threshold", "tables"}
    for line in found:
        jobs, runtime, memory, cores = map(int, line[1:])
        assert jobs > 1 or line[0] in TRAININGS, line  # a group of one waits in the queue longer than it runs
        assert runtime <= 3 * 80 and memory <= 3 * 12000 and cores <= 4, line
