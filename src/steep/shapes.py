"""What is held against each other is of one shape or one length: NumPy would repeat a smaller array, and the answer be
wrong."""

from typing import Any

from steep.errors import SteepError


def require_same_shape(one: Any, other: Any, what: str) -> None:
    """Raise a SteepError unless two arrays have the same shape; `what` says of what they are, for its line."""
    if tuple(one.shape) != tuple(other.shape):
        raise SteepError(
            f"{what} have shapes {tuple(one.shape)} and {tuple(other.shape)}, which must be the same: they are not of "
            "the same network and frames; make both again"
        )


def require_pairs(**options: list[Any]) -> None:
    """Raise a SteepError where options that belong together, entry by entry, are not of one length."""
    counts = [f"--{name} {len(entries)}" for name, entries in options.items()]
    if len({len(entries) for entries in options.values()}) > 1:
        raise SteepError(f"{' and '.join(counts)} entries; give as many of each, in the same order")
