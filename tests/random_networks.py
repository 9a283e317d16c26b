"""Random threshold networks for property-based tests, and an evaluation of them written down as plainly as possible."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdNetwork


@st.composite
def threshold_networks(draw: st.DrawFn) -> ThresholdNetwork:
    """Draw small networks of every kind of layer; thresholds are integers and half-integers of either sign, so that
    sums hit them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape: tuple[int, ...] = tuple(draw(st.tuples(st.integers(1, 2), st.integers(1, 7), st.integers(1, 7))))
    start, layers = shape, []
    top = draw(st.sampled_from([1, 255]))
    for kind in draw(st.lists(st.sampled_from(["conv", "orpool", "dense"]), max_size=3)):
        if kind == "orpool" and top > 1 and not layers:
            kind = "conv"  # currents are not pooled
        if kind == "dense" or len(shape) == 1:
            layer = DenseLayer(_weights(rng, (draw(st.integers(1, 9)), int(np.prod(shape)))), np.zeros(0))
        elif kind == "conv":
            kernel = draw(st.integers(1, shape[1])), draw(st.integers(1, shape[2]))
            stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
            side = st.tuples(st.integers(0, 2), st.integers(0, 2))
            weight = _weights(rng, (draw(st.integers(1, 3)), shape[0], *kernel))
            layer = ConvLayer(weight, np.zeros(0), stride, (draw(side), draw(side)))
        else:
            layer = OrPoolLayer((draw(st.integers(1, shape[1])), draw(st.integers(1, shape[2]))))
        by_position = kind == "conv" and draw(st.booleans())
        layers.append(_with_thresholds(rng, layer, layer.output_shape(shape) if by_position else None))
        shape = layers[-1].output_shape(shape)
    layers.append(
        _with_thresholds(rng, DenseLayer(_weights(rng, (draw(st.integers(1, 4)), int(np.prod(shape)))), np.zeros(0)))
    )
    return ThresholdNetwork(start, tuple(layers), top)


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(-4, 5, shape, dtype=np.int32)


def _with_thresholds(rng, layer, shape=None):
    if isinstance(layer, OrPoolLayer):
        return layer
    return replace(layer, threshold=rng.integers(-8, 13, shape or len(layer.weight)) / 2)


def frames_for(network: ThresholdNetwork, seed: int, count: int = 12) -> np.ndarray:
    """Return frames of every density; the first is blank and the second full."""
    rng = np.random.default_rng(seed)
    frames = (rng.random((count, *network.input_shape)) < rng.random((count, 1, 1, 1))).astype(np.uint8)
    frames *= rng.integers(1, network.input_top + 1, frames.shape).astype(np.uint8)
    frames[0], frames[1] = 0, network.input_top
    return frames


def evaluate_plainly(network: ThresholdNetwork, frame: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Evaluate one frame with loops over positions, in integers: spikes of every layer and twice the output
    potential."""
    x, fired, v = frame.astype(np.int64), [], np.zeros(0)
    for layer in network.layers:
        match layer:
            case DenseLayer(weight, threshold):
                v = 2 * (weight.astype(np.int64) @ x.ravel()) - (2 * threshold).astype(np.int64)
            case ConvLayer(weight, threshold):
                shape = layer.output_shape(x.shape)
                v = np.zeros(shape, np.int64)
                (above, below), (left, right) = layer.padding
                padded = np.zeros((len(x), above + x.shape[1] + below, left + x.shape[2] + right), np.int64)
                padded[:, above : above + x.shape[1], left : left + x.shape[2]] = x
                for f, row, column in np.ndindex(shape):
                    y, z = row * layer.stride[0], column * layer.stride[1]
                    window = padded[:, y : y + weight.shape[2], z : z + weight.shape[3]]
                    theta = threshold[f] if threshold.ndim == 1 else threshold[f, row, column]
                    v[f, row, column] = 2 * (window * weight[f]).sum() - int(2 * theta)
            case OrPoolLayer((height, width)):
                shape = layer.output_shape(x.shape)
                v = np.zeros(shape, np.int64)
                for c, row, column in np.ndindex(shape):
                    v[c, row, column] = (
                        2 * x[c, row * height : (row + 1) * height, column * width : (column + 1) * width].sum() - 1
                    )
        x = (v > 0).astype(np.int64)
        fired.append(x.ravel().astype(bool))
    return fired, v
