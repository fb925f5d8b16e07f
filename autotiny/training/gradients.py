"""The gradient of the loss on one batch of training data."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autotiny.networks.graph import Network, Weights
from autotiny.tasks._base import Goal, Split
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.forward import forward

#: Samples that it is averaged over.
_BATCH = 256


def batch_gradients(
    network: Network, weights: Weights, split: Split, goal: Goal, *, seed: int
) -> Weights:
    """Return the gradient of the mean loss by every array.

    Args:
        network: The network.
        weights: Its arrays.
        split: Training data, of which up to 256 samples are taken.
        goal: The loss.
        seed: Of the choice of samples.
    """
    tf = prepare_tensorflow(seed)
    rows = np.random.default_rng(seed).permutation(len(split))[:_BATCH]
    targets = goal.kind.targets(split.x, split.y)[rows]
    tensors = {name: tf.constant(array) for name, array in weights.items()}

    def losses(arrays: dict[str, Any]) -> Any:
        outputs, _ = forward(network, arrays, tf.constant(split.x[rows]))
        return goal.kind.loss(tf, outputs, tf.constant(targets))

    found = gradients_of(tf, losses, tensors)
    return {name: np.asarray(gradient) for name, gradient in found.items()}


def gradients_of(
    tf: Any, losses: Callable[[dict[str, Any]], Any], arrays: dict[str, Any]
) -> dict[str, Any]:
    """Return the gradient of a batch's mean loss by every array, zeros where it does not depend.

    Args:
        tf: TensorFlow.
        losses: Gives the loss of every sample, ``(n,)``, for arrays.
        arrays: Of the network, by name.
    """
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        loss = tf.reduce_mean(losses(arrays))
    found: dict[str, Any] = tape.gradient(
        loss, arrays, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return found
