"""Search spaces: YAML to typed parameters, and one point of them: a candidate."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from autotiny.compression.distillation import Distillation
from autotiny.compression.sparsity import SparsitySchedule
from autotiny.errors import InputError
from autotiny.resources import resource_dir
from autotiny.yaml_text import read_yaml

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
        sparsity: When how many weights become zero.
        precision_tolerance: Largest summed sensitivity of the precision plan, in nats.
        encoding_ram: Where decoded weights may live: ``free`` is under the arena's existing peak,
            ``budget`` is wherever the RAM budget allows.
        distillation: Temperature and alpha.
        learning_rate: Adam's peak rate.
        epochs: Passes over the training split; layers of few bits then get a third as many more.
    """

    width: float
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


def _finite_number(value: Any) -> Any:
    """Refuse what is no number before a union of number types gives one complaint per member."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"must be a finite number; got {value!r}")
    return value


Number = Annotated[int | float, BeforeValidator(_finite_number)]


class Range(BaseModel):
    """``{low: …, high: …}``, with an optional step or a logarithmic scale."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    low: Number
    high: Number
    step: Number | None = None
    log: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low must not be above high; got low {self.low}, high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range must start above 0; got low {self.low}")
        if self.log and self.step is not None:
            raise ValueError("a range takes log or step, not both")
        if self.step is not None and not 0 < self.step <= max(self.high - self.low, 0):
            raise ValueError(
                f"step must be above 0 and at most high - low; got {self.step} for "
                f"{self.low}..{self.high}"
            )
        return self


class Choices(BaseModel):
    """``{choices: [a, b]}``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    choices: list[Value] = Field(min_length=1)


def _kind_of_spec(value: Any) -> str | None:
    """Return which member of ``Spec`` a user means, so that only its rules are told."""
    if isinstance(value, Range | Choices):
        return type(value).__name__
    if isinstance(value, dict):
        return "Choices" if "choices" in value else "Range"
    return "Value" if value is None or isinstance(value, bool | int | float | str) else None


#: What a search space may say about a hyperparameter.
Spec = Annotated[
    Annotated[Range, Tag("Range")]
    | Annotated[Choices, Tag("Choices")]
    | Annotated[Value | None, Tag("Value")],
    Discriminator(
        _kind_of_spec,
        custom_error_type="spec",
        custom_error_message="must be {low: …, high: …}, {choices: […]} or one value",
    ),
]


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
        family: Base-model family; None where the user's own model takes its place.
        base: The family's options.
        training: How the base model is trained; the batch size also holds for candidates.
        parameters: Hyperparameter name to a range, choices, a fixed value, or nothing (dropped).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str = ""
    family: str | None = None
    base: dict[str, Any] = Field(default_factory=dict)
    training: BaseTraining = BaseTraining()
    parameters: dict[str, Spec] = Field(default_factory=dict)

    @field_validator("parameters", mode="before")
    @classmethod
    def _known_names(cls, value: Any) -> Any:
        """Check names before values: what a misspelt one should hold helps nobody."""
        for name in value if isinstance(value, dict) else ():
            _check_name(name)
        return value

    @model_validator(mode="after")
    def _check(self) -> "SearchSpace":
        from autotiny.models import FAMILIES

        if self.family is not None:
            if self.family not in FAMILIES:
                raise ValueError(
                    f"family must be one of {', '.join(FAMILIES)}; got {self.family!r}"
                )
            try:
                FAMILIES[self.family][0](**self.base)
            except ValidationError as error:
                raise ValueError(first_problem(error, "base")) from None
        elif self.base:
            raise ValueError(f"base needs a family whose options it holds; got {self.base}")
        for name, spec in self.parameters.items():
            _check_parameter(name, spec)
        _check_pruning_window(self.parameters)
        return self


def _check_pruning_window(parameters: Mapping[str, Spec]) -> None:
    """Raise ValueError where pruning could only begin when it has to be done."""

    def bounds(name: str) -> tuple[float, float]:
        spec = parameters.get(name)
        if isinstance(spec, Range):
            return spec.low, spec.high
        values = spec.choices if isinstance(spec, Choices) else [spec]
        numbers = [float(RULES[name].default if v is None else v) for v in values]
        return min(numbers), max(numbers)

    if parameters.get("pruning_end") is None:
        return  # the default gives way to a later beginning
    begin, end = bounds("pruning_begin")[0], bounds("pruning_end")[1]
    if bounds("sparsity")[1] > 0 and begin > end:
        raise ValueError(
            "parameters.pruning_begin must be able to lie below parameters.pruning_end; got "
            f"{begin:g} at least and {end:g} at most"
        )


def _check_name(name: Any) -> None:
    """Raise ValueError if there is no hyperparameter of that name."""
    if name in RULES:
        return
    close = difflib.get_close_matches(str(name), RULES, 1)
    hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(RULES)}"
    raise ValueError(f"parameters.{name} is not a hyperparameter; {hint}")


def _check_parameter(name: str, spec: Range | Choices | Value | None) -> None:
    """Raise ValueError where a parameter's values are not legal ones."""
    rule = RULES[name]
    if spec is None:
        return
    if isinstance(spec, Range):
        if rule.kind == "choice":
            raise ValueError(f"parameters.{name} takes choices, not a range")
        values: list[Value] = [spec.low, spec.high]
        if rule.kind == "int":
            steps = values if spec.step is None else [*values, spec.step]
            if not all(isinstance(v, int) for v in steps):
                raise ValueError(f"parameters.{name} takes whole numbers; got {steps}")
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


def parse_space(content: Mapping[str, Any], source: str) -> SearchSpace:
    """Validate a search space.

    Raises:
        InputError: Naming the key, the rule and the value given.
    """
    try:
        return SearchSpace.model_validate(dict(content))
    except ValidationError as error:
        raise InputError(f"{source}: {first_problem(error)}") from None


#: Names pydantic gives the members of a union in the path of a key; a user knows only the keys.
_UNION_MEMBERS = ("Range", "Choices", "Value", "int", "float", "bool", "str")


def first_problem(error: ValidationError, inside: str = "") -> str:
    """Return the first problem of a validation as one sentence.

    Args:
        error: What pydantic found.
        inside: Key that holds what was validated.
    """
    problem = error.errors()[0]
    parts = [inside, *(str(part) for part in problem["loc"])]
    where = ".".join(p for p in parts if p and p not in _UNION_MEMBERS and "(" not in p)
    kind, given = problem["type"], problem.get("input")
    message = problem["msg"].removeprefix("Value error, ").partition(", unable to parse")[0]
    message = message.replace("Input should be", "must be")
    if kind == "extra_forbidden":
        return f"{where} is not a known key."
    if kind == "missing":
        return f"{where} must be given."
    if kind != "value_error":
        message += f"; got {_shortened(given)}"
    if where and where not in message:
        separator = " " if message.startswith("must ") else ": "
        message = f"{where}{separator}{message}"
    return message if message.endswith((".", "?")) else f"{message}."


def _shortened(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}…"
