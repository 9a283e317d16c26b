"""What several tests share: small frames, random threshold networks, the repository's root."""

from pathlib import Path

import numpy as np
import pytest

from steep.frames import Frames

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On several processes: tests of one file, and all that look at the test study, go to the same one."""
    for item in items:
        group = "study" if "study" in getattr(item, "fixturenames", ()) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def bars() -> Frames:
    """Return 240 frames of 6x6 that any network learns: class 0 has its spikes on the left, class 1 on the right."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 240).astype(np.uint8)
    values = (rng.random((240, 1, 6, 6)) < 0.1).astype(np.uint8)
    for value, label in zip(values, labels, strict=True):
        value[0, :, 3 * label : 3 * label + 3] |= (rng.random((6, 3)) < 0.7).astype(np.uint8)
    return Frames(values, labels, 2, full_scale=1)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the test study at 2 cores, once for all tests; return the checkout's copy. Whoever changes something there
    puts it back."""
    from test_workflow import copy_of, snakemake

    folder = copy_of(ROOT, tmp_path_factory.mktemp("checkout"))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout
    return folder
