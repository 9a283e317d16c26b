"""Every figure is drawn for every network that the config accepts, without an error and without a warning."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from odd_networks import NETWORKS, ODD, check_svg, simulated

from steep.analysis.activity import choose_examples, measure_activity
from steep.analysis.energy import energy_table
from steep.architecture import parse_layers
from steep.errors import SteepError
from steep.figures import (
    activity,
    aggregate,
    bits,
    confusion,
    effects,
    energy,
    feature_maps,
    layers,
    layout,
    leak,
    mistakes,
    pipeline,
    robustness,
    stpu_cost,
)
from steep.figures.style import plt, save_figure
from steep.files import write_npz
from steep.frames import Frames
from steep.simulators.torch_threshold import simulate
from steep.stpu.layout import from_threshold_network
from steep.threshold.network import ConvLink, DenseLink, Population, SparseLink, Synapses, ThresholdNetwork

PUBLISHED = Path(__file__).parents[2] / "report" / "published"
LIMITS = {"neurons": {"limit": 64, "assumed": True}, "buffer_slots": {"limit": 8, "assumed": True}}


def matrices(made: dict[str, Any]) -> dict[str, np.ndarray]:
    labels, classes = made["activity"]["labels"], made["activity"]["classes"]
    count = len(made["names"])
    return {
        "original": confusion.confusion(labels, labels, count),
        "threshold": confusion.confusion(labels, classes, count),
    }


def energies(made: dict[str, Any]) -> Any:
    table = energy_table(made["table"], pd.read_csv(PUBLISHED / "energy-per-event.csv"))
    return energy.draw(table, pd.read_csv(PUBLISHED / "energy-per-frame.csv"), {"e": "E"})


FIGURES: dict[str, Any] = {
    "layers": lambda made: layers.draw(made["examples"], made["network"].shapes, "t"),
    "aggregate": lambda made: aggregate.draw(made["examples"], made["network"], "t"),
    "mistakes": lambda made: mistakes.draw(made["examples"], made["network"], made["names"], "t"),
    "feature_maps": lambda made: feature_maps.draw(made["activity"], "t"),
    "confusion": lambda made: confusion.draw(matrices(made), (0, 0), 1, ["torch"], made["names"], "t"),
    "activity": lambda made: activity.draw(made["table"], {"e": "E"}),
    "energy": energies,
    "layout": lambda made: layout.draw(from_threshold_network(made["network"], clock=True), LIMITS, "t"),
}


GEOMETRY = ("layers", "aggregate", "feature_maps")  # what depends on the shape of a network


def drawn(made: dict[str, Any], names: Sequence[str]) -> None:
    """Lay out figures, all but writing them, and animate the network; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in names:
            if name != "aggregate" or aggregate.few_filters(made["network"]):
                FIGURES[name](made).draw_without_rendering()
                plt.close("all")
        check_svg(pipeline.draw(made["examples"], made["network"].shapes, "t"))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_drawn(name: str) -> None:
    drawn(simulated(name, "ordinary"), GEOMETRY)


@pytest.mark.parametrize("odd", ODD)
def test_whatever_a_network_does_is_drawn(odd: str) -> None:
    drawn(simulated("even kernel, zeros around", odd), tuple(FIGURES))
    drawn(simulated("one row", odd), ("mistakes",))
    drawn(simulated("one unit", odd), ("feature_maps",))


def test_populations_of_lines_and_volumes_are_drawn() -> None:
    """A dense link leads to a line, a sparse one to a volume, a skip to the output: every map is a row, every slice."""
    rng = np.random.default_rng(0)
    line = Population((3, 5), (DenseLink(0, rng.integers(-2, 3, (15, 8), dtype=np.int32)),), np.full((3, 1), 0.5))
    ends = rng.integers(0, 15, 50), rng.integers(0, 24, 50)
    link = SparseLink(1, Synapses(*ends, rng.integers(-2, 3, 50)), (2, 2, 3, 2))
    volume = Population(link.shape, (link,), np.full(link.shape, 0.5))
    links = (DenseLink(2, np.ones((2, 24), np.int32)), DenseLink(0, np.ones((2, 8), np.int32)))
    network = ThresholdNetwork((1, 2, 4), (line, volume, Population((2,), links, np.array([0.5, 2.5]))))
    frames = Frames(rng.integers(0, 2, (20, 1, 2, 4)).astype(np.uint8), (np.arange(20) % 2).astype(np.uint8), 2, 1)
    spikes = simulate(network, frames.values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = layers.draw(choose_examples(network, frames, spikes), network.shapes, "t")
        assert [axis.get_title().split("\n")[1] for axis in shown.axes[1:3]] == ["3 maps of 1×5", "4 maps of 3×2"]
        maps = feature_maps.draw(measure_activity(network, frames, spikes), "t")
        assert maps.axes[1].get_title().startswith("layer 2: 4 maps of 3×2\n")
        for figure in (shown, maps):
            figure.draw_without_rendering()
    plt.close("all")


def test_frames_in_flight_are_drawn_of_chains_alone(tmp_path: Path) -> None:
    made = simulated("one unit after another", "ordinary")
    *first, last = made["network"].populations
    skip = replace(last, links=(*last.links, DenseLink(0, np.ones((2, 36), np.int32))))
    replace(made["network"], populations=(*first, skip)).save(tmp_path / "network.npz")
    write_npz(tmp_path / "examples.npz", made["examples"])
    with pytest.raises(SteepError, match="this works on chains only"):
        pipeline.plot(tmp_path / "examples.npz", tmp_path / "network.npz", "t")
    made["network"].save(tmp_path / "network.npz")
    check_svg(pipeline.plot(tmp_path / "examples.npz", tmp_path / "network.npz", "t")({}))


def test_thresholds_by_position_are_told_as_a_range() -> None:
    made = simulated("kernel of one pixel", "ordinary")
    first, *others = made["network"].populations
    by_position = replace(first, threshold=np.arange(20).reshape(first.shape) + 0.5)
    network = replace(made["network"], populations=(by_position, *others))
    figure = aggregate.draw(made["examples"], network, "t")
    assert "θ 0.5 to 19.5" in [axis.get_xlabel().split("; ")[-1] for axis in figure.axes]
    plt.close(figure)


def test_odd_figures_are_whole_files(tmp_path: Path) -> None:
    made = simulated("even kernel, zeros around", "dead layers")
    for name, draw in FIGURES.items():
        save_figure(draw(made), tmp_path / f"{name}.svg")
        check_svg((tmp_path / f"{name}.svg").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name, (_, _, hidden) in NETWORKS.items() if hidden[0]["kind"] == "conv"])
def test_positions_are_shown_at_the_pixel_under_their_centre(name: str) -> None:
    """By a loop over positions; all of them lie in the image, each on a pixel of its own."""
    shape, _, hidden = NETWORKS[name]
    (spec,) = parse_layers(hidden[:1])
    before, (_, rows, columns) = spec.padding(shape), spec.output_shape(shape)
    link = ConvLink(0, np.zeros((1, shape[0], *spec.kernel), np.int32), spec.stride, before)
    values = np.arange(rows * columns).reshape(rows, columns)
    expected = np.full(shape[1:], -1)
    for row, column in np.ndindex(rows, columns):
        window = [
            step * stride - zeros[0] for step, stride, zeros in zip((row, column), spec.stride, before, strict=True)
        ]
        # Of an even side the first of the two pixels in the middle.
        centre = [first + (side + 1) // 2 - 1 for first, side in zip(window, spec.kernel, strict=True)]
        assert 0 <= centre[0] < shape[1] and 0 <= centre[1] < shape[2]
        expected[tuple(centre)] = values[row, column]
    assert aggregate.centred(values, link, shape[1:]).tolist() == expected.tolist()
    assert (expected >= 0).sum() == rows * columns


def test_positions_beside_the_image_are_not_shown() -> None:
    """More zeros around than the config asks for: a network from elsewhere."""
    link = ConvLink(0, np.zeros((1, 1, 1, 2), np.int32), (1, 1), ((1, 2), (1, 1)))
    values = np.arange(5 * 4).reshape(5, 4)
    assert aggregate.centred(values, link, (2, 3)).tolist() == [[5, 6, 7], [9, 10, 11]]


def test_a_filter_is_shown_with_all_its_channels() -> None:
    made = simulated("colour", "ordinary")
    figure = FIGURES["aggregate"](made)
    weight = made["network"].populations[0].links[0].weight
    for number, axis in enumerate(axis for axis in figure.axes if axis.get_ylabel().startswith("filter")):
        shown = np.asarray(axis.images[0].get_array())
        assert sorted(shown[~np.isnan(shown)]) == sorted(weight[number].ravel())
    assert number == len(weight) - 1
    plt.close(figure)


def test_no_synapses_are_not_a_number() -> None:
    figure = FIGURES["activity"](simulated("even kernel, zeros around", "no weight but zero"))
    assert figure.axes[1].get_title("left") == "0 events a frame, there are no synapses"
    plt.close(figure)


SWEEP = {"leak": 1.0, "spacing": 1, "dropped": 0.0, "inserted": 0.0, "late": 0.0, "seed": 0, "accuracy": 90.0}
BITS = pd.DataFrame({"changed": ["all", "1"], "bits": 4, "seed": 0, "accuracy": [50.0, 60]})
EFFECTS = pd.DataFrame(
    {"change": ["none"], "threshold": [96.0], "effect": [np.nan], "effect_ci95": [np.nan], "verdict": ["baseline"]}
)


def test_every_leak_has_a_curve_of_its_own_look() -> None:
    leaks = np.linspace(0, 1, 13)
    rows = pd.DataFrame([SWEEP | {"sweep": "leak", "leak": value, "spacing": s} for value in leaks for s in (1, 2)])
    figure = leak.draw(rows, "t")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == [f"leak {value:g}" for value in leaks]
    looks = {(bar.lines[0].get_color(), bar.lines[0].get_marker()) for bar in figure.axes[0].containers}
    assert len(looks) == len(leaks)
    plt.close(figure)


def test_as_many_ways_as_there_are_have_curves() -> None:
    sizes = {"longest": 1, "neurons": 10, "fan_out": 3}
    rows = [sizes | {"implementation": f"way {number}", "us_per_step": 1.0} for number in range(9)]
    figure = stpu_cost.draw(pd.DataFrame(rows))
    assert len(figure.axes[0].get_lines()) == 9
    plt.close(figure)


@pytest.mark.parametrize("rates", [[0.0], [1.0], [0.0, 1e-9]])
def test_any_fault_rates_are_drawn(rates: list[float]) -> None:
    rows = [SWEEP | {"sweep": "faults", kind: rate} for kind in robustness.KINDS for rate in rates]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        robustness.draw(pd.DataFrame(rows), BITS, "t").draw_without_rendering()
        bits.draw(BITS, [1, 2], "t").draw_without_rendering()
        effects.draw(EFFECTS, "test").draw_without_rendering()
    plt.close("all")


@pytest.mark.parametrize("limits", [{}, {name: {"limit": 10**9, "assumed": False} for name in LIMITS}])
def test_a_unit_without_limits_or_with_large_ones_is_drawn(limits: dict) -> None:
    """What nobody can see is not drawn: a thousand million neurons would take all memory."""
    unit = from_threshold_network(simulated("one unit", "ordinary")["network"], clock=True)
    figure = layout.draw(unit, limits, "t")
    left, right = figure.axes
    title = right.get_title()
    if limits:
        assert f"{unit.network.count} of 1,000,000,000 neurons, 8,192 drawn" in title
        assert right.images[0].get_array().size == 3 * layout.NEURONS
        assert "… +999999999" in [text.get_text() for text in left.texts]
    else:
        assert title.startswith(f"{unit.network.count} neurons; ")
        assert f"{unit.network.slots} slots\nused" in [text.get_text() for text in left.texts]
    plt.close(figure)
