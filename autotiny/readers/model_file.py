"""The user's trained model, from a file of any format that is read."""

from pathlib import Path

from autotiny.readers._draft import ReadModel
from autotiny.readers.keras_file import check_fingerprint, load_keras_file


def read_model_file(path: str | Path, sha256: str | None = None) -> ReadModel:
    """Return the network in a ``.keras``, ``.h5`` or ``.onnx`` file or a SavedModel folder.

    Args:
        path: The model.
        sha256: What its fingerprint must be, if it is to be checked.

    Raises:
        InputError: If it has changed or cannot be read.
    """
    if sha256 is not None:
        check_fingerprint(path, sha256)
    if str(path).lower().endswith(".onnx"):
        from autotiny.readers.onnx import load_onnx_file, read_onnx

        return read_onnx(load_onnx_file(path), path)
    from autotiny.readers.keras import read_keras

    return read_keras(load_keras_file(path))
