"""Anyone's module: found, sharpened in place, compiled, run."""

import copy
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from random_modules import drawn
from random_networks import evaluate_plainly
from torch import Tensor, nn
from torch.nn import functional

import steep
from steep.errors import SteepError
from steep.modules.compilation import evaluate, followed, rounded, seen, widened
from steep.modules.places import places_of
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


def observed(module: nn.Module, x: Tensor) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return which units of each place fire, bool (frames, ...), and the output, both in float64."""
    places, fired = places_of(module), {}

    def watch(number: int, values: Tensor) -> Tensor:
        found = places.values(number, values)
        low = float(places.offset[number]) + float(places.scale[number]) / 2
        fired[places.places[number].name] = (found > low).numpy()
        return found

    places.observer = watch
    try:
        with torch.no_grad(), widened(module):
            output = module(x).numpy()
    finally:
        places.observer = None
    return fired, output


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
    spikes, outputs = evaluate(found, values, GIVEN.shape)
    for name, parts in found.members.items():
        for number, channels in parts:
            wanted = fired[name][:, channels].reshape(len(values), -1)
            assert np.array_equal(spikes[number - 1], wanted), name
    np.testing.assert_allclose(outputs["output"], output, rtol=0, atol=1e-12)

    network = steep.compile(module, GIVEN, bits=8)
    assert network.verify(values[:4], on=("torch", "stpu", "brian2-synapses")).endswith("0 differ")
    plain = [evaluate_plainly(network.threshold, frame) for frame in values[:4]]
    run = network.run(values[:4])
    assert np.array_equal(2 * run.potential, [potential for _, potential in plain])
    for name in found.members:
        assert run[name].shape == fired[name][:4].shape
    # What the potentials say in the module's own numbers is near what it says itself.
    assert np.abs(run.outputs - output[:4]).max() < 0.2 * np.abs(output).max()
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
        _, outputs = evaluate(found, values, shape)
        np.testing.assert_allclose(outputs["output"], output, rtol=1e-9, atol=1e-9, err_msg=str(module.told))
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


def test_a_way_that_only_training_takes_is_no_part_of_the_network() -> None:
    def act(module: Given, x: Tensor) -> Tensor:
        y = torch.relu(module.weights(x))
        return y + torch.relu(y) * 0 if module.training else y

    module = Given(act)
    places = steep.sharpen(module, torch.rand(3, 4))
    assert len(places.places) == 1
    module.train()
    module(torch.rand(3, 4)).sum().backward()
    changed = Given(lambda m, x: torch.relu(torch.relu(m.weights(x))))
    module.act = changed.act
    module.eval()
    with pytest.raises(SteepError, match="a relu that was not there when the module was sharpened"):
        module(torch.rand(3, 4))
    # The next pass is not disturbed by the one that failed.
    module.act = act
    assert module(torch.rand(3, 4)).shape == (3, 4)
    assert torch.relu(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]


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
