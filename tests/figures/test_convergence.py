"""The figure of converging activations is a pure function of what was recorded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from steep.figures.convergence import binary_fraction, draw, sharpened
from steep.figures.style import save_figure
from steep.sharpening.activation import SHAPES, SharpenedActivation
from steep.sharpening.training import EDGES


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sharpness", [0.0, 0.5, 0.9, 1.0])
def test_the_curve_drawn_is_the_activation_trained(sharpness: float, shape: str) -> None:
    module = SharpenedActivation(0.4, 2.5, shape=shape)
    module.sharpness = sharpness
    x = np.linspace(-2, 2, 101)
    centre = float(module.centre)
    np.testing.assert_allclose(
        sharpened(x, shape, centre, 2.5, sharpness), module(torch.from_numpy(x)).numpy(), atol=1e-6
    )


def test_binary_fraction_counts_zeros_and_ones() -> None:
    values = np.array([0.0, 0.0, 0.005, 0.5, 0.97, 0.995, 1.0, 1.005, 1.3, 0.3])
    assert binary_fraction(np.histogram(values, EDGES)[0], EDGES) == pytest.approx(0.6)


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    activations = {
        **{"histogram": rng.integers(0, 50, (6, 2, len(EDGES) - 1)), "edges": EDGES, "centre": np.array([0.5, 1.0])},
        **{
            "sharpness": np.repeat(np.array([0, 0.25, 0.5, 1, 1, 1])[:, None], 2, axis=1),
            "slope": np.array([4.0, 2.0]),
            "shape": np.array("sigmoid"),
        },
    }
    history = pd.DataFrame({"epoch": range(6), "validation_accuracy": [98, 96, 97, 97.5, 98, 98.2]})
    for name in ("one.svg", "two.svg"):
        save_figure(draw(activations, history, "title"), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in (tmp_path / "one.svg").read_bytes()[:500]
