"""Compiled programs: any CXX, any path, several users of one cache."""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from steep.errors import SteepError
from steep.simulators import brian2, load_simulator
from steep.simulators.brian2_fast import cache, program, tools
from steep.spikes import Spikes
from steep.threshold.network import ThresholdNetwork, dense

ODD = "a b#c$d'e(f)é"  # what make, the shell or both read otherwise
NETWORK = ThresholdNetwork((1, 2, 2), (dense(0, np.arange(-6, 6, dtype=np.int32).reshape(3, 4), np.full(3, 0.5)),))
FRAMES = np.array([[[[1, 0], [1, 1]]], [[[0, 1], [1, 0]]]], np.uint8)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ["g++"]),
        ("", ["g++"]),
        (" \t", ["g++"]),
        ("clang++", ["clang++"]),
        (" ccache  g++ ", ["ccache", "g++"]),
        ("'/opt/my tools/g++' -pipe", ["/opt/my tools/g++", "-pipe"]),
        ("it's", ["it's"]),
    ],
)
def test_the_compiler_is_what_cxx_says(monkeypatch: pytest.MonkeyPatch, given: str | None, words: list[str]) -> None:
    monkeypatch.delenv("CXX", raising=False)
    if given is not None:
        monkeypatch.setenv("CXX", given)
    assert tools.compiler() == words


def test_a_path_with_blanks_is_one_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = script(tmp_path / ODD / "g++", "exit 1")
    monkeypatch.setenv("CXX", str(found))
    assert tools.compiler() == [str(found)] and tools.missing_tools() == ("" if shutil.which("make") else "make")
    monkeypatch.setenv("CXX", str(found.with_name("none here")))
    assert tools.missing_tools().startswith(str(found.parent).split()[0])


@pytest.mark.parametrize("text", ["exit 1", "printf '\\377\\376'; exit 0"])
def test_a_compiler_that_says_nothing_readable_has_a_version(tmp_path: Path, text: str) -> None:
    assert isinstance(tools.machine((str(script(tmp_path / "g++", text)),)), str)
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    assert isinstance(tools.machine((str(broken),)), str)


def test_make_gets_the_compiler_and_none_of_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tools.FOREIGN:
        monkeypatch.setenv(name, "nonsense")
    monkeypatch.setenv("CXX", "'/opt/$x y/g++' -pipe")
    made = tools.build_environment(tmp_path)
    assert not set(made) & set(tools.FOREIGN)
    assert made["CXX"] == "'/opt/$$x y/g++' -pipe" and made["TMPDIR"] == str(tmp_path)
    assert made["PATH"] == os.environ["PATH"]


@pytest.mark.skipif(bool(tools.missing_tools()), reason=f"no {tools.missing_tools()}")
def test_a_program_is_compiled_whatever_the_paths(tmp_path: Path) -> None:
    """Home, cache, temporary folder, checkout and compiler have paths that make and the shell read otherwise; settings
    of make and of compilers are there, and are nonsense."""
    odd = tmp_path / ODD
    shutil.copytree(Path(program.HERE).parents[1], odd / "src" / "steep", ignore=shutil.ignore_patterns("__pycache__"))
    compiler = script(odd / "my g++", f'exec {" ".join(tools.compiler())} "$@"')
    (odd / "tmp").mkdir()
    NETWORK.save(odd / "network.npz")
    np.save(odd / "frames.npy", FRAMES)
    code = (
        "import numpy as np; from steep.simulators import brian2_fast;"
        "from steep.threshold.network import ThresholdNetwork;"
        "brian2_fast.simulate(ThresholdNetwork.load('network.npz'), np.load('frames.npy')).save('spikes.npz');"
    )
    nonsense = {name: "-n" if "MAKEFLAGS" in name else "/nonexistent" for name in tools.FOREIGN}
    paths = {"HOME": str(odd), "STEEP_CACHE": "cache", "TMPDIR": str(odd / "tmp"), "PYTHONPATH": str(odd / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=odd,
        env=os.environ | nonsense | paths | {"CXX": str(compiler)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    spikes, wanted = Spikes.load(odd / "spikes.npz"), load_simulator("torch")(NETWORK, FRAMES)
    assert np.array_equal(spikes.potential, wanted.potential)
    assert np.array_equal(spikes.layers[0], wanted.layers[0])
    names = sorted(re.sub("^[0-9a-f]{20}", "", path.name) for path in (odd / "cache" / "brian2").iterdir())
    assert names == ["", ".lock"] and not list((odd / "tmp").iterdir())


def test_a_folder_to_work_in_has_a_plain_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ODD).mkdir()
    for place in (tmp_path, tmp_path / ODD):
        monkeypatch.setattr(tools.tempfile, "gettempdir", lambda place=place: str(place))
        made = tools.workshop_folder()
        assert tools.PLAIN.fullmatch(str(made)) and made.is_dir()
        assert (made.parent == place.resolve()) == (place == tmp_path)
        made.rmdir()
    monkeypatch.setattr(tools.tempfile, "mkdtemp", refusing)
    with pytest.raises(SteepError, match="no temporary folder of a plain path to compile in; set TMPDIR"):
        tools.workshop_folder()


def refusing(*arguments: object, **keywords: object) -> None:
    raise PermissionError(13, "Permission denied", "somewhere")


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache that STEEP_CACHE names; a home and a temporary folder of one's own lie beside it."""
    for name in ("cache", "home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("STEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "cache" / "brian2").mkdir()
    return tmp_path / "cache" / "brian2"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return a function that takes away the right to write in a folder, from root too, whom modes do not hold."""
    folders: list[str] = []
    writing = cache.tempfile.TemporaryFile

    def file(*arguments: object, **keywords: object) -> object:
        if str(keywords["dir"]) in folders:
            raise PermissionError(13, "Permission denied", str(keywords["dir"]))
        return writing(*arguments, **keywords)

    monkeypatch.setattr(cache.tempfile, "TemporaryFile", file)
    return lambda folder: folders.append(str(folder))


def program_in(folder: Path, mode: int = 0o755) -> Path:
    made = script(folder / "simulation", "exit 0")
    made.chmod(mode)
    return made


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_user_s_programs_are_used(shared: Path, closed: Callable, caplog: pytest.LogCaptureFixture) -> None:
    closed(shared)
    theirs = program_in(shared / "one")
    assert cache.built("one") == theirs and warnings_in(caplog) == []
    # What is not there is kept in one's own home; the line says so once.
    home = Path(os.environ["HOME"]) / ".cache" / "steep" / "brian2"
    assert cache.built("two") is None and cache.cache_folder() == home
    mine = program_in(home / "two")
    assert cache.built("two") == mine
    (line,) = warnings_in(caplog)
    assert line.startswith(f"{shared} cannot be written (Permission denied); compiled simulations are kept in {home}.")


def test_a_usable_cache_is_the_only_one_asked(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    program_in(Path(os.environ["HOME"]) / ".cache" / "steep" / "brian2" / "one")
    assert cache.built("one") is None and cache.cache_folder() == shared
    assert warnings_in(caplog) == []


def test_without_a_home_the_temporary_folder_is_taken(
    shared: Path, closed: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(shared)
    monkeypatch.setenv("HOME", "~")  # as where a user has no home
    private = Path(cache.tempfile.gettempdir()) / f"steep-cache-{os.getuid()}"
    assert cache.cache_folder() == private and private.stat().st_mode & 0o777 == 0o700
    mine = program_in(private / "one")
    assert cache.built("one") == mine
    # What others can write there is not run.
    private.chmod(0o777)
    cache._first_writable.cache_clear()
    with pytest.raises(SteepError, match=r"cannot be written \(Permission denied\); set STEEP_CACHE to a folder"):
        cache.built("one")
    monkeypatch.setenv("HOME", "~")
    monkeypatch.setattr(brian2, "is_built", lambda _: cache.built("one") is not None)
    wanted = load_simulator("torch")(NETWORK, FRAMES)
    assert np.array_equal(brian2.simulate(NETWORK, FRAMES).potential, wanted.potential)


def test_a_folder_that_may_not_be_looked_into_is_no_error(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Path.exists` would raise there."""
    program_in(shared / "one")
    monkeypatch.setattr(os, "stat", refusing)
    assert cache.built("one") is None


def test_what_may_not_be_run_is_no_program(shared: Path) -> None:
    program_in(shared / "one", mode=0o644)
    assert cache.built("one") is None


def test_a_program_is_put_beside_another_user_s_that_cannot_be_used(shared: Path) -> None:
    (shared / "one" / "theirs").mkdir(parents=True)
    for _ in range(2):
        complete = shared / "one-complete"
        program_in(complete)
        cache.put(complete, shared / "one")
        assert cache.built("one") == shared / f"one-{os.getuid()}" / "simulation"
        assert sorted(path.name for path in shared.iterdir()) == ["one", f"one-{os.getuid()}"]
        (shared / f"one-{os.getuid()}" / "simulation").unlink()  # damaged: it is put there again


def test_a_lock_of_another_user_is_only_read(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    real = os.open

    def theirs(path: str, flags: int, *rest: int) -> int:
        modes.append(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        return real(path, flags, *rest)

    (shared / "one.lock").write_text("")
    monkeypatch.setattr(os, "open", theirs)
    with cache.one_builder(shared / "one"):
        assert modes == [0]
    monkeypatch.setattr(os, "open", refusing)
    with cache.one_builder(shared / "one"):
        pass  # several may build


def test_a_log_that_cannot_be_written_is_kept_elsewhere(shared: Path, tmp_path: Path) -> None:
    assert cache.keep_log(shared / "one", b"first").read_bytes() == b"first"
    (shared / "two.log").mkdir()
    elsewhere = cache.keep_log(shared / "two", b"second")
    assert elsewhere.read_bytes() == b"second" and elsewhere.suffix == ".log" and elsewhere.parent != shared
    elsewhere.unlink()


def test_no_room_for_a_program_is_one_line(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "missing_tools", lambda: "")
    monkeypatch.setattr(program, "_build", refusing)
    with pytest.raises(SteepError, match=r"somewhere: .* cannot be built \(Permission denied\); make room"):
        program.program_for(NETWORK)
    monkeypatch.setattr(program, "_build", lambda *_: None)
    with pytest.raises(SteepError, match="may not be run; set STEEP_CACHE to a folder where they may"):
        program.program_for(NETWORK)
