"""Models that are converted as they are: through the command line, each road once."""

import json
import warnings

import numpy as np
import pytest
from helpers_networks import random_weights

from autotiny.lowering import write_float
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense, Pool2D
from autotiny.readers.keras_file import load_keras_file

CNN = chain(
    (8, 8, 1),
    (Conv2D("conv", 6, (3, 3)), Pool2D("pool", "average"), Dense("out", 3)),
)


@pytest.fixture
def data(folder):
    """Three classes of 8x8 pictures that a random network cannot know."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 150)
    x = rng.normal(0, 1, (150, 8, 8)).astype(np.float32) + y[:, None, None]
    np.savez("data.npz", x_train=x, y_train=y, class_names=np.array(["a", "b", "c"]))
    np.savez("two.npz", x_train=x, y_train=(y > 1).astype(int))
    return folder


def saved(build, name):
    """Save what ``build`` makes of Keras 3's layers."""
    import keras

    with warnings.catch_warnings():  # Keras hands NumPy arrays in a way that NumPy warns of
        warnings.simplefilter("ignore")
        keras.utils.set_random_seed(0)
        model = build(keras, keras.layers)
        model.save(name)
    return model


def manifest(folder, name="fw"):
    return json.loads((folder / name / "manifest.json").read_text())


def test_a_float_tflite(data, cli):
    (data / "m.tflite").write_bytes(write_float(CNN, random_weights(CNN)))
    code, out, err = cli("compress", "m.tflite", "--data", "data.npz", "--out", "fw")
    assert (code, err) == (0, "")
    assert "m.tflite as int8, written to fw/" in out
    assert "same class as the float model" in out
    assert "bit for bit" in out
    told = manifest(data)
    assert told["source"] == "m.tflite, converted as it is"
    assert (told["study"], told["trial"]) == (None, None)
    assert told["scores"]["top1_agreement_with_float"] > 0.9
    # What was made is an int8 model, which is taken as it is.
    code, out, err = cli(
        "compress", "fw/model.tflite", "--data", "data.npz", "--out", "again", "--flash", "20kb"
    )
    assert (code, err) == (3, "")
    assert "It does not fit: it lacks" in out
    assert manifest(data, "again")["image_sha256"] == told["image_sha256"]
    code, out, err = cli("check", "fw/image.tflite")
    assert (code, err) == (0, "")
    assert f"{told['footprint']['flash_bytes']:,}" in out


def test_a_residual_keras_model_with_a_sigmoid(data, cli):
    def build(keras, layers):
        i = keras.Input((8, 8, 1))
        a = layers.Conv2D(4, 3, padding="same", activation="relu")(i)
        b = layers.Add()([a, layers.Conv2D(4, 3, padding="same")(a)])
        o = layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(b))
        return keras.Model(i, o)

    saved(build, "m.keras")
    code, _, err = cli("compress", "m.keras", "--data", "two.npz", "--out", "fw")
    assert (code, err) == (0, "")
    scores = manifest(data)["scores"]
    assert abs(scores["validation_accuracy"] - scores["validation_accuracy_float"]) < 0.1
    assert 0.2 < scores["test_accuracy"] < 0.9
    assert manifest(data)["operators"].count("ADD") == 1


def test_a_keras_3_lstm_runs_on_tflm(data, cli):
    build = lambda keras, layers: keras.Sequential(  # noqa: E731
        [keras.Input((8, 8)), layers.LSTM(5), layers.Dense(3, activation="softmax")]
    )
    saved(build, "lstm.keras")
    code, _, err = cli(
        "compress", "lstm.keras", "--data", "data.npz", "--out", "fw", "--device", "stm32l4r5zi"
    )
    assert (code, err) == (0, "")
    told = manifest(data)
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in told["operators"]
    assert told["scores"]["top1_agreement_with_float"] > 0.8


def test_what_tflm_has_no_operator_for(data, refused):
    build = lambda keras, layers: keras.Sequential(  # noqa: E731
        [keras.Input((8, 8)), layers.GRU(5), layers.Dense(3)]
    )
    saved(build, "gru.keras")
    command = ("compress", "gru.keras", "--data", "data.npz", "--out", "fw")
    assert "must be LSTM, the only kind that TFLM has an operator for" in refused(*command)
    assert "use LSTM, which `autotiny compress` takes" in refused(
        "search", "--model", "gru.keras", "--data", "data.npz"
    )
    assert not (data / "fw").exists()


def test_bad_input(data, refused):
    (data / "m.tflite").write_bytes(write_float(CNN, random_weights(CNN)))
    for arguments, sentence in (
        (("gone.keras", "--data", "data.npz"), "must be an existing file"),
        (("data.npz", "--data", "data.npz"), "data.npz is a NumPy archive"),
        (("m.tflite", "--data", "digits", "--target", "toaster"), "--target must be one of"),
        (("m.tflite", "--data", "tones"), "takes (8, 8, 1) and the samples of tones are (49,"),
        (("m.tflite", "--data", "data.npz", "--device", "atmega328p"), "cannot run"),
    ):
        assert sentence in refused("compress", *arguments, "--out", "fw")
    (data / "fw").mkdir()
    (data / "fw" / "mine").touch()
    assert "must be new or empty" in refused(
        "compress", "m.tflite", "--data", "data.npz", "--out", "fw"
    )


def test_a_model_with_many_constants_has_them_where_tflm_reads_them(data, cli):
    """ai-edge-quantizer writes 256 KiB of constants and more behind the flatbuffer."""
    wide = chain(
        (8, 8, 1),
        (Dense("a", 1200, activation="relu"), Dense("b", 240, activation="relu"), Dense("out", 3)),
    )
    (data / "m.tflite").write_bytes(write_float(wide, random_weights(wide)))
    code, _, err = cli("compress", "m.tflite", "--data", "data.npz", "--out", "fw")
    assert (code, err) == (0, "")
    assert (data / "fw" / "model.tflite").stat().st_size > 256 * 1024


def test_an_lstm_beside_a_branch_says_what_can_be_done(data, refused):
    def build(keras, layers):
        i = keras.Input((8, 8))
        both = layers.Concatenate()([layers.LSTM(4)(i), layers.Flatten()(i)])
        return keras.Model(i, layers.Dense(3)(both))

    saved(build, "m.keras")
    sentence = refused("compress", "m.keras", "--data", "data.npz", "--out", "fw")
    assert "must be one chain of layers to be rebuilt" in sentence
    assert "save the model from Keras 2" in sentence


def test_files_that_cannot_be_run_sample_by_sample(data, refused):
    (data / "m.tflite").write_bytes(write_float(CNN, random_weights(CNN), batch=4))
    sentence = refused("compress", "m.tflite", "--data", "data.npz", "--out", "fw")
    assert "must take one sample at a time" in sentence
    assert "must be an existing file" in refused(
        "compress", "x" * 300, "--data", "data.npz", "--out", "fw"
    )


def test_weights_are_stored_as_the_ram_has_room_for(data, cli):
    """Nine in ten are zero: a mask saves flash, but the decoded weights take RAM."""
    wide = chain((8, 8, 1), (Dense("a", 900, activation="relu"), Dense("out", 3)))
    weights = random_weights(wide)
    kernel = weights["a/kernel"].ravel()
    kernel[np.argsort(np.abs(kernel))[: kernel.size * 9 // 10]] = 0
    (data / "m.tflite").write_bytes(write_float(wide, weights))
    command = ("compress", "m.tflite", "--data", "data.npz")
    assert cli(*command, "--out", "roomy")[0] == 0
    assert cli(*command, "--out", "tight", "--ram", "16KB")[0] == 0
    roomy, tight = (manifest(data, name)["footprint"] for name in ("roomy", "tight"))
    assert tight["ram_bytes"] <= 16 * 1024 < roomy["ram_bytes"]
    assert roomy["flash_bytes"] < tight["flash_bytes"]


def test_a_keras_model_is_not_changed_by_loading(data):
    """Its outputs are compared with, so they must be what Keras gives."""
    build = lambda keras, layers: keras.Sequential(  # noqa: E731
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    model = saved(build, "m.keras")
    x = np.random.default_rng(0).normal(0, 1, (4, 8, 8, 1)).astype(np.float32)
    again = load_keras_file("m.keras")
    assert np.allclose(np.asarray(model(x)), np.asarray(again(x)))
