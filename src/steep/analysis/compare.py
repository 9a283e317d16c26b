"""A run of a study held against another, with the intervals of both."""

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from steep.analysis.statistics import CONFIDENCE, interval

KEYS = ["experiment", "stage", "readout"]


def hold_against(new: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Compare two tables of accuracies (`steep.analysis.tables.accuracy_table`).

    Returns
    -------
    One row per experiment, stage and readout of either: mean and half-width of the 95% interval over seeds of both, the
    difference of the means, the half-width of its 95% interval (Welch's t), and a verdict: ``same`` (the same correct
    frames count for every seed), ``agrees`` (0 lies in the interval of the difference), ``differs``, ``unclear`` (fewer
    than two seeds, and not the same), ``only new``, ``only reference``.

    """
    sides = [_by_seed(table) for table in (new, reference)]
    rows = []
    for key in dict.fromkeys([*sides[1], *sides[0]]):
        row: dict[str, object] = dict(zip(KEYS, key, strict=True))
        ours, theirs = (side.get(key) for side in sides)
        for name, values in (("new", ours), ("reference", theirs)):
            row[name], row[f"{name}_ci95"] = (np.nan, np.nan) if values is None else interval(values.to_numpy())
        row |= {"difference": np.nan, "difference_ci95": np.nan}
        if ours is None or theirs is None:
            row["verdict"] = "only reference" if ours is None else "only new"
        else:
            row |= _verdict(ours, theirs)
        rows.append(row)
    return pd.DataFrame(rows)


def _by_seed(table: pd.DataFrame) -> dict[tuple, pd.Series]:
    """Return the accuracies by seed of every experiment, stage and readout; backends agree, so the first one counts."""
    return {key: rows.groupby("seed")["accuracy"].first().sort_index() for key, rows in table.groupby(KEYS, sort=False)}


def _verdict(new: pd.Series, reference: pd.Series) -> dict[str, object]:
    """Return the difference of the means, its interval and what follows."""
    difference = float(new.mean() - reference.mean())
    if new.equals(reference):
        return {"difference": 0.0, "verdict": "same"}
    if min(len(new), len(reference)) < 2:
        return {"difference": difference, "verdict": "unclear"}
    if new.std() == reference.std() == 0:
        return {"difference": difference, "difference_ci95": 0.0, "verdict": "differs"}
    limits = ttest_ind(new, reference, equal_var=False).confidence_interval(CONFIDENCE)
    half = float(limits.high - limits.low) / 2
    return {
        "difference": difference,
        "difference_ci95": half,
        "verdict": "agrees" if abs(difference) <= half else "differs",
    }
