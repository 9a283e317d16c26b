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
from fast_delivery import ARCHITECTURES, chain, conv, delivery_alone, dense, mixed, pool, with_weights
from hypothesis import strategies as st
from random_networks import chains, evaluate_plainly, frames_for, graphs

from steep.errors import SteepError
from steep.simulators import brian2, brian2_fast, load_simulator
from steep.simulators.brian2_fast import program
from steep.spikes import Spikes
from steep.threshold.network import Population, SparseLink, Synapses, ThresholdNetwork

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
    assert list(built) == ([np.float32] if name == "spikes" else [np.float32, np.float64])
    assert all(len(programs) == 1 for programs in built.values())


def same(one: Spikes, other: Spikes) -> None:
    for a, b in zip(one.layers, other.layers, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(one.potential, other.potential)
    assert one.fingerprint == other.fingerprint


def run(executable: Path, network: ThresholdNetwork, frames: np.ndarray) -> Spikes:
    return next(brian2_fast.run_blocks(executable, network, [frames]))


def test_sums_that_16_bits_cannot_hold() -> None:
    """More spikes of weight 127 than a sum of 16 bits holds, in a dense layer and in a convolution over channels."""
    network = chain((1, 20, 20), conv(300, (1, 1)), conv(2, (3, 3)), dense(3))
    thresholds = np.zeros((300, 1, 1)), np.array([127 * 2699.5, 127 * 2700])[:, None, None], np.zeros(3)
    populations = []
    for population, threshold in zip(network.populations, thresholds, strict=True):  # 300 x 3 x 3 is 2700
        (link,) = population.links
        sign = np.array([[1], [-1], [1]], np.int32) if len(population.shape) == 1 else 1
        links = (replace(link, weight=np.full_like(link.weight, 127) * sign),)
        populations.append(replace(population, links=links, threshold=threshold))
    network = replace(network, populations=tuple(populations))
    frames = frames_for(network, 0, 6)
    spikes = brian2_fast.simulate(network, frames)
    same(spikes, load_simulator("torch")(network, frames))
    assert spikes.layers[1][1].reshape(2, -1).all(1).tolist() == [True, False]


@pytest.mark.parametrize("number", range(24))
def test_delivery_on_random_architectures(number: int, tmp_path: Path) -> None:
    """Chains, then graphs of one to three dimensions, in either precision, on the processor's own vectors and as on a
    processor without any that the source knows."""
    network = draw_network(chains() if number < 8 else graphs(dimensions=1 + number % 3), number)
    dtype, double = network.float_dtype, number % 4 == 3
    if double:
        network = with_weights(network, 0, 2**24)
        dtype = np.float64
    executable = delivery_alone(network, tmp_path, ["-march=native"] if number % 2 else [])
    for seed, largest in enumerate((2**24, 2**28) if double else (3, 127, 2000)):
        given = with_weights(network, seed, largest)
        if given.float_dtype is not dtype:
            continue
        frames = frames_for(given, seed, 25)
        spikes = run(executable, given, frames)
        for other in ("torch", "stpu", "brian2-synapses")[: 2 + (seed == 0)]:
            same(spikes, load_simulator(other)(given, frames))


def draw_network(strategy: st.SearchStrategy[ThresholdNetwork], number: int) -> ThresholdNetwork:
    """Return a random architecture of at least three populations, by number."""
    found = []

    @st.composite
    def keep(draw: st.DrawFn) -> None:
        network = draw(strategy)
        if len(network.populations) > 2:
            found.append(network)

    from hypothesis import HealthCheck, given, seed, settings

    @seed(number)
    @settings(max_examples=40, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(keep())
    def draw(_: None) -> None:
        pass

    draw()
    return max(found, key=lambda network: len(network.sizes) * sum(network.sizes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spikes_through_links_of_every_kind(dtype: type, tmp_path: Path) -> None:
    """The inputs are spikes; the currents of the same graph are among the architectures."""
    many = 2**20 if dtype is np.float64 else 1
    given = [with_weights(mixed(1), seed, many * largest) for seed, largest in enumerate((5, 127, 1000))]
    executable = delivery_alone(given[0], tmp_path, ["-march=native"])
    for network in given:
        assert network.float_dtype is dtype
        frames = frames_for(network, 0, 30)
        same(run(executable, network, frames), load_simulator("torch")(network, frames))


def test_weights_of_single_synapses_that_32_bits_cannot_hold(tmp_path: Path) -> None:
    """And two synapses between the same units, which add up."""
    entries = Synapses(np.array([2, 0, 2, 1]), np.array([1, 0, 1, 1]), np.array([2**50, 2**40 + 1, -(2**50) + 1, -5]))
    population = Population((2,), (SparseLink(0, entries, (2,)),), np.array([2.0**40, 0]))
    network = ThresholdNetwork((1, 1, 3), (population,))
    frames = np.array([[1, 0, 0], [0, 0, 1], [1, 1, 1]], np.uint8).reshape(3, 1, 1, 3)
    spikes = run(delivery_alone(network, tmp_path, []), network, frames)
    assert spikes.potential.tolist() == [[1, 0], [-(2**40), 1], [1, -4]]
    same(spikes, load_simulator("torch")(network, frames))


def test_the_program_depends_on_the_architecture_alone() -> None:
    """Which synapses there are is no part of it, nor their number, nor the names of populations."""
    network = with_weights(mixed(255), 0, 3)
    other = with_weights(mixed(255), 1, 3)
    assert program.source_of(other) == program.source_of(network)
    second = network.populations[1]
    fewer = replace(second.links[1], entries=Synapses(*(np.ones(7, np.int64),) * 3))
    for changed in (replace(second, links=(second.links[0], fewer)), replace(second, name="other")):
        populations = (network.populations[0], changed, *network.populations[2:])
        assert program.source_of(replace(network, populations=populations)) == program.source_of(network)
    without = replace(second, links=second.links[:1])
    populations = (network.populations[0], without, *network.populations[2:])
    assert program.source_of(replace(network, populations=populations)) != program.source_of(network)


@pytest.fixture
def small() -> ThresholdNetwork:
    return with_weights(chain((1, 3, 3), dense(8), dense(7), dense(3)), 1, 5)


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


@pytest.mark.parametrize("record", [None, [], [1], [8], [2, 4, 9]])
def test_recorded_populations_of_a_graph_in_blocks(record: list[int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among them the deepest one, which is not the output, and none at all; blocks shorter than the longest delay."""
    network = with_weights(ARCHITECTURES["graph"], 0, 7)
    frames = frames_for(network, 3, 23)
    whole = load_simulator("torch")(network, frames)
    for block in (1, 3, 10):
        monkeypatch.setattr(brian2_fast, "BLOCK", block)
        spikes = brian2_fast.simulate(network, frames, record)
        recorded = list(range(1, 10)) if record is None else record
        assert spikes.packed().recorded == recorded
        for number in recorded:
            assert np.array_equal(spikes.layers[number - 1], whole.layers[number - 1])
        assert np.array_equal(spikes.potential, whole.potential)
        assert spikes.fingerprint == whole.fingerprint


def test_a_stream_leaves_no_files(small: ThresholdNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is not read to its end."""
    frames = frames_for(small, 3, 20)
    executable = program.program_for(small)
    monkeypatch.setattr(brian2_fast.tempfile, "tempdir", str(tmp_path))
    stream = brian2_fast.run_blocks(executable, small, [frames, frames])
    assert len(next(stream).potential) == 20 and len(list(tmp_path.iterdir())) == 1
    stream.close()
    assert list(tmp_path.iterdir()) == []


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
            run(script(tmp_path / "simulation", text), small, frames)
    # What a run before has left does not count as this one's.
    once = script(tmp_path / "once", f'[ -e been ] || {{ touch been; exec {real} "$@"; }}')
    stream = brian2_fast.run_blocks(once, small, [frames, frames])
    assert len(next(stream).potential) == 20
    with pytest.raises(SteepError, match="worked on \\[\\]; was it interrupted"):
        next(stream)


def test_broken_tables_of_synapses_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = with_weights(chain((2, 2, 2), pool((2, 2)), dense(1)), 0, 3)
    executable, frames = delivery_alone(network, tmp_path, []), frames_for(network, 0, 5)
    same(run(executable, network, frames), load_simulator("torch")(network, frames))
    real = brian2_fast._tables
    for which, place, value, message in (
        (0, 0, 1, "has synapses beyond the network"),
        (0, 3, 7, "has synapses beyond the network"),
        (0, 8, 2**40, "is shorter than the network needs"),
        (0, 8, -1, "is shorter than the network needs"),
        (0, 8, 6, "(shorter|longer) than the network needs|beyond the network"),
        (1, 5, 2, "has synapses beyond the network"),
        (1, 5, -1, "has synapses beyond the network"),
    ):

        def broken(way: program.Way, dtype: type, which=which, place=place, value=value) -> list[np.ndarray]:
            tables = real(way, dtype)
            if not way.has_rows:
                tables[which][place] = value
            return tables

        monkeypatch.setattr(brian2_fast, "_tables", broken)
        with pytest.raises(SteepError, match=message):
            run(executable, network, frames)


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
