"""Tiny TFLite models for tests, written tensor by tensor, without TensorFlow."""

import os
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

TYPES = {
    "float32": np.float32,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "int4": None,
    "uint8": np.uint8,
}

#: Types of biases by that of the activations, where it is not int32.
BIASES = {"int16": "int64", "float32": "float32"}


class ModelBuilder:
    """Collects tensors and operators of one subgraph."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, "test"
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.name, self.graph.tensors, self.graph.operators = "main", [], []
        self.model.subgraphs = [self.graph]
        self._codes = {}

    def tensor(self, shape, dtype="int8", data=None, scales=(0.05,), zero_points=(0,), dim=0,
               name=None, variable=False):  # fmt: skip
        """Add a tensor; ``data`` makes it a constant (bytes, or an array of any dtype)."""
        tensor = schema.TensorT()
        tensor.name = name or f"t{len(self.graph.tensors)}"
        tensor.shape, tensor.buffer = list(shape), 0
        tensor.type = getattr(schema.TensorType, dtype.upper())
        tensor.isVariable = variable
        tensor.quantization = schema.QuantizationParametersT()
        if dtype != "float32" and scales:
            tensor.quantization.scale = list(scales)
            tensor.quantization.zeroPoint = list(zero_points)
            tensor.quantization.quantizedDimension = dim
        if data is not None:
            buffer = schema.BufferT()
            raw = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
            buffer.data = np.frombuffer(raw, np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, shape, dtype="int8", seed=0, **kwargs):
        """Add a constant of random values."""
        rng = np.random.default_rng(seed)
        count = int(np.prod(shape))
        if dtype == "int4":
            data = rng.integers(0, 256, -(-count // 2)).astype(np.uint8)
        elif dtype == "float32":
            data = rng.normal(0, 0.1, count).astype(np.float32)
        else:
            data = rng.integers(-7, 8, count).astype(TYPES[dtype])
        return self.tensor(shape, dtype, data, **kwargs)

    def operator(self, name, inputs, outputs, options_name=None, custom=None, **options):
        """Add an operator; options are set by the schema's attribute names."""
        key = custom or name
        if key not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, name)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version, code.customCode = 1, custom
            self._codes[key] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes[key]
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options_name:
            table = getattr(schema, options_name + "T")()
            for field, value in options.items():
                assert hasattr(table, field), field
                setattr(table, field, value)
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options_name)
            operator.builtinOptions = table
        self.graph.operators.append(operator)

    def finish(self, inputs, outputs):
        """Return the flatbuffer."""
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self.model))


def conv(b, x, filters, kernel=(3, 3), stride=1, same=True, depthwise=False, weights="int8",
         activation="int8", dilation=1):  # fmt: skip
    """Add a convolution; returns its output tensor."""
    shape = b.graph.tensors[x].shape
    reach = [(k - 1) * dilation + 1 for k in kernel]
    size = [
        -(-n // stride) if same else (n - r) // stride + 1
        for n, r in zip(shape[1:3], reach, strict=True)
    ]
    channels = shape[3] if depthwise else filters
    scales, zeros = [0.02] * channels, [0] * channels
    if depthwise:
        w = b.constant([1, *kernel, channels], weights, scales=scales, zero_points=zeros, dim=3)
    else:
        w = b.constant([channels, *kernel, shape[3]], weights, scales=scales, zero_points=zeros)
    bias = BIASES.get(activation, "int32")
    bias_scales = [0.001] * channels
    c = b.constant([channels], bias, scales=bias_scales, zero_points=zeros)
    y = b.tensor([1, *size, channels], activation, scales=(0.1,))
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    options = {"padding": 0 if same else 1, "strideH": stride, "strideW": stride,
               "dilationHFactor": dilation, "dilationWFactor": dilation}  # fmt: skip
    if depthwise:
        options["depthMultiplier"] = 1
    b.operator(name, [x, w, c], [y], name.title().replace("_", "") .replace("Conv2D", "Conv2D")
               + "Options", **options)  # fmt: skip
    return y


def dense(b, x, units, weights="int8", activation="int8", per_channel=False):
    """Add a fully connected layer; returns its output tensor."""
    shape = b.graph.tensors[x].shape
    depth = int(np.prod(shape[1:]))
    count = units if per_channel else 1
    w = b.constant([units, depth], weights, scales=[0.02] * count, zero_points=[0] * count)
    bias = BIASES.get(activation, "int32")
    c = b.constant([units], bias, scales=[0.001] * count, zero_points=[0] * count)
    y = b.tensor([1, units], activation, scales=(0.1,))
    b.operator("FULLY_CONNECTED", [x, w, c], [y], "FullyConnectedOptions")
    return y


def pool(b, x, kind="MAX", size=(2, 2), stride=2, activation="int8"):
    """Add a pooling layer with valid padding; returns its output tensor."""
    shape = b.graph.tensors[x].shape
    plane = [(n - k) // stride + 1 for n, k in zip(shape[1:3], size, strict=True)]
    y = b.tensor([1, *plane, shape[3]], activation, scales=b.graph.tensors[x].quantization.scale)
    b.operator(f"{kind}_POOL_2D", [x], [y], "Pool2DOptions", padding=1, strideH=stride,
               strideW=stride, filterHeight=size[0], filterWidth=size[1])  # fmt: skip
    return y


def softmax(b, x, activation="int8"):
    """Add a softmax; returns its output tensor."""
    scale, zero = (1 / 256, -128) if activation == "int8" else (1 / 32768, 0)
    shape = b.graph.tensors[x].shape
    y = b.tensor(shape, activation, scales=(scale,), zero_points=(zero,))
    b.operator("SOFTMAX", [x], [y], "SoftmaxOptions", beta=1.0)
    return y


def small_cnn(weights="int8"):
    """Return a convolution, pooling, dense and softmax model."""
    b = ModelBuilder()
    x = b.tensor([1, 8, 8, 1], scales=(1 / 16,), zero_points=(-128,))
    y = pool(b, conv(b, x, 8, weights=weights))
    return b.finish([x], [softmax(b, dense(b, y, 10))])


def ground_truth(name):
    """Return the bytes of a published model, or skip the test if the folder is not there."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("AUTOTINY_SHARED", beside)) / "tflm" / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{path} is not here (set AUTOTINY_SHARED)")
    return path.read_bytes()


def if_model():
    """Return a model that runs one of two subgraphs: its instructions depend on the data."""
    b = ModelBuilder()
    x, y = (b.tensor([1, 8], "float32") for _ in range(2))
    condition = b.tensor([1], "bool", scales=())
    b.operator("IF", [condition, x], [y], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    b.graph.inputs, b.graph.outputs = [condition, x], [y]
    for name, operator in (("then", "RELU"), ("else", "RELU6")):
        branch = ModelBuilder()
        branch.model, branch._codes = b.model, b._codes
        branch.graph.name = name
        into, out = (branch.tensor([1, 8], "float32") for _ in range(2))
        branch.operator(operator, [into], [out])
        branch.graph.inputs, branch.graph.outputs = [into], [out]
        b.model.subgraphs.append(branch.graph)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(b.model))
