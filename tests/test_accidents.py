"""Accidents, each done to the real workflow: nothing half-written is taken for a result, and the study ends in the same
bits as one that nobody disturbed. Ctrl-C and damaged results are in test_workflow.py, checkpoints in test_resume.py,
what a cluster adds in test_cluster.py."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import patience
import pytest
from checkouts import ENVIRONMENT, copy_of, digests, pause, paused, with_long_training

pytestmark = pytest.mark.dag
SEED = "results/test/small-dense-digits-current/seed-0"
NAMES = [
    f"{SEED}/{name}" for name in ("original.safetensors", "original.csv", "sharpened.safetensors", "activations.npz")
]
TARGET = NAMES[2]
ORIGINAL = NAMES[0]  # the first of the two trainings, where that one is enough


def command(*options: str, target: str) -> list[str]:
    return ["snakemake", target, "--profile", "profiles/test", "--cores", "1", *options]


def run(folder: Path, *options: str, target: str = TARGET, **environment: str) -> subprocess.CompletedProcess[str]:
    return patience.run(command(*options, target=target), folder, env=ENVIRONMENT | environment)


def start(folder: Path, *options: str, target: str = TARGET) -> patience.Started:
    return patience.Started(command(*options, target=target), folder, env=ENVIRONMENT, start_new_session=True)


def errors(output: str) -> list[str]:
    """Return the lines that this project's commands say about what is wrong."""
    return list(dict.fromkeys(line for line in output.splitlines() if "] error: " in line))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with frames, and a recipe whose trainings have many epochs."""
    folder = with_long_training(copy_of(Path(__file__).parents[1], tmp_path_factory.mktemp("prepared")), epochs=40)
    done = run(folder, "--until", "encode_frames")
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the study ends in when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    done = run(folder)
    assert done.returncode == 0, done.stdout
    return digests(folder, NAMES)


@pytest.fixture
def study(prepared: Path, tmp_path: Path) -> Path:
    """A checkout of one's own, with frames."""
    return shutil.copytree(prepared, tmp_path / "study")


@pytest.mark.parametrize("name", ["original", "sharpened"])
def test_a_killed_training_goes_on_by_itself(study: Path, undisturbed: dict[str, str], name: str) -> None:
    """SIGKILL in the middle, as the system does when memory is short; Snakemake tries again."""
    pause(study, name)
    running = start(study, "--retries", "1")
    paused(running, study).kill()
    output = running.end()
    assert running.returncode == 0, output
    assert output.count("goes on after epoch") == 1
    assert digests(study, NAMES) == undisturbed
    assert not [*study.rglob("*.part"), *study.rglob("*.checkpoint.npz")]


def test_a_killed_snakemake_says_how_to_go_on(study: Path, undisturbed: dict[str, str]) -> None:
    """SIGKILL of everything at once, like a power cut: the folder stays locked, the next run names the way out."""
    pause(study, "original")
    running = start(study)
    paused(running, study)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    status = subprocess.run(
        ["python", "-m", "steep", "status", "config/test.yaml"],
        cwd=study,
        env=ENVIRONMENT | {"PYTHONPATH": str(study / "src")},
        capture_output=True,
        text=True,
    )
    assert re.search(r"2 of \d+ jobs done, 1 running \(or cut off", status.stdout), status
    assert re.search(r"small-dense-digits-current seed 0, original\] epoch \d+/40", status.stdout), status
    again = run(study)
    assert again.returncode != 0 and "--unlock" in again.stdout and "Traceback" not in again.stdout
    assert run(study, "--unlock").returncode == 0
    last = run(study)
    assert last.returncode == 0 and "goes on after epoch" in last.stdout
    assert digests(study, NAMES) == undisturbed


def test_two_at_once_in_one_folder(study: Path, undisturbed: dict[str, str]) -> None:
    """The second run of the same study is refused; one of another study runs beside it. Neither is harmed."""
    pause(study, "original")
    running = start(study, target=ORIGINAL)
    trains = paused(running, study)  # it is not done before the others have come
    second = run(study, target=ORIGINAL)
    assert second.returncode != 0 and "locked" in second.stdout.lower() and "Traceback" not in second.stdout
    config = (study / "config" / "test.yaml").read_text().replace("study: test", "study: other")
    (study / "config" / "other.yaml").write_text(config)
    other = patience.run(
        ["snakemake", "results/other/datasets/digits/train.npz", "--cores", "1", "--configfile", "config/other.yaml"],
        study,
        env=ENVIRONMENT,
    )
    assert other.returncode == 0, other.stdout
    trains.resume()
    output = running.end()
    assert running.returncode == 0, output
    assert digests(study, [ORIGINAL])[ORIGINAL] == undisturbed[ORIGINAL]
    name = "datasets/digits/train.npz"
    assert digests(study / "results" / "other", [name]) == digests(study / "results" / "test", [name])


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Callable[[str], None]]:
    """Mount a file system in memory over a folder, which keeps its files; yield a function that changes its options."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    kept = shutil.copytree(folder, folder.with_name("kept"))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "steep-test", str(folder)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")

    def change(to: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{to}", str(folder)], check=True)

    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield change
    finally:
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.copytree(kept, folder, dirs_exist_ok=True)


def test_a_full_disk(study: Path, undisturbed: dict[str, str]) -> None:
    """No room for the trained network: one line, nothing half-written; with room the study goes on."""
    pages = sum(-(-path.stat().st_size // 4096) for path in (study / "results").rglob("*") if path.is_file())
    # Room for a log and a history, not for a network of 16,000 weights.
    with mounted(study / "results", f"size={4 * pages + 40}k") as change:
        done = run(study, target=ORIGINAL)
        assert done.returncode != 0
        (line,) = errors(done.stdout)
        assert "cannot be written (No space left on device); make room or change the folder and run again" in line
        assert "Traceback" not in done.stdout and not list(study.rglob("*.part"))
        change("size=100m")
        done = run(study, target=ORIGINAL)
        assert done.returncode == 0, done.stdout
        assert digests(study, [ORIGINAL])[ORIGINAL] == undisturbed[ORIGINAL]


def test_a_read_only_folder(study: Path, undisturbed: dict[str, str]) -> None:
    with mounted(study / "results", "size=100m") as change:
        change("ro")
        done = run(study, target=ORIGINAL)
        assert done.returncode != 0 and "Read-only file system" in done.stdout
        assert "Traceback" not in done.stdout, done.stdout
        change("rw")
        done = run(study, target=ORIGINAL)
        assert done.returncode == 0, done.stdout
        assert digests(study, [ORIGINAL])[ORIGINAL] == undisturbed[ORIGINAL]


def test_clock_and_language(study: Path, undisturbed: dict[str, str]) -> None:
    """Frames that seem to come from the day after tomorrow: Snakemake refuses to take what is older than they, and says
    why. With the clock set right the study goes on, whatever the language and the time zone."""

    def set_times(seconds: float) -> None:
        for path in (study / "results").rglob("*.npz"):
            os.utime(path, (seconds, seconds))

    set_times(time.time() + 2 * 86400)
    done = run(study, target=ORIGINAL)
    assert done.returncode != 0 and "clock skew" in done.stdout and "Traceback" not in done.stdout
    set_times(time.time() - 60)
    done = run(study, target=ORIGINAL, LC_ALL="C", LANG="", TZ="Pacific/Kiritimati", PYTHONUTF8="0")
    assert done.returncode == 0, done.stdout
    assert digests(study, [ORIGINAL])[ORIGINAL] == undisturbed[ORIGINAL]
    again = run(study, target=ORIGINAL, LC_ALL="tr_TR.UTF-8", TZ="America/St_Johns")
    assert "Nothing to be done" in again.stdout


def test_without_a_compiler(prepared: Path, tmp_path: Path) -> None:
    """Brian2 without a C++ compiler in reach: it runs all the same, or one line says what to install."""
    import numpy as np

    from steep.frames import Frames
    from steep.threshold.network import ThresholdNetwork, dense

    weight = np.random.default_rng(0).integers(-3, 4, (5, 16)).astype(np.int32)
    ThresholdNetwork((1, 4, 4), (dense(0, weight, np.full(5, 0.5)),)).save(tmp_path / "network.npz")
    values = np.random.default_rng(1).integers(0, 2, (30, 1, 4, 4)).astype(np.uint8)
    Frames(values, np.zeros(30, np.uint8), 5, 1).save(tmp_path / "frames.npz")
    (tmp_path / "empty").mkdir()
    nothing = {"PATH": str(tmp_path / "empty"), "CC": "none-cc", "CXX": "none-cxx", "HOME": str(tmp_path)}
    nothing |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(prepared / "src")}
    spikes = {}
    for simulator in ("torch", "brian2"):
        options = {"simulator": simulator, "network": tmp_path / "network.npz", "frames": tmp_path / "frames.npz"}
        options |= {"output": tmp_path / f"{simulator}.npz"}
        done = patience.run(
            [sys.executable, "-m", "steep", "simulate-network"]
            + [str(word) for name, value in options.items() for word in (f"--{name}", value)],
            env=ENVIRONMENT | nothing,
        )
        if simulator == "brian2" and done.returncode != 0:
            (line,) = errors(done.stdout)
            assert "compiler" in line or "g++" in line, done.stdout
            assert "Traceback" not in done.stdout
            return
        assert done.returncode == 0, done.stdout
        spikes[simulator] = (tmp_path / f"{simulator}.npz").read_bytes()
    assert spikes["torch"] == spikes["brian2"]
