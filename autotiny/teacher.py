"""Who teaches the students: the base model, or a model of the user's own."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from autotiny.base_model import (
    BaseModel,
    for_task,
    require_equal,
    require_interface,
    shaped_for,
    viewed,
)
from autotiny.errors import InputError
from autotiny.networks.graph import Network, Weights
from autotiny.readers._draft import ReadModel
from autotiny.readers.model_file import read_model_file
from autotiny.readers.outputs import ModelOutputs, read_outputs
from autotiny.tasks._base import Task

#: Samples that what was read of a teacher is compared with it on.
_COMPARED = 64


@dataclass(frozen=True)
class Teacher:
    """What students are taught by.

    Attributes:
        train_outputs: On the training split, ``(n, outputs)``: logits of classes and labels.
        validation_score: Of the float model on the validation split, measured, by the task's
            metric.
        network: Its layers; None if it is known by its outputs alone.
        weights: Their arrays, likewise.
    """

    train_outputs: NDArray[np.float32]
    validation_score: float
    network: Network | None = None
    weights: Weights = field(default_factory=dict)

    @classmethod
    def of(cls, base: BaseModel) -> "Teacher":
        """Return the base model as a teacher."""
        return cls(base.train_outputs, base.validation_score, base.network, base.weights)

    def giving(self, outputs: int) -> "Teacher":
        """Return the teacher of a student with so many outputs.

        Two classes may have a logit each or one together: the one is turned into the other. Its
        layers, which still give what they gave, are left out then.
        """
        theirs = self.train_outputs
        if theirs.shape[1] == outputs:
            return self
        if outputs == 1:
            told = theirs[:, 1:] - theirs[:, :1]
        else:
            told = np.concatenate([np.zeros_like(theirs), theirs], axis=1)
        return replace(self, train_outputs=told, network=None, weights={})


def read_teacher(path: str, sha256: str, task: Task) -> Teacher:
    """Return a trained model of the user's as a teacher.

    A model with layers that no network of ours can have is run as it is and known by its outputs.

    Args:
        path: What ``read_model_file`` takes.
        sha256: What its fingerprint must be.
        task: Data, shaped and scaled as the model was trained on.

    Raises:
        InputError: If the model has changed, cannot be loaded, or is not one for this task.
    """
    try:
        read = read_model_file(path, sha256)
    except InputError:  # its layers, or the file itself, which is then said again
        return _asked(read_outputs(path, sha256), task, path)
    return _read(read, task, path)


def _read(read: ReadModel, task: Task, path: str) -> Teacher:
    from autotiny.training.forward import logits

    task = shaped_for(read, task)
    read = for_task(read, task, path, "teacher")
    require_equal(read, task.train.x[:_COMPARED], path)
    network, weights = read.network, read.weights
    score = task.goal.score(logits(network, weights, task.validation.x), task.validation)
    return Teacher(logits(network, weights, task.train.x), score, network, weights)


def _asked(model: ModelOutputs, task: Task, path: str) -> Teacher:
    task = viewed(task, model.input_shape)
    fits = model.input_shape == task.input_shape
    count = model.outputs(task.train.x[:1]).shape[1] if fits else task.outputs
    require_interface(model.input_shape, count, model.head, task, path, "teacher")
    logits = task.goal.kind.name in ("classification", "multi-label")
    ask = model.before_head if logits else model.outputs
    return Teacher(ask(task.train.x), task.goal.score(ask(task.validation.x), task.validation))
