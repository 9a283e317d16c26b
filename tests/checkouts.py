"""Copies of this checkout, in which the workflow can be run."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


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


def with_long_training(folder: Path, epochs: int) -> Path:
    """Give the test study's dense network trainings that last long enough to be stopped in the middle."""
    path = folder / "config" / "test.yaml"
    config = yaml.safe_load(path.read_text())
    for part in ("original", "sharpening"):
        config["recipes"]["adaptive"][part]["epochs"] = epochs
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return folder
