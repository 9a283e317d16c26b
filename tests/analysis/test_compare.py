"""Runs held against each other: the same, within the interval, outside it."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from steep.analysis.compare import hold_against, holm
from steep.cli import main


def table(**accuracies: list[float]) -> pd.DataFrame:
    rows = []
    for experiment, values in accuracies.items():
        for seed, value in enumerate(values):
            for simulator in ("torch", "brian2"):
                rows.append([experiment, "threshold", "potential", simulator, seed, value])
    return pd.DataFrame(rows, columns=["experiment", "stage", "readout", "simulator", "seed", "accuracy"])


KEPT = table(a=[97.0, 98.0, 99.0], b=[97.0, 98.0, 99.0], c=[97.0, 98.0, 99.0], d=[97.0], gone=[90.0, 91.0])


def test_verdicts() -> None:
    new = table(a=[97.0, 98.0, 99.0], b=[97.5, 98.5, 98.9], c=[91.0, 92.0, 93.0], d=[96.0], fresh=[1.0, 2.0])
    rows = hold_against(new, KEPT).set_index("experiment")
    assert rows["verdict"].to_dict() == {
        "a": "same",
        "b": "agrees",
        "c": "differs",
        "d": "unclear",
        "gone": "only kept",
        "fresh": "only new",
    }
    assert rows.loc["c", "difference"] == -6
    # Welch's interval, by hand: equal spreads give 4 degrees of freedom and a standard error of sqrt(2/3).
    assert rows.loc["c", "difference_ci95"] == pytest.approx(stats.t.ppf(0.975, 4) * math.sqrt(2 / 3))
    assert np.isnan(rows.loc["gone", "new"]) and rows.loc["gone", "kept"] == 90.5


def test_one_row_of_many_outside_its_interval_is_no_difference() -> None:
    """Holm's correction, by hand: the smallest of three times three, the next times two, never falling."""
    assert holm(pd.Series([0.01, 0.04, math.nan, 0.03])).tolist() == pytest.approx(
        [0.03, 0.06, math.nan, 0.06], nan_ok=True
    )
    few, many = ({f"x{number}": [97.0, 97.5, 98.0] for number in range(count)} for count in (1, 20))
    for others, word in ((few, "differs"), (many, "outside")):
        new = table(moved=[98.7, 99.2, 99.7], **{name: [97.1, 97.6, 97.9] for name in others})
        rows = hold_against(new, table(moved=[97.0, 97.5, 98.0], **others)).set_index("experiment")
        assert rows.loc["moved", "verdict"] == word and rows.loc["moved", "p"] < 0.05


def test_the_command_fails_when_a_number_moved(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    KEPT.to_csv(tmp_path / "kept.csv", index=False)
    for moved, status in ((0.0, 0), (5.0, 1)):
        KEPT.assign(accuracy=KEPT["accuracy"] - moved).to_csv(tmp_path / "new.csv", index=False)
        arguments = ["--accuracy", str(tmp_path / "new.csv"), "--kept", str(tmp_path / "kept.csv")]
        assert (main(["compare-kept", *arguments]) or 0) == status
        captured = capsys.readouterr()
        assert captured.out.startswith("| Experiment | Stage |") and captured.out.count("\n") == 7
        assert ("of 5 accuracies differ" in captured.err) == bool(moved)
    assert main(["compare-kept", "--accuracy", str(tmp_path / "none"), "--kept", "x"]) == 1
    assert "run the study first" in capsys.readouterr().err
