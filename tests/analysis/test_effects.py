"""Effects: paired by seed, corrected for their number, and nothing told from one seed."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from steep.analysis.effects import effect_answer, effect_table, effect_view

# A difference between seeds that hides what a change does, unless seeds are compared one by one.
BY_SEED = np.array([95.0, 96.0, 97.0, 98.0, 99.0])
UP = np.array([0.5, 0.5, 0.6, 0.4, 0.5])
SPIKING = {
    "plain": BY_SEED,
    "good": BY_SEED + UP,
    "bad": BY_SEED - UP,
    "noise": BY_SEED + np.array([0.5, -0.5, 0.6, -0.4, 0.0]),
    "nothing": BY_SEED,
    "shift": BY_SEED - 0.25,
}


def study(spiking: dict[str, np.ndarray]) -> tuple[dict, pd.DataFrame]:
    config = {
        "baseline": "plain",
        "networks": {"n": {"title": "N"}},
        "datasets": {"d": {"title": "D"}, "other": {"title": "O"}},
        "experiments": {
            name: {"dataset": "d", "network": "n", "encoding": "e", "title": f"the {name}"}
            for name in reversed(spiking)
        }
        | {"elsewhere": {"dataset": "other", "network": "n", "encoding": "e"}},
    }
    rows = [
        {"experiment": name, "stage": stage, "simulator": simulator, "readout": readout, "seed": seed, "frames": 1000}
        | {"accuracy": 99.5 if stage != "threshold" else value if readout == "potential" else 10.0}
        for name, values in (spiking | {"elsewhere": BY_SEED}).items()
        for seed, value in enumerate(values)
        for stage, simulator, readout in (
            *((stage, "torch", "potential") for stage in ("original", "continued", "sharpened")),
            *(("threshold", name, readout) for name in ("torch", "stpu") for readout in ("potential", "spikes")),
        )
    ]
    return config, pd.DataFrame(rows).sample(frac=1, random_state=0)  # whatever the order of the rows


def test_what_a_change_does_is_told_seed_by_seed() -> None:
    table = effect_table(*study(SPIKING)).set_index("experiment")
    assert table.index[0] == "plain" and set(table.index) == set(SPIKING)
    assert table["verdict"].to_dict() == {
        "plain": "baseline",
        "good": "better",
        "bad": "worse",
        "noise": "not distinguishable",
        "nothing": "same",
        "shift": "unclear",
    }
    good = table.loc["good"]
    half = student.ppf(0.975, 4) * np.std(UP, ddof=1) / np.sqrt(5)
    assert (good["effect"], good["effect_ci95"]) == pytest.approx((0.5, half))
    assert good["threshold"] == pytest.approx(97.5) and good["spiking_cost"] == pytest.approx(97.5 - 99.5)
    assert good["seeds"] == 5 and good["frames"] == 1000


def test_a_small_effect_is_only_likely_among_many() -> None:
    """Alone it would be told from chance, among twenty rows it is not."""
    random = np.random.default_rng(1)
    weak = BY_SEED + np.array([0.5, 0.1, 0.4, 0.2, 0.15])
    alone = effect_table(*study({"plain": BY_SEED, "weak": weak})).set_index("experiment")
    assert 0.01 < alone.loc["weak", "p"] < 0.05 and alone.loc["weak", "verdict"] == "better"
    others = {f"n{i}": BY_SEED + random.normal(0, 0.3, 5) for i in range(20)}
    among = effect_table(*study({"plain": BY_SEED, "weak": weak} | others)).set_index("experiment")
    assert among.loc["weak", "p"] == alone.loc["weak", "p"] and among.loc["weak", "verdict"] == "likely better"


@pytest.mark.parametrize("frames", [360, 1000, 1805, 5000, 10000])
def test_the_same_difference_for_every_seed_is_unclear_however_it_is_rounded(frames: int) -> None:
    correct = np.array([262, 314, 222, 303, 230])
    plain, less = 100 * correct / frames, 100 * (correct - 7) / frames
    table = effect_table(*study({"plain": plain, "less": less, "same": plain})).set_index("experiment")
    assert table["verdict"].to_dict() == {"plain": "baseline", "less": "unclear", "same": "same"}


def test_one_seed_tells_nothing() -> None:
    table = effect_table(*study({name: values[:1] for name, values in SPIKING.items()})).set_index("experiment")
    assert table.loc["good", "verdict"] == "unclear" and table.loc["nothing", "verdict"] == "same"
    view = effect_view(table.reset_index()).set_index("Changed")
    assert (
        view.loc["the good", "Effect on threshold"] == "+0.50" and view.loc["the plain", "Effect on threshold"] == "–"
    )


def test_the_sentence_names_what_was_told() -> None:
    table = effect_table(*study(SPIKING))
    assert effect_answer(table) == "Of 5 changes, 1 better (the good), 1 worse (the bad)."
    alone = effect_table(*study({"plain": BY_SEED, "nothing": BY_SEED}))
    assert effect_answer(alone) == "Of 1 change, none is distinguishable from the first row."
