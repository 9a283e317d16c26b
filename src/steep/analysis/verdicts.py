"""Is the talk's number reproduced? Computed from the talk's table, by a criterion that is the same for every row.

The talk reports one number per network and no spread. We take it for one trained network, tested once, and ask whether
it could be one of ours: it is *reproduced* when it lies within the 95% prediction interval of one further seed of ours
(Student's t), widened by the rounding of the talk's number; *better* or *not reproduced* when ours lies above or below.
With a single seed there is no spread, and the binomial interval of the test set stands in for it.

The same criterion serves the spiking cost, spiking minus original accuracy, which is the talk's claim itself. Where the
talk gives a range of it and no accuracies, the middle of the range is taken, and half its width is allowed besides.

A criterion that asks whether a number can be told from ours says yes to everything when ours scatter enough. So where
the prediction interval is wider than `WIDEST` the word is *undecided*; and where the talk's number is reproduced as one
of our seeds but lies outside the 95% interval of their mean, the answer says so.
"""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from steep.analysis.render import Tabulated, in_rst, to_rst
from steep.analysis.statistics import CONFIDENCE
from steep.analysis.tables import number, require_experiments
from steep.datasets import SOURCES
from steep.tables import read_table

log = logging.getLogger("steep")
ROUNDING = 0.05  # of an accuracy given with one digit; a difference of two has twice as much
WIDEST = 1.0  # points
REPRODUCED, BETTER, MISSED, UNDECIDED = "reproduced", "better", "not reproduced", "undecided"
NAMES = {"original": "original accuracy", "spiking": "spiking accuracy", "spiking_cost": "spiking cost"}
OTHER_DATA, NOT_IN_TALK = "other data", "not in the talk"
# What the verdicts take from the talk's table, and a picture of them from the verdicts.
TALK_COLUMNS = (
    "experiment",
    "network",
    "data",
    "seeds",
    "frames",
    "talk_original",
    "talk_spiking",
    "original",
    "original_ci95",
    "threshold",
    "threshold_ci95",
    "spiking_cost",
    "spiking_cost_ci95",
    "spiking_cost_continued",
    "spiking_cost_continued_ci95",
)
OVERVIEW_COLUMNS = (
    "experiment",
    "network",
    "data",
    "generated",
    "seeds",
    "claim",
    "talk",
    "ours",
    "ours_ci95",
    "verdict",
)


def prediction_half_width(ci95: float, seeds: int, accuracy: float, frames: int) -> float:
    """Return how far one further seed may lie from the mean of `seeds`, in points, with 95% confidence.

    `ci95` is the half-width of the interval of the mean; NaN for one seed, for which the binomial one of `frames` test
    frames at `accuracy` percent is taken.
    """
    if math.isnan(ci95):
        p = accuracy / 100
        return float(100 * norm.ppf((1 + CONFIDENCE) / 2) * math.sqrt(p * (1 - p) / frames))
    return ci95 * math.sqrt(seeds + 1)


def verdict(ours: float, talk: float, half_width: float, tolerance: float = 0.0) -> str:
    """Return the word for a difference of `ours` from `talk`, of which `half_width` and `tolerance` mean nothing."""
    if abs(ours - talk) <= half_width + tolerance:
        return REPRODUCED if half_width <= WIDEST else UNDECIDED
    return BETTER if ours > talk else MISSED


def verdict_table(table: pd.DataFrame, study: dict[str, Any]) -> pd.DataFrame:
    """Return one row per experiment and claim.

    Parameters
    ----------
    table : `steep.analysis.tables.talk_table`.
    study : the config's ``experiments`` and ``datasets``.

    Returns
    -------
    experiment, network, data, generated, seeds, frames, claim (``original``, ``spiking``, ``cost``), talk,
    talk_half_range (0 where the talk gives a number and no range), ours, ours_ci95, difference, allowed,
    verdict; ``mean_differs``, whether the talk's number lies outside the interval of our mean; and of claim
    ``spiking_cost`` continued, continued_ci95: the same against the continued network. Of generated data the
    accuracies are not compared; the spiking cost is, which is a difference on the same data.

    """
    rows = []
    for row in table.to_dict("records"):
        entry = study["experiments"][row["experiment"]]
        # In place of data that were never published.
        generated = SOURCES[study["datasets"][entry["dataset"]]["source"]].generated
        reported = entry.get("talk", {})
        if "spiking_cost" in reported:
            low, high = reported["spiking_cost"]
            talk_cost, unsharp = (low + high) / 2, (high - low) / 2
        else:
            talk_cost, unsharp = row["talk_spiking"] - row["talk_original"], 2 * ROUNDING
        for claim, talk, ours, tolerance in (
            ("original", row["talk_original"], "original", ROUNDING),
            ("spiking", row["talk_spiking"], "threshold", ROUNDING),
            ("spiking_cost", talk_cost, "spiking_cost", unsharp),
        ):
            accuracy = row["threshold"] if claim == "spiking_cost" else row[ours]
            half_width = prediction_half_width(row[f"{ours}_ci95"], row["seeds"], accuracy, row["frames"])
            if math.isnan(talk):
                word = NOT_IN_TALK
            elif generated and claim != "spiking_cost":
                word = OTHER_DATA
            else:
                word = verdict(row[ours], talk, half_width, tolerance)
            difference, ci95 = row[ours] - talk, row[f"{ours}_ci95"]
            rows.append(
                {
                    "experiment": row["experiment"],
                    "network": row["network"],
                    "data": row["data"],
                    "seeds": row["seeds"],
                    "frames": row["frames"],
                    "generated": generated,
                    "claim": claim,
                    "talk": talk,
                    "talk_half_range": unsharp if "spiking_cost" in reported and claim == "spiking_cost" else 0.0,
                    "ours": row[ours],
                    "ours_ci95": ci95,
                    "difference": difference,
                    "allowed": half_width + tolerance,
                    "verdict": word,
                    "mean_differs": abs(difference) > ci95 + tolerance,
                    "continued": row["spiking_cost_continued"] if claim == "spiking_cost" else math.nan,
                    "continued_ci95": row["spiking_cost_continued_ci95"] if claim == "spiking_cost" else math.nan,
                }
            )
    return pd.DataFrame(rows)


def verdict_view(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts as text for people: one row per experiment, talk and ours side by side."""
    rows = []
    for (_, network, data), claims in verdicts.groupby(["experiment", "network", "data"], sort=False):
        by_claim = claims.set_index("claim")
        row = {"Network": network, "Data": data}
        row |= {name.capitalize(): by_claim.loc[claim, "verdict"] for claim, name in NAMES.items()}
        for claim, title in (("original", "Original"), ("spiking", "Spiking")):
            one = by_claim.loc[claim]
            row[f"{title}: talk"] = number(one["talk"], digits=1)
            row[title.replace("Spiking", "Threshold") + ": ours"] = number(one["ours"], one["ours_ci95"])
        cost = by_claim.loc["spiking_cost"]
        half = cost["talk_half_range"]
        ends = [number(cost["talk"] + end, digits=1, sign=True) for end in (-half, half)]
        row["Spiking cost: talk"] = " to ".join(dict.fromkeys(ends))
        row["Spiking cost: ours"] = number(cost["ours"], cost["ours_ci95"], sign=True)
        row["Spiking cost against continued"] = number(cost["continued"], cost["continued_ci95"], sign=True)
        rows.append(row)
    return pd.DataFrame(rows)


def listed(names: list[str]) -> str:
    """Return names joined for a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def answer(verdicts: pd.DataFrame, evaluation: str) -> str:
    """Return the study's answer in a few sentences, all computed."""
    claims = {claim: rows for claim, rows in verdicts.groupby("claim")}
    cost = claims["spiking_cost"]
    sentences = []
    for claim, opening in (
        ("spiking", "For the spiking networks of the talk that were run on the talk's data, the accuracy is "),
        ("original", "For their originals it is "),
    ):
        compared = claims[claim][~claims[claim]["verdict"].isin([OTHER_DATA, NOT_IN_TALK])]
        if not len(compared):
            continue
        words = (REPRODUCED, BETTER, MISSED, UNDECIDED)
        counts = {word: compared.loc[compared["verdict"] == word, "network"].tolist() for word in words}
        parts = [f"{word} in {len(names)} ({listed(names)})" for word, names in counts.items() if names]
        sentences.append(opening + f"{', '.join(parts)}.")
    claimed = cost[cost["verdict"] != NOT_IN_TALK]
    costs = {
        BETTER: "smaller than the talk's",
        REPRODUCED: "reproduced",
        MISSED: "larger than the talk's",
        UNDECIDED: "undecided, for seeds scatter too much,",
    }
    real = claimed[~claimed["generated"]]
    if len(real):
        parts = [
            f"{costs[word]} for {listed(rows['network'].tolist())}"
            for word, rows in real.groupby("verdict", sort=False)
        ]
        sentences.append(f"The spiking cost is {'; '.join(parts)}.")
    lowest, highest = cost.loc[cost["ours"].idxmin()], cost.loc[cost["ours"].idxmax()]
    if len(cost) > 1:
        sentences.append(
            f"Against the same network with ordinary activations, spiking changes {evaluation} accuracy by "
            f"{number(lowest['ours'], sign=True)} points ({lowest['network']}) to "
            f"{number(highest['ours'], sign=True)} ({highest['network']})."
        )
    else:
        sentences.append(
            f"Against the same network with ordinary activations, spiking changes {evaluation} accuracy by "
            f"{number(lowest['ours'], lowest['ours_ci95'], sign=True)} points."
        )
    ordered = cost.sort_values("continued")
    if ordered["continued"].notna().all():
        ends = dict.fromkeys(number(ordered["continued"].iloc[end], sign=True) for end in (0, -1))
        sentences.append(f"Against the continued network, the fairer comparison, it is {' to '.join(ends)}.")
    if not len(claimed):
        sentences.insert(0, "No experiment of this study is a row of the talk.")
    apart = verdicts[(verdicts["verdict"] == REPRODUCED) & verdicts["mean_differs"]]
    if len(apart):
        named = [f"{row.network} ({NAMES[row.claim]})" for row in apart.itertuples()]
        sentences.append(
            f"Reproduced narrowly: for {listed(named)} the talk's number could be that of one of our networks, but not "
            "their mean."
        )
    generated = cost[cost["generated"]]
    if len(generated):
        judged = [costs.get(word, "not in the talk") for word in dict.fromkeys(generated["verdict"])]
        sentences.append(
            f"The data of {listed(generated['network'].tolist())} are generated, for the talk's were never published, "
            "and how hard they are was this study's choice: only the spiking cost is compared there, and is "
            f"{listed(judged)}."
        )
    return " ".join(sentences)


def rule_note(verdicts: pd.DataFrame) -> str:
    """Return how the verdicts were made, for below the table."""
    half_width = (
        "the 95% prediction interval of one further seed (Student's t)"
        if (verdicts["seeds"] > 1).all()
        else "the binomial 95% interval of the frames, for one seed has no spread"
    )
    measured = (
        "Accuracy in %, spiking cost in points: spiking minus original. Ours: mean ± half-width of the 95% interval "
        "over seeds."
    )
    compared = verdicts[verdicts["talk"].notna()]
    allowed = compared["allowed"]
    if not len(allowed):
        return measured
    widened = "its rounding, or of a range by half its width" if compared["talk_half_range"].any() else "its rounding"
    reach = " to ".join(dict.fromkeys(f"±{value:.2f}" for value in (allowed.min(), allowed.max())))
    return (
        f"{measured} Reproduced: the talk's number, taken for one trained network, lies within "
        f"{half_width}, widened by {widened} (here {reach} points); better or not reproduced: ours lies "
        f"above or below; undecided: it lies within an interval of more than ±{WIDEST:.0f} point. Spiking cost "
        "against continued: spiking minus the original after as many further epochs as sharpening takes; it "
        "was not tuned for itself."
    )


def overview(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in an order fit for a picture, original and spiking side by side, one row per experiment."""
    wide = verdicts[verdicts["claim"] != "spiking_cost"].pivot(
        index="experiment", columns="claim", values=["talk", "ours", "ours_ci95", "verdict"]
    )
    wide.columns = [f"{value}_{claim}" for value, claim in wide.columns]
    first = verdicts.drop_duplicates("experiment").set_index("experiment")
    wide = wide.join(first[["network", "data", "generated", "seeds"]])
    numeric = [name for name in wide if name.startswith(("talk_", "ours"))]
    wide[numeric] = wide[numeric].astype(np.float64)
    return wide.loc[first.index].reset_index()


def tabulate(talk: Path, study: dict[str, Any]) -> Tabulated:
    """Judge every row of the talk: reproduced, better, not reproduced."""
    measured = read_table(talk, *TALK_COLUMNS)
    require_experiments(study, talk, measured)
    table = verdict_table(measured, study)
    view, note = verdict_view(table), rule_note(table)
    words = answer(table, study.get("evaluation", "test"))
    log.info("%s", words)
    return Tabulated(
        table,
        view,
        "Is the talk reproduced?",
        f"{words} {note}",
        {
            "view": view.to_csv(index=False),
            "answer": f"{words}\n",
            "note": f"{note}\n",
            "landing": to_rst(view, note),
            "landing_answer": f"{in_rst(words)}\n",
        },
    )
