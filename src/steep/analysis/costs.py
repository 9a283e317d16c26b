"""What the study cost: Snakemake's benchmark files, one row per rule."""

from pathlib import Path

import pandas as pd

COLUMNS = {"s": "wall", "cpu_time": "cpu", "max_rss": "memory"}


def cost_table(files: list[Path]) -> pd.DataFrame:
    """Sum the benchmarks by rule; the files are named ``<rule>.tsv`` or ``<rule>-<variant>.tsv``.

    Returns
    -------
    Rule, jobs, wall time in total and at most (s), CPU time in total (s), largest resident memory (MiB).

    """
    rows = []
    for path in files:
        measured = pd.read_csv(path, sep="\t").iloc[-1]
        # Snakemake measures memory and CPU every few seconds; jobs shorter than that have none.
        rows.append(
            {
                "rule": path.stem.split("-")[0],
                **{name: pd.to_numeric(measured.get(column), errors="coerce") for column, name in COLUMNS.items()},
            }
        )
    grouped = pd.DataFrame(rows).groupby("rule", sort=True)
    table = grouped.agg(
        jobs=("wall", "size"),
        wall_s=("wall", "sum"),
        longest_s=("wall", "max"),
        cpu_s=("cpu", "sum"),
        largest_MiB=("memory", "max"),
    )
    return table.sort_values("wall_s", ascending=False).round(1).reset_index()


COSTS_NOTE = (
    "From Snakemake's benchmarks of the jobs that made these results. Jobs run side by side, so wall times do not add "
    "up to the study's own. CPU time and memory are sampled; jobs of a few seconds may have none."
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
    view = table.rename(columns=names | {"largest_MiB": "Largest memory (MiB)"})
    return view.astype(object).where(view.notna(), "–")
