"""Rows of tables for figures: those of one experiment, and all where each experiment has its title."""

from pathlib import Path

import pandas as pd

from steep.errors import SteepError
from steep.tables import read_table

# What figures take from tables that several of them read, besides which experiment a row is about.
HISTORY = ("epoch", "sharpness", "validation_accuracy")
BITS = ("changed", "bits", "accuracy", "seed")
SWEEP = ("sweep", "leak", "spacing", "dropped", "inserted", "late", "accuracy", "seed")


def rows_of(experiment: str, path: Path, *needed: str) -> pd.DataFrame:
    """Return the rows of one experiment in a table; SteepError where it has none."""
    table = read_table(path, "experiment", *needed)
    rows = table[table["experiment"] == experiment]
    if rows.empty:
        raise SteepError(f"{path}: holds no row of experiment {experiment!r}; it has {_listed(table)}")
    return rows


def require_titles(titles: dict[str, str], path: Path, table: pd.DataFrame) -> None:
    """Raise a SteepError where an experiment of a table has no title."""
    if missing := [name for name in table["experiment"].unique() if name not in titles]:
        raise SteepError(f"--titles: none for experiment {missing[0]!r} of {path}; it has {_listed(table)}")


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(table["experiment"].unique())
