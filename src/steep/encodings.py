"""Encodings: an image becomes a frame of spikes. Pure functions of uint8 arrays (frames, channels, height, width)."""

from typing import Any

import numpy as np

from steep.errors import SteepError


def binarize(images: np.ndarray, threshold: float) -> np.ndarray:
    """One spike per pixel brighter than `threshold` (a fraction of full scale, 255); the talk's "Binarized MNIST"."""
    return (images > threshold * 255).astype(np.uint8)


ENCODINGS = {"binarize": binarize}


def encode(images: np.ndarray, spec: dict[str, Any]) -> np.ndarray:
    """Apply the encoding named by ``spec["kind"]`` with the remaining entries as its parameters."""
    parameters = {key: value for key, value in spec.items() if key != "kind"}
    try:
        return ENCODINGS[spec["kind"]](images, **parameters)
    except KeyError as error:
        raise SteepError(f"encoding {spec.get('kind')!r} is unknown; write one of {', '.join(ENCODINGS)}") from error
