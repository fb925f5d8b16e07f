"""From a .tflite file to the steps of its C code."""

from dataclasses import replace

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes.c.fixed_point import scale_and_zero_point
from autotiny.runtimes.c.operators import OPERATORS, Context
from autotiny.runtimes.c.operators._base import WIDTHS
from autotiny.runtimes.c.order import in_best_order
from autotiny.runtimes.c.program import Edge, Program, Step
from autotiny.tflite.model import Model, Tensor
from autotiny.tflite.reader import read_model


def read_program(data: bytes) -> Program:
    """Return the steps of a model, in the order of least memory.

    Raises:
        InputError: If the file is no sound model.
        UnsupportedModelError: If the runtime cannot run it: an operator, a type or a shape that it
            has not, named in the sentence.
    """
    return program_of(read_model(data))


def program_of(model: Model) -> Program:
    """Return the steps of a model that is read.

    Raises:
        UnsupportedModelError: As for :func:`read_program`.
    """
    source, sink = _edges(model)
    unknown = [name for name in model.operator_names if name not in OPERATORS]
    if unknown:
        raise UnsupportedModelError(
            f"The c runtime has no operator {', '.join(unknown)}; it has "
            f"{', '.join(sorted(OPERATORS))}. The tflm runtime may run the model."
        )
    context, steps = Context(model, {source.index: source.index}), list[Step]()
    for operator in model.operators:
        read = OPERATORS[operator.name](context, operator)
        steps += [replace(step, operator=step.operator or operator.name) for step in read]
    if sink.index not in context.slots:
        raise UnsupportedModelError("A model's output must be computed from its input.")
    slots = context.slots
    tensors = {slot: model.tensors[slot] for slot in set(slots.values())}
    sizes = {s: tensor.elements * WIDTHS.get(tensor.type, 0) for s, tensor in tensors.items()}
    used = {slot for step in steps for slot in (*step.inputs, step.output)}
    ends = {slots[source.index], slots[sink.index]}
    program = Program(
        tuple(steps),
        {slot: size for slot, size in sizes.items() if slot in used | ends},
        _edge(source, slots[source.index]),
        _edge(sink, slots[sink.index]),
        frozenset(s for s in used & set(sizes) if tensors[s].type == "int16"),
    )
    return in_best_order(program)


def _edges(model: Model) -> tuple[Tensor, Tensor]:
    if model.subgraphs != 1:
        raise UnsupportedModelError(
            f"The c runtime runs models of one subgraph; this one has {model.subgraphs}."
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UnsupportedModelError(
            f"The c runtime runs models of one input and one output; this one has "
            f"{len(model.inputs)} and {len(model.outputs)}."
        )
    source, sink = model.tensors[model.inputs[0]], model.tensors[model.outputs[0]]
    for what, tensor in (("input", source), ("output", sink)):
        if tensor.type != "int8":
            raise UnsupportedModelError(
                f"The c runtime takes and gives int8; the {what} is {tensor.type}. Convert with "
                "int8 inference input and output types."
            )
        if any(size < 1 for size in (*tensor.shape, *tensor.signature[1:])):
            raise UnsupportedModelError(
                f"The c runtime needs fixed shapes; the {what}'s is "
                f"{tensor.signature or tensor.shape}. Convert with fixed sizes."
            )
        if tensor.shape[:1] != (1,):
            raise UnsupportedModelError(
                f"The c runtime runs one sample at a time; the {what} has shape {tensor.shape}."
            )
    return source, sink


def _edge(tensor: Tensor, slot: int) -> Edge:
    scale, zero_point = scale_and_zero_point(tensor)
    return Edge(slot, tensor.shape, scale, zero_point)
