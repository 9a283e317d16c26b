"""Files are whole or absent."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from steep.errors import SteepError
from steep.files import atomic, read_npz, write_npz, write_text


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "result.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_refused_write_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file where a folder is needed")
    with pytest.raises(SteepError, match=r"folder/table.csv: cannot be written \(.+\); make room"):
        write_text(tmp_path / "folder" / "table.csv", "x")


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    arrays = {"a": np.arange(1000), "b": np.zeros((3, 4))}
    write_npz(tmp_path / "one.npz", arrays)
    os.utime(tmp_path / "one.npz", (0, 0))
    write_npz(tmp_path / "two.npz", arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def damage(data: bytes, how: str) -> bytes:
    match how:
        case "cut":
            return data[: len(data) // 2]
        case "empty":
            return b""
        case "text":
            return b"not an archive"
        case _:
            return data[:60] + bytes(8) + data[68:]


@pytest.mark.parametrize("how", ["cut", "empty", "text", "flipped"])
def test_a_damaged_npz_is_one_line(tmp_path: Path, how: str) -> None:
    path = tmp_path / "frames.npz"
    write_npz(path, {"values": np.arange(500)})
    path.write_bytes(damage(path.read_bytes(), how))
    with pytest.raises(SteepError, match="delete it and run again"):
        read_npz(path, ("values",))


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, values=np.array([print], dtype=object))
    with pytest.raises(SteepError, match="not a whole NPZ file"):
        read_npz(path)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, root: Path) -> None:
    """A limit on the size of files stands in for a full disk: the system refuses the write in the same place."""
    program = (
        "import resource, sys, numpy as np; from steep.files import write_npz; from steep.errors import SteepError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_npz(sys.argv[1], {'a': np.random.default_rng(0).random(9999)})\n"
        "except SteepError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "spikes.npz")],
        **{"capture_output": True, "text": True, "env": os.environ | {"PYTHONPATH": str(root / "src")}},
    )
    assert done.stdout.count("\n") == 1 and "spikes.npz: cannot be written (File too large)" in done.stdout, done
    assert list(tmp_path.iterdir()) == []
