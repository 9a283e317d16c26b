"""Trained networks on disk: safetensors, never a pickle. Readable without PyTorch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from steep.files import atomic, reading

DAMAGE = (SafetensorError, KeyError, ValueError)


def save_network(path: Path | str, tensors: dict[str, np.ndarray], spec: dict[str, Any]) -> None:
    """Write float tensors and the specification that says what they are."""
    # One metadata entry: safetensors keeps several in no fixed order, and equal networks should give equal bytes.
    data = save(
        {name: np.asarray(array, order="C") for name, array in tensors.items()},
        {"steep": json.dumps(spec, sort_keys=True)},
    )
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def load_network(path: Path | str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_network` wrote; SteepError when the file is unreadable, broken or somebody
    else's."""
    whole = reading(path, "not a whole network of this study; delete it and run again", DAMAGE)
    with whole, safe_open(path, "numpy") as file:
        spec = json.loads((file.metadata() or {})["steep"])
        return {name: file.get_tensor(name) for name in file.keys()}, spec  # noqa: SIM118 (not a dict)
