"""What is changed of a batch before a network sees it: augmentation and mixup."""

from typing import Any

from autotiny.training.augmentations import COMBINATIONS, augmented


class Changes:
    """Changes samples, each step in its own way, from the seed and the step's number alone.

    Args:
        tf: TensorFlow.
        seed: Of the training.
        augmentation: Name of a combination.
        strength: How much that changes, 0..1.
        mixup: Parameter of the beta distribution that samples are mixed by; 0 is none.
    """

    def __init__(
        self, tf: Any, seed: int, augmentation: str, strength: float, mixup: float
    ) -> None:
        self._tf, self._seed, self._mixup = tf, seed, mixup
        self._augmentation, self._strength = augmentation, strength

    @property
    def augments(self) -> bool:
        """Whether samples are changed one by one: they must then be samples, not windows."""
        return bool(COMBINATIONS[self._augmentation])

    def mixing(self, step: Any, size: Any) -> tuple[Any, Any] | None:
        """Return what share of each sample stays, and which other one it is mixed with."""
        tf = self._tf
        if self._mixup == 0:
            return None
        seed = self._seeds(step)
        one, two = tf.unstack(tf.random.stateless_gamma((2,), seed, self._mixup))
        order = tf.argsort(tf.random.stateless_uniform((size,), seed + 1))
        return one / tf.maximum(one + two, 1e-12), order

    def applied(self, x: Any, mixing: tuple[Any, Any] | None, step: Any) -> Any:
        """Return samples augmented and mixed."""
        if self.augments:
            seed = self._seeds(step)
            x = augmented(self._tf, x, self._augmentation, self._strength, seed)
        if mixing is not None:
            share, other = mixing
            x = share * x + (1 - share) * self._tf.gather(x, other)
        return x

    def _seeds(self, step: Any) -> Any:
        tf = self._tf
        return tf.stack([tf.constant(self._seed), tf.cast(step, tf.int32)])
