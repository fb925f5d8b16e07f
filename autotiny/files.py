"""What a file is that somebody gave for something else, and what takes it."""

import zipfile
from pathlib import Path

_SUFFIXES = {
    ".keras": "a Keras model", ".h5": "a Keras model", ".hdf5": "a Keras model",
    ".tflite": "a TFLite model", ".npz": "a NumPy archive", ".npy": "a NumPy array",
    ".onnx": "an ONNX model", ".pt": "a PyTorch file", ".pth": "a PyTorch file",
    ".csv": "a table of text", ".parquet": "a table", ".wav": "a recording",
    ".yaml": "a YAML file", ".yml": "a YAML file",
}  # fmt: skip


def kind_of(path: Path) -> str:
    """Return what a file is, as in ``a Keras model``; by its first bytes where these tell."""
    if path.is_dir():
        return "a Keras model" if (path / "saved_model.pb").is_file() else "a folder"
    if not path.is_file():  # opening a pipe would wait for its writer
        return _SUFFIXES.get(path.suffix.lower(), "a file of another kind")
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return _SUFFIXES.get(path.suffix.lower(), "a file of another kind")
    if start[4:8] == b"TFL3":
        return "a TFLite model"
    if start == b"\x89HDF\r\n\x1a\n":
        return "a Keras model"
    if start[:4] == b"PK\x03\x04":
        return _kind_of_archive(path)
    return _SUFFIXES.get(path.suffix.lower(), "a file of another kind")


def _kind_of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        names = []
    if "config.json" in names and "metadata.json" in names:
        return "a Keras model"
    if names and all(name.endswith(".npy") for name in names):
        return "a NumPy archive"
    return _SUFFIXES.get(path.suffix.lower(), "a file of another kind")


def remedy_for(path: Path | str, *, is_data: bool = False) -> str:
    """Return which command takes a file, as the end of a sentence; empty if none does.

    Args:
        path: The file.
        is_data: It was given as data: say how to make data of it.
    """
    loader = (
        "put its samples into a FILE.npz with x_train and y_train, or write a function that loads "
        "them and give it as package.module:function"
    )
    if is_data and kind_of(Path(path)) in ("a folder", "a table of text", "a table"):
        return loader
    return {
        "a Keras model": f"`autotiny search --model {path} --data DATA` makes it smaller and "
        f"`autotiny compress {path} --data DATA --out DIR` converts it as it is",
        "a TFLite model": f"`autotiny check {path}` says whether it fits, and `autotiny compress` "
        "quantises one whose weights are float",
        "a NumPy archive": f"`--data {path}` takes it",
        "a NumPy array": "np.savez puts arrays under x_train and y_train into a FILE.npz, which "
        "--data takes",
        "an ONNX model": "export the model from Keras as .keras, or convert it to a .tflite",
        "a PyTorch file": "export the model to Keras as .keras, or to a .tflite",
    }.get(kind_of(Path(path)), "")


def other_kind(what: str, path: Path | str, *, is_data: bool = False) -> str:
    """Return the sentence about a file that is something else than was asked for.

    Args:
        what: The rule, as in ``A model to check must be a .tflite file``.
        path: What was given; it exists.
        is_data: It was given as data.
    """
    remedy = remedy_for(path, is_data=is_data)
    return f"{what}; {path} is {kind_of(Path(path))}" + (f": {remedy}." if remedy else ".")
