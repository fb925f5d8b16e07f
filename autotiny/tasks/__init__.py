"""Where data comes from: one file per source, all ending in a checked :class:`Task`."""

from autotiny.tasks._base import Split, Task
from autotiny.tasks._checks import checked_task
from autotiny.tasks._load import load_task, task_names

__all__ = ["Split", "Task", "checked_task", "load_task", "task_names"]
