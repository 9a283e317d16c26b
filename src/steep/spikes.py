"""Spikes of every layer for every frame, and the potentials the readout compares."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steep.files import read_npz, write_npz


@dataclass(frozen=True)
class Spikes:
    """What a simulation of a threshold network returns.

    Attributes
    ----------
    layers : one bool array (frames, units) per layer, output layer last.
    potential : float64 (frames, classes)
        Sum of weights minus threshold of each output unit (a multiple of 1/2).

    """

    layers: tuple[np.ndarray, ...]
    potential: np.ndarray

    def classes(self) -> np.ndarray:
        """Readout ``potential``: the class of the largest potential, of equals the lowest; int64 (frames,)."""
        return self.potential.argmax(axis=1)

    def save(self, path: Path | str) -> None:
        """Write an NPZ, eight units to the byte."""
        arrays = {f"layer{number}": np.packbits(layer, axis=1) for number, layer in enumerate(self.layers, 1)}
        units = np.array([layer.shape[1] for layer in self.layers])
        write_npz(path, {"potential": self.potential, "units": units, **arrays})

    @classmethod
    def load(cls, path: Path | str) -> "Spikes":
        """Read what `save` wrote; SteepError when the file is broken."""
        arrays = read_npz(path, ("potential", "units"))
        layers = tuple(
            np.unpackbits(arrays[f"layer{number}"], axis=1, count=int(count)).astype(bool)
            for number, count in enumerate(arrays["units"], 1)
        )
        return cls(layers, arrays["potential"])
