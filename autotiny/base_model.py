"""The base model: trained once per study, cut into students, and their teacher."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.lowering import Ranges, activation_ranges
from autotiny.models import build_network
from autotiny.network import Network, Weights, fold_batch_norm, initial_weights
from autotiny.space import SearchSpace
from autotiny.tasks._base import Task


@dataclass(frozen=True)
class BaseModel:
    """A study's full-width float model.

    Attributes:
        network: Layers in order.
        weights: Trained; those of the epoch with the best validation score.
        ranges: Activation ranges over a representative data set.
        train_logits: Outputs on the training split: what the teacher says, ``(n, classes)``.
        validation_logits: Outputs on the validation split, ``(n, classes)``.
        validation_accuracy: Of the float model, measured.
    """

    network: Network
    weights: Weights
    ranges: Ranges
    train_logits: NDArray[np.float32]
    validation_logits: NDArray[np.float32]
    validation_accuracy: float


def build_base_network(task: Task, space: SearchSpace) -> Network:
    """Return the untrained base network of a space for a task."""
    return build_network(space.family, space.base, task.input_shape, task.classes)


def train_base_model(
    task: Task,
    space: SearchSpace,
    samples: NDArray[np.float32],
    *,
    seed: int,
    on_epoch: Callable[[int, float], None] | None = None,
) -> BaseModel:
    """Train the full-width model with early stopping, keeping the best weights.

    Args:
        task: Data.
        space: Family, its options and how to train it.
        samples: Representative data set for the activation ranges.
        seed: Of the initial weights and the order of samples.
        on_epoch: Called with the epoch's number and mean loss.
    """
    from autotiny.training import TrainingSettings, logits, train

    network = build_base_network(task, space)
    settings = TrainingSettings(
        epochs=space.training.epochs,
        learning_rate=space.training.learning_rate,
        batch_size=space.training.batch_size,
        seed=seed,
        patience=space.training.patience,
    )
    start = initial_weights(network, seed)
    result = train(
        network, start, task.train, settings, validation=task.validation, on_epoch=on_epoch
    )
    validation_logits = logits(network, result.weights, task.validation.x)
    folded, weights = fold_batch_norm(network, result.weights)
    return BaseModel(
        network=network,
        weights=result.weights,
        ranges=activation_ranges(folded, weights, samples),
        train_logits=logits(network, result.weights, task.train.x),
        validation_logits=validation_logits,
        validation_accuracy=float((validation_logits.argmax(axis=1) == task.validation.y).mean()),
    )
