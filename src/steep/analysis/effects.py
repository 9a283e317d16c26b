"""What a change does: the experiments of a study held against one of them, the baseline, seed by seed."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import ttest_1samp

from steep.analysis.compare import holm
from steep.analysis.render import Tabulated, to_rst
from steep.analysis.statistics import CONFIDENCE, interval
from steep.analysis.tables import ACCURACY_COLUMNS, numbers, require_experiments, talk_table
from steep.tables import read_table

# What the talk's table says of an experiment already.
COLUMNS = [
    "experiment",
    "change",
    "seeds",
    "frames",
    "original",
    "original_ci95",
    "threshold",
    "threshold_ci95",
    "spiking_cost",
    "spiking_cost_ci95",
]
EFFECTS_NOTE = (
    "{frames} accuracy in %, readout potential, and its difference from the first row's in points, seed by seed: mean "
    "± half-width of the 95% interval over seeds (Student's t), each row for itself and on one set of frames. Better, "
    "worse: distinguishable from chance between seeds, corrected for the number of rows (paired t, Holm, 5%). Likely: "
    "only before that correction, which one row in twenty is by chance. Open: not distinguishable from chance. Same: "
    "equal for every seed. Unclear: seeds too few or all alike. Rows that differ in sharpening alone share their "
    "original networks. All are compared with the first row, whose chance is in every effect. Spiking cost: against "
    "the row's own original."
)


def effect_table(config: dict[str, Any], accuracy: pd.DataFrame) -> pd.DataFrame:
    """Hold every experiment on the baseline's data against the baseline.

    Parameters
    ----------
    config : ``experiments``, ``networks``, ``datasets``, ``baseline``.
    accuracy : `steep.analysis.tables.accuracy_table`.

    Returns
    -------
    One row per experiment, the baseline first: accuracies of its original and its threshold network, their difference
    ``spiking_cost``, the ``effect`` (its threshold network's accuracy minus the baseline's, seed by seed), each with
    the half-width of its 95% interval (``_ci95``), the ``p`` of the effect (paired t) and a verdict: ``baseline``;
    ``better`` or ``worse``, distinguishable from chance after Holm's correction for the number of rows; ``likely
    better`` or ``likely worse``, before it; ``not distinguishable``, neither; ``same``, the same accuracy for every
    seed; ``unclear``, one seed, or the same difference for all, which leaves nothing to compare it with.

    """
    baseline = config["baseline"]
    dataset = config["experiments"][baseline]["dataset"]
    measured = talk_table(config, accuracy).set_index("experiment", drop=False).rename(columns={"network": "change"})
    alike = [key for key, entry in config["experiments"].items() if entry["dataset"] == dataset]
    table = measured.loc[[baseline, *(key for key in alike if key != baseline)], COLUMNS].reset_index(drop=True)
    spiking = accuracy[(accuracy["stage"] == "threshold") & (accuracy["readout"] == "potential")]
    by_seed = spiking.groupby(["experiment", "seed"])["accuracy"].first()
    tests = []
    for experiment in table["experiment"]:
        # Rounded: equal differences of counts must be equal as percentages too.
        effect = (by_seed[experiment] - by_seed[baseline]).round(9)
        mean, half = (math.nan, math.nan) if experiment == baseline else interval(effect.to_numpy())
        verdict, p = "not distinguishable", math.nan
        if experiment == baseline:
            verdict = "baseline"
        elif (effect == 0).all():
            verdict = "same"
        elif effect.nunique() == 1:
            verdict = "unclear"
        else:
            p = float(ttest_1samp(effect, 0).pvalue)
        tests.append({"effect": mean, "effect_ci95": half, "p": p, "verdict": verdict})
    table = table.join(pd.DataFrame(tests))
    for p, likely in ((table["p"], "likely "), (holm(table["p"]), "")):
        significant = p <= 1 - CONFIDENCE
        table.loc[significant, "verdict"] = [
            likely + ("better" if effect > 0 else "worse") for effect in table.loc[significant, "effect"]
        ]
    return table


def effect_answer(table: pd.DataFrame) -> str:
    """Return in a sentence which changes are better or worse than the baseline."""
    changes = table[table["verdict"] != "baseline"]
    parts = []
    for verdict in ("better", "likely better", "worse", "likely worse"):
        found = changes.loc[changes["verdict"] == verdict, "change"].tolist()
        parts += [f"{len(found)} {verdict} ({'; '.join(found)})"] if found else []
    count = f"Of {len(changes)} change{'s' if len(changes) != 1 else ''}"
    return f"{count}, {', '.join(parts) or 'none is distinguishable from the first row'}."


def effect_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effects as text for people."""
    return pd.DataFrame(
        {
            "Changed": table["change"],
            "Seeds": table["seeds"],
            "Original": numbers(table, "original"),
            "Threshold": numbers(table, "threshold"),
            "Spiking cost": numbers(table, "spiking_cost", sign=True),
            "Effect on threshold": numbers(table, "effect", sign=True),
            "Verdict": table["verdict"],
        }
    )


def tabulate(accuracy: Path, study: dict[str, Any]) -> Tabulated:
    """Hold every experiment against the study's baseline, seed by seed."""
    measured = read_table(accuracy, *ACCURACY_COLUMNS)
    require_experiments(study, accuracy, measured)
    table = effect_table(study, measured)
    frames = study.get("evaluation", "test").capitalize()
    view, note = effect_view(table), f"{effect_answer(table)} {EFFECTS_NOTE.format(frames=frames)}"
    return Tabulated(
        table,
        view,
        "What each change does",
        note,
        {"view": view.to_csv(index=False), "note": f"{note}\n", "landing": to_rst(view, note)},
    )
