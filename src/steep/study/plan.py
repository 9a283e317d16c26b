"""What Snakemake would run, asked of its interface for programs: nothing that it prints is read.

A script of its own, which imports nothing of `steep`: the workflow chooses the library that it computes with. Profiles
and Snakemake's environment variables are matters of its command line and have no part in this.

usage: python -P plan.py SNAKEFILE CONFIG every|left
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from snakemake.api import ConfigSettings, DAGSettings, ExecutionSettings, OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent


class Counts(logging.Handler):
    """Keeps how many jobs Snakemake itself counts."""

    total = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take the count from the record that holds it."""
        if getattr(record, "event", None) == LogEvent.RUN_INFO:
            self.total = record.stats["total"]  # type: ignore[attr-defined]


def planned(snakefile: Path, config: Path, every: bool) -> list[dict[str, Any]]:
    """Return rule, outputs, log, benchmark and wildcards of every job of a workflow, or of those left to be run.

    Raises
    ------
    RuntimeError
        when Snakemake counts other jobs than were found.

    """
    counts = Counts()
    with SnakemakeApi(OutputSettings(dryrun=True, enable_file_logging=False)) as snakemake:
        logger.addHandler(counts)
        workflow = snakemake.workflow(
            resource_settings=ResourceSettings(),
            config_settings=ConfigSettings(configfiles=[config]),
            snakefile=snakefile,
        )
        # What was interrupted is made anew, as the profile says.
        plan = workflow.dag(DAGSettings(forceall=every, force_incomplete=True))
        plan.execute_workflow(executor="dryrun", execution_settings=ExecutionSettings(lock=False))
        jobs = list(workflow._workflow.dag.needrun_jobs(exclude_finished=False))
    if len(jobs) != counts.total:
        raise RuntimeError(f"Snakemake counts {counts.total} jobs, {len(jobs)} were found")
    return [
        {
            "rule": job.rule.name,
            "outputs": list(map(str, job.output)),
            "log": str(next(iter(job.log), "")),
            "benchmark": str(job.benchmark or ""),
            "wildcards": dict(job.wildcards_dict),
        }
        for job in sorted(jobs, key=lambda job: job.jobid)
    ]


if __name__ == "__main__":
    # Whatever the workflow or Snakemake prints goes to stderr, and nowhere else.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        found: dict[str, Any] = {"jobs": planned(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "every")}
    except Exception as error:
        found = {"error": " ".join(str(error).split()) or type(error).__name__}
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)
