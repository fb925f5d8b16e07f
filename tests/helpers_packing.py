"""Full quantised models for tests of packing, with all the things in them that TFLM ignores."""

import contextlib
import io
import zlib

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from autotiny.runtimes.tflm import interpreter
from autotiny.tflite.reader import read_model

TYPES = {"int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64}
RELU = 1


class Builder:
    """Writes full quantised models, with all the things in them that TFLM does not read."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.description = 3, "a description"
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.model.subgraphs = [self.graph]
        self.graph.name, self.graph.tensors, self.graph.operators = "main", [], []

    def tensor(self, name, shape, kind="int8", data=None, scales=(0.05,), zero=0, axis=0):
        tensor, quantization = schema.TensorT(), schema.QuantizationParametersT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.type = getattr(schema.TensorType, kind.upper())
        if scales:
            quantization.scale, quantization.zeroPoint = list(scales), [zero] * len(scales)
            quantization.min = quantization.max = [1.0] * len(scales)
            quantization.quantizedDimension = axis
            tensor.quantization = quantization
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, name, inputs, outputs, table=None, **options):
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 2
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if table:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            operator.builtinOptions = getattr(schema, table + "T")()
            vars(operator.builtinOptions).update(options)
        self.graph.operators.append(operator)
        return outputs[0]

    def shape(self, index):
        return list(self.graph.tensors[index].shape)

    def weighted(self, name, source, shape, result, table, *, kind="int8", weights="int8",
                 values=None, axis=None, scale=0.002, **options):  # fmt: skip
        """Add an operator with weights and bias; ``axis`` None gives the weights one scale."""
        label = f"{name.lower()}_{len(self.graph.operators)}"
        channels = 1 if axis is None else shape[axis]
        if values is None:
            values = self.rng.integers(-100, 101, shape).astype(np.int8)
        if weights == "int4":
            flat = np.append(values.ravel(), np.zeros(values.size % 2, np.int8)).view(np.uint8)
            values = flat[::2] & 15 | flat[1::2] << 4
        scales = (scale * self.rng.uniform(0.5, 1, channels)).astype(np.float32).tolist()
        w = self.tensor(f"{label}/kernel", shape, weights, values, scales, axis=axis or 0)
        size = result[-1]
        bias_kind = "int64" if kind == "int16" else "int32"
        bias = self.rng.integers(-500, 500, size).astype(TYPES[bias_kind])
        b = self.tensor(f"{label}/bias", [size], bias_kind, bias, [s * 0.05 for s in scales])
        y = self.tensor(label, result, kind, zero=0 if kind == "int16" else -7)
        return self.operator(name, [source, w, b], [y], table, **options)

    def conv(self, source, filters, kernel=(3, 3), stride=1, axis=0, **options):
        size = [-(-n // stride) for n in self.shape(source)[1:3]]
        shape = [filters, *kernel, self.shape(source)[3]]
        return self.weighted(
            "CONV_2D", source, shape, [1, *size, filters], "Conv2DOptions", axis=axis,
            strideW=stride, strideH=stride, fusedActivationFunction=RELU, **options,
        )  # fmt: skip

    def depthwise(self, source, kernel=(3, 3), **options):
        shape = self.shape(source)
        return self.weighted(
            "DEPTHWISE_CONV_2D", source, [1, *kernel, shape[3]], shape, "DepthwiseConv2DOptions",
            axis=3, strideW=1, strideH=1, depthMultiplier=1, **options,
        )  # fmt: skip

    def dense(self, source, units, **options):
        depth = int(np.prod(self.shape(source)[1:]))
        return self.weighted(
            "FULLY_CONNECTED", source, [units, depth], [1, units], "FullyConnectedOptions",
            **options,
        )  # fmt: skip

    def pool(self, name, source):
        _, height, width, channels = self.shape(source)
        y = self.tensor(name.lower(), [1, height // 2, width // 2, channels], zero=-7)
        return self.operator(
            name, [source], [y], "Pool2DOptions",
            padding=1, strideW=2, strideH=2, filterWidth=2, filterHeight=2,
        )  # fmt: skip

    def simple(self, name, sources, shape, table=None, kind="int8", scale=0.05, zero=0, **options):
        y = self.tensor(name.lower(), shape, kind, None, (scale,), zero)
        return self.operator(name, sources, [y], table, **options)

    def constant(self, name, values):
        return self.tensor(name, [len(values)], "int32", np.array(values, np.int32), ())

    def finish(self, inputs, outputs):
        self.graph.inputs, self.graph.outputs = inputs, outputs
        note, buffer = schema.MetadataT(), schema.BufferT()
        note.name, note.buffer = "min_runtime_version", len(self.model.buffers)
        buffer.data = np.frombuffer(b"1.14.0".ljust(16, b"\0"), np.uint8)
        self.model.buffers.append(buffer)
        self.model.metadata = [note]
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self.model))


def outputs(model, count=6):
    """Return what TFLM computes for random inputs."""
    parsed = read_model(model)
    rng = np.random.default_rng(1)
    samples = []
    for index in parsed.inputs:
        tensor = parsed.tensors[index]
        limits = np.iinfo(TYPES[tensor.type])
        shape = (count, *tensor.shape[1:])
        samples.append(rng.integers(limits.min, limits.max, shape).astype(TYPES[tensor.type]))
    if len(samples) == 1:
        return interpreter.outputs(model, samples[0], trusted=True)
    return run_with_several_inputs(model, samples)


def run_with_several_inputs(model, samples):
    from tflite_micro import runtime

    native = runtime.Interpreter.from_bytes(model, arena_size=100_000)
    results = []
    for sample in zip(*samples, strict=True):
        for index, value in enumerate(sample):
            native.set_input(value[None], index)
        native.invoke()
        results.append(native.get_output(0).copy())
    return np.concatenate(results)


def same(first, second):
    expected = outputs(first)
    assert expected.std() > 0, "a constant output proves nothing"
    np.testing.assert_array_equal(outputs(second), expected)


def every_int8_operator():
    b = Builder()
    x = b.tensor("image", [1, 16, 16, 3])
    y = b.conv(x, 8)
    y = b.conv(y, 8, kernel=(1, 1), axis=None)
    y = b.pool("AVERAGE_POOL_2D", b.pool("MAX_POOL_2D", b.depthwise(y)))
    y = b.simple("ADD", [y, y], b.shape(y), "AddOptions", scale=0.08)
    y = b.simple("QUANTIZE", [y], b.shape(y), scale=0.07, zero=3)
    target = b.constant("shape", [1, 128])
    y = b.simple("RESHAPE", [y, target], [1, 128], "ReshapeOptions", scale=0.07, zero=3,
                 newShape=[1, 128])  # fmt: skip
    y = b.dense(b.dense(y, 12, axis=0), 10)
    y = b.simple("SOFTMAX", [y], [1, 10], "SoftmaxOptions", scale=1 / 256, zero=-128, beta=1.0)
    return b.finish([x], [y])


def mean_and_two_inputs():
    b = Builder(1)
    left, right = b.tensor("left", [1, 6, 6, 4]), b.tensor("right", [1, 6, 6, 4], zero=5)
    y = b.simple("ADD", [left, right], [1, 6, 6, 4], "AddOptions", fusedActivationFunction=RELU)
    axes = b.constant("axes", [1, 2])
    y = b.simple("MEAN", [y, axes], [1, 4], "ReducerOptions", scale=0.02)
    return b.finish([left, right], [b.dense(y, 5)])


def int16_activations():
    b = Builder(2)
    x = b.tensor("image", [1, 8, 8, 2], "int16", scales=(0.001,))
    y = b.depthwise(b.conv(x, 4, kind="int16"), kind="int16")
    y = b.simple("QUANTIZE", [y], [1, 8, 8, 4], zero=4)
    return b.finish([x], [b.dense(y, 6)])


def int4_weights():
    b = Builder(3)
    x = b.tensor("image", [1, 8, 8, 3])
    small = b.rng.integers(-8, 8, (5, 3, 3, 3)).astype(np.int8)
    y = b.conv(x, 5, weights="int4", values=small, scale=0.02)
    tiny = b.rng.integers(-8, 8, (7, 320)).astype(np.int8)
    return b.finish([x], [b.dense(y, 7, weights="int4", values=tiny, scale=0.02)])


def shared_weights():
    b = Builder(4)
    x = b.tensor("vector", [1, 16])
    y = b.dense(x, 16)
    again = b.tensor("again", [1, 16], zero=-7)
    first = b.graph.operators[0]
    b.operator("FULLY_CONNECTED", [y, *first.inputs[1:]], [again], "FullyConnectedOptions")
    return b.finish([x], [b.dense(again, 4)])


MODELS = (
    every_int8_operator, mean_and_two_inputs, int16_activations, int4_weights, shared_weights,
)  # fmt: skip


def with_weights(model, change):
    """Return the model with every int8 weight tensor replaced by ``change(values)``."""
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    graph = parsed.subgraphs[0]
    for operator in graph.operators:
        code = parsed.operatorCodes[operator.opcodeIndex].builtinCode
        if code in (3, 4, 9):
            tensor = graph.tensors[operator.inputs[1]]
            values = np.array(parsed.buffers[tensor.buffer].data, np.uint8).view(np.int8)
            parsed.buffers[tensor.buffer].data = change(values).view(np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def pruned(values, sparsity=0.8):
    order = np.argsort(np.abs(values.astype(int)), kind="stable")
    values = values.copy()
    values[order[: round(sparsity * values.size)]] = 0
    return values


def clustered(count):
    def change(values):
        # By contents: equal tensors stay equal, others of the same size do not become it.
        rng = np.random.default_rng(zlib.crc32(values.tobytes()))
        table = rng.choice(np.arange(-64, 64), count, replace=False)
        table -= round(table.mean())  # or all outputs saturate
        return table[rng.integers(0, count, values.size)].astype(np.int8)

    return change


def autoencoder():
    """Return the shape of MLPerf Tiny's anomaly detector, about 264 KB of weights."""
    b = Builder()
    x = y = b.tensor("frame", [1, 640])
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128, 640):
        depth = b.shape(y)[1]
        values = np.clip(b.rng.normal(0, 35, (units, depth)), -127, 127).round().astype(np.int8)
        y = b.dense(y, units, values=values, scale=0.03 / depth**0.5)
    return b.finish([x], [y])


def float_ds_cnn(filters=64, blocks=4, classes=12):
    b = Builder()

    def constant(name, shape):
        values = b.rng.normal(0, 0.1, shape).astype(np.float32)
        return b.tensor(name, shape, "float32", values, ())

    def layer(name, source, kind, kernel, result, table, **options):
        w, c = constant(f"{name}/kernel", kernel), constant(f"{name}/bias", [result[-1]])
        y = b.tensor(name, result, "float32", None, ())
        return b.operator(kind, [source, w, c], [y], table, **options)

    x = b.tensor("image", [1, 49, 10, 1], "float32", None, ())
    size = [1, 25, 5, filters]
    y = layer("conv", x, "CONV_2D", [filters, 10, 4, 1], size, "Conv2DOptions",
              strideW=2, strideH=2, fusedActivationFunction=RELU)  # fmt: skip
    for i in range(blocks):
        y = layer(f"depthwise{i}", y, "DEPTHWISE_CONV_2D", [1, 3, 3, filters], size,
                  "DepthwiseConv2DOptions", strideW=1, strideH=1, depthMultiplier=1,
                  fusedActivationFunction=RELU)  # fmt: skip
        y = layer(f"pointwise{i}", y, "CONV_2D", [filters, 1, 1, filters], size, "Conv2DOptions",
                  strideW=1, strideH=1, fusedActivationFunction=RELU)  # fmt: skip
    mean = b.tensor("mean", [1, filters], "float32", None, ())
    b.operator("MEAN", [y, b.constant("axes", [1, 2])], [mean], "ReducerOptions")
    y = layer("dense", mean, "FULLY_CONNECTED", [classes, filters], [1, classes],
              "FullyConnectedOptions")  # fmt: skip
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.inputs, signature.outputs = "serving_default", [], []
    for group, index in ((signature.inputs, x), (signature.outputs, y)):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = b.graph.tensors[index].name, index
        group.append(entry)
    b.model.signatureDefs = [signature]
    return b.finish([x], [y])


def quantized_ds_cnn():
    """Return a DS-CNN of 64 filters for 49x10x1 and 12 classes, as ai-edge-quantizer writes it."""
    from ai_edge_quantizer import qtyping, quantizer, recipe_manager

    recipe = recipe_manager.RecipeManager()
    recipe.add_static_config(
        regex=".*", operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=8, weight_num_bits=8,
    )  # fmt: skip
    sample = np.random.default_rng(0).random((1, 49, 10, 1)).astype(np.float32)
    with contextlib.redirect_stdout(io.StringIO()):
        q = quantizer.Quantizer(bytearray(float_ds_cnn()), recipe.get_quantization_recipe())
        statistics = q.calibrate({"serving_default": [{"image": sample}]})
        return bytes(q.quantize(statistics).quantized_model)
