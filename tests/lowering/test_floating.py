"""Models that compute in floats: LiteRT gives what the trained weights give, in every form."""

import dataclasses

import numpy as np
import pytest
from helpers_networks import FAMILIES, family_network, networks, random_samples, random_weights
from hypothesis import given, settings

from autotiny.errors import InputError
from autotiny.lowering import activation_ranges, lower, write_float
from autotiny.lowering.floating import as_float
from autotiny.lowering.weight_forms import WEIGHT_FORMS, Kernel
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D
from autotiny.networks.precision import LayerPrecision
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.tflite.litert import run_one_by_one
from autotiny.tflite.reader import read_model

#: Largest error of a form, as a share of the largest output, for networks of up to ~20 layers.
#: float16 rounds each weight by 2^-11 of itself, so a layer's sums by no more than that of the sum
#: of magnitudes; int8-weight-only runs the same float kernels on the same values. dynamic rounds
#: every layer's input by half of 1/255 of its range, whose errors add up like noise.
TOLERANCE = {"float16": 0.02, "dynamic": 0.15, "int8-weight-only": 1e-4}


def quantised(network, plan=None):
    """Return an int8 model, and the same weights in float as it stores them."""
    network, weights = fold_batch_norm(network, random_weights(network))
    ranges = activation_ranges(network, weights, random_samples(network, 32))
    return lower(network, weights, plan or {}, ranges)


def error(one, other):
    """Return the largest difference as a share of the largest output."""
    return float(np.abs(one - other).max()) / max(1.0, float(np.abs(other).max()))


def kernels(model):
    """Return names of constant tensors of a model by their element type."""
    return {t.name: t.type for t in read_model(model).tensors if t.data is not None}


@pytest.mark.parametrize("name", FAMILIES)
def test_floats_are_the_weights_that_integers_stand_for(name):
    network = family_network(name)
    network, weights = fold_batch_norm(network, random_weights(network))
    x = random_samples(network, 16)
    model = as_float(lower(network, weights, {}, activation_ranges(network, weights, x)))
    assert set(kernels(model).values()) <= {"float32", "int32"}
    seen = set()
    for tensor in read_model(model).tensors:
        if tensor.data is not None and tensor.name in weights:
            seen.add(tensor.name)
            mine, theirs = np.frombuffer(tensor.data, np.float32), weights[tensor.name]
            # In another order of axes; rounding moves no value by more than half a step.
            moved = np.abs(np.sort(mine) - np.sort(theirs.ravel())).max()
            assert moved <= 0.501 * np.abs(theirs).max() / 127
    assert seen == {name for name in weights if name.endswith(("/kernel", "/bias"))}
    assert error(run_one_by_one(model, x), run_one_by_one(write_float(network, weights), x)) < 0.1


@pytest.mark.parametrize("layer", [Dense("out", 5), Conv2D("out", 5, (3, 3), padding="valid")])
def test_one_layer_is_off_by_no_more_than_rounding_its_input(layer):
    network = chain((3, 3, 4), (layer,))
    model, x = quantised(network), random_samples(network, 32, seed=5)
    weights = {t.name: np.frombuffer(t.data, np.float32) for t in
               read_model(as_float(model)).tensors if t.data is not None}  # fmt: skip
    sums = np.abs(weights["out/kernel"].reshape(5, -1)).sum(axis=1)
    expected = run_one_by_one(as_float(model), x)
    # An asymmetric int8 grid over a sample's range, 0 included, has 255 steps; its zero is an
    # integer, so that up to half a step more is cut off at an end.
    low, high = np.minimum(x.min(axis=(1, 2, 3)), 0), np.maximum(x.max(axis=(1, 2, 3)), 0)
    bounds = {"dynamic": (high - low)[:, None] / 255 * sums, "int8-weight-only": 1e-5}
    bounds["float16"] = np.abs(x).max(axis=(1, 2, 3))[:, None] * sums * 2.0**-11 + 1e-5
    assert set(bounds) == set(WEIGHT_FORMS)
    for name, form in WEIGHT_FORMS.items():
        off = np.abs(run_one_by_one(as_float(model, form), x) - expected)
        assert (off <= bounds[name]).all(), name


@pytest.mark.parametrize("form", WEIGHT_FORMS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_form_computes_what_its_weights_say(form, name):
    network = family_network(name)
    model, x = quantised(network), random_samples(network, 16, seed=5)
    expected = run_one_by_one(as_float(model), x)
    got = run_one_by_one(as_float(model, WEIGHT_FORMS[form]), x)
    assert got.dtype == np.float32
    assert error(got, expected) < TOLERANCE[form]


@settings(max_examples=25, deadline=None)
@given(networks())
def test_every_form_of_any_network_runs(network):
    model, x = quantised(network), random_samples(network, 4, seed=5)
    expected = run_one_by_one(as_float(model), x)
    for name, form in WEIGHT_FORMS.items():
        got = run_one_by_one(as_float(model, form), x)
        assert error(got, expected) < TOLERANCE[name], name


@pytest.mark.parametrize(
    ("form", "kind", "per_weight"),
    [("float16", "float16", 2), ("dynamic", "int8", 1), ("int8-weight-only", "int8", 1)],
)
def test_kernels_are_stored_as_the_form_says(form, kind, per_weight):
    layers = (Conv2D("conv", 8, (3, 3)), DepthwiseConv2D("deep", (3, 3)), Dense("out", 3))
    network = chain((6, 6, 4), layers)
    model = quantised(network)
    made = as_float(model, WEIGHT_FORMS[form])
    stored = {name.split("/")[0]: t for name, t in kernels(made).items() if "/kernel" in name}
    assert stored == dict.fromkeys(("conv", "deep", "out"), kind)
    names = [operator.name for operator in read_model(made).operators]
    expected = ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    assert [n for n in names if n != "DEQUANTIZE"] == expected
    assert names.count("DEQUANTIZE") == (0 if form == "dynamic" else 3)
    count = sum(np.prod(shape) for name, shape in network.weight_shapes().items()
                if name.endswith("kernel"))  # fmt: skip
    assert per_weight * count < len(made) < per_weight * count + 4000


@pytest.mark.parametrize("bits", [4, 3, 2, 1])
def test_weights_of_few_bits_keep_their_values(bits):
    network = chain((5, 5, 3), (Conv2D("conv", 6, (3, 3)), Dense("out", 4)))
    model = quantised(network, {"conv": LayerPrecision(bits, clustered=bits < 4)})
    whole = as_float(model)
    x = random_samples(network, 8)
    for name in ("float16", "int8-weight-only"):
        made = as_float(model, WEIGHT_FORMS[name])
        assert error(run_one_by_one(made, x), run_one_by_one(whole, x)) < 1e-3
    (stored,) = (
        t for t in read_model(as_float(model, WEIGHT_FORMS["int8-weight-only"])).tensors
        if t.name == "conv/kernel/stored"
    )  # fmt: skip
    levels = {t.name: t for t in read_model(model).tensors}["conv/kernel"]
    assert stored.scales == levels.scales
    assert stored.type == "int8"


def test_activations_of_16_bits_become_floats_like_others():
    network = chain((5, 5, 3), (Conv2D("a", 6, (3, 3)), Conv2D("b", 6, (3, 3)), Dense("out", 4)))
    model = quantised(network, {"b": LayerPrecision(8, 16), "out": LayerPrecision(8, 16)})
    assert "QUANTIZE" in [operator.name for operator in read_model(model).operators]
    made = read_model(as_float(model))
    names = [operator.name for operator in made.operators]
    assert names == ["CONV_2D", "CONV_2D", "FULLY_CONNECTED"]
    x = random_samples(network, 8)
    for form in WEIGHT_FORMS.values():
        assert (
            error(run_one_by_one(as_float(model, form), x), run_one_by_one(as_float(model), x))
            < 0.1
        )


def test_a_dense_kernel_with_a_scale_a_channel_gets_one():
    integers = np.array([[127, -30], [100, 127]], np.int8)
    kernel = Kernel(integers, np.array([0.01, 0.1], np.float32), 0, per_channel=False)
    stored = WEIGHT_FORMS["dynamic"].stored(kernel)
    (step,) = stored.scales.scales
    assert np.abs(stored.data * step - kernel.values).max() <= step / 2 * 1.001
    # Convolutions take one for each: nothing is rounded.
    kernel = dataclasses.replace(kernel, per_channel=True, scales=np.array([0.5], np.float32))
    stored = WEIGHT_FORMS["dynamic"].stored(kernel)
    assert stored.scales.scales == (0.5, 0.5)
    np.testing.assert_array_equal(stored.data, integers)


def test_values_that_half_precision_lacks_stay_single():
    kernel = Kernel(np.full((1, 2), 100, np.int8), np.array([1e4], np.float32), 0, False)
    stored = WEIGHT_FORMS["float16"].stored(kernel)
    assert stored.data.dtype == np.float32
    assert not stored.dequantised


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
def test_tensorflow_lite_runs_every_form():
    """With its default delegates, as programs on Linux boards run it."""
    tf = prepare_tensorflow(0)
    network = family_network("ds_cnn")
    model, x = quantised(network), random_samples(network, 8)
    expected = run_one_by_one(as_float(model), x)
    for name, form in WEIGHT_FORMS.items():
        interpreter = tf.lite.Interpreter(model_content=as_float(model, form))
        interpreter.allocate_tensors()
        source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        outputs = []
        for sample in x:
            interpreter.set_tensor(source["index"], sample[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(sink["index"]).ravel())
        assert error(np.stack(outputs), expected) < TOLERANCE[name], name


def test_what_is_no_model_is_refused():
    with pytest.raises(InputError, match="not a valid TFLite file"):
        as_float(b"TFL3" * 10)
