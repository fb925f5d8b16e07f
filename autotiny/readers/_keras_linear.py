"""Keras layers that multiply and add: convolutions, dense layers, normalisations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autotiny.networks.affine import Affine
from autotiny.networks.batch_norm import EPSILON
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Layer, ZeroPad2D
from autotiny.readers._keras_graph import unsupported
from autotiny.readers._keras_reader import (
    Handler,
    KerasReader,
    KerasValue,
    array_of,
    bias_of,
    by_last_axis,
    pair_of,
    plane_kernel,
    shape_of,
)


def _window(reader: KerasReader, layer: Any, value: KerasValue) -> tuple[str, dict[str, Any]]:
    """Return the plane that a window slides over and the window's fields."""
    fields = {
        "kernel": pair_of(layer.kernel_size), "stride": pair_of(layer.strides),
        "dilation": pair_of(layer.dilation_rate), "padding": layer.padding,
    }  # fmt: skip
    source = reader.draft.plane(value)
    if layer.padding == "causal":
        before = (fields["kernel"][0] - 1) * fields["dilation"][0]
        source = reader.draft.add(ZeroPad2D(reader.name(layer, "_pad"), (before, 0)), source)
        fields["padding"] = "valid"
    elif layer.padding not in ("same", "valid"):
        raise unsupported(layer, f"its padding is {layer.padding}")
    return source, fields


def _linear(
    reader: KerasReader, layer: Any, value: KerasValue, ours: Layer, source: str, kernel: Any,
    bias: Any,
) -> KerasValue:  # fmt: skip
    """Append a layer with weights; a missing bias is zero."""
    name = reader.draft.add(
        ours,
        source,
        kernel=kernel,
        bias=bias_of(bias, ours.output_shape(reader.draft.shapes[source])[-1]),
    )
    return KerasValue(name, shape_of(value, reader.draft.shapes[name]))


def _convolution(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    source, fields = _window(reader, layer, value)
    ours = Conv2D(
        reader.name(layer), int(layer.filters), **fields, activation="linear",
        groups=int(getattr(layer, "groups", 1)),
    )  # fmt: skip
    kernel = plane_kernel(array_of(layer.kernel))
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
    array = plane_kernel(array_of(kernel))
    return _linear(reader, layer, value, ours, source, array, bias)


def _separable(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    (value,) = inputs
    name = reader.name(layer)
    depthwise = _depthwise_part(
        reader, layer, value, reader.name(layer, "_depthwise"), layer.depthwise_kernel, None
    )
    pointwise = Conv2D(name, int(layer.filters), (1, 1), activation="linear")
    kernel = plane_kernel(array_of(layer.pointwise_kernel))
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
    source = by_last_axis(reader, value)
    return reader.add(layer, Affine(reader.name(layer)), source, shape=value.shape, **arrays)


def _scaled(
    reader: KerasReader, layer: Any, value: KerasValue, scale: Any, shift: Any
) -> KerasValue:
    source = by_last_axis(reader, value)
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


#: Keras class to how it is read.
LINEAR: dict[str, Handler] = {
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
}
