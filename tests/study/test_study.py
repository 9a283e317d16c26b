"""The study as an object: defaults once, what experiments share, the files of the workflow."""

from pathlib import Path
from typing import Any

import pytest

from steep.study.config import check_config, read_config, schema
from steep.study.study import Study

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.stem for path in (ROOT / "config").glob("*.yaml"))


def study(name: str, **changed: Any) -> Study:
    config = read_config(ROOT / "config" / f"{name}.yaml") | changed
    check_config(config)
    return Study.of(config)


def test_defaults_are_those_that_the_schema_tells() -> None:
    config = read_config(ROOT / "config" / "test.yaml")
    told = {name: node["default"] for name, node in schema()["properties"].items() if "default" in node}
    assert set(told) == {"remarks", "mirrors", "evaluation", "parts"}
    bare = Study.of({key: value for key, value in config.items() if key not in told})
    assert (list(bare.mirrors), bare.evaluation, bare.parts) == (told["mirrors"], told["evaluation"], told["parts"])
    entry = schema()["properties"]["experiments"]["additionalProperties"]["properties"]
    dense = bare.experiments["small-dense-digits-current"]
    assert list(dense.readouts) == entry["readouts"]["default"]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_kept_is_a_study(name: str) -> None:
    found = study(name)
    assert list(found.experiments) == list(found.config["experiments"])
    assert all(found.trained_in(key, "original") in found.experiments for key in found.experiments)


def test_a_change_of_sharpening_alone_shares_the_networks_before_it() -> None:
    ablations = study("ablations")
    assert ablations.trained_in("surrogate-1", "original") == ablations.trained_in("ramp", "original") == "baseline"
    assert ablations.trained_in("sgd", "original") == "baseline" and ablations.trained_in("sgd", "continued") == "sgd"
    assert ablations.trained_in("from-tanh", "original") == "from-tanh"
    assert ablations.shared("sgd", 3, "original.csv") == Path("results/ablations/baseline/seed-3/original.csv")


def test_the_teacher_is_the_one_that_the_recipe_names() -> None:
    assert study("ablations").experiments["taught-by-continued"].recipe.teacher == "continued"
    assert study("ablations").experiments["taught-by-original"].recipe.teacher == "original"
    assert study("ablations").experiments["baseline"].recipe.teacher is None


def test_the_first_simulator_keeps_all_layers_and_others_what_is_asked_for_and_needed() -> None:
    test = study("test")
    cnn, dense = test.experiments.values()
    assert cnn.recorded("torch") == cnn.recorded("stpu") == []
    assert dense.recorded("torch") == [] and dense.recorded("stpu") == [2]
    config = read_config(ROOT / "config" / "test.yaml")
    config["experiments"]["small-cnn-digits"]["record"] = [1]
    assert Study.of(config).experiments["small-cnn-digits"].recorded("stpu") == [1, 3, 4]


def test_layers_with_weights_are_numbered_with_the_poolings() -> None:
    cnn, dense = study("test").experiments.values()
    assert (cnn.network.depth, cnn.network.weighted, cnn.network.few_filters) == (4, [1, 3, 4], True)
    assert (dense.network.depth, dense.network.weighted, dense.network.few_filters) == (2, [1, 2], False)


def test_files_of_every_readout() -> None:
    test = study("test")
    names = [str(path.relative_to(test.results)) for path in test.every_file("scores-{readout}.csv")]
    cnn = [
        f"small-cnn-digits/seed-{seed}/scores-{name}.csv" for seed in "01" for name in ("potential", "spikes", "wta")
    ]
    assert names == [*cnn, *(f"small-dense-digits-current/seed-{seed}/scores-potential.csv" for seed in "01")]


def test_currents_have_no_text_model() -> None:
    exports = [path.name for path in study("test").exports() if "current" in str(path)]
    assert exports == ["threshold.exact.nir", "threshold.portable.nir"]


def test_what_is_measured_of_a_simulation_in_parts() -> None:
    whole, parts = study("test").benchmarks(), study("test", parts=3).benchmarks()
    name = "results/test/benchmarks/small-cnn-digits/seed-0/simulate_network-stpu"
    assert Path(f"{name}.tsv") in whole and Path(f"{name}.tsv") not in parts
    assert {Path(f"{name}-{part}.tsv") for part in (1, 2, 3)} <= set(parts)


def test_ways_of_sharpening_bear_titles_that_tell_them_apart() -> None:
    assert study("test").ways_of_sharpening() == {"small CNN": ("sigmoid", 2), "small dense network": ("ramp", 2)}
    ways = study("ablations").ways_of_sharpening()
    assert [name for name, (shape, _) in ways.items() if shape == "ramp"] == ["bounded-relu, ramp"]


def test_a_study_without_a_part_about_the_stpu() -> None:
    cifar10 = study("cifar10")
    assert cifar10.stpu is None and cifar10.swept == () and cifar10.exports() == [] and cifar10.sweep_settings == {}
