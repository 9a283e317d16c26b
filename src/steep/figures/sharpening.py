"""Figure: accuracy over sharpening, with the schedule of the sharpness under it."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steep.analysis.statistics import interval
from steep.figures.rows import HISTORY
from steep.figures.style import GREY, STAGES, plt, whole_numbers
from steep.tables import read_table


def draw(sharpened: pd.DataFrame, continued: pd.DataFrame, title: str) -> Figure:
    """Draw validation accuracy by epoch, sharpened and merely trained on, and below it the sharpness.

    Parameters
    ----------
    sharpened : columns seed, epoch (0: the original network), sharpness, validation_accuracy.
    continued : likewise, of the original network trained on, from epoch 1.
    title : heading.

    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(6.5, 4.4), layout="constrained", sharex=True, height_ratios=[3, 1]
    )
    figure.suptitle(title, fontsize=11)
    start = sharpened[sharpened["epoch"] == 0]
    original = float(start["validation_accuracy"].mean())
    control = pd.concat([start, continued], ignore_index=True)
    _curve(above, control, "continued", "--")
    _curve(above, sharpened, "sharpened", "-", "being sharpened")
    above.axhline(original, color=STAGES["original"][1], linestyle=":", linewidth=1.2, label="original")
    full = sharpened.loc[sharpened["sharpness"] >= 1, "epoch"].min()
    for axis in (above, below):
        axis.axvspan(full, sharpened["epoch"].max(), color=GREY, alpha=0.1, linewidth=0)
    above.set_ylabel("validation accuracy, %")
    above.legend(fontsize=8, loc="lower right")
    above.grid(axis="y", color=GREY, alpha=0.2)
    schedule = sharpened.groupby("epoch")["sharpness"].mean()
    below.plot(schedule.index, schedule, color=GREY, marker=".")
    below.set(ylabel="sharpness", xlabel="epoch of sharpening (grey: units are steps)", ylim=(-0.05, 1.1))
    whole_numbers(below.xaxis)
    return figure


def _curve(axis: Axes, rows: pd.DataFrame, stage: str, line: str, name: str | None = None) -> None:
    """Draw the mean over seeds with its 95% interval, and each seed faintly."""
    label, colour = STAGES[stage]
    for _, one in rows.groupby("seed"):
        axis.plot(one["epoch"], one["validation_accuracy"], color=colour, linewidth=0.5, alpha=0.4)
    groups = rows.groupby("epoch")["validation_accuracy"]
    mean, half = np.array([interval(values.to_numpy()) for _, values in groups]).T
    epochs = np.array(list(groups.groups))
    axis.plot(epochs, mean, line, color=colour, marker=".", label=name or label)
    if not np.isnan(half).all():
        axis.fill_between(epochs, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)


def plot(sharpened: list[Path], continued: list[Path], title: str) -> Figure:
    """Draw the histories of the sharpened networks and of their controls, one file per seed, in the same order."""
    return draw(_histories(sharpened), _histories(continued), title)


def _histories(paths: list[Path]) -> pd.DataFrame:
    """Return the histories of all seeds below each other, the seeds numbered from 0."""
    tables = [read_table(path, *HISTORY).assign(seed=number) for number, path in enumerate(paths)]
    return pd.concat(tables, ignore_index=True)
