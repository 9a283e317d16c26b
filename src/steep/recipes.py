"""Recipes: how a network is trained, sharpened and given a population code, as the config says it.

Each part of a recipe is a frozen dataclass, and its defaults stand here alone. `Part.of` decodes the JSON object of the
config, `Part.written` gives it back. A new key goes into `study/schema.yaml`, becomes a field here, is used in one
place and gets a test.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

from steep.errors import SteepError

Activation = Literal["relu", "leaky_relu", "bounded_relu", "sigmoid", "tanh"]
Optimizer = Literal["rmsprop", "adam", "sgd"]
Precision = Literal["float32", "bfloat16"]
StepShape = Literal["sigmoid", "ramp"]
Start = Literal["random", "output"]
Teacher = Literal["original", "continued"]
CEILING_QUANTILE = 0.99


@dataclass(frozen=True, kw_only=True)
class Part:
    """A JSON object with known keys: its fields but `given`.

    Attributes
    ----------
    given : the keys that stood in the object it was decoded from; the others have their defaults.

    """

    called: ClassVar[str]
    given: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @classmethod
    def known(cls) -> dict[str, Field[Any]]:
        """Return the keys that the object may have, and their fields."""
        return {each.name: each for each in fields(cls) if each.name != "given"}

    @classmethod
    def required(cls) -> list[str]:
        """Return the keys that the object must have."""
        return [name for name, each in cls.known().items() if each.default is MISSING]

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Self:
        """Decode a JSON object whose values fit the schema; SteepError where a key is unknown or missing."""
        known = cls.known()
        for name in mapping:
            if name not in known:
                raise SteepError(f"{cls.called}: {name} is unknown; write {', '.join(known)}")
        for name in cls.required():
            if name not in mapping:
                raise SteepError(f"{cls.called}: {name} is missing; write it")
        values = {name: known[name].metadata.get("decode", _same)(value) for name, value in mapping.items()}
        return cls(**values, given=frozenset(mapping))

    def written(self) -> dict[str, Any]:
        """Return the JSON object: what was given, and what differs from its default."""
        values = {name: getattr(self, name) for name in self.known()}
        return {
            name: value.written() if isinstance(value, Part) else value
            for name, value in values.items()
            if name in self.given or value != self.known()[name].default
        }


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class Augmentation(Part):
    """How training frames are changed at random: moved by up to `shift` pixels each way, mirrored left to right with
    probability 1/2 if `flip`."""

    called = "augmentation"
    shift: int = 0
    flip: bool = False


@dataclass(frozen=True, kw_only=True)
class Distillation(Part):
    """What a network learns of another's answers: their weight beside the labels, 0 to 1, and what scores are divided
    by."""

    called = "distillation"
    teacher: Teacher
    weight: float
    temperature: float


@dataclass(frozen=True, kw_only=True)
class _Schedule(Part):
    """How sharpness grows; the units are steps from the fraction `full_at` of the epochs on."""

    kind: ClassVar[str]
    full_at: float

    def written(self) -> dict[str, Any]:
        """Return the JSON object, its kind included."""
        return {"kind": self.kind} | super().written()


@dataclass(frozen=True, kw_only=True)
class Uniform(_Schedule):
    """All layers sharpen together, linearly.

    Examples
    --------
    >>> schedule_of({"kind": "uniform", "full_at": 0.5})
    Uniform(full_at=0.5)
    >>> Uniform(full_at=0.5).written()
    {'kind': 'uniform', 'full_at': 0.5}

    """

    kind = "uniform"
    called = "schedule uniform"


@dataclass(frozen=True, kw_only=True)
class BottomUp(_Schedule):
    """One layer sharpens after the other."""

    kind = "bottom_up"
    called = "schedule bottom_up"


@dataclass(frozen=True, kw_only=True)
class Adaptive(_Schedule):
    """All layers sharpen together, and wait while the validation loss exceeds the lowest by more than this fraction of
    it."""

    kind = "adaptive"
    called = "schedule adaptive"
    tolerance: float


Schedule = Uniform | BottomUp | Adaptive
SCHEDULES: dict[str, type[Schedule]] = {each.kind: each for each in (Uniform, BottomUp, Adaptive)}


def schedule_of(mapping: Mapping[str, Any]) -> Schedule:
    """Decode a schedule by its ``kind``; SteepError where that is unknown or missing, or another key is."""
    kind = mapping.get("kind")
    if kind not in SCHEDULES:
        raise SteepError(f"schedule: kind is {kind!r}; write {', '.join(SCHEDULES)}")
    return SCHEDULES[kind].of({name: value for name, value in mapping.items() if name != "kind"})


@dataclass(frozen=True, kw_only=True)
class _Fitted(Part):
    """What every training needs: frames a batch, passes through the frames, the highest learning rate, probabilities of
    dropping a hidden unit and an input."""

    optimizer: Optimizer
    learning_rate: float
    batch_size: int
    epochs: int
    dropout: float
    input_dropout: float


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe(_Fitted):
    """Training without sharpening: weight of the squared weights in the loss, the part of the training in which the
    learning rate rises, changes of the frames, arithmetic."""

    called = "training recipe"
    weight_decay: float = 0.0
    warmup: float = 0.0
    augmentation: Augmentation = field(default=Augmentation(), metadata={"decode": Augmentation.of})
    precision: Precision = "float32"


@dataclass(frozen=True, kw_only=True)
class OriginalRecipe(TrainingRecipe):
    """Training of the original network: what its units are besides."""

    called = "original recipe"
    activation: Activation
    batch_normalization: bool


@dataclass(frozen=True, kw_only=True)
class SharpeningRecipe(TrainingRecipe):
    """Training that turns activations into steps: `steep.sharpening.activation` says what shape, slope and ceiling
    are."""

    called = "sharpening recipe"
    shape: StepShape
    schedule: Schedule = field(metadata={"decode": schedule_of})
    surrogate_slope: float
    ceiling: float = CEILING_QUANTILE
    distillation: Distillation | None = field(default=None, metadata={"decode": Distillation.of})


@dataclass(frozen=True, kw_only=True)
class PopulationRecipe(_Fitted):
    """Training of the population code: units of the layer, how many should fire for a class, where their weights come
    from and the bits that are left of them."""

    called = "population recipe"
    units: int
    active: int
    weight_bits: int
    shape: StepShape
    schedule: Schedule = field(metadata={"decode": schedule_of})
    surrogate_slope: float
    start: Start = "random"

    def training(self) -> TrainingRecipe:
        """Return the recipe of the training loop."""
        return TrainingRecipe(**{name: getattr(self, name) for name in _Fitted.known()})
