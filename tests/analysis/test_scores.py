"""Scores and comparison: a difference is found, named and stops the study."""

import numpy as np
import pytest

from steep.analysis.scores import compare, require_equal, spike_scores
from steep.errors import SteepError
from steep.frames import Frames
from steep.spikes import Spikes


def spikes(flip: tuple[int, int, int] | None = None, potential: float = 0.0) -> Spikes:
    rng = np.random.default_rng(0)
    layers = [rng.random((20, 8)) < 0.5, rng.random((20, 3)) < 0.5]
    if flip:
        layer, frame, unit = flip
        layers[layer][frame, unit] ^= True
    values = rng.integers(-5, 5, (20, 3)).astype(np.float64)
    values[4, 2] += potential
    return Spikes(tuple(layers), values)


def test_equal_backends_differ_nowhere_and_everything_is_counted() -> None:
    pair = {"torch": spikes(), "brian2": spikes()}
    table = compare(pair)
    assert table["differing"].sum() == 0
    assert table["values"].tolist() == [20 * 8, 20 * 3, 20 * 3]
    require_equal(pair, table)


def test_one_flipped_spike_is_found_and_named() -> None:
    trio = {"torch": spikes(), "brian2": spikes(), "stpu": spikes(flip=(0, 7, 5))}
    table = compare(trio)
    assert table["differing"].tolist() == [0, 0, 0, 1, 0, 0]
    with pytest.raises(
        SteepError, match=r"torch and stpu differ in 1 of 160 spikes of layer 1, first in frame 7, unit 5"
    ):
        require_equal(trio, table)


def test_a_potential_off_by_a_half_is_found() -> None:
    pair = {"torch": spikes(), "stpu": spikes(potential=0.5)}
    with pytest.raises(SteepError, match=r"1 of 60 potential of layer 2, first in frame 4, unit 2"):
        require_equal(pair, compare(pair))


def test_recordings_of_different_length_are_refused() -> None:
    short = Spikes(tuple(layer[:-1] for layer in spikes().layers), spikes().potential[:-1])
    with pytest.raises(SteepError, match="different shapes"):
        compare({"torch": spikes(), "stpu": short})


def test_accuracy_counts_the_largest_potential() -> None:
    potential = np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 0.0], [0.0, 0.0, 0.5], [2.0, 1.0, 0.0]])
    frames = Frames(np.zeros((4, 1, 1, 1), np.uint8), np.array([1, 1, 2, 0], np.uint8), 3)
    (row,) = spike_scores({"stpu": Spikes((potential > 0,), potential)}, frames).to_dict("records")
    assert (row["correct"], row["frames"], row["accuracy"]) == (3, 4, 75.0)


def test_spikes_survive_the_disk(tmp_path) -> None:
    spikes().save(tmp_path / "spikes.npz")
    loaded = Spikes.load(tmp_path / "spikes.npz")
    assert compare({"a": spikes(), "b": loaded})["differing"].sum() == 0
