"""ONNX operators without weights: activations, pools, padding, views, concatenation."""

import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from autotiny.networks.layers import (
    Activation,
    ActivationFunction,
    Concatenate,
    Pool2D,
    PRelu,
    Shape,
)
from autotiny.readers._onnx_reader import (
    Handler,
    OnnxReader,
    OnnxValue,
    padded,
    pads_of,
    same_padding,
    two_sides,
)


def _function(name: ActivationFunction) -> Handler:
    def handle(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
        return _activated(reader, node, name)

    return handle


def _activated(
    reader: OnnxReader, node: Any, name: ActivationFunction, slope: float = 0.0
) -> OnnxValue:
    value = reader.value(node)
    layer = Activation(reader.name(node), name, slope=slope)
    return replace(value, tensor=reader.draft.add(layer, value.tensor))


def _clip(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    ends = []
    for place, key in ((1, "min"), (2, "max")):
        given = reader.constant(node, place)
        ends.append(fields.get(key) if given is None else float(given.ravel()[0]))
    low, high = ends
    if low == 0 and high == 6:
        return _activated(reader, node, "relu6")
    if low == 0 and (high is None or high >= np.finfo(np.float32).max):
        return _activated(reader, node, "relu")
    raise reader.refused(node, f"it clips to {low}..{high}, not 0..6")


def _leaky(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    return _activated(reader, node, "leaky_relu", float(fields.get("alpha", 0.01)))


def _prelu(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, slope = reader.value(node), reader.constant(node, 1)
    assert slope is not None
    channels = value.shape[0]
    if slope.size not in (1, channels):
        raise reader.refused(node, "it has other slopes than one a channel")
    source = value.tensor if len(value.shape) == 1 else reader.plane(value)
    alpha = np.broadcast_to(slope.ravel(), (channels,))
    return replace(value, tensor=reader.draft.add(PRelu(reader.name(node)), source, alpha=alpha))


def _softmax(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value = reader.value(node)
    if math.prod(value.shape) != value.shape[0]:
        raise reader.refused(node, "it is not over classes")
    return replace(value, head="softmax")


def _pool(kind: Literal["max", "average"]) -> Handler:
    def handle(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
        value = reader.value(node)
        window = list(fields["kernel_shape"])
        stride = list(fields.get("strides", [1] * len(window)))
        if fields.get("ceil_mode", 0) or any(d != 1 for d in fields.get("dilations", [])):
            raise reader.refused(node, "it rounds sizes up or is dilated")
        pads = pads_of(fields, window, stride, value.shape[1:])
        source = reader.plane(value)
        padding: Literal["same", "valid"] = "valid"
        if any(map(any, pads)):
            same = [
                same_padding(*part) for part in zip(value.shape[1:], window, stride, strict=True)
            ]
            counts = bool(fields.get("count_include_pad", 0))
            if pads == same and not (kind == "average" and counts):
                padding = "same"
            elif (kind == "average" and counts) or (kind == "max" and _is_positive(reader, source)):
                source = padded(reader, node, source, pads)
            else:
                raise reader.refused(node, f"its padding {pads} is none of TFLite's")
        layer = Pool2D(reader.name(node), kind, two_sides(window), two_sides(stride), padding)
        return reader.of_plane(reader.draft.add(layer, source), len(value.shape))

    return handle


def _is_positive(reader: OnnxReader, tensor: str) -> bool:
    """Whether zeros around a tensor change no maximum, since it holds nothing below 0."""
    layer = next((x for x in reader.draft.layers if x.name == tensor), None)
    return isinstance(layer, Activation) and layer.function in ("relu", "relu6", "sigmoid")


def _global(kind: Literal["max", "average"]) -> Handler:
    def handle(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
        value = reader.value(node)
        name = reader.draft.add(Pool2D(reader.name(node), kind), reader.plane(value))
        return OnnxValue(name, (value.shape[0], *(1 for _ in value.shape[1:])))

    return handle


def _reduce_mean(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, given = reader.value(node), reader.constant(node, 1)
    axes = fields.get("axes") if given is None else given.tolist()
    rank = len(value.shape) + 1
    if axes is None or sorted(axis % rank for axis in axes) != list(range(2, rank)):
        raise reader.refused(node, "it takes the mean of other axes than the plane's")
    name = reader.draft.add(Pool2D(reader.name(node), "average"), reader.plane(value))
    keep = bool(fields.get("keepdims", 1))
    return OnnxValue(name, (value.shape[0], *(1 for _ in value.shape[1:] if keep)))


def _flat(value: OnnxValue) -> OnnxValue:
    plane = value.shape if len(value.shape) > 1 else value.plane
    if plane is not None and math.prod(plane[1:]) == 1:
        plane = None  # one order only
    return replace(value, shape=(math.prod(value.shape),), plane=plane)


def _flatten(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    if fields.get("axis", 1) != 1:
        raise reader.refused(node, "it flattens the batch too")
    return _flat(reader.value(node))


def _reshape(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, given = reader.value(node), reader.constant(node, 1)
    assert given is not None
    shape = [int(n) for n in given.ravel()][1:]
    if not fields.get("allowzero"):  # 0 keeps a side
        sides = dict(enumerate(value.shape))
        shape = [sides.get(i, 0) if n == 0 else n for i, n in enumerate(shape)]
    size = math.prod(value.shape)
    if 0 in shape:
        raise reader.refused(node, f"it turns {value.shape} into {shape}")
    if -1 in shape:
        shape[shape.index(-1)] = size // -math.prod(shape)
    if len(shape) == 1 and shape[0] == size:
        return _flat(value)
    return _viewed(reader, node, value, tuple(shape))


def _viewed(reader: OnnxReader, node: Any, value: OnnxValue, shape: Shape) -> OnnxValue:
    """Return a view that moves no value of ours: points, or the same but for sides of 1."""
    sides = [n for n in shape if n > 1]
    if sides != [n for n in value.shape if n > 1] or value.plane is not None or not shape:
        raise reader.refused(node, f"it turns {value.shape} into {shape}, which mixes channels")
    if len(sides) > 1 and shape[0] != value.shape[0]:
        raise reader.refused(node, f"it turns {value.shape} into {shape}, which moves channels")
    return replace(value, shape=shape)


def _squeeze(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, given = reader.value(node), reader.constant(node, 1)
    axes = fields.get("axes") if given is None else given.tolist()
    rank = len(value.shape) + 1
    gone = {axis % rank - 1 for axis in axes} if axes is not None else set()
    kept = [n for i, n in enumerate(value.shape) if (i not in gone if axes else n > 1)]
    return _viewed(reader, node, value, tuple(kept))


def _unsqueeze(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, given = reader.value(node), reader.constant(node, 1)
    axes = list(fields["axes"] if given is None else given.tolist())
    shape = list(value.shape)
    for axis in sorted(a % (len(value.shape) + 1 + len(axes)) for a in axes):
        shape.insert(axis - 1, 1)
    return _viewed(reader, node, value, tuple(shape))


def _concat(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    values = [reader.value(node, place) for place in range(len(node.input))]
    rank = len(values[0].shape) + 1
    if fields["axis"] % rank != 1 or any(v.plane is not None for v in values):
        raise reader.refused(node, f"it joins axis {fields['axis']}, not channels")
    flat = rank == 2
    tensors = [reader.draft.as_shape(v, v.shape) if flat else reader.plane(v) for v in values]
    name = reader.draft.add(Concatenate(reader.name(node)), *tensors)
    return OnnxValue(name, (sum(v.shape[0] for v in values), *values[0].shape[1:]))


def _pad(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, given = reader.value(node), reader.constant(node, 1)
    pads = list(fields.get("pads", []) if given is None else given.tolist())
    filled = reader.constant(node, 2)
    zero = float(filled.ravel()[0]) if filled is not None else float(fields.get("value", 0.0))
    rank = len(value.shape) + 1
    around = list(zip(pads[:rank], pads[rank:], strict=True))
    if fields.get("mode", b"constant") != b"constant" or zero or any(map(any, around[:2])):
        raise reader.refused(node, "it pads other than a plane with zeros")
    source = padded(reader, node, reader.plane(value), around[2:])
    return reader.of_plane(source, len(value.shape))


def _transpose(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    """Channels first to last at the beginning, as converters write it, or the way back."""
    value, order = reader.value(node), list(fields.get("perm", []))
    shape = tuple(value.shape[axis - 1] for axis in order[1:])
    if order[:1] != [0]:
        raise reader.refused(node, "it moves the batch")
    moved = [axis for axis in order[1:] if value.shape[axis - 1] > 1]
    if moved == sorted(moved):
        return replace(value, shape=shape)
    raise reader.refused(node, f"it moves axes by {order}: give the model with channels first")


def _same_value(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    return reader.value(node)


#: Operator to how it is read.
OTHERS: dict[str, Handler] = {
    "Relu": _function("relu"),
    "Clip": _clip,
    "LeakyRelu": _leaky,
    "PRelu": _prelu,
    "HardSwish": _function("hard_swish"),
    "Sigmoid": _function("sigmoid"),
    "Tanh": _function("tanh"),
    "Softmax": _softmax,
    "MaxPool": _pool("max"),
    "AveragePool": _pool("average"),
    "GlobalMaxPool": _global("max"),
    "GlobalAveragePool": _global("average"),
    "ReduceMean": _reduce_mean,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Pad": _pad,
    "Transpose": _transpose,
    "Identity": _same_value,
    "Dropout": _same_value,
}
