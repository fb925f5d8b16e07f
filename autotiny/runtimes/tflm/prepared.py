"""Persistent memory of an operator beyond its options: kernel data, and what ``Prepare`` keeps.

Rules of the kernels in ``tensorflow/lite/micro/kernels`` and ``signal/micro/kernels`` of
tensorflow/tflite-micro (``Init`` and ``Prepare``) for 32-bit cores; sizes that do not depend on the
model are data of a version.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from autotiny.errors import InputError
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.versions import OperatorMemory
from autotiny.tflite.reader import Model, Operator, Tensor

#: int16 values of each of a 16-bit softmax's two tables.
_SOFTMAX_TABLE = 2 * 513
#: A decoder by the first byte of its ancillary data: look-up table, Huffman, pruned.
_DECODERS = {0: 36, 1: 28, 2: 40}
_PRUNED = 2
_EVAL_TENSOR, _EMBEDDING = 12, 8
#: A ring buffer for audio: its state, and twice its capacity of 16-bit samples.
_RING, _RING_SAMPLE = 24, 4
#: kissfft: state with up to 32 factors, real transform on top of it.
_FFT_STATE, _REAL_FFT_STATE, _INVERSE_FLOAT_STATE = 264, 12, 8
_SAMPLE_BYTES = {"int16": 2, "int32": 4, "float32": 4}


def initialised(
    model: Model, operator: Operator, target: Target, memory: OperatorMemory
) -> list[int]:
    """Return what an operator allocates when it is made, each 16-byte aligned."""
    sizes = [memory.data[target.kernels]] if memory.data[target.kernels] else []
    rule = _INITIALISED.get(operator.name)
    return [*sizes, *rule(model, operator)] if rule else sizes


def prepared(model: Model, operator: Operator, target: Target, memory: OperatorMemory) -> list[int]:
    """Return what an operator allocates for good when it prepares, each 16-byte aligned."""
    source = model.input(operator, 0)
    if memory.variant == "scales":
        kept = source is not None and source.type == "int8"
        return [4 * len(operator.inputs)] * 2 if kept else []
    if memory.variant == "rows" and operator.name == "FULLY_CONNECTED":
        return _fully_connected_2023(model, operator)
    if memory.variant == "reference" and target.kernels == "cmsis-nn":
        target = replace(target, kernels="reference")
    quantised = source is not None and source.type in ("int8", "int16")
    sizes = [memory.quantised] if memory.quantised and quantised else []
    rule = _PREPARED.get(operator.name)
    return [*sizes, *rule(model, operator, target)] if rule else sizes


def _custom_options(operator: Operator) -> Mapping[str, Any]:
    """Return the options of a custom operator, which are a flexbuffer map.

    Raises:
        InputError: If they cannot be read.
    """
    from flatbuffers import flexbuffers

    try:
        options = flexbuffers.Loads(bytes(operator.options["custom_options"]))
        return {str(key): value for key, value in options.items()}
    except Exception as error:  # the reader of flexbuffers trusts its input
        raise InputError(
            f"The options of operator {operator.index} ({operator.name}) cannot be read."
        ) from error


def custom_option(operator: Operator, name: str) -> int:
    """Return a whole number among the options of a custom operator; 0 if it is left out.

    Raises:
        InputError: If it is no number that can be a size.
    """
    value = _custom_options(operator).get(name, 0)
    if not isinstance(value, (int, float)) or not 0 <= value < 2**24:
        raise InputError(
            f"Option {name} of operator {operator.index} ({operator.name}) must be a number from "
            f"0 to {2**24 - 1}; got {value!r:.40}."
        )
    return int(value)


def _ring(capacity: int) -> int:
    return _RING + _RING_SAMPLE * capacity


def _filter_bank(model: Model, operator: Operator) -> list[int]:
    return [8 * (custom_option(operator, "num_channels") + 1)]


def _spectral_subtraction(model: Model, operator: Operator) -> list[int]:
    return [4 * custom_option(operator, "num_channels")]


def _stacker(model: Model, operator: Operator) -> list[int]:
    frames = custom_option(operator, "stacker_left_context") + custom_option(
        operator, "stacker_right_context"
    )
    return [_ring(custom_option(operator, "num_channels") * (frames + 1))]


def _fft(model: Model, operator: Operator) -> list[int]:
    """Tables of kissfft: a complex transform of half the length, and as many twiddles and half."""
    kind = model.output(operator).type
    half, number = custom_option(operator, "fft_length") // 2, 2 * _SAMPLE_BYTES.get(kind, 4)
    size = _REAL_FFT_STATE + _FFT_STATE + number * half + number * (half * 3 // 2)
    inverse = operator.name == "SignalIrfft" and kind == "float32"
    return [size + _INVERSE_FLOAT_STATE if inverse else size]


_INITIALISED: Mapping[str, Callable[[Model, Operator], list[int]]] = {
    "SignalFilterBank": _filter_bank,
    "SignalFilterBankSpectralSubtraction": _spectral_subtraction,
    "SignalStacker": _stacker,
    "SignalRfft": _fft,
    "SignalIrfft": _fft,
}


def _channel_arrays(model: Model, operator: Operator, target: Target) -> list[int]:
    """Multipliers and shifts, an integer each for every output channel."""
    output = model.output(operator)
    # The reference kernels keep these arrays for floats too, which do not need them.
    spared = target.kernels == "cmsis-nn" and operator.name != "TRANSPOSE_CONV"
    if not output.shape or (spared and output.type == "float32"):
        return []
    return [4 * output.shape[-1]] * 2


def _fully_connected(model: Model, operator: Operator, target: Target) -> list[int]:
    filters, output = model.input(operator, 1), model.output(operator)
    if filters is None or not output.shape or len(filters.scales) <= 1:
        return []
    return [4 * output.shape[-1]] * 2


def _fully_connected_2023(model: Model, operator: Operator) -> list[int]:
    """One that runs as a 1x1 convolution has a multiplier and a shift for every output."""
    filters, output = model.input(operator, 1), model.output(operator)
    if filters is None or output.type != "int8" or len(output.shape) <= 2:
        return []
    return [4 * output.shape[-1]] * 2 if filters.shape[-1] % 4 == 0 else []


def _softmax(model: Model, operator: Operator, target: Target) -> list[int]:
    source = model.input(operator, 0)
    return [_SOFTMAX_TABLE] * 2 if source is not None and source.type == "int16" else []


def _lstm(model: Model, operator: Operator, target: Target) -> list[int]:
    """CMSIS-NN sums the rows of all eight weight matrices."""
    source, state = model.input(operator, 0), model.input(operator, 18)
    if target.kernels != "cmsis-nn" or source is None or state is None:
        return []
    size = {"int8": 4, "int16": 8}.get(source.type)
    return [size * state.shape[-1]] * 8 if size and state.shape else []


def _decoders(model: Model, operator: Operator, target: Target) -> list[int]:
    """Return the list of decoders, and each with what it copies."""
    sizes = [4 * len(operator.outputs)]
    for index, ancillary in zip(operator.outputs, operator.inputs[1::2], strict=True):
        output, header = model.tensors[index], model.tensors[ancillary].data or b"\0"
        sizes.append(_DECODERS.get(header[0], max(_DECODERS.values())))
        # Zero points of pruned channels are copied unless they are all zero.
        if header[0] == _PRUNED and len(output.scales) > 1 and any(output.zero_points):
            sizes.append(len(output.scales))
    return sizes


def _writable_shape(model: Model, operator: Operator, target: Target) -> list[int]:
    """The output's shape is copied, so that the kernel may change it."""
    return [_shape_bytes(model.output(operator))]


def _embedding(model: Model, operator: Operator, target: Target) -> list[int]:
    """As above, and what the kernel keeps."""
    return [_shape_bytes(model.output(operator)), _EMBEDDING]


def _reshape(model: Model, operator: Operator, target: Target) -> list[int]:
    """As above, where one dimension is to be worked out."""
    return [_shape_bytes(model.output(operator))] if -1 in model.output(operator).shape else []


def _shape_bytes(tensor: Tensor) -> int:
    return 4 + 4 * len(tensor.shape)


def _batch_matmul(model: Model, operator: Operator, target: Target) -> list[int]:
    """Transposed copies of inputs with their tensor and shape, and the output's shape."""
    sizes = []
    turned = (operator.options.get("adj_x", False), not operator.options.get("adj_y", False))
    for position, turn in enumerate(turned):
        source = model.input(operator, position)
        if turn and source is not None:
            sizes += [_EVAL_TENSOR, _shape_bytes(source), source.nbytes]
    return [*sizes, _shape_bytes(model.output(operator))]


def _assigned(model: Model, operator: Operator, target: Target) -> list[int]:
    """A variable gets its memory where it is assigned."""
    value = model.input(operator, 1)
    return [value.nbytes] if value is not None else []


def _outer(tensor: Tensor | None, inner: int) -> int:
    """Return the product of all dimensions but the innermost ones."""
    shape = tensor.shape if tensor is not None else ()
    count = 1
    for size in shape[: len(shape) - inner]:
        count *= size
    return count


def _delay(model: Model, operator: Operator, target: Target) -> list[int]:
    source = model.input(operator, 0)
    frame = source.shape[-1] if source is not None and source.shape else 0
    count = _outer(source, 1)
    return [4 * count] * 2 + [_ring(frame + custom_option(operator, "delay_length"))] * count


def _framer(model: Model, operator: Operator, target: Target) -> list[int]:
    count = _outer(model.input(operator, 0), 1)
    step = max(1, custom_option(operator, "frame_step"))
    capacity = -(-custom_option(operator, "frame_size") // step) * step
    return [4 * count] * 2 + [_ring(capacity)] * count


def _overlap_add(model: Model, operator: Operator, target: Target) -> list[int]:
    source = model.input(operator, 0)
    if source is None or len(source.shape) < 2:
        return []
    count, frame = _outer(source, 2), source.shape[-1]
    return [4 * count] + [frame * _SAMPLE_BYTES.get(source.type, 4)] * count


_PREPARED: Mapping[str, Callable[[Model, Operator, Target], list[int]]] = {
    "CONV_2D": _channel_arrays,
    "DEPTHWISE_CONV_2D": _channel_arrays,
    "TRANSPOSE_CONV": _channel_arrays,
    "FULLY_CONNECTED": _fully_connected,
    "SOFTMAX": _softmax,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "TFLM_DECODE": _decoders,
    "RESHAPE": _reshape,
    "EMBEDDING_LOOKUP": _embedding,
    "BATCH_MATMUL": _batch_matmul,
    "ASSIGN_VARIABLE": _assigned,
    "SignalDelay": _delay,
    "SignalFramer": _framer,
    "SignalOverlapAdd": _overlap_add,
    **dict.fromkeys(
        ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "GATHER", "GATHER_ND",
         "L2_POOL_2D"), _writable_shape,
    ),
}  # fmt: skip
