"""Rebuild Keras layers one by one as layers of ours."""

import dataclasses
import logging
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.networks.batch_norm import EPSILON
from autotiny.networks.graph import INPUT, Weights
from autotiny.networks.layers import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FusedActivation,
    Layer,
    Pool2D,
    Shape,
    WeightLayer,
)
from autotiny.readers._keras_graph import is_keras, unsupported

_log = logging.getLogger("autotiny")

#: Keras layers that do nothing at inference.
IGNORED = {
    "InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization",
}  # fmt: skip
#: Where activation functions are told apart: outside and inside every range of interest.
_PROBE = np.concatenate([np.linspace(-9, 9, 73), [-1e-3, 1e-3, -0.05, 0.05]]).astype(np.float32)
#: What an activation that follows another leaves of both.
_COMPOSED: dict[tuple[FusedActivation, FusedActivation], FusedActivation] = {
    ("linear", "relu"): "relu", ("linear", "relu6"): "relu6", ("relu", "relu"): "relu",
    ("relu", "relu6"): "relu6", ("relu6", "relu"): "relu6", ("relu6", "relu6"): "relu6",
}  # fmt: skip


class Reader:
    """Rebuilds a chain of Keras layers one by one.

    Attributes:
        layers: Rebuilt so far.
        weights: Their arrays.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.input_shape = self._shape = input_shape
        self.layers: list[Layer] = []
        self.weights: Weights = {}
        # Ours keeps planes as they are and lets dense layers flatten; this is Keras's view.
        self._flat = len(input_shape) == 1
        self._softmax: Any = None
        # A normalisation of features that no layer could take: its layer, scale and shift.
        self._affine: tuple[Any, NDArray[np.float64], NDArray[np.float64]] | None = None
        self._handlers: dict[str, Callable[[Any], None]] = {
            "Conv2D": self._convolution,
            "DepthwiseConv2D": self._depthwise,
            "SeparableConv2D": self._separable,
            "Dense": self._dense,
            "BatchNormalization": self._batch_norm,
            "Activation": lambda layer: self._activate(layer, self._function(layer)),
            "ReLU": self._relu,
            "Softmax": self._softmax_layer,
            "MaxPooling2D": lambda layer: self._pool(layer, "max"),
            "AveragePooling2D": lambda layer: self._pool(layer, "average"),
            "GlobalMaxPooling2D": lambda layer: self._global_pool(layer, "max"),
            "GlobalAveragePooling2D": lambda layer: self._global_pool(layer, "average"),
            "Flatten": self._flatten,
        }

    @property
    def ends_in_dense(self) -> bool:
        """Whether the last layer so far gives one output per class."""
        return bool(self.layers) and isinstance(self.layers[-1], Dense) and self._affine is None

    def read(self, layer: Any) -> None:
        """Add one Keras layer."""
        kind = type(layer).__name__
        if not is_keras(layer):
            raise unsupported(layer, f"{type(layer).__module__}.{kind} is not a class of Keras")
        if kind in IGNORED:
            return
        if self._softmax is not None:
            raise unsupported(self._softmax, f"its softmax is followed by {layer.name!r}")
        if kind not in self._handlers:
            raise unsupported(layer, "its class is not known")
        if self._affine is not None and kind not in ("Dense", "BatchNormalization", "Flatten"):
            raise unsupported(
                self._affine[0],
                f"a normalisation of features must be followed by Dense, not by {layer.name!r}",
            )
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            raise unsupported(layer, f"its data format is {layer.data_format}")
        self._handlers[kind](layer)

    def _convolution(self, layer: Any) -> None:
        self._check_window(layer)
        if getattr(layer, "groups", 1) != 1:
            raise unsupported(layer, f"it has {layer.groups} groups")
        conv = Conv2D(
            self._name(layer),
            int(layer.filters),
            _pair(layer.kernel_size),
            _pair(layer.strides),
            layer.padding,
            activation="linear",
        )
        self._add(layer, conv, layer.kernel, layer.bias)
        self._activate(layer, self._function(layer))

    def _depthwise(self, layer: Any) -> None:
        # Keras 2 and 3 differ in what they call the array.
        kernel = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
        self._add(layer, self._depthwise_part(layer, self._name(layer)), kernel, layer.bias)
        self._activate(layer, self._function(layer))

    def _separable(self, layer: Any) -> None:
        name = self._name(layer)
        depthwise = self._depthwise_part(layer, self._free(f"{name}_depthwise"))
        self._add(layer, depthwise, layer.depthwise_kernel, None)
        pointwise = Conv2D(name, int(layer.filters), (1, 1), activation="linear")
        self._add(layer, pointwise, layer.pointwise_kernel, layer.bias)
        self._activate(layer, self._function(layer))

    def _depthwise_part(self, layer: Any, name: str) -> DepthwiseConv2D:
        self._check_window(layer)
        if layer.depth_multiplier != 1:
            raise unsupported(layer, f"its depth multiplier is {layer.depth_multiplier}, not 1")
        return DepthwiseConv2D(
            name, _pair(layer.kernel_size), _pair(layer.strides), layer.padding, activation="linear"
        )

    def _dense(self, layer: Any) -> None:
        if not self._flat:
            raise unsupported(layer, f"it has a {self._shape} input that is not flattened")
        kernel: NDArray[Any] = _array(layer.kernel)
        bias = layer.bias
        if self._affine is not None:
            _, scale, shift = self._affine
            bias = shift @ kernel + (0 if bias is None else _array(bias))
            kernel, self._affine = scale[:, None] * kernel, None
        self._add(layer, Dense(self._name(layer), int(layer.units)), kernel, bias)
        self._activate(layer, self._function(layer))

    def _batch_norm(self, layer: Any) -> None:
        """Attach a normalisation to the layer before, or keep it as an affine map."""
        axis = np.ravel(layer.axis).tolist()
        if axis not in ([-1], [1 if self._flat else len(self._shape)]):
            raise unsupported(layer, f"it normalises axis {layer.axis}, not the last")
        before = self.layers[-1] if self.layers else None
        attaches = (
            isinstance(before, WeightLayer)
            and before.activation == "linear"
            and not before.batch_norm
            and self._flat == isinstance(before, Dense)
            and self._affine is None
        )
        if not attaches and self._flat:
            self._affine = (layer, *self._composed(layer))
            return
        if not attaches:
            before = DepthwiseConv2D(self._name(layer), (1, 1), activation="linear")
            self._add(layer, before, np.ones((1, 1, self._shape[-1], 1)), None)
        assert isinstance(before, WeightLayer)
        self.layers[-1] = dataclasses.replace(before, batch_norm=True)
        arrays = _batch_norm_arrays(layer, self.weights.pop(f"{before.name}/bias"))
        self.weights |= {f"{before.name}/{kind}": array for kind, array in arrays.items()}
        self._check_finite(layer, *arrays.values())

    def _composed(self, layer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return scale and shift of a normalisation, behind those that already wait."""
        size = math.prod(self._shape)
        arrays = _batch_norm_arrays(layer, np.zeros(size, np.float32))
        self._check_finite(layer, *arrays.values())
        scale = arrays["gamma"] / np.sqrt(np.asarray(arrays["variance"], np.float64) + EPSILON)
        shift = arrays["beta"] - arrays["mean"] * scale
        if self._affine is None:
            return scale, shift
        _, earlier_scale, earlier_shift = self._affine
        return scale * earlier_scale, scale * earlier_shift + shift

    def _relu(self, layer: Any) -> None:
        limit = None if layer.max_value is None else float(layer.max_value)
        if limit not in (None, 6.0) or float(layer.negative_slope) or float(layer.threshold):
            raise unsupported(
                layer,
                f"its maximum is {limit}, slope {float(layer.negative_slope)} and threshold "
                f"{float(layer.threshold)}",
            )
        self._activate(layer, "relu" if limit is None else "relu6")

    def _softmax_layer(self, layer: Any) -> None:
        if np.ravel(layer.axis).tolist() not in ([-1], [1]):
            raise unsupported(layer, f"its softmax is over axis {layer.axis}, not the classes")
        self._activate(layer, "softmax")

    def _activate(self, layer: Any, activation: str) -> None:
        """Fuse an activation into the layer before; ReLU may move in front of max pooling."""
        if activation == "linear":
            return
        if activation == "softmax":
            if not self._flat:
                raise unsupported(layer, "its softmax is not over classes")
            _log.info("%s: softmax dropped; outputs are logits, their order is equal", layer.name)
            self._softmax = layer
            return
        position = len(self.layers) - 1
        while position >= 0 and getattr(self.layers[position], "kind", "") == "max":
            position -= 1
        before = self.layers[position] if position >= 0 else None
        if not isinstance(before, WeightLayer):
            raise unsupported(layer, f"its {activation} has no convolution or dense layer before")
        fused = _COMPOSED[before.activation, "relu" if activation == "relu" else "relu6"]
        self.layers[position] = dataclasses.replace(before, activation=fused)

    def _function(self, layer: Any) -> str:
        """Return what a layer's activation computes, told by what it does, not by its name."""
        function = layer.activation
        values = _array(function(_tensor(layer, _PROBE[None])))[0]
        softmax = np.exp(_PROBE - _PROBE.max()) / np.exp(_PROBE - _PROBE.max()).sum()
        known = {
            "linear": _PROBE,
            "relu": np.maximum(_PROBE, 0),
            "relu6": np.clip(_PROBE, 0, 6),
            "softmax": softmax,
        }
        for name, expected in known.items():
            if np.allclose(values, expected, rtol=1e-5, atol=1e-7):
                return name
        raise unsupported(layer, f"its activation is {getattr(function, '__name__', function)}")

    def _pool(self, layer: Any, kind: Any) -> None:
        pool = Pool2D(
            self._name(layer), kind, _pair(layer.pool_size), _pair(layer.strides), layer.padding
        )
        self._append(layer, pool)

    def _global_pool(self, layer: Any, kind: Any) -> None:
        self._append(layer, Pool2D(self._name(layer), kind))
        self._flat = not layer.keepdims

    def _flatten(self, layer: Any) -> None:
        self._flat = True

    def _add(self, layer: Any, ours: WeightLayer, kernel: Any, bias: Any) -> None:
        """Append a layer with weights; a missing bias is zero."""
        array = _array(kernel)
        if isinstance(ours, Dense) and array.shape[0] != math.prod(self._shape):
            raise unsupported(layer, f"its kernel {array.shape} does not fit {self._shape}")
        self._append(layer, ours)
        zeros = np.zeros(self._shape[-1], np.float32)
        self.weights[f"{ours.name}/kernel"] = array
        self.weights[f"{ours.name}/bias"] = zeros if bias is None else _array(bias)
        self._check_finite(layer, array, self.weights[f"{ours.name}/bias"])

    def _append(self, layer: Any, ours: Layer) -> None:
        try:
            self._shape = ours.output_shape(self._shape)
        except ValueError as error:
            raise unsupported(layer, f"its shape is not one of ours ({error})") from None
        self._flat = isinstance(ours, Dense)
        self.layers.append(ours)

    def _check_window(self, layer: Any) -> None:
        if _pair(layer.dilation_rate) != (1, 1):
            raise unsupported(layer, f"its dilation rate is {layer.dilation_rate}, not 1")
        if layer.padding not in ("same", "valid"):
            raise unsupported(layer, f"its padding is {layer.padding}, not same or valid")

    @staticmethod
    def _check_finite(layer: Any, *arrays: NDArray[np.float32]) -> None:
        if not all(np.isfinite(array).all() for array in arrays):
            raise InputError(
                f"A trained model's weights must be finite; layer {layer.name!r} holds NaN or "
                "infinity."
            )

    def _name(self, layer: Any) -> str:
        return self._free(re.sub(r"[^A-Za-z0-9_.-]", "_", str(layer.name)) or "layer")

    def _free(self, name: str) -> str:
        """Return the name, numbered if a layer or the input already has it."""
        taken = {INPUT, *(layer.name for layer in self.layers)}
        numbered = (name, *(f"{name}_{i}" for i in range(1, len(taken) + 1)))
        return next(candidate for candidate in numbered if candidate not in taken)


def _tensor(layer: Any, array: NDArray[np.float32]) -> Any:
    """Return what the layer's functions take: Keras 3 takes arrays, Keras 2 wants tensors."""
    if not type(layer).__module__.startswith("tf_keras"):
        return array
    import tensorflow as tf  # a Keras 2 model has imported it

    return tf.constant(array)


def _pair(value: Any) -> tuple[int, int]:
    height, width = (value, value) if isinstance(value, int) else value
    return int(height), int(width)


def _array(variable: Any) -> NDArray[np.float32]:
    """Return a variable's or tensor's values as float32 of our own."""
    values = variable.numpy() if hasattr(variable, "numpy") else variable
    return np.array(values, np.float32)


def _batch_norm_arrays(layer: Any, bias: NDArray[np.float32]) -> Weights:
    """Return a normalisation's arrays under our epsilon, the bias before it moved into the mean.

    The variance takes up the difference of the two epsilons. Where that would be negative, it is 0
    and gamma takes up the rest, so that training meets no negative variance.
    """
    mean, own = (
        np.asarray(_array(v), np.float64) for v in (layer.moving_mean, layer.moving_variance)
    )
    total = own + float(layer.epsilon)
    variance = np.maximum(total - EPSILON, 0.0)
    gamma = _array(layer.gamma) if layer.scale else np.ones(len(mean), np.float32)
    beta = _array(layer.beta) if layer.center else np.zeros(len(mean), np.float32)
    arrays = {
        "gamma": gamma * np.sqrt((variance + EPSILON) / total),
        "beta": beta,
        "mean": mean - bias,
        "variance": variance,
    }
    return {kind: np.asarray(array, np.float32) for kind, array in arrays.items()}
