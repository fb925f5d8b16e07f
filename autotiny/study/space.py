"""Search spaces: what a study may vary, as pydantic checks it."""

import difflib
import math
from collections.abc import Mapping
from typing import Annotated, Any

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

from autotiny.candidate import BaseTraining
from autotiny.hyperparameters import RULES, ParameterRule, Value, rule_of
from autotiny.problems import first_problem


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


class SearchSpace(BaseModel):
    """What a study searches.

    Attributes:
        description: One line for ``autotiny spaces``.
        family: Base-model family; None where the user's own model takes its place.
        base: The family's options.
        training: How the base model is trained; the batch size also holds for candidates.
        protect: Layers that keep all their channels and weights.
        parameters: Hyperparameter name to a range, choices, a fixed value, or nothing (dropped).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str = ""
    family: str | None = None
    base: dict[str, Any] = Field(default_factory=dict)
    training: BaseTraining = BaseTraining()
    protect: list[str] = Field(default_factory=list)
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
        from autotiny.networks.families import FAMILIES

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

    def may_be(self, name: str, value: Value) -> bool:
        """Return whether a candidate of this space may have a value of a choice."""
        spec = self.parameters.get(name)
        values = spec.choices if isinstance(spec, Choices) else [spec]
        return value in [RULES[name].default if v is None else v for v in values]


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
    if rule_of(str(name)) is not None:
        return
    close = difflib.get_close_matches(str(name), RULES, 1)
    hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(RULES)}"
    raise ValueError(f"parameters.{name} is not a hyperparameter; {hint}")


def _check_parameter(name: str, spec: Range | Choices | Value | None) -> None:
    """Raise ValueError where a parameter's values are not legal ones."""
    rule = rule_of(name)
    if spec is None or rule is None:
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
        if value not in rule.choices or isinstance(value, bool):
            raise ValueError(
                f"parameters.{name} must be one of {', '.join(map(str, rule.choices))}; "
                f"got {value!r}"
            )
        return
    number = int if rule.kind == "int" else (int, float)
    if isinstance(value, bool) or not isinstance(value, number):
        kind = "a whole number" if rule.kind == "int" else "a number"
        raise ValueError(f"parameters.{name} must be {kind}; got {value!r}")
    if not rule.low <= float(value) <= rule.high:
        raise ValueError(f"parameters.{name} must be {rule.low:g}..{rule.high:g}; got {value}")
