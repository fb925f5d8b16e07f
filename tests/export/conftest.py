"""Tiny int8 models and bundles of them, proved on the real TFLM interpreter."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from autotiny.export import BundleRequest, ecosystem_target
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.runtime import TflmRuntime

#: Every bundle test runs on each of these; a new ecosystem is one more name.
ECOSYSTEMS = ("arduino", "generic")

CLASSES = ("nought", 'a "one"', "zwölf??")


def pytest_generate_tests(metafunc):
    if "ecosystem" in metafunc.fixturenames:
        metafunc.parametrize("ecosystem", ECOSYSTEMS)


def dense_model(
    *, seed: int = 0, side: int = 4, largest: int = 127, outputs: int = 3, last: str = "SOFTMAX"
) -> bytes:
    """RESHAPE, FULLY_CONNECTED and SOFTMAX: (1, side, side, 1) int8 in, (1, outputs) int8 out.

    ``last`` may be LOGISTIC, or empty for logits.
    """
    size = side * side
    rng = np.random.default_rng(seed)
    ops, types, options = schema.BuiltinOperator, schema.TensorType, schema.BuiltinOptions
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.description, model.subgraphs = 3, "TFLM skips this", [graph]
    model.buffers, model.operatorCodes = [schema.BufferT()], []
    graph.name, graph.tensors, graph.operators = "main", [], []

    def tensor(name, shape, dtype, scale=None, zero_point=0, data=None):
        made, quantisation = schema.TensorT(), schema.QuantizationParametersT()
        made.name, made.shape, made.type, made.buffer = name, list(shape), dtype, 0
        if scale is not None:
            quantisation.scale, quantisation.zeroPoint = [scale], [zero_point]
        made.quantization = quantisation
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(builtin, inputs, output, kind, settings):
        code, made = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        model.operatorCodes.append(code)
        made.opcodeIndex, made.inputs, made.outputs = len(model.operatorCodes) - 1, inputs, [output]
        made.builtinOptionsType, made.builtinOptions = kind, settings
        graph.operators.append(made)

    source = tensor("input", (1, side, side, 1), types.INT8, 1 / 255, -128)
    shape = tensor("shape", (2,), types.INT32, data=np.array([1, size], np.int32))
    flat = tensor("flat", (1, size), types.INT8, 1 / 255, -128)
    kernel = rng.integers(-largest, largest + 1, (outputs, size)).astype(np.int8)
    weights = tensor("kernel", (outputs, size), types.INT8, 0.02, data=kernel)
    bias = tensor(
        "bias",
        (outputs,),
        types.INT32,
        0.02 / 255,
        data=np.resize([5, -9, 30], outputs).astype(np.int32),
    )
    logits = tensor("logits", (1, outputs), types.INT8, 0.05, 4)
    reshape, softmax = schema.ReshapeOptionsT(), schema.SoftmaxOptionsT()
    reshape.newShape, softmax.beta = [1, size], 1.0
    operator(ops.RESHAPE, [source, shape], flat, options.ReshapeOptions, reshape)
    fully_connected = schema.FullyConnectedOptionsT()
    inputs = [flat, weights, bias]
    operator(ops.FULLY_CONNECTED, inputs, logits, options.FullyConnectedOptions, fully_connected)
    result = logits
    if last:
        result = tensor("scores", (1, outputs), types.INT8, 1 / 256, -128)
        kind = (options.SoftmaxOptions, softmax) if last == "SOFTMAX" else (options.NONE, None)
        operator(getattr(ops, last), [logits], result, *kind)
    graph.inputs, graph.outputs = [source], [result]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def with_look_up_table(model: bytes) -> bytes:
    """Return the model with 4-bit kernel indices that TFLM's DECODE operator expands."""
    from tflite_micro import compression
    from tflite_micro.tensorflow.lite.micro.compression import model_editor, spec

    names = [tensor.name for tensor in model_editor.read(model).subgraphs[0].tensors]
    method = spec.LookUpTableCompression(index_bitwidth=4, mode=spec.PerTensor())
    entry = spec.Tensor(0, names.index("kernel"), [method])
    return bytes(compression.compress(model, [entry]))


def make_request(
    ecosystem: str = "generic", *, side: int = 4, packs: bytes | None = None, **changes
) -> BundleRequest:
    """Return a request for a model as the runtime packs it, with some attributes changed."""
    rng = np.random.default_rng(1)
    model, runtime = packs or dense_model(), TflmRuntime()
    target = ecosystem_target(ecosystem if ecosystem in ECOSYSTEMS else "generic", Target())
    packed = runtime.pack(model, target)
    values = {
        "project": "Digits 8x8",
        "model": model,
        "image": packed.image,
        "target": target,
        "runtime": runtime,
        "footprint": runtime.footprint(packed.image, target),
        "class_names": CLASSES,
        "test_x": rng.random((20, side, side, 1), np.float32),
        "test_y": rng.integers(0, 3, 20),
        "source": "trial 7 of the study demo",
        "study": "demo",
        "trial": 7,
        "parameters": {"width": np.float64(0.5), "schedule": "polynomial"},
        "scores": {"validation_accuracy": 0.97},
        "encodings": packed.encodings,
        "ecosystem": ecosystem,
    }
    return BundleRequest(**(values | changes))


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Path of a compiler; a missing one skips, or fails with AUTOTINY_REQUIRE_TOOLCHAIN=1."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None and os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") == "1":
            pytest.fail(f"{name} is not installed and AUTOTINY_REQUIRE_TOOLCHAIN=1")
        return path or pytest.skip(f"{name} is not installed")

    return find


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def export_helpers():
    """The functions above, for test files that are imported by path."""

    class Helpers:
        request = staticmethod(make_request)
        model = staticmethod(dense_model)
        with_look_up_table = staticmethod(with_look_up_table)
        runtime = TflmRuntime
        run = staticmethod(run)
        classes = CLASSES
        headers = Path(__file__).parent / "tflm_headers"

    return Helpers
