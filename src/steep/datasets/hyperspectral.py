"""Generated hyperspectral pixels of cyanobacteria: a stand-in for data that were never published.

The talk's hyperspectral data are 512-dimensional pixels of cells in three classes. The same group's later paper
(arXiv 1710.09934) has cells of *Synechocystis* sp. PCC 6803 in a hyperspectral confocal fluorescence microscope, grown
with nitrogen (replete) or without (deplete), against background. Here such pixels are **generated**; nothing in this
data set was measured.

*Pigments.* With 488 nm excitation a cell glows with the emission of phycocyanin, allophycocyanin, the phycobilisome's
terminal emitter (allophycocyanin B and linker) and chlorophyll a (Vermaas et al., 2008, doi 10.1073/pnas.0708090105).
Each is a sum of Gaussian bands; centres and widths are textbook values, recalled and rounded, not digitised.

*Cells.* Without nitrogen phycobilisomes are taken apart stepwise, rods (phycocyanin) before cores (allophycocyanin),
and chlorophyll falls (doi 10.1007/s11120-017-0422-7). A deplete cell is somewhere on that way, its position uniform
from `LEAST_DEPLETION` to 1. All pigments of a cell vary log-normally from cell to cell.

*Optics and camera.* A cell is a sphere; a pixel collects light in proportion to the chord through it. Background pixels
around a cell get a small part of its light (out of focus). Photon noise is Poisson, read noise Gaussian, on a baseline;
an 8-bit camera rounds and cuts.

The difficulty was fixed once, by the numbers below, so that linear discriminant analysis on the 512 bands gets about
what the talk's original network gets on the real data, 98.2%: on other draws of the same size it gets 97.9%, on this
data set's validation pixels 98.4%. No network had been trained on the data when they were fixed. Expected counts are
rounded to 1/1024 photon before the random draws, so that the last bits of a machine's exponential do not matter.

Cells are groups: test cells are other cells than training cells, validation frames are whole cells.
"""

from pathlib import Path

import numpy as np

from steep.frames import Frames

BANDS = 512
WAVELENGTHS = np.linspace(500.0, 800.0, BANDS)  # nm
# Emission bands: centre (nm), full width at half maximum (nm), height.
PIGMENTS = {
    "phycocyanin": ((648.0, 30.0, 1.0), (700.0, 60.0, 0.15)),
    "allophycocyanin": ((661.0, 24.0, 1.0), (715.0, 60.0, 0.15)),
    "terminal emitter": ((680.0, 22.0, 1.0), (740.0, 60.0, 0.12)),
    "chlorophyll": ((685.0, 24.0, 1.0), (722.0, 45.0, 0.30)),
}
REPLETE = np.array([1.0, 0.60, 0.25, 0.35])
# What is left of each pigment when depletion is complete.
REMAINS = np.array([0.15, 0.35, 0.50, 0.60])
LEAST_DEPLETION = 0.7
VARIATION = 0.10  # standard deviation of the logarithm, cell to cell, pigment by pigment
BRIGHTNESS = 0.20  # the same for all pigments together
PHOTONS = 60.0  # expected at a band of height 1, for the longest chord of an average cell
OUT_OF_FOCUS = 0.05  # of a cell's light, on average, in the background around it
READ_NOISE, BASELINE = 2.0, 12.0  # counts
GAIN = 1.0  # counts a photon
CELLS = {"train": 480, "test": 160}  # half of them replete
RIM = 0.84  # of the radius; pixels farther out are half background and left out
PIXELS, SURROUNDINGS = 30, 15  # of a cell, and of background around it
CLASSES = ("background", "nitrogen-replete", "nitrogen-deplete")


def emission() -> np.ndarray:
    """Return the pigments' emission spectra, float64 (pigments, 512)."""
    widths = 2 * np.sqrt(2 * np.log(2))
    return np.array(
        [
            sum(height * np.exp(-0.5 * ((WAVELENGTHS - centre) * widths / fwhm) ** 2) for centre, fwhm, height in bands)
            for bands in PIGMENTS.values()
        ]
    )


def generate(cells: int, random: np.random.Generator) -> tuple[Frames, np.ndarray]:
    """Return the pixels of `cells` cells and their surroundings, uint8 (pixels, 1, 1, 512), and each pixel's cell."""
    spectra = emission()
    values, labels, group = [], [], []
    for cell in range(cells):
        deplete = cell % 2
        depletion = deplete * random.uniform(LEAST_DEPLETION, 1.0)
        pigments = REPLETE * (1 - depletion * (1 - REMAINS))
        pigments = pigments * np.exp(VARIATION * random.standard_normal(len(pigments)))
        pigments = pigments * np.exp(BRIGHTNESS * random.standard_normal())
        radius = np.sqrt(random.uniform(0.0, RIM**2, PIXELS))  # evenly over the inner disc
        chord = np.sqrt(1 - radius**2)
        light = np.concatenate([chord, OUT_OF_FOCUS * random.exponential(1.0, SURROUNDINGS)])
        expected = np.rint(1024 * PHOTONS * light[:, None] * (pigments @ spectra)) / 1024
        counts = GAIN * random.poisson(expected) + BASELINE + READ_NOISE * random.standard_normal(expected.shape)
        values.append(np.clip(np.rint(counts), 0, 255).astype(np.uint8))
        labels.append(np.repeat([1 + deplete, 0], [PIXELS, SURROUNDINGS]))
        group.append(np.full(PIXELS + SURROUNDINGS, cell))
    pixels = np.concatenate(values).reshape(-1, 1, 1, BANDS)
    return Frames(pixels, np.concatenate(labels).astype(np.uint8), len(CLASSES)), np.concatenate(group)


def load(mirrors: list[Path], cache: Path) -> tuple[Frames, Frames, np.ndarray]:
    """Return training and test pixels and the cell of each training pixel; both arguments are unused."""
    streams = np.random.SeedSequence(6803).spawn(2)
    train, groups = generate(CELLS["train"], np.random.default_rng(streams[0]))
    test, _ = generate(CELLS["test"], np.random.default_rng(streams[1]))
    return train, test, groups
