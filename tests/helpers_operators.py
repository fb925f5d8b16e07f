"""Models of one operator each, for every operator that TFLM registers and a test can write.

``operator_models()`` maps a name, as in ``CONV_2D int8``, to the bytes of the model.
"""

from collections.abc import Iterator

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from helpers_tflite import TYPES, ModelBuilder, conv, dense, pool, softmax

ALL = ("int8", "int16", "float32")
SHAPE = (1, 6, 4, 8)
_UNARY = {
    "ABS": ALL, "RSQRT": ("int8", "float32"), "SIN": ("float32",), "COS": ("float32",),
    "LOG": ("float32",), "SQRT": ("float32",), "SQUARE": ("float32",), "CEIL": ("float32",),
    "FLOOR": ("float32",), "ROUND": ("float32",), "EXP": ("float32",), "NEG": ("float32",),
    "RELU": ALL, "RELU6": ALL, "ELU": ("int8", "float32"), "TANH": ALL, "LOGISTIC": ALL,
    "HARD_SWISH": ("int8", "float32"), "LEAKY_RELU": ALL, "ZEROS_LIKE": ("int8", "float32"),
    "L2_NORMALIZATION": ("int8", "float32"), "LOG_SOFTMAX": ("int8", "float32"),
    "SOFTMAX": ALL, "LOGICAL_NOT": ("bool",),
}  # fmt: skip
_OUTPUT_SCALES = {
    "LOGISTIC": {"int8": (1 / 256, -128), "int16": (1 / 32768, 0)},
    "SOFTMAX": {"int8": (1 / 256, -128), "int16": (1 / 32768, 0)},
    "TANH": {"int8": (1 / 128, 0), "int16": (1 / 32768, 0)},
    "L2_NORMALIZATION": {"int8": (1 / 128, 0)},
    "LOG_SOFTMAX": {"int8": (16 / 256, 127)},
}
_OPTIONS = {
    "HARD_SWISH": "HardSwishOptions", "LEAKY_RELU": "LeakyReluOptions",
    "ZEROS_LIKE": "ZerosLikeOptions", "L2_NORMALIZATION": "L2NormOptions",
    "SOFTMAX": "SoftmaxOptions", "LOG_SOFTMAX": "LogSoftmaxOptions", "ADD": "AddOptions",
    "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions",
    "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions",
    "SQUARED_DIFFERENCE": "SquaredDifferenceOptions",
}  # fmt: skip
_BINARY = {
    "ADD": ALL, "SUB": ALL, "MUL": ALL, "DIV": ("int8", "float32"), "MAXIMUM": ALL,
    "MINIMUM": ALL, "SQUARED_DIFFERENCE": ("int8", "float32"), "FLOOR_DIV": ("float32",),
    "FLOOR_MOD": ("float32",), "LOGICAL_AND": ("bool",), "LOGICAL_OR": ("bool",),
}  # fmt: skip
_COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")


class _Builder(ModelBuilder):
    """Gives tensors the quantisation that their type has in practice."""

    def x(self, shape, kind="int8", **kwargs):
        quantised = kind in ("int8", "int16", "uint8")
        scale = {"int16": 0.001}.get(kind, 0.05)
        if not quantised:
            return self.tensor(shape, kind, **{**kwargs, "scales": (), "zero_points": ()})
        return self.tensor(shape, kind, **{"scales": (scale,), "zero_points": (0,), **kwargs})

    def integers(self, values):
        array = np.array(values, np.int32)
        return self.tensor(list(array.shape), "int32", array, scales=(), zero_points=())

    def weights(self, shape, kind, channels=1, dim=0, scale=0.02):
        if kind == "float32":
            return self.constant(shape, kind, scales=(), zero_points=())
        return self.constant(
            shape, kind, scales=[scale] * channels, zero_points=[0] * channels, dim=dim
        )


def operator_models() -> dict[str, bytes]:
    """Return every model by name."""
    return {name: data for part in _PARTS for name, data in part()}


def _one(name, kind, inputs, output, options=None, **fields):
    """One operator; inputs are shapes (of ``kind``), lists of integers, or (shape, kind)."""
    TYPES.setdefault("bool", np.bool_)
    b, indices, graph_inputs = _Builder(), [], []
    for given in inputs:
        if isinstance(given, list):
            indices.append(b.integers(given))
            continue
        shape, own = given if given and isinstance(given[-1], str) else (given, kind)
        indices.append(b.x(shape, own))
        graph_inputs.append(indices[-1])
    outputs = output if isinstance(output, list) else [output]
    made = []
    for given in outputs:
        shape, own = given if given and isinstance(given[-1], str) else (given, kind)
        scale, zero = _OUTPUT_SCALES.get(name, {}).get(own, (None, 0))
        extra = {} if scale is None else {"scales": (scale,), "zero_points": (zero,)}
        made.append(b.x(shape, own, **extra))
    b.operator(name, indices, made, options, **fields)
    return f"{name} {kind}", b.finish(graph_inputs, made)


def _elementwise() -> Iterator[tuple[str, bytes]]:
    for name, kinds in _UNARY.items():
        fields = {"LEAKY_RELU": {"alpha": 0.1}, "SOFTMAX": {"beta": 1.0}}.get(name, {})
        for kind in kinds:
            yield _one(name, kind, [SHAPE], SHAPE, _OPTIONS.get(name), **fields)
    for name, kinds in _BINARY.items():
        for kind in kinds:
            yield _one(name, kind, [SHAPE, SHAPE], SHAPE, _OPTIONS.get(name))
    for name in _COMPARISONS:
        for kind in ("int8", "float32"):
            yield _one(name, kind, [SHAPE, SHAPE], (SHAPE, "bool"))
    for kind in ("int8", "float32"):
        yield _one("ADD_N", kind, [SHAPE] * 3, SHAPE, "AddNOptions")
        yield _one("PRELU", kind, [SHAPE, (1, 1, 1, 8)], SHAPE)
        yield _one("SELECT_V2", kind, [(SHAPE, "bool"), SHAPE, SHAPE], SHAPE, "SelectV2Options")


def _types() -> Iterator[tuple[str, bytes]]:
    for source, target in (("float32", "int8"), ("int8", "int8"), ("int8", "int16"),
                           ("int16", "int8")):  # fmt: skip
        name, data = _one("QUANTIZE", source, [SHAPE], (SHAPE, target), "QuantizeOptions")
        yield f"{name} {target}", data
    for kind in ("int8", "int16"):
        yield _one("DEQUANTIZE", kind, [SHAPE], (SHAPE, "float32"), "DequantizeOptions")
    yield _one("CAST", "int8", [SHAPE], (SHAPE, "float32"), "CastOptions")


def _reductions() -> Iterator[tuple[str, bytes]]:
    for name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        for kind in ALL:
            yield _one(name, kind, [SHAPE, [1, 2]], (1, 8), "ReducerOptions")
    yield _one("REDUCE_ALL", "bool", [SHAPE, [1, 2]], (1, 8), "ReducerOptions")
    for name in ("ARG_MAX", "ARG_MIN"):
        for kind in ("int8", "float32"):
            yield _one(name, kind, [SHAPE, [3]], ((1, 6, 4), "int32"), "ArgMaxOptions",
                       outputType=schema.TensorType.INT32)  # fmt: skip
    yield _one("CUMSUM", "int8", [SHAPE, [1]], SHAPE, "CumsumOptions")
    yield _one("CUMSUM", "float32", [SHAPE, [1]], SHAPE, "CumsumOptions")


def _shapes() -> Iterator[tuple[str, bytes]]:
    n, h, w, _ = SHAPE
    for kind in ("int8", "float32"):
        yield _one("RESHAPE", kind, [SHAPE, [1, 192]], (1, 192), "ReshapeOptions")
        yield _one("EXPAND_DIMS", kind, [SHAPE, [1]], (1, 1, 6, 4, 8), "ExpandDimsOptions")
        yield _one("SQUEEZE", kind, [SHAPE], (6, 4, 8), "SqueezeOptions", squeezeDims=[0])
        yield _one("CONCATENATION", kind, [SHAPE, SHAPE], (n, h, w, 16), "ConcatenationOptions",
                   axis=3)  # fmt: skip
        yield _one("PACK", kind, [SHAPE, SHAPE], (2, *SHAPE), "PackOptions", valuesCount=2)
        yield _one("UNPACK", kind, [(2, *SHAPE)], [SHAPE, SHAPE], "UnpackOptions", num=2)
        yield _one("SHAPE", kind, [SHAPE], ((4,), "int32"), "ShapeOptions", outType=2)
        yield _one("SPLIT", kind, [[3], SHAPE], [(n, h, w, 4)] * 2, "SplitOptions", numSplits=2)
        yield _one("SPLIT_V", kind, [SHAPE, [4, 4], [3]], [(n, h, w, 4)] * 2, "SplitVOptions",
                   numSplits=2)  # fmt: skip
        yield _one("STRIDED_SLICE", kind, [SHAPE, [0] * 4, [1, 5, 3, 7], [1] * 4], (1, 5, 3, 7),
                   "StridedSliceOptions")  # fmt: skip
        yield _one("SLICE", kind, [SHAPE, [0] * 4, [1, 5, 3, 7]], (1, 5, 3, 7), "SliceOptions")
        pads = [[0, 0], [1, 1], [1, 1], [0, 0]]
        yield _one("PAD", kind, [SHAPE, pads], (1, 8, 6, 8), "PadOptions")
        yield _one("PADV2", kind, [SHAPE, pads, ()], (1, 8, 6, 8), "PadV2Options")
        yield _one("MIRROR_PAD", kind, [SHAPE, pads], (1, 8, 6, 8), "MirrorPadOptions")
        yield _one("TRANSPOSE", kind, [SHAPE, [0, 2, 1, 3]], (1, 4, 6, 8), "TransposeOptions")
        yield _one("RESIZE_NEAREST_NEIGHBOR", kind, [SHAPE, [12, 8]], (1, 12, 8, 8),
                   "ResizeNearestNeighborOptions")  # fmt: skip
        yield _one("RESIZE_BILINEAR", kind, [SHAPE, [12, 8]], (1, 12, 8, 8),
                   "ResizeBilinearOptions")  # fmt: skip
        yield _one("REVERSE_V2", kind, [SHAPE, [3]], SHAPE, "ReverseV2Options")
        yield _one("SPACE_TO_DEPTH", kind, [SHAPE], (1, 3, 2, 32), "SpaceToDepthOptions",
                   blockSize=2)  # fmt: skip
        yield _one("DEPTH_TO_SPACE", kind, [SHAPE], (1, 12, 8, 2), "DepthToSpaceOptions",
                   blockSize=2)  # fmt: skip
        crops = [[0, 0], [0, 0]]
        yield _one("SPACE_TO_BATCH_ND", kind, [SHAPE, [2, 2], crops], (4, 3, 2, 8),
                   "SpaceToBatchNDOptions")  # fmt: skip
        yield _one("BATCH_TO_SPACE_ND", kind, [(4, 3, 2, 8), [2, 2], crops], SHAPE,
                   "BatchToSpaceNDOptions")  # fmt: skip
        yield _one("BROADCAST_TO", kind, [(1, 1, 1, 8), list(SHAPE)], SHAPE, "BroadcastToOptions")
        yield _one("DYNAMIC_UPDATE_SLICE", kind, [SHAPE, (1, 2, 2, 8), [0, 1, 1, 0]], SHAPE,
                   "DynamicUpdateSliceOptions")  # fmt: skip
        yield _one("GATHER", kind, [SHAPE, [0, 2, 4]], (1, 3, 4, 8), "GatherOptions", axis=1)
        yield _one("GATHER_ND", kind, [(16, 8), [[1], [3]]], (2, 8), "GatherNdOptions")
        yield _one("FILL", kind, [list(SHAPE), ()], SHAPE, "FillOptions")
    yield _one("BROADCAST_ARGS", "int32", [((4,), "int32"), [1, 6, 4, 8]], ((4,), "int32"))


def _embedding() -> Iterator[tuple[str, bytes]]:
    for kind in ("int8", "float32"):
        b = _Builder()
        x, w = b.x((3,), "int32"), b.weights((10, 8), kind)
        y = b.x((3, 8), "float32")
        b.operator("EMBEDDING_LOOKUP", [x, w], [y])
        yield f"EMBEDDING_LOOKUP {kind}", b.finish([x], [y])


def _matrices() -> Iterator[tuple[str, bytes]]:
    for kind in ("int8", "float32"):
        b = _Builder()
        x, w, y = b.x((1, 4, 8), kind), b.x((1, 8, 6), kind), b.x((1, 4, 6), kind, scales=(0.1,))
        b.operator("BATCH_MATMUL", [x, w], [y], "BatchMatMulOptions")
        yield f"BATCH_MATMUL {kind}", b.finish([x, w], [y])
        b = _Builder()
        x, w, y = b.x((1, 4, 8), kind), b.weights((1, 8, 6), kind), b.x((1, 4, 6), kind)
        b.operator("BATCH_MATMUL", [x, w], [y], "BatchMatMulOptions")
        yield f"BATCH_MATMUL {kind} constant", b.finish([x], [y])
        b = _Builder()
        x, w, y = b.x((1, 8, 4), kind), b.x((1, 8, 6), kind), b.x((1, 4, 6), kind)
        b.operator("BATCH_MATMUL", [x, w], [y], "BatchMatMulOptions", adjX=True)
        yield f"BATCH_MATMUL {kind} adjoint", b.finish([x, w], [y])


def _convolutions() -> Iterator[tuple[str, bytes]]:
    for kind, weights in (("int8", "int8"), ("int16", "int8"), ("float32", "float32"),
                          ("int8", "int4")):  # fmt: skip
        name = kind if weights != "int4" else "int4"
        for depthwise in (False, True):
            b = _Builder()
            x = b.x(SHAPE, kind)
            y = conv(b, x, 12, depthwise=depthwise, weights=weights, activation=kind,
                     kernel=(3, 2))  # fmt: skip
            yield f"{'DEPTHWISE_' if depthwise else ''}CONV_2D {name}", b.finish([x], [y])
        for channels in (1, 12):
            if channels > 1 and name in ("float32", "int4"):
                continue
            b = _Builder()
            x, w = b.x((1, 32), kind), b.weights((12, 32), weights, channels)
            kinds = {"int8": "int32", "int16": "int64"}
            scale = {"int8": 0.001, "int16": 0.00002}.get(kind, 1.0)
            bias = b.weights((12,), kinds.get(kind, kind), channels, scale=scale)
            y = b.x((1, 12), kind, scales=(0.1,))
            b.operator("FULLY_CONNECTED", [x, w, bias], [y], "FullyConnectedOptions")
            per = " per channel" if channels > 1 else ""
            yield f"FULLY_CONNECTED {name}{per}", b.finish([x], [y])
        if weights != "int4":
            yield _transposed(kind, weights)


def _transposed(kind, weights):
    b = _Builder()
    shape, x, w = b.integers([1, 12, 8, 6]), b.x(SHAPE, kind), b.weights((6, 3, 3, 8), weights, 6)
    bias = b.weights((6,), {"int8": "int32", "int16": "int64"}.get(kind, kind), 6)
    y = b.x((1, 12, 8, 6), kind, scales=(0.1,))
    b.operator("TRANSPOSE_CONV", [shape, w, x, bias], [y], "TransposeConvOptions", padding=0,
               strideH=2, strideW=2)  # fmt: skip
    return f"TRANSPOSE_CONV {kind}", b.finish([x], [y])


def _pools() -> Iterator[tuple[str, bytes]]:
    for name, kinds in (("AVERAGE_POOL_2D", ALL), ("MAX_POOL_2D", ALL), ("L2_POOL_2D", ALL[2:])):
        for kind in kinds:
            yield _one(name, kind, [SHAPE], (1, 3, 2, 8), "Pool2DOptions", padding=1, strideH=2,
                       strideW=2, filterHeight=2, filterWidth=2)  # fmt: skip


def _recurrent() -> Iterator[tuple[str, bytes]]:
    for kind in ("int8", "float32"):
        b = _Builder()
        states = "int16" if kind == "int8" else kind
        x, w, t = b.x((1, 16), kind), b.weights((16, 16), kind), b.weights((16, 5), states)
        bias = b.weights((8,), "int32" if kind == "int8" else kind, scale=0.00002)
        state, y = b.x((1, 80), states, variable=True), b.x((1, 8), kind)
        b.operator("SVDF", [x, w, t, bias, state], [y], "SVDFOptions", rank=2,
                   fusedActivationFunction=1)  # fmt: skip
        yield f"SVDF {kind}", b.finish([x], [y])
    for kind in ALL:
        yield f"UNIDIRECTIONAL_SEQUENCE_LSTM {kind}", lstm(kind)


def lstm(kind="int8", steps=6, features=5, units=7, layers=1):
    """Return a model of LSTM layers as the converter writes them."""
    b = _Builder()
    first = x = b.x((1, steps, features), kind)
    weights = "int8" if kind in ("int8", "int16") else kind
    biases = {"int8": "int32", "int16": "int64"}.get(kind, kind)
    for _ in range(layers):
        width = b.graph.tensors[x].shape[2]
        ins = [b.weights((units, width), weights) for _ in range(4)]
        recurrent = [b.weights((units, units), weights) for _ in range(4)]
        bias = [b.weights((units,), biases) for _ in range(4)]
        hidden = b.x((1, units), kind, variable=True)
        cell_kind = "int16" if weights == "int8" else kind
        extra = {"scales": (2**-11,)} if weights == "int8" else {}
        cell = b.x((1, units), cell_kind, variable=True, **extra)
        y = b.x((1, steps, units), kind)
        none = [-1]
        inputs = [x, *ins, *recurrent, *none * 3, *bias, *none * 2, hidden, cell, *none * 4]
        b.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y],
                   "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4)  # fmt: skip
        b.graph.operators[-1].intermediates = [b.x((0,), kind) for _ in range(5)]
        x = y
    return b.finish([first], [x])


def _custom(name, code, inputs, outputs, options=None, variables=()):
    """A custom operator with its options as a flexbuffer map; tensors are (shape, kind)."""
    b = _Builder()
    made = [b.integers(given) if isinstance(given, list) else b.x(*given) for given in inputs]
    ends = [b.x(*given, variable=i in variables) for i, given in enumerate(outputs)]
    b.operator("CUSTOM", made, ends, custom=code)
    if options is not None:
        raw = np.frombuffer(bytes(flexbuffers.Dumps(options)), np.uint8)
        b.graph.operators[-1].customOptions = raw
    sources = [i for i, given in zip(made, inputs, strict=True) if not isinstance(given, list)]
    return name, b.finish(sources, ends)


def _signal() -> Iterator[tuple[str, bytes]]:
    word, wide = (40,), "uint32"
    yield _custom("SignalDelay", "SignalDelay", [((3, 40), "int16")], [((3, 40), "int16")],
                  {"delay_length": 5})  # fmt: skip
    yield _custom("SignalEnergy", "SignalEnergy", [((80,), "int16")], [(word, wide)],
                  {"start_index": 0, "end_index": 40})  # fmt: skip
    yield _custom("SignalFftAutoScale", "SignalFftAutoScale", [(word, "int16")],
                  [(word, "int16"), ((), "int32")])  # fmt: skip
    table = ((4,), "int16")
    yield _custom("SignalFilterBank", "SignalFilterBank", [(word, wide), *[table] * 5],
                  [((4,), "uint64")], {"num_channels": 4})  # fmt: skip
    yield _custom("SignalFilterBankLog", "SignalFilterBankLog", [(word, wide)], [(word, "int16")],
                  {"output_scale": 1600, "input_correction_bits": 3})  # fmt: skip
    yield _custom("SignalFilterBankSquareRoot", "SignalFilterBankSquareRoot",
                  [(word, "uint64"), ((), "int32")], [(word, wide)])  # fmt: skip
    names = ("alternate_one_minus_smoothing", "alternate_smoothing", "clamping",
             "min_signal_remaining", "num_channels", "one_minus_smoothing", "smoothing",
             "smoothing_bits", "spectral_subtraction_bits")  # fmt: skip
    options = {**dict.fromkeys(names, 1), "num_channels": 40, "clamping": False}
    yield _custom("SignalFilterBankSpectralSubtraction", "SignalFilterBankSpectralSubtraction",
                  [(word, wide)], [(word, wide), (word, wide)], options)  # fmt: skip
    yield _custom("SignalFramer", "SignalFramer", [((2, 64), "int16")],
                  [((2, 2, 40), "int16"), ((), "bool")],
                  {"frame_size": 40, "frame_step": 32, "prefill": False})  # fmt: skip
    for kind, number in (("int16", 7), ("int32", 2), ("float32", 0)):
        length = {"T": number, "fft_length": 64}
        yield _custom(f"SignalRfft {kind}", "SignalRfft", [((64,), kind)], [((66,), kind)], length)
        yield _custom(
            f"SignalIrfft {kind}", "SignalIrfft", [((66,), kind)], [((64,), kind)], length
        )
        if kind != "int32":
            yield _custom(f"SignalOverlapAdd {kind}", "SignalOverlapAdd", [((3, 2, 40), kind)],
                          [((3, 40), kind)], {"T": number, "frame_step": 20})  # fmt: skip
    yield _custom("SignalPCAN", "SignalPCAN", [(word, wide), (word, wide), ((125,), "int16")],
                  [(word, wide)], {"snr_shift": 6})  # fmt: skip
    yield _custom("SignalStacker", "SignalStacker", [((10,), "int16")],
                  [((40,), "int16"), ((), "bool")],
                  {"num_channels": 10, "stacker_left_context": 2, "stacker_right_context": 1,
                   "stacker_step": 2})  # fmt: skip
    yield _custom("SignalWindow", "SignalWindow", [(word, "int16"), (word, "int16")],
                  [(word, "int16")], {"shift": 12})  # fmt: skip


def _others() -> Iterator[tuple[str, bytes]]:
    yield _custom("CIRCULAR_BUFFER", "CIRCULAR_BUFFER", [((1, 1, 2, 8), "int8")],
                  [((1, 4, 2, 8), "int8")], {"cycles_max": 1}, variables=(0,))  # fmt: skip
    options = {"max_detections": 3, "max_classes_per_detection": 1, "detections_per_class": 1,
               "use_regular_nms": False, "nms_score_threshold": 0.0, "nms_iou_threshold": 0.5,
               "num_classes": 2, "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0,
               "w_scale": 5.0}  # fmt: skip
    yield _custom("TFLite_Detection_PostProcess", "TFLite_Detection_PostProcess",
                  [((1, 6, 4), "float32"), ((1, 6, 3), "float32"), ((6, 4), "float32")],
                  [((1, 3, 4), "float32"), ((1, 3), "float32"), ((1, 3), "float32"),
                   ((1,), "float32")], options)  # fmt: skip


def _networks() -> Iterator[tuple[str, bytes]]:
    """Whole networks of the kinds that are exported."""
    b = _Builder()
    x = b.x((1, 8, 8, 1))
    y = pool(b, conv(b, x, 8), "MAX")
    yield "network cnn", b.finish([x], [dense(b, pool(b, conv(b, y, 12), "MAX"), 10)])
    b = _Builder()
    x = b.x((1, 49, 10, 1))
    y = conv(b, x, 24, kernel=(10, 4), stride=2)
    for _ in range(2):
        y = conv(b, conv(b, y, 24, depthwise=True), 24, kernel=(1, 1))
    y = pool(b, y, "AVERAGE", size=b.graph.tensors[y].shape[1:3], stride=2)
    yield "network ds_cnn", b.finish([x], [softmax(b, dense(b, y, 12))])
    b = _Builder()
    x = y = b.x((1, 64))
    for units in (32, 16, 10):
        y = dense(b, y, units)
    yield "network mlp", b.finish([x], [y])
    b = _Builder()
    x = b.x((1, 16, 16, 3))
    y = conv(b, x, 16)
    z = b.x((1, 16, 16, 16), scales=(0.1,))
    b.operator("ADD", [y, conv(b, y, 16)], [z], "AddOptions")
    yield "network residual", b.finish([x], [dense(b, pool(b, z, "AVERAGE", (16, 16)), 10)])


_PARTS = (
    _elementwise, _types, _reductions, _shapes, _embedding, _matrices, _convolutions, _pools,
    _recurrent, _signal, _others, _networks,
)  # fmt: skip
