"""One point of a search space, and every hyperparameter there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from autotiny.compression.distillation import Distillation
from autotiny.compression.sparsity import SCHEDULES, SparsitySchedule

Value = bool | int | float | str


@dataclass(frozen=True)
class ParameterRule:
    """What a hyperparameter may be, and what it is when a space leaves it out.

    Attributes:
        kind: ``float``, ``int`` or ``choice``.
        default: Its value when dropped.
        low: Smallest legal value.
        high: Largest legal value.
        choices: Legal values of a choice.
        needs: Another parameter that must be above 0 for this one to matter.
    """

    kind: Literal["float", "int", "choice"]
    default: Value
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()
    needs: str | None = None


#: Every hyperparameter of a study, in the order they are asked for.
RULES: dict[str, ParameterRule] = {
    "width": ParameterRule("float", 1.0, 0.01, 1.0),
    "depth": ParameterRule("float", 1.0, 0.0, 1.0),
    "sparsity": ParameterRule("float", 0.0, 0.0, 0.99),
    "pruning_schedule": ParameterRule(
        "choice", "polynomial", choices=tuple(SCHEDULES), needs="sparsity"
    ),
    "pruning_begin": ParameterRule("float", 0.0, 0.0, 0.9, needs="sparsity"),
    "pruning_end": ParameterRule("float", 0.6, 0.05, 1.0, needs="sparsity"),
    "pruning_power": ParameterRule("float", 3.0, 0.1, 10.0, needs="sparsity"),
    "pruning_frequency": ParameterRule("int", 20, 1, 10_000, needs="sparsity"),
    "precision_tolerance": ParameterRule("float", 0.0, 0.0, 100.0),
    "encoding_ram": ParameterRule("choice", "budget", choices=("free", "budget")),
    "distillation_alpha": ParameterRule("float", 0.0, 0.0, 1.0),
    "distillation_temperature": ParameterRule("float", 4.0, 0.1, 100.0, needs="distillation_alpha"),
    "learning_rate": ParameterRule("float", 0.002, 1e-7, 1.0),
    "epochs": ParameterRule("int", 30, 1, 100_000),
}


@dataclass(frozen=True)
class Candidate:
    """One point of the search space: every hyperparameter of one trial.

    Attributes:
        width: Fraction of the base model's channels that stay.
        depth: Fraction of the base model's removable blocks that stay.
        sparsity: When how many weights become zero.
        precision_tolerance: Largest summed sensitivity of the precision plan, in nats.
        encoding_ram: Where decoded weights may live: ``free`` is under the arena's existing peak,
            ``budget`` is wherever the RAM budget allows.
        distillation: Temperature and alpha.
        learning_rate: Adam's peak rate.
        epochs: Passes over the training split; layers of few bits then get a third as many more.
    """

    width: float
    depth: float
    sparsity: SparsitySchedule
    precision_tolerance: float
    encoding_ram: str
    distillation: Distillation
    learning_rate: float
    epochs: int

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Candidate":
        """Return the candidate of a trial's parameters; those left out take their defaults."""
        p = {name: rule.default for name, rule in RULES.items()} | dict(parameters)
        begin = float(p["pruning_begin"])
        return cls(
            width=float(p["width"]),
            depth=float(p["depth"]),
            sparsity=SparsitySchedule(
                final=float(p["sparsity"]),
                kind=p["pruning_schedule"],
                begin=begin,
                end=max(begin, float(p["pruning_end"])),
                power=float(p["pruning_power"]),
                frequency=int(p["pruning_frequency"]),
            ),
            precision_tolerance=float(p["precision_tolerance"]),
            encoding_ram=str(p["encoding_ram"]),
            distillation=Distillation(
                alpha=float(p["distillation_alpha"]),
                temperature=float(p["distillation_temperature"]),
            ),
            learning_rate=float(p["learning_rate"]),
            epochs=int(p["epochs"]),
        )


class BaseTraining(BaseModel):
    """How the base model is trained, once per study."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=0.003, gt=0, lt=1)
    batch_size: int = Field(default=32, ge=1)
