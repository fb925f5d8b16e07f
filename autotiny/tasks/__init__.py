"""Where data comes from: one file per source, all ending in a checked :class:`Task`.

To add a built-in task: write one file with ``load(seed) -> Task`` that ends in
:func:`checked_task`, name it in ``_load.py``, and add its line to ``tests/tasks/test_tasks.py``.
"""

from autotiny.tasks._assemble import TaskOptions, checked_task
from autotiny.tasks._base import CLASSIFY, Goal, Split, Task
from autotiny.tasks._load import load_task, runs_code, task_names

__all__ = [
    "CLASSIFY",
    "Goal",
    "Split",
    "Task",
    "TaskOptions",
    "checked_task",
    "load_task",
    "runs_code",
    "task_names",
]
