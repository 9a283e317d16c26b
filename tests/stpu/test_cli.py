"""The STPU's verbs: a model by itself, and a trained network as a model."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from steep.cli import main
from steep.frames import Frames
from steep.simulators import load_simulator
from steep.stpu.export import export
from steep.stpu.textmodel import read_model, write_model
from steep.threshold.network import ThresholdNetwork, dense, or_pool

MODEL = "0\n r1010\n 1,0.75,1\n 1,1,2\n1,0,1,0,0.5,1\n o\n"


@pytest.mark.parametrize("simulator", ["reference", "brian2-buffer", "brian2-delays", "brian2-rows"])
def test_every_simulator_writes_the_same_raster(tmp_path: Path, simulator: str) -> None:
    """By hand: arrivals 0.75 at 1, 1 at 2, 0.75 at 3, 1 at 4; half is kept, so V is 0.75, 1.375 (spike), 0.75, 1.375
    (spike)."""
    (tmp_path / "model").write_text(MODEL)
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "6"]
    assert main(["simulate-model", *arguments, "--simulator", simulator, "--membranes", str(tmp_path / "v.csv")]) == 0
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
    """Exported with its own output layer as the units of a code, read back as float32 and run: the output neurons'
    spikes are the threshold network's, frame by frame."""
    rng = np.random.default_rng(8)
    populations = (
        or_pool(0, (1, 6, 6), (2, 2)),
        dense(1, rng.integers(-9, 10, (12, 9), dtype=np.int32), rng.integers(-9, 10, 12) + 0.5),
        dense(2, rng.integers(-9, 10, (4, 12), dtype=np.int32), rng.integers(-9, 10, 4) + 0.5),
    )
    network = ThresholdNetwork((1, 6, 6), populations)
    frames = Frames((rng.random((9, 1, 6, 6)) < 0.3).astype(np.uint8), np.zeros(9, np.uint8), 4, full_scale=1)
    model, _ = export(network, frames, "spikes", np.eye(4, dtype=bool), 2)
    write_model(tmp_path / "model", model)
    steps = 8 * 2 + 3 + 1
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", str(steps)]
    assert main(["simulate-model", *arguments]) == 0
    rows = [line.split()[1] for line in (tmp_path / "raster").read_text().splitlines()]
    found = np.array([[digit == "1" for digit in row] for row in rows])
    assert np.array_equal(found[:4, 3::2].T, load_simulator("stpu")(network, frames.values).layers[-1])
    assert not found[:4, :3].any() and not found[:4, 4::2].any()
    # Last come the clock and the marker, which spikes at every answer.
    assert np.flatnonzero(found[4]).tolist() == list(range(3, 20, 2))
    assert read_model(tmp_path / "model").network.count == 36 + 9 + 12 + 4 + 2


ROUNDED = "0\n t0\n 1,0.5,1\n 1,1.1,2\n1,0,1.3,0,0.6,1\n"


@pytest.mark.parametrize("simulator", ["reference", "brian2-buffer", "brian2-delays", "brian2-rows"])
def test_the_smallest_model_that_tells_how_the_leak_is_rounded(tmp_path: Path, simulator: str) -> None:
    """0.5 leaks to float32(0.4) * 0.5, and with 1.1 it is over 1.3 by one unit in the last place."""
    (tmp_path / "model").write_text(ROUNDED)
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "4"]
    assert main(["simulate-model", *arguments, "--simulator", simulator]) == 0
    assert (tmp_path / "raster").read_text() == "0 1000\n1 0010\n"


def test_below_p_1_the_seed_is_said_and_decides_for_all_alike(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "model").write_text("0,5,1,5,0,0.5\n")
    caplog.set_level("INFO")
    rasters = {}
    for seed, simulator in (("1", "reference"), ("1", "brian2-delays"), ("2", "reference")):
        arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "40"]
        assert main(["simulate-model", *arguments, "--simulator", simulator, "--seed", seed]) == 0
        rasters[seed, simulator] = (tmp_path / "raster").read_text()
        assert f"NumPy's random numbers from seed {seed} decide, not the element's own stream" in caplog.text
    assert rasters["1", "reference"] == rasters["1", "brian2-delays"] != rasters["2", "reference"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--raster", "."], "error: .: is a folder; write the name of a file"),
        (["--seed", "-1"], "the seed is -1; write 0 or more"),
        (["--target", "cython"], "--target cython is for Brian2"),
        (
            ["--element-output", "out", "--element-file", "x"],
            "the outputs of the model go to out; write --element-file",
        ),
    ],
)
def test_options_that_cannot_be_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").write_text(MODEL)
    assert main(["simulate-model", "--model", "model", "--raster", "raster", "--steps", "6", *extra]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_large_leak_is_an_amount_in_the_subtractive_variant(tmp_path: Path) -> None:
    """The floor is 0: 1.75 leaks to 0, and 2.5 is over 1."""
    (tmp_path / "model").write_text("0\n t0\n 1,1,1\n 1,2.5,3\n1,0,1,0,1.5,1\n o\n")
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "5"]
    assert main(["simulate-model", *arguments, "--variant", "subtractive"]) == 0
    assert (tmp_path / "raster").read_text() == "1 00010\n"
    assert main(["simulate-model", *arguments]) == 1


@pytest.mark.parametrize("compiler", ["/nonexistent/g++"])
def test_a_target_that_does_not_compile_is_one_line(tmp_path: Path, root: Path, compiler: str) -> None:
    (tmp_path / "model").write_text(MODEL)
    arguments = ["--model", "model", "--raster", "raster", "--steps", "6", "--simulator", "brian2-delays"]
    environment = os.environ | {"CC": compiler, "CXX": compiler, "HOME": str(tmp_path), "PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-m", "steep", "simulate-model", *arguments, "--target", "cython"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "error: Brian2's target cython failed" in last, done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "raster").exists()
