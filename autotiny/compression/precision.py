"""From a sensitivity table and a tolerance to a precision plan."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from autotiny.compression.sensitivity import Sensitivity
from autotiny.networks.graph import Network
from autotiny.networks.precision import INT8, LayerPrecision, PrecisionPlan
from autotiny.runtimes._base import PrecisionCosts

#: Halvings of the interval that holds the price of sensitivity; more change no plan.
_BISECTIONS = 60
#: Partial plans that are kept at first, and how far above the bound a plan may then be.
_FRONT, _GAP = 500, 1e-3


@dataclass(frozen=True)
class _Option:
    """One precision of one layer."""

    bytes: int
    cost: float
    precision: LayerPrecision


@dataclass(frozen=True)
class _Partial:
    """A plan for the first few layers, linked to the plan without its last layer."""

    bytes: int
    cost: float
    precision: LayerPrecision = INT8
    before: "_Partial | None" = None

    def precisions(self) -> Iterator[LayerPrecision]:
        """Yield the precision of each layer, the last one first."""
        plan = self
        while plan.before is not None:
            yield plan.precision
            plan = plan.before


_Plan = TypeVar("_Plan", _Option, _Partial)


def choose_plan(
    network: Network, table: Sequence[Sensitivity], tolerance: float, costs: PrecisionCosts
) -> PrecisionPlan:
    """Return the plan of fewest bytes whose summed sensitivity stays within a tolerance.

    Among plans of equal bytes it is one of least summed sensitivity. KL divergences of single
    layers add up well enough to rank plans (Dong et al. 2020, HAWQ-V2, make the same assumption).

    This is a multiple-choice knapsack. Layers are added one by one, and a partial plan is dropped
    if another beats it in both bytes and cost, or if a bound proves that it cannot become a best
    plan. The bound is Lagrange's: with a price on sensitivity layers are independent, and no plan
    within the tolerance has fewer bytes than the sum of the cheapest options less what the
    tolerance is worth (Kellerer, Pferschy and Pisinger 2004, chapter 11). That is exact, and fast
    unless sensitivities are nearly proportional to bytes saved. If more than 500 partial plans
    remain, only the most promising ones are kept, more each time, until the plan found is proved to
    have at most 0.1 % more bytes than any other.

    Args:
        network: The student, whose sizes count.
        table: Sensitivities by layer and precision; int8 costs nothing.
        tolerance: Largest sum of KL divergences, in nats; at 0 every layer stays int8.
        costs: Bytes of every layer at every precision, and of the code some need once.
    """
    if tolerance <= 0:
        return {}
    cost_of: dict[str, dict[LayerPrecision, float]] = {
        layer.name: {INT8: 0.0} for layer in network.weight_layers
    }
    for row in table:
        if row.precision in costs.options.get(row.layer, ()):
            cost_of[row.layer][row.precision] = _cost(row)
    # Large layers first: what is left of the tolerance is then spent on small steps.
    names = sorted(cost_of, key=lambda name: -costs.layer_bytes(name, INT8, frozenset()))
    plans = []
    # A part of the runtime is paid once however many layers need it: try every set of parts.
    for parts in _subsets(costs.code_bytes):
        legal = [
            _undominated(
                _Option(costs.layer_bytes(name, precision, parts), cost, precision)
                for precision, cost in cost_of[name].items()
                if costs.needs(precision) <= parts
            )
            for name in names
        ]
        plans.append(_cheapest(legal, tolerance, sum(costs.code_bytes[part] for part in parts)))
    best = min(plans, key=_order)
    chosen = dict(zip(reversed(names), best.precisions(), strict=True))
    return {name: chosen[name] for name in cost_of if chosen[name] != INT8}


def _cost(row: Sensitivity) -> float:
    """Return what a precision costs, in the unit of the divergence.

    More bits may gain. Fewer cannot: below 0 is noise there, and must not pay for other layers.
    """
    gains = row.precision.activation_bits > INT8.activation_bits
    return row.divergence if gains else max(0.0, row.divergence)


def _subsets(names: Iterable[str]) -> list[frozenset[str]]:
    names = tuple(names)
    return [
        frozenset(subset)
        for size in range(len(names) + 1)
        for subset in itertools.combinations(names, size)
    ]


def _cheapest(layers: Sequence[Sequence[_Option]], tolerance: float, code: int) -> _Partial:
    price, known = _price(layers, tolerance)
    # Least priced bytes and least cost of all layers from each one on.
    worth = _sums_from([min(o.bytes + price * o.cost for o in options) for options in layers])
    least = _sums_from([min(o.cost for o in options) for options in layers])
    bound = worth[0] + code - price * tolerance
    # Sums of floats in another order may differ in the last digits: never drop for that.
    crumb = 1e-9 * (1 + abs(tolerance) + sum(map(abs, least)))
    slack = 1e-9 * (1 + abs(bound) + price * abs(tolerance) + sum(map(abs, worth)))
    limit, width = known + code, _FRONT
    while True:
        front, complete = [_Partial(code, 0.0)], True
        for position, options in enumerate(layers, start=1):
            spare = tolerance - least[position] + crumb
            highest = limit + price * tolerance - worth[position] + slack
            front = _undominated(
                _Partial(old.bytes + option.bytes, old.cost + option.cost, option.precision, old)
                for old in front
                for option in options
                if old.cost + option.cost <= spare
                and old.bytes + option.bytes + price * (old.cost + option.cost) <= highest
            )
            if len(front) > width:
                complete = False
                front = _thinned(front, width)
        plans = [plan for plan in front if plan.cost <= tolerance]
        best = min(plans, key=_order, default=None)
        if best and (complete or best.bytes <= bound * (1 + _GAP)):
            return best
        limit, width = min(limit, best.bytes if best else limit), width * 4


def _price(layers: Sequence[Sequence[_Option]], tolerance: float) -> tuple[float, int]:
    """Return bytes per nat that sensitivity is worth, and the bytes of a plan within tolerance.

    A higher price buys less sensitivity. The lowest price at which the layers' cheapest options
    stay within the tolerance makes the bound tightest, and those options are a good plan already.
    """

    def spent(price: float) -> tuple[float, int]:
        chosen = [min(group, key=lambda o: (o.bytes + price * o.cost, o.cost)) for group in layers]
        return sum(option.cost for option in chosen), sum(option.bytes for option in chosen)

    low, high = 0.0, 1.0
    cost, known = spent(0.0)
    if cost <= tolerance:
        return 0.0, known
    while spent(high)[0] > tolerance and high < 1e30:
        low, high = high, high * 16
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if spent(middle)[0] > tolerance else (low, middle)
    cost, known = spent(high)
    # The least sensitive plan is within any tolerance, since int8 throughout costs 0.
    return (high, known) if cost <= tolerance else (0.0, sum(group[-1].bytes for group in layers))


def _sums_from(values: Sequence[float]) -> list[float]:
    """Return the sum of all values from each position on; one more, 0, for after the last."""
    return [*itertools.accumulate(reversed(values), initial=0.0)][::-1]


def _undominated(plans: Iterable[_Plan]) -> list[_Plan]:
    """Keep those that no other beats in both bytes and cost: bytes rising, cost falling."""
    kept: list[_Plan] = []
    for plan in sorted(plans, key=_order):
        if not kept or plan.cost < kept[-1].cost:
            kept.append(plan)
    return kept


def _thinned(front: Sequence[_Partial], width: int) -> list[_Partial]:
    """Keep about ``width`` plans: the least costly one of each of equal steps in bytes."""
    first, last = front[0].bytes, front[-1].bytes
    step = (last - first) / width
    return [
        plan
        for plan, bigger in itertools.pairwise(front)
        if (plan.bytes - first) // step != (bigger.bytes - first) // step
    ] + [front[-1]]


def _order(plan: _Option | _Partial) -> tuple[int, float]:
    return (plan.bytes, plan.cost)
