"""Keras layers one by one as layers of ours: one function and one row each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.affine import Affine
from autotiny.networks.batch_norm import EPSILON
from autotiny.networks.layers import (
    Activation,
    Add,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Layer,
    Multiply,
    Padding,
    Pool2D,
    PRelu,
    Shape,
    ZeroPad2D,
)
from autotiny.readers import _activations
from autotiny.readers._draft import Draft, Head, Value, as_plane
from autotiny.readers._keras_graph import is_keras, unsupported

#: Keras layers that do nothing at inference.
IGNORED = {
    "InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity",
}  # fmt: skip
#: Layers that change samples in training only.
AUGMENTING = {
    "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast",
    "RandomBrightness", "RandomHeight", "RandomWidth", "RandomShear", "RandomHue",
    "RandomSaturation", "RandomSharpness", "RandomColorJitter", "RandomGrayscale",
    "RandomGaussianBlur", "RandomErasing", "RandomPosterization", "RandomInvert", "RandAugment",
    "MixUp", "CutMix", "AugMix",
}  # fmt: skip
_VIEWS = {"Flatten", "Reshape", *IGNORED}


@dataclass(frozen=True)
class KerasValue(Value):
    """A tensor of a Keras model.

    Attributes:
        head: Softmax, where that was the last thing done to it.
    """

    head: Head = "linear"


class KerasReader:
    """Writes a draft while the layers of a Keras model are walked."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def read(self, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
        """Write one layer and return what it gives.

        Raises:
            UnsupportedLayerError: Naming the layer and what is wrong.
        """
        kind = type(layer).__name__
        if kind == "PruneLowMagnitude":  # tfmot's wrapper that nobody stripped
            self.draft.notes.append(f"{layer.name}: pruning wrapper stripped")
            return self.read(layer.layer, inputs)
        if not is_keras(layer):
            raise unsupported(layer, f"{type(layer).__module__}.{kind} is not a class of Keras")
        if inputs[0].head != "linear" and kind not in _VIEWS:
            raise unsupported(layer, "a softmax comes before it and must be the last layer")
        if kind in AUGMENTING:
            self.draft.notes.append(f"{layer.name}: {kind} dropped, which only training has")
            return inputs[0]
        if kind in IGNORED:
            return inputs[0]
        if kind not in HANDLERS:
            advice = None
            if kind.lower() in _activations.NEAREST:
                advice = f"TFLM computes it in float only: {_activations.nearest(kind.lower())}"
            raise unsupported(layer, "its class is not known", advice)
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            raise unsupported(layer, f"its data format is {layer.data_format}")
        try:
            return HANDLERS[kind](self, layer, inputs)
        except ValueError as error:
            raise unsupported(layer, f"its shape is not one of ours ({error})") from None

    # What handlers share.

    def add(
        self, layer: Any, ours: Layer, *inputs: str, shape: Shape | None = None, **arrays: Any
    ) -> KerasValue:
        """Append a layer; its value has Keras's shape where that is not ours."""
        name = self.draft.add(ours, *inputs, **arrays)
        return KerasValue(name, shape or self.draft.shapes[name])

    def name(self, layer: Any, suffix: str = "") -> str:
        """Return a free name for a layer of ours."""
        return self.draft.free_name(f"{layer.name}{suffix}")

    def activated(self, layer: Any, value: KerasValue) -> KerasValue:
        """Append the activation that is an argument of a Keras layer."""
        function = layer.activation
        if function is None:
            return value
        values = array_of(function(_tensor(layer, _activations.PROBE[None])))[0]
        known = _activations.recognised(values)
        if known is None:
            name = getattr(function, "__name__", str(function))
            raise unsupported(
                layer, f"its activation is {name}", _activations.nearest(str(name).lower())
            )
        return self.function(layer, value, known)

    def function(
        self, layer: Any, value: KerasValue, function: _activations.Function
    ) -> KerasValue:
        """Append an activation."""
        if function.name == "linear":
            return value
        if function.name == "softmax":
            if math.prod(value.shape) != value.shape[-1]:
                raise unsupported(layer, "its softmax is not over classes")
            return replace(value, head="softmax")
        ours = Activation(
            self.name(layer, f"_{function.name}"),
            function.name,  # type: ignore[arg-type]
            slope=function.slope,
        )
        return self.add(layer, ours, value.tensor, shape=value.shape)


def _window(reader: KerasReader, layer: Any, value: KerasValue) -> tuple[str, dict[str, Any]]:
    """Return the plane that a window slides over and the window's fields."""
    fields = {
        "kernel": _pair(layer.kernel_size), "stride": _pair(layer.strides),
        "dilation": _pair(layer.dilation_rate), "padding": layer.padding,
    }  # fmt: skip
    source = reader.draft.plane(value)
    if layer.padding == "causal":
        before = (fields["kernel"][0] - 1) * fields["dilation"][0]
        source = reader.draft.add(ZeroPad2D(reader.name(layer, "_pad"), (before, 0)), source)
        fields["padding"] = "valid"
    elif layer.padding not in ("same", "valid"):
        raise unsupported(layer, f"its padding is {layer.padding}")
    return source, fields


def _shape_of(value: KerasValue, ours: Shape) -> Shape:
    """Return a plane as the model sees it: a signal has no width."""
    return (ours[0], ours[2]) if len(value.shape) == 2 else ours


def _linear(
    reader: KerasReader, layer: Any, value: KerasValue, ours: Layer, source: str, kernel: Any,
    bias: Any,
) -> KerasValue:  # fmt: skip
    """Append a layer with weights; a missing bias is zero."""
    name = reader.draft.add(
        ours,
        source,
        kernel=kernel,
        bias=_bias(bias, ours.output_shape(reader.draft.shapes[source])[-1]),
    )
    return KerasValue(name, _shape_of(value, reader.draft.shapes[name]))


def _convolution(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    source, fields = _window(reader, layer, value)
    ours = Conv2D(
        reader.name(layer), int(layer.filters), **fields, activation="linear",
        groups=int(getattr(layer, "groups", 1)),
    )  # fmt: skip
    kernel = _as_plane_kernel(array_of(layer.kernel))
    made = _linear(reader, layer, value, ours, source, kernel, layer.bias)
    return reader.activated(layer, made)


def _depthwise(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    # Keras 2 and 3 differ in what they call the array.
    kernel = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
    made = _depthwise_part(reader, layer, value, reader.name(layer), kernel, layer.bias)
    return reader.activated(layer, made)


def _depthwise_part(
    reader: KerasReader, layer: Any, value: KerasValue, name: str, kernel: Any, bias: Any
) -> KerasValue:
    source, fields = _window(reader, layer, value)
    if len(value.shape) == 2:  # along time only: the stride across means nothing
        fields["stride"] = (fields["stride"][0], 1)
    ours = DepthwiseConv2D(
        name, **fields, activation="linear", multiplier=int(layer.depth_multiplier)
    )
    array = _as_plane_kernel(array_of(kernel))
    return _linear(reader, layer, value, ours, source, array, bias)


def _separable(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    name = reader.name(layer)
    depthwise = _depthwise_part(
        reader, layer, value, reader.name(layer, "_depthwise"), layer.depthwise_kernel, None
    )
    pointwise = Conv2D(name, int(layer.filters), (1, 1), activation="linear")
    kernel = _as_plane_kernel(array_of(layer.pointwise_kernel))
    made = _linear(
        reader, layer, value, pointwise, reader.draft.plane(depthwise), kernel, layer.bias
    )
    return reader.activated(layer, made)


def _dense(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    """Over a plane, a dense layer works on the last axis: it is a 1x1 convolution."""
    (value,) = inputs
    kernel, units = array_of(layer.kernel), int(layer.units)
    if len(value.shape) == 1:
        ours: Layer = Dense(reader.name(layer), units)
        source = value.tensor
    else:
        ours = Conv2D(reader.name(layer), units, (1, 1), activation="linear")
        source, kernel = reader.draft.plane(value), kernel[None, None]
    return reader.activated(layer, _linear(reader, layer, value, ours, source, kernel, layer.bias))


def _batch_norm(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    axis = np.ravel(layer.axis).tolist()
    if axis not in ([-1], [len(value.shape)]):
        raise unsupported(layer, f"it normalises axis {layer.axis}, not the last")
    statistics = (layer.moving_mean, layer.moving_variance)
    mean, own = (np.asarray(array_of(values), np.float64) for values in statistics)
    # The variance takes up the difference of the two epsilons. Where that would be negative, it is
    # 0 and gamma takes up the rest, so that training meets no negative variance.
    total = own + float(layer.epsilon)
    variance = np.maximum(total - EPSILON, 0.0)
    gamma = array_of(layer.gamma) if layer.scale else np.ones(len(mean))
    beta = array_of(layer.beta) if layer.center else np.zeros(len(mean))
    arrays = {
        "gamma": gamma * np.sqrt((variance + EPSILON) / total),
        "beta": beta, "mean": mean, "variance": variance,
    }  # fmt: skip
    source = _by_last_axis(reader, value)
    return reader.add(layer, Affine(reader.name(layer)), source, shape=value.shape, **arrays)


def _by_last_axis(reader: KerasReader, value: KerasValue) -> str:
    """Return a tensor of ours whose last axis is the model's."""
    ours = reader.draft.shapes[value.tensor]
    if ours[-1] == value.shape[-1] and (len(value.shape) > 1 or math.prod(ours[:-1]) == 1):
        return value.tensor
    return reader.draft.as_shape(value, as_plane(value.shape))


def _scaled(
    reader: KerasReader, layer: Any, value: KerasValue, scale: Any, shift: Any
) -> KerasValue:
    source = _by_last_axis(reader, value)
    name = reader.draft.affine(reader.name(layer), source, scale, shift, trained=False)
    return KerasValue(name, value.shape)


def _rescaling(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    scale, offset = (np.asarray(v, np.float64) for v in (layer.scale, layer.offset))
    return _scaled(reader, layer, inputs[0], scale.ravel(), offset.ravel())


def _normalization(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    if getattr(layer, "invert", False):
        raise unsupported(layer, "it inverts a normalisation")
    statistics = (layer.mean, layer.variance)
    mean, variance = (np.asarray(array_of(v), np.float64).ravel() for v in statistics)
    if mean.size not in (1, inputs[0].shape[-1]):
        raise unsupported(layer, f"it normalises axis {layer.axis}, not the last")
    scale = 1 / np.maximum(np.sqrt(variance), 1e-7)
    return _scaled(reader, layer, inputs[0], scale, -mean * scale)


def _relu(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    limit = None if layer.max_value is None else float(layer.max_value)
    slope, threshold = float(layer.negative_slope), float(layer.threshold)
    if limit not in (None, 6.0) or threshold or (slope and limit):
        raise unsupported(
            layer,
            f"its maximum is {limit}, slope {slope} and threshold {threshold}",
            "use ReLU, ReLU6 or leaky ReLU, which TFLM has in int8",
        )
    name = "leaky_relu" if slope else "relu6" if limit else "relu"
    return reader.function(layer, inputs[0], _activations.Function(name, slope))


def _leaky_relu(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    slope = getattr(layer, "negative_slope", None)
    slope = float(array_of(layer.alpha if slope is None else slope))
    return reader.function(layer, inputs[0], _activations.Function("leaky_relu", slope))


def _prelu(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    alpha = array_of(layer.alpha)
    source = _by_last_axis(reader, value)
    shape = reader.draft.shapes[source]
    if math.prod(alpha.shape[:-1]) == 1 and alpha.shape[-1] == shape[-1]:
        ours, alpha = PRelu(reader.name(layer)), alpha.ravel()
    else:
        full = np.broadcast_to(alpha, value.shape).reshape(shape)
        ours, alpha = PRelu(reader.name(layer), shared=False), np.array(full)
    return reader.add(layer, ours, source, shape=value.shape, alpha=alpha)


def _softmax(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    if np.ravel(layer.axis).tolist() not in ([-1], [len(inputs[0].shape)]):
        raise unsupported(layer, f"its softmax is over axis {layer.axis}, not the classes")
    return reader.function(layer, inputs[0], _activations.Function("softmax"))


def _pool(kind: Literal["max", "average"]) -> "Handler":
    def handle(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
        (value,) = inputs
        if layer.padding not in ("same", "valid"):
            raise unsupported(layer, f"its padding is {layer.padding}")
        padding: Padding = layer.padding
        window, stride = _pair(layer.pool_size), _pair(layer.strides)
        ours = Pool2D(reader.name(layer), kind, window, stride, padding)
        name = reader.draft.add(ours, reader.draft.plane(value))
        return KerasValue(name, _shape_of(value, reader.draft.shapes[name]))

    return handle


def _global_pool(kind: Literal["max", "average"]) -> "Handler":
    def handle(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
        (value,) = inputs
        channels = value.shape[-1:]
        shape = (*(1 for _ in value.shape[:-1]), *channels) if layer.keepdims else channels
        ours = Pool2D(reader.name(layer), kind)
        return reader.add(layer, ours, reader.draft.plane(value), shape=shape)

    return handle


def _zero_padding(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    padding = layer.padding
    sides = (padding, (0, 0)) if len(value.shape) == 2 else padding
    height, width = (tuple(int(n) for n in side) for side in sides)
    ours = ZeroPad2D(reader.name(layer), height, width)  # type: ignore[arg-type]
    name = reader.draft.add(ours, reader.draft.plane(value))
    return KerasValue(name, _shape_of(value, reader.draft.shapes[name]))


def _flatten(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    return replace(inputs[0], shape=(math.prod(inputs[0].shape),))


def _reshape(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    shape = [int(n) for n in layer.target_shape]
    if -1 in shape:
        known = -math.prod(shape)
        shape[shape.index(-1)] = math.prod(value.shape) // known
    if len(shape) > 3:
        raise unsupported(layer, f"its shape {tuple(shape)} has more than three dimensions")
    return replace(value, shape=tuple(shape))


def _together(reader: KerasReader, inputs: Sequence[KerasValue]) -> list[str]:
    """Return tensors of ours that have the shapes, up to views, which the model's have."""
    ranks = {len(value.shape) for value in inputs}
    if ranks == {1}:
        shapes = [reader.draft.shapes[value.tensor] for value in inputs]
        points = all(math.prod(shape[:-1]) == 1 and len(shape) == 3 for shape in shapes)
        if points:
            return [value.tensor for value in inputs]
        return [reader.draft.as_shape(value, value.shape) for value in inputs]
    # Keras lets a vector count for every position of a plane.
    widest = max(ranks)
    return [
        reader.draft.as_shape(value, (1, 1, value.shape[0]))
        if len(value.shape) == 1 and widest > 1
        else reader.draft.plane(value)
        for value in inputs
    ]


def _merge(kind: type[Add] | type[Multiply]) -> "Handler":
    def handle(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
        tensors = _together(reader, inputs)
        shape = max((value.shape for value in inputs), key=lambda s: (len(s), math.prod(s)))
        made = tensors[0]
        for other in tensors[1:]:
            made = reader.draft.add(kind(reader.name(layer)), made, other)
        return KerasValue(made, shape)

    return handle


def _concatenate(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    if layer.axis not in (-1, len(inputs[0].shape)):
        raise unsupported(layer, f"it joins axis {layer.axis}, not channels")
    tensors = _together(reader, inputs)
    shape = (*inputs[0].shape[:-1], sum(value.shape[-1] for value in inputs))
    return reader.add(layer, Concatenate(reader.name(layer)), *tensors, shape=shape)


def _activation(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    return reader.activated(layer, inputs[0])


Handler = Callable[[KerasReader, Any, Sequence[KerasValue]], KerasValue]

#: Keras class to how it is read.
HANDLERS: dict[str, Handler] = {
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "Softmax": _softmax,
    "MaxPooling1D": _pool("max"),
    "MaxPooling2D": _pool("max"),
    "AveragePooling1D": _pool("average"),
    "AveragePooling2D": _pool("average"),
    "GlobalMaxPooling1D": _global_pool("max"),
    "GlobalMaxPooling2D": _global_pool("max"),
    "GlobalAveragePooling1D": _global_pool("average"),
    "GlobalAveragePooling2D": _global_pool("average"),
    "ZeroPadding1D": _zero_padding,
    "ZeroPadding2D": _zero_padding,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Add": _merge(Add),
    "Multiply": _merge(Multiply),
    "Concatenate": _concatenate,
}


def array_of(variable: Any) -> NDArray[np.float32]:
    """Return a variable's or tensor's values as float32 of our own."""
    values = variable.numpy() if hasattr(variable, "numpy") else variable
    return np.array(values, np.float32)


def _bias(bias: Any, channels: int) -> NDArray[np.float32]:
    return np.zeros(channels, np.float32) if bias is None else array_of(bias)


def _as_plane_kernel(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel over time as one over (time, 1)."""
    return kernel[:, None] if kernel.ndim == 3 else kernel


def _pair(value: Any) -> tuple[int, int]:
    """Return height and width of a window; one over time has width 1."""
    sizes = (value, value) if isinstance(value, int) else tuple(value)
    return (int(sizes[0]), 1) if len(sizes) == 1 else (int(sizes[0]), int(sizes[1]))


def _tensor(layer: Any, array: NDArray[np.float32]) -> Any:
    """Return what the layer's functions take: Keras 3 takes arrays, Keras 2 wants tensors."""
    if not type(layer).__module__.startswith("tf_keras"):
        return array
    import tensorflow as tf  # a Keras 2 model has imported it

    return tf.constant(array)
