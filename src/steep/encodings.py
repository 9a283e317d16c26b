"""Encodings: an image becomes a frame of spikes or of input currents. Pure functions of uint8 arrays (frames, channels,
height, width)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from steep.errors import SteepError
from steep.frames import Frames


def binarize(images: np.ndarray, threshold: float) -> np.ndarray:
    """One spike per pixel brighter than `threshold` (a fraction of full scale, 255); the talk's "Binarized MNIST"."""
    return (images > threshold * 255).astype(np.uint8)


def contours(images: np.ndarray, sigma: float, low: float, high: float) -> np.ndarray:
    """One spike per edge pixel, found by Canny's detector (Canny, 1986) in each channel by itself; the talk's "Image
    contours (edge detection)".

    Parameters
    ----------
    sigma : standard deviation of the smoothing, in pixels.
    low, high : thresholds of hysteresis on the gradient, as fractions of full scale per pixel.

    """
    from skimage.feature import canny

    edges = np.zeros(images.shape, np.uint8)
    for index in np.ndindex(images.shape[:2]):
        edges[index] = canny(images[index] / 255, sigma, low, high, mode="nearest")
    return edges


def current(images: np.ndarray) -> np.ndarray:
    """The values themselves, 8-bit integers, as input current of the first layer; the talk's "direct current
    injection"."""
    return images


ENCODINGS: dict[str, Callable[..., np.ndarray]] = {"binarize": binarize, "contours": contours, "current": current}
CURRENTS = ("current",)


def encode(images: Frames, spec: dict[str, Any]) -> Frames:
    """Apply the encoding named by ``spec["kind"]`` with the remaining entries as its parameters."""
    parameters = {key: value for key, value in spec.items() if key != "kind"}
    if spec.get("kind") not in ENCODINGS:
        raise SteepError(f"encoding {spec.get('kind')!r} is unknown; write one of {', '.join(ENCODINGS)}")
    values = ENCODINGS[spec["kind"]](images.values, **parameters)
    return Frames(values, images.labels, images.classes, 255 if spec["kind"] in CURRENTS else 1)
