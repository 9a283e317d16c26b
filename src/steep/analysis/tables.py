"""Tables of a study: every measurement in one tidy table, and the talk's table beside ours."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from steep.analysis.scores import ACCURACY_COLUMNS

CONFIDENCE = 0.95
STAGES = ("original", "sharpened", "threshold")


def read_tables(files: list[Path]) -> pd.DataFrame:
    """Read CSV files of the same columns and put them below each other; empty ones do not count."""
    parts = [part for part in (pd.read_csv(path) for path in files) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.read_csv(files[0])


def accuracy_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the tidy table of every accuracy, one measurement a row, in a fixed order."""
    order = pd.Categorical(scores["stage"], STAGES, ordered=True)
    return scores.assign(order=order).sort_values(["experiment", "order", "backend", "seed"], kind="stable")[
        list(ACCURACY_COLUMNS)
    ]


def backend_table(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return how many values of each layer were compared over all seeds, and how many differ."""
    keys = ["experiment", "reference", "backend", "layer", "quantity"]
    table = comparisons.groupby(keys, sort=True).agg(
        seeds=("seed", "nunique"), values=("values", "sum"), differing=("differing", "sum")
    )
    return table.reset_index()


BACKENDS_NOTE = (
    "Every hidden and output unit for every test frame and seed. "
    "A difference stops the study, so this table is zeros or is not there."
)


def backend_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison as text for people."""
    return pd.DataFrame(
        {
            "Experiment": table["experiment"],
            "Backend": table["backend"],
            "against": table["reference"],
            "Layer": table["layer"],
            "Quantity": table["quantity"].map({"spikes": "spikes (units × frames)", "potential": "output potentials"}),
            "Seeds": table["seeds"],
            "Compared": [f"{value:,}" for value in table["values"]],
            "Differing": table["differing"],
        }
    )


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return mean and half-width of the 95% confidence interval of the mean (Student's t over seeds; NaN for one
    value)."""
    if len(values) < 2:
        return float(np.mean(values)), math.nan
    return float(np.mean(values)), float(
        student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    )


def talk_table(config: dict[str, Any], accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per experiment: the talk's test accuracy beside ours, %, mean and half-width of the 95% interval
    over seeds.

    ``original`` is the network with ordinary activations, ``sharpened`` the same with steps and real weights,
    ``spiking`` the integer threshold network as simulated by every backend of the experiment (they agree, or the
    study stops). ``loss`` is spiking minus original, seed by seed.
    """
    rows = []
    for experiment, entry in config["experiments"].items():
        own = accuracy[accuracy["experiment"] == experiment]
        stages = {
            stage: group.groupby("seed")["accuracy"].first().sort_index() for stage, group in own.groupby("stage")
        }
        talk = entry.get("talk", {})
        row: dict[str, object] = {
            "experiment": experiment,
            "network": config["networks"][entry["network"]]["title"],
            "data": config["datasets"][entry["dataset"]]["title"],
            "encoding": entry["encoding"],
            "readout": "potential",
            "seeds": len(stages["threshold"]),
            "frames": int(own["frames"].iloc[0]),
        }
        for name, stage in (("original", "original"), ("sharpened", "sharpened"), ("spiking", "threshold")):
            if name != "sharpened":
                row[f"talk_{name}"] = talk.get(name, math.nan)
            row[name], row[f"{name}_ci95"] = interval(stages[stage].to_numpy())
        row["loss"], row["loss_ci95"] = interval((stages["threshold"] - stages["original"]).to_numpy())
        row["backends"] = " ".join(own[own["stage"] == "threshold"]["backend"].unique())
        rows.append(row)
    return pd.DataFrame(rows)


def number(value: float, half_width: float = math.nan, digits: int = 2, sign: bool = False) -> str:
    """Format a value with its interval, in one unbreakable piece; a dash where there is none."""
    if math.isnan(value):
        return "–"
    text = f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")
    return text if math.isnan(half_width) else f"{text}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{half_width:.{digits}f}"


def talk_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the talk's table as text for people."""
    return pd.DataFrame(
        {
            "Network": table["network"],
            "Data": table["data"] + ", " + table["encoding"],
            "Talk: original": [number(v, digits=1) for v in table["talk_original"]],
            "Ours: original": [number(*pair) for pair in zip(table["original"], table["original_ci95"], strict=True)],
            "Talk: spiking": [number(v, digits=1) for v in table["talk_spiking"]],
            "Ours: spiking": [number(*pair) for pair in zip(table["spiking"], table["spiking_ci95"], strict=True)],
            "Spiking − original": [
                number(v, ci, sign=True) for v, ci in zip(table["loss"], table["loss_ci95"], strict=True)
            ],
            "Readout": table["readout"],
            "Seeds": table["seeds"],
            "Test frames": table["frames"],
            "Simulated by": table["backends"].str.replace(" ", ", "),
        }
    )


def view_note(table: pd.DataFrame) -> str:
    """Return the sentence that stands below the talk's table."""
    note = f"Test accuracy in %; ours: mean ± half-width of the {CONFIDENCE:.0%} interval over seeds (Student's t)."
    if (table["seeds"] < 2).any():
        note += " One seed gives no interval."
    if table["talk_original"].isna().any():
        note += " A dash: the talk reports nothing for these data, so no comparison is made."
    return note
