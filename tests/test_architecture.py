"""Architectures as data; the talk's networks have the sizes the talk's text implies."""

import pytest

from steep.architecture import Conv, Dense, MaxPool, dense_reads, layer_shapes, parse_layers, units
from steep.errors import SteepError

MNIST = (1, 28, 28)


def test_stpu_networks_count_as_the_facts_say() -> None:
    dnn = layer_shapes(MNIST, (Dense(512), Dense(512)), 10)
    cnn = layer_shapes(MNIST, (Conv(3, (11, 11)), MaxPool((2, 2))), 10)
    assert cnn == [MNIST, (3, 18, 18), (3, 9, 9), (10,)]
    assert (sum(map(units, dnn)), sum(map(units, cnn))) == (1818, 2009)


def test_larger_cnns_have_the_shapes_of_the_facts() -> None:
    restricted = layer_shapes(MNIST, (Conv(8, (3, 3)), Conv(8, (3, 3)), Dense(100), Dense(100)), 10)
    unrestricted = layer_shapes(MNIST, (Conv(32, (10, 10)), Conv(32, (10, 10)), Dense(100), Dense(100)), 10)
    assert restricted[1:3] == [(8, 26, 26), (8, 24, 24)]
    assert unrestricted[1:3] == [(32, 19, 19), (32, 10, 10)]


def test_parsing() -> None:
    specs = [
        {"kind": "conv", "filters": 3, "kernel": [11, 5]},
        {"kind": "maxpool", "size": [2, 3]},
        {"kind": "dense", "units": 9},
    ]
    assert parse_layers(specs) == (Conv(3, (11, 5)), MaxPool((2, 3)), Dense(9))


def test_weights_have_a_row_for_each_unit_or_filter() -> None:
    assert Dense(9).weight_shape((3, 4, 5)) == (9, 60)
    assert Conv(7, (2, 3)).weight_shape((3, 4, 5)) == (7, 3, 2, 3)
    with pytest.raises(SteepError, match="follows a dense layer"):
        Conv(7, (2, 3)).weight_shape((60,))


def test_a_dense_layer_reads_past_poolings_and_the_output_layer_is_one() -> None:
    conv, pool = Conv(2, (2, 2)), MaxPool((2, 2))
    layers = (conv, pool, conv, pool, pool, Dense(3), Dense(2))
    assert [dense_reads(layers, number) for number in range(7)] == [False, False, True, True, True, True, True]
    assert dense_reads((conv, pool), 0) and dense_reads((conv,), 0)


@pytest.mark.parametrize(
    "layers", [(Conv(1, (29, 3)),), (MaxPool((2, 30)),), (Dense(3), Conv(1, (1, 1))), (Dense(3), MaxPool((1, 1)))]
)
def test_what_does_not_fit_is_refused(layers: tuple) -> None:
    with pytest.raises(SteepError, match=r"does not fit|follows a dense layer"):
        layer_shapes(MNIST, layers, 10)
