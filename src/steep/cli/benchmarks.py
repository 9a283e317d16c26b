"""Verbs of the benchmark of simulators."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from steep.cli.verbs import FILE, INTEGER, Arguments, verb
from steep.errors import SteepError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from steep.threshold.network import ThresholdNetwork

log = logging.getLogger("steep")
FRAMES = 10_000
# Where `make benchmark` installs them, in the checkout.
PEERS = Path(__file__).parents[3] / ".venv-peers" / "bin" / "python"
SHARED = {
    "frames": FILE | {"required": False, "help": "spikes, as the workflow writes them; generated if not given"},
    "peers": FILE | {"required": False, "default": PEERS, "help": "Python of the peers, the checkout's if not given"},
    "seconds": {"type": float, "required": False, "default": 2.0, "help": "CPU time of a measurement, about"},
}


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
    from steep.config import check_config, read_config
    from steep.datasets import SOURCES
    from steep.encodings import CURRENTS
    from steep.simulators_benchmark.networks import random_network

    study = read_config(config)
    check_config(study, str(config))
    found, layers = {}, {}
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


@verb(
    *("config", "csv", "figure"),
    repetitions=INTEGER,
    network=FILE
    | {"nargs": "+", "required": False, "default": [], "help": "trained threshold networks instead of random ones"},
    **SHARED,
)
def benchmark_simulators(a: Arguments) -> None:
    """Measure simulators, ours and others, on the same networks and frames, hold their spikes against each other."""
    from steep.figures.simulators import draw
    from steep.figures.style import save_figure
    from steep.files import write_text
    from steep.simulators_benchmark.runner import Bench, measure_all, scratch_folder
    from steep.threshold.network import ThresholdNetwork

    if a.repetitions < 1:
        raise SteepError(f"--repetitions is {a.repetitions}; write at least 1")
    frames = _frames(a.frames)
    networks = {str(path): ThresholdNetwork.load(path) for path in a.network} or _networks(a.config, frames)
    for name, network in networks.items():
        if network.input_shape != frames.shape[1:] or network.input_top > 1:
            raise SteepError(
                f"{name}: takes frames of shape {network.input_shape}, up to {network.input_top}; give such"
            )

    made_of = {
        "weights": "given" if a.network else "random, 8 bits, seeded",
        "input": str(a.frames) if a.frames else "random pixels",
    }

    def keep(table: "pd.DataFrame") -> None:
        write_text(a.csv, table.assign(**made_of).to_csv(index=False, float_format="%.4g"))

    with scratch_folder() as scratch:
        bench = Bench(a.peers.absolute(), Path(scratch), a.seconds)
        table = measure_all(bench, networks, frames, a.repetitions, keep=keep)
    save_figure(draw(table), a.figure)


@verb("config", "csv", "figure", **SHARED)
def benchmark_sizes(a: Arguments) -> None:
    """Measure what simulations cost against frames, synapses and processes, on the config's first network."""
    from steep.figures.simulators import draw_curves
    from steep.figures.style import save_figure
    from steep.files import write_text
    from steep.simulators_benchmark.curves import chosen_implementations, measure_curves
    from steep.simulators_benchmark.runner import Bench, scratch_folder

    frames = _frames(a.frames)
    network = next(iter(_networks(a.config, frames).values()))
    with scratch_folder() as scratch:
        bench = Bench(a.peers.absolute(), Path(scratch), a.seconds)
        table = measure_curves(bench, network, frames, chosen_implementations())
    write_text(a.csv, table.to_csv(index=False, float_format="%.4g"))
    save_figure(draw_curves(table), a.figure)
