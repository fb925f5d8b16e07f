"""What a folder for Linux boards is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autotiny.errors import InputError
from autotiny.lowering.weight_forms import WEIGHT_FORMS, WeightForm
from autotiny.tasks._base import Task


@dataclass(frozen=True)
class LitertRequest:
    """Everything that goes into a folder for Linux boards.

    Attributes:
        project: What the user calls it.
        model: The trial's full quantised .tflite, whose integers are the weights.
        forms: How weights are to be stored, a file for each, the one that is run first.
        task: Data that files are scored on, and what their outputs mean.
        source: Where the model comes from, as a person would say it.
        parameters: Hyperparameters of the trial.
        softmax: The model ends in probabilities.
        study: Name of the study, if it comes from one.
        trial: Number of the trial, likewise.
    """

    project: str
    model: bytes
    forms: tuple[WeightForm, ...]
    task: Task
    source: str
    parameters: Mapping[str, Any]
    softmax: bool = False
    study: str | None = None
    trial: int | None = None


def checked_forms(text: str | None) -> tuple[WeightForm, ...]:
    """Return the value of ``--weights``: names with commas between them; all if it is left out.

    Raises:
        InputError: If one is none.
    """
    names = list(WEIGHT_FORMS) if text is None else [part.strip() for part in text.split(",")]
    for name in names:
        if name not in WEIGHT_FORMS:
            raise InputError(
                f"--weights must be among {', '.join(WEIGHT_FORMS)}, with commas between; got "
                f"{name!r}."
            )
    return tuple(WEIGHT_FORMS[name] for name in dict.fromkeys(names))
