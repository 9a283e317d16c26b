"""The training loop refuses what cannot work, in one line."""

import pytest

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import DeepNetwork
from steep.training import prepare_torch, train_original

SPEC = {
    "input_shape": [1, 6, 6],
    "layers": [{"kind": "dense", "units": 12}],
    "classes": 2,
    "activation": "relu",
    "batch_normalization": False,
}
RECIPE = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 24, "epochs": 3, "dropout": 0, "input_dropout": 0}


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_every_optimizer_and_activation_learns(bars: Frames, optimizer: str, activation: str) -> None:
    spec = SPEC | {"activation": activation}
    _, rows = train_original(spec, RECIPE | {"optimizer": optimizer, "learning_rate": 0.05, "epochs": 8}, bars, bars, 0)
    assert rows[-1]["validation_accuracy"] > 95
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_a_diverging_loss_stops_at_once(bars: Frames) -> None:
    with pytest.raises(SteepError, match=r"training loss became (nan|inf) in epoch \d; write a smaller learning_rate"):
        train_original(SPEC, RECIPE | {"optimizer": "sgd", "learning_rate": 1e38}, bars, bars, 0)


def test_a_batch_larger_than_the_data_is_refused(bars: Frames) -> None:
    with pytest.raises(SteepError, match="batch_size is 999, but there are only 240 training frames"):
        train_original(SPEC, RECIPE | {"batch_size": 999}, bars, bars, 0)


def test_seed_and_stage_choose_the_random_numbers() -> None:
    drawn = []
    for seed, stage in ((0, 0), (0, 1), (1, 0), (0, 0)):
        prepare_torch(seed, stage)
        drawn.append(DeepNetwork(SPEC).tensors()["output.weight"].tobytes())
    assert drawn[0] == drawn[3] and len(set(drawn)) == 3
