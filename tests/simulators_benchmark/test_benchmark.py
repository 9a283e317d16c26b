"""The benchmark measures what it says, tells other spikes and missing peers, and draws the same bytes twice."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import chains, frames_for

from steep.cli import main
from steep.cli.benchmarks import _networks
from steep.errors import SteepError
from steep.figures import simulators as figures
from steep.figures.style import save_figure
from steep.frames import Frames
from steep.simulators import torch_threshold
from steep.simulators.brian2_fast.program import missing_tools
from steep.simulators_benchmark import brian2_plain, curves, delivered, measure, runner, stream, torch_modules
from steep.simulators_benchmark.implementations import IMPLEMENTATIONS, PACKAGE, Implementation
from steep.simulators_benchmark.networks import ACTIVE, expected, random_frames, random_network
from steep.simulators_benchmark.runner import Bench, measure_all
from steep.simulators_benchmark.simulation import Recorded, plain_kernel
from steep.spikes import Spikes
from steep.threshold.fingerprint import fingerprint
from steep.threshold.network import ConvLink, Population, SparseLink, Synapses, ThresholdNetwork, conv, dense, or_pool

LAYERS = [{"kind": "conv", "filters": 2, "kernel": [3, 3]}, {"kind": "maxpool", "size": [2, 2]}]
LAYERS += [{"kind": "dense", "units": 20}]
SHAPE = (1, 9, 8)
FRAMES = random_frames(200, SHAPE)
NETWORK = random_network(LAYERS, SHAPE, 4, FRAMES)
BY_NAME = {entry.name: entry for entry in IMPLEMENTATIONS}
STUB = """
import numpy as np
from steep.simulators_benchmark import torch_modules
from steep.simulators_benchmark.simulation import Recorded

class Wrong(torch_modules.TorchSimulation):
    def recorded(self):
        found = super().recorded()
        found.layers[1][3, 5] ^= True
        return Recorded((None, *found.layers[1:]), None)

def prepare(network, frames, job):
    return Wrong(network, frames, "plain", job.batch)

def version(options):
    return "wrong 1.0"
"""


def bench(folder: Path) -> Bench:
    return Bench(folder / "no-peers" / "python", folder, seconds=0.02)


def test_a_difference_that_drowns_in_noise_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long and short runs of a second each: first twice as many turns as asked for, then the long ones gain."""
    spent = iter([1.0, 1.0, 1.0, 1.0, 1.0, 2.0])

    class Frames:
        granularity = 1

    monkeypatch.setattr(measure, "timed", lambda *_: np.full(2, next(spent)))
    assert measure.cost(Frames(), 100, 2.0) == pytest.approx(np.full(2, 1 / 3 / 90))
    monkeypatch.setattr(measure, "timed", lambda *_: np.ones(2))
    with pytest.raises(ValueError, match="100 frames took no longer than 10"):
        measure.cost(Frames(), 100, 2.0)


def test_networks_are_seeded_and_as_active_as_said() -> None:
    again = random_network(LAYERS, SHAPE, 4, FRAMES)
    assert fingerprint(NETWORK) == fingerprint(again)
    found = expected(NETWORK, FRAMES)
    assert found.layers[0].mean() == pytest.approx(ACTIVE, abs=0.03)  # a small filter has few sums
    assert np.abs(found.layers[2].mean(axis=0) - ACTIVE).max() < 0.03
    other = torch_threshold.simulate(NETWORK, FRAMES)
    assert all(np.array_equal(a, b) for a, b in zip(found.layers, other.layers, strict=True))
    assert np.array_equal(found.potential, other.potential)


@settings(max_examples=40, deadline=None)
@given(network=chains(), seed=st.integers(0, 1000))
def test_modules_of_any_chain_of_images_give_its_spikes(network: ThresholdNetwork, seed: int) -> None:
    frames = frames_for(network, seed)
    assert_right(expected(network, frames), network, frames)


def assert_right(found: Recorded, network: ThresholdNetwork, frames: np.ndarray) -> None:
    wanted = torch_threshold.simulate(network, frames)
    assert all(np.array_equal(a, b) for a, b in zip(found.layers, wanted.layers, strict=True))
    assert np.array_equal(found.potential, wanted.potential)


def dilated() -> ThresholdNetwork:
    """Return a chain of a dilated convolution in groups, a pooling of windows that overlap, thresholds by position."""
    rng = np.random.default_rng(2)
    first = ConvLink(0, rng.integers(-5, 6, (6, 2, 2, 3), dtype=np.int32), (1, 2), ((1, 1), (2, 2)), (2, 1), 2)
    wide = conv(first, (4, 8, 9), rng.integers(-3, 4, 6) + 0.5)
    pool = or_pool(1, wide.shape, (3, 2), stride=(2, 1), padding=((1, 0), (0, 1)))
    third = ConvLink(2, rng.integers(-5, 6, (3, 6, 2, 2), dtype=np.int32))
    places = rng.integers(-3, 4, third.output_shape(pool.shape)) + 0.5
    narrow = conv(third, pool.shape, places)
    size = int(np.prod(narrow.shape))
    output = dense(3, rng.integers(-5, 6, (4, size), dtype=np.int32), np.full(4, 0.5))
    return ThresholdNetwork((4, 8, 9), (wide, pool, narrow, output))


def test_groups_dilation_and_overlapping_poolings_are_measured() -> None:
    network = dilated()
    frames = random_frames(60, network.input_shape)
    simulation = torch_modules.TorchSimulation(network, frames, "plain", 20)
    simulation.run(60)
    for found in (expected(network, frames), simulation.recorded()):
        assert_right(found, network, frames)
    # The same without groups and dilation, as the peers that know neither are given it.
    for link, population in network.chain()[:3]:
        plain = replace(link, weight=plain_kernel(link).astype(np.int32), dilation=(1, 1), groups=1)
        before = network.shapes[link.source]
        assert plain.output_shape(before) == population.shape
        ones, others = link.synapses(before).by_source(), plain.synapses(before).by_source()
        entries = [
            set(zip(s.source.tolist(), s.target.tolist(), s.weight.tolist(), strict=True)) for s in (ones, others)
        ]
        assert entries[0] == entries[1] and len(ones.weight) == len(others.weight)


def test_what_is_no_chain_of_images_is_one_line() -> None:
    dense_once = dense(0, np.ones((2, 4), np.int32), np.full(2, 0.5))
    skip = Population((2,), (*dense_once.links, replace(dense_once.links[0], source=0)), np.full(2, 0.5))
    nothing = Synapses(*np.zeros((3, 0), np.int64))
    line = conv(ConvLink(0, np.ones((1, 1, 2), np.int32)), (1, 4), np.array([0.5]))
    for shape, population, message in (
        ((1, 2, 2), skip, "this works on chains only"),
        (
            (1, 2, 2),
            Population((2,), (SparseLink(0, nothing, (2,)),), np.full(2, 0.5)),
            "neither a dense link nor a conv",
        ),
        ((1, 4), line, "population 1 has neither a dense link nor a convolution of images"),
        ((1, 2, 2), replace(dense_once, shape=(2, 1)), "population 1 has another shape than its link gives"),
    ):
        threshold = population.threshold.reshape(-1, *(1,) * (len(population.shape) - 1))
        network = ThresholdNetwork(shape, (replace(population, threshold=threshold),))
        with pytest.raises(SteepError, match=message):
            expected(network, np.zeros((1, *shape), np.uint8))
        if population is skip:
            with pytest.raises(SteepError, match=message):
                brian2_plain.RuntimeSimulation(network, np.zeros((1, *shape), np.uint8), "numpy", Path())


def test_rows_are_measured_and_compared(tmp_path: Path) -> None:
    names = ["PyTorch threshold network, frame by frame", "PyTorch threshold network, best batch"]
    names += ["Steep, Brian2 synapses", "Brian2 numpy"]
    table = measure_all(bench(tmp_path), {"tiny": NETWORK}, FRAMES, 1, [BY_NAME[name] for name in names])
    assert table["implementation"].tolist() == names and (table["measured"] == "yes").all()
    assert (table["differing"] == 0).all() and (table["compared"] == "every layer's spikes, potentials").all()
    # 2 * 7 * 6 filters' units, 18 pools, 20 dense units, 4 outputs, 4 potentials
    assert (table["values"] == table["frames"] * (84 + 18 + 20 + 4 + 4)).all()
    assert (table["lowest"] <= table["frames_per_cpu_s"]).all() and (table["memory_MiB"] > 30).all()
    assert table["batch"][0] == 1 and table["batch"][1] in (1, 10, 100)


def test_other_spikes_and_failures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong_peer.py").write_text(STUB)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    chosen = [
        Implementation("wrong", "wrong_peer", batch=10),
        Implementation("absent", f"{PACKAGE}.nest_network", peer=True),
        Implementation("broken", f"{PACKAGE}.no_such_module"),
    ]
    table = measure_all(bench(tmp_path), {"tiny": NETWORK}, FRAMES, 1, chosen).set_index("implementation")
    assert table.loc["wrong", "differing"] == 1 and table.loc["wrong", "compared"] == "spikes of 3 layers"
    assert "make .venv-peers" in table.loc["absent", "measured"]
    assert "no_such_module" in table.loc["broken", "measured"]
    for file in ("one.svg", "two.svg"):
        save_figure(figures.draw(table.reset_index()), tmp_path / file)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_simulator_that_worked_on_another_network_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its spikes are right; only the hidden weights that it says it worked on are not."""
    found = torch_threshold.simulate(NETWORK, FRAMES[:20])
    monkeypatch.setattr(
        torch_threshold, "simulate", lambda *_: Spikes(found.layers, found.potential, ("", *found.fingerprint[1:]))
    )
    monkeypatch.setattr(logging.getLogger("steep"), "handlers", [])  # a handler that refuses warnings is added
    simulation = delivered.DeliveredSimulation(NETWORK, FRAMES, "steep.simulators.torch_threshold")
    simulation.run(20)
    with pytest.raises(SteepError, match="worked on other weights or thresholds"):
        simulation.recorded()


def test_a_row_has_medians_and_the_worst_difference(tmp_path: Path) -> None:
    results = [
        {
            "cpu_s_per_frame": 1 / rate,
            "wall_s_per_frame": 2 / rate,
            "build_wall_s": rate,
            "memory_MiB": 1.0,
            "load": 0.0,
        }
        | {"frames": 50, "batch": 10, "compared": "all", "values": 7, "differing": wrong, "version": "1"}
        for rate, wrong in ((10.0, 0), (40.0, 2), (20.0, 0))
    ]
    task = runner.Task("net", NETWORK, FRAMES, tmp_path)
    row = runner.row_of(task, Implementation("one", "module"), results, "")
    assert [row[key] for key in ("frames_per_cpu_s", "lowest", "highest")] == pytest.approx([20, 10, 40])
    assert row["frames_per_wall_s"] == pytest.approx(10) and row["build_s"] == 10  # the first, which compiles
    assert row["differing"] == 2 and row["repetitions"] == 3


def test_curves_are_measured_and_drawn(tmp_path: Path) -> None:
    chosen = [entry for entry in curves.chosen_implementations() if entry.name.startswith("PyTorch")]
    chosen = [Implementation(entry.name, entry.module, entry.options, batch=10) for entry in chosen]
    table = curves.measure_curves(bench(tmp_path), NETWORK, FRAMES, chosen, ((50, 10**6), (8,), (2,), ()))
    assert table["curve"].tolist() == ["frames", "width", "processes"]
    assert (table["measured"] == "yes").all() and (table["differing"] == 0).all()
    assert table["synapses"][1] <= 72 * 8 + 8 * 8 + 8 * 4
    for file in ("one.svg", "two.svg"):
        save_figure(figures.draw_curves(table), tmp_path / file)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.skipif(bool(missing_tools()), reason=f"no {missing_tools()}")
def test_a_stream_begins_anew_where_the_frames_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More frames than there are, in blocks that do not divide them; a pass that differs is seen."""
    monkeypatch.setattr(stream, "BLOCK", 70)
    count = 2 * len(FRAMES) + 5
    parts = list(stream.blocks(FRAMES, count))
    whole = np.concatenate([FRAMES, FRAMES, FRAMES[:5]])
    assert np.array_equal(np.concatenate(parts), whole) and max(map(len, parts)) <= 70
    task = runner.Task("net", NETWORK, FRAMES, tmp_path)
    fast = next(entry for entry in curves.chosen_implementations() if entry.name == curves.FAST)
    found = curves.streamed(bench(tmp_path), task, fast, count)
    assert found["frames"] == count and found["differing"] == 0 and found["memory_MiB"] > 20

    def forgetful(network: ThresholdNetwork, blocks: Iterable[np.ndarray]) -> Iterator[Spikes]:
        for number, block in enumerate(blocks):
            spikes = torch_threshold.simulate(network, block)
            spikes.potential[0, 0] += number == 5
            yield spikes

    monkeypatch.setattr(stream, "simulate_blocks", forgetful)
    assert stream.measure(NETWORK, FRAMES, count)["differing"] == 1


def test_the_verb_takes_a_network_and_refuses_currents(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(runner, "IMPLEMENTATIONS", ())
    monkeypatch.setattr(
        runner.measure_all,
        "__defaults__",
        ((BY_NAME["PyTorch threshold network, frame by frame"],), lambda table: None),
    )
    NETWORK.save(tmp_path / "net.npz")
    labels = np.zeros(len(FRAMES), np.uint8)
    Frames(FRAMES, labels, 2, full_scale=1).save(tmp_path / "frames.npz")
    Frames(FRAMES, labels, 2, full_scale=255).save(tmp_path / "currents.npz")
    command = [
        "benchmark-simulators",
        "--config",
        str(root / "config" / "paper.yaml"),
        "--repetitions",
        "1",
        "--seconds",
        "0.02",
    ]
    command += ["--csv", str(tmp_path / "t.csv"), "--figure", str(tmp_path / "t.svg")]
    command += ["--network", str(tmp_path / "net.npz"), "--frames"]
    assert main([*command, str(tmp_path / "frames.npz")]) == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["network"].tolist() == [str(tmp_path / "net.npz")] and table["differing"].tolist() == [0]
    assert table["weights"].tolist() == ["given"]
    assert (tmp_path / "t.svg").stat().st_size > 1000
    assert main([*command, str(tmp_path / "currents.npz")]) == 1
    assert "give frames that are spikes" in capsys.readouterr().err


def test_the_peers_stand_on_the_same_torch(root: Path) -> None:
    text = (root / "envs" / "peers.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    locked = (root / "envs" / "requirements.lock").read_text().splitlines()
    assert all(line.count("==") == 1 for line in lines) and len({line.split("==")[0] for line in lines}) == len(lines)
    assert next(line for line in locked if line.startswith("torch==")) in lines
    assert "Python 3.11, Linux." in text


def test_two_networks_of_one_name_are_refused(root: Path, tmp_path: Path) -> None:
    """The table's rows are told apart by the name: of two the last would stand for both."""
    config = yaml.safe_load((root / "config" / "test.yaml").read_text())
    config["networks"]["other"] = {"title": "small CNN", "layers": [{"kind": "dense", "units": 3}]}
    entry = config["experiments"]["small-cnn-digits"] | {"network": "other", "recipe": "adaptive", "title": "other"}
    entry.pop("readouts")
    config["experiments"]["other"] = entry
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    frames = random_frames(20, (1, 28, 28))
    with pytest.raises(SteepError, match="two networks are called 'small CNN'; give each its own title"):
        _networks(tmp_path / "mine.yaml", frames)
    config["networks"]["other"]["title"] = "other"
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    assert set(_networks(tmp_path / "mine.yaml", frames)) == {"small CNN", "other"}
