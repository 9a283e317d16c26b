"""Verbs of the benchmark of simulators."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steep.cli.verbs import Executable, In, OptionalIn, OptionalInputs, Out, group
from steep.errors import SteepError
from steep.study.checkout import ROOT

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from steep.threshold.network import ThresholdNetwork

log = logging.getLogger("steep")
FRAMES = 10_000
# Where `make benchmark` installs them, in the checkout.
PEERS = ROOT / ".venv-peers" / "bin" / "python"
verb = group("Benchmarks")


def _frames(path: Path | None) -> "np.ndarray":
    """Return the frames to measure on, uint8 (frames, channels, height, width)."""
    from steep.datasets import SOURCES
    from steep.frames import Frames
    from steep.simulators_benchmark.networks import random_frames

    if path is None:
        log.info("generated frames: pixels on at random")
        return random_frames(FRAMES, SOURCES["mnist"].shape)
    frames = Frames.load(path).first(FRAMES)
    if not frames.are_spikes:
        raise SteepError(f"{path}: holds currents; give frames that are spikes")
    return frames.values


def _networks(config: Path, frames: "np.ndarray") -> "dict[str, ThresholdNetwork]":
    """Return networks of random weights for every architecture that an experiment of the config gives such frames."""
    from steep.datasets import SOURCES
    from steep.encodings import CURRENTS
    from steep.simulators_benchmark.networks import random_network
    from steep.study.config import check_config, read_config

    study = read_config(config)
    check_config(study, str(config))
    found: dict[str, ThresholdNetwork] = {}
    layers: dict[str, list[dict[str, Any]]] = {}
    for entry in study["experiments"].values():
        source = SOURCES[study["datasets"][entry["dataset"]]["source"]]
        if source.shape == frames.shape[1:] and study["encodings"][entry["encoding"]]["kind"] not in CURRENTS:
            network = study["networks"][entry["network"]]
            if layers.setdefault(network["title"], network["layers"]) != network["layers"]:
                raise SteepError(f"{config}: two networks are called {network['title']!r}; give each its own title")
            found[network["title"]] = random_network(network["layers"], source.shape, source.classes, frames)
    if not found:
        raise SteepError(f"{config}: no experiment takes frames of shape {frames.shape[1:]} that are spikes")
    return found


@verb
def benchmark_simulators(
    config: In,
    csv: Out,
    figure: Out,
    repetitions: int,
    network: OptionalInputs = (),
    frames: OptionalIn = None,
    peers: Executable = PEERS,
    seconds: float = 2.0,
) -> None:
    """Measure simulators, ours and others, on the same networks and frames, hold their spikes against each other.

    Parameters
    ----------
    config : the config whose architectures are measured
    figure : what was measured, drawn as SVG
    repetitions : how often each measurement is made
    network : trained threshold networks instead of random ones
    frames : spikes, as the workflow writes them; generated unless given

    """
    from steep.figures.simulators import draw
    from steep.figures.style import save_figure
    from steep.files import write_text
    from steep.simulators_benchmark.runner import Bench, measure_all, scratch_folder
    from steep.threshold.network import ThresholdNetwork

    if repetitions < 1:
        raise SteepError(f"--repetitions is {repetitions}; write at least 1")
    chosen = _frames(frames)
    networks = {str(path): ThresholdNetwork.load(path) for path in network} or _networks(config, chosen)
    for name, each in networks.items():
        if each.input_shape != chosen.shape[1:] or each.input_top > 1:
            raise SteepError(f"{name}: takes frames of shape {each.input_shape}, up to {each.input_top}; give such")

    made_of = {
        "weights": "given" if network else "random, 8 bits, seeded",
        "input": str(frames) if frames else "random pixels",
    }

    def keep(table: "pd.DataFrame") -> None:
        write_text(csv, table.assign(**made_of).to_csv(index=False, float_format="%.4g"))

    with scratch_folder() as scratch:
        bench = Bench(peers.absolute(), Path(scratch), seconds)
        table = measure_all(bench, networks, chosen, repetitions, keep=keep)
    save_figure(draw(table), figure)


@verb
def benchmark_sizes(
    config: In,
    csv: Out,
    figure: Out,
    frames: OptionalIn = None,
    peers: Executable = PEERS,
    seconds: float = 2.0,
) -> None:
    """Measure what simulations cost against frames, synapses and processes, on the config's first network.

    Parameters
    ----------
    config : the config whose first network is measured
    figure : what was measured, drawn as SVG
    frames : spikes, as the workflow writes them; generated unless given

    """
    from steep.figures.simulators import draw_curves
    from steep.figures.style import save_figure
    from steep.files import write_text
    from steep.simulators_benchmark.curves import chosen_implementations, measure_curves
    from steep.simulators_benchmark.runner import Bench, scratch_folder

    chosen = _frames(frames)
    network = next(iter(_networks(config, chosen).values()))
    with scratch_folder() as scratch:
        bench = Bench(peers.absolute(), Path(scratch), seconds)
        table = measure_curves(bench, network, chosen, chosen_implementations())
    write_text(csv, table.to_csv(index=False, float_format="%.4g"))
    save_figure(draw_curves(table), figure)


@verb
def benchmark_training(
    config: In,
    csv: Out,
    train_frames: In,
    epochs: int,
    turns: int,
) -> None:
    """Measure an epoch of ordinary and of sharpened training against plain PyTorch, for networks of a config.

    Parameters
    ----------
    config : the config whose networks are trained
    train_frames : encoded training frames
    epochs : epochs of each measurement
    turns : how often each measurement is made

    """
    from steep.files import write_text
    from steep.frames import Frames
    from steep.study.config import check_config, read_config
    from steep.training_benchmark import benchmark_config

    study = read_config(config)
    check_config(study, str(config))
    table = benchmark_config(study, Frames.load(train_frames), epochs, turns)
    write_text(csv, table.round(3).to_csv(index=False))
    print(table.round(3).to_string(index=False))


@verb
def benchmark_stpu(
    csv: Out,
    figure: Out,
    repetitions: int,
) -> None:
    """Measure what the STPU's implementations cost, and draw it.

    Parameters
    ----------
    figure : what was measured, drawn as SVG
    repetitions : how often each measurement is made

    """
    from steep.figures.stpu_cost import draw
    from steep.figures.style import save_figure
    from steep.files import write_text
    from steep.stpu.benchmark import measure_all

    table = measure_all(repetitions)
    write_text(csv, table.round(3).to_csv(index=False))
    save_figure(draw(table), figure)
