"""The training loop: an epoch is one call into TensorFlow.

Distillation, pruning masks, weight grids and the learning-rate schedule all live inside one
compiled ``tf.range`` loop over data that stays in memory. On networks of this size Keras ``fit``
spends most of its time between steps; this spends none.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.clustering import WeightLevels
from autotiny.compression.distillation import Distillation, distillation_loss
from autotiny.compression.sparsity import SparsitySchedule, kept_count, prunable
from autotiny.network import (
    EPSILON,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Network,
    Pool2D,
    Shape,
    WeightLayer,
    Weights,
    output_shape,
)
from autotiny.quiet import captured_stderr
from autotiny.tasks._base import Split

#: Share of the old value that a batch-norm statistic keeps each step.
MOMENTUM = 0.95
#: Batches of fewer MACs run faster in one thread: handing work over costs more than it saves.
_THREADING_MIN_MACS = 50_000_000
_BETA1, _BETA2, _ADAM_EPSILON = 0.9, 0.999, 1e-7
_INFERENCE_BATCH = 512


@dataclass(frozen=True)
class TrainingSettings:
    """What one training does.

    Attributes:
        epochs: Passes over the training split.
        learning_rate: Adam's peak rate (Kingma and Ba 2015); decays to 0 by a half cosine.
        batch_size: Samples a step.
        seed: Of the order of samples.
        sparsity: When weights become zero.
        distillation: How much of the loss is the teacher's.
        patience: Epochs without a better validation score before stopping with the best weights;
            None trains to the end and keeps the last.
        levels: Kernel name to the values its weights are rounded to in the forward pass
            (straight-through gradients, Bengio et al. 2013).
        keep_zeros: Weights of prunable kernels that are zero at the start stay zero.
    """

    epochs: int
    learning_rate: float = 1e-3
    batch_size: int = 32
    seed: int = 0
    sparsity: SparsitySchedule = field(default_factory=SparsitySchedule)
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
        validation_accuracy: Of each epoch, on the float model; empty without ``patience``.
    """

    weights: Weights
    losses: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


def prepare_tensorflow(seed: int, *, work: int = 0) -> Any:
    """Import TensorFlow once, quietly and reproducibly, and return it.

    Args:
        seed: Of TensorFlow's, numpy's and Python's global generators.
        work: MACs of one batch; decides, before TensorFlow first runs, if threads are worth it.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tfmot works on Keras 2 only
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow_model_optimization" not in sys.modules:
        # TensorFlow greets on stderr before its log level counts; both use deprecated functions.
        with captured_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow_model_optimization  # noqa: F401
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.config.experimental.enable_op_determinism()
    if work < _THREADING_MIN_MACS:
        with contextlib.suppress(RuntimeError):  # too late: TensorFlow is running already
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(seed)
    return tf


def train(
    network: Network,
    weights: Weights,
    split: Split,
    settings: TrainingSettings,
    *,
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
        teacher_logits: The teacher's outputs on ``split``, ``(n, classes)``; needed for alpha > 0.
        validation: Scored after each epoch when ``settings.patience`` is set.
        on_epoch: Called with the epoch's number (from 1) and mean loss.

    Raises:
        ValueError: If alpha is above 0 and no teacher's outputs are given.
    """
    if settings.distillation.alpha > 0 and teacher_logits is None:
        raise ValueError("Distillation needs the teacher's outputs.")
    batch = min(settings.batch_size, len(split))
    tf = prepare_tensorflow(settings.seed, work=batch * network.macs)
    steps = len(split) // batch
    loop = _Loop(tf, network, weights, settings, steps)
    x, y = tf.constant(split.x), tf.constant(split.y)
    classes = network.output_shape[-1]
    teacher = (
        np.zeros((len(split), classes), np.float32) if teacher_logits is None else teacher_logits
    )
    teacher = tf.constant(teacher)
    rng = np.random.default_rng(settings.seed)
    losses: list[float] = []
    scores: list[float] = []
    best: tuple[float, Weights] = (-1.0, weights)
    for epoch in range(settings.epochs):
        order = rng.permutation(len(split))[: steps * batch].reshape(steps, batch)
        loss = loop.epoch(x, y, teacher, tf.constant(order), tf.constant(epoch * steps))
        losses.append(float(loss))
        if on_epoch:
            on_epoch(epoch + 1, losses[-1])
        if settings.patience is not None and validation is not None:
            scores.append(loop.accuracy(validation))
            if scores[-1] > best[0]:
                best = (scores[-1], loop.weights())
            elif epoch - int(np.argmax(scores)) >= settings.patience:
                break
    final = best[1] if settings.patience is not None and scores else loop.weights()
    return TrainingResult(final, tuple(losses), tuple(scores))


def logits(network: Network, weights: Weights, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the float model's outputs before softmax, ``(n, classes)``."""
    tf = prepare_tensorflow(0)
    tensors = {name: tf.constant(array) for name, array in weights.items()}
    run = tf.function(lambda batch: forward(network, tensors, batch)[0], reduce_retracing=True)
    return _in_batches(run, x)


def _in_batches(run: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``run`` of all samples, never more at once than memory takes lightly."""
    parts = [run(x[i : i + _INFERENCE_BATCH]).numpy() for i in range(0, len(x), _INFERENCE_BATCH)]
    return np.concatenate(parts).astype(np.float32)


def forward(
    network: Network, tensors: Mapping[str, Any], x: Any, *, training: bool = False
) -> tuple[Any, dict[str, Any]]:
    """Run a batch and return its outputs and the batch statistics of batch norm.

    Args:
        network: Layers in order.
        tensors: TensorFlow tensors by the names of ``Weights``.
        x: Batch, ``(n, *input_shape)``.
        training: Normalise by the batch's own mean and variance.
    """
    import tensorflow as tf

    statistics: dict[str, Any] = {}
    for layer in network.layers:
        if isinstance(layer, Pool2D):
            size = layer.size or (x.shape[1], x.shape[2])
            pool = tf.nn.max_pool2d if layer.kind == "max" else tf.nn.avg_pool2d
            x = pool(x, size, layer.stride or size, layer.padding.upper())
            continue
        x = _linear(tf, layer, tensors[f"{layer.name}/kernel"], x)
        if layer.batch_norm:
            x = _normalise(tf, layer.name, tensors, x, training, statistics)
        else:
            x = x + tensors[f"{layer.name}/bias"]
        if layer.activation != "linear":
            x = tf.nn.relu(x) if layer.activation == "relu" else tf.nn.relu6(x)
    return x, statistics


def _linear(tf: Any, layer: WeightLayer, kernel: Any, x: Any) -> Any:
    if isinstance(layer, Dense):
        return tf.matmul(tf.reshape(x, (-1, kernel.shape[0])), kernel)
    stride, padding = layer.stride, layer.padding.upper()
    plane = output_shape(layer, x.shape[1:])[:2]
    if stride[0] != stride[1] and 1 in plane:
        # TensorFlow's convolution gives wrong sums there (LiteRT and TFLM agree with the sum by
        # hand). Over a single position a stride means nothing, so let it be the other one.
        x, padding = _only_what_is_read(tf, layer, plane, x), "VALID"
        stride = (stride[int(plane[0] == 1)],) * 2
    if isinstance(layer, Conv2D):
        return tf.nn.conv2d(x, kernel, stride, padding)
    assert isinstance(layer, DepthwiseConv2D)
    if stride[0] != stride[1]:
        # TensorFlow's depthwise kernel takes equal strides only; striding a stride-1 result would
        # shift "same" padding, so this goes through the grouped convolution instead.
        return tf.nn.conv2d(x, tf.transpose(kernel, (0, 1, 3, 2)), stride, padding)
    return tf.nn.depthwise_conv2d(x, kernel, (1, *stride, 1), padding)


def _only_what_is_read(tf: Any, layer: Conv2D | DepthwiseConv2D, plane: Shape, x: Any) -> Any:
    """Return a batch padded and cropped so that windows without padding give ``plane``."""
    around, used = [(0, 0)], []
    for size, window, stride, count in zip(
        x.shape[1:3], layer.kernel, layer.stride, plane, strict=True
    ):
        used.append((count - 1) * stride + window)
        missing = max(0, used[-1] - size)
        around.append((missing // 2, missing - missing // 2))
    return tf.pad(x, [*around, (0, 0)])[:, : used[0], : used[1]]


def _normalise(
    tf: Any,
    name: str,
    tensors: Mapping[str, Any],
    x: Any,
    training: bool,
    statistics: dict[str, Any],
) -> Any:
    mean, variance = tensors[f"{name}/mean"], tensors[f"{name}/variance"]
    if training:
        mean, variance = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))
        statistics[f"{name}/mean"], statistics[f"{name}/variance"] = mean, variance
    scale = tensors[f"{name}/gamma"] * tf.math.rsqrt(variance + EPSILON)
    return x * scale + (tensors[f"{name}/beta"] - mean * scale)


class _Loop:
    """Variables and compiled functions of one training."""

    def __init__(
        self, tf: Any, network: Network, weights: Weights, settings: TrainingSettings, steps: int
    ) -> None:
        self._tf, self._network, self._settings = tf, network, settings
        self._variables = {
            name: tf.Variable(array, trainable=not name.endswith(("/mean", "/variance")))
            for name, array in weights.items()
        }
        self._trained = [name for name, var in self._variables.items() if var.trainable]
        self._slots = {
            name: (tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v)))
            for name, v in self._variables.items()
            if v.trainable
        }
        pruning = settings.sparsity.final > 0
        masked = prunable(network) if pruning or settings.keep_zeros else ()
        self._allowed = {
            name: ((weights[name] != 0) | (not settings.keep_zeros)).astype(np.float32)
            for name in masked
        }
        self._masks = {name: tf.Variable(allowed) for name, allowed in self._allowed.items()}
        self._total = settings.epochs * steps
        self._schedule = settings.sparsity.steps(self._total) if masked and pruning else None
        self.epoch = tf.function(self._epoch)
        self._predict = tf.function(self._infer, reduce_retracing=True)

    def weights(self) -> Weights:
        return {name: variable.numpy() for name, variable in self._variables.items()}

    def accuracy(self, split: Split) -> float:
        outputs = _in_batches(self._predict, split.x)
        return float((outputs.argmax(axis=1) == split.y).mean())

    def _infer(self, x: Any) -> Any:
        return forward(self._network, self._effective(), x)[0]

    def _epoch(self, x: Any, y: Any, teacher: Any, order: Any, first: Any) -> Any:
        tf = self._tf
        total = tf.constant(0.0)
        for i in tf.range(tf.shape(order)[0]):
            rows = order[i]
            loss = self._step(
                tf.gather(x, rows), tf.gather(y, rows), tf.gather(teacher, rows), first + i
            )
            total += loss
        return total / tf.cast(tf.shape(order)[0], tf.float32)

    def _step(self, x: Any, y: Any, teacher: Any, step: Any) -> Any:
        tf = self._tf
        if self._schedule is not None:
            self._prune(step)
        trained = [self._variables[name] for name in self._trained]
        with tf.GradientTape() as tape:
            outputs, statistics = forward(self._network, self._effective(), x, training=True)
            loss = distillation_loss(outputs, y, teacher, self._settings.distillation)
        self._apply(tape.gradient(loss, trained), step)
        for name, value in statistics.items():
            variable = self._variables[name]
            variable.assign(variable * MOMENTUM + value * (1 - MOMENTUM))
        for name, mask in self._masks.items():
            self._variables[name].assign(self._variables[name] * mask)
        return loss

    def _effective(self) -> dict[str, Any]:
        """Return the weights as the forward pass sees them: on their grid, where they have one."""
        tensors = {name: tf_value.value() for name, tf_value in self._variables.items()}
        for name, levels in self._settings.levels.items():
            tensors[name] = _straight_through(self._tf, tensors[name], levels)
        return tensors

    def _apply(self, gradients: Any, step: Any) -> None:
        """Adam with a half-cosine rate; the fused operator is what keeps a step short."""
        tf = self._tf
        done = tf.cast(step, tf.float32)
        rate = self._settings.learning_rate * 0.5 * (1 + tf.cos(np.pi * done / self._total))
        power1, power2 = tf.pow(_BETA1, done + 1), tf.pow(_BETA2, done + 1)
        for name, gradient in zip(self._trained, gradients, strict=True):
            first, second = self._slots[name]
            tf.raw_ops.ResourceApplyAdam(
                var=self._variables[name].handle,
                m=first.handle,
                v=second.handle,
                beta1_power=power1,
                beta2_power=power2,
                lr=rate,
                beta1=_BETA1,
                beta2=_BETA2,
                epsilon=_ADAM_EPSILON,
                grad=gradient,
            )

    def _prune(self, step: Any) -> None:
        """Update the masks when tfmot's schedule says so."""
        tf = self._tf
        assert self._schedule is not None
        due, sparsity = self._schedule(step)
        # Its frequency may pass over the end; waiting for the last step would leave no recovery.
        last = tf.equal(step, self._total - 1)
        due = due | tf.equal(step, self._schedule.end_step) | last
        final = self._settings.sparsity.final
        arrived = last | (sparsity >= tf.constant(final, tf.float32))

        def update() -> Any:
            for name, mask in self._masks.items():
                magnitude = tf.reshape(tf.abs(self._variables[name]), [-1])
                size = int(magnitude.shape[0])
                keep = tf.maximum(1, tf.cast(tf.round(size * (1 - sparsity)), tf.int32))
                # Single precision rounds some counts otherwise than the footprint's mask does.
                keep = tf.where(arrived, kept_count(size, final), keep)
                # Positions in a stable descending order: exactly `keep` weights stay.
                order = tf.argsort(magnitude, direction="DESCENDING", stable=True)
                ranks = tf.scatter_nd(order[:, None], tf.range(size), [size])
                kept = tf.reshape(tf.cast(ranks < keep, tf.float32), mask.shape)
                mask.assign(kept * self._allowed[name])
            return tf.constant(0)

        tf.cond(due, update, lambda: tf.constant(0))


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
