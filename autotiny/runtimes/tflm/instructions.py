"""MACs, parameters and predicted CPU instructions, from the fits in ``instructions.yaml``.

The fits are for int8. What they do not cover is named in ``Work.unaccounted``, never silently zero.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm import cmsis_nn
from autotiny.runtimes.tflm.reader import Model, Operator, Tensor

#: Operators whose second input holds weights and whose third holds biases.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "SVDF")
#: Operators that move, scale or compare values and multiply no weights with them.
_NO_MACS = frozenset({
    "ABS", "ADD", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "CAST", "CONCATENATION", "DEQUANTIZE",
    "EXPAND_DIMS", "GATHER", "LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM",
    "MUL", "NEG", "PACK", "PAD", "PADV2", "QUANTIZE", "RELU", "RELU6", "RESHAPE", "SHAPE", "SLICE",
    "SOFTMAX", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "SUB", "TANH", "TFLM_DECODE", "TRANSPOSE",
    "UNPACK",
})  # fmt: skip
#: Types that the fits were made with: values, and indices such as axes.
_FITTED_TYPES = frozenset({"int8", "int32"})
#: First byte of a decoder's ancillary data.
_HUFFMAN = b"\x01"
#: Cores that were measured, or that run the same instructions.
_MEASURED_CORES = ("cortex-m4", "cortex-m4f", "cortex-m7", "cortex-m33", "cortex-m55")


@dataclass(frozen=True)
class Work:
    """What one inference computes.

    Attributes:
        macs: Multiply-accumulate operations.
        instructions: Predicted CPU instructions.
        unaccounted: Sentences about what the two figures leave out.
    """

    macs: int
    instructions: int
    unaccounted: tuple[str, ...] = ()


@cache
def table() -> Mapping[str, Any]:
    """Return the data table; see the comments in the file."""
    import yaml

    text = files("autotiny.runtimes.tflm").joinpath("instructions.yaml").read_text("utf-8")
    data: Mapping[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return data


def relative_error(target: Target) -> float:
    """Return the error of a whole int8 model's instructions on a measured core, as a fraction."""
    if _helium(target):
        return float(table()["helium_error"])
    return float(table()["kernel_sets"][target.kernels]["whole_model_error"])


def name_has_fit(operator: str, target: Target) -> bool:
    """Whether the instructions of an operator of that name can be predicted."""
    return operator in table()["kernel_sets"][target.kernels]["fits"]


def operator_work(model: Model, operator: Operator, target: Target) -> Work:
    """Return what one operator computes per inference."""
    macs, unaccounted = _macs(model, operator)
    fit = table()["kernel_sets"][target.kernels]["fits"].get(operator.name)
    if fit is None:
        return Work(macs, 0, (*unaccounted, f"Instructions of {operator.name}: no measured fit."))
    area = _kernel_area(model, operator)
    outputs = sum(model.tensors[index].elements for index in operator.outputs)
    reads = outputs * area if operator.name.endswith("_POOL_2D") else macs
    instructions = (
        fit.get("mac", 0) * reads
        + fit.get("out_k", 0) * outputs * area
        + fit.get("out", 0) * outputs
        + fit.get("fixed", 0)
    )
    if _helium(target):
        instructions *= table()["helium_factor"]
    return Work(macs, round(instructions), (*unaccounted, *_caveats(model, operator)))


def core_caveat(target: Target) -> str | None:
    """Return what is uncertain about figures measured on another core; None if nothing is."""
    if target.core.lower() in _MEASURED_CORES:
        return None
    return (
        f"Code size and instructions: measured on a Cortex-M4, and predicted alike for "
        f"{target.core}."
    )


def model_work(model: Model, target: Target) -> Work:
    """Return what a whole model computes per inference."""
    works = [operator_work(model, operator, target) for operator in model.operators]
    unaccounted = dict.fromkeys(text for work in works for text in work.unaccounted)
    return Work(
        sum(work.macs for work in works), sum(work.instructions for work in works),
        tuple(unaccounted),
    )  # fmt: skip


def parameter_count(model: Model) -> int:
    """Return the number of weight and bias values, each stored tensor counted once."""
    decoded = _decoded_weights(model)
    counted: dict[int, int] = {}
    for operator in model.operators:
        for index in parameter_inputs(model, operator):
            tensor = model.tensors[index]
            if tensor.data is not None or index in decoded:
                counted[index] = tensor.elements
    return sum(counted.values())


def parameter_inputs(model: Model, operator: Operator) -> tuple[int, ...]:
    """Return the tensor indices of an operator's weights and biases."""
    if operator.name not in WEIGHTED and "LSTM" not in operator.name:
        return ()
    # A transposed convolution's first input is its output shape, and its third the activation.
    positions = (1, 3) if operator.name == "TRANSPOSE_CONV" else range(1, len(operator.inputs))
    found = [operator.inputs[p] for p in positions if p < len(operator.inputs)]
    return tuple(index for index in found if index >= 0 and not model.tensors[index].is_variable)


def _decoded_weights(model: Model) -> set[int]:
    return {index for op in model.operators if op.name == "TFLM_DECODE" for index in op.outputs}


def _macs(model: Model, operator: Operator) -> tuple[int, tuple[str, ...]]:
    if operator.name in _NO_MACS:
        return 0, ()
    if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return _lstm_macs(model, operator), ()
    if operator.name not in WEIGHTED:
        return 0, (f"MACs of {operator.name}: not known.",)
    weights, output = model.input(operator, 1), model.output(operator)
    if weights is None:
        return 0, (f"MACs of {operator.name}: it has no weights.",)
    return _weighted_macs(model, operator, weights, output), ()


def _weighted_macs(model: Model, operator: Operator, weights: Tensor, output: Tensor) -> int:
    if operator.name == "CONV_2D":
        return output.elements * math.prod(weights.shape[1:])
    if operator.name == "DEPTHWISE_CONV_2D":
        return output.elements * math.prod(weights.shape[1:3])
    if operator.name == "TRANSPOSE_CONV":
        source = model.input(operator, 2)
        return (source.elements if source else 0) * math.prod(weights.shape[:3])
    if operator.name == "SVDF":
        time = model.input(operator, 2)
        return weights.elements + (time.elements if time else 0)
    return output.elements * (weights.shape[-1] if weights.shape else 0)


def _lstm_macs(model: Model, operator: Operator) -> int:
    """Four gates each multiply the input (weights 1 to 4) and the state (5 to 8), every step."""
    source = model.input(operator, 0)
    steps = math.prod(source.shape[:-1]) if source is not None else 0
    weights = [model.input(operator, position) for position in range(1, 9)]
    return steps * sum(tensor.elements for tensor in weights if tensor is not None)


def _kernel_area(model: Model, operator: Operator) -> int:
    if operator.name.endswith("_POOL_2D"):
        options = operator.options
        return int(options.get("filter_height", 0) * options.get("filter_width", 0))
    weights = model.input(operator, 1)
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D") and weights is not None:
        return math.prod(weights.shape[1:3])
    return 1


def _caveats(model: Model, operator: Operator) -> tuple[str, ...]:
    """Return what a fit takes an operator for although it is something else."""
    if operator.name == "TFLM_DECODE":
        return _decode_caveats(model, operator)
    types = {model.tensors[i].type for i in (*operator.inputs[:2], *operator.outputs) if i >= 0}
    odd = types - _FITTED_TYPES
    if not odd or operator.name in ("RESHAPE", "QUANTIZE"):
        return ()
    kinds = " and ".join(sorted(odd))
    return (f"Instructions of {operator.name} with {kinds} data: predicted as if int8.",)


def _decode_caveats(model: Model, operator: Operator) -> tuple[str, ...]:
    headers = [model.tensors[i].data or b"" for i in operator.inputs[1::2] if i >= 0]
    if any(header[:1] == _HUFFMAN for header in headers):
        return (
            "Instructions of TFLM_DECODE with Huffman codes: decodes slower; predicted as if a "
            "look-up table.",
        )
    return ()


def _helium(target: Target) -> bool:
    return target.kernels == "cmsis-nn" and cmsis_nn.extension(target.core) == "mve"
