"""Settings that a user gives instead of a sampler, and how a trial keeps one.

A given trial is like any other of its study. It keeps its hyperparameters as a user attribute,
since Optuna takes only what lies within a search space; a setting that does is told to Optuna, too,
so that samplers learn from it.
"""

from collections.abc import Mapping
from typing import Any

from autotiny.errors import InputError
from autotiny.hyperparameters import RULES, Value
from autotiny.study.config import StudyConfig
from autotiny.study.resolving import apply_assignments, expanded
from autotiny.study.sampling import fixed_parameters, suggest
from autotiny.study.space import Choices, Range, SearchSpace
from autotiny.study.space_files import parse_space, read_space
from autotiny.study.teaching import TAUGHT_ALPHA, require_same_teacher

#: User attributes of a trial: its hyperparameters, and that it is trained even if over budget.
GIVEN, ANYWAY = "given", "anyway"


def split_assignments(assignments: tuple[str, ...]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return what ``--set`` gives hyperparameters, and the texts that change the search space.

    Raises:
        InputError: If a hyperparameter is not one, or its value is not legal.
    """
    sections = [*SearchSpace.model_fields]
    sections.remove("parameters")
    others = tuple(text for text in assignments if text.partition("=")[0].split(".")[0] in sections)
    ours = tuple(text for text in assignments if text not in others)
    setting = apply_assignments({}, ours).get("parameters", {})
    for name, value in setting.items():
        if not isinstance(value, bool | int | float | str):
            raise InputError(
                f"--set {name} must be one value, such as width=0.5, since one model is made; got "
                f"{value!r}: `autotiny search` takes ranges."
            )
    parse_space({"parameters": setting}, "--set")
    return {name: _typed(name, value) for name, value in setting.items()}, others


def _typed(name: str, value: Value) -> Value:
    """Return a legal value as the type of its rule: ``width=1`` is 1.0."""
    return float(value) if RULES[name].kind == "float" else value


def complete_setting(setting: Mapping[str, Value], config: StudyConfig) -> dict[str, Value]:
    """Return what a trial keeps: what is given, and of what its study looks at the rest.

    That is what the search space fixes, and defaults where it leaves a choice.

    Those that cannot matter beside the others are left out, unless they were given. A teacher of
    the user's own teaches unless it is told not to.
    """
    if config.teacher is not None:
        setting = {"distillation_alpha": TAUGHT_ALPHA, **setting}
    fixed = fixed_parameters(config.space)
    chosen: dict[str, Value] = {}
    for name, rule in RULES.items():
        if name in setting:
            chosen[name] = setting[name]
        elif name in config.space.parameters and rule.matters(chosen):
            chosen[name] = fixed.get(name, rule.default)
    return chosen


def given_of(attributes: Mapping[str, Any]) -> dict[str, Value] | None:
    """Return a trial's given hyperparameters by its user attributes; None if it was proposed."""
    given = attributes.get(GIVEN)
    return None if given is None else dict(given)


def tell(trial: Any, given: Mapping[str, Value], space: SearchSpace) -> None:
    """Tell Optuna the values of a running given trial, if it is one that the space could propose.

    All or none: TPE takes values that are missing in one trial for independent of the others.
    """
    if in_space(given, space):
        suggest(trial, space)


def in_space(given: Mapping[str, Value], space: SearchSpace) -> bool:
    """Return whether a space could propose a setting; what it leaves out must be the default."""
    for name, rule in RULES.items():
        spec = space.parameters.get(name)
        if rule.matters(given) and not _holds(spec, given.get(name, rule.default), rule.default):
            return False
    return True


def _holds(spec: Any, value: Value, default: Value) -> bool:
    """Return whether a range, choices or a fixed value hold a value."""
    if isinstance(spec, Choices):
        return value in spec.choices
    if not isinstance(spec, Range):
        return value == (default if spec is None else spec)
    if isinstance(value, str):
        return False
    steps = 0.0 if spec.step is None else (value - spec.low) / spec.step
    return spec.low <= value <= spec.high and abs(steps - round(steps)) < 1e-8


def fixed_space(space: SearchSpace, given: Mapping[str, Value]) -> SearchSpace:
    """Return a study's space with the given values and no other, for what they need measured."""
    return space.model_copy(update={"parameters": dict(given)})


def require_same(
    config: StudyConfig, options: Mapping[str, Any], sections: tuple[str, ...] = ()
) -> None:
    """Refuse options that contradict the configuration of an existing study.

    Args:
        config: The study's.
        options: As typed, by the keys of a study file; None is not given.
        sections: ``--set`` texts that change the search space.

    Raises:
        InputError: If one says something else than the study.
    """
    typed = {key: value for key, value in options.items() if value is not None}
    typed.pop("study", None)
    space = config.space.model_dump(mode="json")
    wanted = dict(space)
    if (named := typed.pop("space", None)) is not None:
        content = read_space(str(named))
        if config.model is not None:  # it brings its layers
            content = {key: v for key, v in content.items() if key not in ("family", "base")}
        wanted = parse_space(content, "search space").model_dump(mode="json")
    wanted = parse_space(apply_assignments(wanted, sections), "search space").model_dump(
        mode="json"
    )
    for part in ("family", "base", "training", "protect"):
        _require_equal(config, part, wanted[part], space[part])
    for name, value in expanded(typed, config.target).items():
        if name == "objectives":
            parts = value.split(",") if isinstance(value, str) else value
            names = [part.strip() for part in parts]
            value = tuple(config.score.name if part == "score" else part for part in names)
            _require_equal(config, name, value, config.named_objectives)
        elif name == "teacher":
            require_same_teacher(config, str(value))
        elif name == "target":
            stored = config.target
            for key, part in value.items():
                _require_equal(config, f"target's {key}", part, stored.get(key, part))
        else:
            _require_equal(config, name, value, getattr(config, name))


def _require_equal(config: StudyConfig, name: str, wanted: Any, stored: Any) -> None:
    if wanted != stored:
        said, there = ("none" if value is None else value for value in (wanted, stored))
        raise InputError(
            f"A trial of an existing study must be made as its others; {config.study} has "
            f"{name.removesuffix('_bytes').removesuffix('_s').replace('_', ' ')} {there}, and the "
            f"options say {said}: leave them out, or name a new study with --study."
        )
