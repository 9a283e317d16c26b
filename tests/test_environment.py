"""Lock, direct requirements and conda file say the same versions, and those are the ones installed."""

import re
from importlib.metadata import requires, version
from pathlib import Path

import yaml


def pins(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        if match := re.match(r"\s*([A-Za-z0-9_.-]+)==([^\s#]+)", line):
            found[match[1].lower().replace("_", "-")] = match[2]
    return found


def test_the_files_agree(root: Path) -> None:
    wanted = pins((root / "envs" / "requirements.in").read_text().splitlines())
    locked = pins((root / "envs" / "requirements.lock").read_text().splitlines())
    conda = yaml.safe_load((root / "envs" / "steep.yaml").read_text())["dependencies"]
    (by_pip,) = (entry["pip"] for entry in conda if isinstance(entry, dict))
    assert wanted and pins(by_pip) == wanted
    assert {name: locked.get(name) for name in wanted} == wanted
    assert "python =3.11" in conda


def test_the_lock_is_installed(root: Path) -> None:
    locked = pins((root / "envs" / "requirements.lock").read_text().splitlines())
    assert {name: version(name).split("+")[0] for name in locked} == locked


def test_the_plugins_for_clusters_are_installed_and_pinned_apart(root: Path) -> None:
    """They stand in a file of their own because of what they ask for; what they need besides is locked."""
    plugins = pins((root / "envs" / "cluster.lock").read_text().splitlines())
    locked = pins((root / "envs" / "requirements.lock").read_text().splitlines())
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


def test_every_locked_package_has_one_version(root: Path) -> None:
    lines = [
        line for line in (root / "envs" / "requirements.lock").read_text().splitlines() if not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[^\s]+", line) for line in lines)
    assert len(pins(lines)) == len(lines)
