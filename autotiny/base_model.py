"""The base model: trained once per study or the user's own; cut into students, their teacher."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.candidate import BaseTraining
from autotiny.errors import InputError
from autotiny.lowering import Ranges, activation_ranges
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import Network, Weights
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Dense
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

    settings = TrainingSettings(
        epochs=training.epochs,
        learning_rate=training.learning_rate,
        batch_size=training.batch_size,
        seed=seed,
        patience=training.patience,
    )
    start = initial_weights(network, seed)
    result = train(
        network, start, task.train, settings, validation=task.validation, on_epoch=on_epoch
    )
    return _measured(network, result.weights, task, samples)


def read_base_model(path: str, sha256: str, task: Task, samples: NDArray[np.float32]) -> BaseModel:
    """Return the user's trained Keras model as the base model of a study.

    Args:
        path: ``.keras`` or ``.h5`` file or SavedModel folder.
        sha256: What its fingerprint must be; results are cached under it, not under the path.
        task: Data, shaped and scaled as the model was trained on.
        samples: Representative data set for the activation ranges.

    Raises:
        InputError: If the model has changed, cannot be rebuilt, or is not one for this task.
    """
    from autotiny.readers.keras import network_from_keras
    from autotiny.readers.keras_file import check_fingerprint, load_keras_file

    check_fingerprint(path, sha256)
    network, weights = network_from_keras(load_keras_file(path))
    return _measured(_for_task(network, task, path), weights, task, samples)


def _for_task(network: Network, task: Task, path: str) -> Network:
    """Return the network if it takes the task's samples and gives its classes."""
    flattens = isinstance(network.layers[0], Dense)
    if flattens and math.prod(network.input_shape) == math.prod(task.input_shape):
        network = dataclasses.replace(network, input_shape=task.input_shape)
    if (network.input_shape, network.output_shape) != (task.input_shape, (task.classes,)):
        raise InputError(
            f"A model must take the task's samples and give one output per class: shape "
            f"{task.input_shape} and {task.classes} classes; {path} takes {network.input_shape} "
            f"and gives {network.output_shape[-1]}."
        )
    return network


def _measured(
    network: Network, weights: Weights, task: Task, samples: NDArray[np.float32]
) -> BaseModel:
    """Return a trained network with what the study needs to know of it."""
    from autotiny.training.forward import logits

    validation_logits = logits(network, weights, task.validation.x)
    return BaseModel(
        network=network,
        weights=weights,
        ranges=activation_ranges(*fold_batch_norm(network, weights), samples),
        train_logits=logits(network, weights, task.train.x),
        validation_logits=validation_logits,
        validation_accuracy=float((validation_logits.argmax(axis=1) == task.validation.y).mean()),
    )
