"""What a model takes, what it gives, and which operators it runs, read from its flatbuffer."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.evaluation import Quantisation


@dataclass(frozen=True)
class QuantisedTensor:
    """An int8 tensor at the edge of the model: ``real = scale * (q - zero_point)``.

    Attributes:
        shape: With the batch dimension.
        scale: As stored, a float32 value.
        zero_point: In -128..127.
    """

    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def size(self) -> int:
        """Number of elements, which is also bytes."""
        return math.prod(self.shape)

    def quantise(self, values: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return int8 elements as a score is measured on, and as ``quantize.h`` computes them."""
        return self._map.quantise(values)

    def dequantise(self, elements: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return real values."""
        return self._map.dequantise(elements)

    @property
    def _map(self) -> Quantisation:
        return Quantisation(self.scale, self.zero_point)


@dataclass(frozen=True)
class Interface:
    """The edges of a model and the operators between them.

    Attributes:
        input: Its one input.
        output: Its one output.
        operators: Distinct operators that it runs, sorted: builtin names, or the custom code of a
            custom operator.
        gives_probabilities: Its output comes from a softmax; else it is logits.
        gives_sigmoid: The last operator makes probabilities of single outputs.
    """

    input: QuantisedTensor
    output: QuantisedTensor
    operators: tuple[str, ...]
    gives_probabilities: bool
    gives_sigmoid: bool = False


def read_interface(model: bytes) -> Interface:
    """Read a .tflite.

    Raises:
        InputError: If the bytes are no .tflite.
        UnsupportedModelError: If the model has not exactly one int8 input and one int8 output.
    """
    from ai_edge_litert import schema_py_generated as schema

    if model[4:8] != b"TFL3":
        raise InputError("The model must be a .tflite file; the bytes given have another format.")
    parsed = schema.ModelT.InitFromPackedBuf(bytearray(model), 0)
    graph = parsed.subgraphs[0]
    names = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    used = {operator.opcodeIndex for each in parsed.subgraphs for operator in each.operators}
    operators = {_operator_name(parsed.operatorCodes[index], names) for index in used}
    last = [op for op in graph.operators if graph.outputs[0] in op.outputs]
    kinds = {_operator_name(parsed.operatorCodes[op.opcodeIndex], names) for op in last}
    source, sink = _edge(graph, "inputs"), _edge(graph, "outputs")
    return Interface(
        source, sink, tuple(sorted(operators)), kinds == {"SOFTMAX"}, kinds == {"LOGISTIC"}
    )


def _edge(graph: Any, kind: str) -> QuantisedTensor:
    indices = getattr(graph, kind)
    if len(indices) != 1:
        raise UnsupportedModelError(f"A bundle needs a model with 1 of {kind}; got {len(indices)}.")
    tensor = graph.tensors[indices[0]]
    parameters = tensor.quantization
    scales = [] if parameters is None or parameters.scale is None else list(parameters.scale)
    if tensor.type != 9 or len(scales) != 1:  # TensorType.INT8
        raise UnsupportedModelError(f"A bundle needs int8 {kind} with one scale and zero point.")
    zero_points = parameters.zeroPoint  # absent means zero
    zero_point = 0 if zero_points is None or len(zero_points) == 0 else int(zero_points[0])
    return QuantisedTensor(tuple(int(n) for n in tensor.shape), float(scales[0]), zero_point)


def _operator_name(code: Any, names: dict[Any, str]) -> str:
    # Files from before 2020 have the number in the 8-bit field alone (schema.fbs, OperatorCode).
    name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
    if name != "CUSTOM":
        return name
    custom = code.customCode
    return custom.decode() if isinstance(custom, bytes) else str(custom)
