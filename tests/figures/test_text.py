"""Text from the config is literal in every figure: no formula, nothing altered, files that every reader takes."""

import html
import logging
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from odd_networks import check_svg, simulated

from steep.analysis.energy import energy_table
from steep.figures import (
    activity,
    aggregate,
    bits,
    confusion,
    convergence,
    conversion,
    effects,
    energy,
    feature_maps,
    layers,
    layout,
    leak,
    mistakes,
    overview,
    pipeline,
    robustness,
    sharpening,
    sigmoid,
)
from steep.figures.style import plt, save_figure
from steep.figures.text import fitted, make_literal, readable
from steep.frames import Frames
from steep.sharpening.training import EDGES
from steep.stpu.layout import from_threshold_network

PUBLISHED = Path(__file__).parents[2] / "report" / "published"
MADE = simulated("even kernel, zeros around", "ordinary")
COUNTS = np.array([[3, 1, 0], [0, 2, 1], [1, 0, 4]])
HISTORY = pd.DataFrame({"seed": 0, "epoch": [0, 1], "sharpness": [0, 1.0], "validation_accuracy": [98.0, 97]})
BITS = pd.DataFrame({"changed": ["all", "1"], "bits": 4, "seed": 0, "accuracy": [50.0, 60]})
SWEEP = {"leak": 1.0, "spacing": 1, "dropped": 0.0, "inserted": 0.0, "late": 0.0, "seed": 0, "accuracy": 90.0}
SWEEPS = pd.DataFrame(
    [SWEEP | {"sweep": "leak"}, SWEEP | {"sweep": "faults"}, SWEEP | {"sweep": "faults", "dropped": 0.1}]
)
RECORDED = {
    "histogram": np.ones((2, 1, len(EDGES) - 1), np.int64),
    "edges": EDGES,
    "sharpness": np.array([[0], [1.0]]),
    "slope": np.array([4.0]),
    "centre": np.array([0.5]),
    "shape": np.array("ramp"),
}
IMAGES = Frames(np.random.default_rng(0).integers(0, 256, (1, 1, 8, 8)).astype(np.uint8), np.zeros(1, np.uint8), 3)
ENERGIES = energy_table(MADE["table"], pd.read_csv(PUBLISHED / "energy-per-event.csv"))


def effects_table(words: str) -> pd.DataFrame:
    numbers = {"threshold": [96.0, 97], "effect": [np.nan, 1], "effect_ci95": [np.nan, 0.1]}
    return pd.DataFrame({"change": ["nothing", words], "verdict": ["baseline", "better"]} | numbers)


def overview_table(words: str) -> pd.DataFrame:
    ours = {"ours_original": [98.0], "ours_spiking": [97.5], "ours_ci95_original": [0.1], "ours_ci95_spiking": [0.2]}
    talk = {"talk_original": [97.0], "talk_spiking": [96.0], "generated": [False], "verdict_spiking": ["better"]}
    return pd.DataFrame({"network": [words], "data": ["data"]} | ours | talk)


# Every figure that shows a title, a name of a class, a network or an experiment.
FIGURES: dict[str, Any] = {
    "activity": lambda words: activity.draw(MADE["table"], {"e": words}),
    "aggregate": lambda words: aggregate.draw(MADE["examples"], MADE["network"], words),
    "bits": lambda words: bits.draw(BITS, [1, 2], words),
    "confusion": lambda words: confusion.draw(
        {"original": COUNTS, "threshold": COUNTS}, (0, 0), 1, ["torch"], ["a", words, "c"], "title"
    ),
    "confusion's title": lambda words: confusion.draw(
        {"original": COUNTS, "threshold": COUNTS}, (0, 0), 1, ["torch"], list("abc"), words
    ),
    "convergence": lambda words: convergence.draw(RECORDED, HISTORY, [1, 2], words),
    "conversion": lambda words: conversion.draw(IMAGES, {"c": {"kind": "current"}}, words),
    "effects": lambda words: effects.draw(effects_table(words), "test"),
    "energy": lambda words: energy.draw(ENERGIES, pd.read_csv(PUBLISHED / "energy-per-frame.csv"), {"e": words}),
    "feature_maps": lambda words: feature_maps.draw(MADE["activity"], words),
    "layers": lambda words: layers.draw(MADE["examples"], MADE["network"].shapes, words),
    "layout": lambda words: layout.draw(from_threshold_network(MADE["network"], clock=True), {}, words),
    "leak": lambda words: leak.draw(SWEEPS, words),
    "mistakes": lambda words: mistakes.draw(MADE["examples"], MADE["network"], [words] * 3, "title"),
    "mistakes's title": lambda words: mistakes.draw(MADE["examples"], MADE["network"], list("abc"), words),
    "overview": lambda words: overview.draw(overview_table(words), "test"),
    "robustness": lambda words: robustness.draw(SWEEPS, BITS, words),
    "sharpening": lambda words: sharpening.draw(HISTORY, HISTORY[HISTORY["epoch"] > 0], words),
    "sigmoid": lambda words: sigmoid.draw({words: ("sigmoid", 2.0)}),
}
MONEY = r"$5 or $10_a^b \frac{ %&<'\$x$>"


def saved(figure: Any, path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, path)
    text = path.read_text(encoding="utf-8")
    check_svg(text)
    return text


def told(svg: str) -> list[str]:
    """Return the texts of a figure, which stand in comments beside their outlines."""
    return [html.unescape(text.strip()) for text in re.findall("<!--(.*?)-->", svg, re.DOTALL)]


@pytest.mark.parametrize("name", FIGURES)
def test_dollar_signs_make_no_formula(tmp_path: Path, name: str) -> None:
    """Two of them do to Matplotlib: this title would be an error, "$5 or $10" be set in italics without its signs."""
    svg = saved(FIGURES[name](MONEY), tmp_path / "f.svg")
    assert any(MONEY in text for text in told(svg)), told(svg)
    assert "DejaVuSans-Oblique" not in svg or name == "leak"


@pytest.mark.parametrize(
    "words", ["a\x07b\x00", "half \ud800", "no \ufffe", "tab\tand\r\nlines", "", "   ", "\u202e--> ]]>"]
)
def test_no_character_breaks_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture, words: str) -> None:
    for name in ("sharpening", "effects"):
        saved(FIGURES[name](words), tmp_path / "f.svg")
    check_svg(pipeline.draw(MADE["examples"], MADE["network"].shapes, words))
    assert caplog.records == []


def test_letters_that_the_font_lacks_are_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    svg = saved(FIGURES["sharpening"]("中文"), tmp_path / "f.svg")
    assert "中文" in told(svg)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING and "font of the figures lacks letters" in record.getMessage()


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("words", ["word " * 400, "x" * 2000], ids=["many words", "one word"])
def test_long_text_stays_inside_the_figure(name: str, words: str) -> None:
    figure = FIGURES[name](words)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_literal(figure)
        figure.draw_without_rendering()
    for title in figure.texts:  # those of the figure itself
        box = title.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
    plt.close(figure)


def test_our_own_formulas_stay() -> None:
    figure = FIGURES["leak"]("t")
    make_literal(figure)
    assert figure.axes[1].xaxis.label.get_parse_math() and not figure.axes[0].xaxis.label.get_parse_math()
    plt.close(figure)


def test_numbers_on_logarithmic_axes_stay_numbers(tmp_path: Path) -> None:
    svg = saved(FIGURES["energy"]("t"), tmp_path / "f.svg")
    assert any("mathdefault{10^{" in text for text in told(svg))  # set as a formula, in smaller letters above the line
    figure = FIGURES["energy"]("t")
    make_literal(figure)
    assert all(tick.label1.get_parse_math() for tick in figure.axes[0].xaxis.get_major_ticks())
    assert not any(tick.label1.get_parse_math() for tick in figure.axes[0].yaxis.get_major_ticks())
    plt.close(figure)


def test_text_is_made_readable_and_fits() -> None:
    sign = "\N{REPLACEMENT CHARACTER}"
    assert readable("a\x07\ud800\ufffe\tb\r\nc\rd") == f"a{3 * sign} b\nc\nd"
    assert readable("$x$ é 中 \U0001f600 \u202e") == "$x$ é 中 \U0001f600 \u202e"
    assert fitted("one two three", 13) == "one two three"
    assert fitted("one two three\nfour", 12) == "one two\nthree\nfour"
    assert fitted("one two three four five six", 10) == "one two\nthree\nfour …"
    assert fitted("x" * 14, 10) == "x" * 7 + "\n" + "x" * 7
