"""How candidates are proposed: the first ones, and asking Optuna for the values of a trial."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autotiny.hyperparameters import RULES, rule_of
from autotiny.study.space import Choices, Range, SearchSpace

#: The first candidates: how they are compressed, and their share of the widest that fits so.
_ANCHORS: tuple[tuple[dict[str, float], float], ...] = (
    ({}, 1.0),
    ({}, 0.5),
    ({"precision_tolerance": 0.05}, 1.0),
    ({"sparsity": 0.75, "precision_tolerance": 0.02}, 1.0),
    ({}, 0.25),
)
MOST_ANCHORS = len(_ANCHORS)
#: They are trained long, with a teacher, at a rate that suits small networks (docs/methods.md).
_ANCHOR_TRAINING = {
    "sparsity": 0.0,
    "precision_tolerance": 0.0,
    "epochs": float("inf"),
    "learning_rate": 0.01,
    "distillation_alpha": 0.3,
}
#: Halvings that find the widest candidate that fits.
_BISECTIONS = 6


def suggest(trial: Any, space: SearchSpace) -> dict[str, Any]:
    """Return a trial's hyperparameters; those that cannot matter are not asked for."""
    chosen: dict[str, Any] = {}
    for name in (*RULES, *(name for name in space.parameters if name not in RULES)):
        spec, rule = space.parameters.get(name), rule_of(name)
        if spec is None or rule is None or not rule.matters(chosen):
            continue
        if isinstance(spec, Choices):
            chosen[name] = trial.suggest_categorical(name, spec.choices)
        elif not isinstance(spec, Range):
            chosen[name] = spec
        elif rule.kind == "int":
            step = {} if spec.log else {"step": int(spec.step or 1)}
            chosen[name] = trial.suggest_int(
                name, int(spec.low), int(spec.high), log=spec.log, **step
            )
        else:
            chosen[name] = trial.suggest_float(
                name, float(spec.low), float(spec.high), log=spec.log, step=spec.step
            )
    return chosen


def anchor_parameters(
    space: SearchSpace, fits: Callable[[dict[str, Any]], bool] = lambda _: True
) -> list[dict[str, Any]]:
    """Return the first candidates: what a good engineer would try by hand.

    For each way to compress, the widest network that fits the budget, which is found without
    training any; then fractions of the widest uncompressed one, for the small end of the front.

    Args:
        space: Ranges that anchors must lie in.
        fits: Whether a candidate with these hyperparameters is within the budget.
    """
    width = space.parameters.get("width")

    def anchor(changes: Mapping[str, float], share: float) -> dict[str, Any]:
        chosen = _complete(space, {**_ANCHOR_TRAINING, **changes})
        if isinstance(width, Range):
            widest = _widest(space, width, lambda w: fits(chosen | {"width": w}))
            chosen["width"] = nearest(space, "width", share * widest)
        return chosen

    unique: list[dict[str, Any]] = []
    for changes, share in _ANCHORS:
        if (parameters := anchor(changes, share)) and parameters not in unique:
            unique.append(parameters)
    return unique


def _widest(space: SearchSpace, width: Range, fits: Callable[[float], bool]) -> float:
    """Return about the largest width that fits, or the smallest there is.

    Footprints rise with width but for a step down where an encoding starts to pay; there the
    search may end at a width that fits below the step.
    """
    low, high = float(width.low), float(width.high)
    if fits(nearest(space, "width", high)):
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(nearest(space, "width", middle)) else (low, middle)
    return low


def _complete(space: SearchSpace, wanted: Mapping[str, float]) -> dict[str, Any]:
    """Return a value for everything that a space leaves open: as wanted, or near the default."""
    values: dict[str, Any] = {}
    for name, spec in space.parameters.items():
        rule = rule_of(name)
        default = None if rule is None else rule.default
        if isinstance(spec, Choices):
            values[name] = default if default in spec.choices else spec.choices[0]
        elif isinstance(spec, Range):
            values[name] = nearest(space, name, wanted.get(name, default))  # type: ignore[arg-type]
    return values


def fixed_parameters(space: SearchSpace) -> dict[str, Any]:
    """Return the hyperparameters that a space gives one value."""
    return {
        name: spec
        for name, spec in space.parameters.items()
        if spec is not None and not isinstance(spec, Range | Choices)
    }


def nearest(space: SearchSpace, name: str, wanted: float) -> Any:
    """Return the value of a range that is closest to ``wanted``; None if it is no range."""
    spec = space.parameters.get(name)
    if not isinstance(spec, Range):
        return None
    within = min(max(wanted, spec.low), spec.high)
    if spec.step is not None:
        steps = min(round((within - spec.low) / spec.step), int((spec.high - spec.low) / spec.step))
        # 0.95, not 0.9500000000000001, which is beyond a high of 0.95
        within = min(spec.high, max(spec.low, round(spec.low + steps * spec.step, 12)))
    return int(within) if RULES[name].kind == "int" else float(within)


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Silence what Optuna warns of and we want.

    Grouped multivariate TPE may change between versions, and a range that is no whole number of
    steps ends at its last step.
    """
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", message=".*not divisible by `step`.*")
        yield
