"""What a training loop does with a lesson: hints to follow, and a peer that learns along."""

from typing import Any

import numpy as np

from autotiny.compression.distillation import Hint, Peer
from autotiny.networks.graph import Network
from autotiny.networks.layers import Layer
from autotiny.tasks.kinds import TaskKind
from autotiny.training.forward import forward
from autotiny.training.optimisers import Optimiser
from autotiny.training.parameters import Parameters

#: Name of the map from a student's channels to its teacher's, among the arrays while training.
ADAPTER = "hint/adapter"


class HintTap:
    """Takes the student's features out of the forward pass and compares them with a hint.

    Args:
        hint: Layer and the teacher's features.
        channels: Of the student's layer.
        seed: Of the adapter's initial values.
    """

    def __init__(self, hint: Hint, channels: int, seed: int) -> None:
        self._layer, self._seen = hint.layer, None
        size = (channels, hint.features.shape[-1])
        rng = np.random.default_rng((seed, 3))
        self.adapter = rng.normal(0, channels**-0.5, size).astype(np.float32)
        # Relative to what they vary, so that a hint weighs as much whatever the layer's scale.
        self._spread = float(hint.features.var()) + 1e-12

    def hook(self, layer: Layer, value: Any) -> Any:
        """Keep the layer's output."""
        if layer.name == self._layer:
            self._seen = value
        return value

    def loss(self, tf: Any, arrays: Any, features: Any) -> Any:
        """Return the mean squared distance of each sample's features, ``(batch,)``."""
        led = tf.tensordot(self._seen, arrays[ADAPTER], 1)
        axes = list(range(1, len(led.shape)))
        return tf.reduce_mean(tf.square(led - features), axis=axes) / self._spread


class PeerNetwork:
    """A network that learns beside the student.

    Args:
        tf: TensorFlow.
        peer: Network and weights.
        optimiser: How it follows its gradient.
    """

    def __init__(self, tf: Any, peer: Peer, optimiser: Optimiser) -> None:
        self._tf, self._network, self._optimiser = tf, peer.network, optimiser
        self._parameters = Parameters(tf, peer.weights)
        vector = self._parameters.vector
        self._slots = [tf.Variable(tf.zeros_like(vector)) for _ in range(optimiser.slots)]

    def step(
        self, kind: TaskKind, x: Any, y: Any, student: Any, share: Any, rate: Any, done: Any,
        temperature: float, cut_out: bool,
    ) -> None:  # fmt: skip
        """Take a step towards targets and the student's outputs.

        Args:
            kind: What outputs mean.
            x: Batch, as the student's.
            y: Targets.
            student: The student's outputs, which are followed.
            share: Of the loss that they make up.
            rate: Learning rate.
            done: Steps taken before, a float.
            temperature: Of distillation.
            cut_out: The batch is windows.
        """
        tf, parameters = self._tf, self._parameters
        with tf.GradientTape() as tape:
            outputs, statistics = forward(
                self._network, parameters.arrays(), x, training=True, cut_out=cut_out
            )
            own = tf.reduce_mean(kind.loss(tf, outputs, y))
            soft = kind.distillation(tf, outputs, tf.stop_gradient(student), temperature)
            loss = (1 - share) * own + share * tf.reduce_mean(soft)
        gradient = tape.gradient(loss, parameters.vector)
        self._optimiser.apply(tf, parameters.vector, self._slots, gradient, rate, done)
        parameters.follow(statistics)

    def outputs(self, x: Any, cut_out: bool) -> Any:
        """Return what it says of a batch as it is."""
        found, _ = forward(
            self._network, self._parameters.arrays(), x, training=True, cut_out=cut_out
        )
        return self._tf.stop_gradient(found)


def channels_of(network: Network, layer: str) -> int:
    """Return how many channels a layer gives."""
    return int(network.shapes[layer][-1])
