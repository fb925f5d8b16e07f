"""ONNX operators that multiply and add: convolutions, dense layers, normalisations, sums."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from autotiny.networks.affine import Affine
from autotiny.networks.batch_norm import EPSILON
from autotiny.networks.layers import (
    Add,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Layer,
    Multiply,
    Subtract,
)
from autotiny.readers._onnx_reader import (
    Array,
    Handler,
    OnnxReader,
    OnnxValue,
    padded,
    pads_of,
    two_sides,
)


def _conv(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, kernel = reader.value(node), reader.constant(node, 1)
    assert kernel is not None
    kernel = kernel.astype(np.float32)
    if kernel.ndim == 3:  # over time
        kernel = kernel[..., None]
    rank = len(value.shape) - 1
    sizes = kernel.shape[2 : 2 + rank]
    stride = tuple(fields.get("strides", [1] * rank))
    dilation = tuple(fields.get("dilations", [1] * rank))
    spans = [(k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True)]
    pads = pads_of(fields, spans, stride, value.shape[1:])
    source = padded(reader, node, reader.plane(value), pads)
    groups, channels = int(fields.get("group", 1)), value.shape[0]
    bias = reader.constant(node, 2)
    filters = kernel.shape[0]
    bias = np.zeros(filters) if bias is None else bias
    kernel = kernel.transpose(2, 3, 1, 0)  # (height, width, in / groups, filters)
    window: Any = {"padding": "valid", "activation": "linear", "dilation": two_sides(dilation)}
    if (groups == channels and groups > 1) or (groups == channels == 1 and filters == 1):
        multiplier = filters // channels
        array = kernel.reshape(*kernel.shape[:2], channels, multiplier)
        ours: Layer = DepthwiseConv2D(
            reader.name(node), kernel.shape[:2], two_sides(stride), multiplier=multiplier, **window
        )
        name = reader.draft.add(ours, source, kernel=array, bias=bias)
    else:
        ours = Conv2D(
            reader.name(node), filters, kernel.shape[:2], two_sides(stride), groups=groups, **window
        )
        name = reader.draft.add(ours, source, kernel=kernel, bias=bias)
    return reader.of_plane(name, len(value.shape))


def _dense(
    reader: OnnxReader, node: Any, value: OnnxValue, kernel: Array, bias: Array | None
) -> OnnxValue:
    """Append a dense layer; of a flattened plane the kernel's rows change their order."""
    kernel = kernel.astype(np.float32)
    if value.plane is not None:
        rows = kernel.reshape(*value.plane, -1)
        kernel = np.moveaxis(rows, 0, -2).reshape(-1, kernel.shape[-1])
    units = kernel.shape[-1]
    bias = np.zeros(units) if bias is None else np.broadcast_to(bias.ravel(), (units,))
    name = reader.draft.add(Dense(reader.name(node), units), value.tensor, kernel=kernel, bias=bias)
    return OnnxValue(name, (units,))


def _gemm(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    kernel = reader.constant(node, 1)
    assert kernel is not None
    if fields.get("transA", 0):
        raise reader.refused(node, "it transposes its input")
    kernel = kernel.T if fields.get("transB", 0) else kernel
    bias = reader.constant(node, 2)
    kernel = kernel * np.float32(fields.get("alpha", 1.0))
    bias = None if bias is None else bias * np.float32(fields.get("beta", 1.0))
    return _dense(reader, node, reader.value(node), kernel, bias)


def _matmul(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    kernel, value = reader.constant(node, 1), reader.value(node)
    assert kernel is not None
    if len(value.shape) != 1 or kernel.ndim != 2:
        raise reader.refused(node, "it multiplies more than vectors by a matrix")
    return _dense(reader, node, value, kernel, None)


def _batch_norm(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value = reader.value(node)
    given = [reader.constant(node, place) for place in (1, 2, 3, 4)]
    gamma, beta, mean, own = (np.asarray(array, np.float64) for array in given)
    total = own + float(fields.get("epsilon", 1e-5))
    variance = np.maximum(total - EPSILON, 0.0)
    gamma = gamma * np.sqrt((variance + EPSILON) / total)
    source = value.tensor if len(value.shape) == 1 else reader.plane(value)
    if value.plane is not None:
        raise reader.refused(node, "it normalises a flattened plane")
    name = reader.draft.add(
        Affine(reader.name(node)), source, gamma=gamma, beta=beta, mean=mean, variance=variance
    )
    return replace(value, tensor=name)


def _pair(reader: OnnxReader, node: Any) -> tuple[OnnxValue, Array | None]:
    """Return an activation and the constant beside it, if there is one."""
    for first, second in ((0, 1), (1, 0)):
        if reader.is_constant(node, second) and not reader.is_constant(node, first):
            return reader.value(node, first), reader.constant(node, second)
    return reader.value(node), None


def _by_channel(reader: OnnxReader, node: Any, value: OnnxValue, constant: Array) -> Array:
    """Return a constant as one value for each channel."""
    if constant.ndim < len(value.shape) and constant.size > 1:
        raise reader.refused(node, "its constant goes along the last axis, not channels")
    flat = np.squeeze(constant).ravel()
    if flat.size not in (1, value.shape[0]):
        raise reader.refused(node, "its constant is not one value a channel")
    return np.broadcast_to(flat, (value.shape[0],))


def _affine(reader: OnnxReader, node: Any, value: OnnxValue, scale: Any, shift: Any) -> OnnxValue:
    source = value.tensor if len(value.shape) == 1 else reader.plane(value)
    return replace(
        value, tensor=reader.draft.affine(reader.name(node), source, scale, shift, trained=False)
    )


def _joined(
    reader: OnnxReader, node: Any, kind: type[Add] | type[Subtract] | type[Multiply]
) -> OnnxValue:
    first, second = reader.value(node), reader.value(node, 1)
    flat = len(first.shape) == len(second.shape) == 1
    tensors = [v.tensor if flat else reader.plane(v) for v in (first, second)]
    wide = max((first, second), key=lambda v: (len(v.shape), math.prod(v.shape)))
    return replace(wide, tensor=reader.draft.add(kind(reader.name(node)), *tensors))


def _add(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, constant = _pair(reader, node)
    if constant is None:
        return _joined(reader, node, Add)
    last = reader.draft.layers[-1]
    shift = _by_channel(reader, node, value, constant)
    if isinstance(last, Dense) and last.name == value.tensor:  # MatMul, then its bias
        bias = reader.draft.weights[f"{last.name}/bias"]
        reader.draft.weights[f"{last.name}/bias"] = np.asarray(bias + shift, np.float32)
        return value
    return _affine(reader, node, value, 1.0, shift)


def _mul(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, constant = _pair(reader, node)
    if constant is None:
        return _joined(reader, node, Multiply)
    return _affine(reader, node, value, _by_channel(reader, node, value, constant), 0.0)


def _sub(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, constant = _pair(reader, node)
    if constant is None:
        return _joined(reader, node, Subtract)
    sign = -1.0 if reader.is_constant(node, 0) else 1.0  # constant - x, or x - constant
    shift = -sign * _by_channel(reader, node, value, constant)
    return _affine(reader, node, value, sign, shift)


def _div(reader: OnnxReader, node: Any, fields: dict[str, Any]) -> OnnxValue:
    value, constant = reader.value(node), reader.constant(node, 1)
    assert constant is not None
    return _affine(reader, node, value, 1 / _by_channel(reader, node, value, constant), 0.0)


#: Operator to how it is read.
LINEAR: dict[str, Handler] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_norm,
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
}
