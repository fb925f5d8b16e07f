"""How the sparsity rises over a training: one file and one line here for each schedule."""

from autotiny.compression.sparsity._base import Schedule, SparsitySchedule, StepSchedule
from autotiny.compression.sparsity.schedules.constant import Constant
from autotiny.compression.sparsity.schedules.iterative import Iterative
from autotiny.compression.sparsity.schedules.one_shot import OneShot
from autotiny.compression.sparsity.schedules.polynomial import Polynomial

#: Every schedule by its name.
SCHEDULES: dict[str, Schedule] = {
    schedule.name: schedule for schedule in (Constant(), Polynomial(), OneShot(), Iterative())
}

__all__ = ["SCHEDULES", "steps_of"]


def steps_of(settings: SparsitySchedule, total: int) -> StepSchedule:
    """Return the schedule of a training of ``total`` steps."""
    begin = min(round(settings.begin * total), total - 1)
    end = max(begin + 1, min(round(settings.end * total), total - 1))
    return SCHEDULES[settings.kind].steps(settings, begin, end)
