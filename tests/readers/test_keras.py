"""Keras models, read into networks of ours and lowered."""

import logging
import os
import re
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from autotiny.errors import InputError
from autotiny.lowering import write_float
from autotiny.lowering.keras import lower_keras
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D
from autotiny.networks.precision import LayerPrecision
from autotiny.readers.keras import UnsupportedLayerError, network_from_keras
from autotiny.runtimes import get_runtime
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.tflite.litert import litert_interpreter
from autotiny.training.forward import logits

pytestmark = [
    # tensorflow_model_optimization, on import
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]


@pytest.fixture(params=["tf_keras", "keras"], scope="module")
def k(request: pytest.FixtureRequest) -> Any:
    prepare_tensorflow(0)
    return pytest.importorskip(request.param)


def randomised(model: Any, seed: int = 0) -> Any:
    """Give every array random values; freshly made biases and statistics hide mistakes."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            rng.uniform(0.05, 0.6, w.shape) if w.ndim == 1 else rng.normal(0, 0.3, w.shape)
            for w in model.get_weights()
        ]
    )
    return model


def samples(model: Any, n: int = 16) -> np.ndarray:
    shape = model.input_shape[1:]
    return np.random.default_rng(1).normal(size=(n, *shape)).astype(np.float32)


def float_outputs(network: Any, weights: Any, x: np.ndarray) -> np.ndarray:
    x = x.reshape(len(x), *network.input_shape)
    interpreter = litert_interpreter(write_float(network, weights, batch=len(x)))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def conv_chain(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((9, 8, 2)),
            layers.Conv2D(5, (3, 2), strides=(2, 1), padding="same", use_bias=False),
            layers.BatchNormalization(epsilon=1e-5),
            layers.ReLU(6.0),
            layers.GaussianNoise(0.1),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.SeparableConv2D(6, 3, padding="valid"),
            layers.BatchNormalization(epsilon=0.01, scale=False),
            layers.Activation("relu"),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(7, use_bias=False),
            layers.BatchNormalization(center=False),
            layers.Activation("relu6" if k.__name__ == "keras" else k.layers.ReLU(6.0)),
            layers.Dense(4),
        ]
    )


def pools(k: Any) -> Any:
    layers = k.layers
    source = layers.Input((11, 10, 3))
    x = layers.Conv2D(4, 3)(source)
    x = layers.MaxPooling2D((2, 3), strides=(1, 2), padding="same")(x)
    x = layers.ReLU()(x)  # moves in front of the pool
    x = layers.AveragePooling2D(2, padding="same")(x)
    x = layers.Conv2D(5, 1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return k.Model(source, layers.Dense(3)(x))


def nested(k: Any) -> Any:
    layers = k.layers
    body = k.Sequential(
        [layers.Input((6, 6, 1)), layers.Conv2D(3, 3, name="input"), layers.GlobalMaxPooling2D()]
    )
    head = k.Sequential([layers.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2)])
    return k.Sequential([layers.Input((6, 6, 1)), body, head])


def vector(k: Any) -> Any:
    return k.Sequential([k.layers.Input((12,)), k.layers.Dense(8, "relu"), k.layers.Dense(3)])


def rows(k: Any) -> Any:
    return k.Sequential([k.layers.Input((5, 4)), k.layers.Flatten(), k.layers.Dense(3)])


def norms_everywhere(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((7, 6, 2)),
            layers.BatchNormalization(epsilon=0.02),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.BatchNormalization(scale=False),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.BatchNormalization(center=False),
            layers.Dense(5, activation="relu", use_bias=False),
            layers.BatchNormalization(),
            layers.Dense(3),
            layers.BatchNormalization(),
        ]
    )


def signal(k: Any) -> Any:
    """Layers over time: causal and dilated convolutions, pools, a signal made of a vector."""
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((60,)),
            layers.Reshape((20, 3)),
            layers.Conv1D(6, 3, padding="causal", dilation_rate=2),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2),
            layers.MaxPooling1D(2, padding="same"),
            layers.SeparableConv1D(5, 3, strides=2, activation="tanh"),
            layers.ZeroPadding1D((2, 1)),
            layers.AveragePooling1D(2),
            layers.Dense(4, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(3, activation="sigmoid"),
            layers.Dense(2),
        ]
    )


def squeeze(k: Any) -> Any:
    """Fire, squeeze-and-excitation, groups, dilation, padding, preprocessing inside the model."""
    layers = k.layers
    source = layers.Input((12, 10, 2))
    x = layers.Rescaling(1 / 127.5, offset=-1)(source)
    x = layers.ZeroPadding2D(((0, 1), (1, 1)))(x)
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    near = layers.Conv2D(4, 1, groups=2)(x)
    far = layers.Conv2D(4, 3, padding="same", dilation_rate=2)(x)
    x = layers.Concatenate()([near, far])
    gate = layers.Dense(3, activation="relu")(layers.GlobalAveragePooling2D()(x))
    gate = layers.Reshape((1, 1, 8))(layers.Dense(8, activation="sigmoid")(gate))
    x = layers.Multiply()([x, gate])
    x = layers.PReLU()(x)
    x = layers.Add()([x, layers.PReLU(shared_axes=[1, 2])(x)])
    x = layers.Subtract()([x, layers.ReLU()(x)])
    pooled = layers.GlobalAveragePooling2D()(x)
    x = layers.Concatenate()([pooled, layers.GlobalMaxPooling2D()(x)])
    return k.Model(source, layers.Dense(3)(x))


@pytest.mark.parametrize(
    "build",
    [conv_chain, pools, nested, vector, rows, norms_everywhere, signal, squeeze],
)
def test_outputs_equal_those_of_keras(k: Any, build: Callable[[Any], Any]) -> None:
    model = randomised(build(k))
    network, weights = network_from_keras(model)
    x = samples(model)
    expected = model(x, training=False).numpy()
    np.testing.assert_allclose(float_outputs(network, weights, x), expected, atol=1e-4)
    np.testing.assert_allclose(
        logits(network, weights, x.reshape(len(x), *network.input_shape)), expected, atol=1e-4
    )
    assert set(weights) == set(network.weight_shapes())
    assert {name: array.shape for name, array in weights.items()} == network.weight_shapes()


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Any order of the layers on planes, each with options of its own."""
    window = st.tuples(st.integers(1, 3), st.integers(1, 3))
    padding = st.sampled_from(["same", "valid"])
    activation = st.sampled_from([None, "relu"])
    linear = {"kernel_size": window, "padding": padding, "use_bias": st.booleans()}
    linear["activation"] = activation
    stride = st.sampled_from([1, 2])
    options: dict[str, dict[str, Any]] = {
        "Conv2D": {"filters": st.integers(1, 5), "strides": window, **linear},
        "DepthwiseConv2D": {"strides": stride, **linear},
        "SeparableConv2D": {"filters": st.integers(1, 5), "strides": stride, **linear},
        "BatchNormalization": {
            "epsilon": st.sampled_from([1e-5, 1e-3, 0.1]),
            "center": st.booleans(),
            "scale": st.booleans(),
        },
        "MaxPooling2D": {"pool_size": window, "padding": padding},
        "AveragePooling2D": {"pool_size": window, "padding": padding, "strides": window},
        "Dropout": {"rate": st.just(0.5)},
    }
    kinds = draw(st.lists(st.sampled_from(sorted(options)), min_size=1, max_size=6))
    return [(kind, draw(st.fixed_dictionaries(options[kind]))) for kind in kinds]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(layers=chains(), head=st.sampled_from(["Flatten", "GlobalAveragePooling2D"]))
def test_outputs_of_any_chain_equal_those_of_keras(
    k: Any, layers: list[tuple[str, dict[str, Any]]], head: str
) -> None:
    chain = [k.layers.Input((9, 9, 2))]
    chain += [getattr(k.layers, kind)(**options) for kind, options in layers]
    try:
        model = k.Sequential([*chain, getattr(k.layers, head)(), k.layers.Dense(3)])
    except ValueError:  # a window larger than what is left of the plane
        reject()
    randomised(model)
    network, weights = network_from_keras(model)
    x = samples(model, 4)
    expected = model(x, training=False).numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(
        float_outputs(network, weights, x) / scale, expected / scale, atol=1e-4
    )


def test_layers_keep_their_names_and_order(k: Any) -> None:
    source = k.layers.Input((8, 8, 1))
    x = k.layers.SeparableConv2D(4, 3, name="sep", activation="relu")(source)
    x = k.layers.GlobalAveragePooling2D(name="gap")(x)
    network, _ = network_from_keras(k.Model(source, k.layers.Dense(2, name="out")(x)))
    layers = (
        DepthwiseConv2D("sep_depthwise", (3, 3), (1, 1), "valid", activation="linear"),
        Conv2D("sep", 4, (1, 1), activation="relu"),
        Pool2D("gap", "average"),
        Dense("out", 2),
    )
    assert network == chain((8, 8, 1), layers)


def test_names_are_safe_and_unique() -> None:
    prepare_tensorflow(0)
    import tf_keras

    inner = tf_keras.Sequential([tf_keras.layers.Dense(4, name="a", input_shape=(3,))])
    outer = tf_keras.layers.Dense(2, name="a")
    model = tf_keras.Sequential([tf_keras.layers.Input((3,)), inner, outer])
    model.add(tf_keras.layers.Dense(2, name="input"))
    network, _ = network_from_keras(model)
    assert [layer.name for layer in network.layers] == ["a", "a_1", "input_1"]


def test_tiny_variance_under_tiny_epsilon_keeps_the_function(k: Any) -> None:
    model = k.Sequential(
        [k.layers.Input((4,)), k.layers.Dense(3), k.layers.BatchNormalization(epsilon=1e-7)]
    )
    model.add(k.layers.Dense(2))
    randomised(model)
    model.layers[1].moving_variance.assign([0.0, 1e-6, 0.5])
    network, weights = network_from_keras(model)
    assert (weights[f"{network.layers[0].name}/variance"] >= 0).all()
    x = samples(model) * 1e-3
    expected = model(x, training=False).numpy()
    np.testing.assert_allclose(float_outputs(network, weights, x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("separate", [False, True])
def test_final_softmax_is_dropped_and_said(
    k: Any, separate: bool, caplog: pytest.LogCaptureFixture
) -> None:
    model = k.Sequential([k.layers.Input((6,))])
    model.add(k.layers.Dense(3, activation=None if separate else "softmax"))
    if separate:
        model.add(k.layers.Softmax())
    with caplog.at_level(logging.INFO, "autotiny"):
        network, weights = network_from_keras(randomised(model))
    assert "softmax dropped" in caplog.text
    x = samples(model)
    outputs = np.exp(float_outputs(network, weights, x).astype(np.float64))
    softmax = outputs / outputs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, model(x, training=False).numpy(), atol=1e-5)


def head(k: Any, *layers: Any, shape: tuple[int, ...] = (8, 8, 2)) -> Any:
    return k.Sequential([k.layers.Input(shape), *layers, k.layers.Flatten(), k.layers.Dense(2)])


REFUSED: dict[str, Callable[[Any], Any]] = {
    "ELU.*use relu or leaky_relu": lambda k: head(k, k.layers.Conv2D(2, 3), k.layers.ELU()),
    "activation is softplus; use relu": lambda k: head(
        k, k.layers.Conv2D(2, 3, activation="softplus")
    ),
    "activation is .*; use hard_swish": lambda k: head(
        k, k.layers.Conv2D(2, 3, activation="swish")
    ),
    "maximum is 4": lambda k: head(k, k.layers.Conv2D(2, 3), k.layers.ReLU(4.0)),
    "class is not known": lambda k: head(k, k.layers.UpSampling2D()),
    "GRU.*use LSTM": lambda k: k.Sequential(
        [k.layers.Input((4, 3)), k.layers.GRU(2), k.layers.Dense(2)]
    ),
    "must be followed by Dense, not by 're_lu": lambda k: k.Sequential(
        [
            k.layers.Input((4,)),
            k.layers.BatchNormalization(),
            k.layers.ReLU(),
            k.layers.Dense(2),
        ]
    ),
    "normalises axis": lambda k: head(
        k, k.layers.Conv2D(2, 3), k.layers.BatchNormalization(axis=1)
    ),
    "softmax comes before it": lambda k: k.Sequential(
        [k.layers.Input((4,)), k.layers.Dense(3, "softmax"), k.layers.Dense(2)]
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_refuses_what_it_cannot_rebuild(k: Any, sentence: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=sentence) as caught:
        network_from_keras(REFUSED[sentence](k))
    # Converted as it is, or what to use instead where no road leads.
    assert re.search("`autotiny compress`|[:;] use ", str(caught.value))


def test_a_shared_layer_is_copied_and_a_user_class_refused(k: Any) -> None:
    source, shared = k.layers.Input((3,)), k.layers.Dense(3, name="twice")
    model = randomised(k.Model(source, k.layers.Dense(2)(shared(shared(source)))))
    network, weights = network_from_keras(model)
    assert [layer.name for layer in network.layers][:2] == ["twice", "twice_1"]
    x = samples(model)
    expected = model(x, training=False).numpy()
    np.testing.assert_allclose(float_outputs(network, weights, x), expected, atol=1e-4)

    class Doubled(k.layers.Dense):  # type: ignore[name-defined,misc]
        def call(self, x: Any) -> Any:
            return super().call(x) * 2

    with pytest.raises(UnsupportedLayerError, match="not a class of Keras"):
        network_from_keras(k.Sequential([k.layers.Input((3,)), Doubled(2)]))


def test_refuses_open_shapes_unbuilt_models_several_inputs_and_nan(k: Any) -> None:
    layers = k.layers
    open_shape = k.Sequential(
        [layers.Input((None, None, 1)), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    )
    with pytest.raises(InputError, match="fixed input shape"):
        network_from_keras(open_shape)
    with pytest.raises(InputError, match=r"one input|built"):
        network_from_keras(k.Sequential([layers.Dense(2)]))
    a, b = layers.Input((3,)), layers.Input((3,))
    with pytest.raises(InputError, match="exactly one input"):
        network_from_keras(k.Model([a, b], layers.Dense(2)(layers.Add()([a, b]))))
    model = vector(k)
    model.set_weights([np.full(w.shape, np.nan) for w in model.get_weights()])
    with pytest.raises(InputError, match="must be finite"):
        network_from_keras(model)


def residual(k: Any) -> Any:
    source = k.layers.Input((8, 8, 1))
    x = k.layers.Conv2D(4, 3, padding="same", activation="relu")(source)
    y = k.layers.Conv2D(4, 3, padding="same")(x)
    x = k.layers.GlobalAveragePooling2D()(k.layers.Add()([x, y]))
    return k.Model(source, k.layers.Dense(3, activation="softmax")(x))


def quantised_outputs(model: bytes, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return real outputs in LiteRT, and int8 outputs in LiteRT and in TFLM, sample by sample."""
    interpreter = litert_interpreter(model)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert source["dtype"] == target["dtype"] == np.int8
    scale, zero = source["quantization"]
    integers = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
    litert = []
    for sample in integers:
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        litert.append(interpreter.get_tensor(target["index"])[0])
    scale, zero = target["quantization"]
    real = (np.array(litert).astype(np.float32) - zero) * scale
    return real, np.array(litert), get_runtime("tflm").outputs(model, integers)


def cropped(k: Any) -> Any:
    return head(k, k.layers.Conv2D(4, 3), k.layers.Cropping2D(1), shape=(8, 8, 1))


def test_other_layers_go_through_the_converter_and_the_log_says_so(
    k: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model = randomised(cropped(k))
    x = samples(model, 48)
    with caplog.at_level(logging.INFO, "autotiny"):
        lowered = lower_keras(model, x)
    assert "through TFLiteConverter" in caplog.text
    real, litert, tflm = quantised_outputs(lowered, x)
    expected = model(x, training=False).numpy()
    assert np.abs(real - expected).max() < 0.05 * np.ptp(expected) + 0.02
    assert np.abs(litert.astype(int) - tflm).max() <= 2


def test_known_layers_are_written_without_the_converter(
    k: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model = randomised(conv_chain(k))
    x = samples(model, 48)
    with caplog.at_level(logging.INFO, "autotiny"):
        lowered = lower_keras(model, x)
    assert "TFLiteConverter" not in caplog.text
    real, litert, tflm = quantised_outputs(lowered, x)
    expected = model(x, training=False).numpy()
    assert np.abs(real - expected).max() < 0.1 * np.ptp(expected)
    assert np.abs(litert.astype(int) - tflm).max() <= 2
    name = network_from_keras(model)[0].weight_layers[0].name
    assert len(lower_keras(model, x, {name: LayerPrecision(4)})) < len(lowered)


def test_lowering_refuses_wrong_samples_and_plans_without_names(k: Any) -> None:
    model = cropped(k)
    with pytest.raises(InputError, match=r"shape \(n, 8, 8, 1\); got shape \(4, 8, 8\)"):
        lower_keras(model, np.zeros((4, 8, 8), np.float32))
    with pytest.raises(InputError, match="precision plan needs"):
        lower_keras(model, samples(model), {"conv2d": LayerPrecision(4)})


def test_a_scaling_that_no_layer_takes_is_not_trained_as_statistics(k: Any) -> None:
    layers = k.layers
    model = k.Sequential(
        [layers.Input((6, 6, 1)), layers.Rescaling(1 / 127.5, offset=-1),
         layers.Conv2D(3, 3, padding="same"), layers.Flatten(), layers.Dense(2)]
    )  # fmt: skip
    network, weights = network_from_keras(randomised(model))
    assert not any(getattr(layer, "batch_norm", False) for layer in network.layers)
    x = samples(model) * 255
    np.testing.assert_allclose(
        float_outputs(network, weights, x), model(x, training=False).numpy(), atol=1e-3
    )


def test_a_model_of_two_inputs_inside_a_model_is_refused(k: Any) -> None:
    layers = k.layers
    a, b = layers.Input((4,)), layers.Input((4,))
    inner = k.Model([a, b], layers.Subtract()([a, b]))
    source = layers.Input((4,))
    first, second = layers.Dense(4)(source), layers.Dense(4)(source)
    model = k.Model(source, layers.Dense(3)(inner([first, second])))
    with pytest.raises(InputError, match="2 inputs inside a model"):
        network_from_keras(model)
