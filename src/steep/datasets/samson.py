"""Samson: a real hyperspectral scene, 95x95 pixels, 156 bands from 401 to 889 nm, of soil, trees and water (Zhu, Wang,
Xiang, Fan, Pan, 2014, who give the abundances).

A pixel's class is its most abundant material; mixed pixels are not left out. Values, reflectances scaled to 0 to 1,
are rounded to 8 bits.

Neighbouring pixels are alike, so the scene is split into 25 blocks of 19x19 pixels, not into pixels. Five blocks, one
in each row and column of blocks, are the test set; training pixels within `GUARD` pixels of them are left out. Every
other block is a group: validation frames are whole blocks.
"""

from pathlib import Path

import numpy as np

from steep.datasets.fetch import obtain
from steep.errors import SteepError
from steep.files import reading
from steep.frames import Frames

ADDRESSES = (
    "https://raw.githubusercontent.com/hanzhu97702/IEEE_TGRS_CyCU-Net/c4feec2c8126c760eb517713a55ee757c2b3552f/data/",
)
FILE = "samson_dataset.mat"
DIGEST = "1e8c96dc7da75443783e91d6ad0305715ab0862e3eb2ed48bc0ccf9c02656f84"
SIDE, BANDS, BLOCK, GUARD = 95, 156, 19, 2
CLASSES = ("soil", "tree", "water")  # in the order of the file's abundances


def held_out_blocks() -> np.ndarray:
    """Return which blocks are test blocks, bool (5, 5): one in each row and column, none beside another."""
    row, column = np.indices((SIDE // BLOCK,) * 2)
    held_out: np.ndarray = (2 * row + column) % (SIDE // BLOCK) == 0
    return held_out


def read_scene(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the scene's spectra (156, 9025) and abundances (3, 9025); SteepError when the file holds something
    else."""
    from scipy.io import loadmat

    # scipy raises whatever its parsers stumble over.
    with reading(path, "not the Samson scene, or damaged; copy it anew", (Exception,)) as file:
        stored = loadmat(file, variable_names=("Y", "A"))
        spectra, abundances = (np.asarray(stored[name], np.float64) for name in ("Y", "A"))
    if spectra.shape != (BANDS, SIDE**2) or abundances.shape != (len(CLASSES), SIDE**2):
        raise SteepError(
            f"{path}: Y is {spectra.shape} and A {abundances.shape}, not {BANDS} and 3 by 9025; copy it anew"
        )
    if not (np.isfinite(spectra).all() and np.isfinite(abundances).all()):
        raise SteepError(f"{path}: holds values that are no numbers; copy it anew")
    return spectra, abundances


def load(mirrors: list[Path], cache: Path) -> tuple[Frames, Frames, np.ndarray]:
    """Return training and test pixels, uint8 (pixels, 1, 1, 156), and the block of each training pixel."""
    from scipy.ndimage import maximum_filter

    spectra, abundances = obtain("samson", FILE, DIGEST, ADDRESSES, mirrors, cache, read_scene)
    values = np.rint(255 * np.clip(spectra.T, 0, 1)).astype(np.uint8).reshape(-1, 1, 1, BANDS)
    scene = Frames(values, abundances.argmax(axis=0).astype(np.uint8), len(CLASSES))
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    block = row // BLOCK * (SIDE // BLOCK) + column // BLOCK
    test = held_out_blocks().ravel()[block]
    near = maximum_filter(test.reshape(SIDE, SIDE), 2 * GUARD + 1, mode="constant").ravel()
    return scene.take(~near), scene.take(test), block[~near]
