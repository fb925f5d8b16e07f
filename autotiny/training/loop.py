"""The training loop: an epoch is one call into TensorFlow.

Distillation, pruning masks, weight grids and the learning-rate schedule all live inside one
compiled ``tf.range`` loop over data that stays in memory. On networks of this size Keras ``fit``
spends most of its time between steps; this spends none.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.clustering import WeightLevels
from autotiny.compression.distillation import NO_LESSON, Distillation, Lesson, distillation_loss
from autotiny.compression.sparsity import Pruning, prunable
from autotiny.errors import DivergedError
from autotiny.networks.graph import Network, Weights
from autotiny.tasks._base import CLASSIFY, Goal, Split
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.training.changes import Changes
from autotiny.training.forward import forward, in_batches, windows
from autotiny.training.gradients import gradients_of
from autotiny.training.lessons import ADAPTER, HintTap, PeerNetwork, channels_of
from autotiny.training.masks import Masks
from autotiny.training.optimisers import OPTIMISERS
from autotiny.training.output_scale import OutputScale
from autotiny.training.parameters import Parameters
from autotiny.training.simulation import Simulated, Simulation, TrainedGrids, on_levels

#: Tensors of a batch by name: ``x``, ``y`` and what else there is of ``counts``, ``teacher`` and
#: ``features``.
Batch = Mapping[str, Any]


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
        simulated: What else of lowering the forward pass simulates, if anything.
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
    simulated: Simulated | None = None
    keep_zeros: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """What one training gave.

    Attributes:
        weights: Trained arrays; pruned weights are exactly zero.
        losses: Mean training loss of each epoch.
        validation_scores: Of each epoch, on the float model; empty without ``patience``.
        grids: That were simulated.
    """

    weights: Weights
    losses: tuple[float, ...]
    validation_scores: tuple[float, ...]
    grids: TrainedGrids | None = None


def train(
    network: Network,
    weights: Weights,
    split: Split,
    settings: TrainingSettings,
    *,
    goal: Goal = CLASSIFY,
    lesson: Lesson = NO_LESSON,
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
        lesson: What it is taught by, beside its targets; needed for alpha > 0.
        validation: Scored after each epoch when ``settings.patience`` is set.
        on_epoch: Called with the epoch's number (from 1) and mean loss.

    Raises:
        ValueError: If alpha is above 0 and there is no teacher.
        DivergedError: If the loss or a weight is not finite.
    """
    if settings.distillation.alpha == 0:
        lesson = NO_LESSON
    elif not lesson:
        raise ValueError("Distillation needs a teacher.")
    batch = min(settings.batch_size, len(split))
    tf = prepare_tensorflow(settings.seed)
    steps = len(split) // batch
    targets = goal.kind.targets(split.x, split.y)
    scale = OutputScale.of(network, targets) if goal.kind.standardised else None
    if scale is not None:
        weights, targets = scale.removed(weights), scale.standardised(targets)
        if lesson.outputs is not None:
            lesson = replace(lesson, outputs=scale.standardised(lesson.outputs))
        if lesson.peer is not None:
            theirs = OutputScale.of(lesson.peer.network, goal.kind.targets(split.x, split.y))
            peer = replace(lesson.peer, weights=theirs.removed(lesson.peer.weights))
            lesson = replace(lesson, peer=peer)
    loop = _Loop(tf, network, weights, settings, steps, goal, lesson, scale)
    data = {"x": loop.inputs(split.x), "y": tf.constant(targets)}
    if goal.class_weights is not None:
        counts = np.take(np.array(goal.class_weights, np.float32), split.y)
        data["counts"] = tf.constant(counts)
    if lesson.outputs is not None:
        data["teacher"] = tf.constant(lesson.outputs)
    if lesson.hint is not None:
        data["features"] = tf.constant(lesson.hint.features)

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
        loss = loop.epoch(data, tf.constant(order), tf.constant(epoch * steps))
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
    grids = None if loop.simulation is None else loop.simulation.trained(final)
    final = {name: array for name, array in final.items() if name in weights}
    return TrainingResult(final, tuple(losses), tuple(scores), grids)


class _Loop:
    """Variables and compiled functions of one training."""

    def __init__(
        self,
        tf: Any,
        network: Network,
        weights: Weights,
        settings: TrainingSettings,
        steps: int,
        goal: Goal,
        lesson: Lesson = NO_LESSON,
        units: OutputScale | None = None,
    ) -> None:
        self._tf, self._network, self._settings = tf, network, settings
        self._kind = goal.kind
        self._tap = None
        if lesson.hint is not None:
            channels = channels_of(network, lesson.hint.layer)
            self._tap = HintTap(lesson.hint, channels, settings.seed)
            weights = weights | {ADAPTER: self._tap.adapter}
        self.simulation = None
        if settings.simulated is not None:
            self.simulation = Simulation(tf, network, settings.simulated, weights, units)
            weights = weights | self.simulation.parameters
        self._parameters = Parameters(tf, weights)
        self._optimiser = OPTIMISERS[settings.optimiser]
        zeros = tf.zeros_like(self._parameters.vector)
        self._slots = [tf.Variable(zeros) for _ in range(self._optimiser.slots)]
        self._changes = Changes(
            tf,
            settings.seed,
            settings.augmentation,
            settings.augmentation_strength,
            settings.mixup,
        )
        self._peer = None
        if lesson.peer is not None:
            self._peer = PeerNetwork(tf, lesson.peer, self._optimiser)
        self._total = settings.epochs * steps
        self._masks = Masks(
            tf,
            weights,
            self._parameters.trained,
            prunable(network) if settings.pruned is None else settings.pruned,
            settings.pruning,
            self._total,
            seed=settings.seed,
            keep_zeros=settings.keep_zeros,
        )
        kernels = {name for name in self._parameters.trained if name.endswith("/kernel")}
        self._kernels = self._parameters.marked(kernels)
        self._shrunk = self._parameters.marked(kernels & set(self._masks.pruned))
        self._cut_out = False
        self.epoch = tf.function(self._epoch)
        self._predict = tf.function(self._infer, reduce_retracing=True)

    def inputs(self, x: NDArray[np.float32]) -> Any:
        """Return samples as ``epoch`` takes them."""
        cut = None
        if not self._changes.augments:
            cut = windows(self._tf, self._network, x)
        self._cut_out = cut is not None
        return cut if self._cut_out else self._tf.constant(x)

    @property
    def settled(self) -> int:
        """The step from which on the sparsity is final."""
        return self._masks.settled

    def weights(self) -> Weights:
        return {name: tensor.numpy() for name, tensor in self._parameters.arrays().items()}

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return in_batches(self._predict, x)

    def _infer(self, x: Any) -> Any:
        return forward(self._network, self._effective(), x)[0]

    def _epoch(self, data: Batch, order: Any, first: Any) -> Any:
        tf = self._tf
        total = tf.constant(0.0)
        for i in tf.range(tf.shape(order)[0]):
            rows = order[i]
            batch = {name: tf.gather(values, rows) for name, values in data.items()}
            total += self._step(batch, first + i)
        return total / tf.cast(tf.shape(order)[0], tf.float32)

    def _step(self, batch: Batch, step: Any) -> Any:
        tf = self._tf
        mixing = self._changes.mixing(step, tf.shape(batch["x"])[0])
        x = self._changes.applied(batch["x"], mixing, step)
        if self.simulation is not None:
            x = self.simulation.input(x)
        if self._masks:
            arrays = self._parameters.arrays()
            self._masks.update(step, arrays, lambda: self._gradients(x, batch))
        if self._peer is not None:
            said = self._peer.outputs(x, self._cut_out)
            batch = {**batch, "teacher": said}
        with tf.GradientTape() as tape:
            arrays = self._effective()
            outputs, statistics = forward(
                self._network,
                arrays,
                x,
                training=True,
                cut_out=self._cut_out,
                hook=self._hook(arrays),
            )
            loss = self._loss(outputs, arrays, batch)
            if mixing is not None:
                share, other = mixing
                swapped = {name: tf.gather(values, other) for name, values in batch.items()}
                loss = share * loss + (1 - share) * self._loss(outputs, arrays, swapped)
        rate = self._rate(step)
        self._apply(tape.gradient(loss, self._parameters.vector), rate, step)
        if self._peer is not None:
            settings = self._settings.distillation
            self._peer.step(
                self._kind,
                x,
                batch["y"],
                outputs,
                settings.alpha,
                rate,
                tf.cast(step, tf.float32),
                settings.temperature,
                self._cut_out,
            )
        self._parameters.follow(statistics)
        if self._masks:
            self._parameters.vector.assign(self._masks.applied(self._parameters.vector))
        return loss

    def _hook(self, arrays: Any) -> Any:
        """Return what sees, and may change, every layer's output."""
        if self.simulation is not None:
            return self.simulation.hook(arrays)
        return None if self._tap is None else self._tap.hook

    def _gradients(self, x: Any, batch: Batch) -> dict[str, Any]:
        """Return the gradient of a batch's own loss by every array."""

        def losses(arrays: dict[str, Any]) -> Any:
            outputs, _ = forward(self._network, arrays, x, training=True, cut_out=self._cut_out)
            return self._kind.loss(self._tf, outputs, batch["y"]) * batch.get("counts", 1.0)

        return gradients_of(self._tf, losses, self._parameters.arrays())

    def _loss(self, outputs: Any, arrays: Any, batch: Batch) -> Any:
        """Return the mean loss of a batch."""
        tf, distillation = self._tf, self._settings.distillation
        losses = distillation_loss(
            tf, self._kind, outputs, batch["y"], batch.get("teacher"), distillation
        )
        if self._tap is not None:
            losses += distillation.alpha * self._tap.loss(tf, arrays, batch["features"])
        smoothing = self._settings.label_smoothing
        if smoothing > 0 and (flat := self._kind.indifference(tf, outputs)) is not None:
            losses = (1 - smoothing) * losses + smoothing * flat
        return tf.reduce_mean(losses * batch["counts"] if "counts" in batch else losses)

    def _effective(self) -> dict[str, Any]:
        """Return the weights as the forward pass sees them: on their grid, where they have one."""
        tensors = self._parameters.arrays()
        for name, levels in self._settings.levels.items():
            tensors[name] = on_levels(self._tf, tensors[name], levels)
        if self.simulation is not None:
            tensors |= self.simulation.kernels(tensors)
        return tensors

    def _rate(self, step: Any) -> Any:
        """Return the learning rate of a step: half a cosine, another once sparsity is final."""
        tf, settings = self._tf, self._settings
        done = tf.cast(step, tf.float32)
        rate = settings.learning_rate * 0.5 * (1 + tf.cos(np.pi * done / self._total))
        if settings.fine_tuning_rate != 1.0 and self._masks:
            rate = tf.where(done >= self.settled, rate * settings.fine_tuning_rate, rate)
        return rate

    def _apply(self, gradient: Any, rate: Any, step: Any) -> None:
        """Take a step."""
        tf, settings, vector = self._tf, self._settings, self._parameters.vector
        done = tf.cast(step, tf.float32)
        if settings.regulariser != "none":
            pull = tf.sign(vector) if settings.regulariser == "l1" else 2 * vector
            active = tf.where(done >= self.settled, 0.0, settings.regulariser_factor)
            gradient += active * self._shrunk * pull
        self._optimiser.apply(tf, vector, self._slots, gradient, rate, done)
        if settings.weight_decay > 0:
            vector.assign(vector * (1 - rate * settings.weight_decay * self._kernels))
