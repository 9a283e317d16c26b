"""What `check-config` accepts runs to its end: studies made at random, always the same ones; random_studies.py goes on
for as many as it is told."""

import random
from pathlib import Path

import pytest
from random_studies import attempt, random_config

from steep.errors import SteepError
from steep.study.config import check_config

SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_study_runs_or_is_refused(seed: int, tmp_path: Path) -> None:
    attempt(seed, tmp_path)


def test_most_studies_are_not_refused() -> None:
    """Else little would be tried."""
    accepted = 0
    for seed in SEEDS:
        try:
            check_config(random_config(random.Random(seed)))
            accepted += 1
        except SteepError:
            pass
    assert accepted >= 15
