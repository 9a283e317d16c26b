"""Copies of this checkout, in which the workflow can be run."""

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import patience
import psutil
import yaml

# What a user has set for Snakemake is no part of the tests.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE_")}
ENVIRONMENT |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def copy_of(root: Path, target: Path) -> Path:
    """Copy what git would commit, so that nothing else is needed to run."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name)
    return target


def digests(folder: Path, names: list[str]) -> dict[str, str]:
    """Return the digests of files below a folder."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


# What a training's process does after its first checkpoint where a file `pause` in the working directory names it: it
# stops, as with Ctrl-Z. So it is in its middle for as long as a test needs, however slow or fast the machine.
PAUSE = """

import os, signal

_save = Checkpoint.save


def _save_and_pause(self, *state):
    _save(self, *state)
    if os.path.exists("pause") and open("pause").read() == self.path.name.split(".")[0]:
        os.kill(os.getpid(), signal.SIGSTOP)


Checkpoint.save = _save_and_pause
"""


def pause(folder: Path, network: str) -> None:
    """Let the training of that network stop in its middle."""
    (folder / "pause").write_text(network)


def paused(process: patience.Started, folder: Path) -> psutil.Process:
    """Wait until a training has stopped, and return it; those that come after it run through."""
    found: list[psutil.Process] = []

    def stopped() -> bool:
        root = psutil.Process(process.pid)
        for worker in [root, *patience.workers_of(root, folder.resolve())]:
            with suppress(psutil.Error):
                if worker.status() == psutil.STATUS_STOPPED:
                    found.append(worker)
        return bool(found)

    patience.until(stopped, process, folder)
    (folder / "pause").unlink()
    return found[0]


def with_long_training(folder: Path, epochs: int) -> Path:
    """Give the test study's dense network trainings of several epochs, which stop in the middle where a test asks."""
    with open(folder / "src" / "steep" / "resume.py", "a") as module:
        module.write(PAUSE)
    path = folder / "config" / "test.yaml"
    config = yaml.safe_load(path.read_text())
    for part in ("original", "sharpening"):
        config["recipes"]["adaptive"][part]["epochs"] = epochs
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return folder
