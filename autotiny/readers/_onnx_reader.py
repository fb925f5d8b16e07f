"""What every handler of an ONNX operator needs: values, constants, names, padding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.networks.layers import Shape, ZeroPad2D
from autotiny.readers._activations import nearest
from autotiny.readers._draft import Draft, Head, Value, as_plane

Array = NDArray[Any]


@dataclass(frozen=True)
class OnnxValue(Value):
    """A tensor of an ONNX model, under its own shape: channels first, without batch.

    Attributes:
        head: Softmax, where that was the last thing done to it.
        plane: Of a flattened tensor, the shape before: its values are in another order than ours.
    """

    head: Head = "linear"
    plane: Shape | None = None


class OnnxReader:
    """Writes a draft while the nodes of an ONNX graph are walked.

    Attributes:
        values: Tensors so far, by their names in the model.
    """

    def __init__(
        self,
        draft: Draft,
        path: str,
        constants: dict[str, Array],
        operators: Mapping[str, "Handler"],
    ) -> None:
        self.draft, self.path = draft, path
        self._operators = operators
        self.values: dict[str, OnnxValue] = {}
        self._constants = constants

    def read(self, node: Any) -> None:
        """Write one node.

        Raises:
            InputError: Naming the operator and what is wrong.
        """
        import onnx

        fields = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            self._constants[node.output[0]] = onnx.numpy_helper.to_array(fields["value"])
            return
        if node.op_type == "Identity" and node.input[0] in self._constants:
            self._constants[node.output[0]] = self._constants[node.input[0]]
            return
        if node.op_type not in self._operators:
            raise self.refused(node, "its operator is not known")
        try:
            self.values[node.output[0]] = self._operators[node.op_type](self, node, fields)
        except ValueError as error:
            raise self.refused(node, f"its shape is not one of ours ({error})") from None

    def refused(self, node: Any, reason: str) -> InputError:
        """Return the error for a node."""
        label = node.name or (node.output[0] if node.output else "")
        name = str(node.op_type).lower()
        known = name in ("elu", "selu", "gelu", "softplus", "softsign", "mish", "celu")
        remedy = nearest(name) if known else "`autotiny compress` takes its Keras or .tflite form"
        return InputError(
            f"Operator {label!r} ({node.op_type}) of {self.path} must be one that a search can "
            f"cut, but {reason}; {remedy}."
        )

    def value(self, node: Any, place: int = 0) -> OnnxValue:
        """Return an activation that a node reads."""
        found = self.values.get(node.input[place])
        if found is None:
            raise self.refused(node, f"input {place} must be computed from the model's input")
        if found.head != "linear":
            raise self.refused(node, "a softmax comes before it and must be the last")
        return found

    def constant(self, node: Any, place: int) -> Array | None:
        """Return a constant that a node reads; None if there is none at that place."""
        if len(node.input) <= place or not node.input[place]:
            return None
        if node.input[place] not in self._constants:
            raise self.refused(node, f"input {place} must be constant")
        return self._constants[node.input[place]]

    def is_constant(self, node: Any, place: int) -> bool:
        """Whether a node reads a constant at a place."""
        return node.input[place] in self._constants

    def name(self, node: Any, suffix: str = "") -> str:
        """Return a free name for a layer of ours."""
        label = str(node.name or node.output[0]).strip("/").replace("/", ".")
        return self.draft.free_name(f"{label}{suffix}")

    def plane(self, value: OnnxValue) -> str:
        """Return a value as our (height, width, channels)."""
        return self.draft.as_shape(value, as_plane((*value.shape[1:], value.shape[0])))

    def of_plane(self, tensor: str, rank: int) -> OnnxValue:
        """Return a tensor of ours as a value of the model of that rank."""
        height, width, channels = self.draft.shapes[tensor]
        return OnnxValue(tensor, (channels, height) if rank == 2 else (channels, height, width))


def pads_of(
    fields: dict[str, Any], window: Sequence[int], stride: Sequence[int], sides: Sequence[int]
) -> list[tuple[int, int]]:
    """Return zeros before and behind each side of a window's input."""
    auto = fields.get("auto_pad", b"NOTSET").decode()
    if auto in ("NOTSET", ""):
        given = list(fields.get("pads", [0] * (2 * len(window))))
        return list(zip(given[: len(window)], given[len(window) :], strict=True))
    if auto == "VALID":
        return [(0, 0)] * len(window)
    pads = []
    for k, s, n in zip(window, stride, sides, strict=True):
        total = max(0, (-(-n // s) - 1) * s + k - n)
        small, large = total // 2, total - total // 2
        pads.append((small, large) if auto == "SAME_UPPER" else (large, small))
    return pads


def padded(reader: OnnxReader, node: Any, source: str, pads: list[tuple[int, int]]) -> str:
    """Return a plane with zeros around it."""
    if not any(map(any, pads)):
        return source
    height, width = (*pads, (0, 0))[:2]
    return reader.draft.add(ZeroPad2D(reader.name(node, "_pad"), height, width), source)


def two_sides(values: Sequence[int]) -> tuple[int, int]:
    """Return height and width; over time the width is 1."""
    return (int(values[0]), int(values[1])) if len(values) == 2 else (int(values[0]), 1)


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Return the zeros that ``same`` puts before and behind a side."""
    total = max(0, (-(-size // stride) - 1) * stride + window - size)
    return total // 2, total - total // 2


#: Reads one node.
Handler = Callable[[OnnxReader, Any, dict[str, Any]], OnnxValue]
