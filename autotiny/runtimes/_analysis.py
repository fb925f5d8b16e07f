"""What any runtime says about a model file: sizes, layers, memory map, and what is not known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from autotiny.runtimes._base import Footprint, Origin

#: What a planned buffer holds.
BufferKind = Literal["input or output", "activation", "decoded weights", "scratch"]


@dataclass(frozen=True)
class Buffer:
    """One planned buffer.

    Attributes:
        name: Tensor name (or number, if it has none), or what the scratch is for.
        tensor: Index of the tensor; None for scratch.
        size: Bytes, a multiple of 16.
        first: First step it lives in; step 0 is the model's input, operator i runs in step i + 1.
        last: Last step it lives in.
        offset: Bytes from the start of the arena.
        kind: What it holds.
    """

    name: str
    tensor: int | None
    size: int
    first: int
    last: int
    offset: int = 0
    kind: BufferKind = "activation"


@dataclass(frozen=True)
class Breakdown:
    """Bytes of a file by what they are for; shared bytes count once, and the sum is its size.

    Attributes:
        weights: Values of weights, dense or encoded.
        biases: Values of biases.
        constants: Values of other constants, such as shapes and axes.
        quantization: Scales, zero points and the tables that hold them.
        graph: Tables of tensors, operators and buffers, and their shapes and indices.
        names: Names, descriptions, signatures and metadata, which TFLM does not read.
        padding: Alignment, and bytes that nothing points at.
        tensors: Bytes of values by tensor index, for every constant tensor; tensors that share a
            buffer both have its bytes.
    """

    weights: int
    biases: int
    constants: int
    quantization: int
    graph: int
    names: int
    padding: int
    tensors: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Bytes of the file."""
        return (
            self.weights + self.biases + self.constants + self.quantization
            + self.graph + self.names + self.padding
        )  # fmt: skip


@dataclass(frozen=True)
class LayerAnalysis:
    """One operator.

    Attributes:
        index: Position in the order of execution.
        operator: Name, as in ``CONV_2D``.
        name: Name of its output tensor; empty in an image.
        input_shapes: Shapes of its activations.
        output_shape: Shape of its first output.
        weight_bits: Bits of a weight as the kernel reads it; None without weights.
        activation_bits: Bits of an output value.
        encoding: How its weights are stored: ``int8``, ``int4``, ``lut3/channel``, ``pruned``, …
        weight_bytes: Bytes of weights and biases in the file, tables of an encoding included.
        arena_bytes: Arena while it runs: buffers that live then, and the tail; None if unknown.
        macs: Multiply-accumulate operations.
        instructions: CPU instructions; None if they cannot be told.
        share: Its share of the model's instructions, 0..1; None if any operator's cannot be told.
        instructions_error: Relative error of the instructions; None if they cannot be told.
    """

    index: int
    operator: str
    name: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    weight_bits: int | None
    activation_bits: int | None
    encoding: str | None
    weight_bytes: int
    arena_bytes: int | None
    macs: int
    instructions: int | None
    share: float | None
    instructions_error: float | None = None


@dataclass(frozen=True)
class Analysis:
    """A file on a target; sizes in bytes.

    Attributes:
        model_bytes: Size of the file.
        runtime_bytes: The runtime's code for its operators; None if one is unknown.
        runtime_note: Which build that comes from.
        arena_used_bytes: Arena in use after start-up; None if it cannot be predicted.
        arena_min_bytes: Smallest arena that starts.
        arena_head_bytes: Of the arena in use, the planned part; the rest is the persistent tail.
        overhead_ram_bytes: Reserve for the runtime's statics and stack.
        macs: Multiply-accumulate operations per inference that are known.
        params: Weight and bias values.
        instructions: CPU instructions per inference of the operators whose can be told.
        instructions_error: Relative error of that for the whole model; None if an operator's
            cannot be told.
        arena_note: How exact the arena's prediction was where it was measured.
        footprint: All of it as a footprint; None if a size is unknown.
        breakdown: What the file's bytes are for.
        layers: Every operator.
        buffers: Memory map of the arena over time; empty if unknown.
        refusal: Why the runtime or the target cannot run it; None if they can.
        unaccounted: Sentences about what the figures leave out or only estimate.
        origins: By the name of a footprint's figure, how it came to be; see ``Footprint``.
        errors: By the name of a footprint's figure, its relative error; see ``Footprint``.
    """

    model_bytes: int
    runtime_bytes: int | None
    arena_used_bytes: int | None
    arena_min_bytes: int | None
    arena_head_bytes: int | None
    overhead_ram_bytes: int
    macs: int
    params: int
    instructions: int
    instructions_error: float | None
    arena_note: str
    footprint: Footprint | None
    breakdown: Breakdown
    layers: tuple[LayerAnalysis, ...]
    buffers: tuple[Buffer, ...]
    refusal: str | None
    unaccounted: tuple[str, ...]
    runtime_note: str = ""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    errors: Mapping[str, float | None] = field(default_factory=dict)
