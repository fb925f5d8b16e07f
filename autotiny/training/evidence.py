"""What is measured of a network's channels on training data, for importances that read it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.importance import Evidence
from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import Layer
from autotiny.tasks._base import Goal, Split
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.forward import forward

#: Samples that are measured, and how many at once.
_SAMPLES, _BATCH = 512, 64


def measure_evidence(
    network: Network, weights: Weights, split: Split, goal: Goal, *, seed: int
) -> Evidence:
    """Return what a trained network's channels do on training data.

    Args:
        network: The base model.
        weights: Its trained weights.
        split: Training data, of which up to 512 samples are taken.
        goal: The loss.
        seed: Of the choice of samples.
    """
    tf = prepare_tensorflow(seed)
    rows = np.random.default_rng(seed).permutation(len(split))[:_SAMPLES]
    targets = goal.kind.targets(split.x, split.y)
    tensors = {name: tf.constant(array) for name, array in weights.items()}
    measured = [layer.name for layer in network.weight_layers]

    def batch(x: Any, y: Any) -> dict[str, tuple[Any, Any, Any]]:
        values: dict[str, Any] = {}
        with tf.GradientTape() as tape:

            def keep(layer: Layer, value: Any) -> Any:
                if layer.name in measured:
                    tape.watch(value)
                    values[layer.name] = value
                return value

            outputs, _ = forward(network, tensors, x, hook=keep)
            loss = tf.reduce_sum(goal.kind.loss(tf, outputs, y))
        found = tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return {name: _facts(tf, value, found[name]) for name, value in values.items()}

    run = tf.function(batch, reduce_retracing=True)
    totals: dict[str, list[NDArray[np.float64]]] = {}
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        made = run(tf.constant(split.x[part]), tf.constant(targets[part]))
        for name, sums in made.items():
            mine = totals.setdefault(name, [np.zeros(1)] * len(sums))
            totals[name] = [
                old + np.asarray(new, float) for old, new in zip(mine, sums, strict=True)
            ]

    def means(place: int) -> dict[str, NDArray[np.float32]]:
        return {name: (sums[place] / len(rows)).astype(np.float32) for name, sums in totals.items()}

    return Evidence(means(0), means(1), means(2))


def _facts(tf: Any, value: Any, gradient: Any) -> tuple[Any, Any, Any]:
    """Return magnitude, share of zeros and Taylor term of each channel, summed over a batch."""
    plane = list(range(1, len(value.shape) - 1))
    silent = tf.cast(tf.equal(value, 0), tf.float32)
    moved = tf.reduce_sum(value * gradient, axis=plane) if plane else value * gradient
    if plane:
        value, silent = (tf.reduce_mean(x, axis=plane) for x in (tf.abs(value), silent))
    return tuple(tf.reduce_sum(x, axis=0) for x in (tf.abs(value), silent, tf.abs(moved)))
