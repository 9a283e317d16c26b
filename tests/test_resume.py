"""A training that was stopped between any two epochs ends in the same bits as one that was not."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import patience
import pytest
import torch
from checkouts import PAUSE, pause, paused
from permissions import closed

from steep.frames import Frames
from steep.population import train_population
from steep.recipes import (
    Adaptive,
    Augmentation,
    Distillation,
    PopulationRecipe,
    SharpeningRecipe,
    TrainingRecipe,
    Uniform,
)
from steep.sharpening.training import sharpen
from steep.training import continue_original, train_original

SPEC = {
    "input_shape": [1, 6, 6],
    "full_scale": 1,
    "classes": 2,
    "activation": "relu",
    "batch_normalization": True,
    "layers": [{"kind": "conv", "filters": 2, "kernel": [2, 2]}, {"kind": "dense", "units": 8}],
}
RECIPE = TrainingRecipe(
    optimizer="rmsprop", learning_rate=0.01, batch_size=20, epochs=5, dropout=0.2, input_dropout=0.1
)
# The adaptive schedule depends on the losses of the epochs before; the augmentation draws from the batches' generator.
SHARPENING = SharpeningRecipe(
    **RECIPE.written(),
    shape="ramp",
    schedule=Adaptive(full_at=0.9, tolerance=0.0),
    surrogate_slope=2.0,
    augmentation=Augmentation(shift=1, flip=True),
    precision="bfloat16",
)
POPULATION = PopulationRecipe(
    **RECIPE.written(),
    units=20,
    active=4,
    weight_bits=8,
    shape="sigmoid",
    schedule=Uniform(full_at=0.5),
    surrogate_slope=2.0,
)
Run = Callable[..., tuple]


class Killed(BaseException):
    """Stands for a signal that ends the process."""


def outcome(result: tuple) -> dict[str, Any]:
    """Return the bits of everything that a training ends in."""
    network, rows, *recorded = result
    kept = {name: array.tobytes() for name, array in network.tensors().items()} | {"rows": repr(rows)}
    return kept | {name: array.tobytes() for part in recorded for name, array in part.items()}


def trainings(bars: Frames) -> dict[str, Run]:
    """Return the study's four trainings of one seed, each with every optimizer in its recipe."""
    train, validation = bars.take(slice(200)), bars.take(slice(200, None))
    original = train_original(SPEC, RECIPE, train, validation, 3)[0].tensors()
    spikes = [Frames(part.values.reshape(-1, 1, 1, 36), part.labels, 2, full_scale=1) for part in (train, validation)]
    return {
        "train_original": lambda change={}, path=None: train_original(
            SPEC, replace(RECIPE, **change), train, validation, 3, path
        ),
        "continue_original": lambda change={}, path=None: continue_original(
            original, SPEC, replace(RECIPE, **change), train, validation, 3, path
        ),
        "sharpen": lambda change={}, path=None: sharpen(
            original, SPEC, replace(SHARPENING, **change), train, validation, 3, path
        ),
        "train_population": lambda change={}, path=None: train_population(
            *spikes, replace(POPULATION, **change), 3, path
        ),
    }


def kill_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Let the next training end without notice when it has done that many epochs and one batch more."""
    from steep import training

    estimate, done = training.estimate_statistics, []

    def dying(*arguments: Any) -> None:
        if len(done) == epochs:
            raise Killed
        done.append(1)
        estimate(*arguments)

    monkeypatch.setattr(training, "estimate_statistics", dying)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
@pytest.mark.parametrize("name", ["train_original", "continue_original", "sharpen", "train_population"])
def test_the_same_bits_after_two_interruptions(
    bars: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, optimizer: str
) -> None:
    run, change, path = trainings(bars)[name], {"optimizer": optimizer}, tmp_path / "checkpoint.npz"
    expected = outcome(run(change))
    for epochs in (1, 2):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_after(patch, epochs)
            run(change, path)
        torch.manual_seed(99)  # whatever the next process's generator holds
    with np.load(path, allow_pickle=False) as state:
        assert int(state["epoch"]) == 3
    assert outcome(run(change, path)) == expected


def test_a_checkpoint_of_something_else_is_ignored(
    bars: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another recipe, seed, data, start, code, processor: one line, and the outcome of a fresh start."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "checkpoint.npz"
    original = train_original(SPEC, RECIPE, bars, bars, 3)[0].tensors()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 2)
        continue_original(original, SPEC, RECIPE, bars, bars, 3, path)
    written = path.read_bytes()
    fewer = bars.take(slice(200))
    relabelled = Frames(bars.values, 1 - bars.labels, 2, full_scale=1)
    nudged = original | {"output.bias": original["output.bias"] + np.float32(1e-7)}
    others: list[tuple] = [
        (original, SPEC, replace(RECIPE, learning_rate=0.02), bars, bars, 3),
        (original, SPEC, RECIPE, bars, bars, 4),
        (original, SPEC, RECIPE, relabelled, bars, 3),
        (original, SPEC, RECIPE, bars, fewer, 3),
        (nudged, SPEC, RECIPE, bars, bars, 3),
    ]
    for arguments in others:
        expected = outcome(continue_original(*arguments))
        path.write_bytes(written)
        caplog.clear()
        assert outcome(continue_original(*arguments, path)) == expected
        assert [r.message for r in caplog.records if "checkpoint" in r.message] == [
            f"{path}: of other code, data, recipe, seed or processor, ignored; training starts afresh"
        ]
    expected = outcome(continue_original(original, SPEC, RECIPE, bars, bars, 3))
    for name, other in (("code_digest", lambda *modules: "edited"), ("torch.backends.cpu.get_cpu_capability", str)):
        path.write_bytes(written)
        caplog.clear()
        with monkeypatch.context() as patch:
            patch.setattr(f"steep.resume.{name}", other)
            assert outcome(continue_original(original, SPEC, RECIPE, bars, bars, 3, path)) == expected
        assert "other code" in caplog.text
    # And the same one is taken.
    path.write_bytes(written)
    caplog.clear()
    assert outcome(continue_original(original, SPEC, RECIPE, bars, bars, 3, path)) == expected
    assert "goes on after epoch 2" in caplog.text


def test_a_checkpoint_of_another_sharpening_is_ignored(
    bars: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another teacher, none, other validation frames, another schedule: the outcome of a fresh start."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "checkpoint.npz"
    original, teacher, another = (train_original(SPEC, RECIPE, bars, bars, seed)[0].tensors() for seed in (3, 4, 5))
    taught = replace(SHARPENING, distillation=Distillation(teacher="original", weight=0.5, temperature=2.0))
    arguments = (original, SPEC, taught, bars, bars, 3)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 2)
        sharpen(*arguments, path, teacher)
    written = path.read_bytes()
    for others, other_teacher in (
        (arguments, another),
        ((original, SPEC, SHARPENING, bars, bars, 3), None),
        ((original, SPEC, taught, bars, bars.take(slice(200)), 3), teacher),
        ((original, SPEC, replace(taught, schedule=Uniform(full_at=0.9)), bars, bars, 3), teacher),
    ):
        path.write_bytes(written)
        caplog.clear()
        found = outcome(sharpen(*others, path, other_teacher))
        assert "of other code, data, recipe, seed or processor, ignored" in caplog.text
        assert found == outcome(sharpen(*others, None, other_teacher))
    path.write_bytes(written)
    caplog.clear()
    assert outcome(sharpen(*arguments, path, teacher)) == outcome(sharpen(*arguments, None, teacher))
    assert "goes on after epoch 2" in caplog.text


@pytest.mark.parametrize("how", ["empty", "cut", "flipped", "text", "names", "shapes", "generator", "folder"])
def test_a_damaged_checkpoint_is_ignored(
    bars: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    path = tmp_path / "checkpoint.npz"
    expected = outcome(train_original(SPEC, RECIPE, bars, bars, 3))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 2)
        train_original(SPEC, RECIPE, bars, bars, 3, path)
    data = path.read_bytes()
    with np.load(path, allow_pickle=False) as archive:
        state = dict(archive)
    match how:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(data[: len(data) * 2 // 3])
        case "flipped":  # one bit of a weight: only the checksum can tell
            place = data.index(state["network.output.weight"].tobytes())
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        case "text":
            path.write_text("not an archive")
        case "names":
            np.savez(path, **{name: array for name, array in state.items() if name != "network.output.weight"})
        case "shapes":
            np.savez(path, **state | {"network.output.weight": np.zeros((2, 3), np.float32)})
        case "generator":
            np.savez(path, **state | {"random.shuffle": np.zeros(7, np.uint8)})
        case "folder":
            path.unlink()
            path.mkdir()
    assert outcome(train_original(SPEC, RECIPE, bars, bars, 3, path)) == expected
    what = "cannot be read (Is a directory)" if how == "folder" else "not a whole checkpoint"
    assert f"{path}: {what}, ignored; training starts afresh" in caplog.text


def test_a_checkpoint_that_may_not_be_read_is_ignored(
    bars: Frames, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the file of another user nor one in a folder that may not be entered stops a training."""
    expected = outcome(train_original(SPEC, RECIPE, bars, bars, 3))
    path = tmp_path / "folder" / "checkpoint.npz"
    path.parent.mkdir()
    path.write_bytes(b"")
    for place in (path, path.parent):
        caplog.clear()
        with closed(place):
            assert outcome(train_original(SPEC, RECIPE, bars, bars, 3, path)) == expected
        assert f"{path}: cannot be read (Permission denied), ignored; training starts afresh" in caplog.text


def test_without_room_for_checkpoints_training_goes_on(
    bars: Frames, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("a file where a folder is needed")
    expected = outcome(train_original(SPEC, RECIPE, bars, bars, 3))
    assert outcome(train_original(SPEC, RECIPE, bars, bars, 3, tmp_path / "file" / "checkpoint.npz")) == expected
    assert [r.message for r in caplog.records if "could not be resumed" in r.message].__len__() == 1


def test_a_command_that_is_killed_goes_on_and_leaves_only_its_outputs(bars: Frames, tmp_path: Path) -> None:
    """SIGKILL, which no process can answer, in the middle of a training; then the same command again."""
    import json

    train, validation = bars.take(slice(200)), bars.take(slice(200, None))
    for name, part in (("train", train), ("validation", validation)):
        part.save(tmp_path / f"{name}.npz")

    def command(folder: Path) -> list[str]:
        folder.mkdir(exist_ok=True)
        recipe = RECIPE.written() | {"activation": "relu", "batch_normalization": True, "epochs": 80}
        options = {"layers": json.dumps(SPEC["layers"]), "recipe": json.dumps(recipe), "seed": "3"}
        options |= {name: str(tmp_path / f"{name}.npz") for name in ("train", "validation")}
        options |= {"output": str(folder / "n.safetensors"), "history": str(folder / "n.csv")}
        options |= {"checkpoint": str(folder / "n.checkpoint.npz")}
        return [
            sys.executable,
            "-m",
            "steep",
            "train-original",
            *(x for k, v in options.items() for x in (f"--{k}", v)),
        ]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    # In its middle it stops, so that it is there to be killed.
    stopping = f"import runpy\nfrom steep.resume import Checkpoint\n{PAUSE}"
    words = command(tmp_path / "killed")[3:]
    pause(tmp_path, "n")
    line = [sys.executable, "-c", f"{stopping}\nrunpy.run_module('steep', run_name='__main__')", *words]
    running = patience.Started(line, tmp_path)
    assert paused(running, tmp_path).pid == running.pid
    running.kill()
    assert running.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "n.safetensors").exists()
    # A writer that died in the middle of a write leaves its temporary file.
    import socket

    orphan = tmp_path / "killed" / f".n.checkpoint.npz.{socket.gethostname()}.{running.pid}.part"
    orphan.write_bytes(b"half")
    again = subprocess.run(command(tmp_path / "killed"), capture_output=True, text=True)
    assert again.returncode == 0 and "goes on after epoch" in again.stderr
    names = ["n.csv", "n.safetensors"]
    assert sorted(os.listdir(tmp_path / "killed")) == sorted(os.listdir(tmp_path / "whole")) == names
    assert all((tmp_path / "killed" / n).read_bytes() == (tmp_path / "whole" / n).read_bytes() for n in names)
