"""The verdicts follow from the numbers by one rule."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steep.analysis.verdicts import (
    answer,
    overview,
    prediction_half_width,
    rule_note,
    tabulate,
    verdict,
    verdict_table,
    verdict_view,
)
from steep.errors import SteepError

STUDY = {
    "experiments": {name: {"dataset": "mnist"} for name in ("a", "b", "c")} | {"g": {"dataset": "cells"}},
    "datasets": {"mnist": {"source": "mnist"}, "cells": {"source": "hyperspectral"}},
}


def talk(spiking: dict[str, float], ci: float = 0.1, seeds: int = 5) -> pd.DataFrame:
    rows = [
        {
            "experiment": name,
            "network": name.upper(),
            "data": "d",
            "seeds": seeds,
            "frames": 10000,
            "talk_original": math.nan if name == "c" else 98.0,
            "talk_spiking": math.nan if name == "c" else 97.0,
            "original": 98.0,
            "original_ci95": ci,
            "threshold": value,
            "threshold_ci95": ci,
            "spiking_cost": value - 98.0,
            "spiking_cost_ci95": ci,
            "spiking_cost_continued": value - 98.1,
            "spiking_cost_continued_ci95": ci,
        }
        for name, value in spiking.items()
    ]
    return pd.DataFrame(rows)


def test_the_interval_is_of_one_further_seed() -> None:
    """Coverage, by simulation: of normal numbers a further one lies within it in 95% of cases."""
    from steep.analysis.statistics import interval

    rng = np.random.default_rng(0)
    values = rng.normal(97, 0.3, (4000, 6))
    inside = [
        abs(row[5] - row[:5].mean()) <= prediction_half_width(interval(row[:5])[1], 5, 97, 10000) for row in values
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)
    assert prediction_half_width(math.nan, 1, 97.0, 10000) == pytest.approx(
        1.96 * 100 * math.sqrt(0.97 * 0.03 / 1e4), abs=1e-3
    )


def test_words() -> None:
    assert verdict(97.0, 97.1, 0.2) == "reproduced"
    assert verdict(97.4, 97.1, 0.2) == "better"
    assert verdict(96.4, 97.1, 0.2) == "not reproduced"
    assert verdict(96.4, 97.1, 0.6, 0.2) == "reproduced"
    assert verdict(96.4, 97.1, 1.1) == "undecided"  # whatever the talk had said would be within it
    assert verdict(94.4, 97.1, 1.1) == "not reproduced"
    assert verdict(97.0, 97.1, 1.0) == "reproduced"  # as wide as it may be


def test_a_number_of_one_seed_but_not_of_the_mean_is_told() -> None:
    """An interval of 0.1 for the mean of five seeds is one of 0.24 for a sixth."""
    text = answer(verdict_table(talk({"a": 97.25}), STUDY), "test")
    narrow = "for A (spiking accuracy) and A (spiking cost) the talk's number could be that of one of our networks"
    assert f"Reproduced narrowly: {narrow}" in text
    assert "not their mean" not in answer(verdict_table(talk({"a": 97.05}), STUDY), "test")


def test_every_claim_is_judged_and_generated_data_are_not() -> None:
    table = verdict_table(talk({"a": 97.1, "b": 96.0, "c": 97.0, "g": 99.0}), STUDY)
    words = table.set_index(["experiment", "claim"])["verdict"].to_dict()
    assert words["a", "original"] == words["a", "spiking"] == words["a", "spiking_cost"] == "reproduced"
    assert words["b", "spiking"] == words["b", "spiking_cost"] == "not reproduced"
    assert {words["c", claim] for claim in ("original", "spiking", "spiking_cost")} == {"not in the talk"}
    assert words["g", "spiking"] == "other data" and words["g", "spiking_cost"] == "better"
    text = answer(table, "test")
    assert "For their originals it is reproduced in 2 (A and B)." in text
    assert "reproduced in 1 (A)" in text and "not reproduced in 1 (B)" in text
    assert "The data of G are generated" in text and "and is smaller than the talk's" in text
    assert "The spiking cost is reproduced for A; larger than the talk's for B." in text
    assert "the fairer comparison, it is −2.10 to +0.90." in text
    view = verdict_view(table)
    assert view["Spiking accuracy"].tolist() == ["reproduced", "not reproduced", "not in the talk", "other data"]
    assert len(overview(table)) == 4 and overview(table)["experiment"].tolist() == ["a", "b", "c", "g"]


def test_a_study_without_rows_of_the_talk_says_so() -> None:
    table = verdict_table(talk({"c": 97.5}, math.nan, 1), STUDY)
    assert answer(table, "validation") == (
        "No experiment of this study is a row of the talk. Against the same network with ordinary activations, spiking"
        " changes validation accuracy by −0.50 points. Against the continued network, the fairer comparison, it is"
        " −0.60."
    )
    assert "reproduced" not in rule_note(table).lower()
    alone = verdict_table(talk({"a": 97.1}, math.nan, 1), STUDY)
    assert "one seed has no spread" in rule_note(alone)


@pytest.mark.parametrize(
    ("spiking", "word"), [(96.5, "reproduced"), (97.0, "reproduced"), (97.5, "better"), (95.5, "not reproduced")]
)
def test_a_cost_given_as_a_range(spiking: float, word: str) -> None:
    """Within the range, or off it by less than the spread of one further seed, 0.24 here."""
    study = STUDY | {"experiments": {"c": {"dataset": "mnist", "talk": {"spiking_cost": [-2, -1]}}}}
    table = verdict_table(talk({"c": spiking}), study)
    assert table["verdict"].tolist() == ["not in the talk", "not in the talk", word]
    assert verdict_view(table)["Spiking cost: talk"].tolist() == ["−2.0 to −1.0"]
    assert "of a range by half its width (here ±0.74 points)" in rule_note(table)
    wide = verdict_table(talk({"c": 96.5}, ci=0.8, seeds=2), study)
    assert wide["verdict"].tolist()[-1] == "undecided" and "seeds scatter too much, for C" in answer(wide, "test")


def test_the_table_for_people_holds_the_numbers() -> None:
    (row,) = verdict_view(verdict_table(talk({"a": 97.1}), STUDY)).to_dict("records")
    assert row == {
        "Network": "A",
        "Data": "d",
        "Original accuracy": "reproduced",
        "Spiking accuracy": "reproduced",
        "Spiking cost": "reproduced",
        "Original: talk": "98.0",
        "Original: ours": "98.00\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.10",
        "Spiking: talk": "97.0",
        "Threshold: ours": "97.10\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.10",
        "Spiking cost: talk": "−1.0",
        "Spiking cost: ours": "−0.90\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.10",
        "Spiking cost against continued": "−1.00\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.10",
    }


def test_the_table_is_made_from_the_file_of_the_same_study(tmp_path: Path) -> None:
    table = talk({"a": 97.1, "b": 95.0, "c": 97.5, "g": 97.2})
    table.to_csv(tmp_path / "talk.csv", index=False)
    made = tabulate(tmp_path / "talk.csv", STUDY)
    pd.testing.assert_frame_equal(made.table, verdict_table(table, STUDY))
    words, note = answer(made.table, "test"), rule_note(made.table)
    assert made.note == f"{words} {note}" and made.title == "Is the talk reproduced?"
    assert made.also["answer"] == f"{words}\n" and made.also["note"] == f"{note}\n"
    assert made.also["view"].splitlines()[0] == ",".join(verdict_view(made.table))
    assert made.also["landing"].startswith(".. csv-table::") and "A" in made.also["landing"]
    assert made.also["landing_answer"].replace("\\", "") == f"{words}\n"
    validation = tabulate(tmp_path / "talk.csv", STUDY | {"evaluation": "validation"})
    assert "validation accuracy" in validation.also["answer"]
    with pytest.raises(SteepError, match="give the table of the same study"):
        tabulate(tmp_path / "talk.csv", STUDY | {"experiments": {"a": {"dataset": "mnist"}}})
    table.drop(columns="frames").to_csv(tmp_path / "talk.csv", index=False)
    with pytest.raises(SteepError, match="lacks the column frames"):
        tabulate(tmp_path / "talk.csv", STUDY)


def apart(**changes: list[float | str]) -> pd.DataFrame:
    """Return the verdicts of A and B, of which every number has an interval of its own: 0.1, 0.2, 0.3, 0.4."""
    table = talk({"b": 96.5, "a": 97.125}).assign(
        threshold_ci95=0.2, spiking_cost_ci95=0.3, spiking_cost_continued_ci95=0.4
    )
    return verdict_table(table.assign(**changes), STUDY)


def test_what_lies_at_the_end_of_the_interval_is_within_it() -> None:
    """Eighths, which are exact in binary."""
    assert verdict(97.0, 97.25, 0.25) == verdict(97.25, 97.0, 0.25) == "reproduced"
    assert verdict(97.0, 97.375, 0.25, 0.125) == "reproduced"
    assert verdict(97.0, 97.5, 0.25, 0.125) == "not reproduced" and verdict(97.5, 97.0, 0.25, 0.125) == "better"
    assert verdict(97.0, 98.0, 1.0) == "reproduced" and verdict(97.0, 98.0, 1.125) == "undecided"


def test_the_mean_differs_beyond_its_interval_and_the_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an accuracy and, twice as wide, of a difference of two."""
    monkeypatch.setattr("steep.analysis.verdicts.ROUNDING", 0.125)
    for above, differs in ((0.375, [False, False, False]), (0.5, [False, True, False]), (0.5625, [False, True, True])):
        table = verdict_table(talk({"a": 97 + above}, ci=0.25), STUDY)
        assert table["mean_differs"].tolist() == differs
    assert table["allowed"].tolist() == [0.25 * math.sqrt(6) + width for width in (0.125, 0.125, 0.25)]


def test_every_claim_has_its_own_numbers() -> None:
    table = apart().set_index(["experiment", "claim"]).loc["b"]
    assert table["ours"].tolist() == [98.0, 96.5, -1.5] and table["talk"].tolist() == [98.0, 97.0, -1.0]
    assert table["difference"].tolist() == [0.0, -0.5, -0.5]
    assert table["ours_ci95"].tolist() == [0.1, 0.2, 0.3]
    assert table["allowed"].tolist() == [
        width * math.sqrt(6) + rounding for width, rounding in ((0.1, 0.05), (0.2, 0.05), (0.3, 0.1))
    ]
    assert table["talk_half_range"].tolist() == [0.0, 0.0, 0.0]
    cost = table.loc["spiking_cost"]
    assert cost["continued"] == pytest.approx(-1.6) and cost["continued_ci95"] == 0.4
    assert table[["continued", "continued_ci95"]].iloc[:2].isna().all(axis=None)


def test_a_range_is_that_of_the_cost_alone() -> None:
    study = STUDY | {"experiments": {"a": {"dataset": "mnist", "talk": {"spiking_cost": [-2, -1]}}}}
    assert verdict_table(talk({"a": 97.0}), study)["talk_half_range"].tolist() == [0.0, 0.0, 0.5]


def test_the_overview_has_a_row_for_each_experiment_and_no_cost() -> None:
    """In the order of the study, numbers as numbers."""
    shown = overview(apart(talk_spiking=[97.0, math.nan]))
    of_claims = [
        f"{value}_{claim}" for value in ("talk", "ours", "ours_ci95", "verdict") for claim in ("original", "spiking")
    ]
    assert list(shown) == ["experiment", *of_claims, "network", "data", "generated", "seeds"]
    assert shown["experiment"].tolist() == ["b", "a"] and shown["network"].tolist() == ["B", "A"]
    numbers = shown[[name for name in of_claims if not name.startswith("verdict")]]
    assert (numbers.dtypes == np.float64).all()
    assert numbers.iloc[0].tolist() == [98.0, 97.0, 98.0, 96.5, 0.1, 0.2]
    assert shown["verdict_spiking"].tolist() == ["reproduced", "not in the talk"]


def test_the_answer_names_the_ends_and_lists_the_networks() -> None:
    text = answer(verdict_table(talk({"b": 97.1, "c": 96.25, "a": 97.0, "g": 97.5}), STUDY), "test")
    assert "changes test accuracy by −1.75 points (C) to −0.50 (G)." in text
    assert "The spiking cost is reproduced for B and A." in text
    assert "is reproduced in 2 (B and A)." in text and "not in the talk" not in text
    study = STUDY | {"experiments": {name: {"dataset": "mnist"} for name in "abd"}}
    three = answer(verdict_table(talk({"b": 97.1, "a": 97.0, "d": 97.0}), study), "test")
    assert "reproduced in 3 (B, A and D)." in three
    two = answer(verdict_table(talk({"a": 97.1, "b": 97.0}), STUDY), "test")
    assert "by −1.00 points (B) to −0.90 (A)." in two


def test_only_what_is_reproduced_is_reproduced_narrowly() -> None:
    table = verdict_table(talk({"a": 97.0, "b": 95.0}), STUDY)
    assert table["mean_differs"].any() and "Reproduced narrowly" not in answer(table, "test")


def test_generated_data_that_the_talk_does_not_have() -> None:
    table = talk({"a": 97.0, "g": 97.0})
    table.loc[1, ["talk_original", "talk_spiking"]] = math.nan
    assert "is compared there, and is not in the talk." in answer(verdict_table(table, STUDY), "test")


def test_the_continued_network_is_named_where_every_experiment_has_one() -> None:
    table = talk({"a": 97.0, "b": 97.0})
    assert "Against the continued network, the fairer comparison, it is −1.10." in answer(
        verdict_table(table, STUDY), "test"
    )
    table.loc[1, "spiking_cost_continued"] = math.nan
    assert "continued network" not in answer(verdict_table(table, STUDY), "test")


def test_the_note_gives_the_narrowest_and_the_widest_interval() -> None:
    note = rule_note(apart())
    assert f"(here ±{0.1 * math.sqrt(6) + 0.05:.2f} to ±{0.3 * math.sqrt(6) + 0.1:.2f} points)" in note
    assert "widened by its rounding (here" in note and "Student's t" in note
    assert "one seed has no spread" in rule_note(apart(seeds=[5, 1]))
