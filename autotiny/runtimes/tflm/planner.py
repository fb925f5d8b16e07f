"""TFLM's memory plan: when each activation and scratch buffer lives, and where in the head.

Rules of ``micro_allocation_info.cc`` (lifetimes) and ``greedy_memory_planner.cc`` (placement) of
tensorflow/tflite-micro: largest buffer first, each into the first gap among the buffers that live
at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._analysis import Buffer, BufferKind
from autotiny.tflite.reader import Model

#: Planned buffers and the head are multiples of this.
ALIGNMENT = 16
_OFFLINE_PLAN = "OfflineMemoryAllocation"


@dataclass(frozen=True)
class Scratch:
    """Working memory that an operator asks for at start-up and has while it runs.

    Attributes:
        operator: Index of the operator.
        size_bytes: What it asks for, before alignment.
        name: What it is for.
    """

    operator: int
    size_bytes: int
    name: str = "scratch"


def align_up(size: int, alignment: int = ALIGNMENT) -> int:
    """Return ``size`` rounded up to a multiple of ``alignment``."""
    return -(-size // alignment) * alignment


def plan(model: Model, scratch: Sequence[Scratch] = ()) -> tuple[Buffer, ...]:
    """Return every planned buffer with its place.

    Args:
        model: A model with one subgraph.
        scratch: The kernels' requests, in the order of operators.

    Raises:
        UnsupportedModelError: If the model has other subgraphs or brings its own memory plan.
    """
    if model.subgraphs > 1:
        raise UnsupportedModelError(
            f"The arena of a model with {model.subgraphs} subgraphs cannot be predicted, only of "
            "one with a single subgraph."
        )
    if _OFFLINE_PLAN in model.metadata:
        raise UnsupportedModelError(
            "Models with their own memory plan (OfflineMemoryAllocation) are not supported."
        )
    return _place([*_tensor_buffers(model), *(_scratch_buffer(request) for request in scratch)])


def head_bytes(buffers: Sequence[Buffer]) -> int:
    """Return the bytes of the arena's head for a plan."""
    return max((buffer.offset + buffer.size for buffer in buffers), default=0)


def _scratch_buffer(request: Scratch) -> Buffer:
    step = request.operator + 1
    return Buffer(request.name, None, align_up(request.size_bytes), step, step, kind="scratch")


def _tensor_buffers(model: Model) -> list[Buffer]:
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    # Outputs count from the start on, until an operator writes them.
    for index in (*model.inputs, *model.outputs):
        first[index] = last[index] = 0
    for step, operator in enumerate(model.operators, start=1):
        for index in operator.outputs:
            first[index] = last[index] = step
        for index in operator.inputs:
            if index >= 0:
                last[index] = step
    for index in model.outputs:
        last[index] = len(model.operators)
    decoded = {i for op in model.operators if op.name == "TFLM_DECODE" for i in op.outputs}
    return [
        Buffer(
            tensor.name or f"tensor {tensor.index}",
            tensor.index,
            align_up(tensor.nbytes),
            first.get(tensor.index, -1),
            last.get(tensor.index, -1),
            kind=_kind(model, tensor.index, decoded),
        )
        for tensor in model.tensors
        if (tensor.data is None or tensor.offset_data) and not tensor.is_variable and tensor.nbytes
    ]


def _kind(model: Model, index: int, decoded: set[int]) -> BufferKind:
    if index in (*model.inputs, *model.outputs):
        return "input or output"
    return "decoded weights" if index in decoded else "activation"


def _place(buffers: list[Buffer]) -> tuple[Buffer, ...]:
    """Place the largest buffers first, each into the lowest gap that is free while it lives."""
    # TFLM lists its buffers backwards before its stable sort, so among equals the last comes first.
    order = sorted(range(len(buffers) - 1, -1, -1), key=lambda i: -buffers[i].size)
    placed: list[Buffer] = []
    result = list(buffers)
    for index in order:
        wanted = buffers[index]
        offset = 0
        for other in placed:
            if other.first > wanted.last or wanted.first > other.last:
                continue
            if other.offset - offset >= wanted.size:
                break
            offset = max(offset, other.offset + other.size)
        result[index] = replace(wanted, offset=offset)
        # Behind those of equal offset, as TFLM inserts into its list.
        position = next((i for i, b in enumerate(placed) if b.offset > offset), len(placed))
        placed.insert(position, result[index])
    return tuple(result)
