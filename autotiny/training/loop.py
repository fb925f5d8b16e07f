"""The training loop: an epoch is one call into TensorFlow.

Distillation, pruning masks, weight grids and the learning-rate schedule all live inside one
compiled ``tf.range`` loop over data that stays in memory. On networks of this size Keras ``fit``
spends most of its time between steps; this spends none.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.clustering import WeightLevels
from autotiny.compression.distillation import Distillation, distillation_loss
from autotiny.compression.sparsity import Pruning, prunable
from autotiny.errors import DivergedError
from autotiny.networks.graph import Network, Weights
from autotiny.tasks._base import CLASSIFY, Goal, Split
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.augmentations import COMBINATIONS, augmented
from autotiny.training.forward import forward, in_batches, windows
from autotiny.training.masks import Masks
from autotiny.training.optimisers import OPTIMISERS
from autotiny.training.output_scale import OutputScale

#: Share of the old value that a batch-norm statistic keeps each step.
MOMENTUM = 0.95


@dataclass(frozen=True)
class TrainingSettings:
    """What one training does.

    Attributes:
        epochs: Passes over the training split.
        learning_rate: The peak rate; decays to 0 by a half cosine (Loshchilov and Hutter 2017).
        fine_tuning_rate: Factor of the rate once the final sparsity is reached.
        batch_size: Samples a step.
        optimiser: Name of how weights follow their gradient.
        weight_decay: Share of a kernel's weights that goes each step, times the rate
            (Loshchilov and Hutter 2019, decoupled).
        regulariser: ``none``, ``l1`` or ``l2``: what is added to the loss for kernels that are
            pruned, until they have their final sparsity (Han et al. 2015).
        regulariser_factor: Times the sum of magnitudes, or of squares.
        label_smoothing: Share of the loss against outputs that prefer nothing (Szegedy et al.
            2016).
        mixup: Parameter of the beta distribution that samples are mixed by (Zhang et al. 2018);
            0 is none.
        augmentation: Name of a combination of augmentations.
        augmentation_strength: How much they change, 0..1.
        seed: Of the order of samples.
        pruning: When which weights become zero.
        pruned: Kernels that this holds for; None is every prunable one.
        distillation: How much of the loss is the teacher's.
        patience: Epochs without a better validation score before stopping with the best weights;
            None trains to the end and keeps the last.
        levels: Kernel name to the values its weights are rounded to in the forward pass
            (straight-through gradients, Bengio et al. 2013).
        keep_zeros: Weights of pruned kernels that are zero at the start stay zero.
    """

    epochs: int
    learning_rate: float = 1e-3
    fine_tuning_rate: float = 1.0
    batch_size: int = 32
    optimiser: str = "adam"
    weight_decay: float = 0.0
    regulariser: str = "none"
    regulariser_factor: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    augmentation: str = "none"
    augmentation_strength: float = 0.5
    seed: int = 0
    pruning: Pruning = field(default_factory=Pruning)
    pruned: tuple[str, ...] | None = None
    distillation: Distillation = field(default_factory=Distillation)
    patience: int | None = None
    levels: Mapping[str, WeightLevels] = field(default_factory=dict)
    keep_zeros: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """What one training gave.

    Attributes:
        weights: Trained arrays; pruned weights are exactly zero.
        losses: Mean training loss of each epoch.
        validation_scores: Of each epoch, on the float model; empty without ``patience``.
    """

    weights: Weights
    losses: tuple[float, ...]
    validation_scores: tuple[float, ...]


def train(
    network: Network,
    weights: Weights,
    split: Split,
    settings: TrainingSettings,
    *,
    goal: Goal = CLASSIFY,
    teacher_logits: NDArray[np.float32] | None = None,
    validation: Split | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> TrainingResult:
    """Train a network from the given weights.

    Args:
        network: Layers in order.
        weights: Where to start: inherited or freshly initialised.
        split: Samples to fit.
        settings: Epochs, rates, sparsity, distillation, weight levels.
        goal: Loss, score and class weights.
        teacher_logits: The teacher's outputs on ``split``, ``(n, outputs)``; needed for alpha > 0.
        validation: Scored after each epoch when ``settings.patience`` is set.
        on_epoch: Called with the epoch's number (from 1) and mean loss.

    Raises:
        ValueError: If alpha is above 0 and no teacher's outputs are given.
        DivergedError: If the loss or a weight is not finite.
    """
    if settings.distillation.alpha > 0 and teacher_logits is None:
        raise ValueError("Distillation needs the teacher's outputs.")
    batch = min(settings.batch_size, len(split))
    tf = prepare_tensorflow(settings.seed)
    steps = len(split) // batch
    targets = goal.kind.targets(split.x, split.y)
    scale = OutputScale.of(network, targets) if goal.kind.standardised else None
    if scale is not None:
        weights, targets = scale.removed(weights), scale.standardised(targets)
        teacher_logits = None if teacher_logits is None else scale.standardised(teacher_logits)
    loop = _Loop(tf, network, weights, settings, steps, goal)
    x, y = loop.inputs(split.x), tf.constant(targets)
    counts = (
        None
        if goal.class_weights is None
        else tf.constant(np.take(np.array(goal.class_weights, np.float32), split.y))
    )
    teacher = None if teacher_logits is None else tf.constant(teacher_logits)

    def trained() -> Weights:
        found = loop.weights()
        return found if scale is None else scale.restored(found)

    rng = np.random.default_rng(settings.seed)
    losses: list[float] = []
    scores: list[float] = []
    best: tuple[float, Weights] = (-math.inf, weights)
    since = 0
    for epoch in range(settings.epochs):
        order = rng.permutation(len(split))[: steps * batch].reshape(steps, batch)
        loss = loop.epoch(x, y, counts, teacher, tf.constant(order), tf.constant(epoch * steps))
        losses.append(float(loss))
        if not math.isfinite(losses[-1]):
            raise DivergedError(
                f"Training diverged: the loss of epoch {epoch + 1} of {settings.epochs} is "
                f"{losses[-1]} (learning rate {settings.learning_rate:g})."
            )
        if on_epoch:
            on_epoch(epoch + 1, losses[-1])
        if settings.patience is not None and validation is not None:
            outputs = loop.outputs(validation.x)
            outputs = outputs if scale is None else scale.real(outputs)
            scores.append(goal.score(outputs, validation))
            quality = goal.metric.quality(scores[-1])
            if (epoch + 1) * steps <= loop.settled:  # what is not sparse yet does not count
                since = epoch
            elif quality > best[0]:
                best, since = (quality, trained()), epoch
            elif epoch - since >= settings.patience:
                break
    final = best[1] if math.isfinite(best[0]) else trained()
    for name, array in final.items():
        if not np.isfinite(array).all():
            raise DivergedError(f"Training diverged: {name} holds a value that is not finite.")
    return TrainingResult(final, tuple(losses), tuple(scores))


class _Loop:
    """Variables and compiled functions of one training.

    All trained arrays lie in one vector, all batch-norm statistics in another: what is done to
    every array is then one operator a step instead of one per array.
    """

    def __init__(
        self,
        tf: Any,
        network: Network,
        weights: Weights,
        settings: TrainingSettings,
        steps: int,
        goal: Goal,
    ) -> None:
        self._tf, self._network, self._settings = tf, network, settings
        self._kind = goal.kind
        self._shapes = {name: array.shape for name, array in weights.items()}
        self._statistics = [n for n in weights if n.endswith(("/mean", "/variance"))]
        self._trained = [name for name in weights if name not in self._statistics]
        self._vector = tf.Variable(_joined(weights, self._trained))
        self._optimiser = OPTIMISERS[settings.optimiser]
        self._slots = [
            tf.Variable(tf.zeros_like(self._vector)) for _ in range(self._optimiser.slots)
        ]
        self._running = tf.Variable(_joined(weights, self._statistics))
        self._total = settings.epochs * steps
        self._masks = Masks(
            tf,
            weights,
            self._trained,
            prunable(network) if settings.pruned is None else settings.pruned,
            settings.pruning,
            self._total,
            seed=settings.seed,
            keep_zeros=settings.keep_zeros,
        )
        kernels = {name for name in self._trained if name.endswith("/kernel")}
        self._kernels = self._marked(weights, kernels)
        self._shrunk = self._marked(weights, kernels & set(self._masks.pruned))
        self._cut_out = False
        self.epoch = tf.function(self._epoch)
        self._predict = tf.function(self._infer, reduce_retracing=True)

    def inputs(self, x: NDArray[np.float32]) -> Any:
        """Return samples as ``epoch`` takes them."""
        cut = None
        if not COMBINATIONS[self._settings.augmentation]:  # which change samples, not windows
            cut = windows(self._tf, self._network, x)
        self._cut_out = cut is not None
        return cut if self._cut_out else self._tf.constant(x)

    @property
    def settled(self) -> int:
        """The step from which on the sparsity is final."""
        return self._masks.settled

    def _marked(self, weights: Weights, names: set[str]) -> Any:
        """Return 1 for the weights of some arrays, of the vector's shape."""
        marks = {
            name: np.full(weights[name].shape, name in names, np.float32) for name in self._trained
        }
        return self._tf.constant(_joined(marks, self._trained))

    def weights(self) -> Weights:
        return {name: tensor.numpy() for name, tensor in self._arrays().items()}

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return in_batches(self._predict, x)

    def _infer(self, x: Any) -> Any:
        return forward(self._network, self._effective(), x)[0]

    def _epoch(self, x: Any, y: Any, counts: Any, teacher: Any, order: Any, first: Any) -> Any:
        tf = self._tf
        total = tf.constant(0.0)
        for i in tf.range(tf.shape(order)[0]):
            rows = order[i]
            taught = None if teacher is None else tf.gather(teacher, rows)
            count = None if counts is None else tf.gather(counts, rows)
            total += self._step(tf.gather(x, rows), tf.gather(y, rows), count, taught, first + i)
        return total / tf.cast(tf.shape(order)[0], tf.float32)

    def _step(self, x: Any, y: Any, count: Any, teacher: Any, step: Any) -> Any:
        tf = self._tf
        mixing = self._mixing(step, tf.shape(x)[0])
        x = self._changed(x, mixing, step)
        if self._masks:
            self._masks.update(step, self._arrays(), lambda: self._gradients(x, y, count))
        with tf.GradientTape() as tape:
            outputs, statistics = forward(
                self._network, self._effective(), x, training=True, cut_out=self._cut_out
            )
            loss = self._loss(outputs, y, count, teacher)
            if mixing is not None:
                share, other = mixing
                swapped = [None if v is None else tf.gather(v, other) for v in (y, count, teacher)]
                loss = share * loss + (1 - share) * self._loss(outputs, *swapped)
        self._apply(tape.gradient(loss, self._vector), step)
        if statistics:
            batch = tf.concat([statistics[name] for name in self._statistics], 0)
            self._running.assign(self._running * MOMENTUM + batch * (1 - MOMENTUM))
        if self._masks:
            self._vector.assign(self._masks.applied(self._vector))
        return loss

    def _gradients(self, x: Any, y: Any, count: Any) -> dict[str, Any]:
        """Return the gradient of a batch's own loss by every array."""
        arrays = self._arrays()
        with self._tf.GradientTape() as tape:
            tape.watch(arrays)
            outputs, _ = forward(self._network, arrays, x, training=True, cut_out=self._cut_out)
            losses = self._kind.loss(self._tf, outputs, y)
            loss = self._tf.reduce_mean(losses if count is None else losses * count)
        found: dict[str, Any] = tape.gradient(
            loss, arrays, unconnected_gradients=self._tf.UnconnectedGradients.ZERO
        )
        return found

    def _mixing(self, step: Any, size: Any) -> tuple[Any, Any] | None:
        """Return what share of each sample stays, and which other one it is mixed with."""
        tf, alpha = self._tf, self._settings.mixup
        if alpha == 0:
            return None
        seed = tf.stack([tf.constant(self._settings.seed), tf.cast(step, tf.int32)])
        one, two = tf.unstack(tf.random.stateless_gamma((2,), seed, alpha))
        order = tf.argsort(tf.random.stateless_uniform((size,), seed + 1))
        return one / tf.maximum(one + two, 1e-12), order

    def _changed(self, x: Any, mixing: tuple[Any, Any] | None, step: Any) -> Any:
        """Return samples augmented and mixed."""
        tf, settings = self._tf, self._settings
        if COMBINATIONS[settings.augmentation]:
            seed = tf.stack([tf.constant(settings.seed), tf.cast(step, tf.int32)])
            strength = settings.augmentation_strength
            x = augmented(tf, x, settings.augmentation, strength, seed)
        if mixing is not None:
            share, other = mixing
            x = share * x + (1 - share) * tf.gather(x, other)
        return x

    def _loss(self, outputs: Any, y: Any, count: Any, teacher: Any) -> Any:
        """Return the mean loss of a batch."""
        tf = self._tf
        losses = distillation_loss(tf, self._kind, outputs, y, teacher, self._settings.distillation)
        smoothing = self._settings.label_smoothing
        if smoothing > 0 and (flat := self._kind.indifference(tf, outputs)) is not None:
            losses = (1 - smoothing) * losses + smoothing * flat
        return tf.reduce_mean(losses if count is None else losses * count)

    def _arrays(self) -> dict[str, Any]:
        """Return every array as a tensor of its own shape."""
        tf, arrays = self._tf, {}
        groups = ((self._vector, self._trained), (self._running, self._statistics))
        for vector, names in groups:
            sizes = [math.prod(self._shapes[name]) for name in names]
            parts = tf.split(vector, sizes) if names else []
            for name, part in zip(names, parts, strict=True):
                arrays[name] = tf.reshape(part, self._shapes[name])
        return arrays

    def _effective(self) -> dict[str, Any]:
        """Return the weights as the forward pass sees them: on their grid, where they have one."""
        tensors = self._arrays()
        for name, levels in self._settings.levels.items():
            tensors[name] = _straight_through(self._tf, tensors[name], levels)
        return tensors

    def _apply(self, gradient: Any, step: Any) -> None:
        """Take a step with a half-cosine rate."""
        tf, settings = self._tf, self._settings
        done = tf.cast(step, tf.float32)
        rate = settings.learning_rate * 0.5 * (1 + tf.cos(np.pi * done / self._total))
        settled = done >= self._masks.settled
        if settings.fine_tuning_rate != 1.0 and self._masks:
            rate = tf.where(settled, rate * settings.fine_tuning_rate, rate)
        if settings.regulariser != "none":
            pull = tf.sign(self._vector) if settings.regulariser == "l1" else 2 * self._vector
            active = tf.where(settled, 0.0, settings.regulariser_factor)
            gradient += active * self._shrunk * pull
        self._optimiser.apply(tf, self._vector, self._slots, gradient, rate, done)
        if settings.weight_decay > 0:
            kept = 1 - rate * settings.weight_decay * self._kernels
            self._vector.assign(self._vector * kept)


def _joined(arrays: Mapping[str, NDArray[np.float32]], names: Sequence[str]) -> Any:
    """Return the named arrays as one vector."""
    flat = [arrays[name].ravel() for name in names]
    return np.concatenate(flat).astype(np.float32) if flat else np.zeros(0, np.float32)


def _straight_through(tf: Any, kernel: Any, grid: WeightLevels) -> Any:
    """Round to the nearest level; gradients pass through as if nothing had happened."""
    levels = grid.levels
    axes = list(range(len(kernel.shape) - 1)) if grid.per_channel else None
    scale = tf.reduce_max(tf.abs(kernel), axis=axes, keepdims=True) + 1e-12
    middles = tf.constant((levels[1:] + levels[:-1]) / 2)
    nearest = tf.gather(
        tf.constant(levels), tf.searchsorted(middles, tf.reshape(kernel / scale, [-1]))
    )
    rounded = tf.reshape(nearest, kernel.shape) * scale
    return kernel + tf.stop_gradient(rounded - kernel)
