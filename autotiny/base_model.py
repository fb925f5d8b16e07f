"""The base model: trained once per study or the user's own; cut into students, their teacher."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.candidate import BaseTraining
from autotiny.errors import InputError
from autotiny.lowering import Ranges, activation_ranges
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Dense, Shape
from autotiny.readers._draft import Head, ReadModel
from autotiny.readers.keras import with_head
from autotiny.tasks._base import Task


@dataclass(frozen=True)
class BaseModel:
    """A study's full-width float model.

    Attributes:
        network: Layers in order.
        weights: Trained; those of the epoch with the best validation score.
        ranges: Activation ranges over a representative data set.
        train_outputs: On the training split: what the teacher says, ``(n, outputs)``.
        validation_outputs: On the validation split, ``(n, outputs)``.
        validation_score: Of the float model, measured, by the task's metric.
    """

    network: Network
    weights: Weights
    ranges: Ranges
    train_outputs: NDArray[np.float32]
    validation_outputs: NDArray[np.float32]
    validation_score: float


def train_base_model(
    task: Task,
    network: Network,
    training: BaseTraining,
    samples: NDArray[np.float32],
    *,
    seed: int,
    on_epoch: Callable[[int, float], None] | None = None,
) -> BaseModel:
    """Train the full-width model with early stopping, keeping the best weights.

    Args:
        task: Data.
        network: Untrained, at full width.
        training: How to train it.
        samples: Representative data set for the activation ranges.
        seed: Of the initial weights and the order of samples.
        on_epoch: Called with the epoch's number and mean loss.
    """
    from autotiny.training.loop import TrainingSettings, train
    from autotiny.training.output_scale import OutputScale

    settings = TrainingSettings(
        epochs=training.epochs,
        learning_rate=training.learning_rate,
        batch_size=training.batch_size,
        seed=seed,
        patience=training.patience,
    )
    start = initial_weights(network, seed)
    if task.goal.kind.standardised:
        targets = task.goal.kind.targets(task.train.x, task.train.y)
        start = OutputScale.of(network, targets).restored(start)
    result = train(
        network,
        start,
        task.train,
        settings,
        goal=task.goal,
        validation=task.validation,
        on_epoch=on_epoch,
    )
    return _measured(network, result.weights, task, samples)


def read_base_model(path: str, sha256: str, task: Task, samples: NDArray[np.float32]) -> BaseModel:
    """Return the user's trained model as the base model of a study.

    Args:
        path: ``.keras`` or ``.h5`` file or SavedModel folder.
        sha256: What its fingerprint must be; results are cached under it, not under the path.
        task: Data, shaped and scaled as the model was trained on.
        samples: Representative data set for the activation ranges.

    Raises:
        InputError: If the model has changed, cannot be rebuilt, or is not one for this task.
    """
    from autotiny.readers.model_file import read_model_file

    read = for_task(read_model_file(path, sha256), task, path)
    require_equal(read, samples, path)
    return _measured(read.network, read.weights, task, samples)


def require_equal(read: ReadModel, samples: NDArray[np.float32], path: str) -> None:
    """Refuse a network that does not compute what the model does that it was read from.

    Args:
        read: The network and the model's own outputs.
        samples: Real ones.
        path: Of the model.

    Raises:
        InputError: If outputs differ.
    """
    if read.reference is None:
        return
    from autotiny.training.forward import logits

    theirs = read.reference(samples)
    ours = read.headed(logits(read.network, read.weights, samples))
    scale = max(1.0, float(np.abs(theirs).max()))
    if ours.shape != theirs.shape or not np.allclose(ours / scale, theirs / scale, atol=1e-3):
        raise InputError(
            f"A model must be read as what it is; outputs of {path} differ from those of what was "
            "read: `autotiny compress` converts the model as it is."
        )


def for_task(read: ReadModel, task: Task, path: str, what: str = "model") -> ReadModel:
    """Return what was read of a model if it takes the task's samples and gives its outputs.

    Outputs of classes and labels are logits, what a head made of them is left out; values keep
    theirs.

    Raises:
        InputError: If it does not.
    """
    kind = task.goal.kind.name
    if kind not in ("classification", "multi-label"):
        read = with_head(read)
    outputs = math.prod(read.network.output_shape)
    require_interface(read.network.input_shape, outputs, read.head, task, path, what)
    return read


def require_interface(
    shape: Shape, outputs: int, head: Head, task: Task, path: str, what: str
) -> None:
    """Refuse a model that does not take a task's samples, or does not give its outputs.

    Args:
        shape: Of a sample that it takes.
        outputs: How many values it gives.
        head: What it does to them.
        task: What it is for.
        path: Of the model.
        what: The model is to be.

    Raises:
        InputError: If it does not.
    """
    kind = task.goal.kind.name
    pair = kind == "classification" and len(task.class_names) == 2 and head != "softmax"
    if shape != task.input_shape or not (outputs == task.outputs or (pair and outputs == 1)):
        each = {"classification": "class", "multi-label": "label"}.get(kind, "value")
        raise InputError(
            f"A {what} must take the task's samples and give one output per {each}: shape "
            f"{task.input_shape} and {task.outputs} outputs; {path} takes {shape} and gives "
            f"{outputs}."
        )
    if head == "softmax" and kind != "classification":
        raise InputError(
            f"A {what} that ends in softmax is for classes; the task of {task.name} is {kind}."
        )


def shaped_for(read: ReadModel, task: Task) -> Task:
    """Return a task with its samples in a model's shape, where that is but another view of them.

    A signal of the model may be an image of the data's, or a vector a plane that is flattened.
    """
    flattens = all(isinstance(layer, Dense) for layer in read.network.consumers[INPUT])
    return viewed(task, read.network.input_shape, flattens=flattens)


def viewed(task: Task, theirs: Shape, *, flattens: bool = False) -> Task:
    """Return a task with its samples in a model's shape, where that is but another view of them.

    Args:
        task: The data.
        theirs: Shape that the model takes.
        flattens: Whether the model does not mind in which shape values come.
    """
    ours = task.input_shape
    same = [n for n in ours if n > 1] == [n for n in theirs if n > 1]
    if ours != theirs and math.prod(ours) == math.prod(theirs) and (same or flattens):
        return task.shaped(theirs)
    return task


def _measured(
    network: Network, weights: Weights, task: Task, samples: NDArray[np.float32]
) -> BaseModel:
    """Return a trained network with what the study needs to know of it."""
    from autotiny.training.forward import logits

    validation_outputs = logits(network, weights, task.validation.x)
    return BaseModel(
        network=network,
        weights=weights,
        ranges=activation_ranges(*fold_batch_norm(network, weights), samples),
        train_outputs=logits(network, weights, task.train.x),
        validation_outputs=validation_outputs,
        validation_score=task.goal.score(validation_outputs, task.validation),
    )
