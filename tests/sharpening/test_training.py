"""Sharpening as training: it ends in steps, keeps learning after full sharpness, and is repeatable."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import ACTIVATIONS, DeepNetwork, as_tensor, logits
from steep.recipes import (
    CEILING_QUANTILE,
    Adaptive,
    Augmentation,
    BottomUp,
    Distillation,
    SharpeningRecipe,
    StepShape,
    TrainingRecipe,
    Uniform,
)
from steep.sharpening.activation import SHAPES, sharpened_network
from steep.sharpening.training import EDGES, Recorder, distillation, sharpen
from steep.simulators import load_simulator
from steep.threshold.compile import compile_network
from steep.training import Objective, augment, continue_original, train_original

SPEC = {
    "input_shape": [1, 6, 6],
    "full_scale": 1,
    "layers": [{"kind": "dense", "units": 12}, {"kind": "dense", "units": 8}],
    "classes": 2,
    "activation": "relu",
    "batch_normalization": True,
}
RECIPE = TrainingRecipe(
    optimizer="rmsprop",
    learning_rate=0.01,
    batch_size=20,
    epochs=4,
    dropout=0.1,
    input_dropout=0.1,
)
SHARPENING = SharpeningRecipe(
    **RECIPE.written(),
    shape="sigmoid",
    schedule=Uniform(full_at=0.5),
    surrogate_slope=2.0,
)


@pytest.fixture
def split(bars: Frames) -> tuple[Frames, Frames]:
    return bars.take(slice(200)), bars.take(slice(200, None))


def test_from_frames_to_integers(split: tuple[Frames, Frames]) -> None:
    train, validation = split
    original, rows = train_original(SPEC, RECIPE, train, validation, seed=3)
    network, history, recorded = sharpen(original.tensors(), SPEC, SHARPENING, train, validation, seed=3)
    assert rows[-1]["validation_accuracy"] > 90
    assert [row["epoch"] for row in history] == [0, 1, 2, 3, 4]
    assert [row["sharpness"] for row in history] == [0, 0.5, 1, 1, 1]
    assert history[0]["validation_accuracy"] == rows[-1]["validation_accuracy"]
    assert history[-1]["validation_accuracy"] > 90
    # Recorded: every value of 40 validation frames; binary from full sharpness on, and not before.
    histogram = recorded["histogram"]
    assert histogram.shape == (5, 2, len(recorded["edges"]) - 1)
    assert histogram.sum(-1).tolist() == [[40 * 12, 40 * 8]] * 5
    occupied = (histogram > 0).sum(-1)
    assert (occupied[2:] == 2).all() and (occupied[:2] > 2).all()
    # The integer network classifies as well.
    spikes = load_simulator("torch")(compile_network(network.tensors(), SPEC, 8), validation.values)
    assert (spikes.classes() == validation.labels).mean() > 0.9


def test_learning_goes_on_after_full_sharpness(split: tuple[Frames, Frames]) -> None:
    train, validation = split
    original, _ = train_original(SPEC, RECIPE, train, validation, seed=3)
    steep = replace(SHARPENING, schedule=Uniform(full_at=1e-9), epochs=1)
    network, _, _ = sharpen(original.tensors(), SPEC, steep, train, validation, seed=3)
    start = original.tensors()["blocks.0.linear.weight"]
    assert np.abs(network.tensors()["blocks.0.linear.weight"] - start).max() > 0.01


def test_same_seed_same_bits(split: tuple[Frames, Frames]) -> None:
    results = []
    for seed in (3, 3, 4):
        original, _ = train_original(SPEC, RECIPE, *split, seed=seed)
        network, _, _ = sharpen(original.tensors(), SPEC, SHARPENING, *split, seed=seed)
        results.append({name: array.tobytes() for name, array in network.tensors().items()})
    assert results[0] == results[1]
    assert results[0] != results[2]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_activation_and_shape_sharpens(split: tuple[Frames, Frames], activation: str, shape: StepShape) -> None:
    train, validation = split
    spec = SPEC | {"activation": activation}
    original, _ = train_original(spec, RECIPE, train, validation, seed=3)
    network, history, recorded = sharpen(
        original.tensors(), spec, replace(SHARPENING, shape=shape, epochs=6), train, validation, seed=3
    )
    assert history[-1]["validation_accuracy"] > 85 and str(recorded["shape"]) == shape
    spikes = load_simulator("torch")(compile_network(network.tensors(), spec, 8), validation.values)
    assert (spikes.classes() == validation.labels).mean() > 0.85


def test_the_adaptive_schedule_sees_the_validation_loss(split: tuple[Frames, Frames]) -> None:
    train, validation = split
    original, _ = train_original(SPEC, RECIPE, train, validation, seed=3)
    recipe = replace(SHARPENING, schedule=Adaptive(full_at=0.9, tolerance=0.0), epochs=10)
    _, history, _ = sharpen(original.tensors(), SPEC, recipe, train, validation, seed=3)
    losses = [row["validation_loss"] for row in history[1:]]
    reached = [row["sharpness"] for row in history]
    for epoch in range(1, 6):
        waits = losses[epoch - 1] > min(losses[:epoch])
        assert (reached[epoch + 1] == reached[epoch]) == (waits or reached[epoch] == 1), (epoch, reached, losses)
    assert reached[-1] == 1


def test_equation_of_distillation(split: tuple[Frames, Frames]) -> None:
    train, validation = split
    teacher, _ = train_original(SPEC, RECIPE, train, validation, seed=3)
    teacher.zero_grad(set_to_none=True)
    x, labels = as_tensor(train.first(30)), torch.from_numpy(train.labels[:30].astype(np.int64))
    scores = torch.randn(30, 2, generator=torch.Generator().manual_seed(1), requires_grad=True)
    found = distillation(teacher.eval(), weight=0.3, temperature=4.0)(x, scores, labels)
    own, others = (softmax(s / 4, axis=1) for s in (scores.detach().numpy(), logits(teacher, x).numpy()))
    apart = (others * np.log(others / own)).sum(1).mean()
    labelled = -np.log(softmax(scores.detach().numpy(), axis=1)[np.arange(30), labels]).mean()
    assert float(found.detach()) == pytest.approx(0.7 * labelled + 0.3 * 16 * apart, rel=1e-5)
    found.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert scores.grad.abs().max() > 0


def test_distillation_alone_needs_no_labels(split: tuple[Frames, Frames]) -> None:
    """Sharpened after another network's answers only, one learns the classes from wrong labels as from right ones."""
    train, validation = split
    original, _ = train_original(SPEC, RECIPE, train, validation, seed=3)
    recipe = replace(SHARPENING, distillation=Distillation(teacher="original", weight=1.0, temperature=2.0))
    wrong = replace(train, labels=1 - train.labels)
    (right, history, _), (other, _, _) = (
        sharpen(original.tensors(), SPEC, recipe, frames, validation, seed=3, teacher=original.tensors())
        for frames in (train, wrong)
    )
    assert history[-1]["validation_accuracy"] > 90
    assert all(np.array_equal(array, other.tensors()[name]) for name, array in right.tensors().items())


@pytest.mark.parametrize("told", [True, False])
def test_a_teacher_and_its_recipe_go_together(split: tuple[Frames, Frames], told: bool) -> None:
    original, _ = train_original(SPEC, RECIPE, *split, seed=3)
    distilled = Distillation(teacher="original", weight=1.0, temperature=2.0)
    recipe = replace(SHARPENING, distillation=distilled if told else None)
    with pytest.raises(SteepError, match="go together"):
        sharpen(original.tensors(), SPEC, recipe, *split, seed=3, teacher=None if told else original.tensors())


def test_validation_frames_teach_nothing(split: tuple[Frames, Frames]) -> None:
    """Neither weights nor ceilings, from which sharpening starts, depend on them."""
    train, validation = split
    other = replace(validation, values=1 - validation.values, labels=1 - validation.labels)
    results = []
    for frames in (validation, other):
        original, _ = train_original(SPEC, RECIPE, train, frames, seed=3)
        control, _ = continue_original(original.tensors(), SPEC, SHARPENING, train, frames, seed=3)
        network, _, recorded = sharpen(original.tensors(), SPEC, SHARPENING, train, frames, seed=3)
        arrays = [*original.tensors().values(), *control.tensors().values(), *network.tensors().values()]
        results.append([array.tobytes() for array in (*arrays, recorded["centre"], recorded["slope"])])
    assert results[0] == results[1]


def test_ceilings_are_those_of_the_training_frames(split: tuple[Frames, Frames]) -> None:
    """A unit's activation is divided by what 99% of its layer's positive activations on training frames lie below."""
    train, validation = split
    original, _ = train_original(SPEC, RECIPE, train, validation, seed=3)
    original.eval()
    _, _, recorded = sharpen(original.tensors(), SPEC, replace(SHARPENING, epochs=1), train, validation, seed=3)
    layers = zip(*(original.activations(as_tensor(frames)) for frames in (train, validation)), strict=True)
    for number, (on_train, on_validation) in enumerate(layers):
        ceiling, wrong = (np.quantile(values[values > 0], CEILING_QUANTILE) for values in (on_train, on_validation))
        assert abs(ceiling - wrong) > 0.01 * ceiling
        scaled = (on_validation / ceiling).clamp(EDGES[0], EDGES[-1]).numpy()
        assert recorded["histogram"][0, number].tolist() == np.histogram(scaled, EDGES)[0].tolist()


def test_control_and_sharpening_see_the_same_batches(
    split: tuple[Frames, Frames], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def recorded(values: torch.Tensor, random: torch.Generator, how: Augmentation) -> torch.Tensor:
        moved = augment(values, random, how)
        seen.append(moved.numpy().tobytes())
        return moved

    monkeypatch.setattr("steep.training.augment", recorded)
    recipe = replace(SHARPENING, augmentation=Augmentation(shift=1, flip=True))
    original, _ = train_original(SPEC, recipe, *split, seed=3)
    first, seen = seen, []
    continue_original(original.tensors(), SPEC, recipe, *split, seed=3)
    control, seen = seen, []
    sharpen(original.tensors(), SPEC, recipe, *split, seed=3)
    assert len(control) == recipe.epochs * (200 // recipe.batch_size)
    assert seen == control and not set(control) & set(first)


def test_every_activation_counts_in_one_bin() -> None:
    """What lies beyond the ends in the first and the last; a bin begins with its lower edge."""
    values = [-9.0, -0.5, -0.0, 0.009, 0.011, 0.5, 1.489, 1.491, 1.51, 1.6, 1e30, np.inf]
    recorder = Recorder(sharpened_network(SPEC), torch.zeros(0))
    recorder.record([torch.tensor(values), torch.tensor([1.0, 1.0])], (0.5, 0.25))
    histogram = recorder.arrays()["histogram"]
    assert histogram.dtype == np.int64 and histogram.shape == (1, 2, len(EDGES) - 1)
    assert {int(at): int(histogram[0, 0, at]) for at in np.flatnonzero(histogram[0, 0])} == {
        0: 4,
        1: 1,
        25: 1,
        74: 1,
        75: 5,
    }
    assert histogram[0, 1, 50] == histogram[0, 1].sum() == 2
    assert recorder.arrays()["sharpness"].tolist() == [[0.5, 0.25]]


def test_one_hidden_layer_is_sharpened(split: tuple[Frames, Frames]) -> None:
    spec = SPEC | {"layers": [{"kind": "dense", "units": 12}]}
    original, _ = train_original(spec, RECIPE, *split, seed=3)
    _, history, recorded = sharpen(original.tensors(), spec, SHARPENING, *split, seed=3)
    assert history[-1]["validation_accuracy"] > 90
    assert recorded["histogram"].shape[:2] == (5, 1) and str(recorded["shape"]) == "sigmoid"


def test_what_is_recorded_is_what_the_network_was(split: tuple[Frames, Frames]) -> None:
    """Layer by layer: sharpness, which history gives the mean of, and centre and slope; nothing was learnt before."""
    original, _ = train_original(SPEC, RECIPE, *split, seed=3)
    recipe = replace(SHARPENING, schedule=BottomUp(full_at=0.5))
    network, history, recorded = sharpen(original.tensors(), SPEC, recipe, *split, seed=3)
    assert recorded["sharpness"].tolist() == [[0, 0], [1, 0], [1, 1], [1, 1], [1, 1]]
    assert [row["sharpness"] for row in history] == [0, 0.5, 1, 1, 1]
    assert [np.isnan(row["train_loss"]) for row in history] == [True, False, False, False, False]
    for name in ("centre", "slope"):
        kept = [float(network.tensors()[f"blocks.{number}.activation.{name}"]) for number in (0, 1)]
        assert recorded[name].tolist() == kept
    assert [block.activation.surrogate_slope for block in network.hidden] == [recipe.surrogate_slope] * 2


def test_tanh_is_recorded_between_0_and_1(split: tuple[Frames, Frames]) -> None:
    spec = SPEC | {"activation": "tanh"}
    original, _ = train_original(spec, RECIPE, *split, seed=3)
    _, _, recorded = sharpen(original.tensors(), spec, replace(SHARPENING, epochs=1), *split, seed=3)
    for number, values in enumerate(original.eval().activations(as_tensor(split[1]))):
        assert recorded["histogram"][0, number].tolist() == np.histogram((values.numpy() + 1) / 2, EDGES)[0].tolist()


def test_some_frames_calibrate_and_some_are_recorded(
    split: tuple[Frames, Frames], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steep.sharpening.training.RECORDED_FRAMES", 7)
    monkeypatch.setattr("steep.sharpening.training.CALIBRATION_FRAMES", 30)
    original, _ = train_original(SPEC, RECIPE, *split, seed=3)
    recipe = replace(SHARPENING, epochs=1, ceiling=0.5)
    _, _, recorded = sharpen(original.tensors(), SPEC, recipe, *split, seed=3)
    assert recorded["histogram"].sum(-1).tolist() == [[7 * 12, 7 * 8]] * 2
    first = original.eval().activations(as_tensor(split[0].first(30)))[0]
    assert recorded["centre"][0] == pytest.approx(np.quantile(first[first > 0], 0.5) / 2, rel=1e-6)


def test_the_teacher_neither_drops_out_nor_estimates(
    split: tuple[Frames, Frames], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the network that it is when it is tested, asked with the recipe's weight and temperature."""
    asked: list[tuple[bool, float, float]] = []

    def watched(teacher: DeepNetwork, weight: float, temperature: float) -> Objective:
        asked.append((teacher.training, weight, temperature))
        return distillation(teacher, weight, temperature)

    monkeypatch.setattr("steep.sharpening.training.distillation", watched)
    original, _ = train_original(SPEC, RECIPE, *split, seed=3)
    taught = Distillation(teacher="original", weight=0.75, temperature=3.0)
    recipe = replace(SHARPENING, distillation=taught, epochs=1)
    sharpen(original.tensors(), SPEC, recipe, *split, seed=3, teacher=original.tensors())
    assert asked == [(False, 0.75, 3.0)]
