"""The flashed image: a .tflite that holds what TFLM reads, each distinct thing once.

A flatbuffer points at everything by offset, so equal tables and vectors can be one (hash-consing):
shapes, zero points, quantisation parameters, operator options, constant buffers.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from autotiny.runtimes.tflm.graph import Graph, Operator, Quantization, Tensor, read_graphs

_SCHEMA_VERSION = 3
_WIDE_TYPES = (schema.TensorType.INT64, schema.TensorType.UINT64, schema.TensorType.FLOAT64)
# GetQuantizedConvolutionMultipler in kernels/kernel_util.cc refuses a bias whose scale is further
# than this from input scale x weight scale, as a share of the output scale.
_BIAS_SCALE_TOLERANCE = 0.02


def diet(model: bytes) -> bytes:
    """Return the model as an image: nothing that TFLM does not read, outputs unchanged."""
    return write_image(read_graphs(model))


def write_image(graphs: Sequence[Graph], *, alignment: int = 4) -> bytes:
    """Write subgraphs as an image.

    Unused tensors are left out, equal constants become one tensor, and biases lose the
    quantisation parameters that TFLM derives itself.

    Args:
        graphs: All subgraphs, the main one first.
        alignment: Bytes to which constant data is aligned at least, a power of two. Each vector
            starts with its 32-bit length, so 4 is the least, and no kernel on Cortex-M asks more
            of weights and 32-bit biases: CMSIS-NN reads words through memcpy, Helium loads bytes
            and 32-bit words. 64-bit values always get 8, as C++ expects of their type. The TFLite
            converter's 16 serves other processors.
    """
    return _ImageWriter(alignment).write([_slim(graph) for graph in graphs])


def _slim(graph: Graph) -> Graph:
    """Keep one of each used tensor, and only the quantisation that TFLM reads."""
    tensors = list(graph.tensors)
    for index in _biases_with_derived_scales(graph):
        tensors[index] = replace(tensors[index], quantization=None)
    return _renumber(replace(graph, tensors=tuple(tensors)))


def _biases_with_derived_scales(graph: Graph) -> set[int]:
    """Return biases whose quantisation parameters no kernel needs.

    Convolutions never read them for int8 and int16 inputs; FULLY_CONNECTED with one weight scale
    compares the bias's scale, and takes a missing one as zero.
    Source: kernel_util.cc (PopulateConvolutionQuantizationParams), fully_connected_common.cc.
    """
    code = schema.BuiltinOperator
    slots = {code.CONV_2D: 2, code.DEPTHWISE_CONV_2D: 2, code.FULLY_CONNECTED: 2}
    slots[code.TRANSPOSE_CONV] = 3
    found: set[int] = set()
    needed: set[int] = set()
    for operator in graph.operators:
        slot = slots.get(operator.code)
        for position, index in enumerate(operator.inputs):
            free = position == slot and _scale_is_derived(graph, operator)
            (found if free else needed).add(index)
    return {i for i in found - needed if i >= 0 and graph.tensors[i].data is not None}


def _scale_is_derived(graph: Graph, operator: Operator) -> bool:
    source_input = 2 if operator.code == schema.BuiltinOperator.TRANSPOSE_CONV else 0
    if min(operator.inputs[:3], default=-1) < 0:
        return False
    source = graph.tensors[operator.inputs[source_input]]
    weights = graph.tensors[operator.inputs[1]]
    if source.type not in (schema.TensorType.INT8, schema.TensorType.INT16):
        return False
    if operator.code != schema.BuiltinOperator.FULLY_CONNECTED:
        return True
    result = graph.tensors[operator.outputs[0]].quantization
    if not (source.quantization and weights.quantization and result):
        return False
    product = source.quantization.scales[0] * weights.quantization.scales[0]
    per_channel = weights.quantization.channel_axis is not None
    return per_channel or product < 0.99 * _BIAS_SCALE_TOLERANCE * result.scales[0]


def _renumber(graph: Graph) -> Graph:
    """Drop tensors that nothing names and let equal constants share one index."""
    outside = (*graph.inputs, *graph.outputs)
    used = sorted({i for op in graph.operators for i in op.touched}.union(outside))
    kept: list[Tensor] = []
    new_index = {-1: -1}
    constants: dict[Tensor, int] = {}
    for index in used:
        tensor = replace(graph.tensors[index], name="")
        if tensor.data is not None and not tensor.is_variable and index not in outside:
            shared = constants.setdefault(tensor, len(kept))
        else:
            shared = len(kept)
        if shared == len(kept):
            kept.append(tensor)
        new_index[index] = shared

    def moved(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(new_index[i] for i in indices)

    operators = tuple(
        replace(
            op,
            inputs=moved(op.inputs),
            outputs=moved(op.outputs),
            intermediates=moved(op.intermediates),
        )
        for op in graph.operators
    )
    return Graph(tuple(kept), operators, moved(graph.inputs), moved(graph.outputs))


class _ImageWriter:
    """Writes each distinct vector and table once into one flatbuffer.

    The array that holds the image must be aligned to the largest alignment in it, at least 8.
    """

    def __init__(self, alignment: int) -> None:
        self._alignment = alignment
        self._builder = flatbuffers.Builder(1 << 16)
        self._vectors: dict[tuple[bytes, int, int], int] = {}
        self._tables: dict[object, int] = {}
        self._buffers: dict[int, int] = {}

    def write(self, graphs: Sequence[Graph]) -> bytes:
        empty = self._table(())
        buffers, codes = [empty], self._operator_codes(graphs)
        subgraphs = [self._graph(graph, buffers, codes) for graph in graphs]
        model = self._table(
            (
                (0, "Int32", _SCHEMA_VERSION),
                (1, "UOffsetTRelative", self._offsets([offset for _, offset in codes.values()])),
                (2, "UOffsetTRelative", self._offsets(subgraphs)),
                (4, "UOffsetTRelative", self._offsets(buffers)),
            )
        )
        self._builder.Finish(model, b"TFL3")
        return bytes(self._builder.Output())

    def _operator_codes(self, graphs: Sequence[Graph]) -> dict[object, tuple[int, int]]:
        """Return (position, offset) for each distinct (code, custom code)."""
        codes: dict[object, tuple[int, int]] = {}
        for operator in (op for graph in graphs for op in graph.operators):
            if (operator.code, operator.custom_code) in codes:
                continue
            # Both code fields default to 0 and the larger counts, so one of them is enough.
            fields = [
                (0, "Int8", operator.code) if operator.code < 127 else (3, "Int32", operator.code)
            ]
            if operator.custom_code is not None:
                name = self._builder.CreateSharedString(operator.custom_code)
                fields.append((1, "UOffsetTRelative", name))
            codes[operator.code, operator.custom_code] = (len(codes), self._table(tuple(fields)))
        return codes

    def _graph(self, graph: Graph, buffers: list[int], codes: dict[object, tuple[int, int]]) -> int:
        tensors = [self._tensor(tensor, buffers) for tensor in graph.tensors]
        operators = [
            self._operator(operator, codes[operator.code, operator.custom_code][0])
            for operator in graph.operators
        ]
        return self._table(
            (
                (0, "UOffsetTRelative", self._offsets(tensors)),
                (1, "UOffsetTRelative", self._ints(graph.inputs)),
                (2, "UOffsetTRelative", self._ints(graph.outputs)),
                (3, "UOffsetTRelative", self._offsets(operators)),
            )
        )

    def _tensor(self, tensor: Tensor, buffers: list[int]) -> int:
        shape = None if tensor.shape is None else self._ints(tensor.shape)
        return self._table(
            (
                (0, "UOffsetTRelative", shape),
                (1, "Int8", tensor.type),
                (2, "Uint32", self._buffer(tensor, buffers)),
                (4, "UOffsetTRelative", self._quantization(tensor.quantization)),
                (5, "Bool", tensor.is_variable),
            )
        )

    def _buffer(self, tensor: Tensor, buffers: list[int]) -> int:
        """Return the index of a buffer with the tensor's data; 0 is the empty one."""
        if tensor.data is None:
            return 0
        own = 8 if tensor.type in _WIDE_TYPES else tensor.alignment
        alignment = max(own, self._alignment)
        vector = self._vector(np.frombuffer(tensor.data, np.uint8), alignment)
        if vector not in self._buffers:
            self._buffers[vector] = len(buffers)
            buffers.append(self._table(((0, "UOffsetTRelative", vector),)))
        return self._buffers[vector]

    def _quantization(self, quantization: Quantization | None) -> int | None:
        if quantization is None:
            return None
        # TFLM spreads a single zero point over all channels, to allow just this saving
        # (micro_allocator.cc, InitializeTfLiteTensorFromFlatbuffer).
        points = quantization.zero_points
        points = points[:1] if len(set(points)) == 1 else points
        return self._table(
            (
                (2, "UOffsetTRelative", self._vector(np.array(quantization.scales, "<f4"))),
                (3, "UOffsetTRelative", self._vector(np.array(points, "<i8"))),
                # With one scale the axis means nothing, but DECODE refuses any other than 0.
                (6, "Int32", quantization.channel_axis),
            )
        )

    def _operator(self, operator: Operator, code: int) -> int:
        custom, intermediates = operator.custom_options, operator.intermediates
        kind, options = operator.options or (0, None)
        kind_2, options_2 = operator.options_2 or (0, None)
        raw = None if custom is None else self._vector(np.frombuffer(custom, np.uint8))
        return self._table(
            (
                (0, "Uint32", code),
                (1, "UOffsetTRelative", self._ints(operator.inputs)),
                (2, "UOffsetTRelative", self._ints(operator.outputs)),
                (3, "Uint8", kind),
                (4, "UOffsetTRelative", self._options(options)),
                (5, "UOffsetTRelative", raw),
                (8, "UOffsetTRelative", self._ints(intermediates) if intermediates else None),
                (11, "Uint8", kind_2),
                (12, "UOffsetTRelative", self._options(options_2)),
            )
        )

    def _options(self, options: Any) -> int | None:
        """Copy a table of operator options, whatever its type, through the schema's own code."""
        if options is None:
            return None
        key = _content(options)
        if key not in self._tables:
            self._tables[key] = options.Pack(self._builder)
        return self._tables[key]

    def _ints(self, values: Sequence[int]) -> int:
        return self._vector(np.array(values, "<i4"))

    def _vector(self, values: NDArray[Any], alignment: int = 0) -> int:
        alignment = max(alignment, values.itemsize)
        key = (values.tobytes(), values.itemsize, alignment)
        if key not in self._vectors:
            builder, raw = self._builder, key[0]
            builder.StartVector(values.itemsize, values.size, alignment)
            builder.head = builder.Head() - len(raw)
            builder.Bytes[builder.Head() : builder.Head() + len(raw)] = raw
            self._vectors[key] = builder.EndVector()
        return self._vectors[key]

    def _offsets(self, offsets: Sequence[int]) -> int:
        """Write references; they are relative to where they lie, so equal lists are not shared."""
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def _table(self, fields: tuple[tuple[int, str, int | None], ...]) -> int:
        """Write a table of (slot, flatbuffer type, value); absent and default values are free."""
        fields = tuple(field for field in fields if field[2] is not None)
        if fields not in self._tables:
            self._builder.StartObject(max((slot for slot, _, _ in fields), default=-1) + 1)
            for slot, kind, value in sorted(fields, key=lambda field: field[1] in _BYTE_KINDS):
                getattr(self._builder, f"Prepend{kind}Slot")(slot, value, 0)
            self._tables[fields] = int(self._builder.EndObject())
        return self._tables[fields]


_BYTE_KINDS = ("Int8", "Uint8", "Bool")


def _content(value: Any) -> object:
    """Return a hashable that is equal for option objects with equal content."""
    if isinstance(value, np.ndarray | list | tuple):
        return tuple(_content(item) for item in value)
    if hasattr(value, "__dict__"):
        return (type(value).__name__, *((k, _content(v)) for k, v in vars(value).items()))
    return value
