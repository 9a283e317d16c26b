"""A run of a study held against another, with the intervals of both."""

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from steep.analysis.statistics import CONFIDENCE, interval

KEYS = ["experiment", "stage", "readout"]


def hold_against(new: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Compare two tables of accuracies (`steep.analysis.tables.accuracy_table`).

    Returns
    -------
    One row per experiment, stage and readout of either: mean and half-width of the 95% interval over seeds of both, the
    difference of the means, the half-width of its 95% interval (Welch's t), the ``p`` of the difference, and a verdict:
    ``same`` (the same correct frames count for every seed), ``agrees`` (0 lies in the interval of the difference),
    ``outside`` (it does not, which is to be expected once in twenty rows), ``differs`` (not even after Holm's
    correction for the number of rows), ``unclear`` (fewer than two seeds, and not the same), ``only new``,
    ``only kept``.

    """
    sides = [_by_seed(table) for table in (new, kept)]
    rows = []
    for key in dict.fromkeys([*sides[1], *sides[0]]):
        row: dict[str, object] = dict(zip(KEYS, key, strict=True))
        ours, theirs = (side.get(key) for side in sides)
        for name, values in (("new", ours), ("kept", theirs)):
            row[name], row[f"{name}_ci95"] = (np.nan, np.nan) if values is None else interval(values.to_numpy())
        row |= {"difference": np.nan, "difference_ci95": np.nan, "p": np.nan}
        if ours is None or theirs is None:
            row["verdict"] = "only kept" if ours is None else "only new"
        else:
            row |= _verdict(ours, theirs)
        rows.append(row)
    table = pd.DataFrame(rows)
    table.loc[(table["verdict"] == "outside") & (holm(table["p"]) <= 1 - CONFIDENCE), "verdict"] = "differs"
    return table


def holm(p: pd.Series) -> pd.Series:
    """Return p-values corrected for their number, in the order given; NaN are no tests.

    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    ordered = p.dropna().sort_values()
    corrected = (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1.0)
    return corrected.reindex(p.index)


def _by_seed(table: pd.DataFrame) -> dict[tuple, pd.Series]:
    """Return the accuracies by seed of every experiment, stage and readout; simulators agree, the first one counts."""
    return {key: rows.groupby("seed")["accuracy"].first().sort_index() for key, rows in table.groupby(KEYS, sort=False)}


def _verdict(new: pd.Series, kept: pd.Series) -> dict[str, object]:
    """Return the difference of the means, its interval and what follows."""
    difference = float(new.mean() - kept.mean())
    if new.equals(kept):
        return {"difference": 0.0, "verdict": "same"}
    if min(len(new), len(kept)) < 2:
        return {"difference": difference, "verdict": "unclear"}
    if new.std() == kept.std() == 0:
        return {"difference": difference, "difference_ci95": 0.0, "p": 0.0, "verdict": "outside"}
    test = ttest_ind(new, kept, equal_var=False)
    limits = test.confidence_interval(CONFIDENCE)
    half = float(limits.high - limits.low) / 2
    return {
        "difference": difference,
        "difference_ci95": half,
        "p": float(test.pvalue),
        "verdict": "agrees" if abs(difference) <= half else "outside",
    }
