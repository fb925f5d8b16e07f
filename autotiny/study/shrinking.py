"""Making a model smaller step by step, as far as its score allows."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from autotiny.candidate import Candidate
from autotiny.hyperparameters import RULES, Value
from autotiny.students import Prepared
from autotiny.study.front import TrialRecord
from autotiny.study.given import complete_setting
from autotiny.study.progress import OnProgress, Progress
from autotiny.study.search import Search

#: What a model may be made smaller by.
By = Literal["channels", "weights", "bits"]
#: Of one step to the next, until one is too bad: what stays of what there was.
_FACTOR = 0.7
#: Between the last good and the first bad, a step that changes less than this is not worth it.
_CLOSE = 0.97
#: Tolerance of the first step of few bits is about three times this, in nats; see ``setting_at``.
_TOLERANCE = 0.003

Outcome = Literal["good", "below", "over"]


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        share: Of the model that stays, 1 for all: of channels, of weights, or, for bits, a measure
            of it.
        setting: Its hyperparameters.
        record: The trial; that of an earlier step where this one would be the same model.
        outcome: ``good`` is at least as good as the floor; ``over`` the budget, so not trained.
        repeated: Whether it is an earlier step's trial.
        dropped: Why what varies changes nothing here; empty if it does.
    """

    share: float
    setting: Mapping[str, Value]
    record: TrialRecord
    outcome: Outcome
    repeated: bool
    dropped: str


def setting_at(by: By, share: float) -> dict[str, Value]:
    """Return the hyperparameters that leave a share of a model.

    A tolerance has no share; it grows with the fourth power as a share shrinks, so that steps by a
    factor reach from what costs nothing to all the bits there are within a few.
    """
    if by == "channels":
        return {"width": max(round(share, 3), RULES["width"].low)}
    if by == "weights":
        return {"sparsity": min(round(1 - share, 3), RULES["sparsity"].high)}
    tolerance = round(_TOLERANCE * (share**-4 - 1), 4)
    return {"precision_tolerance": min(tolerance, RULES["precision_tolerance"].high)}


def walk(run: Callable[[float], Outcome], most: int) -> None:
    """Run ever smaller shares until one is below the floor, then between that and the last good.

    A model over the budget is too large: what is looked for is smaller, as after a good one.

    Args:
        run: Makes a step of a share and says what became of it.
        most: How many steps there may be.
    """
    if run(1.0) == "below":
        return
    good, bad = 1.0, 0.0
    least = setting_at("channels", 0.0)["width"]
    assert isinstance(least, float)
    for _ in range(most - 1):
        share = math.sqrt(good * bad) if bad else max(good * _FACTOR, least)
        if share >= good or (bad and bad / good > _CLOSE):
            return
        if run(share) == "below":
            bad = share
        else:
            good = share


def shrink(
    search: Search,
    by: By,
    setting: Mapping[str, Value],
    floor: float,
    *,
    most: int,
    on_progress: OnProgress,
) -> list[Step]:
    """Return the steps of making a study's base model smaller; each is a trial of the study.

    Steps that a study has are not trained again, so what was interrupted goes on.

    Args:
        search: The study.
        by: What gets less.
        setting: Hyperparameters of every step besides.
        floor: Score that a model must be at least as good as, on validation data.
        most: How many steps there may be.
        on_progress: Told of what every trial does.

    Raises:
        Exception: What stopped a candidate.
    """
    steps: list[Step] = []
    known: dict[Any, TrialRecord] = {}
    quality = search.config.score.quality

    def run(share: float) -> Outcome:
        chosen = {**setting, **setting_at(by, share)}
        given = complete_setting(chosen, search.config)
        prepared = search.pipeline(on_progress, given).prepare(Candidate.from_parameters(given))
        # The same before training is the same after: it is not trained twice.
        same = _identity(prepared)
        if repeated := same in known:
            record = known[same]
        else:
            record = search.attempt(chosen, again=False, on_progress=on_progress)
            known[same] = search.scored(record) if record.litert_score is not None else record
            record = known[same]
            on_progress(Progress("trial", len(known), most, record))
        outcome: Outcome = "over"
        if record.score is not None and search.config.budget.fits(record.footprint):
            outcome = "good" if quality(record.score) >= quality(floor) else "below"
        reason = prepared.dropped.get(next(iter(setting_at(by, share))), "")
        steps.append(Step(share, chosen, record, outcome, repeated, reason))
        return outcome

    walk(run, most)
    return steps


def _identity(prepared: Prepared) -> tuple[str, Any, float]:
    """Return what decides a step's model beside what all steps have in common."""
    zeros = prepared.candidate.sparsity.final if prepared.pruned else 0.0
    return repr(prepared.network), tuple(prepared.plan.items()), zeros


def smallest(steps: list[Step]) -> TrialRecord | None:
    """Return the smallest model that is good, of equals the better; None if there is none."""
    good = [step.record for step in steps if step.outcome == "good"]
    return min(good, key=lambda r: (r.footprint.flash_bytes, -r.quality), default=None)
