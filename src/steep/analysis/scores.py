"""Scores of one seed: accuracy per stage and simulator."""

from pathlib import Path

import numpy as np
import pandas as pd

from steep.frames import Frames
from steep.shapes import require_same_shape
from steep.spikes import Spikes
from steep.threshold.readouts import decode, winners


def accuracy_row(stage: str, simulator: str, readout: str, correct: int, frames: int) -> dict[str, object]:
    """Return one measurement of test accuracy, in percent."""
    return {
        "stage": stage,
        "simulator": simulator,
        "readout": readout,
        "frames": frames,
        "correct": correct,
        "accuracy": 100 * correct / frames,
    }


def float_classes(stages: dict[str, Path], frames: Frames) -> dict[str, np.ndarray]:
    """Return the class that each floating-point network gives each frame, int64 (frames,), by stage; `stages` maps a
    stage to its network's file."""
    from steep.network_file import load_network
    from steep.networks import DeepNetwork, as_tensor, logits
    from steep.settings import torch_settings
    from steep.sharpening.activation import require_steps, sharpened_network
    from steep.training import keep_memory

    keep_memory()
    classes = {}
    for stage, path in stages.items():
        tensors, spec = load_network(path)
        network = sharpened_network(spec) if stage == "sharpened" else DeepNetwork(spec)
        network.load(tensors)
        if stage == "sharpened":
            require_steps(network)
        with torch_settings():
            classes[stage] = logits(network, as_tensor(frames)).argmax(1).numpy()
    return classes


def float_scores(classes: dict[str, np.ndarray], frames: Frames) -> pd.DataFrame:
    """Return the accuracy of the floating-point networks, by stage, from what `float_classes` found."""
    rows = [
        accuracy_row(stage, "torch", "potential", int((found == frames.labels).sum()), len(frames))
        for stage, found in classes.items()
    ]
    return pd.DataFrame(rows)


def classes_of(spikes: Spikes, readout: str, key: np.ndarray | None = None) -> np.ndarray:
    """Return the class of each frame, int64 (frames,); `key` is the population's, for readout ``spikes``."""
    if readout == "wta":
        return winners(spikes)
    return spikes.classes() if key is None else decode(spikes, key)


def spike_scores(
    spikes: dict[str, Spikes], frames: Frames, readout: str = "potential", key: np.ndarray | None = None
) -> pd.DataFrame:
    """Return the accuracy of the threshold network with a readout, by simulator; SteepError where the spikes are not of
    these frames."""
    rows = []
    for name, one in spikes.items():
        classes = classes_of(one, readout, key)
        require_same_shape(classes, frames.labels, f"{name}: classes and labels")
        correct = int((classes == frames.labels).sum())
        rows.append(accuracy_row("threshold", name, readout, correct, len(frames)))
    return pd.DataFrame(rows)
