"""Files that are either whole or absent: everything is written beside its place and renamed into it."""

import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from steep.errors import SteepError


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    Raises
    ------
    SteepError
        when the operating system refuses the write (full disk, read-only folder, ...).

    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SteepError(
            f"{path}: cannot be written ({reason}); make room or change the folder and run again"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text with Unix line ends, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_npz(path: Path | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a compressed NPZ; equal arrays give equal bytes (NumPy stamps its members with a fixed date)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_npz(path: Path | str, names: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Read all arrays of an NPZ without ever unpickling; `names` must be among them.

    Raises
    ------
    SteepError
        when the file is missing, cut short, not an NPZ, or lacks one of `names`.

    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise SteepError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, AttributeError) as error:
        raise SteepError(f"{path}: not a whole NPZ file; delete it and run again") from error
    missing = [name for name in names if name not in arrays]
    if missing:
        raise SteepError(
            f"{path}: lacks {', '.join(missing)}; it was not written by this version, delete it and run again"
        )
    return arrays
