"""What the study cost: Snakemake's benchmark files, one row per rule."""

import math
from pathlib import Path

import pandas as pd

from steep.analysis.render import Tabulated
from steep.tables import TAB, read_table

# Snakemake samples CPU time and memory, every 30 s in the end; of shorter jobs it has seen the shell, not the work.
SAMPLED_S = 5.0
COLUMNS = {"s": "wall", "cpu_time": "cpu", "max_rss": "memory"}


def _sum(values: pd.Series) -> float:
    """Return the sum of what was measured, NaN where nothing was."""
    return float(values.sum(min_count=1))


def cost_table(files: list[Path]) -> pd.DataFrame:
    """Sum the benchmarks by rule; the files are named ``<rule>.tsv`` or ``<rule>-<variant>.tsv``.

    Returns
    -------
    Rule, jobs, wall time in total and at most (s), CPU time in total (s), largest resident memory (MiB).

    """
    rows = []
    for path in files:
        measured = read_table(path, "s", separator=TAB).iloc[-1]
        rows.append(
            {
                "rule": path.stem.split("-")[0],
                **{name: pd.to_numeric(measured.get(column), errors="coerce") for column, name in COLUMNS.items()},
            }
        )
    frame = pd.DataFrame(rows)
    frame.loc[frame["wall"] < SAMPLED_S, ["cpu", "memory"]] = math.nan
    grouped = frame.groupby("rule", sort=True)
    table = grouped.agg(
        jobs=("wall", "size"),
        wall_s=("wall", "sum"),
        longest_s=("wall", "max"),
        cpu_s=("cpu", _sum),
        largest_MiB=("memory", "max"),
    )
    return table.sort_values("wall_s", ascending=False).round(1).reset_index()


COSTS_NOTE = (
    "From Snakemake's benchmarks of the jobs that made these results. Jobs run side by side, so wall times do not add "
    "up to the study's own, and on a machine with other work they include waiting. Exports, tables and figures are not "
    "counted. CPU time and memory are sampled and therefore only given for jobs of 5 seconds and more; of "
    "jobs of more than 15 seconds up to the last 30 are missed, so sums of CPU time are too low."
)


def cost_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the costs as text for people."""
    names = {
        "rule": "Rule",
        "jobs": "Jobs",
        "wall_s": "Wall, all jobs (s)",
        "longest_s": "Longest job (s)",
        "cpu_s": "CPU, all jobs (s)",
    }
    whole = {"rule": "all", **table[["jobs", "wall_s", "cpu_s"]].sum(), **table[["longest_s", "largest_MiB"]].max()}
    table = pd.concat([table, pd.DataFrame([whole]).astype({"jobs": int}).round(1)])
    view = table.rename(columns=names | {"largest_MiB": "Largest memory (MiB)"})
    return view.astype(object).where(view.notna(), "–")


def tabulate(benchmarks: list[Path]) -> Tabulated:
    """Sum the benchmarks by rule."""
    table = cost_table(benchmarks)
    return Tabulated(table, cost_view(table), "What the study cost", COSTS_NOTE)
