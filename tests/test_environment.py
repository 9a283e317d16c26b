"""Lock, direct requirements and conda file say the same versions, and those are the ones installed."""

import re
from importlib.metadata import version
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


def test_every_locked_package_has_one_version(root: Path) -> None:
    lines = [
        line for line in (root / "envs" / "requirements.lock").read_text().splitlines() if not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[^\s]+", line) for line in lines)
    assert len(pins(lines)) == len(lines)
