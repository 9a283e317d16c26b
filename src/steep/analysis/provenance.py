"""What was run, with what, on what: provenance as a result."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from steep.config import read_config

SHIPPED = Path(__file__).parents[3] / "config"
COMMIT = "commit when the tables were made"
PACKAGES = ("torch", "brian2", "numpy", "scipy", "pandas", "matplotlib", "snakemake", "safetensors", "scikit-learn")


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def origin() -> str:
    """Return the web address that this checkout was cloned from, without a name or password in it; empty where there is
    none."""
    address = urlsplit(_git("remote", "get-url", "origin"))
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl() if address.scheme == "https" else ""


def command(config: dict[str, Any]) -> str:
    """Return the command that repeats a study: a target of the Makefile where the config is the one kept there."""
    name = config["study"]
    kept = SHIPPED / f"{name}.yaml"
    if kept.exists() and read_config(kept) == config:
        return {"paper": "make reproduce", "demo": "make demo"}.get(name, f"make reproduce STUDY={name}")
    return f"snakemake --cores all --configfile results/{name}/tables/config.yaml"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def provenance(config: dict[str, Any], digests: dict[str, str]) -> pd.DataFrame:
    """Return rows of what and value.

    Parameters
    ----------
    config : the study's config.
    digests : digests of data and results, by name.

    """
    commit = _git("rev-parse", "HEAD") or "unknown (not a git checkout)"
    changed = " with uncommitted changes" if _git("status", "--porcelain") else ""
    versions = {d.metadata["Name"].lower(): d.version for d in distributions() if d.metadata["Name"]}
    rows = {
        "study": config["study"],
        "seeds": ", ".join(str(seed) for seed in config["seeds"]),
        "tables made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        COMMIT: commit + changed,
        "Python": platform.python_version(),
        **{package: versions.get(package, "not installed") for package in PACKAGES},
        "operating system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "compute threads per job": "1",
        **digests,
    }
    return pd.DataFrame({"what": rows.keys(), "value": rows.values()})
