"""The front: non-dominated feasible trials, what is closest when there is none, and picking."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from autotiny.budget.limits import Budget
from autotiny.errors import InputError, NothingFitsError
from autotiny.runtimes._base import Footprint
from autotiny.study.elsewhere import Elsewhere
from autotiny.tasks.metrics import METRICS, Metric

#: How to choose from a front, beside ``knee`` and the metric's name.
Pick = Literal["knee", "score", "flash", "ram", "latency", "energy"]
#: Every metric's name stands for the score.
_SCORE_NAMES = dict.fromkeys(METRICS, "score")


@dataclass(frozen=True)
class TrialRecord:
    """One finished trial, as a study stores it.

    Attributes:
        number: Its number in the study.
        parameters: Hyperparameters that were chosen.
        footprint: Of the artifact; of the untrained lowering if it was never trained.
        litert_score: Validation score in LiteRT; None if it was never trained.
        device_score: The same in the target's own runtime, once measured.
        plan: Layer to precision, where not int8.
        encodings: Weight tensor to how it is stored.
        artifacts: ``model`` and ``image`` to their identifiers in the artifact store.
        seconds: How long the trial took.
        dropped: Hyperparameter to why it changes no byte of this trial's file.
        predicted: Flash that was predicted before training, as an upper bound.
        metric: What the scores are.
        elsewhere: Name of each other runtime that can run it to what it takes there.
    """

    number: int
    parameters: Mapping[str, Any]
    footprint: Footprint
    litert_score: float | None
    device_score: float | None
    plan: Mapping[str, str]
    encodings: Mapping[str, str]
    artifacts: Mapping[str, str]
    seconds: float
    dropped: Mapping[str, str] = field(default_factory=dict)
    predicted: Mapping[str, int] = field(default_factory=dict)
    metric: Metric = METRICS["accuracy"]
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """The score to show: the device's where it is known; None if it was never trained."""
        return self.litert_score if self.device_score is None else self.device_score

    @property
    def quality(self) -> float:
        """What to compare by: higher is better, and nothing is worse than never trained."""
        return -math.inf if self.score is None else self.metric.quality(self.score)


def objective_value(record: TrialRecord, objective: str) -> float:
    """Return an objective of a trial such that smaller is better; infinite if it is not known.

    Raises:
        KeyError: If the objective is unknown.
    """
    footprint = record.footprint
    values: dict[str, float] = {
        "score": -record.quality,
        "flash": float(footprint.flash_bytes),
        "ram": float(footprint.ram_bytes),
        "latency": math.inf if footprint.latency_s is None else footprint.latency_s,
        "energy": math.inf if footprint.energy_mj is None else footprint.energy_mj,
    }
    return values[objective if objective in values else _SCORE_NAMES[objective]]


def _point(record: TrialRecord, objectives: Sequence[str]) -> tuple[float, ...]:
    return tuple(objective_value(record, name) for name in objectives)


def feasible(records: Sequence[TrialRecord], budget: Budget) -> list[TrialRecord]:
    """Return the trained trials within a budget."""
    return [r for r in records if r.litert_score is not None and budget.fits(r.footprint)]


def pareto_front(records: Sequence[TrialRecord], objectives: Sequence[str]) -> list[TrialRecord]:
    """Return the non-dominated trials, best first; of equals, the earliest.

    A trial of which an objective is not known is on no front.
    """
    records = [r for r in records if all(map(math.isfinite, _point(r, objectives)))]
    points = [_point(record, objectives) for record in records]

    def dominated(index: int) -> bool:
        mine = points[index]
        for other, theirs in enumerate(points):
            if theirs == mine and other < index:
                return True
            if theirs != mine and all(a <= b for a, b in zip(theirs, mine, strict=True)):
                return True
        return False

    front = [record for index, record in enumerate(records) if not dominated(index)]
    return sorted(front, key=lambda r: (-r.quality, r.footprint.flash_bytes, r.number))


def closest(
    records: Sequence[TrialRecord], budget: Budget, count: int = 5
) -> list[tuple[TrialRecord, dict[str, float]]]:
    """Return the trials that miss a budget by least, with what each lacks.

    The distance is the sum of the relative excesses over the limits.
    """

    def lacks(record: TrialRecord) -> dict[str, float]:
        return {name: v for name, v in budget.excess(record.footprint).items() if v > 0}

    def distance(record: TrialRecord) -> float:
        return sum(max(0.0, v) for v in budget.relative_excess(record.footprint).values())

    over = [record for record in records if lacks(record)]
    return [(r, lacks(r)) for r in sorted(over, key=lambda r: (distance(r), r.number))[:count]]


def pick(front: Sequence[TrialRecord], how: Pick) -> TrialRecord:
    """Return one trial of a front.

    ``knee`` takes the one farthest towards the ideal from the line between the best and
    the smallest (Kneedle, Satopaa et al. 2011), over flash and score and the members that are
    best in these two; all others the best in that respect.

    Raises:
        NothingFitsError: If the front is empty.
        InputError: If nothing is known in that respect.
    """
    if not front:
        raise NothingFitsError("There is nothing to pick: no trained trial fits the budget.")
    _require_known(front, how)
    if how != "knee":
        return min(
            front, key=lambda r: (objective_value(r, how), -r.quality, r.footprint.flash_bytes)
        )
    stairs = score_stairs(front)
    flash = np.array([r.footprint.flash_bytes for r in stairs], float)
    score = np.array([r.quality for r in stairs], float)
    gain = _unit(score) - _unit(flash)
    return stairs[int(np.argmax(gain))]


def _require_known(front: Sequence[TrialRecord], how: Pick) -> None:
    """Refuse to pick by what no device gave the figures for."""
    if how == "latency" and any(r.footprint.latency_s is None for r in front):
        needs = "a clock"
    elif how == "energy" and any(r.footprint.energy_mj is None for r in front):
        needs = "a clock and a known current"
    else:
        return
    raise InputError(
        f"Picking by {how} needs a device with {needs} whose operators' times are all known; not "
        "all of this front are: name one with --device."
    )


def score_stairs(front: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the members that none beats in score and flash alone, smallest first.

    The others are on a front for the sake of another objective.
    """
    stairs: list[TrialRecord] = []
    for record in sorted(front, key=lambda r: (r.footprint.flash_bytes, -r.quality, r.number)):
        if not stairs or record.quality > stairs[-1].quality:
            stairs.append(record)
    return stairs


def _unit(values: Any) -> Any:
    """Return values scaled to 0..1; all 0 when they are equal."""
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread > 0 else values * 0
