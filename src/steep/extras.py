"""Packages that not everyone needs: whoever meets one that is missing reads in one line what to install."""

from collections.abc import Iterator
from contextlib import contextmanager

# Imported names, and the extra of pyproject.toml that brings them.
EXTRAS = {
    "brian2": "brian2",
    "h5py": "nir",
    "nir": "nir",
    "lightning": "lightning",
    "matplotlib": "study",
    "pygments": "study",
    "snakemake": "study",
}


def advice(error: ModuleNotFoundError) -> str | None:
    """Return what is missing and what to install, in one line; None where no extra brings it."""
    name = (error.name or "").partition(".")[0]
    return f'{name} is not installed; pip install "steep[{EXTRAS[name]}]"' if name in EXTRAS else None


@contextmanager
def optional() -> Iterator[None]:
    """Let an import inside that fails for want of an extra say which one.

    Raises
    ------
    ModuleNotFoundError
        with that line as its message.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        if line := advice(error):
            raise ModuleNotFoundError(line, name=error.name) from error
        raise
