"""The library stands without the study, and works where it is installed without a checkout."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from checkouts import copy_of

from steep.cli import STUDY_ALONE

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
    names = {"brian2", "h5py", "nir", "numpy", "pandas", "pooch", "requests", "safetensors", "scipy", "torch"}
    distributions = {"skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml"}
    # The command line checks JSON with it.
    names.add("jsonschema")
    used = {name.split(".")[0] for path in LIBRARY for name in imports(path)} | {"jsonschema"}
    used -= {*sys.stdlib_module_names, "steep"}
    # Who trains with it has it.
    assert used & set(project["optional-dependencies"]["lightning"]) == {"lightning"}
    used -= {"lightning"}
    peers = {"bindsnet", "nengo", "nest", "norse", "snntorch", "spikingjelly", "torchvision"}
    assert {distributions.get(name, name) for name in used - peers} == names | set(distributions.values())
    assert set(project["dependencies"]) == names | set(distributions.values())
    assert set(project["optional-dependencies"]["study"]) == set(STUDY_ALONE)


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
    (installed / "sitecustomize.py").write_text(f"import sys\nsys.modules |= dict.fromkeys({STUDY_ALONE!r})\n")
    done = run("-m", "steep", "simulate-network", "--simulator", "torch", *words)
    assert done.returncode == 0, done.stderr
    done = run("-m", "steep", "plot-transfer", "--output", "transfer.svg")
    assert done.returncode == 1 and "install steep[study]" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    (installed / "sitecustomize.py").unlink()
    (folder / "mine.yaml").write_text((ROOT / "config" / "test.yaml").read_text())
    assert run("-m", "steep", "check-config", "mine.yaml").stdout == "mine.yaml: 2 experiments, 2 seeds\n"
    done = run("-m", "steep", "status", "mine.yaml")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Snakefile" in done.stderr, done.stderr
