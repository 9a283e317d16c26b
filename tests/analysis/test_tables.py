"""Tables: intervals by hand, the talk's row beside ours, pages that stand alone."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steep.analysis.render import between_marks, to_html, to_markdown
from steep.analysis.statistics import interval
from steep.analysis.tables import (
    accuracy_table,
    margin_table,
    margin_view,
    number,
    talk_table,
    talk_view,
    view_note,
)
from steep.errors import SteepError
from steep.study.costs import cost_table, cost_view

STUDY = {
    "datasets": {"mnist": {"title": "MNIST"}, "digits": {"title": "Digits"}},
    "networks": {"net": {"title": "Net <1>"}},
    "experiments": {
        "b": {
            "dataset": "mnist",
            "encoding": "binarized",
            "network": "net",
            "talk": {"original": 97.3, "spiking": 97.0},
        },
        "a": {"dataset": "digits", "encoding": "binarized", "network": "net"},
    },
}


def scores() -> pd.DataFrame:
    rows = []
    for experiment in ("a", "b"):
        for seed, (original, sharpened, spiking) in enumerate([(980, 970, 960), (990, 970, 980), (985, 970, 976)]):
            kinds = [
                ("threshold", "stpu", spiking),
                ("threshold", "torch", spiking),
                ("sharpened", "torch", sharpened),
                ("continued", "torch", original + 1),
                ("original", "torch", original),
            ]
            for stage, simulator, correct in kinds:
                rows.append(
                    {
                        "experiment": experiment,
                        "dataset": "x",
                        "encoding": "y",
                        "network": "z",
                        "stage": stage,
                        "simulator": simulator,
                        "readout": "potential",
                        "seed": seed,
                        "frames": 1000,
                        "correct": correct,
                        "accuracy": correct / 10,
                    }
                )
    return pd.DataFrame(rows)


def test_interval_is_students() -> None:
    """Three values with standard deviation 1: 4.303 / sqrt(3)."""
    mean, half = interval(np.array([97.0, 98.0, 99.0]))
    assert mean == 98 and half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert interval(np.array([97.0]))[0] == 97 and math.isnan(interval(np.array([97.0]))[1])


def test_talk_table() -> None:
    table = talk_table(STUDY, accuracy_table(scores()))
    assert table["experiment"].tolist() == ["b", "a"]  # the config's order
    row = table.iloc[0]
    assert (row["talk_original"], row["talk_spiking"]) == (97.3, 97.0)
    assert row["original"] == pytest.approx(98.5) and row["threshold"] == pytest.approx(97.2)
    assert row["spiking_cost"] == pytest.approx(-1.3)
    # The loss is paired by seed: differences -2.0, -1.0, -0.9.
    assert row["spiking_cost_ci95"] == pytest.approx(
        4.302653 * np.std([-2.0, -1.0, -0.9], ddof=1) / math.sqrt(3), rel=1e-6
    )
    assert row["spiking_cost_continued"] == pytest.approx(-1.4) and row["spiking_cost_continued_ci95"] == pytest.approx(
        row["spiking_cost_ci95"]
    )
    assert (row["seeds"], row["frames"], row["simulators"]) == (3, 1000, "stpu torch")
    assert math.isnan(table.iloc[1]["talk_original"])


def test_view_says_what_cannot_be_compared() -> None:
    table = talk_table(STUDY, accuracy_table(scores()))
    view = talk_view(table)
    assert view["Talk: original"].tolist() == ["97.3", "–"]
    assert view["Spiking cost"][0].startswith("−1.30\N{NO-BREAK SPACE}±")
    assert "it reports no such number" in view_note(table)
    assert "it reports no such number" not in view_note(table.iloc[:1])


def test_a_study_that_chooses_says_so() -> None:
    table = talk_table(STUDY, accuracy_table(scores()))
    assert "Test frames" in talk_view(table) and "Validation frames" in talk_view(table, "validation")
    assert view_note(table, "validation").startswith("Validation accuracy in %")


def test_numbers() -> None:
    assert number(97.254, 0.1) == "97.25\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.10"
    assert number(97.25) == "97.25" and number(math.nan, 1.0) == "–"
    assert number(-0.5, sign=True) == "−0.50" and number(0.5, sign=True) == "+0.50"


def test_pages_stand_alone_and_escape() -> None:
    table = talk_table(STUDY, accuracy_table(scores()))
    page = to_html(talk_view(table), "A & B", "x < y")
    assert "Net &lt;1&gt;" in page and "A &amp; B" in page and "x &lt; y" in page
    assert "http" not in page and "<script" not in page
    markdown = to_markdown(pd.DataFrame({"a|b": ["c|d"]}))
    assert markdown.splitlines()[-1] == "| c\\|d |"


def test_text_between_marks_is_replaced_and_nothing_else() -> None:
    page = "a\n<!-- results -->\nold\n<!-- /results -->\nb <!-- results2 -->"
    changed = between_marks(page, "new\n\n", "results")
    assert changed == "a\n<!-- results -->\nnew\n<!-- /results -->\nb <!-- results2 -->"
    assert between_marks(changed, "new", "results") == changed
    for broken in ("no marks", "<!-- /results --> <!-- results -->", page + page):
        with pytest.raises(SteepError, match="write them where the text is to stand"):
            between_marks(broken, "x", "results")


def test_margins_are_means_over_seeds() -> None:
    rows = [
        {"experiment": "e", "layer": 1, "units": 5, "frames": 9, "seed": seed}
        | {"near": near, "decided": 90.0, "flipped": 0.0, "units_near": 2, "units_dead": 0, "units_saturated": seed}
        for seed, near in enumerate((1.0, 2.0))
    ]
    (row,) = margin_table(pd.DataFrame(rows)).to_dict("records")
    assert (row["near"], row["units_saturated"], row["seeds"]) == (1.5, 0.5, 2)
    assert margin_view(margin_table(pd.DataFrame(rows)))["Near"].tolist() == ["1.50%"]


def test_other_readouts_have_columns_of_their_own() -> None:
    extra = scores()[lambda t: (t["experiment"] == "b") & (t["stage"] == "threshold")]
    table = talk_table(
        STUDY, accuracy_table(pd.concat([scores(), extra.assign(readout="wta", accuracy=extra["accuracy"] - 1)]))
    )
    assert table.iloc[0]["threshold"] == pytest.approx(97.2) and table.iloc[0]["wta"] == pytest.approx(96.2)
    assert math.isnan(table.iloc[0]["spikes"]) and math.isnan(table.iloc[1]["wta"])
    assert talk_view(table)["Readout wta"].tolist()[1] == "–"


def test_costs_are_summed_by_rule(tmp_path: Path) -> None:
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, row in {
        "train_original.tsv": "10.0\t0:00:10\t500.0\t1\t1\t1\t0\t0\t99\t9.5",
        "simulate_network-torch.tsv": "6.0\t0:00:06\t100.0\t1\t1\t1\t0\t0\t99\t5.5",
        "simulate_network-stpu.tsv": "0.5\t0:00:00\t3.0\t1\t1\t1\t0\t0\t0\t0.0",
    }.items():
        (tmp_path / name).write_text(header + row + "\n")
    table = cost_table(sorted(tmp_path.iterdir()))
    assert table["rule"].tolist() == ["train_original", "simulate_network"]
    assert table.iloc[1][["jobs", "wall_s", "longest_s", "cpu_s", "largest_MiB"]].tolist() == [2, 6.5, 6.0, 5.5, 100.0]
    only = cost_table([tmp_path / "simulate_network-stpu.tsv"])
    assert cost_view(only).iloc[0]["Largest memory (MiB)"] == "–"
