"""Integers of a lowered model inside of training: what is rounded there is rounded here.

Quantisation-aware training (Jacob et al. 2018, section 3; Krishnamoorthi 2018): kernels and the
outputs of layers are rounded to the grids that lowering gives them, by ``TensorScales`` and
``kernel_scales``, and gradients pass as if they had not been, but for what is cut off (Bengio et
al. 2013). Steps may be learned with the weights (Esser et al. 2020, LSQ), as exponents: an
optimiser that moves all parameters alike then moves every step by the same share (Jain et al.
2020).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.clustering import WeightLevels
from autotiny.lowering import Grids, Ranges
from autotiny.lowering.kernels import (
    LEAST_BOUND,
    kernel_bits,
    kernel_rows,
    kernel_scales,
    shares_scale,
)
from autotiny.lowering.scales import TensorScales
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.networks.layers import Layer, Pool2D, WeightLayer
from autotiny.networks.precision import INT8, PrecisionPlan
from autotiny.training.output_scale import OutputScale

#: How training knows of the grids that a model is lowered to.
KINDS = ("grid", "post_training", "aware", "lsq")
#: What follows the name of what a learned step belongs to.
_STEP = "/step"
#: A learned step grows by e to so many times its parameter: about 0.5 % at a rate of 0.0005.
_SPEED = 10.0


@dataclass(frozen=True)
class Simulated:
    """What of lowering a training simulates.

    Attributes:
        plan: Bits per layer.
        ranges: Of every tensor, at the start.
        grids: How scales are chosen.
        kind: ``grid`` rounds kernels of fewer than 8 bits, ``aware`` all kernels and activations,
            ``lsq`` likewise, and learns the steps of both. Clustered kernels are on their levels.
    """

    plan: PrecisionPlan
    ranges: Ranges
    grids: Grids
    kind: str


@dataclass(frozen=True)
class TrainedGrids:
    """The grids that weights were trained on, for lowering.

    Attributes:
        ranges: Of every tensor; None where activations were not simulated.
        kernel_scales: Array name to scales.
    """

    ranges: Ranges | None
    kernel_scales: Mapping[str, NDArray[np.float32]]


class Simulation:
    """Rounds kernels and activations in one training.

    Args:
        tf: TensorFlow.
        network: Without batch norm.
        settings: What is simulated.
        weights: Arrays at the start, as training has them.
        units: Those of the outputs, where training works in others.
    """

    def __init__(
        self,
        tf: Any,
        network: Network,
        settings: Simulated,
        weights: Weights,
        units: OutputScale | None = None,
    ) -> None:
        self._tf, self._network, self._settings = tf, network, settings
        self._units = units if units is not None and units.layer is not None else None
        self._scales = TensorScales(network, settings.plan, settings.ranges, settings.grids)
        weights = weights if self._units is None else self._units.restored(weights)
        self._layers = {
            f"{layer.name}/kernel": layer for layer in network.weight_layers if self._rounds(layer)
        }
        self._steps = {
            name: kernel_scales(layer, kernel_rows(layer, weights[name]), *self._precision(layer))
            for name, layer in self._layers.items()
        }
        self._shares = {
            name: steps / self._steps_of_largest(name, weights[name]).numpy().ravel()
            for name, steps in self._steps.items()
        }
        self._targets = self._converted()
        self._means = {
            layer.name
            for layer in network.layers
            if isinstance(layer, Pool2D) and layer.kind == "average"
        }

    def _rounds(self, layer: WeightLayer) -> bool:
        precision = self._settings.plan.get(layer.name, INT8)
        low = precision.weight_bits < 8 or self._settings.kind != "grid"
        return low and not precision.clustered

    def _precision(self, layer: WeightLayer) -> tuple[Any, Grids]:
        return self._settings.plan.get(layer.name, INT8), self._settings.grids

    def _converted(self) -> dict[str, list[tuple[str, int]]]:
        """Return tensor name to the grids that its values are on one after another.

        That it is made on, and the one that all who read it need it on, if it is another: given as
        the tensor whose scale it is, and bits.
        """
        scales, network = self._scales, self._network
        read: dict[str, set[tuple[str, int]]] = {name: set() for name in scales.made}
        for layer in network.layers:
            for name, target in zip(layer.inputs, scales.targets(layer), strict=True):
                read[name].add(target)
        read[network.output].add((network.output, 8))
        return {
            name: [(name, scales.bits[name]), *(read[name] if len(read[name]) == 1 else ())]
            for name in scales.made
        }

    @property
    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """Arrays that are trained beside the weights, at the start: one for each learned step."""
        if self._settings.kind != "lsq":
            return {}
        zeros = {name: np.zeros(s.shape, np.float32) for name, s in self._steps.items()}
        groups = {self._scales.group(name) for name in self._scales.made}
        # The input's range does not change with the weights.
        groups -= {self._scales.group(INPUT)}
        zeros |= {name: np.zeros((), np.float32) for name in sorted(groups)}
        return {f"{name}{_STEP}": zero for name, zero in zeros.items()}

    def kernels(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return the kernels that are simulated, and their biases, rounded.

        Args:
            arrays: Every array as it is.
        """
        found = {}
        for name, layer in self._layers.items():
            spread = 1.0 if self._units_of(layer.name) is None else self._units.spread  # type: ignore[union-attr]
            kernel = arrays[name] * spread
            bits = kernel_bits(self._precision(layer)[0])
            most = 2.0 ** (bits - 1) - 1
            least = -most if bits == 8 else -most - 1
            step = self._kernel_step(name, kernel, arrays)
            found[name] = self._rounded(kernel, step, least, most, self._tf.round) / spread
            if self._settings.kind != "grid":
                found |= self._bias(layer, step, spread, arrays)
        return found

    def _bias(
        self, layer: WeightLayer, step: Any, spread: Any, arrays: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a layer's bias, in steps of its kernel times its input."""
        tf, name = self._tf, f"{layer.name}/bias"
        source = self._grid(*self._scales.targets(layer)[0], arrays, 1)[0]
        units = self._units_of(layer.name)
        mean = 0.0 if units is None else units.mean
        steps = tf.stop_gradient(tf.reshape(step, [-1]) * source)
        bias = arrays[name] * spread + mean
        found = bias + tf.stop_gradient(tf.round(bias / steps) * steps - bias)
        return {name: (found - mean) / spread}

    def input(self, x: Any) -> Any:
        """Return a batch of inputs, rounded."""
        return self._activation(INPUT, x, {})

    def hook(self, arrays: Mapping[str, Any]) -> Callable[[Layer, Any], Any]:
        """Return what rounds the output of each layer, for ``forward``."""

        def rounded(layer: Layer, value: Any) -> Any:
            units = self._units_of(layer.name)
            if units is None:
                return self._activation(layer.name, value, arrays)
            real = self._activation(layer.name, value * units.spread + units.mean, arrays)
            return (real - units.mean) / units.spread

        return rounded

    def trained(self, weights: Weights) -> TrainedGrids:
        """Return the grids at the end.

        Args:
            weights: All arrays after training, in the model's own units, learned steps among them.
        """
        scales = {
            name: self._kernel_step(name, self._tf.constant(weights[name]), weights).numpy().ravel()
            for name in self._layers
        }
        if self._settings.kind == "grid":
            return TrainedGrids(None, scales)
        ranges = {}
        for name, (low, high) in self._settings.ranges.items():
            low, high = self._scales.spans.get(self._scales.group(name), (low, high))
            factor = float(np.exp(_SPEED * weights.get(f"{self._scales.group(name)}{_STEP}", 0.0)))
            ranges[name] = (low * factor, high * factor)
        return TrainedGrids(ranges, scales)

    def _units_of(self, layer: str) -> OutputScale | None:
        return self._units if self._units is not None and self._units.layer == layer else None

    def _activation(self, name: str, value: Any, arrays: Mapping[str, Any]) -> Any:
        """Return a tensor's values on its grids, one after another."""
        if self._settings.kind == "grid":
            return value
        tf = self._tf
        for target, bits in self._targets[name]:
            step, zero = self._grid(target, bits, arrays, math.prod(value.shape[1:]))
            least, most = (-32768.0, 32767.0) if bits == 16 else (-128.0, 127.0)
            # Halves, frequent where scales are powers of two, go away from zero; a mean's integers
            # are rounded as they are stored.
            origin = zero if name in self._means else tf.constant(0.0)

            def nearest(integers: Any, origin: Any = origin) -> Any:
                stored = integers + origin
                return tf.sign(stored) * tf.floor(tf.abs(stored) + 0.5) - origin

            value = self._rounded(value, step, least - zero, most - zero, nearest)
        return value

    def _grid(self, name: str, bits: int, arrays: Mapping[str, Any], count: int) -> tuple[Any, Any]:
        """Return the step and the zero point of a tensor of ``count`` values a sample."""
        tf = self._tf
        made, group = self._scales.scales_in(name, bits), self._scales.group(name)
        learned = arrays.get(f"{group}{_STEP}")
        if learned is None or self._scales.is_fixed(name, bits):
            return tf.constant(made.scales[0]), tf.constant(float(made.zero_point))
        least, most = self._scales.spans[group]
        factor = self._grown(learned, count, bits)
        if bits == 16:
            return self._legal(max(abs(least), abs(most), 1e-9) / 32767 * factor), tf.constant(0.0)
        below = min(least, 0.0)
        step = self._legal(max(max(most, 0.0) - below, 1e-9) / 255 * factor)
        return step, tf.stop_gradient(tf.round(-128 - below * factor / step))

    def _kernel_step(self, name: str, kernel: Any, arrays: Mapping[str, Any]) -> Any:
        """Return the steps of a kernel, of a shape that goes with it."""
        learned = arrays.get(f"{name}{_STEP}")
        if learned is None:
            largest = self._steps_of_largest(name, kernel)
            return self._legal(largest * self._shares[name].reshape(largest.shape))
        bits = kernel_bits(self._precision(self._layers[name])[0])
        size = math.prod(kernel.shape) // len(self._steps[name])
        steps = self._steps[name] * self._grown(learned, size, bits)
        return self._tf.reshape(self._legal(steps), self._step_shape(name, kernel))

    def _steps_of_largest(self, name: str, kernel: Any) -> Any:
        """Return the steps under which no weight is cut off."""
        tf, layer = self._tf, self._layers[name]
        shape = self._step_shape(name, kernel)
        axes = [place for place, length in enumerate(shape) if length != kernel.shape[place]]
        # An axis of one element is its own largest.
        largest = tf.reduce_max(tf.abs(kernel), axis=axes, keepdims=True)
        bits = kernel_bits(self._precision(layer)[0])
        return tf.maximum(largest, LEAST_BOUND) / (2.0 ** (bits - 1) - 1)

    def _step_shape(self, name: str, kernel: Any) -> tuple[int, ...]:
        layer = self._layers[name]
        if shares_scale(layer, *self._precision(layer)):
            return (1,) * len(kernel.shape)
        first = layer.channel_axis % len(kernel.shape)
        return tuple(n if place >= first else 1 for place, n in enumerate(kernel.shape))

    def _grown(self, exponent: Any, count: int, bits: int) -> Any:
        """Return the factor of a learned step, whose gradient LSQ makes smaller (section 2.2)."""
        tf = self._tf
        exponent = tf.convert_to_tensor(exponent)
        share = 1 / math.sqrt(max(count, 1) * (2 ** (bits - 1) - 1))
        scaled = exponent * share + tf.stop_gradient(exponent * (1 - share))
        return tf.exp(_SPEED * scaled)

    def _legal(self, steps: Any) -> Any:
        """Return steps of the grid of scales; gradients pass."""
        if self._settings.grids.scale_grid == "free":
            return steps
        tf = self._tf
        # The next power of two upwards: the mantissa's bits carry over into the exponent.
        words = tf.bitcast(tf.cast(steps, tf.float32), tf.int32)
        powers = tf.bitcast(tf.bitwise.bitwise_and(words + 0x7FFFFF, 0x7F800000), tf.float32)
        return steps + tf.stop_gradient(powers - steps)  # exactly: both are within a factor of 2

    def _rounded(self, values: Any, steps: Any, least: Any, most: Any, nearest: Any) -> Any:
        """Return values on a grid; gradients pass to those that are not cut off, and to steps."""
        integers = self._tf.clip_by_value(values / steps, least, most)
        return (integers + self._tf.stop_gradient(nearest(integers) - integers)) * steps


def on_levels(tf: Any, kernel: Any, grid: WeightLevels) -> Any:
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
