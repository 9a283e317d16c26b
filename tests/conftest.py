"""What several tests share: small frames, random threshold networks, the repository's root."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steep.frames import Frames

ROOT = Path(__file__).parents[1]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """On several processes: tests of one file go to the same one, and so do the two files that look at the test study.

    (Marks of xdist_group have no effect with pytest 9.2 and pytest-xdist 3.8.)
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFixture(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = Path(nodeid.split("::")[0]).name
            return "study" if name in ("test_workflow.py", "test_report_in_browser.py") else name

    return ByFixture(config, log)


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
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Run the test study at 2 cores, once for all tests; return the checkout's copy, and the digests of its results."""
    from test_workflow import copy_of, digests, snakemake

    folder = copy_of(ROOT, tmp_path_factory.mktemp("checkout"))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout
    return folder, digests(folder)


@pytest.fixture
def study(finished: tuple[Path, dict[str, str]]) -> Iterator[Path]:
    """Return the checkout's copy with the finished test study. Whoever changes something there puts it back: the next
    test may be any, and is told here who did not."""
    from test_workflow import digests

    folder, results = finished
    yield folder
    assert digests(folder) == results
