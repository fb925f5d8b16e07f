"""Which of its kernels and code paths an operator runs, since each takes its own instructions."""

import math

from autotiny.tflite.model import Model, Operator, Tensor

#: Operators whose second input holds weights and whose third holds biases.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "SVDF")
_DECODE = "TFLM_DECODE"
#: First byte of a decoder's ancillary data.
_DECODERS = {0: "lut", 1: "huffman", 2: "pruned"}
_LUT = 0


def kind(model: Model, operator: Operator) -> str:
    """Return what a kernel is chosen by: the type of the values, or how weights are decoded.

    Returns:
        ``int8``, ``int4`` (weights; the values are int8), ``int16``, ``float32``, another element
        type, or for TFLM_DECODE ``lut``, ``huffman`` or ``pruned``.
    """
    if operator.name == _DECODE:
        return _decoder_kind(model, operator)
    if operator.name == "EMBEDDING_LOOKUP":
        table = model.input(operator, 1)
        return table.type if table is not None else "int8"
    weights = model.input(operator, 1) if operator.name in WEIGHTED else None
    if weights is not None and weights.type == "int4":
        return "int4"
    values = first_activation(model, operator) or _output(model, operator)
    return values.type if values is not None else "int8"


def variant(model: Model, operator: Operator) -> str:
    """Return which of its code paths an operator takes; empty where it has one."""
    if operator.name == "CONV_2D":
        return _conv_variant(model, operator)
    if operator.name == "DEPTHWISE_CONV_2D":
        return _depthwise_variant(model, operator)
    if operator.name == _DECODE:
        return _decoder_variant(model, operator)
    if operator.name == "FULLY_CONNECTED":
        weights = model.input(operator, 1)
        return "channel" if weights is not None and len(weights.scales) > 1 else ""
    if operator.name == "SVDF":
        state = model.input(operator, 4)
        return "int8 state" if state is not None and state.type == "int8" else ""
    return _broadcast_variant(model, operator) if operator.name in _BROADCASTING else ""


_BROADCASTING = frozenset({
    "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "EQUAL", "NOT_EQUAL",
    "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL",
})  # fmt: skip


def _broadcast_variant(model: Model, operator: Operator) -> str:
    shapes = [tensor.shape for tensor in inputs(model, operator)[:2]]
    if len(set(shapes)) < 2:
        return ""
    small = min(shapes, key=math.prod)
    if math.prod(small) == 1:
        return "scalar"
    return "vector" if math.prod(small) == small[-1] else "broadcast"


def _conv_variant(model: Model, operator: Operator) -> str:
    weights, source = model.input(operator, 1), model.input(operator, 0)
    if weights is None or source is None:
        return "spatial"
    height, width = weights.shape[1:3]
    if (height, width) == (1, 1):
        strides = (operator.options.get("stride_h", 1), operator.options.get("stride_w", 1))
        return "pointwise" if strides == (1, 1) else "strided"
    return "row" if height == 1 and source.shape[1] == 1 else "spatial"


def _depthwise_variant(model: Model, operator: Operator) -> str:
    weights, source = model.input(operator, 1), model.input(operator, 0)
    if weights is None or source is None:
        return "general"
    factors = (operator.options.get("dilation_h_factor", 1),
               operator.options.get("dilation_w_factor", 1))  # fmt: skip
    multiplier = weights.shape[3] // max(1, source.shape[3])
    if factors != (1, 1) or (multiplier > 1 and multiplier % 4):
        return "general"
    if multiplier > 1:
        return "multiplied"
    return "3x3" if weights.shape[1:3] == (3, 3) else "single"


def _decoder_variant(model: Model, operator: Operator) -> str:
    """Return the bits of the widest code of look-up tables; empty for other decoders."""
    headers = [model.tensors[i].data or b"" for i in operator.inputs[1::2] if i >= 0]
    widths = [header[5] & 7 for header in headers if len(header) > 5 and header[0] == _LUT]
    return str(max(widths)) if widths and len(widths) == len(headers) else ""


def _decoder_kind(model: Model, operator: Operator) -> str:
    """Return the slowest of the decoders that an operator needs."""
    headers = [model.tensors[i].data or b"" for i in operator.inputs[1::2] if i >= 0]
    kinds = [_DECODERS.get(header[0], "huffman") if header else "huffman" for header in headers]
    return "huffman" if "huffman" in kinds else kinds[0] if kinds else "huffman"


def _output(model: Model, operator: Operator) -> Tensor | None:
    return model.output(operator) if operator.outputs else None


def inputs(model: Model, operator: Operator) -> list[Tensor]:
    """Return an operator's input tensors, without those that are left out."""
    return [model.tensors[index] for index in operator.inputs if index >= 0]


def first_activation(model: Model, operator: Operator) -> Tensor | None:
    """Return the first input that is no constant."""
    return next((t for t in inputs(model, operator) if t.data is None), None)
