"""The library stands without the study, and works where it is installed without a checkout."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from checkouts import copy_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "steep"
# What stands on the library: from below to above.
ABOVE = ("figures", "analysis", "study", "cli")
LIBRARY = [
    path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in (*ABOVE, "__main__.py")
]
# Extra requirement `study`: what only the study needs.
STUDY_ALONE = {"jsonschema", "matplotlib", "pygments", "snakemake"}

WORK = """
import sys
from pathlib import Path

import numpy as np

import steep
from steep.frames import Frames
from steep.nir_export import write_graph
from steep.sharpening.training import sharpen
from steep.simulators import simulator
from steep.threshold.compile import compile_network
from steep.training import train_original

assert Path(steep.__file__).is_relative_to(sys.argv[1]), steep.__file__
rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 200).astype(np.uint8)
values = (rng.random((200, 1, 4, 4)) < 0.2).astype(np.uint8)
values[np.arange(200), 0, :, labels] = 1
frames = Frames(values, labels, 2, full_scale=1)
spec = {
    "input_shape": [1, 4, 4],
    "full_scale": 1,
    "layers": [{"kind": "dense", "units": 8}],
    "classes": 2,
    "activation": "relu",
    "batch_normalization": True,
}
RECIPES
original, _ = train_original(spec, recipe, frames, frames, 0)
sharpened, _, _ = sharpen(original.tensors(), spec, sharpening, frames, frames, 0)
network = compile_network(sharpened.tensors(), spec, 8)
spikes = [simulator(name)(network, values) for name in ("torch", "stpu", "brian2-reference")]
assert all(np.array_equal(one.potential, spikes[0].potential) for one in spikes)
write_graph(Path("graph.nir"), network, "exact")
network.save("network.npz")
frames.save("frames.npz")
"""
RECIPES = """
recipe = {
    "activation": "relu",
    "batch_normalization": True,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 50,
    "epochs": 2,
    "dropout": 0,
    "input_dropout": 0,
}
sharpening = recipe | {"shape": "sigmoid", "schedule": {"kind": "uniform", "full_at": 0.5}, "surrogate_slope": 2}
del sharpening["activation"], sharpening["batch_normalization"]
"""


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
    names = {"brian2", "h5py", "nir", "numpy", "pandas", "pooch", "requests", "safetensors", "scipy", "torch"}
    distributions = {"skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml"}
    used = {name.split(".")[0] for path in LIBRARY for name in imports(path)} - set(sys.stdlib_module_names) - {"steep"}
    peers = {"bindsnet", "nengo", "nest", "norse", "snntorch", "spikingjelly", "torchvision"}
    assert {distributions.get(name, name) for name in used - peers} == names | set(distributions.values())
    assert set(project["dependencies"]) == names | set(distributions.values())
    assert set(project["optional-dependencies"]["study"]) == STUDY_ALONE


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

    (folder / "work.py").write_text(WORK.replace("RECIPES", RECIPES))
    done = run("work.py", str(installed))
    assert done.returncode == 0, done.stderr
    words = ["--network", "network.npz", "--frames", "frames.npz", "--output", "spikes.npz", "--keep", "[1]"]
    done = run("-m", "steep", "simulate-network", "--backend", "torch", *words)
    assert done.returncode == 0 and (folder / "spikes.npz").is_file(), done.stderr
    assert "sharpen-network" in run("-m", "steep", "--help").stdout
    (folder / "mine.yaml").write_text((ROOT / "config" / "test.yaml").read_text())
    assert run("-m", "steep", "check-config", "mine.yaml").stdout == "mine.yaml: 2 experiments, 2 seeds\n"
    done = run("-m", "steep", "status", "mine.yaml")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Snakefile" in done.stderr, done.stderr
