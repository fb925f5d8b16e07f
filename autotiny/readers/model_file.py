"""The user's trained model: a file of any format that is read, or a function that makes it."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autotiny.errors import InputError
from autotiny.networks.graph import network_to_plain
from autotiny.readers._draft import ReadModel
from autotiny.readers.keras_file import load_keras_file, model_fingerprint
from autotiny.user_code import find_function, importable_here, one_line


def runs_code(model: str) -> bool:
    """Whether reading a model calls code that its name names."""
    return ":" in model and not os.path.exists(model)


def read_model_file(path: str | Path, sha256: str | None = None) -> ReadModel:
    """Return the network in a ``.keras``, ``.h5`` or ``.onnx`` file, SavedModel folder or function.

    Args:
        path: The model, or ``package.module:function`` that returns a Keras model.
        sha256: What its fingerprint must be, if it is to be checked.

    Raises:
        InputError: If it has changed or cannot be read.
    """
    if sha256 is not None:
        check_model(path, sha256)
    if str(path).lower().endswith(".onnx"):
        from autotiny.readers.onnx import load_onnx_file, read_onnx

        return read_onnx(load_onnx_file(path), path)
    from autotiny.readers.keras import read_keras

    return read_keras(made_model(str(path)) if runs_code(str(path)) else load_keras_file(path))


def fingerprint_of(path: str | Path) -> str:
    """Return the SHA-256 of a model: of its files, or of what was read of a function's.

    Raises:
        InputError: If it cannot be read.
    """
    beside = Path(f"{path}.data")  # where PyTorch puts an ONNX model's weights
    if str(path).lower().endswith(".onnx") and beside.is_file():
        both = model_fingerprint(path) + model_fingerprint(beside)
        return hashlib.sha256(both.encode()).hexdigest()
    if not runs_code(str(path)):
        return model_fingerprint(path)
    read = read_model_file(path)
    # By place, not by name: Keras numbers the layers of a process, so a second call names anew.
    places = {layer.name: f"layer{i}" for i, layer in enumerate(read.network.layers)}
    text = json.dumps(_renamed(network_to_plain(read.network), places))
    digest = hashlib.sha256(text.encode())
    for name in read.network.weight_shapes():  # in the layers' order
        layer, _, kind = name.rpartition("/")
        digest.update(f"{places[layer]}/{kind}".encode() + read.weights[name].tobytes())
    return digest.hexdigest()


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    """Return plain data with every text that is a name replaced."""
    if isinstance(part, str):
        return names.get(part, part)
    if isinstance(part, dict):
        return {key: _renamed(value, names) for key, value in part.items()}
    return [_renamed(value, names) for value in part] if isinstance(part, list | tuple) else part


def check_model(path: str | Path, sha256: str) -> None:
    """Check that a model is still the one a study was started with.

    Raises:
        InputError: If it is not.
    """
    rule = ": the function must give the same weights each time" if runs_code(str(path)) else ""
    if (now := fingerprint_of(path)) != sha256:
        raise InputError(
            f"A study must go on with the model it was started with; {path} has changed: its "
            f"SHA-256 is now {now[:12]}, was {sha256[:12]}{rule}."
        )


def made_model(spec: str) -> Any:
    """Return the Keras model that the user's function makes."""
    with importable_here():
        function = find_function(spec, "model")
        try:
            model: Any = function()
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{spec}: the function must return a Keras model; got {one_line(error)}."
            ) from error
    try:
        built = model.input_shape is not None
    except AttributeError:
        built = False
    if not built:
        kind = type(model).__name__
        what = f"a {kind} that is not built: give it an Input" if kind == "Sequential" else kind
        raise InputError(f"{spec}: the function must return a Keras model; got {what}.")
    return model
