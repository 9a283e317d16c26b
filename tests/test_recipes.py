"""Recipes say the same as the schema, and give back what they were decoded from."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from steep.errors import SteepError
from steep.recipes import (
    SCHEDULES,
    Adaptive,
    Augmentation,
    Distillation,
    OriginalRecipe,
    Part,
    PopulationRecipe,
    SharpeningRecipe,
    TrainingRecipe,
    Uniform,
    schedule_of,
)
from steep.sharpening import SHARPENING_ONLY
from steep.study.config import check_part, part_of_schema

TRAINING = {
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 24,
    "epochs": 3,
    "dropout": 0,
    "input_dropout": 0.5,
}
STEPS = {"shape": "ramp", "schedule": {"kind": "bottom_up", "full_at": 0.5}, "surrogate_slope": 2}
WHOLE: dict[type[Part], dict[str, Any]] = {
    TrainingRecipe: TRAINING,
    OriginalRecipe: TRAINING | {"activation": "relu", "batch_normalization": True},
    SharpeningRecipe: TRAINING | STEPS,
    PopulationRecipe: TRAINING | STEPS | {"units": 20, "active": 4, "weight_bits": 8},
}
OPTIONAL: dict[type[Part], dict[str, Any]] = {
    TrainingRecipe: {"weight_decay": 0, "warmup": 0.1, "augmentation": {"flip": True}, "precision": "float32"},
    OriginalRecipe: {"weight_decay": 1e-4, "warmup": 0, "augmentation": {}, "precision": "bfloat16"},
    SharpeningRecipe: {
        "weight_decay": 0,
        "warmup": 0,
        "augmentation": {"shift": 0, "flip": False},
        "precision": "float32",
        "ceiling": 0.99,
        "distillation": {"teacher": "continued", "weight": 1, "temperature": 2},
    },
    PopulationRecipe: {"start": "random"},
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parents[1] / "src" / "steep" / "study" / "schema.yaml").read_text())


def nodes(schema: dict[str, Any]) -> dict[type[Part], dict[str, Any]]:
    """Return the part of the schema that each dataclass decodes."""
    recipe = schema["properties"]["recipes"]["additionalProperties"]["properties"]
    schedules = {
        each["if"]["properties"]["kind"]["const"]: each["then"] for each in schema["$defs"]["schedule"]["allOf"]
    }
    return {
        OriginalRecipe: recipe["original"],
        SharpeningRecipe: recipe["sharpening"],
        PopulationRecipe: recipe["population"],
        Augmentation: schema["$defs"]["augmentation"],
        Distillation: recipe["sharpening"]["properties"]["distillation"],
    } | {kind: schedules[name] for name, kind in SCHEDULES.items()}


def test_schema_and_dataclasses_have_the_same_keys_and_words(schema: dict[str, Any]) -> None:
    for part, node in nodes(schema).items():
        keys = {name: value for name, value in node["properties"].items() if name != "kind"}
        assert set(part.known()) == set(keys), part
        assert set(part.required()) == set(node.get("required", [])) - {"kind"}, part
        for name, value in keys.items():
            words = schema["$defs"][value["$ref"].split("/")[-1]] if "$ref" in value else value
            if "enum" in words:
                assert list(get_args(get_type_hints(part)[name])) == words["enum"], (part, name)


def test_what_only_sharpening_has() -> None:
    assert SHARPENING_ONLY == ("shape", "schedule", "surrogate_slope", "ceiling", "distillation")


@pytest.mark.parametrize("part", WHOLE, ids=lambda part: part.__name__)
def test_a_recipe_is_written_as_it_was_given(part: type[Part]) -> None:
    """Keys that say what the default is stay too: a checkpoint is known by them."""
    whole = WHOLE[part] | OPTIONAL[part]
    assert part.known().keys() == whole.keys()
    for given in (WHOLE[part], whole, *(WHOLE[part] | {name: value} for name, value in OPTIONAL[part].items())):
        assert part.of(given).written() == given
        assert replace(part.of(given), epochs=7).written() == given | {"epochs": 7}


def test_a_default_that_is_said_is_the_same_recipe() -> None:
    said = SharpeningRecipe.of(WHOLE[SharpeningRecipe] | {"ceiling": 0.99, "warmup": 0, "augmentation": {"shift": 0}})
    assert said == SharpeningRecipe.of(WHOLE[SharpeningRecipe])
    assert said != replace(said, ceiling=0.9)


@pytest.mark.parametrize("part", WHOLE, ids=lambda part: part.__name__)
def test_keys_that_are_unknown_or_missing_are_named_in_one_line(part: type[Part]) -> None:
    with pytest.raises(SteepError, match=r"^\w+ recipe: momentum is unknown; write [^\n]+$"):
        part.of(WHOLE[part] | {"momentum": 0.9})
    for name in WHOLE[part]:
        with pytest.raises(SteepError, match=f"^[a-z]+ recipe: {name} is missing; write it$"):
            part.of({key: value for key, value in WHOLE[part].items() if key != name})


def test_so_are_those_of_what_they_nest() -> None:
    for nested, message in (
        ({"augmentation": {"turn": 3}}, "augmentation: turn is unknown; write shift, flip"),
        ({"distillation": {"teacher": "original", "weight": 1}}, "distillation: temperature is missing; write it"),
        ({"schedule": {"full_at": 1}}, "schedule: kind is None; write uniform, bottom_up, adaptive"),
        ({"schedule": {"kind": "sudden"}}, "schedule: kind is 'sudden'; write uniform, bottom_up, adaptive"),
        ({"schedule": {"kind": "adaptive", "full_at": 1}}, "schedule adaptive: tolerance is missing; write it"),
        ({"schedule": {"kind": "uniform", "full_at": 1, "tolerance": 1}}, "schedule uniform: tolerance is unknown"),
    ):
        with pytest.raises(SteepError, match=message):
            SharpeningRecipe.of(WHOLE[SharpeningRecipe] | nested)


def test_schedules() -> None:
    assert schedule_of({"kind": "uniform", "full_at": 0.5}) == Uniform(full_at=0.5)
    adaptive = Adaptive(full_at=0.5, tolerance=0.1)
    assert adaptive.written() == {"kind": "adaptive", "full_at": 0.5, "tolerance": 0.1}
    assert schedule_of(adaptive.written()) == adaptive


def test_a_population_is_trained_as_any_network() -> None:
    recipe = PopulationRecipe.of(WHOLE[PopulationRecipe])
    assert recipe.training() == TrainingRecipe.of(TRAINING)


@pytest.mark.parametrize(
    ("path", "part", "without"),
    [
        ("recipes.*.original", OriginalRecipe, ()),
        ("recipes.*.sharpening", TrainingRecipe, SHARPENING_ONLY),
        ("recipes.*.sharpening", SharpeningRecipe, ()),
        ("recipes.*.population", PopulationRecipe, ()),
    ],
)
def test_what_a_verb_takes_can_be_decoded(path: str, part: type[Part], without: tuple[str, ...]) -> None:
    given = WHOLE[part] | OPTIONAL[part]
    check_part(given, part_of_schema(path, without))
    assert part.of(given).written() == given
