"""The library stands without the study, and works where it is installed without a checkout."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from checkouts import copy_of

import steep
from steep.extras import EXTRAS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "steep"
# What stands on the library: from below to above.
ABOVE = ("figures", "analysis", "study", "cli")
LIBRARY = [
    path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in (*ABOVE, "__main__.py")
]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_knows_nothing_of_the_study(path: Path) -> None:
    known = [name.split(".") for name in imports(path) if name.startswith("steep.")]
    assert not [parts for parts in known if parts[1] in ABOVE]
    # Its own files lie beside its modules; what is further up is the checkout.
    assert "__file__).parents" not in path.read_text() or path.name == "runner.py"


def test_what_it_needs_is_declared() -> None:
    """Without versions: those of the study stand in envs/."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {"numpy", "pandas", "pooch", "requests", "safetensors", "scipy", "torch"}
    distributions = {"skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml"}
    # The command line checks JSON with it.
    names.add("jsonschema")
    used = {name.split(".")[0] for path in LIBRARY for name in imports(path)} | {"jsonschema"}
    used -= {*sys.stdlib_module_names, "steep"}
    study = {"matplotlib", "pygments", "snakemake"}
    assert used & EXTRAS.keys() == EXTRAS.keys() - study
    used -= EXTRAS.keys()
    peers = {"bindsnet", "nengo", "nest", "norse", "snntorch", "spikingjelly", "torchvision"}
    assert {distributions.get(name, name) for name in used - peers} == names | set(distributions.values())
    assert set(project["dependencies"]) == names | set(distributions.values())
    extras = {name: sorted(found) for name, found in project["optional-dependencies"].items()}
    own = {name: sorted(key for key, extra in EXTRAS.items() if extra == name) for name in EXTRAS.values()}
    assert own["study"] == sorted(study)
    own["study"] = sorted([*study, "steep[brian2,nir]"])
    assert extras == own | {"all": ["steep[lightning,study]"]}


def test_the_page_says_which_extras_there_are() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "install.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]*\|$", page, re.MULTILINE))
    assert rows.keys() == extras.keys()
    for extra in ("brian2", "nir", "lightning"):
        assert sorted(rows[extra].lower().split(", ")) == sorted(extras[extra])
    assert rows["study"] == "the first two, Matplotlib, Pygments, Snakemake"
    pythons = re.findall(r"^\| (3\.\d+)\b", page, re.MULTILINE)
    assert pythons == ["3.11", "3.12", "3.13"]


def test_the_package_is_described_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "steep.__version__"}
    assert citation["version"] == steep.__version__
    assert project["project"]["license"] == citation["license"]
    assert project["project"]["authors"] == citation["authors"]
    pythons = [text.rpartition(" ")[2] for text in project["project"]["classifiers"] if " :: 3." in text]
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["project"]["requires-python"]).groups()
    assert pythons == [f"3.{number}" for number in range(int(low), int(high))]


OPTIONAL = ("brian2", "h5py", "nir", "lightning", "matplotlib", "pygments", "snakemake")
# Every module of the library but those that are for one of them; what each of these, and each use, says instead.
WITHOUT = """
import importlib, sys
sys.modules |= dict.fromkeys({optional!r})
needing = {needing!r}
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert str(error) == needing[name], error
    else:
        assert name not in needing, name
"""
NEEDING = {
    "steep.modules.lightning": "lightning",
    "steep.nir_export": "h5py",
    "steep.simulators.brian2_lif": "brian2",
    "steep.simulators.brian2_settings": "brian2",
    "steep.stpu.brian2_stpu": "brian2",
}


def without(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program elsewhere, on the modules of this checkout."""
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    return subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True)


def test_one_line_says_which_extra_is_missing(tmp_path: Path) -> None:
    named = [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in LIBRARY]
    # What runs in a process of its own imports what it likes: a peer, or Brian2 to build with.
    alone = ("steep.simulators_benchmark.", "steep.simulators.brian2_fast.build")
    modules = [name.removesuffix(".__init__") for name in named if not name.startswith(alone)]
    assert set(NEEDING) < set(modules) and set(OPTIONAL) == set(EXTRAS)
    lines = {
        name: f'{package} is not installed; pip install "steep[{EXTRAS[package]}]"' for name, package in NEEDING.items()
    }
    done = without(tmp_path, WITHOUT.format(optional=OPTIONAL, needing=lines, modules=modules))
    assert done.returncode == 0, done.stderr


USES = """
import sys, numpy as np
sys.modules |= dict.fromkeys({optional!r})
import importlib.metadata as metadata
found = metadata.version
def version(name):
    if name == "brian2":
        raise metadata.PackageNotFoundError(name)
    return found(name)
metadata.version = version
import steep
from steep.simulators import SIMULATORS
from steep.threshold.network import ThresholdNetwork, dense
network = steep.Network(ThresholdNetwork((1, 1, 2), (dense(0, np.ones((2, 2), np.int32), np.full(2, 0.5)),)))
frames = np.ones((1, 1, 1, 2), np.uint8)
def said(use):
    try:
        use()
    except ModuleNotFoundError as error:
        return str(error)
    return "done"
for name in SIMULATORS:
    print(name, said(lambda: network.run(frames, on=name)))
print("nir", said(lambda: network.to_nir("net.nir")))
print("lightning", said(lambda: steep.Sharpening))
"""


def test_whoever_uses_a_missing_extra_reads_that_line(tmp_path: Path) -> None:
    done = without(tmp_path, USES.format(optional=OPTIONAL))
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    brian2 = 'brian2 is not installed; pip install "steep[brian2]"'
    assert lines == {
        "torch": "done",
        "stpu": "done",
        "brian2": brian2,
        "brian2-fast": brian2,
        "brian2-synapses": brian2,
        "nir": 'h5py is not installed; pip install "steep[nir]"',
        "lightning": 'lightning is not installed; pip install "steep[lightning]"',
    }, done.stderr
    assert not done.stderr and not list(tmp_path.iterdir())


def test_wheel_and_source_hold_what_they_need(tmp_path: Path) -> None:
    """All modules and the files beside them are in both; nothing of tests, of results, of the study's own files."""
    checkout, made = copy_of(ROOT, tmp_path / "from"), tmp_path / "made"
    made.mkdir()
    program = "from setuptools import build_meta as build; import sys; build.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(made)], cwd=checkout, check=True, capture_output=True)
    (source,) = made.glob("*.tar.gz")
    name = source.name.removesuffix(".tar.gz")
    assert name == f"steep-{steep.__version__}"
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    # The wheel is built from what the source holds, as who installs it does.
    program = program.replace("sdist", "wheel")
    subprocess.run(
        [sys.executable, "-c", program, str(made)], cwd=tmp_path / "source" / name, check=True, capture_output=True
    )
    (wheel,) = made.glob("*.whl")
    wanted = {str(path.relative_to(PACKAGE.parent)) for path in PACKAGE.rglob("*") if path.is_file()}
    wanted = {path for path in wanted if "__pycache__" not in path}
    assert {"steep/py.typed", "steep/study/schema.yaml", "steep/simulators/brian2_fast/delivery.h"} < wanted
    held = {path for path in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in path}
    assert held == wanted
    with tarfile.open(source) as archive:
        files = {one.name.removeprefix(f"{name}/") for one in archive.getmembers() if one.isfile()}
    files = {path for path in files if ".egg-info/" not in path}
    beside = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml"}
    assert files == {f"src/{path}" for path in wanted} | beside | {"setup.cfg"}


def test_it_works_without_a_checkout(tmp_path: Path) -> None:
    checkout, installed, folder = copy_of(ROOT, tmp_path / "from"), tmp_path / "installed", tmp_path / "work here"
    folder.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(installed), str(checkout)], check=True)
    for path in (checkout / "src").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (checkout / "src").rename(tmp_path / "gone")
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)

    page = (ROOT / "docs" / "library.md").read_text()
    program = "".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    # Besides: where it was imported from, and the frames for the command line.
    ends = "import sys, steep.frames\nprint(sys.modules['steep.frames'].__file__)\nvalidation.save('frames.npz')\n"
    (folder / "work.py").write_text(program + ends)
    done = run("work.py")
    assert done.returncode == 0, done.stderr
    said, place = done.stdout.splitlines()
    accuracy = re.fullmatch(r"accuracy of the spiking network: (\d+)%", said)
    assert accuracy and int(accuracy[1]) > 85 and Path(place).is_relative_to(installed), done.stdout
    words = ["--network", "network.npz", "--frames", "frames.npz", "--output", "spikes.npz", "--record", "[1]"]
    done = run("-m", "steep", "simulate-network", "--simulator", "torch", *words)
    assert done.returncode == 0 and (folder / "spikes.npz").is_file(), done.stderr
    assert "sharpen-network" in run("-m", "steep", "--help").stdout
    # Without what the study alone needs, too; a figure says what it lacks.
    (installed / "sitecustomize.py").write_text(f"import sys\nsys.modules |= dict.fromkeys({OPTIONAL!r})\n")
    done = run("-m", "steep", "simulate-network", "--simulator", "torch", *words)
    assert done.returncode == 0, done.stderr
    done = run("-m", "steep", "plot-transfer", "--output", "transfer.svg")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert 'matplotlib is not installed; pip install "steep[study]"' in done.stderr
    (installed / "sitecustomize.py").unlink()
    (folder / "mine.yaml").write_text((ROOT / "config" / "test.yaml").read_text())
    assert run("-m", "steep", "check-config", "mine.yaml").stdout == "mine.yaml: 2 experiments, 2 seeds\n"
    done = run("-m", "steep", "status", "mine.yaml")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Snakefile" in done.stderr, done.stderr
