"""Where a study stands: which jobs are done, running and left, and about how long they will take.

Snakemake is asked what it would do; what a job takes is known from the benchmarks of the same rule in this study, those
of the same experiment if there are any, or, where the rule has not run yet, from the study's reference run.
"""

import base64
import math
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from steep.config import read_config
from steep.errors import SteepError

# The paper study's reference run lies in this folder itself, another study's in a folder below.
REFERENCE = Path(__file__).parents[2] / "report" / "reference"
JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """A job of the study: its rule, its outputs, its log file, which tells it from all others."""

    rule: str
    outputs: tuple[str, ...]
    log: Path

    @property
    def benchmark(self) -> Path:
        """The file with its measured time; beside the logs, under the same name."""
        parts = ["benchmarks" if part == "logs" else part for part in self.log.parts]
        return Path(*parts).with_suffix(".tsv")

    @property
    def subject(self) -> str:
        """The experiment or data set it is about, which its log's folder is named after; empty for all of the study."""
        parts = self.log.parts[self.log.parts.index("logs") + 1 :]
        return parts[0] if len(parts) > 1 else ""

    def last_line(self) -> str:
        """Return the last line of its log, empty where there is none yet."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.is_file() else []
        return lines[-1] if lines else ""


def parse(plan: str) -> list[Job]:
    """Return the jobs of a dry run's output; those without a log (the final target) are not counted."""
    found = []
    for rule, body in JOB.findall(plan):
        fields = dict(line.strip().split(": ", 1) for line in body.splitlines() if ": " in line)
        if "log" in fields:
            found.append(Job(rule, tuple(fields.get("output", "").split(", ")), Path(fields["log"].split(" (")[0])))
    return found


def plan(config: Path, *options: str) -> list[Job]:
    """Return the jobs that Snakemake would run; SteepError with its last line when it cannot say."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--quiet", "host", *options]
    done = subprocess.run(
        [*command, "--configfile", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        raise SteepError(f"{config}: {(done.stdout.strip().splitlines() or ['Snakemake did not answer'])[-1].strip()}")
    return parse(done.stdout)


def begun(folder: Path) -> set[str]:
    """Return the outputs that Snakemake has begun to make and not finished, from its notes in `folder`."""
    marks = (folder / "incomplete").iterdir() if (folder / "incomplete").is_dir() else ()
    return {base64.b64decode(mark.name).decode(errors="replace") for mark in marks if not mark.is_dir()}


def measured(jobs: list[Job]) -> pd.DataFrame:
    """Return rule, subject and seconds of the jobs that have been measured."""
    rows = []
    for job in jobs:
        try:
            rows.append((job.rule, job.subject, float(pd.read_csv(job.benchmark, sep="\t")["s"].iloc[-1])))
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return pd.DataFrame(rows, columns=["rule", "subject", "s"])


def estimates(left: list[Job], done: list[Job], reference: dict[str, float]) -> list[float]:
    """Return the seconds that each job left will take: the mean of its rule for its experiment, of its rule, or the
    reference's; NaN where nobody knows."""
    times = measured(done)
    by_rule = times.groupby("rule")["s"].mean().to_dict()
    by_subject = times.groupby(["rule", "subject"])["s"].mean().to_dict()
    known = reference | by_rule
    return [by_subject.get((job.rule, job.subject), known.get(job.rule, math.nan)) for job in left]


def describe(every: list[Job], left: list[Job], started: set[str], locked: bool, reference: dict[str, float]) -> str:
    """Return the state of a study as text.

    Parameters
    ----------
    every, left : all jobs of the study, and those still to be run.
    started : outputs begun and not finished (see `begun`).
    locked : whether a Snakemake has locked this folder; one that was killed leaves its lock.
    reference : seconds of a job by rule, for rules not yet measured here.

    """
    open_jobs = {job.log for job in left}
    done = [job for job in every if job.log not in open_jobs]
    current = [job for job in left if started & set(job.outputs)]
    seconds = estimates(left, done, reference)
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


def reference_seconds(study: str) -> dict[str, float]:
    """Return the mean seconds of a job by rule in the study's reference run; in the paper study's where the study has
    none or it lacks the rule."""
    seconds: dict[str, float] = {}
    for path in (REFERENCE / "costs.csv", REFERENCE / study / "costs.csv"):
        if path.is_file():
            table = pd.read_csv(path).set_index("rule")
            seconds |= (table["wall_s"] / table["jobs"]).to_dict()
    return seconds


def status(config: Path) -> str:
    """Return the state of a study, for the checkout in the working directory."""
    notes = Path(".snakemake")
    locked = any((notes / "locks").iterdir()) if (notes / "locks").is_dir() else False
    every, left = plan(config, "--forceall"), plan(config)
    return describe(every, left, begun(notes), locked, reference_seconds(read_config(config)["study"]))
