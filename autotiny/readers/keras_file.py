"""The user's trained Keras model, read from a file without running code that the file holds.

Before Keras sees a file, its layer descriptions are searched for Lambda layers, which store program
code, and for classes of modules other than Keras's own, which loading would import.
"""

import hashlib
import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from autotiny.errors import InputError
from autotiny.files import other_kind
from autotiny.quiet import captured_stderr

#: Modules whose classes a file may name; functions are named in ``builtins``, but only looked up.
_TRUSTED_MODULES = {"keras", "tf_keras", "tensorflow", "builtins"}
#: Layers that call what a file names, or run a program that lies beside it, while they are loaded.
_CALLERS = frozenset({
    "Lambda", "__lambda__", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod",
    "InstanceMethod", "InstanceProperty", "AddLoss", "AddMetric", "TFSMLayer",
    "TorchModuleWrapper", "JaxLayer", "FlaxLayer",
})  # fmt: skip
#: Where functions that a file names may be from; others, such as keras.utils, do things.
_FUNCTION_MODULES = ("builtins", "keras.activations", "keras.src.activations", "keras.ops")
#: Where tfmot keeps the layers that pruning and quantisation-aware training wrap others in.
_PRUNING_WRAPPERS = "tensorflow_model_optimization.python.core.sparsity"
_QUANTISATION_WRAPPERS = "tensorflow_model_optimization.python.core.quantization"


def load_keras_file(path: str | Path) -> Any:
    """Return the model of a ``.keras`` or ``.h5`` file or a SavedModel folder, not compiled.

    Keras 2 files load in tf_keras and Keras 3 files in Keras 3, as each says it was written.

    Raises:
        InputError: If there is no such file, it is damaged, holds weights only, or would need code
            of its own or the user's.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"A Keras model must be an existing file or folder; {path} is not there.")
    description, version = _describe(path)
    for part in description:
        _refuse_code(path, part)
    pruned = any(_is_pruning_wrapper(part) for part in _objects(description))
    try:
        with captured_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _load(path, description, keras2=version.startswith("2"), pruned=pruned)
    except InputError:
        raise
    except Exception as error:  # Keras raises whatever its layers raise
        raise InputError(f"{path} must be a Keras model that loads; {_one_line(error)}.") from error


def model_fingerprint(path: str | Path) -> str:
    """Return the SHA-256 of a model file, or of every file's name and bytes in a model folder.

    Raises:
        InputError: If it cannot be read.
    """
    path = Path(path)
    digest = hashlib.sha256()
    try:
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(file.relative_to(path).as_posix().encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        if path.is_dir():
            return digest.hexdigest()
    except OSError as error:
        raise InputError(f"A Keras model must be readable; {path}: {error.strerror}.") from None
    raise InputError(f"A Keras model must be an existing file or folder; {path} is not there.")


def _describe(path: Path) -> tuple[list[Any], str]:
    """Return the parsed layer descriptions in a file and the Keras version that wrote it."""
    try:
        if path.is_dir():
            return _describe_saved_model(path)
        # By suffix, as Keras chooses: a file may be a sound archive and sound HDF5 at once.
        if path.suffix == ".keras":
            return _describe_zip(path)
        if path.suffix in (".h5", ".hdf5"):
            return _describe_hdf5(path)
    except InputError:
        raise
    except Exception as error:  # damaged files fail in every part of zip, HDF5, protobuf and JSON
        raise InputError(
            f"{path} must be an undamaged .keras or .h5 file or SavedModel folder; "
            f"{_one_line(error)}."
        ) from error
    raise InputError(
        other_kind("A Keras model must be a .keras, .h5 or .hdf5 file or a SavedModel folder", path)
    )


def _describe_zip(path: Path) -> tuple[list[Any], str]:
    with zipfile.ZipFile(path) as archive:
        if missing := {"config.json", "metadata.json"} - set(archive.namelist()):
            raise InputError(f"{path} must be a .keras file; the archive has no {min(missing)}.")
        version = str(json.loads(archive.read("metadata.json")).get("keras_version", "3"))
        return [json.loads(archive.read("config.json"))], version


def _describe_hdf5(path: Path) -> tuple[list[Any], str]:
    import h5py  # type: ignore[import-untyped]

    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
        if config is None:
            raise InputError(
                f"{path} must hold a whole model; it holds weights only: save with model.save()."
            )
        return [json.loads(config)], str(file.attrs.get("keras_version", "2"))


def _describe_saved_model(path: Path) -> tuple[list[Any], str]:
    metadata = path / "keras_metadata.pb"
    if not (path / "saved_model.pb").is_file() or not metadata.is_file():
        raise InputError(
            f"A model folder must be a SavedModel that Keras 2 saved; {path} lacks saved_model.pb "
            "or keras_metadata.pb: save the model as .keras instead."
        )
    from autotiny.tensorflow_setup import prepare_tensorflow

    prepare_tensorflow(0)
    from tf_keras.protobuf import saved_metadata_pb2

    content = saved_metadata_pb2.SavedMetadata()
    content.ParseFromString(metadata.read_bytes())
    return [json.loads(node.metadata) for node in content.nodes if node.metadata], "2"


def _refuse_code(path: Path, description: Any) -> None:
    for part in _objects(description):
        kind, module = part.get("class_name"), part.get("module")
        if kind in _CALLERS:
            what = "Lambda" if kind in ("Lambda", "__lambda__") else kind
            raise InputError(
                f"A Keras model must hold no {what} layer, since those are program code that "
                f"loading would run; {path} holds {_label(part)}."
            )
        if kind == "function" and not str(module or "builtins").startswith(_FUNCTION_MODULES):
            raise InputError(
                f"A Keras model may name activation functions only; {path} names "
                f"{part.get('config')!r} of {module}."
            )
        if isinstance(module, str) and module.startswith(_QUANTISATION_WRAPPERS):
            raise InputError(
                f"A Keras model must hold float layers; {path} holds {_label(part)}, saved after "
                "quantize_model: give the float model it was made from, autotiny quantises it."
            )
        if _is_pruning_wrapper(part):
            continue
        if isinstance(module, str) and module.partition(".")[0] not in _TRUSTED_MODULES:
            raise InputError(
                f"A Keras model must hold only layers of Keras; {path} holds {_label(part)} of "
                f"module {module!r}, which would have to be imported."
            )


def _is_pruning_wrapper(part: Mapping[str, Any]) -> bool:
    """Whether a part is tfmot's wrapper around a pruned layer, whose code is the package's own."""
    module = part.get("module") or part.get("registered_name") or ""
    known = not part.get("module") or str(module).startswith(_PRUNING_WRAPPERS)
    return part.get("class_name") == "PruneLowMagnitude" and known


def _objects(description: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping inside a description."""
    waiting = [description]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _label(part: dict[str, Any]) -> str:
    config = part.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return f"{part.get('class_name')} {name!r}" if name else str(part.get("class_name"))


def _load(path: Path, description: list[Any], *, keras2: bool, pruned: bool) -> Any:
    from autotiny.tensorflow_setup import prepare_tensorflow

    prepare_tensorflow(0)
    if not keras2:
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        import keras  # type: ignore[import-untyped]

        return keras.saving.load_model(path, compile=False, safe_mode=True)
    import tf_keras
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    # Safe mode reaches only the .keras format by itself.
    with SafeModeScope(True), _pruning_wrappers(pruned):
        if path.is_dir():
            return _rebuilt(path, description)
        return tf_keras.models.load_model(path, compile=False)


def _rebuilt(path: Path, description: list[Any]) -> Any:
    """Return the model of a SavedModel folder, built anew from its description and its variables.

    Loading the folder as TensorFlow does would run what it holds: a graph may write files.
    """
    import tf_keras

    nodes = [node for node in description if isinstance(node, dict)]
    root = next((n for n in nodes if n.get("class_name") in ("Sequential", "Functional")), None)
    if root is None or not isinstance(root.get("config"), dict):
        raise InputError(
            f"{path} must hold a Sequential or Functional model, which is rebuilt from its "
            "description; save any other as .keras."
        )
    known = {"Sequential": tf_keras.Sequential, "Functional": tf_keras.Model}
    model = known[root["class_name"]].from_config(_with_tuples(root["config"]))
    status = model.load_weights(str(path / "variables" / "variables"))
    status.assert_existing_objects_matched().expect_partial()
    return model


def _with_tuples(part: Any) -> Any:
    """Return a description with tuples in place of the mappings that stand for them."""
    if isinstance(part, dict):
        if part.get("class_name") == "__tuple__":
            return tuple(_with_tuples(item) for item in part["items"])
        return {key: _with_tuples(value) for key, value in part.items()}
    return [_with_tuples(item) for item in part] if isinstance(part, list) else part


def _pruning_wrappers(needed: bool) -> AbstractContextManager[Any]:
    """Let Keras 2 find tfmot's pruning wrapper, which a model has that was not stripped."""
    if not needed:
        return nullcontext()
    import tensorflow_model_optimization as tfmot

    scope: AbstractContextManager[Any] = tfmot.sparsity.keras.prune_scope()
    return scope


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return (text[:200] + " …" if len(text) > 200 else text).rstrip(".")
