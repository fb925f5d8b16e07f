"""How candidates are proposed: the samplers, the first candidates, and asking Optuna for values."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from autotiny.space import RULES, Choices, Range, SearchSpace

#: Widths of the first candidates, otherwise uncompressed: they anchor the front's two ends.
_ANCHOR_WIDTHS = (1.0, 0.5, 0.25)


def make_sampler(name: str, seed: int) -> Any:
    """Return an Optuna sampler; TPE models all parameters together."""
    import optuna

    if name == "tpe":
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=True, n_startup_trials=8
        )
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=16)
    return optuna.samplers.RandomSampler(seed=seed)


def suggest(trial: Any, space: SearchSpace) -> dict[str, Any]:
    """Return a trial's hyperparameters; those that cannot matter are not asked for."""
    chosen: dict[str, Any] = {}
    for name, rule in RULES.items():
        spec = space.parameters.get(name)
        if spec is None or (rule.needs and not chosen.get(rule.needs, RULES[rule.needs].default)):
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


def anchor_parameters(space: SearchSpace) -> list[dict[str, Any]]:
    """Return the first candidates: a few widths, as little compressed as the space allows."""

    def nearest(name: str, wanted: float) -> Any:
        spec = space.parameters.get(name)
        if not isinstance(spec, Range):
            return None
        within = min(max(wanted, spec.low), spec.high)
        if spec.step is not None:
            steps = min(
                round((within - spec.low) / spec.step), int((spec.high - spec.low) / spec.step)
            )
            # 0.95, not 0.9500000000000001, which is beyond a high of 0.95
            within = max(spec.low, round(spec.low + steps * spec.step, 12))
        return type(wanted)(within)

    def anchor(width: float) -> dict[str, Any]:
        wanted = {"width": width, "sparsity": 0.0, "precision_tolerance": 0.0}
        values = {name: nearest(name, value) for name, value in wanted.items()}
        return {name: value for name, value in values.items() if value is not None}

    unique: list[dict[str, Any]] = []
    for width in _ANCHOR_WIDTHS:
        if (parameters := anchor(width)) and parameters not in unique:
            unique.append(parameters)
    return unique


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
