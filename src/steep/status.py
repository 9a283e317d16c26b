"""Where a study stands: which jobs are done, running and left, and about how long they will take.

Snakemake is asked what it would do; what a job takes is known from the benchmarks of the same rule in this study, or,
where it has not run yet, from the reference run.
"""

import base64
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from steep.errors import SteepError

REFERENCE = Path(__file__).parents[2] / "report" / "reference" / "costs.csv"
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


def measured(jobs: list[Job]) -> dict[str, float]:
    """Return the mean seconds of a job by rule, of those that have been measured."""
    rows = []
    for job in jobs:
        try:
            rows.append((job.rule, float(pd.read_csv(job.benchmark, sep="\t")["s"].iloc[-1])))
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return pd.DataFrame(rows, columns=["rule", "s"]).groupby("rule")["s"].mean().to_dict()


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
    seconds = measured(done)
    rows = []
    for rule in dict.fromkeys(job.rule for job in every):
        remaining = sum(job.rule == rule for job in left)
        one = seconds.get(rule, reference.get(rule))
        rows.append(
            {
                "rule": rule,
                "done": sum(job.rule == rule for job in done),
                "begun": sum(job.rule == rule for job in current),
                "left": remaining,
                "about": "-" if not remaining else "?" if one is None else f"{remaining * one:.0f} s",
            }
        )
    table = pd.DataFrame(rows, columns=["rule", "done", "begun", "left", "about"])
    known = sum(seconds.get(job.rule, reference.get(job.rule, 0.0)) for job in left)
    unknown = sum(job.rule not in seconds and job.rule not in reference for job in left)
    lines = [table.to_string(index=False), ""] if left else []
    what = "running (or cut off, where Snakemake was killed)" if locked else "interrupted"
    lines.append(f"{len(done)} of {len(every)} jobs done" + (f", {len(current)} {what}" if current else ""))
    if left:
        more = f", and {unknown} short jobs never measured" if unknown else ""
        lines.append(f"about {known / 60:.0f} minutes of one core left{more}")
    lines += [f"  {line}" for line in (job.last_line() for job in current) if line]
    return "\n".join(lines)


def reference_seconds() -> dict[str, float]:
    """Return the mean seconds of a job by rule in the reference run."""
    table = pd.read_csv(REFERENCE).set_index("rule")
    return (table["wall_s"] / table["jobs"]).to_dict()


def status(config: Path) -> str:
    """Return the state of a study, for the checkout in the working directory."""
    notes = Path(".snakemake")
    locked = any((notes / "locks").iterdir()) if (notes / "locks").is_dir() else False
    return describe(plan(config, "--forceall"), plan(config), begun(notes), locked, reference_seconds())
