"""Calls of the library leave PyTorch and Brian2 as their caller had set them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from brian2 import defaultclock, ms, prefs

from steep.frames import Frames
from steep.population import train_population
from steep.recipes import PopulationRecipe, SharpeningRecipe, TrainingRecipe
from steep.sharpening.training import sharpen
from steep.simulators import load_simulator
from steep.stpu.brian2_stpu import simulate as simulate_model
from steep.stpu.layout import from_threshold_network
from steep.stpu.sweeps import stimulus_of
from steep.threshold.compile import compile_network
from steep.threshold.margins import margin_rows
from steep.training import continue_original, train_original

SPEC = {
    "input_shape": [1, 6, 6],
    "full_scale": 1,
    "layers": [{"kind": "dense", "units": 4}],
    "classes": 2,
    "activation": "relu",
    "batch_normalization": True,
}
RECIPE = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 24, "epochs": 1, "dropout": 0, "input_dropout": 0}
STEPS = {"shape": "ramp", "schedule": {"kind": "uniform", "full_at": 0.5}, "surrogate_slope": 2}


@pytest.fixture
def chosen() -> Iterator[None]:
    """Choose settings that no part of the library chooses; put back at the end what was there."""
    threads, state, step, target = torch.get_num_threads(), torch.get_rng_state(), defaultclock.dt, prefs.codegen.target
    torch.set_num_threads(3)
    torch.manual_seed(12345)
    defaultclock.dt, prefs.codegen.target, prefs.core.default_float_dtype = 0.7 * ms, "cython", np.float32
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    defaultclock.dt, prefs.codegen.target, prefs.core.default_float_dtype = step, target, np.float64


def current() -> dict[str, object]:
    return {
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "random": torch.get_rng_state().numpy().tobytes(),
        "NumPy's random": np.random.get_state()[1].tobytes(),
        "step": float(defaultclock.dt),
        "target": prefs.codegen.target,
        "dtype": prefs.core.default_float_dtype,
    }


def test_a_study_in_one_process_changes_no_setting(chosen: None, bars: Frames) -> None:
    settings = current()  # asked here, for what orders tests at random seeds them after their fixtures
    original = train_original(SPEC, TrainingRecipe.of(RECIPE), bars, bars, 0)[0].tensors()
    assert current() == settings
    continue_original(original, SPEC, TrainingRecipe.of(RECIPE), bars, bars, 0)
    assert current() == settings
    sharpened = sharpen(original, SPEC, SharpeningRecipe.of(RECIPE | STEPS), bars, bars, 0)[0].tensors()
    assert current() == settings
    network = compile_network(sharpened, SPEC, 4)
    for simulator in ("torch", "brian2-synapses", "stpu"):
        load_simulator(simulator)(network, bars.values[:5])
        assert current() == settings, simulator
    margin_rows(network, sharpened, SPEC, bars.first(5))
    assert current() == settings
    layout = from_threshold_network(network, clock=True)
    stimulus, steps = stimulus_of(layout, bars.values[:5])
    simulate_model(layout.network, stimulus, steps, layout.neurons(2))
    assert current() == settings
    spikes = Frames(bars.values.reshape(240, 1, 1, 36), bars.labels, 2, full_scale=1)
    population = PopulationRecipe.of(RECIPE | STEPS | {"units": 4, "active": 2, "weight_bits": 8})
    train_population(spikes, spikes, population, 0)
    assert current() == settings


def test_what_was_not_changed_is_not_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Putting it back imports half of PyTorch: after Ctrl-C in that very import it would fail."""
    from steep.settings import torch_settings

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("half an import is begun anew")

    monkeypatch.setattr(torch, "use_deterministic_algorithms", refuse)
    with pytest.raises(KeyboardInterrupt), torch_settings():
        raise KeyboardInterrupt
