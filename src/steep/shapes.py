"""Arrays that are held against each other have one shape: NumPy would repeat a smaller one, and the answer be wrong."""

from typing import Any

from steep.errors import SteepError


def require_same_shape(one: Any, other: Any, what: str) -> None:
    """Raise a SteepError unless two arrays have the same shape; `what` says of what they are, for its line."""
    if tuple(one.shape) != tuple(other.shape):
        raise SteepError(
            f"{what} have shapes {tuple(one.shape)} and {tuple(other.shape)}, which must be the same: they are not of "
            "the same network and frames; make both again"
        )
