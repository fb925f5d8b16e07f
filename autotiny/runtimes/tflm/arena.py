"""The tensor arena on a 32-bit target: bytes in use, and the smallest arena that starts.

The arena fills from both ends. The head holds the memory plan of activations and scratch; the tail
holds what lives as long as the interpreter, allocated downwards from the arena's end.
Sizes belong to a version of TFLM and are data (``versions``); the rule is here.
"""

from dataclasses import dataclass, replace

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._analysis import Buffer
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm import cmsis_nn
from autotiny.runtimes.tflm.planner import align_up, head_bytes, plan
from autotiny.runtimes.tflm.reader import Model, Operator
from autotiny.runtimes.tflm.scratch import scratch_requests
from autotiny.runtimes.tflm.versions import Structures, TflmVersion, version_of

#: Scratch requests that one operator may make while it prepares.
_SCRATCH_REQUESTS = 12
_SOFTMAX_TABLE = 1026
#: A decoder by the first byte of its ancillary data: look-up table, Huffman, pruned.
_DECODERS = {0: 36, 1: 28, 2: 40}
_PRUNED = 2


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
                f"known (known are {', '.join(version.operators)})."
            )
    scratch = scratch_requests(model, target)
    buffers = plan(model, scratch)
    head = head_bytes(buffers)
    if recorded_head is not None:
        # What TFLM records is the truth; where kernels differ, what planning missed still counts.
        reference = replace(target, kernels="reference")
        missed = recorded_head - head_bytes(plan(model, scratch_requests(model, reference)))
        head = recorded_head if target.kernels == "reference" else head + max(0, missed)
    tail, before_io, prepare_peak = _tail(model, target, version, len(scratch))
    sizes = version.structures
    requests = sizes.scratch_request * (_SCRATCH_REQUESTS + len(scratch))
    infos = sizes.allocation_info * (len(model.tensors) + len(scratch))
    start = before_io + align_up(requests + 4 + infos) + sizes.planned_buffer * len(buffers)
    return Arena(head, tail, align_up(max(head + tail, start, prepare_peak)), buffers)


def _tail(model: Model, target: Target, version: TflmVersion, scratch: int) -> tuple[int, int, int]:
    """Return the tail, the tail before variables and inputs, and the peak while preparing."""
    tail, sizes = Allocations(), version.structures
    for size in sizes.interpreter:
        tail.take(size, 4)
    tail.take(sizes.eval_tensor * len(model.tensors), 4)
    tail.take(sizes.node * len(model.operators), 4)
    memories = [version.operators[operator.name] for operator in model.operators]
    for memory in memories:
        tail.take(*memory.parameters)
    for memory in memories:
        if memory.data[target.kernels]:
            tail.take(memory.data[target.kernels], 16)
    peak = 0
    for operator in model.operators:
        for size in _prepared(model, operator, target):
            tail.take(size, 16)
        requests = sizes.scratch_request * _SCRATCH_REQUESTS
        peak = max(peak, tail.size + requests + _temporary(model, operator, sizes))
    if scratch:
        tail.take(sizes.scratch_handle * scratch, 4)
    before_io = tail.size
    _take_variables_and_ends(model, tail, sizes)
    return tail.size, before_io, peak


def _take_variables_and_ends(model: Model, tail: Allocations, sizes: Structures) -> None:
    for tensor in model.tensors:
        if tensor.is_variable:
            tail.take(tensor.nbytes, 16)
    for indices in (model.inputs, model.outputs):
        tail.take(4 * len(indices), 16)
        for index in indices:
            tail.take(sizes.tensor, 4)
            scales = len(model.tensors[index].scales)
            if scales:
                tail.take(sizes.quantization, 4)
                tail.take(4 + 4 * scales, 4)


def _prepared(model: Model, operator: Operator, target: Target) -> list[int]:
    """Return what an operator allocates for good when it prepares."""
    source, output = model.input(operator, 0), model.output(operator)
    if operator.name == "TFLM_DECODE":
        return _decoders(model, operator)
    if operator.name == "SOFTMAX" and source is not None and source.type == "int16":
        return [_SOFTMAX_TABLE, _SOFTMAX_TABLE]
    channels = [4 * output.shape[-1]] * 2 if output.shape else []
    cmsis = target.kernels == "cmsis-nn"
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"):
        # The reference kernels keep these arrays for floats too, which do not need them.
        spared = cmsis and operator.name != "TRANSPOSE_CONV" and output.type == "float32"
        return [] if spared else channels
    if operator.name == "SVDF" and cmsis and output.type == "int8":
        return cmsis_nn.svdf_sums(model, operator, target.core)
    filters = model.input(operator, 1)
    if operator.name == "FULLY_CONNECTED" and filters is not None:
        as_convolution = (
            cmsis and output.type == "int8" and filters.type == "int8"
            and len(output.shape) > 2 and filters.shape[-1] % 4 == 0
        )  # fmt: skip
        return channels if len(filters.scales) > 1 or as_convolution else []
    return []


def _decoders(model: Model, operator: Operator) -> list[int]:
    """Return the list of decoders, and each with what it copies."""
    sizes = [4 * len(operator.outputs)]
    for index, ancillary in zip(operator.outputs, operator.inputs[1::2], strict=True):
        output, header = model.tensors[index], model.tensors[ancillary].data or b"\0"
        sizes.append(_DECODERS.get(header[0], max(_DECODERS.values())))
        # Zero points of pruned channels are copied unless they are all zero.
        if header[0] == _PRUNED and len(output.scales) > 1 and any(output.zero_points):
            sizes.append(len(output.scales))
    return sizes


def _temporary(model: Model, operator: Operator, sizes: Structures) -> int:
    """Return the memory of an operator's tensor views while it prepares."""
    indices = [index for index in (*operator.inputs, *operator.outputs) if index >= 0]
    return sum(
        sizes.tensor + sizes.quantization + 4 + 4 * len(model.tensors[index].scales)
        for index in indices
    )
