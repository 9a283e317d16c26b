"""Files are whole or absent."""

import errno
import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from permissions import closed
from scipy.io import savemat

from steep.cli import main
from steep.datasets import cifar10, mnist, samson
from steep.errors import SteepError
from steep.files import atomic, read_npz, write_npz, write_text
from steep.network_file import load_network, save_network
from steep.nir_export import read_graph
from steep.stpu.textmodel import read_model
from steep.study.config import read_config


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


@pytest.mark.parametrize("name", [".", "..", "folder", "folder/"])
def test_a_folder_is_not_written_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SteepError, match=r": is a folder; write the name of a file"):
        write_text(name, "x")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


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
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root / "src")},
    )
    assert done.stdout.count("\n") == 1 and "spikes.npz: cannot be written (File too large)" in done.stdout, done
    assert list(tmp_path.iterdir()) == []


def forged(shape: str, size: int | None = None) -> bytes:
    """Return an NPZ with one array of 8 bytes whose header, and whose entry in the archive, say something else."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", data)
    whole = buffer.getvalue()
    return whole if size is None else whole.replace(len(data).to_bytes(4, "little"), size.to_bytes(4, "little"))


@pytest.mark.parametrize(
    "data",
    [
        forged("(2,)"),
        forged(f"({10**15},)"),
        forged("(1,)", 2**31),
        forged(f"({2**27},)", 2**30 + 128),
        b"\x93NUMPY\x01\x00v\x00" + f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**15},), }}".encode(),
    ],
    ids=["one more", "a petabyte", "an entry", "both", "no archive"],
)
def test_a_header_cannot_ask_for_memory(tmp_path: Path, data: bytes) -> None:
    """It is the file that is wrong, not the machine that is too small."""
    (tmp_path / "a.npz").write_bytes(forged("(1,)"))
    assert read_npz(tmp_path / "a.npz")["a"].tolist() == [0.0]
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(SteepError, match="not a whole NPZ file"):
        read_npz(tmp_path / "a.npz")


READERS = {
    "npz": read_npz,
    "network": load_network,
    "NIR": read_graph,
    "text model": read_model,
    "config": read_config,
    "MNIST": mnist.read_idx,
    "CIFAR-10": cifar10.read_archive,
    "Samson": samson.read_scene,
}


@pytest.mark.parametrize("kind", READERS)
def test_a_reader_tells_a_refusal_of_the_system_from_damage(tmp_path: Path, kind: str) -> None:
    """What is missing, a folder, another user's, or on a broken disk is not called damaged."""
    path = tmp_path / "file"

    def said() -> str:
        with pytest.raises(SteepError) as caught:
            READERS[kind](path)
        assert str(caught.value).startswith(f"{path}:") and "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such file" in said().lower()
    path.mkdir()
    assert "cannot be read (Is a directory)" in said()
    path.rmdir()
    path.write_bytes(b"\xff\xfe no such content")
    assert "cannot be read (" not in said() or kind in ("text model", "config")
    for place in (path, tmp_path):
        with closed(place):
            assert "cannot be read (Permission denied)" in said()


@pytest.mark.parametrize("kind", ["npz", "network", "MNIST", "CIFAR-10", "Samson"])
def test_a_disk_that_fails_in_the_middle_is_not_called_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "file"
    match kind:
        case "npz":
            write_npz(path, {"a": np.arange(9)})
        case "network":
            save_network(path, {"a": np.ones(100)}, {})
        case "Samson":
            savemat(path, {"Y": np.zeros(3)})
        case _:
            path.write_bytes(gzip.compress(bytes(9999)))

    class Broken(io.FileIO):
        def read(self, size: int = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        readinto = readall = read

    monkeypatch.setattr("steep.files.open", lambda path, mode: Broken(path), raising=False)
    if kind == "network":  # it opens the file itself, in Rust
        monkeypatch.setattr("steep.network_file.safe_open", lambda path, kind: Broken(path).read())
    with pytest.raises(SteepError, match=r"file: cannot be read \(Input/output error\)"):
        READERS[kind](path)


def test_whatever_else_the_system_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line has the last word, for what no reader has caught."""
    arguments = ["compare-kept", "--accuracy", str(tmp_path / "a.csv"), "--kept", str(tmp_path / "b.csv")]
    table = "experiment,stage,readout,seed,accuracy\na,threshold,potential,0,97.0\n"
    (tmp_path / "a.csv").write_text(table)
    (tmp_path / "b.csv").write_text(table)
    for place in (tmp_path, tmp_path / "b.csv"):
        with closed(place):
            assert main(arguments) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "Permission denied" in said and str(tmp_path) in said
