"""Bits and margins: counted by hand on small networks."""

import numpy as np
import pytest
import torch

from steep.frames import Frames
from steep.sharpening.activation import sharpened_network
from steep.simulators import simulator
from steep.threshold.bits import bits_study
from steep.threshold.compile import compile_network
from steep.threshold.margins import margin_rows

LAYERS = [
    {"kind": "conv", "filters": 2, "kernel": [3, 3], "padding": "same"},
    {"kind": "maxpool", "size": [2, 2]},
    {"kind": "dense", "units": 5},
]
SPEC = {"input_shape": [1, 6, 6], "full_scale": 1, "layers": LAYERS, "classes": 3, "activation": "relu"}


@pytest.fixture
def network() -> tuple[dict, dict]:
    torch.manual_seed(0)
    spec = SPEC | {"batch_normalization": False}
    made = sharpened_network(spec).eval()
    return made.tensors(), spec


@pytest.fixture
def frames() -> Frames:
    values = (np.random.default_rng(0).random((30, 1, 6, 6)) < 0.5).astype(np.uint8)
    return Frames(values, np.random.default_rng(1).integers(0, 3, 30).astype(np.uint8), 3, full_scale=1)


def test_many_bits_leave_wide_margins_and_few_do_not(network: tuple[dict, dict], frames: Frames) -> None:
    rows = {bits: margin_rows(compile_network(*network, bits), *network, frames) for bits in (2, 16)}
    for few, many in zip(rows[2], rows[16], strict=True):
        assert (few["layer"], few["units"]) == (many["layer"], many["units"])
        assert many["near"] <= few["near"] and many["decided"] > 99 > few["decided"]
        assert many["flipped"] == 0
    assert [row["layer"] for row in rows[16]] == [1, 3] and [row["units"] for row in rows[16]] == [72, 5]
    assert rows[2][1]["flipped"] > 0


def test_near_is_within_a_root_mean_square_of_rounding(network: tuple[dict, dict], frames: Frames) -> None:
    """By hand for the dense layer: a sum of n ones is off by sqrt(n / 12)."""
    compiled = compile_network(*network, 4)
    spikes = simulator("torch")(compiled, frames.values)
    before, dense = spikes.layers[1].astype(np.float64), compiled.layers[2]
    v = before @ dense.weight.T - dense.threshold
    active = before.sum(axis=1, keepdims=True)
    row = margin_rows(compiled, *network, frames)[1]
    assert row["near"] == pytest.approx(100 * (np.abs(v) <= np.sqrt(active / 12)).mean())
    assert row["decided"] == pytest.approx(100 * (np.abs(v) > active / 2).mean())
    fired = (v > 0).mean(axis=0)
    assert (row["units_silent"], row["units_always"]) == ((fired == 0).sum(), (fired == 1).sum())


def test_bits_of_all_layers_and_of_one(network: tuple[dict, dict], frames: Frames) -> None:
    rows = {(row["changed"], row["bits"]): row["correct"] for row in bits_study(*network, frames, [2, 8, 16], 16)}
    assert len(rows) == 4 * 3

    def correct(bits: list[int]) -> int:
        return int(
            (simulator("torch")(compile_network(*network, bits), frames.values).classes() == frames.labels).sum()
        )

    assert rows["all", 2] == correct([2, 2, 2]) and rows[2, 8] == correct([16, 8, 16])
    assert len({rows[changed, 16] for changed in ("all", 1, 2, 3)}) == 1
