"""The gradient of the loss on one batch of training data."""

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
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs, _ = forward(network, tensors, tf.constant(split.x[rows]))
        loss = tf.reduce_mean(goal.kind.loss(tf, outputs, tf.constant(targets)))
    found = tape.gradient(loss, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return {name: np.asarray(gradient) for name, gradient in found.items()}
