"""Scores and comparison: a difference is found, named and stops the study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steep.analysis.scores import spike_scores
from steep.cli import main
from steep.comparison import compare, compare_networks, require_equal
from steep.errors import SteepError
from steep.files import read_npz, write_npz
from steep.frames import Frames
from steep.simulators import load_simulator
from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork, dense


def spikes(flip: tuple[int, int, int] | None = None, potential: float = 0.0) -> Spikes:
    rng = np.random.default_rng(0)
    layers = [rng.random((20, 8)) < 0.5, rng.random((20, 3)) < 0.5]
    if flip:
        layer, frame, unit = flip
        layers[layer][frame, unit] ^= True
    values = rng.integers(-5, 5, (20, 3)).astype(np.float64)
    values[4, 2] += potential
    return Spikes(tuple(layers), values)


def test_equal_simulators_differ_nowhere_and_everything_is_counted() -> None:
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


@pytest.mark.parametrize("readout", ["potential", "wta", "spikes"])
def test_spikes_of_other_frames_are_refused(readout: str) -> None:
    """One class would be held against all four labels."""
    frames = Frames(np.zeros((4, 1, 1, 1), np.uint8), np.array([1, 1, 2, 0], np.uint8), 3)
    one = Spikes((np.array([[False, True, False]]),), np.array([[1.0, 3.0, 2.0]]))
    key = np.eye(3, dtype=bool) if readout == "spikes" else None
    with pytest.raises(SteepError, match=r"stpu: classes and labels have shapes \(1,\) and \(4,\)"):
        spike_scores({"stpu": one}, frames, readout, key)


def test_spikes_survive_the_disk(tmp_path: Path) -> None:
    whole = Spikes(spikes().layers, spikes().potential, ("0123456789abcdef", "x"))
    whole.save(tmp_path / "spikes.npz")
    loaded = Spikes.load(tmp_path / "spikes.npz")
    assert compare({"a": spikes(), "b": loaded})["differing"].sum() == 0
    assert loaded.fingerprint == whole.fingerprint
    spikes().save(tmp_path / "spikes.npz")
    assert Spikes.load(tmp_path / "spikes.npz").fingerprint == ()


@pytest.mark.parametrize("fingerprint", [None, np.array(["one"]), np.array("two")])
def test_spikes_of_another_version_are_refused(tmp_path: Path, fingerprint: np.ndarray | None) -> None:
    path = tmp_path / "spikes.npz"
    spikes().save(path)
    arrays = read_npz(path)
    del arrays["fingerprint"]
    write_npz(path, arrays | ({} if fingerprint is None else {"fingerprint": fingerprint}))
    with pytest.raises(SteepError, match=r"of this version|by this version") as refused:
        Spikes.load(path)
    assert "delete it and run again" in str(refused.value)


def test_parts_of_different_networks_are_not_joined() -> None:
    one, other = (Spikes(spikes().layers, spikes().potential, (name, "same")) for name in ("one", "other"))
    assert Spikes.joined([one, one]).fingerprint == one.fingerprint
    with pytest.raises(SteepError, match="the parts are spikes of different networks"):
        Spikes.joined([one, other])
    with pytest.raises(SteepError, match="there are no parts to join"):
        Spikes.joined([])


def test_the_network_of_every_simulator_is_held_against_the_file(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The verb, from files: a hidden weight that is off by one and changes no spike stops it, and so does a simulator
    that says nothing of what it worked on."""
    rng = np.random.default_rng(1)
    weight = rng.integers(-3, 4, (5, 6)).astype(np.int32)
    output = dense(1, rng.integers(-3, 4, (3, 5)).astype(np.int32), np.full(3, 0.5))
    network = ThresholdNetwork((1, 2, 3), (dense(0, weight, np.full(5, 0.5)), output))
    off = weight.copy()
    off[2, 4] += 1
    wrong = ThresholdNetwork((1, 2, 3), (dense(0, off, np.full(5, 0.5)), output))
    blank = np.zeros((4, 1, 2, 3), np.uint8)
    network.save(tmp_path / "net.npz")
    Frames(blank, np.zeros(4, np.uint8), 3, 1).save(tmp_path / "frames.npz")
    for simulator, given in (("torch", network), ("stpu", network), ("wrong", wrong)):
        load_simulator("stpu" if simulator == "wrong" else simulator)(given, blank).save(tmp_path / f"{simulator}.npz")
    silent = Spikes.load(tmp_path / "stpu.npz")
    Spikes(silent.layers, silent.potential).save(tmp_path / "silent.npz")

    def compared(*simulators: str) -> int:
        files = [f"{name}={tmp_path / name}.npz" for name in simulators]
        options = {"network": "net.npz", "frames": "frames.npz", "scores": "s.csv", "comparison": "c.csv"}
        named = [word for name, file in options.items() for word in (f"--{name}", str(tmp_path / file))]
        return main(
            [
                "compare-simulators",
                "--row",
                '{"experiment": "a", "seed": 0}',
                "--readout",
                "potential",
                *named,
                "--spikes",
                *files,
            ]
        )

    assert compared("torch", "stpu") == 0
    table = pd.read_csv(tmp_path / "c.csv")
    assert list(table.columns) == [
        "against",
        "simulator",
        "layer",
        "quantity",
        "values",
        "differing",
        "experiment",
        "seed",
        "readout",
    ]
    assert table.iloc[:, :6].values.tolist() == [
        *(["network", "torch", layer, "weights and thresholds", count, 0] for layer, count in ((1, 35), (2, 18))),
        *(["network", "stpu", layer, "weights and thresholds", count, 0] for layer, count in ((1, 35), (2, 18))),
        *(["torch", "stpu", layer, "spikes", 4 * units, 0] for layer, units in ((1, 5), (2, 3))),
        ["torch", "stpu", 2, "potential", 12, 0],
    ]
    assert compare({"torch": Spikes.load(tmp_path / "torch.npz"), "wrong": Spikes.load(tmp_path / "wrong.npz")})[
        "differing"
    ].tolist() == [0, 0, 0]
    capsys.readouterr()
    (tmp_path / "c.csv").unlink()
    assert compared("torch", "wrong") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("[compare-simulators] error: wrong: layer 1 of what it worked on is not layer 1 of ")
    assert compared("torch", "silent") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "silent: spikes with the fingerprints of 0 layers, the network has 2" in line
    assert not (tmp_path / "c.csv").exists()
    with pytest.raises(SteepError, match="the fingerprints of 2 layers, the network has 1"):
        compare_networks(
            {"torch": Spikes.load(tmp_path / "torch.npz")}, ThresholdNetwork((1, 2, 3), network.populations[:1])
        )
