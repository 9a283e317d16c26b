"""How sharpening starts from each original activation (see `activation`): numbers alone, no PyTorch."""

# Centre, slope, scale, offset of a(x; 0) by original activation, for a ceiling of 1; the first three grow with it.
STARTS = {
    "sigmoid": (0.0, 1.0, 1.0, 0.0),
    "tanh": (0.0, 2.0, 2.0, -1.0),
    "bounded_relu": (0.5, 4.0, 1.0, 0.0),
    "relu": (0.5, 4.0, 1.0, 0.0),
    "leaky_relu": (0.5, 4.0, 1.0, 0.0),
}
UNBOUNDED = ("relu", "leaky_relu")


def padding_value(activation: str) -> float:
    """Return what a sharpened unit gives where the original gives 0: what stands around an image of such units.

    The original network pads with zeros. Those of tanh lie in the middle between silent and active, at 1/2.
    """
    _, _, scale, offset = STARTS[activation]
    return -offset / scale if offset else 0.0
