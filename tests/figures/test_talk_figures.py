"""The talk's figures: what they show is what the networks computed, and the same bytes twice."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex

from steep.analysis.activity import activity_rows, activity_table, choose_examples, measure_activity
from steep.analysis.energy import energy_table
from steep.cli import main
from steep.datasets import hyperspectral
from steep.errors import SteepError
from steep.figures import (
    activity,
    aggregate,
    confusion,
    conversion,
    effects,
    energy,
    feature_maps,
    layers,
    mistakes,
    overview,
    pipeline,
    sharpening,
    sigmoid,
    transfer,
)
from steep.figures.style import STAGES, as_grid, compact, plt, save_figure
from steep.files import write_npz
from steep.frames import Frames
from steep.sharpening.activation import SharpenedActivation
from steep.simulators.torch_threshold import simulate
from steep.study.trace import read_trace, trace_of
from steep.threshold.network import ConvLink, ThresholdNetwork, conv, dense, or_pool

RNG = np.random.default_rng(3)
NETWORK = ThresholdNetwork(
    (1, 8, 8),
    (
        conv(ConvLink(0, RNG.integers(-5, 6, (3, 1, 3, 3)).astype(np.int32)), (1, 8, 8), np.array([0.5, 1.5, -0.5])),
        or_pool(1, (3, 6, 6), (2, 2)),
        dense(2, RNG.integers(-5, 6, (3, 27)).astype(np.int32), np.array([0.5, -1.5, 2.5])),
    ),
)
FRAMES = Frames((RNG.random((40, 1, 8, 8)) < 0.3).astype(np.uint8), RNG.integers(0, 3, 40).astype(np.uint8), 3, 1)
SPIKES = simulate(NETWORK, FRAMES.values)
EXAMPLES = choose_examples(NETWORK, FRAMES, SPIKES)
# The same frames, as a network would answer that has learnt nothing.
NONE_RIGHT = EXAMPLES | {"classes": (EXAMPLES["labels"] + 1) % 3}
ACTIVITY = measure_activity(NETWORK, FRAMES, SPIKES)
# A first map that never fires, a second one that always does.
MARKED = ACTIVITY | {"unit_spikes1": np.concatenate([np.repeat([0, 40], 36), ACTIVITY["unit_spikes1"][72:]])}
TABLE = activity_table(pd.DataFrame(activity_rows(ACTIVITY, {"experiment": "e", "seed": 0})))
PUBLISHED = Path(__file__).parents[2] / "report" / "published"
ENERGIES = energy_table(TABLE, pd.read_csv(PUBLISHED / "energy-per-event.csv"))
HISTORY = pd.DataFrame(
    {
        "seed": [0] * 4 + [1] * 4,
        "epoch": [0, 1, 2, 3] * 2,
        "sharpness": [0, 0.5, 1, 1] * 2,
        "validation_accuracy": [98.0, 97, 96, 98, 98.2, 97.5, 96.4, 97.9],
    }
)
NAMES = list(hyperspectral.CLASSES)  # long ones, with dashes
MATRICES = {
    "original": confusion.confusion(FRAMES.labels.astype(np.int64), FRAMES.labels[::-1].astype(np.int64), 3),
    "threshold": confusion.confusion(ACTIVITY["labels"], ACTIVITY["classes"], 3),
}
OVERVIEW = pd.DataFrame(
    {
        "experiment": ["a", "b"],
        "network": ["A", "B"],
        "data": ["x", "y"],
        "generated": [False, True],
        "talk_original": [97.3, np.nan],
        "talk_spiking": [97.0, np.nan],
        "seeds": [2, 1],
        "ours_original": [98.0, 99.0],
        "ours_spiking": [97.5, 98.5],
        "ours_ci95_original": [0.1, np.nan],
        "ours_ci95_spiking": [0.2, np.nan],
        "verdict_spiking": ["better", "not in the talk"],
    }
)

EFFECTS = pd.DataFrame(
    {
        "change": ["nothing changed", "a", "b", "c", "d"],
        "threshold": [96.0, 97, 95, 96.1, 95.5],
        "effect": [np.nan, 1.0, -1.0, 0.1, -0.5],
        "effect_ci95": [np.nan, 0.2, 0.3, np.nan, 0.4],
        "verdict": ["baseline", "better", "worse", "unclear", "likely worse"],
    }
)


def raw(shape: tuple[int, ...]) -> Frames:
    return Frames(RNG.integers(0, 256, (6, *shape)).astype(np.uint8), np.arange(6, dtype=np.uint8) % 3, 3)


RAW = {"grey": raw((1, 28, 28)), "colour": raw((3, 32, 32)), "spectrum": raw((1, 1, 50))}
ENCODINGS = {"b": {"kind": "binarize", "threshold": 0.4}}
FIGURES: dict[str, Any] = {
    "transfer": transfer.draw,
    "sigmoid": lambda: sigmoid.draw({"dense": ("sigmoid", 2.0), "scene": ("ramp", 4.0)}),
    **{
        f"conversion-{name}": lambda frames=frames: conversion.draw(frames, ENCODINGS, "t")
        for name, frames in RAW.items()
    },
    "sharpening": lambda: sharpening.draw(HISTORY, HISTORY[HISTORY["epoch"] > 0], "t"),
    "layers": lambda: layers.draw(EXAMPLES, NETWORK.shapes, "t"),
    "layers-none": lambda: layers.draw(NONE_RIGHT, NETWORK.shapes, "t"),
    "aggregate": lambda: aggregate.draw(EXAMPLES, NETWORK, "t"),
    "aggregate-none": lambda: aggregate.draw(NONE_RIGHT, NETWORK, "t"),
    "feature_maps": lambda: feature_maps.draw(ACTIVITY, "t"),
    "feature_maps-marked": lambda: feature_maps.draw(MARKED, "t"),
    "mistakes": lambda: mistakes.draw(EXAMPLES, NETWORK, NAMES, "t"),
    "confusion": lambda: confusion.draw(MATRICES, (7, 5), 2, ["torch", "stpu"], NAMES, "t"),
    "activity": lambda: activity.draw(TABLE, {"e": "E"}),
    "energy": lambda: energy.draw(ENERGIES, pd.read_csv(PUBLISHED / "energy-per-frame.csv"), {"e": "E"}),
    "effects": lambda: effects.draw(EFFECTS, "validation"),
    "overview": lambda: overview.draw(OVERVIEW, "test"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_bytes_twice(tmp_path: Path, name: str) -> None:
    for file in ("one.svg", "two.svg"):
        save_figure(FIGURES[name](), tmp_path / file)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_figure_carries_its_trace(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    trace = trace_of("plot-transfer", [tmp_path / "in.csv"])
    save_figure(transfer.draw(), tmp_path / "f.svg", trace)
    assert read_trace(tmp_path / "f.svg") == trace
    assert list(trace["inputs"]) == [str(tmp_path / "in.csv")]


def test_effects_stand_where_they_were_measured_and_show_their_verdict() -> None:
    axis = effects.draw(EFFECTS, "validation").axes[0]
    points = [bar.lines[0] for bar in axis.containers]
    assert [(point.get_xdata()[0], point.get_ydata()[0]) for point in points] == [
        (1.0, 0),
        (-1.0, 1),
        (0.1, 2),
        (-0.5, 3),
    ]
    assert [point.get_marker() for point in points] == ["^", "v", "o", "v"]
    assert [point.get_markerfacecolor() == point.get_color() for point in points] == [True, True, True, False]
    reach = [bar.lines[2][0].get_segments()[0][:, 0] if bar.has_xerr else [] for bar in axis.containers]
    np.testing.assert_allclose(np.concatenate(reach), [0.8, 1.2, -1.3, -0.7, -0.9, -0.1])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "c", "d"]
    assert axis.get_xticks().tolist() == [-1, -0.5, 0, 0.5, 1]
    small = effects.draw(EFFECTS.assign(effect=EFFECTS["effect"] / 5, effect_ci95=0.1), "validation").axes[0]
    assert small.get_xticks().tolist() == [-0.2, -0.1, 0, 0.1, 0.2]
    assert "nothing changed, 96.00%" in axis.get_xlabel() and "validation frames" in axis.get_xlabel()
    plt.close("all")


def test_the_neuron_fires_above_its_threshold_and_keeps_nothing() -> None:
    currents = np.array([0.4, 0.4, 0.5, 0.51, 0.0, -2.0, 0.6])
    membrane, spikes = transfer.respond(currents)
    np.testing.assert_array_equal(spikes, currents > 0.5)
    np.testing.assert_array_equal(membrane, currents)


@pytest.mark.parametrize("shape", ["sigmoid", "ramp"])
@pytest.mark.parametrize("sharpness", sigmoid.VALUES)
def test_the_derivative_drawn_is_the_one_trained_with(shape: str, sharpness: float) -> None:
    module = SharpenedActivation(sigmoid.CENTRE, sigmoid.SLOPE, 2.0, shape)
    module.sharpness.fill_(sharpness)
    x = torch.linspace(-1, 2, 62, dtype=torch.float64, requires_grad=True)  # no point on the ramp's corners
    module(x).sum().backward()
    np.testing.assert_allclose(sigmoid.surrogate(x.detach().numpy(), shape, sharpness, 2.0), x.grad.numpy(), atol=1e-6)


def test_aggregation_is_a_binary_number_at_the_centre_pixel() -> None:
    spikes = np.zeros((3, 2, 2), bool)
    spikes[0, 0, 0] = spikes[2, 0, 0] = spikes[1, 1, 1] = True
    total = aggregate.aggregated(spikes)
    assert total.tolist() == [[5, 0], [0, 2]]
    link = ConvLink(0, np.zeros((3, 1, 3, 3), np.int32))
    assert aggregate.centred(total, link, (4, 4)).tolist() == [
        [-1] * 4,
        [-1, 5, 0, -1],
        [-1, 0, 2, -1],
        [-1] * 4,
    ]


def test_contributions_add_up_to_the_difference_of_potentials() -> None:
    for frame in range(len(EXAMPLES["index"])):
        hidden = EXAMPLES["layer2"][frame].astype(np.float64)
        for given, true in ((0, 1), (2, 0)):
            added, rest = mistakes.contributions(NETWORK, hidden, given, true)
            potential = EXAMPLES["potential"][frame]
            assert added.sum() + rest == potential[given] - potential[true]


def test_confusion_counts() -> None:
    labels, classes = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    assert confusion.confusion(labels, classes, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_frames_that_become_wrong_and_right_are_counted_each() -> None:
    """In the cell of true class 0 given 1 one frame comes and one goes, which the matrices do not show."""
    labels = np.array([0, 0, 0, 1, 1])
    before, after = np.array([1, 0, 1, 1, 0]), np.array([0, 1, 1, 0, 1])
    assert confusion.turned(labels, before, after) == (2, 2)
    figure = FIGURES["confusion"]()
    assert figure.axes[2].get_title().endswith("7 frames become wrong, 5 become right")
    plt.close(figure)


def test_confusions_are_of_one_set_of_frames(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    labels = np.array([0, 1, 2, 1])
    with pytest.raises(SteepError, match="labels and classes have shapes"):
        confusion.turned(labels, labels, labels[:1])
    with pytest.raises(SteepError, match="labels and classes have shapes"):
        confusion.confusion(labels, labels[:1], 3)
    for name, given in (("one", labels), ("two", labels[::-1])):
        write_npz(tmp_path / f"{name}.npz", {"labels": given, "original": given, "classes": given})
    rest = ["--simulators", "[]", "--names", '["a", "b", "c"]', "--title", "t", "--output", str(tmp_path / "f.svg")]
    one, two = (str(tmp_path / f"{name}.npz") for name in ("one", "two"))
    for spiking in ([one], [two], [one, one], [two, two]):
        done = main(["plot-confusion", "--activity", *spiking, "--classes", one, *rest])
        assert done == (spiking != [one]), spiking
        wrong = "give as many of each" if len(spiking) > 1 else "are not of the same frames"
        assert done == 0 or wrong in capsys.readouterr().err


@pytest.mark.parametrize("classes", [3, 10])
def test_both_confusions_have_one_scale_and_numbers_to_read(classes: int) -> None:
    matrix = RNG.integers(1, 50, (classes, classes))
    figure = confusion.draw(
        {"original": matrix, "threshold": 3 * matrix}, (1, 1), 1, ["torch"], list("0123456789")[:classes], "t"
    )
    left, middle = (axis.images[0].norm for axis in figure.axes[:2])
    assert (left.vmin, left.vmax) == (middle.vmin, middle.vmax)
    assert all(text.get_fontsize() >= 6.5 for axis in figure.axes for text in axis.texts)
    plt.close(figure)


@pytest.mark.parametrize(
    ("value", "text"), [(53.21, "53.2"), (110.9, "111"), (0.008510, "0.00851"), (2.0, "2"), (1.2e6, "1200000")]
)
def test_energies_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert energy.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(1.19, "1.2"), (99.96, "100.0"), (627.3, "627"), (53128.4, "53,128")])
def test_few_spikes_are_not_rounded_to_whole_ones(value: float, text: str) -> None:
    assert activity.number(value) == text


def test_an_arrow_points_from_original_to_spiking_with_its_tip_there() -> None:
    figure = FIGURES["overview"]()
    lines = figure.axes[0].get_lines()
    heads = [line for line in lines if any(line.get_marker() is head for head in overview.HEADS.values())]
    assert [line.get_xdata()[0] for line in heads] == [97.0, 97.5, 98.5]
    assert all(line.get_marker() is overview.HEADS[-1] for line in heads)
    assert overview.HEADS[-1].vertices[0].tolist() == [0, 0] and overview.HEADS[-1].vertices[:, 0].min() == 0
    plt.close(figure)


def test_no_arrow_where_nothing_changes() -> None:
    figure = overview.draw(OVERVIEW.assign(talk_spiking=OVERVIEW["talk_original"]), "test")
    assert "and spiking" in [text.get_text() for text in figure.axes[0].texts]
    plt.close(figure)


def test_ways_of_sharpening_are_wrapped() -> None:
    figure = sigmoid.draw({f"way {number}": ("sigmoid", 2.0) for number in range(4)})
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert len(shown) == 8 and len({round(axis.get_position().x0, 3) for axis in shown}) == 3
    plt.close(figure)


def test_an_unused_way_that_leaves_nothing_is_named_and_not_drawn() -> None:
    values = RNG.integers(0, 100, (6, 1, 1, 50)).astype(np.uint8)  # no value above half of full scale
    frames = Frames(values, np.arange(6, dtype=np.uint8) % 3, 3)
    figure = conversion.draw(frames, {"c": {"kind": "current"}}, "t")
    titles = [axis.get_title() for axis in figure.axes[:2]]
    assert len(figure.axes) == 6 and titles == ["as it is\n0 to 255", "injected current\nthe values, not yet weighted"]
    assert "binarized (threshold 0.5 of full scale) leaves nothing" in figure.get_supxlabel()
    assert figure.axes[0].get_lines()[1].get_ydata()[0] == 127.5
    plt.close(figure)


def test_a_way_that_is_not_used_is_marked() -> None:
    figure = FIGURES["conversion-grey"]()
    assert [axis.get_title().split("\n")[0] for axis in figure.axes[:4]] == [
        "as it is",
        "binarized",
        "contours*",
        "injected current*",
    ]
    plt.close(figure)


def test_counts_of_units_have_whole_ticks() -> None:
    figure = FIGURES["feature_maps"]()
    for axis in figure.axes[3:6]:
        assert all(float(tick).is_integer() for tick in axis.get_yticks())
    assert all(float(tick).is_integer() for tick in figure.axes[2].get_xticks())
    assert figure.get_suptitle() == "t, first seed"
    plt.close(figure)


def test_maps_lie_side_by_side() -> None:
    grid = as_grid(np.arange(8.0), (2, 2, 2), -1)
    assert grid.tolist() == [[0, 1, -1, 4, 5], [2, 3, -1, 6, 7]]


def test_the_animation_shows_each_frame_one_layer_on_at_each_step() -> None:
    text = pipeline.draw(EXAMPLES, NETWORK.shapes, "t")
    assert text == pipeline.draw(EXAMPLES, NETWORK.shapes, "t")
    right = EXAMPLES["index"][EXAMPLES["classes"] == EXAMPLES["labels"]]
    # Three classes are fewer frames than layers: they come round again, so that for a while every layer is at work.
    right = [*right, *right][:6]
    steps = re.findall(r"<g class='step.*?</g>", text, re.DOTALL)
    assert len(steps) == len(right) + 3
    assert sum(len(re.findall(r">frame (\d+)<", group)) == 4 for group in steps) == pipeline.FULL
    for step, group in enumerate(steps):
        shown = [int(n) for n in re.findall(r">frame (\d+)<", group)]
        assert shown == [right[step - layer] for layer in range(4) if 0 <= step - layer < len(right)]
    assert "<script" not in text and "http" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize("name", ["layers", "aggregate"])
def test_a_network_that_learnt_nothing_shows_its_first_frames_and_says_so(name: str) -> None:
    for figure, heading in ((FIGURES[name](), "t"), (FIGURES[f"{name}-none"](), "t: no frame is classified rightly")):
        assert figure.get_suptitle() == heading
        plt.close(figure)
    chosen, _ = layers.choose(NONE_RIGHT, "t")
    assert chosen.tolist() == list(range(len(EXAMPLES["index"])))


def test_a_network_that_learnt_nothing_has_an_animation_of_all_examples() -> None:
    text = pipeline.draw(NONE_RIGHT, NETWORK.shapes, "t")
    assert text.count("<g class='step") == len(EXAMPLES["index"]) + 3
    assert "t: no frame is classified rightly" in text


def test_what_is_being_sharpened_has_the_colour_of_steps() -> None:
    figure = FIGURES["sharpening"]()
    colours = {line.get_label(): line.get_color() for line in figure.axes[0].get_lines()}
    assert colours["being sharpened"] == STAGES["sharpened"][1]
    assert (colours["continued"], colours["original"]) == (STAGES["continued"][1], STAGES["original"][1])
    plt.close(figure)


def test_a_map_is_dead_or_saturated_when_all_its_units_are() -> None:
    counts = np.array([0, 0, 0, 1, 5, 5, 5, 0])
    dead, saturated = feature_maps.extremes(counts, 5, (4, 1, 2))
    assert dead.tolist() == [True, False, False, False]
    assert saturated.tolist() == [False, False, True, False]


def test_dead_and_saturated_maps_are_counted_and_hatched() -> None:
    figure = FIGURES["feature_maps-marked"]()
    above = figure.axes[0]
    assert above.get_title() == "layer 1: 3 maps of 6×6\n1 of 3 maps dead, 1 saturated"
    # The first two maps lie side by side, a gap of one pixel between them.
    assert [(patch.get_xy(), patch.get_hatch()) for patch in above.patches] == [
        ((-0.5, -0.5), feature_maps.MARKED_MAP[feature_maps.DEAD]["hatch"]),
        ((6.5, -0.5), feature_maps.MARKED_MAP[feature_maps.SATURATED]["hatch"]),
    ]
    plt.close(figure)


def test_feature_maps_mark_dead_and_saturated_units() -> None:
    colours = feature_maps.coloured(np.array([0.0, 0.5, 1.0]))
    assert len({tuple(colour) for colour in colours}) == 3
    hexes = [to_hex(colour).upper() for colour in colours]
    assert (hexes[0], hexes[2]) == (feature_maps.DEAD, feature_maps.SATURATED)


def test_a_compact_figure_keeps_scales_and_metadata() -> None:
    svg = (
        '<svg><metadata>\n  0.123456</metadata>\n   <g id="axes_1">\n  <path d="M 1.23456 20.5\nL 3 0.004567"/>'
        '<use x="7.00" transform="translate(1.98765 2) scale(0.015625 -0.1)" href="#a"/></g></svg>'
    )
    assert compact(svg) == (
        '<svg><metadata>\n  0.123456</metadata>\n<g>\n<path d="M 1.23 20.5\nL 3 0.00"/>'
        '<use x="7.00" transform="translate(1.98 2) scale(0.015625 -0.1)" href="#a"/></g></svg>'
    )


def test_classes_are_called_by_their_names() -> None:
    figure = confusion.draw(MATRICES, (7, 5), 2, ["torch"], NAMES, "t")
    for axis, axes_of in ((figure.axes[0], ("x", "y")), (figure.axes[2], ("x",))):
        for direction in axes_of:
            labels = [text.get_text() for text in getattr(axis, f"get_{direction}ticklabels")()]
            assert labels == NAMES
    wrong = np.flatnonzero(EXAMPLES["classes"] != EXAMPLES["labels"])[0]
    true, given = NAMES[EXAMPLES["labels"][wrong]], NAMES[EXAMPLES["classes"][wrong]]
    axes = mistakes.draw(EXAMPLES, NETWORK, NAMES, "t").axes
    assert axes[0].get_xlabel() == f"true: {true}\ngiven: {given}"
    assert [text.get_text() for text in axes[1].get_xticklabels()] == NAMES
    plt.close("all")


@pytest.mark.parametrize("name", ["mistakes", "confusion"])
def test_long_names_lie_inside_the_figure_and_apart(name: str) -> None:
    figure = FIGURES[name]()
    figure.canvas.draw()
    whole = figure.bbox
    texts = [text for axis in figure.axes for text in (axis.xaxis.label, axis.yaxis.label, axis.title, *axis.texts)]
    texts += [label for axis in figure.axes for label in (*axis.get_xticklabels(), *axis.get_yticklabels())]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in boxes)
    assert all(whole.y0 <= box.y0 and box.y1 <= whole.y1 for box in boxes)
    sides = [axis.yaxis.label.get_window_extent() for axis in figure.axes if axis.get_ylabel()]
    assert not any(a.overlaps(b) for i, a in enumerate(sides) for b in sides[:i])
    plt.close(figure)
