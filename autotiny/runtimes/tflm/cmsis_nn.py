"""Scratch memory that CMSIS-NN's kernels ask for, by operator, data type and core.

Formulas of the ``*_get_buffer_size*`` functions of ARM-software/CMSIS-NN, built with GCC
(``Source/*/arm_*_get_buffer_sizes_*.c``), as the kernels in tensorflow/tflite-micro call them
(``tensorflow/lite/micro/kernels/cmsis_nn``).
"""

from dataclasses import dataclass
from typing import Literal

from autotiny.errors import InputError
from autotiny.runtimes.tflm.versions import Variant
from autotiny.tflite.reader import Model, Operator, Tensor

#: Instruction set extension that decides which kernel runs.
Extension = Literal["none", "dsp", "mve"]
_EXTENSIONS: dict[str, Extension] = {
    "cortex-m0": "none", "cortex-m0plus": "none", "cortex-m0+": "none", "cortex-m1": "none",
    "cortex-m3": "none", "cortex-m23": "none", "cortex-m4": "dsp", "cortex-m4f": "dsp",
    "cortex-m7": "dsp", "cortex-m33": "dsp", "cortex-m35p": "dsp", "cortex-m52": "mve",
    "cortex-m55": "mve", "cortex-m85": "mve",
}  # fmt: skip
#: Channels that the Helium depthwise kernel works on at a time (CH_IN_BLOCK_MVE).
_CHANNEL_BLOCK = 124
#: Output channels above which a depthwise convolution of one channel runs as a convolution, on
#: Helium and compiled with GCC.
_AS_CONVOLUTION = 1
#: Input channels above which a transposed convolution runs as a convolution of reversed weights.
_REVERSE_CHANNELS = 16


def extension(core: str) -> Extension:
    """Return the extension of an Arm core.

    Raises:
        InputError: If CMSIS-NN does not run on the core.
    """
    try:
        return _EXTENSIONS[core.lower()]
    except KeyError:
        raise InputError(
            f"CMSIS-NN runs on {', '.join(sorted(_EXTENSIONS))}; got the core {core!r}."
        ) from None


@dataclass(frozen=True)
class _Window:
    """A convolution's geometry; pairs are (height, width)."""

    input: tuple[int, ...]
    output: tuple[int, ...]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]

    @property
    def patch(self) -> int:
        """Input values under the kernel."""
        return self.kernel[0] * self.kernel[1] * self.input[3]


def _window(model: Model, operator: Operator) -> _Window:
    source, filters = model.input(operator, 0), model.input(operator, 1)
    assert source is not None
    assert filters is not None
    options, target = operator.options, model.output(operator)
    kernel = (filters.shape[1], filters.shape[2])
    stride = (options.get("stride_h", 0), options.get("stride_w", 0))
    dilation = (options.get("dilation_h_factor", 1), options.get("dilation_w_factor", 1))
    same = options.get("padding", 0) == 0
    margins = [
        (target.shape[1 + i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1
        - source.shape[1 + i] for i in (0, 1)
    ]  # fmt: skip
    padding = (max(0, margins[0]) // 2, max(0, margins[1]) // 2) if same else (0, 0)
    return _Window(source.shape, target.shape, kernel, stride, dilation, padding)


def scratch_bytes(
    model: Model, operator: Operator, core: str, variant: Variant | None = None
) -> list[int] | None:
    """Return the bytes of scratch that an operator's CMSIS-NN kernel asks for, per request.

    Args:
        model: The model.
        operator: One of its operators.
        core: Decides which of CMSIS-NN's kernels runs.
        variant: ``rows`` for the convolutions of early 2023.

    Returns:
        None if CMSIS-NN has no kernel of its own for it, so that the reference kernel's hold.

    Raises:
        InputError: If CMSIS-NN does not run on the core.
    """
    kind = extension(core)
    source = model.input(operator, 2 if operator.name == "TRANSPOSE_CONV" else 0)
    if source is None or source.type not in ("int8", "int16"):
        return None
    if operator.name == "TRANSPOSE_CONV" and source.type == "int8":
        return _transpose_conv(model, operator, source, kind)
    if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        state = model.input(operator, 19)
        return [state.nbytes] * 3 if state is not None else []
    if variant == "rows" and kind != "mve" and operator.name in _ROWS:
        size = _ROWS[operator.name](model, operator, source, model.output(operator), kind)
        return [size] if size else []
    if operator.name == "FULLY_CONNECTED":
        return _fully_connected(model, operator, source, model.output(operator), kind)
    rule = _RULES.get(operator.name)
    if rule is None:
        return None
    size = rule(model, operator, source, model.output(operator), kind)
    return [size] if size else []


def svdf_sums(model: Model, operator: Operator, core: str) -> list[int]:
    """Return what an int8 SVDF asks for beside the reference kernel's: sums of feature filters.

    On Helium, and built for size; a build for speed keeps them for good.
    """
    filters = model.input(operator, 1)
    if filters is None or model.output(operator).type != "int8" or extension(core) != "mve":
        return []
    return [4 * filters.shape[0]]


def _convolution(
    model: Model, operator: Operator, source: Tensor, target: Tensor, ext: Extension
) -> int:
    window = _window(model, operator)
    pointwise = window.padding == (0, 0) and window.kernel == (1, 1) == window.dilation
    if source.type == "int16":
        # No shortcut for 1x1: the kernel always unrolls two patches (four on Helium).
        return 4 * -(-window.patch // 8) * 8 * 2 if ext == "mve" else 2 * window.patch * 2
    if pointwise:
        return 0
    filters = model.input(operator, 1)
    if filters is not None and filters.type == "int4" and ext != "mve":
        return 2 * window.patch * 2
    if ext == "mve":
        return _helium_convolution(window)
    return 2 * -(-window.patch // 4) * 4 * 2


def _convolution_2023(
    model: Model, operator: Operator, source: Tensor, target: Tensor, ext: Extension
) -> int:
    window = _window(model, operator)
    plain = window.dilation == (1, 1)
    if source.type == "int16":
        return 4 * window.patch if ext == "dsp" and plain and window.patch < _FAST_PATCH else 0
    pointwise = window.padding == (0, 0) and window.kernel == (1, 1) == window.stride
    return 0 if pointwise and plain else 4 * window.patch


def _depthwise_2023(
    model: Model, operator: Operator, source: Tensor, target: Tensor, ext: Extension
) -> int:
    window = _window(model, operator)
    if source.type == "int16" or source.shape[3] != target.shape[3] or ext != "dsp":
        return 0
    plain = source.shape[0] == 1 and window.dilation == (1, 1)
    return 2 * window.patch if plain else 0


def _helium_convolution(window: _Window) -> int:
    general = 4 * -(-window.patch // 16) * 16
    one_row = window.input[1] == 1 and window.dilation[1] == 1 and window.kernel[0] == 1
    if not one_row or (window.stride[1] * window.input[3]) % 4:
        return general
    channels, kernel, stride = window.input[3], window.kernel[1], window.stride[1]
    pad, output = window.padding[1], window.output[2]
    total = (output - 1) * stride + kernel - window.input[2]
    extra = total - 2 * int(total / 2)  # C's remainder keeps the sign
    right = max(1, int((pad + extra + stride - 1) / stride)) if pad + extra else 0
    left = max(1, (pad + stride - 1) // stride) if pad else 0
    if right + max(output - right - left, 0) + left != output:
        return general
    pad_left = pad * channels
    pad_right = right * channels if extra else pad_left
    return max(kernel * channels + pad_left, (kernel - 1) * channels + pad_right)


def _depthwise(
    model: Model, operator: Operator, source: Tensor, target: Tensor, ext: Extension
) -> int:
    window = _window(model, operator)
    if source.type == "int16":
        return 0
    filters = model.input(operator, 1)
    area = window.kernel[0] * window.kernel[1]
    packed = filters is not None and filters.type == "int4"
    if ext == "mve" and not packed and source.shape[3] == 1 and target.shape[3] > _AS_CONVOLUTION:
        return _helium_convolution(window) + target.shape[3] * area
    if source.shape[3] != target.shape[3] or source.shape[0] != 1 or window.dilation != (1, 1):
        return 0
    if packed and ext != "mve":
        return 2 * source.shape[3] * area
    if ext == "mve":
        return 4 * _CHANNEL_BLOCK * area
    if ext == "none" or (window.kernel == (3, 3) and max(window.padding) <= 1):
        return 0
    return 2 * source.shape[3] * area


def _fully_connected(
    model: Model, operator: Operator, source: Tensor, target: Tensor, ext: Extension
) -> list[int]:
    filters = model.input(operator, 1)
    if source.type != "int8" or filters is None or filters.type == "int4":
        return []
    # A single output may be a scalar.
    outputs = target.shape[-1] if target.shape else filters.shape[0]
    if len(target.shape) > 2 and filters.shape[-1] % 4 == 0:
        # Runs as a 1x1 convolution, which wants a multiplier and a shift for every output.
        return [8 * outputs] if len(filters.scales) <= 1 else []
    return [4 * outputs] if ext == "mve" else []


def _batch_matmul(
    model: Model, operator: Operator, source: Tensor, target: Tensor, ext: Extension
) -> int:
    return 4 * target.shape[-1] if ext == "mve" and source.type == "int8" and target.shape else 0


def _average_pool(
    model: Model, operator: Operator, source: Tensor, target: Tensor, ext: Extension
) -> int:
    return 4 * source.shape[3] if ext == "dsp" else 0


def _transpose_conv(model: Model, operator: Operator, source: Tensor, ext: Extension) -> list[int]:
    """Return both requests, which are made even for nothing."""
    weights, output, options = model.input(operator, 1), model.output(operator), operator.options
    assert weights is not None
    count, height, width, channels = weights.shape
    stride = (options.get("stride_h", 0), options.get("stride_w", 0))
    if max(stride) <= 2 and channels > _REVERSE_CHANNELS:
        patch = height * width * channels
        rows = 4 * -(-patch // 16) * 16 if ext == "mve" else 2 * -(-patch // 4) * 4 * 2
        return [rows, patch * count]
    across = ((source.shape[2] - 1) * stride[1] + max(width, stride[0])) * output.shape[3]
    return [across * max(height, stride[0]) * 4, 0]


#: Input values under a kernel above which CMSIS-NN's 16-bit convolution of 2023 unrolls nothing.
_FAST_PATCH = 512
_ROWS = {
    "CONV_2D": _convolution_2023,
    "DEPTHWISE_CONV_2D": _depthwise_2023,
    "FULLY_CONNECTED": lambda *_: 0,
}
_RULES = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _average_pool,
    "BATCH_MATMUL": _batch_matmul,
}
