"""Encodings, worked out by hand."""

import numpy as np
import pytest

from steep.encodings import encode
from steep.errors import SteepError


def test_binarize_is_strict_at_its_threshold() -> None:
    images = np.array([0, 127, 128, 255], np.uint8).reshape(1, 1, 2, 2)
    assert encode(images, {"kind": "binarize", "threshold": 0.5}).ravel().tolist() == [0, 0, 1, 1]
    assert encode(images, {"kind": "binarize", "threshold": 128 / 255}).ravel().tolist() == [0, 0, 0, 1]
    assert encode(images, {"kind": "binarize", "threshold": 0}).ravel().tolist() == [0, 1, 1, 1]


def test_an_unknown_encoding_is_one_line() -> None:
    with pytest.raises(SteepError, match="write one of binarize"):
        encode(np.zeros((1, 1, 1, 1), np.uint8), {"kind": "binarise"})
