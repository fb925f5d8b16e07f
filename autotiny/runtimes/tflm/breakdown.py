"""What every byte of a .tflite file is for."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes._analysis import Breakdown
from autotiny.runtimes.tflm.instructions import parameter_inputs
from autotiny.tflite.flatbuffer import Span, Table, Walker
from autotiny.tflite.reader import Model, Tensor, model_from_tables


class _Role(IntEnum):
    """What a byte is for; where objects overlap, the larger number wins."""

    PADDING = 0
    GRAPH = 1
    NAMES = 2
    QUANTIZATION = 3
    CONSTANTS = 4
    BIASES = 5
    WEIGHTS = 6


def break_down(data: bytes) -> Breakdown:
    """Return what every byte of a .tflite file is for.

    Raises:
        InputError: If the file is no sound TFLite model.
    """
    walker = Walker(bytes(data))
    root = walker.root()
    model = model_from_tables(root, walker.data)
    contents = _buffer_roles(model)
    places = _buffer_places(walker, root.get("buffers", []))
    roles = np.zeros(len(data), np.uint8)
    for span in walker.spans:
        _mark(roles, span.start, span.end, _span_role(span))
    for buffer, (start, end) in places.items():
        _mark(roles, start, end, contents.get(buffer, _Role.CONSTANTS))
    counts = np.bincount(roles, minlength=len(_Role)).tolist()
    tensors = {t.index: len(t.data) for t in model.tensors if t.data is not None}
    return Breakdown(
        counts[_Role.WEIGHTS], counts[_Role.BIASES], counts[_Role.CONSTANTS],
        counts[_Role.QUANTIZATION], counts[_Role.GRAPH], counts[_Role.NAMES],
        counts[_Role.PADDING], tensors,
    )  # fmt: skip


def _mark(roles: NDArray[np.uint8], start: int, end: int, role: _Role) -> None:
    np.maximum(roles[start:end], int(role), out=roles[start:end])


_NAME_TABLES = ("Metadata", "SignatureDef", "TensorMap")
_NAME_FIELDS = (
    "name", "description", "metadata", "metadata_buffer", "signature_defs", "signature_key",
)  # fmt: skip
_QUANTIZATION_TABLES = (
    "QuantizationParameters", "CustomQuantization", "BlockwiseQuantization",
    "MultiAxisQuantization",
)  # fmt: skip


def _span_role(span: Span) -> _Role:
    if span.owner in _QUANTIZATION_TABLES:
        return _Role.QUANTIZATION
    if span.owner in _NAME_TABLES or span.field in _NAME_FIELDS:
        return _Role.NAMES
    return _Role.GRAPH  # a buffer's vector too; its contents are marked on top


def _buffer_places(walker: Walker, buffers: list[Table]) -> dict[int, tuple[int, int]]:
    """Return where the contents of each buffer that has any lie in the file."""
    places = {}
    for index, table in enumerate(buffers):
        if table.get("offset", 0) > 1:
            places[index] = (table["offset"], table["offset"] + table.get("size", 0))
        elif table.get("data"):
            start = walker.contents[id(table)]
            places[index] = (start, start + len(table["data"]))
    return places


def _buffer_roles(model: Model) -> dict[int, _Role]:
    """Return what each buffer holds; the most valuable use wins where several share it."""
    roles: dict[int, _Role] = dict.fromkeys(model.metadata.values(), _Role.NAMES)
    for operator in model.operators:
        inputs = parameter_inputs(model, operator)
        for position, index in enumerate(inputs):
            role = _parameter_role(model.tensors[index], position)
            _raise_role(roles, model.tensors[index].buffer, role)
        if operator.name == "TFLM_DECODE":
            for index in operator.inputs:
                _raise_role(roles, model.tensors[index].buffer, _Role.WEIGHTS)
    return roles


def _parameter_role(tensor: Tensor, position: int) -> _Role:
    is_bias = len(tensor.shape) <= 1 and tensor.type in ("int32", "int64", "int16", "float32")
    return _Role.BIASES if position > 0 and is_bias else _Role.WEIGHTS


def _raise_role(roles: dict[int, _Role], buffer: int, role: _Role) -> None:
    roles[buffer] = max(roles.get(buffer, _Role.PADDING), role)
