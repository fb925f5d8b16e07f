"""Keras files of every format: loaded, or refused before any code of theirs runs."""

import base64
import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotiny.errors import InputError
from autotiny.readers.keras import network_from_keras
from autotiny.readers.keras_file import load_keras_file, model_fingerprint
from autotiny.tensorflow_setup import prepare_tensorflow

pytestmark = [
    # tensorflow_model_optimization, on import
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]


@pytest.fixture(params=["tf_keras", "keras"], scope="module")
def k(request: pytest.FixtureRequest) -> Any:
    prepare_tensorflow(0)
    return pytest.importorskip(request.param)


def small(k: Any, *extra: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Flatten(),
            *extra,
            layers.Dense(2),
        ]
    )


def save(model: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
def test_loads_what_keras_saved(k: Any, suffix: str, tmp_path: Path) -> None:
    if k.__name__ == "keras" and not suffix:
        pytest.skip("Keras 3 saves no SavedModel of layers")
    model = small(k)
    loaded = load_keras_file(save(model, tmp_path / f"model{suffix}"))
    assert type(loaded).__module__.partition(".")[0] == k.__name__
    network, weights = network_from_keras(loaded)
    expected_network, expected = network_from_keras(model)
    assert network == expected_network
    for name, array in expected.items():
        np.testing.assert_array_equal(weights[name], array)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
def test_lambda_is_refused_and_never_run(k: Any, suffix: str, tmp_path: Path) -> None:
    if k.__name__ == "keras" and not suffix:
        pytest.skip("Keras 3 saves no SavedModel of layers")
    mark = tmp_path / "ran"
    marker = str(mark)

    def leave_mark(x: Any) -> Any:
        import pathlib

        pathlib.Path(marker).touch()
        return x

    model = small(k, k.layers.Lambda(leave_mark, output_shape=(48,), name="trap"))
    path = save(model, tmp_path / f"model{suffix}")
    mark.unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"no Lambda layer|only layers of Keras"):
        load_keras_file(path)
    assert not mark.exists()


@pytest.fixture
def rewritten(k: Any, tmp_path: Path) -> Any:
    """Return a function that saves a small .keras file with its description changed."""

    def rewrite(old: str, new: str) -> Path:
        source, target = save(small(k), tmp_path / "a.keras"), tmp_path / "b.keras"
        with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
            for name in before.namelist():
                content = before.read(name)
                if name == "config.json":
                    assert old.encode() in content
                    content = content.replace(old.encode(), new.encode())
                after.writestr(name, content)
        return target

    return rewrite


def test_classes_of_other_modules_are_not_imported(rewritten: Any, tmp_path: Path) -> None:
    named = '"module": "%s", "class_name": "Flatten"'
    path = rewritten(named % "keras.layers", named % "antigravity")
    with pytest.raises(InputError, match=r"Flatten 'flatten.*' of module 'antigravity'"):
        load_keras_file(path)


def test_stored_code_as_an_activation_is_refused(rewritten: Any) -> None:
    code = {"class_name": "__lambda__", "config": {"code": base64.b64encode(b"x").decode()}}
    with pytest.raises(InputError, match="no Lambda layer"):
        load_keras_file(rewritten('"activation": "relu"', f'"activation": {json.dumps(code)}'))


def test_unknown_layers_are_one_sentence(rewritten: Any) -> None:
    path = rewritten('"class_name": "Flatten"', '"class_name": "Flattten"')
    with pytest.raises(InputError, match="must be a Keras model that loads") as caught:
        load_keras_file(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_models(tmp_path: Path, k: Any) -> None:
    import h5py

    with pytest.raises(InputError, match="is not there"):
        load_keras_file(tmp_path / "none.keras")
    for name, content in (("a.keras", b""), ("b.h5", b"\x00" * 64), ("c.keras", b"PK\x03\x04 no")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"must be an undamaged \.keras or \.h5"):
            load_keras_file(tmp_path / name)
    (tmp_path / "d.onnx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"must be a \.keras, \.h5 or \.hdf5 file"):
        load_keras_file(tmp_path / "d.onnx")
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
    with pytest.raises(InputError, match=r"no config\.json"):
        load_keras_file(tmp_path / "zip.keras")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.create_dataset("x", data=[1.0])
    with pytest.raises(InputError, match="weights only"):
        load_keras_file(tmp_path / "weights.h5")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="A model folder must be a SavedModel"):
        load_keras_file(tmp_path / "folder")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_truncated_files_are_one_sentence(k: Any, suffix: str, tmp_path: Path) -> None:
    path = save(small(k), tmp_path / f"model{suffix}")
    content = path.read_bytes()
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(InputError) as caught:
            load_keras_file(path)
        assert "\n" not in str(caught.value)


def test_fingerprint_follows_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "m.keras"
    file.write_bytes(b"one")
    first = model_fingerprint(file)
    file.write_bytes(b"two")
    assert model_fingerprint(file) != first
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_bytes(b"one")
    first = model_fingerprint(folder)
    os.rename(folder / "variables" / "data", folder / "variables" / "other")
    assert model_fingerprint(folder) != first
    with pytest.raises(InputError, match="is not there"):
        model_fingerprint(tmp_path / "none")


@pytest.mark.parametrize(
    "kind", ["TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "TFSMLayer"]
)
def test_a_function_that_a_file_names_is_not_called(kind: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    victim = tmp_path / "victim"
    victim.mkdir()
    shaped = {"batch_input_shape": [None, 2], "name": "i", "dtype": "float32"}
    source = {"class_name": "InputLayer", "name": "i", "inbound_nodes": [], "config": shaped}
    named = {"name": "op", "trainable": True, "dtype": "float32", "function": "io.gfile.rmtree"}
    nodes = [["_CONSTANT_VALUE", -1, str(victim)]]
    call = {"class_name": kind, "name": "op", "inbound_nodes": nodes, "config": named}
    config = {"name": "m", "layers": [source, call], "input_layers": [["i", 0, 0]],
              "output_layers": [["op", 0, 0]]}  # fmt: skip
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        file.attrs["keras_version"] = "2.15.0"
    with pytest.raises(InputError, match=f"must hold no {kind} layer"):
        load_keras_file(tmp_path / "m.h5")
    assert victim.exists()


def test_a_graph_that_lies_in_a_saved_model_is_not_run(tmp_path: Path) -> None:
    prepare_tensorflow(0)
    import tensorflow as tf
    import tf_keras

    written = str(tmp_path / "written")

    class Writes(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc, name-defined]
        def _create_resource(self) -> Any:
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

        def _initialize(self) -> None:
            tf.io.write_file(written, "run")

    model = small(tf_keras)
    model.resource = Writes()
    save(model, tmp_path / "m")
    Path(written).unlink(missing_ok=True)
    loaded = load_keras_file(tmp_path / "m")
    assert not Path(written).exists()
    x = np.random.default_rng(0).random((4, 6, 6, 1)).astype(np.float32)
    np.testing.assert_allclose(loaded(x).numpy(), model(x).numpy(), atol=1e-6)
