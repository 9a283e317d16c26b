"""The training loop refuses what cannot work, in one line."""

import platform
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import ACTIVATIONS, DeepNetwork
from steep.recipes import Augmentation, TrainingRecipe
from steep.training import (
    M_MMAP_THRESHOLD,
    OPTIMIZERS,
    augment,
    estimate_statistics,
    keep_memory,
    learning_rate,
    prepare_torch,
    train_original,
)

SPEC = {
    "input_shape": [1, 6, 6],
    "full_scale": 1,
    "layers": [{"kind": "dense", "units": 12}],
    "classes": 2,
    "activation": "relu",
    "batch_normalization": False,
}
RECIPE = TrainingRecipe(optimizer="adam", learning_rate=0.01, batch_size=24, epochs=3, dropout=0.0, input_dropout=0.0)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_optimizer_and_activation_learns(bars: Frames, optimizer: str, activation: str) -> None:
    spec = SPEC | {"activation": activation}
    recipe = replace(RECIPE, optimizer=optimizer, learning_rate=0.05, epochs=8)
    _, rows = train_original(spec, recipe, bars, bars, 0)
    assert rows[-1]["validation_accuracy"] > 95
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_a_diverging_loss_stops_at_once(bars: Frames) -> None:
    with pytest.raises(SteepError, match=r"training loss became (nan|inf) in epoch \d; write a smaller learning_rate"):
        train_original(SPEC, replace(RECIPE, optimizer="sgd", learning_rate=1e38), bars, bars, 0)


def test_a_batch_larger_than_the_data_is_refused(bars: Frames) -> None:
    with pytest.raises(SteepError, match="batch_size is 999, but there are only 240 training frames"):
        train_original(SPEC, replace(RECIPE, batch_size=999), bars, bars, 0)


def test_a_batch_of_one_frame_is_refused_where_it_is_normalised(bars: Frames) -> None:
    with pytest.raises(SteepError, match="batch_size is 1, which has no variance for batch normalisation"):
        train_original(SPEC | {"batch_normalization": True}, replace(RECIPE, batch_size=1), bars, bars, 0)
    train_original(SPEC, replace(RECIPE, batch_size=1, epochs=1), bars.first(9), bars, 0)


def test_the_learning_rate_rises_and_falls() -> None:
    assert [learning_rate(progress, 0.0) for progress in (0, 0.5, 1)] == [1, pytest.approx(0.5), 0]
    assert [learning_rate(progress, 0.2) for progress in (0, 0.1, 0.2, 0.6, 1)] == [0, 0.5, 1, pytest.approx(0.5), 0]


def test_seed_and_stage_choose_the_random_numbers() -> None:
    drawn = []
    for seed, stream in ((0, 0), (0, 1), (1, 0), (0, 0)):
        prepare_torch(seed, stream)
        drawn.append(DeepNetwork(SPEC).tensors()["output.weight"].tobytes())
    assert drawn[0] == drawn[3] and len(set(drawn)) == 3


def test_shifted_frames_are_the_frames_moved() -> None:
    """Every shift occurs, and undoing it gives back what was not moved out."""
    random = torch.Generator().manual_seed(0)
    frames = torch.from_numpy(np.random.default_rng(0).integers(1, 256, (200, 2, 5, 4), dtype=np.uint8))
    moved = augment(frames, random, Augmentation(shift=1))
    assert moved.dtype == torch.uint8 and moved.shape == frames.shape
    found = set()
    for before, after in zip(frames, moved, strict=True):
        padded = torch.nn.functional.pad(before, (1, 1, 1, 1))
        places = [(y, x) for y in range(3) for x in range(3) if torch.equal(padded[:, y : y + 5, x : x + 4], after)]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 9


def test_flipped_frames_are_mirrored_about_half_the_time() -> None:
    random = torch.Generator().manual_seed(0)
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (400, 1, 3, 4), dtype=np.uint8))
    flipped = augment(frames, random, Augmentation(flip=True))
    same = [torch.equal(a, b) for a, b in zip(frames, flipped, strict=True)]
    assert all(s or torch.equal(a.flip(2), b) for a, b, s in zip(frames, flipped, same, strict=True))
    assert 150 < sum(same) < 250
    assert augment(frames, random, Augmentation()) is frames


def test_currents_are_trained_on_as_fractions_of_full_scale(bars: Frames) -> None:
    """Frames of 0 and 255 that count as currents give what the same frames give as spikes."""
    currents = Frames(bars.values * np.uint8(255), bars.labels, 2)
    results = [
        train_original(SPEC | {"full_scale": frames.full_scale}, RECIPE, frames, frames, 0)[0].tensors()
        for frames in (bars, currents)
    ]
    assert all(np.array_equal(results[0][name], results[1][name]) for name in results[0])


def test_brief_arithmetic_learns_too(bars: Frames) -> None:
    rows = train_original(SPEC, replace(RECIPE, precision="bfloat16", epochs=8), bars, bars, 0)[1]
    assert rows[-1]["validation_accuracy"] > 95


def test_dropout_is_where_a_dense_layer_reads() -> None:
    layers = [
        {"kind": "conv", "filters": 2, "kernel": [2, 2]},
        {"kind": "maxpool", "size": [2, 2]},
        {"kind": "conv", "filters": 2, "kernel": [2, 2]},
        {"kind": "dense", "units": 3},
    ]
    network = DeepNetwork(SPEC | {"layers": layers}, dropout=0.3)
    assert [layer.dropout.p for layer in network.hidden] == [0.0, 0.3, 0.3]


def test_a_layers_pooling_takes_the_largest_pre_activation() -> None:
    layers = [{"kind": "conv", "filters": 2, "kernel": [2, 2]}, {"kind": "maxpool", "size": [2, 2]}]
    network = DeepNetwork(SPEC | {"layers": layers, "activation": "sigmoid"}).eval()
    x = torch.rand(5, 1, 6, 6)
    block = network.blocks[0]
    expected = torch.nn.functional.max_pool2d(torch.sigmoid(block.linear(x)), 2)
    torch.testing.assert_close(network.activations(x)[0], expected.detach())


def test_statistics_are_those_of_whole_frames(bars: Frames) -> None:
    """After training with dropout, running mean and variance are those of the inputs without it; what training uses is
    left as it was."""
    spec = SPEC | {"batch_normalization": True}
    network = DeepNetwork(spec, dropout=0.5, input_dropout=0.5)
    x = torch.from_numpy(bars.values).float()
    before = [p.detach().clone() for p in network.parameters()]
    estimate_statistics(network, x)
    (layer,) = network.hidden
    with torch.no_grad():
        sums = layer.linear(x.flatten(1))
    torch.testing.assert_close(layer.norm.running_mean, sums.mean(0))
    torch.testing.assert_close(layer.norm.running_var, sums.var(0))
    assert network.training and layer.norm.momentum == 0.1
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


FAULTS = """
import resource, torch
from steep.training import keep_memory
keep_memory()
faults = []
for _ in range(9):
    torch.ones(2**24)  # 64 MiB
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(*(after - before for before, after in zip(faults, faults[1:])))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_memory_of_tensors_is_used_again() -> None:
    """Otherwise the system clears 16,384 pages for each of them."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 1000


def test_an_older_c_library_gets_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to 32 MiB; without a value of its own the threshold would stay at 128 KiB."""
    taken: dict[int, int] = {}

    class Older:
        @staticmethod
        def mallopt(parameter: int, value: int) -> int:
            fits = parameter != M_MMAP_THRESHOLD or value <= 2**25
            return int(fits and taken.update({parameter: value}) is None)

    monkeypatch.setattr("steep.training.ctypes.CDLL", lambda name: Older)
    keep_memory()
    assert taken[M_MMAP_THRESHOLD] == 2**25


@pytest.mark.parametrize(
    ("recipe", "brief"), [({}, False), ({"precision": "float32"}, False), ({"precision": "bfloat16"}, True)]
)
def test_precision_is_that_of_the_recipe(
    bars: Frames, monkeypatch: pytest.MonkeyPatch, recipe: dict[str, str], brief: bool
) -> None:
    told: list[bool] = []
    autocast = torch.autocast

    def recorded(kind: str, dtype: torch.dtype, enabled: bool) -> Any:
        told.append(enabled)
        return autocast(kind, dtype, enabled=enabled)

    monkeypatch.setattr("steep.training.torch.autocast", recorded)
    train_original(SPEC, replace(RECIPE, **recipe, epochs=1), bars, bars, 0)
    assert len(told) == 240 // RECIPE.batch_size and set(told) == {brief}


def test_weights_decay_by_what_the_recipe_says(bars: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    made = OPTIMIZERS["adam"]
    monkeypatch.setitem(OPTIMIZERS, "adam", lambda *given: (told.append(given[1:]), made(*given))[1])
    for decay in ({}, {"weight_decay": 0.125}):
        train_original(SPEC, replace(RECIPE, **decay), bars, bars, 0)
    assert told == [(0.01, 0.0), (0.01, 0.125)]


def test_the_history_counts_epochs_from_1(bars: Frames) -> None:
    _, rows = train_original(SPEC, RECIPE, bars, bars, 0)
    assert [(row["epoch"], row["sharpness"]) for row in rows] == [(1, 0.0), (2, 0.0), (3, 0.0)]
