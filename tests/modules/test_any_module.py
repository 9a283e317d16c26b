"""Anyone's module: found, sharpened in place, compiled, run."""

import copy
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from random_modules import drawn
from random_networks import evaluate_plainly
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

import steep
from steep.errors import SteepError
from steep.modules.compilation import evaluate, followed, observed, rounded, seen
from steep.modules.places import places_of
from steep.modules.trace import RULES
from steep.nir_export import from_graph, read_graph
from steep.stpu.elementfile import recorded_text, traces_of
from steep.stpu.export import AnswerTable, read_classes
from steep.stpu.reference import simulate
from steep.stpu.textmodel import read_model
from steep.threshold.fingerprint import fingerprint

FRAMES = 6


class Residual(nn.Module):
    """Two residual blocks, a dilated depthwise convolution, an average, a concatenation, a functional ReLU, a shared
    one, normalisation after an activation, tanh before a padded convolution, a global average."""

    def __init__(self, channels: int = 1, classes: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, padding=1, bias=True)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(4))
        self.block = nn.Conv2d(8, 8, 3, padding=1)
        self.spread = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.points = nn.Conv2d(8, 8, 1)
        self.join = nn.Conv2d(24, 8, 3, stride=2, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.tanh = nn.Tanh()
        self.output = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norms[0](self.first(x)))
        x = self.relu(self.norms[1](self.block(x)) + x)
        y = functional.relu(self.points(self.spread(x))) + x
        y = self.norms[2](self.tanh(y))
        z = torch.cat([x, y, functional.avg_pool2d(y, 3, 1, 1)], 1)
        z = self.relu(self.norms[3](self.join(z)))
        return self.output(functional.adaptive_avg_pool2d(z, 1).flatten(1))


def trained(seed: int = 0) -> tuple[Residual, np.ndarray]:
    """Return a module with numbers as training gives them, and frames of currents."""
    torch.manual_seed(seed)
    module = Residual()
    values = np.random.default_rng(seed).integers(0, 256, (40, 1, 9, 8)).astype(np.uint8)
    optimizer = torch.optim.SGD(module.parameters(), 0.05)
    x = seen(values, steep.Currents((1, 9, 8), 0.5, 0.5)).float()
    for _ in range(5):
        loss = functional.cross_entropy(module(x), torch.arange(40) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module, values


GIVEN = steep.Currents((1, 9, 8), 0.5, 0.5)


def test_a_residual_network_fires_as_the_module_does_and_alike_everywhere(tmp_path: Path) -> None:
    module, values = trained()
    names, kind = list(module.state_dict()), type(module)
    places = steep.sharpen(module, seen(values, GIVEN).float())
    assert type(module) is kind and [n for n in module.state_dict() if not n.startswith("steep.")] == names
    assert [place.name for place in places.places] == ["relu", "relu_2", "relu_3", "tanh", "relu_4"] or len(
        {place.name for place in places.places}
    ) == len(places.places) == 5
    places.set_sharpness(1.0)
    module.eval()
    found = followed(module, GIVEN)
    fired, output = observed(module, seen(values, GIVEN))
    spikes, outputs = evaluate(found, values)
    for name, parts in found.members.items():
        for number, channels in parts:
            wanted = fired[name][:, channels].reshape(len(values), -1)
            assert np.array_equal(spikes[number - 1], wanted), name
    np.testing.assert_allclose(outputs["output"], output["output"], rtol=0, atol=1e-12)

    network = steep.compile(module, GIVEN, bits=8)
    assert network.verify(values[:4], on=("torch", "stpu", "brian2-synapses")).endswith("0 differ")
    plain = [evaluate_plainly(network.threshold, frame) for frame in values[:4]]
    run = network.run(values[:4])
    assert np.array_equal(2 * run.potential, [potential for _, potential in plain])
    for name in found.members:
        assert run[name].shape == fired[name][:4].shape
    # What the potentials say in the module's own numbers is near what it says itself.
    wanted = output["output"]
    assert np.abs(run.outputs - wanted[:4]).max() < 0.2 * np.abs(wanted).max()
    network.save(tmp_path / "network.npz")
    again = steep.Network.load(tmp_path / "network.npz")
    assert np.array_equal(again.run(values).outputs, network.run(values).outputs)
    assert str(again) == str(network) and "relu" in str(network)


@pytest.mark.parametrize("block", range(6))
def test_random_modules_are_followed_to_the_last_spike(block: int) -> None:
    """Outputs tell: they are sums of spikes times numbers that are drawn."""
    done = 0
    for seed in range(50 * block, 50 * block + 50):
        module, shape, values, currents = drawn(seed)
        module.eval()
        given = steep.Currents(shape, 0.3, 0.5) if currents else steep.InputSpikes(shape)
        try:
            steep.sharpen(module, seen(values, given).float()).set_sharpness(1.0)
            found = followed(module, given)
        except SteepError as error:
            assert "maximum pooling" in str(error), module.told
            continue
        _, output = observed(module, seen(values, given))
        _, outputs = evaluate(found, values)
        np.testing.assert_allclose(outputs["output"], output["output"], rtol=1e-9, atol=1e-9, err_msg=str(module.told))
        if seed % 10 == 0:
            network = steep.Network(rounded(found, shape, given.top, random.Random(seed).randint(3, 12)))
            network.verify(values, on=("torch", "stpu"))
        done += 1
    assert done > 40


def test_what_is_saved_is_what_runs(tmp_path: Path) -> None:
    module, values = trained()
    x = seen(values, GIVEN).float()
    steep.sharpen(module, x, shape="sigmoid", surrogate_slope=3).set_sharpness([0.0, 0.25, 0.5, 0.75, 1.0])
    torch.save(module.state_dict(), tmp_path / "state.pt")
    other, _ = trained(1)
    steep.sharpen(other, x)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert places_of(other).sharpness.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert (places_of(other).shape, places_of(other).surrogate_slope) == ("sigmoid", 3)
    module.eval(), other.eval()
    assert torch.equal(module(x), other(x))
    copied = copy.deepcopy(module)
    places_of(copied).set_sharpness(1.0)
    assert places_of(module).sharpness[0] == 0 and not torch.equal(copied(x), module(x))
    with pytest.raises(SteepError, match=r"4 of 5 places are no steps yet, the first is relu; train on"):
        steep.compile(module, GIVEN)


def test_at_sharpness_0_bounded_activations_are_what_they_were() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 2, 3, padding=1), nn.Sigmoid(), nn.Flatten()
    )
    x = torch.randn(5, 1, 4, 4)
    before = module(x)
    steep.sharpen(module, x, shape="sigmoid")
    torch.testing.assert_close(module(x), before)


def test_training_goes_on_in_the_user_s_own_loop() -> None:
    module, values = trained()
    x = seen(values, GIVEN).float()
    steep.sharpen(module, x)
    sharpener = steep.Sharpener(module, steps=10, full_at=0.5)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    before = module.first.weight.detach().clone()
    for _ in range(10):
        loss = functional.cross_entropy(module(x), torch.arange(40) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sharpener.step()
    assert sharpener.sharpness == (1.0,) * 5 and not torch.equal(before, module.first.weight)
    assert all(parameter.grad is not None for parameter in module.parameters())
    again = steep.Sharpener(module, steps=10)
    assert again.sharpness[0] == 0
    again.load_state_dict(sharpener.state_dict())
    assert again.sharpness[0] == 1 and places_of(module).sharpness.tolist() == [1.0] * 5
    with pytest.raises(SteepError, match="the saved sharpening has 10 steps, this one 9"):
        steep.Sharpener(module, steps=9).load_state_dict(sharpener.state_dict())
    one_by_one = steep.Sharpener(module, steps=10, full_at=1.0, bottom_up=True)
    one_by_one.load_state_dict({"done": 5, "steps": 10})
    assert one_by_one.sharpness == (1.0, 1.0, 0.5, 0.0, 0.0)
    statistics = module.norms[0].running_mean.clone()
    steep.estimate_statistics(module, [(x, None)])
    assert not torch.equal(statistics, module.norms[0].running_mean) and module.training


class Given(nn.Module):
    """A module made of one function."""

    def __init__(self, act) -> None:
        super().__init__()
        self.act, self.weights = act, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self, x)


def filled(module: nn.Module, x: Tensor) -> Tensor:
    buffer = torch.zeros(len(x), 6, dtype=x.dtype)
    buffer[:, :4] = torch.relu(x)
    return buffer * 2


def taken_out(module: nn.Module, x: Tensor) -> Tensor:
    return torch.relu(x) + float(x.detach().numpy().max())


REFUSED = {
    "softmax": (lambda m, x: torch.relu(x).softmax(1), "_softmax between two steps is not affine; leave it out"),
    "layer norm": (
        lambda m, x: functional.layer_norm(torch.relu(x), (4,)),
        "native_layer_norm .* normalise over the batch",
    ),
    "a gate": (lambda m, x: torch.relu(x) * torch.sigmoid(x), "a product of two values that both depend on the frame"),
    "gelu": (lambda m, x: functional.gelu(torch.relu(x)), "gelu has no step to become; write a ReLU"),
    "no activation": (lambda m, x: m.weights(x), "applies no activation; there is nothing to sharpen"),
    "a branch": (lambda m, x: torch.relu(x) if x.sum() > 0 else x, "a sum over the frames"),
    "over frames": (lambda m, x: torch.relu(x) - torch.relu(x).mean(0, keepdim=True), "a sum over the frames"),
    "division": (lambda m, x: torch.relu(x) / (torch.relu(x) + 1), "a division by what depends on the frame"),
    "written over": (
        lambda m, x: (lambda y: (y[:, :2].add_(1), y)[1])(torch.relu(m.weights(x))),
        "memory was written to in place",
    ),
    "frames in another order": (lambda m, x: torch.relu(x).flip(0), "the first axis, over frames, becomes another"),
    "frames in one": (lambda m, x: torch.relu(x).reshape(-1), "the first axis, over frames, becomes another"),
    "as many constants as frames": (
        lambda m, x: torch.relu(x) + torch.arange(len(x), dtype=x.dtype)[:, None],
        "a constant that is another for every frame",
    ),
    "a buffer filled in place": (filled, "a tensor was filled, in place, with what depends on the frame; concatenate"),
    "a division that rounds": (
        lambda m, x: torch.div(torch.relu(x), 0.3, rounding_mode="floor"),
        "a division that rounds is not affine",
    ),
    "a conversion": (
        lambda m, x: torch.relu(x).int().to(x.dtype),
        "a conversion to int32, which rounds, is not affine",
    ),
    "noise": (lambda m, x: torch.relu(x + torch.randn(4)), "random numbers in a forward pass that is evaluated"),
    "numbers taken out": (taken_out, "the module does not do to every frame what it did to the one"),
    "square": (lambda m, x: torch.relu(x) ** 2, "pow between two steps is not affine"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_in_one_line_that_says_where(name: str) -> None:
    act, words = REFUSED[name]
    module = Given(act)
    with pytest.raises(SteepError, match=words) as caught:
        steep.sharpen(module, torch.rand(3, 4)).set_sharpness(1.0)
        steep.compile(module, steep.Currents((4,)))
    assert "\n" not in str(caught.value)
    if name not in ("no activation", "written over", "numbers taken out"):
        assert "test_any_module.py:" in str(caught.value)
    if name == "numbers taken out":  # which only other frames show, when it is compiled
        return
    # Nothing is left of the attempt.
    assert not hasattr(module, "steep") and not module._forward_pre_hooks
    assert list(module.state_dict()) == ["weights.weight", "weights.bias"]


class Head(nn.Module):
    """What only training passes through."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.weights(x))


def test_a_way_that_only_training_takes_is_no_part_of_the_network() -> None:
    def act(module: Given, x: Tensor) -> Tensor:
        y = torch.relu(module.weights(x))
        return y + module.head(y) if module.training else y

    module = Given(act)
    module.head = Head()
    places = steep.sharpen(module.eval(), torch.rand(3, 4))
    assert [place.name for place in places.places] == ["relu"]
    module.train()
    module(torch.rand(3, 4)).sum().backward()
    module.act = lambda m, x: torch.relu(torch.relu(m.weights(x)))
    module.eval()
    with pytest.raises(SteepError, match="a relu that was not there when the module was sharpened"):
        module(torch.rand(3, 4))
    module.train()
    with pytest.raises(SteepError, match="applies 2 activations in training, and 1 when it was sharpened; put"):
        module(torch.rand(3, 4))
    # The next pass is not disturbed by the one that failed.
    module.act = act
    assert module(torch.rand(3, 4)).shape == (3, 4)
    assert torch.relu(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]


def stepped(module: nn.Module, x: Tensor) -> nn.Module:
    """Return a module sharpened to the end."""
    steep.sharpen(module, x).set_sharpness(1.0)
    return module


def test_activations_are_answered_however_the_module_is_run() -> None:
    x = torch.rand(5, 4)
    module = stepped(Given(lambda m, x: torch.relu(m.weights(x))), x)
    found = module(x)
    assert len(found.unique()) <= 2 and torch.equal(module.forward(x), found)
    with pytest.raises(KeyboardInterrupt):
        module.act = interrupted
        module(x)
    assert torch.relu(torch.tensor([0.25, 2.0])).tolist() == [0.25, 2.0]
    # Threads have passes of their own.
    module.act = lambda m, x: torch.relu(m.weights(x))
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(one, found) for one in pool.map(lambda _: module(x), range(40)))
    # A part that runs outside is refused, and so is one that checkpointing runs again.
    parts = stepped(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), x)
    assert parts[0](x).shape == (5, 4)
    with pytest.raises(SteepError, match="1 runs outside the sharpened module that it is a part of"):
        parts[1](x)
    for reentrant in (True, False):
        rerun = Given(lambda m, x, again=reentrant: checkpoint(functional.relu, m.weights(x), use_reentrant=again))
        stepped(rerun, x)
        with pytest.raises(SteepError, match="gradient checkpointing of a part runs it again"):
            rerun(x.requires_grad_())
    copy_of_it = pickle.loads(pickle.dumps(parts))
    assert torch.equal(copy_of_it(x), parts(x)) and places_of(copy_of_it) is not places_of(parts)


def interrupted(module: nn.Module, x: Tensor) -> Tensor:
    raise KeyboardInterrupt


def test_a_module_that_calls_itself_and_one_inside_another() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.again, self.output = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor, left: int = 3) -> Tensor:
            return self(torch.relu(self.again(x)), left - 1) if left else self.output(x)

    x = torch.rand(6, 4)
    loop = stepped(Loop(), x)
    assert [place.name for place in places_of(loop).places] == ["relu", "relu_2", "relu_3"]
    network = steep.compile(loop, steep.Currents((4,)), bits=16)
    assert [population.name for population in network.threshold.populations] == ["relu", "relu_2", "relu_3", "output"]
    with pytest.raises(SteepError, match="0, a part of the module, is sharpened already; sharpen the whole, once"):
        steep.sharpen(nn.Sequential(loop, nn.ReLU()), x)


def test_names_of_places_are_their_own() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.relu_2, self.output = nn.ReLU(), nn.ReLU(), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.output(self.relu(self.relu(self.relu_2(x))))

    places = steep.sharpen(Named(), torch.rand(3, 4))
    assert [place.name for place in places.places] == ["relu_2", "relu", "relu_3", "output_2"]


def test_ties_that_the_module_means_stay_ties() -> None:
    """Sums of small multiples of one number equal their threshold often; rounded weights would tear them apart."""
    torch.manual_seed(0)
    act = functional.hardtanh

    def tied(module: Given, x: Tensor) -> Tensor:
        y = module.weights(x)
        one = act(act(y, 0, 2) + act(-y, 0, 1) - 1)
        return one + torch.tanh(torch.tanh(y) + torch.tanh(-y) + 2 * torch.tanh(y.flip(1)))

    module, given = stepped(Given(tied), torch.rand(50, 4)), steep.InputSpikes((4,))
    values = np.array(np.meshgrid(*4 * [[0, 1]])).reshape(4, -1).T.astype(np.uint8)
    network = steep.compile(module, given, bits=16)
    fired, _ = observed(module, seen(values, given))
    run = network.run(values)
    assert all(np.array_equal(run[name], spikes) for name, spikes in fired.items())


def test_an_output_without_weights_tells_its_constants() -> None:
    module = Given(lambda m, x: m.weights(torch.relu(x)))
    with torch.no_grad():
        module.weights.weight.zero_()
        module.weights.bias.copy_(torch.tensor([0.1, 0.3, -0.2, 0.0]))
    network = steep.compile(stepped(module, torch.rand(9, 4)), steep.Currents((4,)))
    run = network.run(np.zeros((1, 4), np.uint8))
    assert run.classes().tolist() == [1] and np.abs(run.outputs - [[0.1, 0.3, -0.2, 0.0]]).max() < 0.005


@pytest.mark.parametrize("bits", [1, 17, 33, 0, -1, True, 8.0, None, {"": 8, "output": 20}])
def test_bits_are_whole_numbers_from_2_to_16(bits: object) -> None:
    module = stepped(Given(lambda m, x: m.weights(torch.relu(x))), torch.rand(9, 4))
    with pytest.raises(SteepError, match=r"write a whole number from 2 to 16$"):
        steep.compile(module, steep.Currents((4,)), bits=bits)


BAD = {
    "shape": (lambda: steep.InputSpikes(12), r"the shape of a frame is 12; write channels and sides"),
    "no side": (lambda: steep.InputSpikes((3, 0)), r"the shape of a frame is \(3, 0\)"),
    "means": (lambda: steep.Currents((3, 4, 4), mean=(0.1, 0.2)), "mean has 2 numbers for 3 channels"),
    "scale": (lambda: steep.Currents((3, 4, 4), full_scale=0), "full_scale 0; write numbers above 0"),
    "inputs": (lambda: steep.sharpen(Residual(), (torch.rand(2, 1, 9, 8), 1)), "takes one tensor"),
    "slope": (lambda: steep.sharpen(Residual(), torch.rand(2, 1, 9, 8), surrogate_slope=0), "a slope above 0"),
    "no batches": (lambda: steep.estimate_statistics(Residual(), []), "there is no batch of two frames or more"),
    "a tensor of batches": (lambda: steep.estimate_statistics(Residual(), torch.rand(2, 1, 9, 8)), "are one tensor"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(name: str) -> None:
    act, words = BAD[name]
    with pytest.raises(SteepError, match=words) as caught:
        act()
    assert "\n" not in str(caught.value)


def test_statistics_come_back_where_they_could_not_be_estimated() -> None:
    module, values = trained()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    x = seen(values, GIVEN).float()
    for batches in ([], [x[:1]], [x, "none"]):
        with pytest.raises(SteepError):
            steep.estimate_statistics(module, batches)
        assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    module.norms.append(nn.BatchNorm2d(8))  # which nothing passes
    module.norms[4].running_mean.fill_(3)
    steep.estimate_statistics(module, [x, x[:1]])
    assert module.norms[4].running_mean.tolist() == [3.0] * 8
    assert not torch.equal(module.norms[0].running_mean, before["norms.0.running_mean"])


def test_a_verification_compares_something() -> None:
    module, values = trained()
    network = steep.compile(stepped(module, seen(values, GIVEN).float()), GIVEN)
    for frames, on in ((values, ("torch",)), (values[:0], ("torch", "stpu")), (values, ("torch", "torch"))):
        with pytest.raises(SteepError, match="compare nothing; give a frame and two"):
            network.verify(frames, on)
    with pytest.raises(SteepError, match="form is 'any'; write one of exact, portable"):
        network.to_nir("net.nir", "any")


def test_several_outputs_and_their_worth() -> None:
    torch.manual_seed(0)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.one, self.other = nn.Linear(4, 16), nn.Linear(16, 2), nn.Linear(16, 3)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = torch.relu(self.hidden(x))
            return {"class": self.one(y), "value": 100 * self.other(y)}

    module, values = Two(), np.random.default_rng(0).integers(0, 256, (20, 4)).astype(np.uint8)
    given = steep.Currents((4,))
    steep.sharpen(module, seen(values, given).float()).set_sharpness(1.0)
    network = steep.compile(module, given, bits={"": 8, "output": 14})
    found = network.run(values).outputs
    with torch.no_grad():
        wanted = torch.cat(list(module(seen(values, given).float()).values()), 1).numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-3 * np.abs(wanted).max())
    with pytest.raises(SteepError, match="there is no place 'hiden'; places are relu"):
        steep.compile(module, given, bits={"hiden": 4})


def test_frames_that_do_not_fit_are_one_line() -> None:
    module, values = trained()
    steep.sharpen(module, seen(values, GIVEN).float()).set_sharpness(1.0)
    network = steep.compile(module, GIVEN)
    for frames, words in (
        (values.astype(np.float32), "frames are float32"),
        (values[:, :, 1:], r"of shape \(1, 8, 8\); the network takes uint8 of shape \(1, 9, 8\)"),
    ):
        with pytest.raises(SteepError, match=words):
            network.run(frames)
    with pytest.raises(SteepError, match="there is no simulator 'loihi'; write one of torch"):
        network.run(values, on="loihi")
    with pytest.raises(SteepError, match="there is no place 'tan'; there are relu"):
        network.run(values)["tan"]
    only = network.run(values, record=["tanh"])
    assert only["tanh"].shape == (40, 8, 9, 8)
    with pytest.raises(SteepError, match="were not recorded"):
        only["relu"]


def test_the_files_of_other_tools_say_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))
    given, values = steep.InputSpikes((1, 2, 3)), np.random.default_rng(0).integers(0, 2, (9, 1, 2, 3)).astype(np.uint8)
    steep.sharpen(module, seen(values, given).float()).set_sharpness(1.0)
    network = steep.compile(module, given)
    classes = network.run(values).classes()
    for readout in ("wta", "potential"):
        network.to_gensa(tmp_path / "net.txt", values, readout)
        table, model = AnswerTable.load(tmp_path / "net.txt.csv"), read_model(tmp_path / "net.txt")
        steps, traces = int(table.steps[-1]) + 1, traces_of(model.outputs)
        watched = np.unique([trace.neuron for trace in traces])
        recording = simulate(model.network, model.stimulus.until(steps), steps, watched)
        text = recorded_text(traces, recording, watched, steps, model.network.is_input)
        (tmp_path / "recorded").write_text(text)
        assert np.array_equal(read_classes(table, tmp_path / "recorded"), classes)
    network.to_nir(tmp_path / "net.nir")
    assert fingerprint(from_graph(read_graph(tmp_path / "net.nir"))) == fingerprint(network.threshold)


def test_of_several_outputs_one_may_be_an_image() -> None:
    torch.manual_seed(0)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.image, self.flat = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 3), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = torch.relu(self.hidden(x))
            return self.image(y), self.flat(y.mean((2, 3)))

    given, values = steep.Currents((1, 5, 4)), np.random.default_rng(0).integers(0, 256, (7, 1, 5, 4)).astype(np.uint8)
    module = stepped(Two(), seen(values, given).float())
    network = steep.compile(module, given, bits=16)
    _, wanted = observed(module, seen(values, given))
    flat = np.concatenate([one.reshape(7, -1) for one in wanted.values()], 1)
    np.testing.assert_allclose(network.run(values).outputs, flat, atol=1e-3)
    network.verify(values, on=("torch", "stpu"))


def test_every_rule_is_of_an_operator_that_a_pass_can_show() -> None:
    """Others are taken apart by PyTorch before it asks."""
    composite = torch._C.DispatchKey.CompositeImplicitAutograd
    for name in RULES:
        overloads = getattr(torch.ops.aten, name).overloads()
        full = [f"aten::{name}.{one}".removesuffix(".default") for one in overloads]
        found = [one for one in full if torch._C._dispatch_has_kernel(one)]
        assert not all(torch._C._dispatch_has_kernel_for_dispatch_key(one, composite) for one in found), name
