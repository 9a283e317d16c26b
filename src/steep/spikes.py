"""Spikes of every layer for every frame, and the potentials the readout compares."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from steep.errors import SteepError
from steep.files import read_npz, unpack_bits, write_npz


class PackedLayers(Sequence[np.ndarray]):
    """Layers of spikes with eight units to the byte, unpacked one at a time when they are asked for.

    Parameters
    ----------
    packed : for each layer uint8 (frames, ceil(units / 8)), the most significant bit first as in `numpy.packbits`, or
        None for a layer whose spikes were not recorded.
    units : number of units of each layer.

    """

    def __init__(self, packed: Sequence[np.ndarray | None], units: Sequence[int]) -> None:
        """Take the packed arrays; nothing is copied."""
        self.packed, self.units = tuple(packed), tuple(units)

    def __len__(self) -> int:
        """Return the number of layers, recorded or not."""
        return len(self.packed)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> "PackedLayers": ...

    def __getitem__(self, index: int | slice) -> "np.ndarray | PackedLayers":
        """Return the spikes of a layer, bool (frames, units); SteepError when they were not recorded."""
        if isinstance(index, slice):
            return PackedLayers(self.packed[index], self.units[index])
        layer = self.packed[index]
        if layer is None:
            raise SteepError(
                f"the spikes of layer {range(len(self))[index] + 1} were not recorded; name it under `record`"
            )
        return unpack_bits(layer, self.units[index]).view(bool)

    @property
    def recorded(self) -> list[int]:
        """Numbers of the layers whose spikes were recorded, from 1."""
        return [number for number, layer in enumerate(self.packed, 1) if layer is not None]


@dataclass(frozen=True)
class Spikes:
    """What a simulation of a threshold network returns.

    Attributes
    ----------
    layers : one bool array (frames, units) per layer, output layer last.
    potential : float64 (frames, classes)
        Sum of weights minus threshold of each output unit (a multiple of 1/2).
    fingerprint : of each layer that the simulator worked on, from what it computed with
        (`steep.threshold.fingerprint`); empty where a simulator gives none.

    """

    layers: Sequence[np.ndarray]
    potential: np.ndarray
    fingerprint: tuple[str, ...] = ()

    def classes(self) -> np.ndarray:
        """Readout ``potential``: the class of the largest potential, of equals the lowest; int64 (frames,).

        Examples
        --------
        >>> potential = np.array([[-1.5, 2.5, 0.5], [3.5, 1.5, 3.5]])
        >>> Spikes([potential > 0], potential).classes()
        array([1, 0])

        """
        largest: np.ndarray = self.potential.argmax(axis=1)
        return largest

    def packed(self) -> PackedLayers:
        """Return the layers with eight units to the byte."""
        if isinstance(self.layers, PackedLayers):
            return self.layers
        return PackedLayers(
            [np.packbits(layer, axis=1) for layer in self.layers], [layer.shape[1] for layer in self.layers]
        )

    @classmethod
    def joined(cls, parts: Sequence["Spikes"]) -> "Spikes":
        """Return the spikes of several blocks of frames as those of all frames, in the order given; SteepError unless
        they are of one network."""
        if not parts:
            raise SteepError("there are no parts to join; give at least one")
        packed = [part.packed() for part in parts]
        if len({(part.fingerprint, layers.units) for part, layers in zip(parts, packed, strict=True)}) > 1:
            raise SteepError("the parts are spikes of different networks; delete them and run again")
        layers = [
            None if any(piece is None for piece in pieces) else np.concatenate(pieces)
            for pieces in zip(*(layers.packed for layers in packed), strict=True)
        ]
        potential = np.concatenate([part.potential for part in parts])
        return cls(PackedLayers(layers, packed[0].units), potential, parts[0].fingerprint)

    def save(self, path: Path | str) -> None:
        """Write an NPZ, eight units to the byte."""
        layers = self.packed()
        arrays = {f"layer{number}": layer for number, layer in enumerate(layers.packed, 1) if layer is not None}
        fingerprint = np.array(self.fingerprint, np.str_)
        write_npz(
            path,
            {"potential": self.potential, "units": np.array(layers.units), "fingerprint": fingerprint, **arrays},
        )

    @classmethod
    def load(cls, path: Path | str) -> "Spikes":
        """Read what `save` wrote; SteepError when the file is broken."""
        arrays = read_npz(path, ("potential", "units", "fingerprint"))
        try:
            units = [int(count) for count in arrays["units"]]
            layers = PackedLayers([arrays.get(f"layer{number}") for number in range(1, len(units) + 1)], units)
            for layer, count in zip(layers.packed, units, strict=True):
                if layer is not None:
                    _check_packed(layer, count, len(arrays["potential"]))
            fingerprint = tuple(str(digest) for digest in arrays["fingerprint"])
            if len(fingerprint) not in (0, len(units)):
                raise ValueError(f"{len(fingerprint)} fingerprints of {len(units)} layers")
        except (TypeError, ValueError, OverflowError) as error:
            raise SteepError(f"{path}: not spikes of this version; delete it and run again") from error
        return cls(layers, arrays["potential"], fingerprint)


def _check_packed(packed: np.ndarray, units: int, frames: int) -> None:
    """Raise ValueError unless `packed` holds the spikes of so many units in so many frames."""
    if packed.dtype != np.uint8 or packed.shape != (frames, -(-units // 8)):
        raise ValueError(f"{packed.dtype} {packed.shape} for {units} units in {frames} frames")


def recorded_layers(depth: int, record: Collection[int] | None) -> list[int]:
    """Return the numbers, from 1, of the layers of a network of `depth` layers whose spikes are recorded;
    SteepError when `record` names one that is not there."""
    wrong = sorted(set(record or ()) - set(range(1, depth + 1)))
    if wrong:
        raise SteepError(f"record: there is no layer {wrong[0]}; the network has layers 1 to {depth}")
    return [number for number in range(1, depth + 1) if record is None or number in record]
