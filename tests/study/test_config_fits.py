"""What a config may not say because it could not be run: too few frames, missing limits, extreme numbers."""

import copy
from pathlib import Path

import pytest

from steep.errors import SteepError
from steep.study.config import check_config, read_config

CASES = [
    (
        "datasets.digits.validation",
        1438,
        "datasets.digits.validation: 1438 of the 1438 training frames of digits leave",
    ),
    (
        "recipes.quick.original.batch_size",
        1239,
        "original.batch_size: 1239, but experiment small-cnn-digits has only 1238",
    ),
    ("recipes.quick.sharpening.batch_size", 1239, "recipes.quick.sharpening.batch_size: 1239, but experiment"),
    ("recipes.quick.population.batch_size", 1239, "recipes.quick.population.batch_size: 1239, but experiment"),
    (
        "recipes.adaptive.sharpening.augmentation.shift",
        28,
        "shift: 28 pixels move all of experiment small-dense-digits-c",
    ),
    ("parts", 360, "parts: 360, but experiment small-cnn-digits has only 359 test frames; write at most as many"),
    ("seeds", [2**32], "seeds.0: 4294967296 is out of range; write at most 4294967295"),
    ("stpu.limits", {}, "stpu.limits.neurons: missing; write it"),
    ("stpu.sweep.responses.difference", [3, 3], "difference: the rise, 3, is not below the decay, 3; write it first"),
    ("stpu.sweep.responses.steps", 10**9, "steps: 1000000000 is out of range; write at most 10000"),
    ("stpu.sweep.spacings", [10**9], "spacings.0: 1000000000 is out of range; write at most 1000"),
    (
        "encodings.binarized",
        {"kind": "contours", "sigma": 1e9, "low": 0, "high": 1},
        "sigma: 1000000000.0 is out of range",
    ),
]
FITTING = [
    ("datasets.digits.validation", 1374),
    ("recipes.quick.original.batch_size", 1238),
    ("parts", 359),
    ("seeds", [2**32 - 1]),
    ("stpu.sweep.responses.difference", [3, 3.1]),
]


def changed(root: Path, key: str, value: object) -> dict:
    config = copy.deepcopy(read_config(root / "config" / "test.yaml"))  # anchors share parts
    *path, last = key.split(".")
    place = config
    for part in path:
        place = place[part]
    place[last] = value
    return config


@pytest.mark.parametrize(("key", "value", "message"), CASES, ids=[key for key, _, _ in CASES])
def test_what_could_not_be_run_is_refused(root: Path, key: str, value: object, message: str) -> None:
    with pytest.raises(SteepError) as caught:
        check_config(changed(root, key, value), "my.yaml")
    assert str(caught.value).startswith("my.yaml: ") and message in str(caught.value)


@pytest.mark.parametrize(("key", "value"), FITTING, ids=[key for key, _ in FITTING])
def test_what_just_fits_is_taken(root: Path, key: str, value: object) -> None:
    check_config(changed(root, key, value))
