"""Networks on disk."""

from pathlib import Path

import numpy as np
import pytest

from steep.errors import SteepError
from steep.network_file import load_network, save_network


def test_round_trip_and_equal_bytes(tmp_path: Path) -> None:
    tensors = {"b": np.arange(4, dtype=np.float32), "a": np.float32(np.ones((2, 3))), "n": np.array(3)}
    for name in ("one", "two"):
        save_network(tmp_path / name, tensors, {"layers": [1], "classes": 3})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    loaded, spec = load_network(tmp_path / "one")
    assert spec == {"layers": [1], "classes": 3}
    assert {k: v.tolist() for k, v in loaded.items()} == {k: v.tolist() for k, v in tensors.items()}


@pytest.mark.parametrize("keep", [0, 5, 60, -1])
def test_a_cut_file_is_one_line(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "original.safetensors"
    save_network(path, {"a": np.ones(100)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SteepError, match="delete it and run again"):
        load_network(path)
