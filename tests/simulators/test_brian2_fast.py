"""Brian2's fast delivery: the same spikes as everything else, one program for an architecture, nothing goes unseen."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fast_delivery import ARCHITECTURES, conv, delivery_alone, dense, with_weights
from hypothesis import strategies as st
from random_networks import evaluate_plainly, frames_for, threshold_networks

from steep.errors import SteepError
from steep.simulators import brian2, brian2_fast, load_simulator
from steep.simulators.brian2_fast import program
from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork

pytestmark = pytest.mark.skipif(bool(program.missing_tools()), reason=f"no {program.missing_tools()}")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_all_simulators_agree_on_every_width_of_weights_with_one_program(name: str) -> None:
    """One program for each precision; large weights on currents need float64."""
    architecture = ARCHITECTURES[name]
    built: dict[type, set[Path]] = {}
    for seed, largest in enumerate((1, 7, 127, 128, 30_000, 40_000)):
        network = with_weights(architecture, seed, largest)
        frames = frames_for(network, seed, 40)
        spikes = brian2_fast.simulate(network, frames)
        built.setdefault(network.float_dtype, set()).add(program.program_for(network))
        for other in ("torch", "brian2-synapses", "stpu"):
            same(spikes, load_simulator(other)(network, frames))
        for number in range(0, 40, 7):
            fired, potential = evaluate_plainly(network, frames[number])
            assert all(np.array_equal(spikes.layers[k][number], layer) for k, layer in enumerate(fired))
            assert np.array_equal(2 * spikes.potential[number], potential)
        assert 0.05 < spikes.layers[0].mean() < 0.95
    assert list(built) == {"spikes": [np.float32], "currents": [np.float32, np.float64]}[name]
    assert all(len(programs) == 1 for programs in built.values())


def same(one: Spikes, other: Spikes) -> None:
    for a, b in zip(one.layers, other.layers, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(one.potential, other.potential)
    assert one.fingerprint == other.fingerprint


def test_sums_that_16_bits_cannot_hold() -> None:
    """More spikes of weight 127 than a sum of 16 bits holds, in a dense layer and in a convolution over channels."""
    network = ThresholdNetwork((1, 20, 20), (conv(300, 1, (1, 1)), conv(2, 300, (3, 3)), dense(3, 2 * 18 * 18)))
    layers = [replace(layer, weight=np.full_like(layer.weight, 127)) for layer in network.layers]
    layers[1] = replace(layers[1], threshold=np.array([127 * 2699.5, 127 * 2700]))  # 300 x 3 x 3 is 2700
    layers[2] = replace(layers[2], weight=layers[2].weight * np.array([[1], [-1], [1]], np.int32))
    network = ThresholdNetwork(network.input_shape, tuple(layers))
    frames = frames_for(network, 0, 6)
    spikes = brian2_fast.simulate(network, frames)
    same(spikes, load_simulator("torch")(network, frames))
    assert spikes.layers[1][1].reshape(2, -1).all(1).tolist() == [True, False]


@pytest.mark.parametrize("number", range(10))
def test_delivery_on_random_architectures(number: int, tmp_path: Path) -> None:
    network = draw_network(number)
    # With the processor's own vectors, and as on a processor without any that the source knows.
    executable = delivery_alone(network, tmp_path, ["-march=native"] if number % 2 else [])
    for seed, largest in enumerate((3, 127, 2000)):
        given = with_weights(network, seed, largest)
        if given.float_dtype is not network.float_dtype:
            continue
        frames = frames_for(given, seed, 25)
        spikes = brian2_fast._run(executable, given, frames, None)
        for other in ("torch", "stpu", "brian2-synapses")[: 2 + (seed == 0)]:
            same(spikes, load_simulator(other)(given, frames))


def draw_network(number: int) -> ThresholdNetwork:
    """Return a random architecture of at least two layers, by number."""
    found = []

    @st.composite
    def keep(draw: st.DrawFn) -> None:
        network = draw(threshold_networks())
        if len(network.layers) > 2:
            found.append(network)

    from hypothesis import HealthCheck, given, seed, settings

    @seed(number)
    @settings(max_examples=40, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(keep())
    def run(_: None) -> None:
        pass

    run()
    return max(found, key=lambda network: len(network.sizes) * sum(network.sizes))


@pytest.fixture
def small() -> ThresholdNetwork:
    return with_weights(ThresholdNetwork((1, 3, 3), (dense(8, 9), dense(7, 8), dense(3, 7))), 1, 5)


def test_recorded_layers_and_blocks_of_frames(small: ThresholdNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = frames_for(small, 3, 20)
    whole = load_simulator("torch")(small, frames)
    monkeypatch.setattr(brian2_fast, "BLOCK", 6)
    spikes = brian2_fast.simulate(small, frames, record=[2])
    assert spikes.packed().recorded == [2]
    assert np.array_equal(spikes.layers[1], whole.layers[1])
    assert np.array_equal(spikes.potential, whole.potential)
    with pytest.raises(SteepError, match="layer 3 were not recorded"):
        _ = spikes.layers[-1]
    with pytest.raises(SteepError, match="there is no layer 4; the network has layers 1 to 3"):
        brian2_fast.simulate(small, frames, record=[4])
    streamed = list(brian2_fast.simulate_blocks(small, (frames[k : k + 5] for k in range(0, 20, 5))))
    same(Spikes.joined(streamed), whole)
    assert len(brian2_fast.simulate(small, frames[:0]).potential) == 0


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_run_that_did_not_work_on_what_it_was_given_is_refused(small: ThresholdNetwork, tmp_path: Path) -> None:
    frames = frames_for(small, 3, 20)
    real = program.program_for(small)
    cases = {
        "true": "worked on \\[\\]; was it interrupted",
        "echo 'no luck' >&2; exit 7": "exit status 7: no luck",
        f'truncate -s -8 weights.bin; exec {real} "$@"': "weights.bin is shorter than the network needs",
        f'printf x >> inputs.bin; exec {real} "$@"': "inputs.bin is longer than the network needs",
        f'truncate -s -8 frames.bin; exec {real} "$@"': "frames.bin is shorter",
        **{
            f"cp {name}.bin i; tr '\\000' '\\100' < i > {name}.bin; exec {real} \"$@\"": "was given .* and worked on"
            for name in ("inputs", "weights")
        },
    }
    for text, message in cases.items():
        with pytest.raises(SteepError, match=message):
            brian2_fast._run(script(tmp_path / "simulation", text), small, frames, None)


def test_processes_that_start_at_once_build_one_program(small: ThresholdNetwork, tmp_path: Path) -> None:
    """A cache of their own; both run; the folder ends with one program and nothing half-built."""
    small.save(tmp_path / "network.npz")
    np.save(tmp_path / "frames.npy", frames_for(small, 3, 20))
    code = (
        "import logging, sys; import numpy as np; from steep.simulators import brian2_fast;"
        "from steep.threshold.network import ThresholdNetwork; logging.basicConfig(level=logging.INFO);"
        "brian2_fast.simulate(ThresholdNetwork.load(sys.argv[1]), np.load(sys.argv[2])).save(sys.argv[3])"
    )
    environment = os.environ | {"STEEP_CACHE": str(tmp_path / "cache")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "network.npz", tmp_path / "frames.npy", tmp_path / f"{number}.npz"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert sum("compiled in" in text for text in said) == 1
    same(Spikes.load(tmp_path / "0.npz"), Spikes.load(tmp_path / "1.npz"))
    same(Spikes.load(tmp_path / "0.npz"), load_simulator("torch")(small, np.load(tmp_path / "frames.npy")))
    names = [path.name for path in (tmp_path / "cache" / "brian2").iterdir()]
    assert sorted(re.sub("^[0-9a-f]{20}", "", name) for name in names) == ["", ".lock"]


def test_without_a_compiler_synapses_do_it(
    small: ThresholdNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script(tmp_path / "make", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    frames = frames_for(small, 3, 20)
    same(brian2.simulate(small, frames), load_simulator("torch")(small, frames))
    assert "no g++: install it" in caplog.text
    with pytest.raises(SteepError, match=r"fast delivery needs g\+\+; install it, or use brian2-synapses"):
        brian2_fast.simulate(small, frames)


def test_a_compiler_that_fails_leaves_its_words(
    small: ThresholdNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for tool in ("make", "sh", "rm", "python3"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    script(tmp_path / "g++", "echo 'no space on this planet' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("STEEP_CACHE", str(tmp_path / "cache"))
    frames = frames_for(small, 3, 20)
    with pytest.raises(SteepError, match=r"did not compile; .*log says why \(is g\+\+ complete\?\)") as raised:
        brian2_fast.simulate(small, frames)
    (told,) = (tmp_path / "cache" / "brian2").glob("*.log")
    assert str(told) in str(raised.value) and "no space on this planet" in told.read_text()
    assert {path.suffix for path in told.parent.iterdir()} == {".log", ".lock"}
    # Where any way will do, the other one is taken, and one line says why.
    monkeypatch.setattr(brian2, "COMPILATION", 0.0)
    same(brian2.simulate(small, frames), load_simulator("torch")(small, frames))
    (warned,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "did not compile" in warned and "Brian2's own synapses do it now" in warned


def test_synapses_are_taken_where_compiling_takes_longer(small: ThresholdNetwork, monkeypatch) -> None:
    chosen = []
    for name in ("brian2_fast", "brian2_lif"):
        monkeypatch.setattr(f"steep.simulators.{name}.simulate", lambda *_, name=name: chosen.append(name))
    monkeypatch.setattr(brian2, "program_for", lambda _: None)
    monkeypatch.setattr(brian2, "is_built", lambda _: False)
    for frames in (10, 100_000):
        brian2.simulate(small, np.zeros((frames, 1, 3, 3), np.uint8))
    monkeypatch.setattr(brian2, "is_built", lambda _: True)
    brian2.simulate(small, np.zeros((10, 1, 3, 3), np.uint8))
    assert chosen == ["brian2_lif", "brian2_fast", "brian2_fast"]
