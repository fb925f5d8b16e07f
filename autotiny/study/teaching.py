"""A study's own teacher: read once, then kept with the study, whatever becomes of its file."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autotiny.compression.distillation import TEACHINGS
from autotiny.errors import InputError
from autotiny.networks.graph import network_from_plain, network_to_plain
from autotiny.readers.model_file import fingerprint_of
from autotiny.study.cache import StepCache
from autotiny.study.config import StudyConfig
from autotiny.study.space import Range, SearchSpace
from autotiny.tasks import Task
from autotiny.teacher import Teacher, read_teacher

#: Counts up when a result's meaning changes, so that older ones are not taken for it.
_VERSION = 1
#: ``distillation_alpha`` of a given trial that does not say, in a study with a teacher.
TAUGHT_ALPHA = 0.5


def new_teacher(config: StudyConfig, task: Task) -> tuple[Teacher, str]:
    """Return the teacher that a new study names, and its fingerprint.

    Raises:
        InputError: If it is not one for the task, or a kind of distillation in the search space
            needs layers that cannot be read of it.
    """
    assert config.teacher is not None
    sha256 = fingerprint_of(config.teacher)
    teacher = read_teacher(config.teacher, sha256, task)
    for name, teaching in TEACHINGS.items():
        wanted = teaching.needs_network and config.space.may_be("distillation", name)
        if wanted and teacher.network is None:
            raise InputError(
                f"distillation: {name} needs the layers of its teacher; those of {config.teacher} "
                "cannot be read, so it is known by its outputs alone: let distillation be soft, "
                "progressive or self."
            )
    return teacher, sha256


def keep_teacher(config: StudyConfig, teacher: Teacher, cache: Path) -> None:
    """Keep a study's teacher, so that its file is not needed again."""
    StepCache(cache).store("teacher", _key(config), *_packed(teacher))


def kept_teacher(config: StudyConfig, task: Task, cache: Path) -> Teacher | None:
    """Return a study's own teacher; None if it has none: the base model teaches.

    What the study keeps of it is taken; only if that is lost, its file is read again.

    Raises:
        InputError: If both are gone, or the file is no longer what it was.
    """
    if config.teacher is None:
        return None
    if (stored := StepCache(cache).load("teacher", _key(config))) is not None:
        with contextlib.suppress(LookupError, TypeError, ValueError):  # another's: read again
            return _unpacked(*stored)
    teacher = read_teacher(config.teacher, config.teacher_sha256, task)
    keep_teacher(config, teacher, cache)
    return teacher


def require_same_teacher(config: StudyConfig, named: str) -> None:
    """Refuse another teacher than a study's; its own may have moved, or be gone.

    Args:
        config: The study's.
        named: What the user names as teacher.

    Raises:
        InputError: If it is another one.
    """
    if config.teacher is None:
        raise InputError(
            f"A trial of an existing study must be made as its others; {config.study} has no "
            f"teacher of its own, and --teacher says {named}: leave it out, or name a new study "
            "with --study."
        )
    gone = named == config.teacher and not Path(named).exists()
    if not gone and (now := fingerprint_of(named)) != config.teacher_sha256:
        raise InputError(
            f"A trial of an existing study must be made as its others; {config.study} is taught by "
            f"{config.teacher} (SHA-256 {config.teacher_sha256[:12]}), and --teacher says {named} "
            f"({now[:12]}): leave it out, or name a new study with --study."
        )


def never_asked(space: SearchSpace) -> bool:
    """Whether no candidate of a search space is taught by anybody."""
    alpha = space.parameters.get("distillation_alpha")
    return alpha in (None, 0, 0.0) or (isinstance(alpha, Range) and alpha.high == 0)


def _key(config: StudyConfig) -> dict[str, Any]:
    """Return what a teacher's outputs and score depend on."""
    return {
        "version": _VERSION,
        "teacher": config.teacher_sha256,
        "data": config.fingerprint,
        "seed": config.seed,
        "task": config.task,
        "metric": config.score.name,
    }


def _packed(teacher: Teacher) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a teacher as arrays and facts."""
    network = teacher.network
    arrays = {f"weights/{name}": array for name, array in teacher.weights.items()}
    facts = {
        "network": None if network is None else network_to_plain(network),
        "validation_score": teacher.validation_score,
    }
    return arrays | {"train_outputs": teacher.train_outputs}, facts


def _unpacked(arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> Teacher:
    network = facts["network"]
    return Teacher(
        arrays["train_outputs"],
        facts["validation_score"],
        None if network is None else network_from_plain(network),
        {n.partition("/")[2]: a for n, a in arrays.items() if n.startswith("weights/")},
    )
