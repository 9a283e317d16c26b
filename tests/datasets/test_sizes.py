"""Sizes of data sets, known before they are fetched, are those of what is fetched."""

import os
from pathlib import Path

import numpy as np
import pytest

from steep.datasets import SOURCES, canonical_order, load_dataset
from steep.datasets.sizes import GROUPS, TEST, split_sizes
from steep.errors import SteepError


def test_every_source_has_its_sizes() -> None:
    assert set(GROUPS) == set(TEST) == set(SOURCES)


@pytest.mark.parametrize("source", ["digits", "hyperspectral"])
@pytest.mark.parametrize("validation", [1, 46, 700])
def test_sizes_are_those_of_the_frames(source: str, validation: int, tmp_path: Path) -> None:
    splits = load_dataset(source, validation, [], tmp_path)
    assert split_sizes(source, validation) == {name: len(frames) for name, frames in splits.items()}


@pytest.mark.parametrize("source", SOURCES)
def test_groups_stand_in_their_order(source: str, tmp_path: Path) -> None:
    """Downloaded ones where a folder with them is named."""
    mirrors = [Path(folder) for folder in os.environ.get("STEEP_TEST_MIRRORS", "").split(":") if folder]
    if source not in ("digits", "hyperspectral") and not any((folder / source).is_dir() for folder in mirrors):
        pytest.skip("not at hand; STEEP_TEST_MIRRORS=FOLDER names a folder of data sets")
    train, test, groups = SOURCES[source].load(mirrors, tmp_path)
    _, first, sizes = np.unique(groups[canonical_order(train)], return_index=True, return_counts=True)
    assert tuple(sizes[np.argsort(first)].tolist()) == GROUPS[source]
    assert len(test) == TEST[source]


@pytest.mark.parametrize(("source", "most"), [("digits", 1437), ("hyperspectral", 21555), ("samson", 6237)])
def test_something_is_left_to_train_on(source: str, most: int) -> None:
    assert min(split_sizes(source, most).values()) > 0
    with pytest.raises(SteepError, match=f"{most + 1} of the {sum(GROUPS[source])} training frames of {source} leave"):
        split_sizes(source, most + 1)


def test_of_a_data_set_of_the_users_own_nothing_is_said() -> None:
    assert split_sizes("mine", 10) is None
