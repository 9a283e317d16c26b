"""What lies around a job does not reach its result: variables, dot files, files in the working directory."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from steep.errors import SteepError
from steep.frames import Frames
from steep.surroundings import shield
from steep.threshold.network import ThresholdNetwork, dense

# Settings that draw otherwise, set text by LaTeX, warn, ask for a screen, or are none.
HOSTILE = """
text.usetex: True
font.family: serif
font.size: 20
axes.grid: True
axes.formatter.use_mathtext: True
lines.linewidth: 9
svg.fonttype: none
interactive: True
savefig.bbox: tight
savefig.transparent: True
image.cmap: jet
figure.max_open_warning: 1
backend: tkagg
timezone: nonsense
nonsense: 3
"""
# Two figures as the command line draws them, joined in one file.
DRAW = """
import sys
from pathlib import Path
from steep.cli import main
failed = main(["plot-transfer", "--output", "1.svg"])
failed |= main(["plot-sigmoid", "--settings", '{"dense": ["sigmoid", 2], "scene": ["ramp", 4]}', "--output", "2.svg"])
Path("figures").write_bytes(b"" if failed else b"".join(Path(name).read_bytes() for name in ("1.svg", "2.svg")))
"""


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=os.environ | variables, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("plain")
    run(folder, "-c", DRAW)
    return (folder / "figures").read_bytes()


def with_file(name: str) -> Callable[[Path], dict[str, str]]:
    def prepare(folder: Path) -> dict[str, str]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(HOSTILE)
        return {"HOME": str(folder), "MPLCONFIGDIR": "", "XDG_CONFIG_HOME": ""}

    return prepare


SURROUNDINGS: dict[str, Callable[[Path], dict[str, str]]] = {
    "in the working directory": with_file("matplotlibrc"),
    "in the home": with_file(".config/matplotlib/matplotlibrc"),
    "named by a variable": lambda folder: with_file("rc")(folder) | {"MATPLOTLIBRC": str(folder / "rc")},
    "no such backend": lambda _: {"MPLBACKEND": "nonsense", "SOURCE_DATE_EPOCH": "nonsense"},
    "a screen": lambda _: {"MPLBACKEND": "tkagg", "DISPLAY": ":99"},
    "nowhere to keep fonts": lambda _: {"MPLCONFIGDIR": "/dev/null/x", "HOME": "/dev/null", "XDG_CACHE_HOME": ""},
    "warnings are errors": lambda _: {"PYTHONWARNINGS": "error"},
    "no docstrings, no assertions": lambda _: {"PYTHONOPTIMIZE": "2"},
    "another language": lambda _: {"LC_ALL": "C", "TZ": "Nowhere/Else", "PYTHONHASHSEED": "7", "COLUMNS": "1"},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_figures_have_the_same_bytes_everywhere(tmp_path: Path, expected: bytes, name: str) -> None:
    variables = SURROUNDINGS[name](tmp_path)
    done = run(tmp_path, "-c", DRAW, **variables)
    assert done.returncode == 0, done.stderr
    assert expected and (tmp_path / "figures").read_bytes() == expected
    assert "atplotlib" not in done.stderr and "Warning" not in done.stderr


@pytest.mark.parametrize("verb", ["plot-transfer", "simulate-network"])
def test_settings_that_cannot_be_read_are_one_line(tmp_path: Path, job: list[str], verb: str) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    arguments = ["--output", "f.svg"] if verb == "plot-transfer" else job
    done = run(tmp_path, "-m", "steep", verb, *arguments)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "matplotlibrc: cannot be read (not UTF-8 text), and Matplotlib reads it; move it away" in done.stderr


@pytest.fixture
def job(tmp_path: Path) -> list[str]:
    """Return the arguments of a simulation by Brian2's own synapses, of more units than 8 bits can count."""
    weight = np.random.default_rng(0).integers(-3, 4, (300, 9)).astype(np.int32)
    ThresholdNetwork((1, 3, 3), (dense(0, weight, np.full(300, 0.5)),)).save(tmp_path / "network.npz")
    values = (np.random.default_rng(1).random((20, 1, 3, 3)) < 0.5).astype(np.uint8)
    Frames(values, np.zeros(20, np.uint8), 3, full_scale=1).save(tmp_path / "frames.npz")
    files = {"network": "network.npz", "frames": "frames.npz", "output": "spikes.npz"}
    named = [part for option, file in files.items() for part in (f"--{option}", str(tmp_path / file))]
    return [*named, "--simulator", "brian2-synapses"]


def test_the_user_s_brian2_preferences_change_no_spike(tmp_path: Path, job: list[str]) -> None:
    done = run(tmp_path / "plain", "-m", "steep", "simulate-network", *job)
    assert done.returncode == 0, done.stderr
    wanted = (tmp_path / "spikes.npz").read_bytes()
    preferences = "codegen.target = 'cython'\ncore.default_integer_dtype = int8\ncore.default_float_dtype = float32\n"
    for place, name in (("home/.brian", "user_preferences"), ("here", "brian_preferences")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).write_text(preferences)
        (tmp_path / "spikes.npz").unlink()
        done = run(
            tmp_path / place, "-m", "steep", "simulate-network", *job,
            HOME=str(tmp_path / "home"), MPLBACKEND="nonsense", PYTHONWARNINGS="error",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "spikes.npz").read_bytes() == wanted


@pytest.mark.parametrize("text", ["nonsense", "codegen.target = )", "codegen.target = unheard_of", "no.such = 1"])
def test_preferences_that_brian2_cannot_take_are_one_line(tmp_path: Path, job: list[str], text: str) -> None:
    (tmp_path / "brian_preferences").write_text(f"{text}\n")
    done = run(tmp_path, "-m", "steep", "simulate-network", *job)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "Brian2 cannot take brian_preferences here or ~/.brian/user_preferences (" in done.stderr


def test_variables_that_change_sums_are_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MPLBACKEND", "MATPLOTLIBRC"):
        monkeypatch.setenv(name, "x")
    foreign = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TORCH_LOGS")
    for name in foreign:
        monkeypatch.setenv(name, "default")
    kept = {"OMP_NUM_THREADS": "3", "MPLCONFIGDIR": str(tmp_path), "OPENBLAS_CORETYPE": "Haswell"}
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    shield()
    assert not set(foreign) & set(os.environ)
    assert {name: os.environ[name] for name in kept} == kept
    assert os.environ["MPLBACKEND"] == "agg" and Path(os.environ["MATPLOTLIBRC"]).is_file()
    (tmp_path / "matplotlibrc").write_bytes(b"\xff")
    with pytest.raises(SteepError, match="matplotlibrc: cannot be read"):
        shield()
