"""ONNX models, as PyTorch exports them, as networks of ours.

ONNX has channels before the plane, (n, channels, height, width); ours are behind it. Values are
followed under their own shapes, and every tensor of ours is the same values with channels last.
Needs the optional extra ``autotiny[onnx]``. What was read is compared with onnxruntime's outputs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.networks.affine import UnresolvedAffineError
from autotiny.networks.graph import INPUT
from autotiny.networks.layers import Activation, Shape
from autotiny.networks.rewrite import simplified
from autotiny.readers._draft import Draft, Head, ReadModel
from autotiny.readers._onnx_linear import LINEAR
from autotiny.readers._onnx_reader import OnnxReader, OnnxValue
from autotiny.readers._onnx_shapes import OTHERS


def load_onnx_file(path: str | Path) -> Any:
    """Return the model in an ONNX file, checked.

    Raises:
        InputError: If the package is missing, or the file is none.
    """
    try:
        import onnx
    except ImportError:
        raise InputError(
            f"An ONNX model needs the onnx package to be read; {path}: "
            "pip install 'autotiny[onnx]'."
        ) from None
    try:
        model = onnx.load(str(path))  # weights that PyTorch wrote beside it, too
        onnx.checker.check_model(model)
        return onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except Exception as error:  # protobuf, the checker and the file system each have their own
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} must be a sound ONNX model; {reason.rstrip('.')}.") from error


def read_onnx(model: Any, path: str | Path) -> ReadModel:
    """Return a loaded ONNX model as a network of ours.

    Args:
        model: From ``load_onnx_file``.
        path: What it is called.

    Raises:
        InputError: If it has several inputs or outputs, open shapes, or an operator that no network
            of ours can have.
    """
    import onnx

    graph, source = model.graph, _only_input(model, path)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    shape = _fixed(path, source)
    draft = Draft(channels_last(shape))
    reader = OnnxReader(draft, str(path), constants, LINEAR | OTHERS)
    reader.values[source.name] = OnnxValue(INPUT, shape)
    for node in graph.node:
        reader.read(node)
    last = reader.values.get(graph.output[0].name)
    if last is None or not draft.layers:
        raise InputError(f"{path} must hold layers between its input and its output.")
    head = last.head
    end = draft.layers[-1]
    if head == "linear" and isinstance(end, Activation) and end.function == "sigmoid":
        draft.layers.pop()
        head = "sigmoid"
    if head != "linear":
        draft.notes.append(f"{head} dropped; outputs are logits, their order is equal")
    try:
        network, weights = simplified(draft.network(), draft.weights)
    except UnresolvedAffineError as error:
        raise InputError(
            f"A normalisation of features must be followed by a dense layer; in {path}, {error}: "
            "use `autotiny compress`."
        ) from None
    return ReadModel(network, weights, head, tuple(draft.notes), _reference(model, shape))


def onnx_outputs(
    model: Any, path: str | Path
) -> tuple[Shape, Head, Callable[[NDArray[np.float32]], NDArray[np.float32]]]:
    """Return a loaded ONNX model's input shape, channels last, its head, and what it gives.

    Raises:
        InputError: If it has several inputs or outputs, or open shapes.
    """
    shape = _fixed(path, _only_input(model, path))
    heads: dict[str, Head] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
    ends = [node for node in model.graph.node if model.graph.output[0].name in node.output]
    head = heads.get(ends[0].op_type, "linear") if ends else "linear"
    return channels_last(shape), head, _reference(model, shape)


def _only_input(model: Any, path: str | Path) -> Any:
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise InputError(
            f"An ONNX model must have one input and one output; {path} has {len(inputs)} and "
            f"{len(graph.output)}: concatenate them outside the model."
        )
    return inputs[0]


def channels_last(shape: Shape) -> Shape:
    """Return a shape of ONNX, without batch, as ours."""
    return (*shape[1:], shape[0]) if len(shape) > 1 else shape


def _fixed(path: str | Path, value: Any) -> Shape:
    sides = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if len(sides) < 2 or len(sides) > 4 or any(side < 1 for side in sides[1:]):
        raise InputError(
            f"An ONNX model must take vectors, signals or images of a fixed shape; {path} takes "
            f"{sides or 'an unknown shape'}."
        )
    return tuple(sides[1:])


def _reference(model: Any, shape: Shape) -> Any:
    """Return what the model itself computes for samples with channels last."""

    def outputs(x: NDArray[np.float32]) -> NDArray[np.float32]:
        run = _evaluator(model)
        views = x.reshape(len(x), *channels_last(shape))
        views = np.moveaxis(views, -1, 1) if len(shape) > 1 else views
        batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or len(views)
        parts = [
            run(np.ascontiguousarray(views[i : i + batch])) for i in range(0, len(views), batch)
        ]
        return np.concatenate(parts).reshape(len(x), -1).astype(np.float32)

    return outputs


def _evaluator(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return onnxruntime's evaluation of a model, or that of the onnx package without it."""
    try:
        from onnxruntime import InferenceSession
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        evaluator: Any = ReferenceEvaluator(model)
        source = evaluator.input_names[0]
    else:
        evaluator = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        source = evaluator.get_inputs()[0].name
    return lambda batch: np.asarray(evaluator.run(None, {source: batch})[0], np.float32)
