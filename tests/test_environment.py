"""Lock, direct requirements and conda file say the same versions, and those are the ones installed."""

import os
import re
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

PYTHONS = ("3.11", "3.12", "3.13")
RUNNING = ".".join(map(str, sys.version_info[:2]))


def lock(python: str) -> str:
    """Return the lock of a Python; the kept runs are from 3.11, whose has no number in its name."""
    return f"envs/requirements{'' if python == '3.11' else f'-{python}'}.lock"


def wanted_by(root: Path, python: str) -> dict[str, str]:
    """Return the direct requirements of a Python."""
    lines = [line.split(" #")[0].strip() for line in (root / "envs" / "requirements.in").read_text().splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    chosen = [one for one in wanted if one.marker is None or one.marker.evaluate({"python_version": python})]
    found = pins([f"{one.name}{one.specifier}" for one in chosen])
    assert len(found) == len(chosen)
    return found


def pins(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        if match := re.match(r"\s*([A-Za-z0-9_.-]+)==([^\s#]+)", line):
            found[match[1].lower().replace("_", "-")] = match[2]
    return found


def test_conda_says_the_same(root: Path) -> None:
    conda = yaml.safe_load((root / "envs" / "steep.yaml").read_text())["dependencies"]
    (by_pip,) = (entry["pip"] for entry in conda if isinstance(entry, dict))
    assert pins(by_pip) == wanted_by(root, "3.11") != {}
    assert "python =3.11" in conda


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_has_its_lock(root: Path, python: str) -> None:
    text = (root / lock(python)).read_text()
    wanted, locked = wanted_by(root, python), pins(text.splitlines())
    assert text.startswith(f"# Written by make lock from requirements.in. Python {python}, Linux.\n")
    assert {name: locked.get(name) for name in wanted} == wanted
    assert not [name for name in locked if re.match("nvidia|cuda|triton", name)]


def test_there_is_no_other_lock(root: Path) -> None:
    assert {f"envs/{path.name}" for path in (root / "envs").glob("requirements*.lock")} == {*map(lock, PYTHONS)}


def made_with(root: Path, tmp_path: Path, python: str, says: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Ask make what it would do for `make test` with an interpreter that says that it is a Python of that version."""
    interpreter = tmp_path / python
    interpreter.write_text(f"#!/bin/sh\necho {says}\n")
    interpreter.chmod(0o755)
    command = ["make", *options, "-f", str(root / "Makefile"), "test", f"PYTHON={interpreter}", f"VENV={tmp_path}/venv"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("python", PYTHONS)
def test_make_takes_the_lock_of_the_interpreter(root: Path, tmp_path: Path, python: str) -> None:
    done = made_with(root, tmp_path, "python", python, "-n")
    assert done.returncode == 0, done.stderr
    assert f"pip install -q -r {lock(python)}\n" in done.stdout
    assert f"test -x {tmp_path}/venv/bin/python{python} ||" in done.stdout


def test_make_says_which_python_it_needs(root: Path, tmp_path: Path) -> None:
    done = made_with(root, tmp_path, "python", "3.10")
    line = done.stderr.splitlines()[0]
    assert line == (
        f"error: Python 3.11, 3.12 or 3.13 is needed, {tmp_path}/python is 3.10; "
        "write make PYTHON=/path/to/python3.11 ..."
    )
    assert done.returncode == 2 and not (tmp_path / "venv").exists()


def test_make_makes_the_environment_of_another_python_anew(root: Path, tmp_path: Path) -> None:
    """One that is complete stays; asked for another Python, make does not go on with it."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python3.12").touch()
    (tmp_path / "venv" / ".ready").touch()
    assert "-m venv" not in made_with(root, tmp_path, "python", "3.12", "-n").stdout
    assert "-m venv --clear" in made_with(root, tmp_path, "python", "3.13", "-n").stdout


def test_the_lock_is_installed(root: Path) -> None:
    locked = pins((root / lock(RUNNING)).read_text().splitlines())
    assert {name: version(name).split("+")[0] for name in locked} == locked


def test_the_plugins_for_clusters_are_installed_and_pinned_apart(root: Path) -> None:
    """They stand in a file of their own because of what they ask for; what they need besides is locked."""
    plugins = pins((root / "envs" / "cluster.lock").read_text().splitlines())
    locked = pins((root / lock(RUNNING)).read_text().splitlines())
    assert plugins and not plugins.keys() & locked.keys()
    assert {name: version(name) for name in plugins} == plugins
    needed = {
        re.match(r"[A-Za-z0-9_.-]+", text)[0].lower().replace("_", "-")
        for name in plugins
        for text in requires(name) or []
    }
    assert needed <= plugins.keys() | locked.keys()


def test_containers_and_makefile_install_the_same(root: Path) -> None:
    """Dockerfile and Apptainer's recipe are the same steps, and those are the Makefile's: torch from its CPU index, the
    lock, the plugins."""
    docker = (root / "Dockerfile").read_text()
    apptainer = (root / "containers" / "steep.def").read_text()
    steps = [line.removeprefix("RUN ") for line in docker.splitlines() if line.startswith("RUN ")]
    section = apptainer[apptainer.index("%post") :].split("\n\n")[0].splitlines()[1:]
    assert steps == [line.strip() for line in section]
    assert re.search(r"^FROM (.+)$", docker, re.M)[1] == re.search(r"^From: (.+)$", apptainer, re.M)[1]
    assert "python:3.11" in docker
    copied = re.search(r"^COPY (.+) /opt/steep/envs/$", docker, re.M)[1].split()
    files = [line.split() for line in apptainer[apptainer.index("%files") :].split("\n\n")[0].splitlines()[1:]]
    assert files == [[name, f"/opt/steep/{name}"] for name in copied]
    assert all((root / name).is_file() for name in copied)

    def options(text: str) -> list[list[str]]:
        """The pip installations in order, without what differs by place."""
        calls = re.findall(r"pip install ((?:-|\$|\S)[^\n|;&]*)", text)
        cleaned = [
            re.sub(r"/opt/steep/|--no-cache-dir |-q |--retries 1 ", "", call)
            .replace("$(TORCH_INDEX)", re.search(r"TORCH_INDEX \?= (\S+)", makefile)[1])
            .replace("$$", "$")
            .replace("$<", "envs/requirements.lock")
            .strip(" \\")
            for call in calls
        ]
        return [call.split() for call in cleaned]

    makefile = (root / "Makefile").read_text()
    rule = makefile[makefile.index("$(READY):") : makefile.index("$(PEERS)/.ready:")]
    wanted = [call for call in options(rule) if "-e" not in call]
    wanted = [call for number, call in enumerate(wanted) if number != 1]  # the way out without the CPU index
    assert len(wanted) == 3
    assert options("\n".join(steps)) == wanted


@pytest.mark.parametrize("python", PYTHONS)
def test_every_locked_package_has_one_version(root: Path, python: str) -> None:
    lines = [line for line in (root / lock(python)).read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[^\s]+", line) for line in lines)
    assert len(pins(lines)) == len(lines)
