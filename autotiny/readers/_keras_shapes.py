"""Keras layers without kernels: activations, pools, padding, views, and what joins tensors."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from autotiny.networks.layers import (
    Add,
    Concatenate,
    Multiply,
    Padding,
    Pool2D,
    PRelu,
    Subtract,
    ZeroPad2D,
)
from autotiny.readers import _activations
from autotiny.readers._keras_graph import unsupported
from autotiny.readers._keras_reader import (
    Handler,
    KerasReader,
    KerasValue,
    array_of,
    by_last_axis,
    pair_of,
    shape_of,
)


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
    source = by_last_axis(reader, value)
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


def _pool(kind: Literal["max", "average"]) -> Handler:
    def handle(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
        (value,) = inputs
        if layer.padding not in ("same", "valid"):
            raise unsupported(layer, f"its padding is {layer.padding}")
        padding: Padding = layer.padding
        window, stride = pair_of(layer.pool_size), pair_of(layer.strides)
        ours = Pool2D(reader.name(layer), kind, window, stride, padding)
        name = reader.draft.add(ours, reader.draft.plane(value))
        return KerasValue(name, shape_of(value, reader.draft.shapes[name]))

    return handle


def _global_pool(kind: Literal["max", "average"]) -> Handler:
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
    return KerasValue(name, shape_of(value, reader.draft.shapes[name]))


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


def _merge(kind: type[Add] | type[Subtract] | type[Multiply]) -> Handler:
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


#: Keras class to how it is read.
OTHERS: dict[str, Handler] = {
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
    "Subtract": _merge(Subtract),
    "Multiply": _merge(Multiply),
    "Concatenate": _concatenate,
}
