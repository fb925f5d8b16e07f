"""Kinds of tasks: one file and one line here for each."""

from autotiny.tasks.kinds._base import TaskKind
from autotiny.tasks.kinds.anomaly import Anomaly
from autotiny.tasks.kinds.classification import Classification
from autotiny.tasks.kinds.multi_label import MultiLabel
from autotiny.tasks.kinds.regression import Regression

#: Every kind by its name on the command line.
KINDS: dict[str, TaskKind] = {
    kind.name: kind for kind in (Classification(), MultiLabel(), Regression(), Anomaly())
}

__all__ = ["KINDS", "Anomaly", "Classification", "MultiLabel", "Regression", "TaskKind"]
