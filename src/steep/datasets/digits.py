"""The handwritten digits that come with scikit-learn, brought to MNIST's 28x28 pixels: real images, no download.

1,797 images of 8x8 pixels, values 0 to 16 (the test part of the UCI Optical Recognition of Handwritten Digits data
set; Alpaydin and Kaynak, 1998). Every fifth image is a test image: the file is ordered by writer, so the test images
share their writers with the training images, and accuracies are higher than for unseen writers. This data set is for
trying the study out, not for claims.
"""

from pathlib import Path

import numpy as np

from steep.frames import Frames

SIDE = 28


def enlarge(images: np.ndarray) -> np.ndarray:
    """Bring images (n, 8, 8) with values 0 to 16 to uint8 (n, 28, 28) by linear interpolation between pixel centres.

    The centre of target pixel i lies at (2i + 1)/7 - 1/2 source pixels, so all weights are 14ths: integer arithmetic
    gives the same image on every machine.
    """
    source = images.shape[-1]
    position = np.clip(2 * (2 * np.arange(SIDE) + 1) - 7, 0, 14 * (source - 1))  # in 14ths of a source pixel
    left = np.minimum(position // 14, source - 2)
    weights = np.zeros((SIDE, source), np.int64)
    weights[np.arange(SIDE), left] = 14 - (position - 14 * left)
    weights[np.arange(SIDE), left + 1] = position - 14 * left
    sums = weights @ images.astype(np.int64) @ weights.T  # 14 * 14 * the interpolated value
    return ((2 * 255 * sums + 16 * 196) // (2 * 16 * 196)).astype(np.uint8)


def load(mirrors: list[Path], cache: Path) -> tuple[Frames, Frames, np.ndarray]:
    """Return 1,438 training and 359 test images, values 0 to 255, 10 classes, every image a group of its own; both
    arguments are unused."""
    from sklearn.datasets import load_digits

    stored = load_digits()
    images, labels = enlarge(stored.images)[:, None], stored.target.astype(np.uint8)
    test = np.arange(len(labels)) % 5 == 4
    bundle = Frames(images, labels, 10)
    return bundle.take(~test), bundle.take(test), np.arange(int((~test).sum()))
