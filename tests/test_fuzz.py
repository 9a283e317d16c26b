"""A few hundred broken files for every reader, always the same ones; fuzz.py goes on for as long as it is told."""

import random
import warnings
from pathlib import Path

import fuzz
import pytest


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, fuzz.Target]:
    return fuzz.targets(tmp_path_factory.mktemp("whole"))


KINDS = {
    "config": 30,
    "threshold network": 200,
    "frames": 300,
    "spikes": 300,
    "trained network": 200,
    "text model": 500,
    "NIR graph": 100,
}


@pytest.mark.parametrize("kind", KINDS)
def test_broken_files_are_read_or_refused_in_one_line(
    targets: dict[str, fuzz.Target], tmp_path: Path, kind: str
) -> None:
    assert set(targets) == set(KINDS)
    outcomes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(KINDS[kind]):
            outcomes.append(fuzz.attempt(targets[kind], random.Random(f"{kind} {number}"), tmp_path / "broken"))
    assert "refused" in outcomes
