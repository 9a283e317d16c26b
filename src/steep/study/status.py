"""Where a study stands: which jobs are done, running and left, and about how long they will take.

Snakemake is asked what it would do (`steep.study.plan`). What a job takes is known from the benchmarks of the same rule
in this study, those of the same experiment if there are any, or, where the rule has not run yet, from the study's
kept run.
"""

import base64
import binascii
import json
import math
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from steep.errors import SteepError
from steep.study.checkout import ROOT
from steep.study.config import check_config, read_config
from steep.tables import TAB, read_table

# The paper study's kept run lies in this folder itself, another study's in a folder below.
KEPT = ROOT / "report" / "kept"
PLAN = Path(__file__).with_name("plan.py")


@dataclass(frozen=True)
class Job:
    """A job of the study: its rule, its outputs, its log file, which tells it from all others, the file with its
    measured time, and the experiment or data set it is about, empty for all of the study."""

    rule: str
    outputs: tuple[str, ...]
    log: Path
    benchmark: Path
    subject: str = ""

    def last_line(self) -> str:
        """Return the last line of its log, empty where there is none yet."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        return lines[-1] if lines else ""


def plan(config: Path, every: bool) -> list[Job]:
    """Return the jobs that Snakemake would run for a study, or `every` one; those without a log (the final target) are
    not counted.

    The workflow is the one in the working directory, or the one that this module belongs to; nothing else decides, no
    profile and no environment variable of Snakemake's.

    Raises
    ------
    SteepError
        with what Snakemake says, when it cannot say.

    """
    snakefile = Path("Snakefile") if Path("Snakefile").is_file() else ROOT / "Snakefile"
    command = [sys.executable, "-P", str(PLAN), str(snakefile), str(config), "every" if every else "left"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE_")}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
    if not done.stdout:
        lines = done.stderr.strip().splitlines() or ["no word from it"]
        raise SteepError(f"{config}: Snakemake was asked for its plan and stopped ({lines[-1].strip()})")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise SteepError(f"{config}: Snakemake makes no plan ({answer['error']})")
    return [
        Job(
            job["rule"],
            tuple(job["outputs"]),
            Path(job["log"]),
            Path(job["benchmark"]),
            job["wildcards"].get("experiment", job["wildcards"].get("dataset", "")),
        )
        for job in answer["jobs"]
        if job["log"]
    ]


def begun(folder: Path) -> set[str]:
    """Return the outputs that Snakemake has begun to make and not finished, from its notes in `folder`.

    A note is named as its output, in base64 for file names; where that is too long, its beginnings are folders whose
    names begin with an @.
    """
    notes, found = folder / "incomplete", set()
    for note in notes.rglob("*"):
        if note.is_file():
            name = "".join(part.removeprefix("@") for part in note.relative_to(notes).parts)
            with suppress(binascii.Error):
                found.add(base64.urlsafe_b64decode(name).decode(errors="replace"))
    return found


def measured(jobs: list[Job]) -> pd.DataFrame:
    """Return rule, subject and seconds of the jobs that have been measured."""
    rows = []
    for job in jobs:
        # A job without a benchmark has not been measured, nor one whose benchmark is cut off.
        with suppress(SteepError):
            rows.append((job.rule, job.subject, float(read_table(job.benchmark, "s", separator=TAB)["s"].iloc[-1])))
    return pd.DataFrame(rows, columns=["rule", "subject", "s"])


def estimates(left: list[Job], done: list[Job], kept: dict[str, float]) -> list[float]:
    """Return the seconds that each job left will take: the mean of its rule for its experiment, of its rule, or the
    kept run's; NaN where nobody knows."""
    times = measured(done)
    by_rule = times.groupby("rule")["s"].mean().to_dict()
    by_subject = times.groupby(["rule", "subject"])["s"].mean().to_dict()
    known = kept | by_rule
    return [by_subject.get((job.rule, job.subject), known.get(job.rule, math.nan)) for job in left]


def describe(every: list[Job], left: list[Job], started: set[str], locked: bool, kept: dict[str, float]) -> str:
    """Return the state of a study as text.

    Parameters
    ----------
    every, left : all jobs of the study, and those still to be run.
    started : outputs begun and not finished (see `begun`).
    locked : whether a Snakemake has locked this folder; one that was killed leaves its lock.
    kept : seconds of a job by rule, for rules not yet measured here.

    """
    open_jobs = {job.log for job in left}
    done = [job for job in every if job.log not in open_jobs]
    current = [job for job in left if started & set(job.outputs)]
    seconds = estimates(left, done, kept)
    rows = []
    for rule in dict.fromkeys(job.rule for job in every):
        remaining = [time for job, time in zip(left, seconds, strict=True) if job.rule == rule]
        total = sum(remaining)
        rows.append(
            {
                "rule": rule,
                "done": sum(job.rule == rule for job in done),
                "begun": sum(job.rule == rule for job in current),
                "left": len(remaining),
                "about": "-" if not remaining else "?" if math.isnan(total) else f"{total:.0f} s",
            }
        )
    table = pd.DataFrame(rows, columns=["rule", "done", "begun", "left", "about"])
    unknown = sum(map(math.isnan, seconds))
    lines = [table.to_string(index=False), ""] if left else []
    what = "running (or cut off, where Snakemake was killed)" if locked else "interrupted"
    lines.append(f"{len(done)} of {len(every)} jobs done" + (f", {len(current)} {what}" if current else ""))
    if left:
        more = f", and {unknown} short jobs never measured" if unknown else ""
        lines.append(f"about {np.nansum(seconds) / 60:.0f} minutes of one core left{more}")
    lines += [f"  {line}" for line in (job.last_line() for job in current) if line]
    return "\n".join(lines)


def kept_seconds(study: str) -> dict[str, float]:
    """Return the mean seconds of a job by rule in the study's kept run; in the paper study's where the study has
    none or it lacks the rule."""
    seconds: dict[str, float] = {}
    for path in (KEPT / "costs.csv", KEPT / study / "costs.csv"):
        if path.is_file():
            table = read_table(path, "rule", "wall_s", "jobs").set_index("rule")
            seconds |= (table["wall_s"] / table["jobs"]).to_dict()
    return seconds


def status(config: Path) -> str:
    """Return the state of a study, for the results in the working directory."""
    study = read_config(config)
    check_config(study, str(config))
    notes = Path(".snakemake")
    locked = any((notes / "locks").iterdir()) if (notes / "locks").is_dir() else False
    every, left = plan(config, every=True), plan(config, every=False)
    return describe(every, left, begun(notes), locked, kept_seconds(study["study"]))
