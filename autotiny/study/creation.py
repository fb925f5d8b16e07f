"""What a new study finds out before anything is written: its task, its model, what they are."""

from typing import Any

import autotiny
from autotiny.base_model import read_base_model, shaped_for
from autotiny.errors import InputError
from autotiny.pipeline import representative_samples
from autotiny.study.config import StudyConfig
from autotiny.study.once import build_base_network, study_threads
from autotiny.study.teaching import new_teacher
from autotiny.tasks import Task, load_task
from autotiny.tasks._checks import features_vary, require
from autotiny.tasks.metrics import METRICS
from autotiny.teacher import Teacher


def resolved(config: StudyConfig) -> tuple[StudyConfig, Task, Teacher | None]:
    """Return the configuration with what was inferred of data and models, the task, the teacher.

    Raises:
        InputError: If the data is bad, or a model is not one for it.
    """
    task = load_task(config.data, seed=config.seed, options=config.task_options)
    require(f"{task.name}: x_train", features_vary, task.train.x)
    metric = task.goal.metric.name
    known: dict[str, Any] = {
        "task": task.goal.kind.name,
        "metric": metric,
        "layout": task.layout,
        "objectives": _objectives(config.objectives, metric),
        "fingerprint": task.fingerprint,
        "arrays": task.digests,
        "version": autotiny.__version__,
    }
    if config.head == "softmax" and task.goal.kind.name != "classification":
        raise InputError(
            f"--head softmax is for classes; the task of {task.name} is {task.goal.kind.name}."
        )
    if config.model is None:
        build_base_network(task, config.space)
    else:
        facts, task = _of_model(config, task)
        known |= facts
    config, teacher = config.model_copy(update=known), None
    if config.teacher is not None:
        study_threads(config, task)
        teacher, sha256 = new_teacher(config, task)
        config = config.model_copy(update={"teacher_sha256": sha256})
    return config, task, teacher


def _of_model(config: StudyConfig, task: Task) -> tuple[dict[str, Any], Task]:
    """Return what is known of a user's model, and the task in the shape that it takes."""
    assert config.model is not None
    from autotiny.readers.model_file import fingerprint_of, read_model_file

    known: dict[str, Any] = {"model_sha256": fingerprint_of(config.model)}
    shaped = shaped_for(read_model_file(config.model), task)
    if shaped is not task:
        known["input_shape"], task = shaped.input_shape, shaped
    samples = representative_samples(task, config.seed)
    read_base_model(config.model, known["model_sha256"], task, samples)
    return known, task


def _objectives(given: tuple[str, ...], metric: str) -> tuple[str, ...]:
    """Return the objectives with the score under its metric's name.

    Raises:
        InputError: If another metric is named.
    """
    named = tuple(metric if name == "score" else name for name in given)
    if others := [name for name in named if name in METRICS and name != metric]:
        raise InputError(
            f"--objectives must name the study's own metric, {metric}, or score; got {others[0]}: "
            "say --metric for another."
        )
    return named
