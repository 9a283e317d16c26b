"""The page about one's own network runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path


def test_the_page_s_program_runs(root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "any-network.md").read_text()
    (tmp_path / "mine.py").write_text("".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)))
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3 places, sharpened as ramp" in done.stdout and "convolution 1x1 from relu (delay 1)" in done.stdout
    accuracy = re.search(r"\(397, 16, 8, 8\) accuracy: (0\.\d+)", done.stdout)
    assert accuracy and float(accuracy[1]) > 0.8, done.stdout
    assert "torch, stpu, brian2-synapses: 20 frames, 128800 spikes and potentials compared, 0 differ" in done.stdout
    assert {"net.npz", "net.nir"} <= {path.name for path in tmp_path.iterdir()}
