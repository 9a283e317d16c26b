"""What was run, with what, on what: provenance as a result."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from steep.digest import PACKAGES, installed
from steep.study.checkout import ROOT, commit
from steep.study.config import read_config

SHIPPED = ROOT / "config"
COMMIT = "commit when the tables were made"


def command(config: dict[str, Any]) -> str:
    """Return the command that repeats a study: a target of the Makefile where the config is the one kept there."""
    name = config["study"]
    kept = SHIPPED / f"{name}.yaml"
    if kept.exists() and read_config(kept) == config:
        return {"paper": "make reproduce", "demo": "make demo"}.get(name, f"make reproduce STUDY={name}")
    return f"snakemake --cores all --configfile results/{name}/tables/config.yaml"


def _processor() -> str:
    """Return the processor's name; where the system tells none, what kind it is."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:  # no Linux
        pass
    kind = platform.processor() or platform.machine() or "of unknown kind"
    return f"{kind} (the system does not tell its name)"


def provenance(config: dict[str, Any], digests: dict[str, str]) -> pd.DataFrame:
    """Return rows of what and value.

    Parameters
    ----------
    config : the study's config.
    digests : digests of data and results, by name.

    """
    rows = {
        "study": config["study"],
        "seeds": ", ".join(str(seed) for seed in config["seeds"]),
        "tables made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        COMMIT: commit(),
        "Python": platform.python_version(),
        **{PACKAGES.get(name, name): installed(name) for name in (*PACKAGES, "snakemake")},
        "operating system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": _processor(),
        "cores": str(os.cpu_count() or "unknown"),
        "compute threads per job": "1",
        **digests,
    }
    return pd.DataFrame({"what": rows.keys(), "value": rows.values()})
