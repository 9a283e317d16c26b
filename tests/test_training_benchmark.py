"""The benchmark of training measures what it says; no figure is judged here."""

from pathlib import Path

import numpy as np
import pytest
import torch

from steep.frames import Frames
from steep.networks import DeepNetwork
from steep.study.config import read_config
from steep.training_benchmark import KINDS, benchmark_config, plain_network

LAYERS = [
    {"kind": "conv", "filters": 3, "kernel": [3, 3]},
    {"kind": "maxpool", "size": [2, 2]},
    {"kind": "conv", "filters": 2, "kernel": [2, 2], "stride": [2, 2]},
    {"kind": "dense", "units": 7},
]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("layers", [LAYERS, LAYERS[:2], LAYERS[3:]])
def test_the_plain_network_is_the_same_network(normalize: bool, layers: list[dict]) -> None:
    """Same modules with parameters in the same order, dropout of the same probabilities, and the same function."""
    spec = {"input_shape": [1, 10, 9], "full_scale": 1, "layers": layers, "classes": 4}
    spec |= {"activation": "relu", "batch_normalization": normalize}
    plain, ours = plain_network(spec, 0.3, 0.1), DeepNetwork(spec, 0.3, 0.1)
    plain.load_state_dict(dict(zip(plain.state_dict(), ours.state_dict().values(), strict=True)))
    dropped = [[m.p for m in n.modules() if isinstance(m, torch.nn.Dropout) and m.p] for n in (plain, ours)]
    assert dropped[0] == dropped[1]
    x = torch.rand(6, 1, 10, 9)
    torch.testing.assert_close(plain.eval()(x), ours.eval()(x))


def test_every_network_that_takes_the_frames_is_measured(root: Path) -> None:
    rng = np.random.default_rng(0)
    frames = Frames(rng.integers(0, 2, (200, 1, 28, 28), dtype=np.uint8), np.zeros(200, np.uint8), 10, full_scale=1)
    table = benchmark_config(read_config(root / "config" / "test.yaml"), frames, 1, 1)
    assert table["experiment"].tolist() == ["small-cnn-digits"]  # the other one takes currents
    assert (table[list(KINDS)] > 0).all(axis=None)
