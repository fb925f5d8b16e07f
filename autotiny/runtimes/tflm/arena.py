"""The tensor arena on a 32-bit target: bytes in use, and the smallest arena that starts.

The arena fills from both ends. The head holds the memory plan of activations and scratch; the tail
holds what lives as long as the interpreter, allocated downwards from the arena's end.
Sizes belong to a version of TFLM and are data (``versions``); the rule is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._analysis import Buffer
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.planner import Scratch, align_up, head_bytes, plan
from autotiny.runtimes.tflm.prepared import initialised, prepared
from autotiny.runtimes.tflm.scratch import scratch_requests
from autotiny.runtimes.tflm.versions import Structures, TflmVersion, Views, version_of
from autotiny.tflite.reader import Model, Operator, Tensor

#: Scratch requests that one operator may make while it prepares.
_SCRATCH_REQUESTS = 12


@dataclass(frozen=True)
class Arena:
    """Arena of a model on a 32-bit target, in bytes.

    Attributes:
        head: Memory plan.
        tail: Persistent data.
        smallest: Smallest arena that starts: more than head and tail, since planning needs memory.
        buffers: The memory plan.
    """

    head: int
    tail: int
    smallest: int
    buffers: tuple[Buffer, ...]

    @property
    def used(self) -> int:
        """Head and tail: what ``arena_used_bytes()`` reports on the target."""
        return self.head + self.tail


class Allocations:
    """Persistent allocations, downwards from an arena's 16-aligned end."""

    def __init__(self) -> None:
        self._top = 0

    def take(self, size: int, alignment: int) -> None:
        """Allocate ``size`` bytes below everything before."""
        self._top = (self._top - size) // alignment * alignment

    @property
    def size(self) -> int:
        """Bytes in use, alignment included."""
        return -self._top


def predict_arena(model: Model, target: Target, *, recorded_head: int | None = None) -> Arena:
    """Return the arena that a model takes on a target.

    Args:
        model: The model.
        target: Its kernel set and core decide scratch and kernel data.
        recorded_head: Head in bytes that TFLM itself recorded with the reference kernels.

    Raises:
        UnsupportedModelError: If an operator's memory is not known.
    """
    version = version_of(target)
    for operator in model.operators:
        if operator.name not in version.operators:
            raise UnsupportedModelError(
                f"The arena cannot be predicted: the memory of operator {operator.name} is not "
                f"known{_reason(operator.name, version)}."
            )
    scratch = scratch_requests(model, target)
    buffers = plan(model, scratch)
    head = head_bytes(buffers)
    if recorded_head is not None:
        # What TFLM records is the truth, on the host's pointers and with the reference kernels;
        # where those differ, what planning missed still counts.
        reference = Target(kernels="reference")
        host = head_bytes(plan(model, scratch_requests(model, reference, pointer_bytes=8)))
        missed = recorded_head - host
        head += missed if target.kernels == "reference" else max(0, missed)
    tail, planning, prepare_peak = _tail(model, target, version, scratch)
    sizes = version.structures
    requests = sizes.scratch_request * (_SCRATCH_REQUESTS + len(scratch))
    infos = sizes.allocation_info * (len(model.tensors) + len(scratch))
    # What is between the two ends, each aligned, is the planner's.
    start = align_up(planning) + align_up(requests + 4 + infos)
    start += sizes.planned_buffer * len(buffers)
    return Arena(head, tail, align_up(max(head + tail, start, prepare_peak)), buffers)


def _reason(name: str, version: TflmVersion) -> str:
    runs_subgraphs = name in version.subgraph_operators
    return ", since it runs other subgraphs" if runs_subgraphs else f" in {version.title}"


def _tail(
    model: Model, target: Target, version: TflmVersion, scratch: Sequence[Scratch]
) -> tuple[int, int, int]:
    """Return the tail, the tail when memory is planned, and the peak while preparing."""
    tail, sizes = Allocations(), version.structures
    for size in sizes.interpreter:
        tail.take(size, 4)
    tail.take(sizes.eval_tensor * len(model.tensors), 4)
    tail.take(sizes.node * len(model.operators), 4)
    memories = [version.operators[operator.name] for operator in model.operators]
    for memory in memories:
        tail.take(*memory.parameters)
    for operator, memory in zip(model.operators, memories, strict=True):
        for size in initialised(model, operator, target, memory):
            tail.take(size, 16)
    peak = 0
    for operator, memory in zip(model.operators, memories, strict=True):
        for size in prepared(model, operator, target, memory):
            tail.take(size, 16)
        earlier = sum(request.operator < operator.index for request in scratch)
        head = sizes.scratch_request * (_SCRATCH_REQUESTS + earlier)
        views = memory.views[target.kernels]
        peak = max(peak, tail.size + head + _temporary(model, operator, views, sizes))
    if scratch:
        tail.take(sizes.scratch_handle * len(scratch), 4)
    for tensor in model.tensors:
        if tensor.is_variable:
            tail.take(tensor.nbytes, 16)
    planning = tail.size
    for indices in (model.inputs, model.outputs):
        tail.take(4 * len(indices), 16)
        for index in indices:
            tail.take(sizes.tensor, 4)
            if scales := len(model.tensors[index].scales):
                tail.take(sizes.quantization, 4)
                tail.take(4 + 4 * scales, 4)
    return tail.size, planning, peak


def _temporary(model: Model, operator: Operator, views: Views, sizes: Structures) -> int:
    """Return the memory of an operator's views of its tensors while it prepares."""
    inputs = [(index, views.of_input(i)) for i, index in enumerate(operator.inputs) if index >= 0]
    outputs = [(index, views.outputs) for index in operator.outputs]
    return sum(
        count * _full_tensor(model.tensors[index], sizes) for index, count in (*inputs, *outputs)
    )


def _full_tensor(tensor: Tensor, sizes: Structures) -> int:
    """Return what a tensor takes with its quantisation, which TFLM keeps if it has zero points."""
    if not tensor.scales or not tensor.zero_points:
        return sizes.tensor
    return sizes.tensor + sizes.quantization + 4 + 4 * len(tensor.scales)
