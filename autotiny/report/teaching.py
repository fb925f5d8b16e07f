"""A study's own teacher beside its base model, in a line or two."""

from autotiny.tasks.metrics import Metric


def teacher_lines(teacher: str, score: float, base: float | None, metric: Metric) -> list[str]:
    """Return what to say of a teacher.

    Args:
        teacher: Its name.
        score: Of the float model on the validation split, measured.
        base: The base model's, likewise; None if it is not known yet.
        metric: What they are.
    """
    beside = "" if base is None else f"; base model {base:.4f}"
    lines = [f"Teacher {teacher}: validation {metric.name} {score:.4f}{beside} (float, measured)"]
    if base is not None and metric.quality(score) < metric.quality(base):
        lines.append(
            "The teacher is worse than the base model, which teaches if --teacher is left out."
        )
    return lines
