"""Files that are either whole or absent: everything is written beside its place and renamed into it."""

import glob
import hashlib
import io
import math
import os
import socket
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from steep.errors import SteepError


def _abandoned(path: Path) -> Iterator[Path]:
    """Yield temporary files for `path` whose writers, on this machine, were killed."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        host, _, process = part.name.removesuffix(".part").removeprefix(f".{path.name}.").rpartition(".")
        if host == socket.gethostname() and process.isdecimal():
            try:
                os.kill(int(process), 0)  # signal 0 only asks whether the process is there
            except ProcessLookupError:
                yield part
            except (OSError, OverflowError):
                continue


def remove(path: Path) -> None:
    """Remove a file and what killed writers of it left, where they exist."""
    for old in (path, *_abandoned(path)):
        with suppress(OSError):
            old.unlink()


# What NumPy and zipfile raise about bytes that are damaged: an unknown compression, an "encrypted" member, ...
DAMAGE = (
    ValueError,
    KeyError,
    AttributeError,
    RuntimeError,
    NotImplementedError,
    TypeError,
    OverflowError,
    SyntaxError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well, remove it otherwise.

    What earlier writers of `path` left when they were killed is removed too. The name of the temporary file tells
    machine and process, because on a cluster a job that was given up for lost may still be writing on another node.

    Raises
    ------
    SteepError
        when the path is a folder, or the operating system refuses the write (full disk, read-only folder, ...).

    """
    path = Path(path)
    if os.path.isdir(path):  # unlike Path.is_dir, it raises nothing
        raise SteepError(f"{path}: is a folder; write the name of a file")
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.part")
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
        for part in (temporary, *_abandoned(path)):
            with suppress(OSError):
                part.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text with Unix line ends, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_npz(path: Path | str, arrays: Mapping[str, np.ndarray], compressed: bool = True) -> None:
    """Write arrays as an NPZ; equal arrays give equal bytes (NumPy stamps its members with a fixed date)."""
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, allow_pickle=False, **arrays)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def cannot_be_read(path: Path | str, error: OSError) -> SteepError:
    """Return the line for a file that the operating system does not give, in its words."""
    if isinstance(error, FileNotFoundError):
        return SteepError(f"{path}: no such file")
    return SteepError(f"{path}: cannot be read ({error.strerror or error}); make it readable or name another file")


def _refusal(error: BaseException | None) -> OSError | None:
    """Return the operating system's refusal behind an error, None where there is none: libraries wrap it into their
    own, and raise an OSError without an errno about bytes."""
    while error is not None and (not isinstance(error, OSError) or error.errno is None):
        error = error.__cause__ or error.__context__
    return error


@contextmanager
def reading(path: Path | str, otherwise: str, damage: tuple[type[Exception], ...]) -> Iterator[BinaryIO]:
    """Yield `path` open for reading; what fails while it is read becomes one line that names its cause.

    Parameters
    ----------
    path : the file.
    otherwise : what is wrong where its bytes are not what they should be, and what to do; stands behind the path.
    damage : what readers of such bytes raise when they are damaged.

    Raises
    ------
    SteepError
        when the system refuses to give the file, or its bytes are damaged.

    """
    expected: tuple[type[Exception], ...] = (OSError, *damage)
    try:
        with open(path, "rb") as file:
            yield file
    except MemoryError:
        raise
    except expected as error:
        refusal = _refusal(error)
        raise (cannot_be_read(path, refusal) if refusal else SteepError(f"{path}: {otherwise}")) from refusal or error


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Raise ValueError where an array would take more than its bytes in the archive hold: a damaged header may ask for
    any amount of memory."""
    for member in archive.infolist():
        # Deflate makes at most 1,032 bytes of one.
        if member.file_size > 1032 * member.compress_size + 1032:
            raise ValueError(f"{member.filename}: {member.file_size} bytes from {member.compress_size}")
        with archive.open(member) as file:
            if np.lib.format.read_magic(file) == (1, 0):
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                if math.prod(shape) * dtype.itemsize > member.file_size:
                    raise ValueError(f"{member.filename}: {shape} {dtype} in {member.file_size} bytes")


def read_npz(path: Path | str, names: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Read all arrays of an NPZ without ever unpickling; `names` must be among them.

    Raises
    ------
    SteepError
        when the file is missing, unreadable, cut short, not an NPZ, or lacks one of `names`.

    """
    with reading(path, "not a whole NPZ file; delete it and run again", DAMAGE) as file:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive)
        file.seek(0)
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    missing = [name for name in names if name not in arrays]
    if missing:
        raise SteepError(
            f"{path}: lacks {', '.join(missing)}; it was not written by this version, delete it and run again"
        )
    return arrays


def unpack_bits(packed: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` bits of every row of uint8 (rows, bytes) as uint8; ValueError where rows of so many bits
    would have another length, so that a damaged count cannot fill the memory."""
    if packed.ndim != 2 or packed.dtype != np.uint8 or packed.shape[1] != -(-count // 8):
        raise ValueError(f"{packed.dtype} {packed.shape} does not hold rows of {count} bits")
    return np.unpackbits(packed, axis=1, count=count)


def file_digest(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal; SteepError when it cannot be read."""
    with reading(path, "cannot be digested; write it again", ()) as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()
