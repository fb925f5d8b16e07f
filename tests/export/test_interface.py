import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.export import export_bundle
from autotiny.export._interface import QuantisedTensor, read_interface
from autotiny.runtimes.tflm.op_resolver import registrations
from autotiny.runtimes.tflm.versions import load_version, version_names


def test_edges_and_operators_of_a_model(export_helpers):
    interface = read_interface(export_helpers.model())
    assert interface.input == QuantisedTensor((1, 4, 4, 1), float(np.float32(1 / 255)), -128)
    assert interface.output == QuantisedTensor((1, 3), 1 / 256, -128)
    assert interface.operators == ("FULLY_CONNECTED", "RESHAPE", "SOFTMAX")


def test_bytes_of_another_format_are_refused():
    with pytest.raises(InputError, match="tflite"):
        read_interface(b"PK\x03\x04 something else")


def test_registrations_have_tflms_names():
    names = "CONV_2D DEPTHWISE_CONV_2D AVERAGE_POOL_2D L2_POOL_2D RELU6 PADV2 TFLM_DECODE ADD_N"
    calls = "AddConv2D AddDepthwiseConv2D AddAveragePool2D AddL2Pool2D AddRelu6 AddPadV2 AddDecode"
    assert registrations(names.split()) == (*calls.split(), "AddAddN")


@pytest.mark.parametrize("version", version_names())
def test_every_operator_of_every_version_can_be_registered(version):
    known = load_version(version)
    names = [*known.operators, *known.subgraph_operators]
    calls = registrations(names)
    assert len(set(calls)) == len(names)
    assert all(call.startswith("Add") and call.isalnum() for call in calls)


@pytest.mark.parametrize("operator", ["RFFT2D", "MyOperator", "STABLEHLO_ADD", "CUSTOM"])
def test_operator_without_registration_is_named(operator):
    with pytest.raises(UnsupportedModelError, match=operator):
        registrations(["ADD", operator])


@pytest.fixture(scope="module")
def quantize_library(tmp_path_factory, export_helpers, tool):
    """``quantize.h`` as a compiler sees it."""
    folder = tmp_path_factory.mktemp("quantize")
    export_bundle(export_helpers.request(), folder / "bundle")
    unit, path = folder / "quantize.c", folder / "quantize.so"
    unit.write_text(
        '#include "quantize.h"\n'
        "int8_t q(float v, float s, int z) { return quantize_int8(v, s, z); }\n"
        "float d(int8_t e, float s, int z) { return dequantize_int8(e, s, z); }\n"
        "int a(const int8_t *e, int n) { return argmax_int8(e, n); }\n"
    )
    flags = ("-std=c99", "-O2", "-shared", "-fPIC", "-I", folder / "bundle")
    export_helpers.run(tool("gcc"), *flags, "-o", path, unit)
    library = ctypes.CDLL(str(path))
    library.q.argtypes = (ctypes.c_float, ctypes.c_float, ctypes.c_int)
    library.q.restype = ctypes.c_int8
    library.d.argtypes = (ctypes.c_int8, ctypes.c_float, ctypes.c_int)
    library.d.restype = ctypes.c_float
    return library


def test_quantize_header_equals_python(quantize_library):
    reals = st.floats(-1e6, 1e6, width=32)
    scales = st.floats(float(np.float32(1e-6)), float(np.float32(1e3)), width=32)

    @given(reals, scales, st.integers(-128, 127))
    def equal(value, scale, zero_point):
        tensor = QuantisedTensor((1,), scale, zero_point)
        (element,) = tensor.quantise(np.array([value], np.float32))
        assert quantize_library.q(value, scale, zero_point) == element
        (back,) = tensor.dequantise(np.array([element], np.int8))
        assert np.float32(quantize_library.d(int(element), scale, zero_point)) == back

    equal()


def test_halves_and_extremes_of_the_quantize_header(quantize_library):
    for steps in np.arange(-300, 300.5, 0.5, np.float32):
        for nudged in (np.nextafter(steps, -np.inf), steps, np.nextafter(steps, np.inf)):
            (element,) = QuantisedTensor((1,), 0.25, 3).quantise(nudged[None] * np.float32(0.25))
            assert quantize_library.q(float(nudged) * 0.25, 0.25, 3) == element
    assert quantize_library.q(float("inf"), 1.0, 0) == 127
    assert quantize_library.q(float("-inf"), 1.0, 0) == -128
    assert quantize_library.q(float("nan"), 1.0, 0) == -128


def test_argmax_takes_the_first_of_equals(quantize_library):

    @given(st.lists(st.integers(-128, 127), min_size=1, max_size=20))
    def equal(values):
        assert quantize_library.a((ctypes.c_int8 * len(values))(*values), len(values)) == np.argmax(
            values
        )

    equal()
