"""How many frames each data set has: known before it is fetched, so that a config can be checked against it."""

from itertools import accumulate

from steep.errors import SteepError

# Training frames in each group of frames that stay together, first group first (see `steep.datasets`).
GROUPS = {
    "mnist": (1,) * 60000,
    "cifar10": (1,) * 50000,
    "hyperspectral": (45,) * 480,
    "samson": (357, 323, 319, 319, 319, 361, 323, 323, 357, 357, 319, 323, 319, 319, 319, 323, 319, 319, 319, 323),
    "digits": (1,) * 1438,
}
TEST = {"mnist": 10000, "cifar10": 10000, "hyperspectral": 7200, "samson": 1805, "digits": 359}


def split_sizes(source: str, validation: int) -> dict[str, int] | None:
    """Return the number of frames of each split when so many training frames or a few more are set aside, None for a
    source that is not in these tables; SteepError when none would be left."""
    if source not in GROUPS:
        return None
    ends = list(accumulate(GROUPS[source]))
    held_out = next((end for end in ends if end >= validation), ends[-1])
    if held_out == ends[-1]:
        raise SteepError(f"{validation} of the {ends[-1]} training frames of {source} leave none; write fewer")
    return {"train": ends[-1] - held_out, "validation": held_out, "test": TEST[source]}
