"""The figure of converging activations is a pure function of what was recorded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from steep.figures.convergence import binary_fraction, draw, moments, sharpened
from steep.figures.style import STAGES, plt, save_figure
from steep.sharpening.activation import SHAPES, SharpenedActivation
from steep.sharpening.training import EDGES


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sharpness", [0.0, 0.5, 0.9, 1.0])
def test_the_curve_drawn_is_the_activation_trained(sharpness: float, shape: str) -> None:
    module = SharpenedActivation(0.4, 2.5, shape=shape)
    module.sharpness.fill_(sharpness)
    x = np.linspace(-2, 2, 101)
    centre = float(module.centre)
    np.testing.assert_allclose(
        sharpened(x, shape, centre, 2.5, sharpness), module(torch.from_numpy(x)).numpy(), atol=1e-6
    )


def test_binary_fraction_counts_zeros_and_ones() -> None:
    values = np.array([0.0, 0.0, 0.005, 0.5, 0.97, 0.995, 1.0, 1.005, 1.3, 0.3])
    assert binary_fraction(np.histogram(values, EDGES)[0], EDGES) == pytest.approx(0.6)


TOGETHER = np.repeat(np.array([0, 0.25, 0.5, 1, 1, 1])[:, None], 2, axis=1)
ONE_BY_ONE = np.array([[0, 0], [0.4, 0], [1, 0], [1, 0.6], [1, 1], [1, 1]])
NUMBERS = [1, 3, 4]  # of a network with a pooling after the first layer
HISTORY = pd.DataFrame({"epoch": range(6), "validation_accuracy": [98, 96, 97, 97.5, 98, 98.2]})


def recorded(sharpness: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "histogram": rng.integers(0, 50, (6, 2, len(EDGES) - 1)),
        "edges": EDGES,
        "centre": np.array([0.5, 1.0]),
        "sharpness": sharpness,
        "slope": np.array([4.0, 2.0]),
        "shape": np.array("sigmoid"),
    }


@pytest.mark.parametrize("sharpness", [TOGETHER, ONE_BY_ONE])
def test_the_same_record_gives_the_same_bytes(tmp_path: Path, sharpness: np.ndarray) -> None:
    for name in ("one.svg", "two.svg"):
        save_figure(draw(recorded(sharpness), HISTORY, NUMBERS, "title"), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in (tmp_path / "one.svg").read_bytes()[:500]


@pytest.mark.parametrize(("sharpness", "shown"), [(TOGETHER, TOGETHER[:, :1]), (ONE_BY_ONE, ONE_BY_ONE)])
def test_the_sharpness_of_each_layer_is_drawn_once_where_all_are_the_same(
    sharpness: np.ndarray, shown: np.ndarray
) -> None:
    figure = draw(recorded(sharpness), HISTORY, NUMBERS, "title")
    lines = [line.get_ydata() for line in figure.axes[0].get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_array_equal(np.transpose(lines), shown)
    plt.close(figure)


def test_a_layer_has_curves_of_its_own_sharpness() -> None:
    figure = draw(recorded(ONE_BY_ONE), HISTORY, NUMBERS, "title")
    legends = [axis.get_legend() for axis in figure.axes if axis.get_title().endswith("activation function")]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends] == [
        ["0.00 (start)", "0.40 (epoch 1)", "1.00 (epoch 2)"],
        ["0.00 (start)", "0.60 (epoch 3)", "1.00 (epoch 4)"],
    ]
    plt.close(figure)


def test_a_layer_that_never_gets_sharp_is_drawn_at_its_last_epoch() -> None:
    assert moments(np.array([0, 0.1, 0.3])).tolist() == [0, 2]


def test_what_is_being_sharpened_has_the_colour_of_steps() -> None:
    figure = draw(recorded(TOGETHER), HISTORY, NUMBERS, "title")
    curve, original = figure.axes[1].get_lines()
    assert (curve.get_color(), original.get_color()) == (STAGES["sharpened"][1], STAGES["original"][1])
    plt.close(figure)


def test_layers_are_numbered_as_elsewhere() -> None:
    """A pooling has a number, too, and no activation of its own."""
    figure = draw(recorded(TOGETHER), HISTORY, NUMBERS, "title")
    titles = [axis.get_title() for axis in figure.axes]
    assert {"Layer 1: activation function", "Layer 3: activation function"} <= set(titles)
    plt.close(figure)
