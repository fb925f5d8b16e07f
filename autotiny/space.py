"""Search spaces: YAML to typed parameters, and one point of them: a candidate."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autotiny.compression.distillation import Distillation
from autotiny.compression.sparsity import SparsitySchedule
from autotiny.errors import InputError
from autotiny.resources import resource_dir

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
    "sparsity": ParameterRule("float", 0.0, 0.0, 0.99),
    "pruning_schedule": ParameterRule(
        "choice", "polynomial", choices=("constant", "polynomial"), needs="sparsity"
    ),
    "pruning_begin": ParameterRule("float", 0.0, 0.0, 0.9, needs="sparsity"),
    "pruning_end": ParameterRule("float", 0.6, 0.05, 1.0, needs="sparsity"),
    "pruning_power": ParameterRule("float", 3.0, 0.1, 10.0, needs="sparsity"),
    "pruning_frequency": ParameterRule("int", 20, 1, 10_000, needs="sparsity"),
    "precision_tolerance": ParameterRule("float", 0.0, 0.0, 100.0),
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
        sparsity: When how many weights become zero.
        precision_tolerance: Largest summed sensitivity of the precision plan, in nats.
        distillation: Temperature and alpha.
        learning_rate: Adam's peak rate.
        epochs: Passes over the training split.
    """

    width: float
    sparsity: SparsitySchedule
    precision_tolerance: float
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
            sparsity=SparsitySchedule(
                final=float(p["sparsity"]),
                kind=p["pruning_schedule"],
                begin=begin,
                end=max(begin, float(p["pruning_end"])),
                power=float(p["pruning_power"]),
                frequency=int(p["pruning_frequency"]),
            ),
            precision_tolerance=float(p["precision_tolerance"]),
            distillation=Distillation(
                alpha=float(p["distillation_alpha"]),
                temperature=float(p["distillation_temperature"]),
            ),
            learning_rate=float(p["learning_rate"]),
            epochs=int(p["epochs"]),
        )


class Range(BaseModel):
    """``{low: …, high: …}``, with an optional step or a logarithmic scale."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low must not be above high; got low {self.low}, high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range must start above 0; got low {self.low}")
        if self.log and self.step is not None:
            raise ValueError("a range takes log or step, not both")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step must be above 0; got {self.step}")
        return self


class Choices(BaseModel):
    """``{choices: [a, b]}``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    choices: list[Value] = Field(min_length=1)


class BaseTraining(BaseModel):
    """How the base model is trained, once per study."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=0.003, gt=0, lt=1)
    batch_size: int = Field(default=32, ge=1)


class SearchSpace(BaseModel):
    """What a study searches.

    Attributes:
        description: One line for ``autotiny spaces``.
        family: Base-model family.
        base: The family's options.
        training: How the base model is trained; the batch size also holds for candidates.
        parameters: Hyperparameter name to a range, choices, a fixed value, or nothing (dropped).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str = ""
    family: Literal["mlp", "cnn", "ds_cnn"]
    base: dict[str, Any] = Field(default_factory=dict)
    training: BaseTraining = BaseTraining()
    parameters: dict[str, Range | Choices | Value | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> "SearchSpace":
        from autotiny.models import FAMILIES

        FAMILIES[self.family][0](**self.base)
        for name, spec in self.parameters.items():
            _check_parameter(name, spec)
        return self


def _check_parameter(name: str, spec: Range | Choices | Value | None) -> None:
    """Raise ValueError where a parameter's values are not legal ones."""
    if name not in RULES:
        close = difflib.get_close_matches(name, RULES, 1)
        hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(RULES)}"
        raise ValueError(f"parameters.{name} is not a hyperparameter; {hint}")
    rule = RULES[name]
    if spec is None:
        return
    if isinstance(spec, Range):
        if rule.kind == "choice":
            raise ValueError(f"parameters.{name} takes choices, not a range")
        values: list[Value] = [spec.low, spec.high]
        if rule.kind == "int" and not all(isinstance(v, int) for v in values):
            raise ValueError(f"parameters.{name} takes whole numbers; got {values}")
    else:
        values = spec.choices if isinstance(spec, Choices) else [spec]
    for value in values:
        _check_value(name, rule, value)


def _check_value(name: str, rule: ParameterRule, value: Value) -> None:
    if rule.kind == "choice":
        if value not in rule.choices:
            raise ValueError(
                f"parameters.{name} must be one of {', '.join(rule.choices)}; got {value!r}"
            )
        return
    number = int if rule.kind == "int" else (int, float)
    if isinstance(value, bool) or not isinstance(value, number):
        kind = "a whole number" if rule.kind == "int" else "a number"
        raise ValueError(f"parameters.{name} must be {kind}; got {value!r}")
    if not rule.low <= float(value) <= rule.high:
        raise ValueError(f"parameters.{name} must be {rule.low:g}..{rule.high:g}; got {value}")


def space_names() -> list[str]:
    """Return the names of the spaces that come with autotiny."""
    return sorted(path.stem for path in resource_dir("search_spaces").glob("*.yaml"))


def read_space(name_or_path: str) -> dict[str, Any]:
    """Return the YAML of a built-in space or of a file, not yet validated.

    Raises:
        InputError: If there is no such space or the file is not YAML.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise InputError(f"A search space must be an existing YAML file; {path} is not there.")
    elif name_or_path in space_names():
        path = resource_dir("search_spaces") / f"{name_or_path}.yaml"
    else:
        raise InputError(
            f"A search space must be one of {', '.join(space_names())} or a .yaml file; "
            f"got {name_or_path!r}."
        )
    return read_yaml(path)


class _Loader(yaml.SafeLoader):
    """PyYAML with one YAML 1.2 rule: ``1e-4`` is a number, not text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """Return the content of a YAML text."""
    return yaml.load(text, _Loader)  # a SafeLoader with one more rule


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a YAML file's mapping.

    Raises:
        InputError: If it cannot be read or is not a mapping.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} must be readable YAML; {reason}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a YAML mapping; got {type(content).__name__}.")
    return content


def parse_space(content: Mapping[str, Any], source: str) -> SearchSpace:
    """Validate a search space.

    Raises:
        InputError: Naming the key, the rule and the value given.
    """
    try:
        return SearchSpace.model_validate(dict(content))
    except ValidationError as error:
        raise InputError(f"{source}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """Return the first problem of a validation as one sentence."""
    problem = error.errors()[0]
    # pydantic names the members of a union in the path; a user knows only the keys.
    members = ("Range", "Choices", "int", "float", "bool", "str")
    parts = [str(part) for part in problem["loc"]]
    where = ".".join(part for part in parts if part not in members and "(" not in part)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{where} is not a known key."
    given = problem.get("input")
    told = "" if where in message or problem["type"] == "value_error" else f"; got {given!r}"
    text = f"{where}: {message}{told}" if where and where not in message else f"{message}{told}"
    return text if text.endswith((".", "?")) else f"{text}."
