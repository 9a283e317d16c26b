"""Encodings, worked out by hand."""

import numpy as np
import pytest

from steep.encodings import encode
from steep.errors import SteepError
from steep.frames import Frames

CANNY = {"kind": "contours", "sigma": 1.0, "low": 0.1, "high": 0.2}


def images(values: np.ndarray) -> Frames:
    return Frames(values.astype(np.uint8), np.zeros(len(values), np.uint8), 2)


def test_binarize_is_strict_at_its_threshold() -> None:
    four = images(np.array([0, 127, 128, 255]).reshape(1, 1, 2, 2))
    assert encode(four, {"kind": "binarize", "threshold": 0.5}).values.ravel().tolist() == [0, 0, 1, 1]
    assert encode(four, {"kind": "binarize", "threshold": 128 / 255}).values.ravel().tolist() == [0, 0, 0, 1]
    assert encode(four, {"kind": "binarize", "threshold": 0}).values.ravel().tolist() == [0, 1, 1, 1]
    assert encode(four, {"kind": "binarize", "threshold": 0.5}).are_spikes


def test_contours_of_a_square_are_its_outline() -> None:
    square = np.zeros((2, 2, 20, 20))
    square[:, :, 6:14, 5:15] = 200
    square[1, 1] = 90  # an even channel has no edge
    encoded = encode(images(square), CANNY)
    assert encoded.are_spikes and set(np.unique(encoded.values)) == {0, 1}
    rows, columns = np.nonzero(encoded.values[0, 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 13, 5, 14)
    assert encoded.values[0, 0, 8:12, 7:13].sum() == 0  # nothing inside
    assert np.array_equal(encoded.values[0, 0], encoded.values[0, 1])
    assert encoded.values[1, 1].sum() == 0


def test_currents_are_the_values() -> None:
    values = np.arange(16).reshape(1, 1, 4, 4) * 17
    encoded = encode(images(values), {"kind": "current"})
    assert np.array_equal(encoded.values, values) and encoded.full_scale == 255 and not encoded.are_spikes


def test_an_unknown_encoding_is_one_line() -> None:
    with pytest.raises(SteepError, match="write one of binarize"):
        encode(images(np.zeros((1, 1, 1, 1))), {"kind": "binarise"})
