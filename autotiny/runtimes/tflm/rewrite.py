"""Storing weight tensors under an encoding: new contents, and DECODE operators where needed."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from autotiny.runtimes.tflm.encodings import ENCODINGS, Weights
from autotiny.runtimes.tflm.graph import INT4, INT8, UINT8, Graph, Operator, Quantization, Tensor
from autotiny.runtimes.tflm.image import write_image

_CODE = schema.BuiltinOperator
_DECODE = "TFLM_DECODE"
#: Operators whose weights can be encoded; they are the second input of each.
WEIGHTED: Mapping[int, str] = {
    _CODE.CONV_2D: "CONV_2D",
    _CODE.DEPTHWISE_CONV_2D: "DEPTHWISE_CONV_2D",
    _CODE.FULLY_CONNECTED: "FULLY_CONNECTED",
}
_WEIGHTS_INPUT = 1


@dataclass(frozen=True)
class Slot:
    """A place in the first subgraph where an operator reads constant weights.

    Attributes:
        operator: Position of the operator.
        tensor: Index of the weight tensor.
    """

    operator: int
    tensor: int


def weights_index(operator: Operator) -> int | None:
    """Return the index of an operator's weight tensor, None if its weights cannot be encoded."""
    if operator.code not in WEIGHTED or len(operator.inputs) <= _WEIGHTS_INPUT:
        return None
    index = operator.inputs[_WEIGHTS_INPUT]
    return index if index >= 0 else None


def apply(graphs: Sequence[Graph], choices: Mapping[Slot, str]) -> tuple[Graph, ...]:
    """Return the graphs with each slot's weights stored under the encoding of that name."""
    return (_apply_to_graph(graphs[0], choices), *graphs[1:])


def weights_of(tensor: Tensor) -> Weights:
    """Return the values of a weight tensor, INT4 widened, with the axis of its scales."""
    if tensor.quantization is None:
        return Weights(tensor.values())
    points = set(tensor.quantization.zero_points)
    zero_point = points.pop() if len(points) == 1 else None
    return Weights(tensor.values(), tensor.quantization.channel_axis, zero_point)


@cache
def decode_overhead_bytes() -> int:
    """Return what one more DECODE adds to an image beside its data: tensors, buffers, operator.

    Measured on the writer. In a larger image it can be less, where shapes happen to be shared.
    """
    chain = _chain(8, 16, 24)
    slots = [Slot(0, 1), Slot(1, 3)]
    one, two = (
        len(write_image(apply([chain], dict.fromkeys(slots[:count], "pruned")))) for count in (1, 2)
    )
    weights = weights_of(chain.tensors[3])
    return two - one + _padded("int8", weights) - _padded("pruned", weights)


def stored_bytes(name: str, weights: Weights) -> int:
    """Return what weights take in an image under an encoding, with padding and DECODE operator."""
    overhead = decode_overhead_bytes() if ENCODINGS[name].needs_decode else 0
    return _padded(name, weights) + overhead


def _padded(name: str, weights: Weights) -> int:
    return sum(-(-size // 4) * 4 for size in ENCODINGS[name].sizes(weights))


def _apply_to_graph(graph: Graph, choices: Mapping[Slot, str]) -> Graph:
    tensors, decodes = list(graph.tensors), {}
    for slot, name in choices.items():
        tensor = tensors[slot.tensor]
        encoded = ENCODINGS[name].encode(weights_of(graph.tensors[slot.tensor]))
        if encoded.ancillary is None:
            kind = INT4 if name == "int4" else INT8
            tensors[slot.tensor] = replace(tensor, type=kind, data=encoded.data)
            continue
        # The weight tensor becomes the decoded one, in the arena; two new constants feed it.
        tensors[slot.tensor] = replace(tensor, type=INT8, data=None)
        sources = (len(tensors), len(tensors) + 1)
        tensors.append(_bytes_tensor(encoded.data, encoded.alignment))
        tensors.append(_bytes_tensor(encoded.ancillary))
        decodes[slot.operator] = Operator(
            _CODE.CUSTOM, sources, (slot.tensor,), custom_code=_DECODE
        )
    operators: list[Operator] = []
    for position, operator in enumerate(graph.operators):
        operators += [decodes[position], operator] if position in decodes else [operator]
    return replace(graph, tensors=tuple(tensors), operators=tuple(operators))


def _bytes_tensor(data: bytes, alignment: int = 4) -> Tensor:
    return Tensor("", (len(data),), UINT8, data, alignment=alignment)


def _chain(*widths: int) -> Graph:
    """Return fully-connected layers of these widths, each with weights of its own."""
    one = Quantization((1.0,), (0,))
    tensors, operators = [Tensor("", (1, widths[0]), INT8, None, one)], []
    for inputs, outputs in itertools.pairwise(widths):
        values = np.arange(inputs * outputs).astype(np.int8)
        tensors.append(Tensor("", (outputs, inputs), INT8, values.tobytes(), one))
        tensors.append(Tensor("", (1, outputs), INT8, None, one))
        end = len(tensors) - 1
        operators.append(Operator(_CODE.FULLY_CONNECTED, (end - 2, end - 1), (end,)))
    return Graph(tuple(tensors), tuple(operators), (0,), (len(tensors) - 1,))
