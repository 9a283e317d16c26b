"""Tables of a study: every measurement in one tidy table, and the talk's table beside ours."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from steep.analysis.render import Tabulated, to_markdown, to_rst
from steep.analysis.statistics import CONFIDENCE, interval
from steep.errors import SteepError
from steep.tables import read_table

ACCURACY_COLUMNS = (
    "experiment",
    "dataset",
    "encoding",
    "network",
    "stage",
    "simulator",
    "readout",
    "seed",
    "frames",
    "correct",
    "accuracy",
)
STAGES = ("original", "continued", "sharpened", "threshold")


ACCURACY_NOTE = (
    "One row per measurement; accuracy in %. Original: ordinary activations. Continued: the original trained on for "
    "as many epochs as sharpening takes. Sharpened: steps with real weights. Threshold: compiled to integers."
)


def read_tables(files: list[Path], *needed: str, empty: bool = False) -> pd.DataFrame:
    """Read CSV files of the same columns and put them below each other (`steep.tables.read_table`); where they may be
    `empty`, those that are do not count."""
    tables = [read_table(path, *needed, empty=empty) for path in files]
    for path, table in zip(files, tables, strict=True):
        if list(table) != list(tables[0]):
            raise SteepError(f"{path}: has other columns than {files[0]}; give tables of one kind")
    parts = [table for table in tables if len(table)]
    return pd.concat(parts, ignore_index=True) if parts else tables[0]


def accuracy_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the tidy table of every accuracy, one measurement a row, in a fixed order."""
    order = pd.Categorical(scores["stage"], STAGES, ordered=True)
    return scores.assign(order=order).sort_values(
        ["experiment", "order", "readout", "simulator", "seed"], kind="stable"
    )[list(ACCURACY_COLUMNS)]


COMPARED = ("experiment", "readout", "against", "simulator", "layer", "quantity")
COMPARED_COLUMNS = (*COMPARED, "seed", "values", "differing")


def comparison_table(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return how many values of each layer were compared over all seeds, and how many differ."""
    table = comparisons.groupby(list(COMPARED), sort=True).agg(
        seeds=("seed", "nunique"), values=("values", "sum"), differing=("differing", "sum")
    )
    return table.reset_index()


COMPARISONS_NOTE = (
    "Every weight and threshold of every layer: a fingerprint of what each simulator computed with is compared with "
    "the network's. Every spike of the layers that were recorded and every potential of the output layer, for "
    "every frame of the evaluation and every seed: compared with the first simulator's; a single simulator has nothing "
    "to be compared with. A difference stops the study, so this table is zeros or is not there."
)


def comparison_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison as text for people."""
    return pd.DataFrame(
        {
            "Experiment": table["experiment"],
            "Readout": table["readout"],
            "Simulator": table["simulator"],
            "against": table["against"],
            "Layer": table["layer"],
            "Quantity": table["quantity"].replace(
                {"spikes": "spikes (units × frames)", "potential": "output potentials"}
            ),
            "Seeds": table["seeds"],
            "Compared": [f"{value:,}" for value in table["values"]],
            "Differing": table["differing"],
        }
    )


MARGINS_NOTE = (
    "Validation frames, mean over seeds. Rounding weights to integers puts each sum off by a random amount. Near: "
    "share of unit-frames within one root mean square of that amount of their threshold. Decided: share which no "
    "rounding could turn around. Turned: share whose spike is not that of the network with real weights, errors of "
    "earlier layers included. Units near: near in more than a tenth of the frames."
)


MARGINS_OF = ("experiment", "layer", "units", "frames")
MARGINS = ("near", "decided", "flipped", "units_near", "units_dead", "units_saturated")
MARGINS_COLUMNS = (*MARGINS_OF, *MARGINS, "seed")


def margin_table(margins: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `steep.threshold.margins.margin_rows`, mean over seeds."""
    grouped = margins.groupby(list(MARGINS_OF), sort=False)
    return grouped[list(MARGINS)].mean().assign(seeds=grouped["seed"].nunique()).reset_index()


def margin_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the margins as text for people."""
    percent = {"near": "Near", "decided": "Decided", "flipped": "Turned"}
    counts = {"units_near": "Units near", "units_dead": "Dead", "units_saturated": "Saturated"}
    return pd.DataFrame(
        {
            "Experiment": table["experiment"],
            "Layer": table["layer"],
            "Units": table["units"],
            **{title: [f"{value:.2f}%" for value in table[name]] for name, title in percent.items()},
            **{title: [f"{value:.1f}" for value in table[name]] for name, title in counts.items()},
            "Seeds": table["seeds"],
        }
    )


def talk_table(config: dict[str, Any], accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per experiment: the talk's test accuracy beside ours, %, mean and half-width of the 95% interval.

    ``original`` is the network with ordinary activations, ``continued`` the same after as many further epochs as
    sharpening takes, ``sharpened`` the network of steps with real weights, ``threshold`` the integer network as
    simulated by every simulator of the experiment (they agree, or the study stops). ``spiking_cost`` is threshold minus
    original, ``spiking_cost_continued`` threshold minus continued, both seed by seed. These are read out by
    ``potential``; ``spikes`` and ``wta`` are the threshold network with the other readouts, where the experiment has
    them.
    """
    rows = []
    for experiment, entry in config["experiments"].items():
        own = accuracy[accuracy["experiment"] == experiment]
        stages = {
            name if readout == "potential" else readout: group.groupby("seed")["accuracy"].first().sort_index()
            for (name, readout), group in own.groupby(["stage", "readout"])
        }
        if lacking := [stage for stage in STAGES if stage not in stages]:
            raise SteepError(f"experiment {experiment!r}: no accuracy of stage {lacking[0]}; give the whole table")
        reported = entry.get("talk", {})
        row: dict[str, object] = {
            "experiment": experiment,
            "network": entry.get("title", config["networks"][entry["network"]]["title"]),
            "data": config["datasets"][entry["dataset"]]["title"],
            "encoding": entry["encoding"],
            "seeds": len(stages["threshold"]),
            "frames": int(own["frames"].iloc[0]),
            "talk_original": reported.get("original", math.nan),
            "talk_spiking": reported.get("spiking", math.nan),
        }
        measured = {
            "original": stages["original"],
            "continued": stages["continued"],
            "sharpened": stages["sharpened"],
            "threshold": stages["threshold"],
            "spiking_cost": stages["threshold"] - stages["original"],
            "spiking_cost_continued": stages["threshold"] - stages["continued"],
            "spikes": stages.get("spikes"),
            "wta": stages.get("wta"),
        }
        for name, values in measured.items():
            row[name], row[f"{name}_ci95"] = (math.nan, math.nan) if values is None else interval(values.to_numpy())
        row["simulators"] = " ".join(own[own["stage"] == "threshold"]["simulator"].unique())
        rows.append(row)
    return pd.DataFrame(rows)


def compare_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison of two runs (`steep.analysis.compare`) as text for people."""

    return pd.DataFrame(
        {
            "Experiment": table["experiment"],
            "Stage": table["stage"],
            "Readout": table["readout"],
            "This run": numbers(table, "new"),
            "Kept run": numbers(table, "kept"),
            "Difference": numbers(table, "difference", sign=True),
            "Verdict": table["verdict"],
        }
    )


def number(value: float, half_width: float = math.nan, digits: int = 2, sign: bool = False) -> str:
    """Format a value with its interval, in one unbreakable piece; a dash where there is none."""
    if math.isnan(value):
        return "–"
    text = f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")
    return text if math.isnan(half_width) else f"{text}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{half_width:.{digits}f}"


def numbers(table: pd.DataFrame, name: str, sign: bool = False) -> list[str]:
    """Format a column with its intervals, which stand in the column of that name and ``_ci95``."""
    return [number(v, ci, sign=sign) for v, ci in zip(table[name], table[f"{name}_ci95"], strict=True)]


def talk_view(table: pd.DataFrame, evaluation: str = "test") -> pd.DataFrame:
    """Return the talk's table as text for people; `evaluation` says which frames it was measured on."""
    return pd.DataFrame(
        {
            "Network": table["network"],
            "Data": table["data"] + ", " + table["encoding"],
            "Seeds": table["seeds"],
            "Talk: original": [number(v, digits=1) for v in table["talk_original"]],
            "Ours: original": numbers(table, "original"),
            "Ours: continued": numbers(table, "continued"),
            "Talk: spiking": [number(v, digits=1) for v in table["talk_spiking"]],
            "Ours: sharpened": numbers(table, "sharpened"),
            "Ours: threshold": numbers(table, "threshold"),
            "Spiking cost": numbers(table, "spiking_cost", sign=True),
            "Spiking cost against continued": numbers(table, "spiking_cost_continued", sign=True),
            "Readout spikes": numbers(table, "spikes"),
            "Readout wta": numbers(table, "wta"),
            f"{evaluation.capitalize()} frames": table["frames"],
            "Simulated by": table["simulators"].str.replace(" ", ", "),
        }
    )


def view_note(table: pd.DataFrame, evaluation: str = "test") -> str:
    """Return the sentences that stand below the talk's table."""
    shown = ["original", "continued", "sharpened", "threshold", "spikes", "wta"]
    p = table[shown] / 100
    spread = 100 * student.ppf((1 + CONFIDENCE) / 2, math.inf) * np.sqrt((p * (1 - p)).div(table["frames"], axis=0))
    note = (
        f"{evaluation.capitalize()} accuracy in %. Readout potential, but for the two columns of other readouts. Ours: "
        f"mean ± half-width of the {CONFIDENCE:.0%} interval over seeds (Student's t), for one split and one "
        f"{evaluation} set. Another {evaluation} set of the same size would give another number, by "
        f"±{np.nanmax(spread):.2f} at most (binomial), which is not in the interval. That is for frames that are "
        "independent. Pixels of one cell or one block of a scene are not, and for them it is more."
    )
    if (table["seeds"] < 2).any():
        note += " One seed gives no interval."
    if table["talk_original"].isna().any():
        note += " A dash in the talk's columns: it reports no such number."
    return note


def require_experiments(study: dict[str, Any], path: Path, table: pd.DataFrame) -> None:
    """Raise a SteepError where the study and a table are not about the same experiments."""
    there, said = set(table["experiment"]), set(study["experiments"])
    if there != said:
        name = min(there ^ said)
        place = "is not in --study" if name in there else "has no row"
        raise SteepError(f"{path}: experiment {name!r} {place}; give the table of the same study")


def tabulate_accuracy(scores: list[Path]) -> Tabulated:
    """Join the scores of all experiments and seeds into one tidy table."""
    table = accuracy_table(read_tables(scores, *ACCURACY_COLUMNS))
    view = table.assign(accuracy=[f"{value:.2f}" for value in table["accuracy"]])
    return Tabulated(table, view, "Every accuracy measured", ACCURACY_NOTE)


def tabulate_talk(accuracy: Path, study: dict[str, Any]) -> Tabulated:
    """Set the talk's table beside ours."""
    measured = read_table(accuracy, *ACCURACY_COLUMNS)
    require_experiments(study, accuracy, measured)
    table = talk_table(study, measured)
    evaluation = study.get("evaluation", "test")
    view, note = talk_view(table, evaluation), view_note(table, evaluation)
    return Tabulated(
        table,
        view,
        f"{evaluation.capitalize()} accuracy: the talk and this study",
        note,
        {
            "markdown": to_markdown(view, note),
            "view": view.to_csv(index=False),
            "note": f"{note}\n",
            "landing": to_rst(view, note),
        },
    )


def tabulate_comparisons(comparisons: list[Path]) -> Tabulated:
    """Count the spikes compared between simulators, and the differing ones."""
    table = comparison_table(read_tables(comparisons, *COMPARED_COLUMNS, empty=True))
    return Tabulated(table, comparison_view(table), "Simulators against each other", COMPARISONS_NOTE)


def tabulate_margins(margins: Path) -> Tabulated:
    """Say how many units are near their thresholds."""
    table = margin_table(read_table(margins, *MARGINS_COLUMNS))
    return Tabulated(table, margin_view(table), "Units near their thresholds", MARGINS_NOTE)


def join(tables: list[Path], title: str) -> Tabulated:
    """Put tables of the same columns below each other."""
    table = read_tables(tables)
    note = "Validation frames; every row is one measurement. Test frames are not used."
    return Tabulated(table, table.round(4).astype(str), title, note)
