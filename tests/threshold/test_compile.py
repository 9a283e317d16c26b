"""Folding and quantization: what is exact must be exact, what is rounded must be rounded rightly."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_sharpened import random_network, random_specification

from steep.architecture import BATCH_NORM_EPS
from steep.errors import SteepError
from steep.networks import ACTIVATIONS, DeepNetwork, scaled
from steep.sharpening.activation import begin_sharpening, set_sharpness, sharpened_network
from steep.simulators import load_simulator
from steep.threshold.compile import compile_network, fold, quantize, tensor_shapes
from steep.threshold.fingerprint import fingerprint

LAYERS = [
    {"kind": "conv", "filters": 3, "kernel": [3, 2]},
    {"kind": "maxpool", "size": [2, 2]},
    {"kind": "dense", "units": 7},
]
SPEC = {"input_shape": [2, 8, 7], "full_scale": 1, "layers": LAYERS, "classes": 4, "activation": "relu"}


def sharpened(normalize: bool) -> DeepNetwork:
    """Return a sharpened network in float64 whose every tensor is random; some variances are as small as eps."""
    torch.manual_seed(1)
    network = sharpened_network(SPEC | {"batch_normalization": normalize}).double().eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("sharpness"):
            scale = torch.tensor([1e-6, 1e-5, 1e-3, 0.1, 1.0, 4.0, 9.0], dtype=torch.float64)
            value = scale[: len(tensor)] if "running_var" in name else torch.randn(tensor.shape, dtype=torch.float64)
            tensor.copy_(value)
    return network


@pytest.mark.parametrize("normalize", [True, False])
def test_folding_is_the_same_function(normalize: bool) -> None:
    """In eval mode, pre-activation minus step position equals folded weights times input minus threshold, for every
    unit."""
    network = sharpened(normalize)
    tensors = network.tensors()
    x = (torch.rand(20, 2, 8, 7) < 0.5).double()
    for number in (0, 2):
        block = network.blocks[number]
        with torch.no_grad():
            expected = block.pre_activation(x) - block.activation.centre
            weight, threshold = (torch.from_numpy(array) for array in fold(tensors, f"blocks.{number}", normalize))
            if number == 0:
                found = torch.nn.functional.conv2d(x, weight) - threshold[:, None, None]
                found = torch.nn.functional.max_pool2d(found, 2)  # a layer's pooling comes before its activation
            else:
                found = x.flatten(1) @ weight.T - threshold
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
            x = block(x) if number == 0 else x


@pytest.mark.parametrize("normalize", [True, False])
def test_many_bits_give_the_network_itself(normalize: bool) -> None:
    """At 16 bits the integer network's spikes equal the float64 network's wherever that is not within rounding of its
    threshold."""
    network = sharpened(normalize)
    frames = (np.random.default_rng(0).random((60, 2, 8, 7)) < 0.5).astype(np.uint8)
    spikes = load_simulator("torch")(compile_network(network.tensors(), network.spec, 16), frames)
    with torch.no_grad():
        x = torch.from_numpy(frames).double()
        pre = network.blocks[0].pre_activation(x) - network.blocks[0].activation.centre
        hidden = network.activations(x)
    reach = fold(network.tensors(), "blocks.0", normalize)[0].__abs__().reshape(3, -1).max(1)
    clear = pre.abs().numpy() > reach[:, None, None] * 2**-14 * 12
    first = spikes.layers[1].reshape(60, 3, 3, 3)  # after pooling
    assert clear.mean() > 0.99
    assert np.array_equal(first[clear], hidden[0].numpy()[clear] > 0)
    assert (spikes.layers[2] == (hidden[1].numpy() > 0)).mean() > 0.99


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), bits=st.integers(2, 16), per_unit=st.booleans())
def test_quantized_thresholds_decide_like_real_ones(seed: int, bits: int, per_unit: bool) -> None:
    """For the rounded weights, comparing an integer sum with the half-integer threshold is comparing it with the real
    one."""
    rng = np.random.default_rng(seed)
    weight, threshold = rng.normal(size=(4, 6)), rng.normal(size=4) * rng.choice([0.1, 1, 100])
    integers, rounded = quantize(weight, threshold, bits, per_unit)
    largest = 2 ** (bits - 1) - 1
    assert np.abs(integers).max() == largest
    assert not per_unit or (np.abs(integers).max(axis=1) == largest).all()
    assert np.array_equal(rounded % 1, np.full(4, 0.5))
    top = np.abs(weight).max(axis=1) if per_unit else np.full(4, np.abs(weight).max())
    spikes = rng.random((50, 6)) < 0.5
    sums = spikes @ integers.T
    real = threshold * largest / top
    decided = np.abs(sums - real) > 1e-9 * np.abs(real)  # a tie within the rounding of float64 is decided by either
    assert np.array_equal((sums > rounded)[decided], (sums > real)[decided])


def test_units_without_weights_keep_their_decision() -> None:
    integers, thresholds = quantize(np.zeros((2, 3)), np.array([0.3, -0.3]), 8, per_unit=True)
    assert not integers.any()
    assert (thresholds < 0).tolist() == [False, True]


def test_scaling_a_unit_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    weight, threshold, scale = rng.normal(size=(5, 9)), rng.normal(size=5), 2.0 ** np.arange(-2, 3)
    one, other = quantize(weight, threshold, 8, True), quantize(weight * scale[:, None], threshold * scale, 8, True)
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def test_currents_are_compiled_to_the_same_function() -> None:
    """Dividing inputs by full scale and multiplying thresholds by it is the same, on every input a byte can have."""
    network = sharpened(True)
    spec = network.spec | {"full_scale": 255}
    frames = np.random.default_rng(0).integers(0, 256, (80, 2, 8, 7), dtype=np.uint8)
    compiled = compile_network(network.tensors(), spec, 16)
    spikes = load_simulator("torch")(compiled, frames)
    with torch.no_grad():
        pre = network.blocks[0].pre_activation(torch.from_numpy(frames).double() / 255)
        pre = (pre - network.blocks[0].activation.centre).numpy()
    reach = np.abs(fold(network.tensors(), "blocks.0", True)[0]).reshape(3, -1).max(1)
    clear = np.abs(pre) > reach[:, None, None] * 2**-14 * 12
    assert clear.mean() > 0.99 and compiled.input_top == 255
    assert np.array_equal(spikes.layers[1].reshape(80, 3, 3, 3)[clear], pre[clear] > 0)


@pytest.mark.parametrize(("side", "kernel", "stride"), [(8, 3, 1), (7, 4, 2), (9, 5, 3), (6, 2, 2)])
def test_padded_and_strided_convolutions(side: int, kernel: int, stride: int) -> None:
    """The trained module, the integer network and the layer's shape agree; PyTorch's own "same" where it has it."""
    layer = {"kind": "conv", "filters": 3, "kernel": [kernel, 2], "stride": [stride, 1], "padding": "same"}
    spec = SPEC | {"input_shape": [2, side, 7], "layers": [layer], "batch_normalization": False}
    torch.manual_seed(0)
    network = sharpened_network(spec).double().eval()
    with torch.no_grad():
        network.blocks[0].linear.weight.copy_(torch.randint(-3, 4, network.blocks[0].linear.weight.shape))
        network.blocks[0].linear.bias.copy_(torch.tensor([0.5, -0.5, 1.5]))
    frames = (np.random.default_rng(0).random((40, 2, side, 7)) < 0.5).astype(np.uint8)
    x = torch.from_numpy(frames).double()
    hidden = network.activations(x)[0]
    assert hidden.shape[2:] == (-(-side // stride), 7)
    if stride == 1:
        block = network.blocks[0].linear
        same = torch.nn.functional.conv2d(x, block.weight, block.bias, padding="same")
        assert torch.equal(hidden > 0, same > 0)
    spikes = load_simulator("torch")(compile_network(network.tensors(), spec, 16), frames)
    assert np.array_equal(spikes.layers[0], hidden.flatten(1).numpy() > 0)


def test_every_layer_may_have_its_own_bits() -> None:
    network = sharpened(True)
    compiled = compile_network(network.tensors(), network.spec, [3, 5, 9])
    largest = [np.abs(link.weight).max() for link, population in compiled.chain() if not population.pools]
    assert largest == [3, 15, 255]
    with pytest.raises(SteepError, match="weight_bits has 2 entries for 3 layers with weights"):
        compile_network(network.tensors(), network.spec, [3, 5])
    with pytest.raises(SteepError, match="weight_bits has 4 entries for 3 layers with weights"):
        compile_network(network.tensors(), network.spec, [3, 5, 9, 9])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("seed", range(20))
def test_compiled_spikes_are_those_of_the_network_of_steps(activation: str, seed: int) -> None:
    """Weights are such that rounding changes none; whatever the activation, the padding, stride, kernel, pooling and
    normalisation, every hidden unit fires in the same frames."""
    spec = random_specification(seed, activation)
    network, frames = random_network(spec, seed)
    x = scaled(torch.from_numpy(frames), spec["full_scale"]).double()
    begin_sharpening(network, x, 2.0, "sigmoid")
    set_sharpness(network, (1.0,) * len(network.hidden))
    compiled = compile_network(network.tensors(), spec, 16)
    spikes = load_simulator("torch")(compiled, frames)
    kinds = [layer["kind"] for layer in spec["layers"]]
    last = [
        number
        for number, kind in enumerate(kinds)
        if any(kind != "maxpool" for kind in kinds[: number + 1]) and kinds[number + 1 : number + 2] != ["maxpool"]
    ]  # a unit's pooling belongs to it
    with torch.no_grad():
        for number, block in enumerate(network.blocks):
            x = block(x)
            if number in last:
                assert np.array_equal(spikes.layers[number], x.flatten(1).numpy() > 0), number


def test_a_border_of_tanh_units_is_neither_silent_nor_active() -> None:
    """By hand: a kernel of three ones over four units that are worth -1 or 1, and 0 outside."""
    conv = {"kind": "conv", "filters": 1, "kernel": [1, 1]}
    spec = SPEC | {"input_shape": [1, 1, 4], "activation": "tanh", "batch_normalization": False}
    spec["layers"] = [conv, conv | {"kernel": [1, 3], "padding": "same"}]
    network = sharpened_network(spec)
    with torch.no_grad():
        network.blocks[0].linear.weight.fill_(1)
        network.blocks[0].linear.bias.fill_(-0.5)
        network.blocks[1].linear.weight.fill_(1)
        network.blocks[1].linear.bias.fill_(-1.25)
    population = compile_network(network.tensors(), spec, 2).populations[1]
    # More than 1.25 of three units; at the border one of them counts as 1/2, so that 0.75 is left.
    assert population.links[0].weight.tolist() == [[[[1, 1, 1]]]]
    assert population.threshold.tolist() == [[[0.5, 1.5, 1.5, 0.5]]]
    assert population.thresholds().tolist() == [0.5, 1.5, 1.5, 0.5]


@pytest.mark.parametrize("number", [0, 2])
def test_a_bias_beside_batch_normalisation_counts(number: int) -> None:
    """Convolution (block 0) and dense layer (block 2): a bias b is a running mean less by b."""
    tensors = sharpened(True).tensors()
    name, mean = f"blocks.{number}.linear.bias", f"blocks.{number}.norm.running_mean"
    bias = np.random.default_rng(0).normal(size=len(tensors[mean]))
    moved = tensors | {mean: tensors[mean] - bias}
    biased = tensors | {name: bias}
    for a, b in zip(fold(biased, f"blocks.{number}", True), fold(moved, f"blocks.{number}", True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    spec = SPEC | {"batch_normalization": True}
    found, expected, ignored = (compile_network(t, spec, 16).populations[number] for t in (biased, moved, tensors))
    assert np.array_equal(found.threshold, expected.threshold)
    assert not np.array_equal(found.threshold, ignored.threshold)
    # The module that has both says the same.
    block, x = sharpened(True).blocks[number], torch.rand(9, *((2, 8, 7) if number == 0 else (27,))).double()
    with torch.no_grad():
        block.linear.bias = torch.nn.Parameter(torch.from_numpy(bias))
        weight, threshold = (torch.from_numpy(array) for array in fold(biased, f"blocks.{number}", True))
        if number == 0:
            sums = torch.nn.functional.conv2d(x, weight) - threshold[:, None, None]
            sums = torch.nn.functional.max_pool2d(sums, 2)
        else:
            sums = x @ weight.T - threshold
        torch.testing.assert_close(sums, block.pre_activation(x) - block.activation.centre, rtol=1e-9, atol=1e-9)


WRONG = [
    ({"blocks.0.norm.scale": np.ones(3)}, "tensor blocks.0.norm.scale is unknown"),
    ({"blocks.1.linear.weight": np.ones((3, 3))}, "tensor blocks.1.linear.weight is unknown"),
    ({"blocks.0.norm.weight": None}, "tensor blocks.0.norm.weight is missing"),  # affine=False
    ({"blocks.0.activation.centre": None}, "tensor blocks.0.activation.centre is missing: the network is not sharp"),
    ({"blocks.0.activation.sharpness": None}, "is missing: the network is not sharpened, or of an earlier version"),
    ({"blocks.2.activation.sharpness": np.array(0.75)}, "blocks.2.activation.sharpness is 0.75, not 1"),
    ({"blocks.0.activation.sharpness": np.array(0.9999)}, "blocks.0.activation.sharpness is 0.9999, not 1"),
    ({"blocks.0.norm.bias": np.ones(1)}, r"has shape \(1,\), its specification says \(3,\)"),  # would be broadcast
    ({"blocks.2.linear.bias": np.ones(1)}, r"tensor blocks.2.linear.bias has shape \(1,\)"),
    ({"output.bias": np.full(4, np.nan)}, "tensor output.bias holds what is no number"),
    ({"output.bias": np.array([0, 0, np.inf, 0])}, "tensor output.bias holds what is no number"),
    ({"output.bias": np.array([-np.inf, 0, 0, 0])}, "tensor output.bias holds what is no number"),
    ({"blocks.0.norm.running_var": np.array([1, np.inf, 1])}, "blocks.0.norm.running_var holds what is no number"),
    ({"blocks.0.norm.running_var": np.full(3, -1.0)}, "tensor blocks.0.norm.running_var holds what is no number or no"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[next(iter(change)) for change, _ in WRONG])
def test_tensors_that_would_be_misread_are_refused(change: dict, message: str) -> None:
    tensors = sharpened(True).tensors() | change
    tensors = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    with pytest.raises(SteepError, match=message):
        compile_network(tensors, SPEC | {"batch_normalization": True}, 8)


def test_training_and_compilation_mean_the_same_normalisation() -> None:
    norms = [layer.norm for layer in sharpened(True).hidden]
    assert [norm.eps for norm in norms] == [BATCH_NORM_EPS] * 2
    assert set(sharpened(True).tensors()) <= set(tensor_shapes(SPEC | {"batch_normalization": True}))


def test_thresholds_out_of_reach_are_brought_to_its_edge() -> None:
    """Of hidden units, whose sums are at most `top` times their weights'; 1, -2 become 64, -127 at 8 bits."""
    weight, far = np.array([[1.0, -2.0], [0.0, 0.0]]), np.array([1e9, -1e9])
    for threshold, signs in ((far, [1, -1]), (-far, [-1, 1])):
        for top in (1, 255):
            integers, found = quantize(weight, threshold, 8, per_unit=True, top=top)
            assert integers.tolist() == [[64, -127], [0, 0]]
            assert found.tolist() == [signs[0] * (top * 191 + 0.5), signs[1] * 0.5]
        _, found = quantize(weight, threshold, 8, per_unit=False)
        assert found.tolist() == (threshold * 63.5 + 0.5).tolist()


def test_the_output_layer_has_one_scale_and_minus_its_bias_for_threshold() -> None:
    tensors = sharpened(True).tensors()
    tensors["output.weight"] = np.outer([1.0, 0.5, 0.25, 2.0], [1, -1, 0, 1, 0, 0, 1])
    tensors["output.bias"] = np.array([1.0, -1.0, 0.25, 1e6])
    output = compile_network(tensors, SPEC | {"batch_normalization": True}, [8, 8, 4]).populations[-1]
    (link,) = output.links
    assert link.weight[:, 0].tolist() == [4, 2, 1, 7] and link.weight[0].tolist() == [4, -4, 0, 4, 0, 0, 4]
    assert output.threshold.tolist() == [-3.5, 3.5, -0.5, -3_499_999.5]


def test_only_the_first_layer_reads_currents() -> None:
    """The thresholds of the others are the same whatever the frames are."""
    network = sharpened(True)
    spikes, currents = (compile_network(network.tensors(), network.spec | {"full_scale": top}, 16) for top in (1, 255))
    assert not np.array_equal(spikes.populations[0].threshold, currents.populations[0].threshold)
    for one, other in zip(spikes.populations[2:], currents.populations[2:], strict=True):
        assert np.array_equal(one.threshold, other.threshold)


@pytest.mark.parametrize("normalize", [True, False])
def test_folding_and_rounding_are_those_of_float64(normalize: bool) -> None:
    """Of stored float32 tensors too: written as float64, they compile to the same integers."""
    network = sharpened(normalize)
    stored = {name: tensor.astype(np.float32) for name, tensor in network.tensors().items()}
    if normalize:
        stored["blocks.0.linear.bias"] = np.array([0.1, 0.2, 0.3], np.float32)
    wide = {name: tensor.astype(np.float64) for name, tensor in stored.items()}
    for block in ("blocks.0", "blocks.2"):
        for one, other in zip(fold(stored, block, normalize), fold(wide, block, normalize), strict=True):
            assert one.dtype == np.float64 and np.array_equal(one, other)
    assert fingerprint(compile_network(stored, network.spec, 16)) == fingerprint(
        compile_network(wide, network.spec, 16)
    )


def test_the_output_layer_is_rounded_in_float64_too() -> None:
    """Of 5,000 weights some lie so near a half-integer that float32 rounds them otherwise."""
    spec = SPEC | {"batch_normalization": False, "layers": [{"kind": "dense", "units": 500}], "classes": 10}
    tensors = sharpened_network(spec).tensors()
    weight = np.random.default_rng(0).normal(size=(10, 500)).astype(np.float32)
    (found,) = compile_network(tensors | {"output.weight": weight}, spec, 16).populations[-1].links
    scale = (2**15 - 1) / np.abs(weight.astype(np.float64)).max()
    assert np.array_equal(found.weight, np.rint(weight.astype(np.float64) * scale))
    assert not np.array_equal(found.weight, np.rint(weight * np.float32(scale)))


def test_a_variance_of_0_is_one_and_a_bias_is_needed_where_nothing_else_shifts() -> None:
    tensors = sharpened(True).tensors() | {"blocks.0.norm.running_var": np.zeros(3)}
    compile_network(tensors, SPEC | {"batch_normalization": True}, 8)
    for number in (0, 2):
        tensors = sharpened(False).tensors()
        del tensors[f"blocks.{number}.linear.bias"]
        with pytest.raises(SteepError, match=f"tensor blocks.{number}.linear.bias is missing: the network is not sh"):
            compile_network(tensors, SPEC | {"batch_normalization": False}, 8)
