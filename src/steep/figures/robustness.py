"""Figure: accuracy against faults in the spikes, and against the bits of the weights."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from steep.figures.rows import BITS, SWEEP, rows_of
from steep.figures.style import BLUE, GREY, MARKERS, PALETTE, error_bars, plt, with_interval

KINDS = {"dropped": "spikes dropped", "inserted": "spikes inserted", "late": "spikes late by a step"}


def draw(sweep: pd.DataFrame, bits: pd.DataFrame, title: str) -> Figure:
    """Draw both curves.

    Parameters
    ----------
    sweep : rows of `steep.stpu.sweeps.sweep_faults` for several seeds.
    bits : rows of `steep.threshold.bits.sweep_bits`, likewise.
    title : heading.

    """
    faults = sweep[sweep["sweep"] == "faults"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    figure.suptitle(title, fontsize=11)
    rates = faults[list(KINDS)].max(axis=1)
    smallest = rates[rates > 0].min() if (rates > 0).any() else 1.0  # without faults, any scale will do
    for (kind, name), colour, marker in zip(KINDS.items(), PALETTE, MARKERS, strict=False):
        others = [other for other in KINDS if other != kind]
        rate, mean, half = with_interval(
            faults[(faults[others] == 0).all(axis=1)].drop_duplicates(["seed", kind]), kind
        )
        bars = error_bars(mean, half)
        left.errorbar(rate, mean, bars, label=name, color=colour, marker=marker, capsize=3, markersize=5)
    left.set_xscale("symlog", linthresh=smallest)
    left.set_xlim(left=0)
    left.set(xlabel="probability", ylabel="validation accuracy, %")
    left.legend(fontsize=8)
    count, mean, half = with_interval(bits[bits["changed"] == "all"], "bits")
    right.errorbar(count, mean, error_bars(mean, half), color=BLUE, marker="o", capsize=3, markersize=5)
    right.set(xlabel="bits of a weight", ylabel="validation accuracy, %", xticks=count)
    for axis in (left, right):
        axis.grid(axis="y", color=GREY, alpha=0.2)
    return figure


def plot(sweep: Path, bits: Path, experiment: str, title: str) -> Figure:
    """Draw an experiment's rows of the sweep on the STPU and of bits."""
    return draw(rows_of(experiment, sweep, *SWEEP), rows_of(experiment, bits, *BITS), title)
