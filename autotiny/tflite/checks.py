"""What must hold between the parts of a model before a kernel may read it."""

from autotiny.tflite.flatbuffer import corrupt
from autotiny.tflite.model import TYPE_BITS, Operator, Tensor

#: Far above any microcontroller; keeps sizes within what the interpreter computes in 32 bits.
_MAX_TENSOR_BYTES = 2**30
_MAX_RANK = 8
#: Operators whose kernels have a scale for each channel of their second input.
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
#: Ranks of the leading inputs and of the output of operators that costs are known for; None: any.
_RANKS: dict[str, tuple[tuple[int | None, ...], int | None]] = {
    "CONV_2D": ((4, 4), 4),
    "DEPTHWISE_CONV_2D": ((4, 4), 4),
    "TRANSPOSE_CONV": ((None, 4, 4), 4),
    "AVERAGE_POOL_2D": ((4,), 4),
    "MAX_POOL_2D": ((4,), 4),
    "FULLY_CONNECTED": ((None, 2), None),
    "SVDF": ((2, 2, 2), 2),
    "MEAN": ((None, None), None),
    **dict.fromkeys(("ADD", "SUB", "MUL"), ((None, None), None)),
    **dict.fromkeys(
        ("SOFTMAX", "RESHAPE", "QUANTIZE", "LOGISTIC", "RELU", "LEAKY_RELU", "PAD",
         "CONCATENATION", "STRIDED_SLICE", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
        ((None,), None),
    ),
}  # fmt: skip


def check_ranks(operator: Operator, tensors: tuple[Tensor, ...]) -> None:
    """Kernels index dimensions without looking how many there are."""
    named = f"operator {operator.index} ({operator.name})"
    if operator.name == "TFLM_DECODE":
        if not operator.outputs or len(operator.inputs) != 2 * len(operator.outputs):
            raise corrupt(f"{named} must have two inputs for each output")
        if min(operator.inputs) < 0:
            raise corrupt(f"{named} leaves an input out")
        return
    if operator.name not in _RANKS:
        return
    inputs, output = _RANKS[operator.name]
    if len(operator.outputs) != 1 or len(operator.inputs) < len(inputs):
        raise corrupt(
            f"{named} has {len(operator.inputs)} inputs and {len(operator.outputs)} outputs, and "
            f"needs at least {len(inputs)} and exactly 1"
        )
    pairs = [*zip(operator.inputs, inputs, strict=False), (operator.outputs[0], output)]
    for index, rank in pairs:
        if index < 0:
            raise corrupt(f"{named} leaves an input out that it needs")
        if rank is not None and len(tensors[index].shape) != rank:
            raise corrupt(
                f"{named} takes or gives tensor {index} of shape {tensors[index].shape}, which "
                f"must have {rank} dimensions"
            )


def check_indices(indices: tuple[int, ...], count: int, what: str, lowest: int) -> None:
    """Tensor indices must exist; -1 is an input that is left out, where ``lowest`` allows it."""
    for index in indices:
        if not lowest <= index < count:
            raise corrupt(f"{what} names tensor {index}, and there are {count}")


def check_weights(operator: Operator, tensors: tuple[Tensor, ...]) -> None:
    """Kernels look a scale up along a dimension of their weights, and may not find either.

    Scales of other tensors are read as they are, whatever their shape: converters of 2021 wrote the
    weights' dimension into biases, and encoded weights keep the scales of the decoded ones.
    """
    if operator.name not in _WEIGHTED or len(operator.inputs) < 2 or operator.inputs[1] < 0:
        return
    tensor = tensors[operator.inputs[1]]
    scales, dimension = len(tensor.scales), tensor.quantized_dimension
    if scales <= 1:
        return
    if not 0 <= dimension < len(tensor.shape) or tensor.shape[dimension] != scales:
        raise corrupt(
            f"the weights of operator {operator.index} ({operator.name}), tensor {tensor.index} of "
            f"shape {tensor.shape}, have {scales} scales along dimension {dimension}"
        )


def check_constants(tensors: tuple[Tensor, ...], operators: tuple[Operator, ...]) -> None:
    """Kernels read as many bytes as a shape says, so a constant must have them."""
    for tensor in tensors:
        if tensor.data is None or tensor.type not in TYPE_BITS:
            continue
        if len(tensor.data) < tensor.nbytes:
            raise corrupt(
                f"tensor {tensor.index} of shape {tensor.shape} needs {tensor.nbytes} bytes, "
                f"and its buffer has {len(tensor.data)}"
            )
    for operator in operators:
        for index in operator.outputs:
            if tensors[index].data is not None:
                raise corrupt(f"operator {operator.index} writes the constant tensor {index}")


def check_shape(tensor: Tensor) -> None:
    """Sizes must stay within what the interpreter computes in 32 bits."""
    index, shape = tensor.index, tensor.shape
    if len(shape) > _MAX_RANK or min(shape, default=0) < 0 or tensor.nbytes > _MAX_TENSOR_BYTES:
        raise corrupt(
            f"tensor {index} has shape {shape[:_MAX_RANK]}; allowed are up to {_MAX_RANK} "
            f"dimensions from 0, with at most {_MAX_TENSOR_BYTES} bytes in all"
        )
