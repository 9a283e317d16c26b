"""The STPU's verbs: a model by itself, and a trained network as a model."""

from pathlib import Path

import numpy as np
import pytest

from steep.cli import main
from steep.frames import Frames
from steep.simulators import simulator
from steep.stpu.textmodel import read_model
from steep.threshold.network import DenseLayer, OrPoolLayer, ThresholdNetwork

MODEL = "0\n r1010\n 1,0.75,1\n 1,1,2\n1,0,1,0,0.5,1\n o\n"


@pytest.mark.parametrize("backend", ["reference", "brian2-buffer", "brian2-delays"])
def test_every_backend_writes_the_same_raster(tmp_path: Path, backend: str) -> None:
    """By hand: arrivals 0.75 at 1, 1 at 2, 0.75 at 3, 1 at 4; half is kept, so V is 0.75, 1.375 (spike), 0.75, 1.375
    (spike)."""
    (tmp_path / "model").write_text(MODEL)
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "6"]
    assert main(["simulate-model", *arguments, "--backend", backend, "--membranes", str(tmp_path / "v.csv")]) == 0
    assert (tmp_path / "raster").read_text() == "1 001010\n"
    assert (tmp_path / "v.csv").read_text() == "step,1\n0,0.0\n1,0.375\n2,0.0\n3,0.375\n4,0.0\n5,0.0\n"


def test_the_subtractive_variant_and_fewer_steps_than_spikes(tmp_path: Path) -> None:
    (tmp_path / "model").write_text(MODEL)
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "2"]
    assert main(["simulate-model", *arguments, "--variant", "subtractive"]) == 0
    assert (tmp_path / "raster").read_text() == "1 00\n"


@pytest.mark.parametrize(
    ("text", "extra", "message"),
    [
        (MODEL.replace(",2\n1,", ",0\n1,"), [], "model:4: delay is 0; it must be 1 to 65535"),
        (MODEL, ["--slots", "2"], "model:4: delay is 2; a buffer of 2 slots reaches 1 steps ahead"),
        (MODEL[:16], [], "model:3: a synapse is target,weight,delay"),
    ],
)
def test_a_bad_model_is_one_line(tmp_path: Path, capsys, text: str, extra: list[str], message: str) -> None:
    (tmp_path / "model").write_text(text)
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "6"]
    assert main(["simulate-model", *arguments, *extra]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "raster").exists()


def test_a_trained_network_as_a_text_model_fires_as_it_does_here(tmp_path: Path) -> None:
    """Exported, read back as float32 and run: the output neurons' spikes are the threshold network's, frame by
    frame."""
    rng = np.random.default_rng(8)
    layers = (
        OrPoolLayer((2, 2)),
        DenseLayer(rng.integers(-9, 10, (12, 9), dtype=np.int32), rng.integers(-9, 10, 12) + 0.5),
        DenseLayer(rng.integers(-9, 10, (4, 12), dtype=np.int32), rng.integers(-9, 10, 4) + 0.5),
    )
    network = ThresholdNetwork((1, 6, 6), layers)
    frames = Frames((rng.random((9, 1, 6, 6)) < 0.3).astype(np.uint8), np.zeros(9, np.uint8), 4, full_scale=1)
    network.save(tmp_path / "threshold.npz")
    frames.save(tmp_path / "frames.npz")
    paths = ["--network", str(tmp_path / "threshold.npz"), "--frames", str(tmp_path / "frames.npz")]
    assert main(["export-model", *paths, "--output", str(tmp_path / "model"), "--count", "9", "--spacing", "2"]) == 0
    steps = 8 * 2 + 3 + 1
    model = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", str(steps)]
    assert main(["simulate-model", *model]) == 0
    rows = [line.split()[1] for line in (tmp_path / "raster").read_text().splitlines()]
    found = np.array([[digit == "1" for digit in row] for row in rows])[:, 3::2].T
    assert np.array_equal(found, simulator("stpu")(network, frames.values).layers[-1])
    assert read_model(tmp_path / "model").network.count == 36 + 9 + 12 + 4 + 1
