"""From a sensitivity table and a tolerance to a precision plan."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autotiny.compression.sensitivity import Sensitivity
from autotiny.network import Network
from autotiny.precision import INT8, LayerPrecision, PrecisionPlan
from autotiny.runtimes._base import PrecisionCosts


@dataclass(frozen=True)
class _Partial:
    """A plan for the first few layers."""

    bytes: int
    cost: float
    choices: tuple[LayerPrecision, ...]


def choose_plan(
    network: Network, table: Sequence[Sensitivity], tolerance: float, costs: PrecisionCosts
) -> PrecisionPlan:
    """Return the plan of fewest bytes whose summed sensitivity stays within a tolerance.

    This is a multiple-choice knapsack. It is solved exactly: layers are added one by one and only
    partial plans that no other beats in both bytes and cost are kept. KL divergences of single
    layers add up well enough to rank plans (Dong et al. 2020, HAWQ-V2, make the same assumption).

    Args:
        network: The student, whose sizes count.
        table: Sensitivities by layer and precision; int8 costs nothing.
        tolerance: Largest sum of KL divergences, in nats.
        costs: Bytes of every layer at every precision, and of the code some need once.
    """
    options: dict[str, list[tuple[LayerPrecision, float]]] = {
        layer.name: [(INT8, 0.0)] for layer in network.weight_layers
    }
    for row in table:
        if row.precision in costs.options.get(row.layer, ()):
            options[row.layer].append((row.precision, row.kl_divergence))
    best: _Partial | None = None
    # A part of the runtime is paid once however many layers need it: try every set of parts.
    for parts in _subsets(costs.code_bytes):
        legal = {
            layer: [option for option in choices if costs.needs(option[0]) <= parts]
            for layer, choices in options.items()
        }
        code = sum(costs.code_bytes[part] for part in parts)
        partial = _cheapest(legal, tolerance, costs, code)
        if best is None or partial.bytes < best.bytes:
            best = partial
    assert best is not None
    chosen = zip(options, best.choices, strict=True)
    return {name: precision for name, precision in chosen if precision != INT8}


def _subsets(names: Iterable[str]) -> list[frozenset[str]]:
    names = tuple(names)
    return [
        frozenset(subset)
        for size in range(len(names) + 1)
        for subset in itertools.combinations(names, size)
    ]


def _cheapest(
    options: Mapping[str, Sequence[tuple[LayerPrecision, float]]],
    tolerance: float,
    costs: PrecisionCosts,
    code: int,
) -> _Partial:
    front = [_Partial(code, 0.0, ())]
    for layer, choices in options.items():
        grown = [
            _Partial(old.bytes + costs.layer_bytes(layer, p), old.cost + cost, (*old.choices, p))
            for old in front
            for p, cost in choices
        ]
        front = _undominated(grown)
    within = [plan for plan in front if plan.cost <= tolerance]
    # int8 throughout costs 0, so a tolerance of 0 or more always leaves one.
    return min(within, key=lambda plan: (plan.bytes, plan.cost))


def _undominated(plans: Sequence[_Partial]) -> list[_Partial]:
    """Keep the plans that no other beats in both bytes and cost."""
    kept: list[_Partial] = []
    for plan in sorted(plans, key=lambda p: (p.bytes, p.cost)):
        if not kept or plan.cost < kept[-1].cost:
            kept.append(plan)
    return kept
