"""What each step of a model's C code takes: its constants, its work, its place in the buffer."""

from dataclasses import dataclass

from autotiny.runtimes.c.costs.predict import predict_costs, step_instructions
from autotiny.runtimes.c.encoding import encodings_of, stored_program
from autotiny.runtimes.c.groups import constant_bytes, groups_of, own_constant_bytes
from autotiny.runtimes.c.memory import plan_memory
from autotiny.runtimes.c.program import Step


@dataclass(frozen=True)
class StepFacts:
    """One step.

    Attributes:
        kernel: Which kernel does it.
        operator: The model's operator that it does, or is a part of.
        label: Name of its weights in the model; empty if it has none.
        encoding: How they are stored; empty if it has none.
        constant_bytes: Of its arrays and its structure, without arrays that other steps use too.
        macs: Multiply-accumulate operations.
        instructions: CPU instructions, predicted; None where its kernel was not measured.
        output_bytes: Of what it writes.
        offset: Where in the work buffer that lies.
        in_place: Whether it overlaps what it reads.
    """

    kernel: str
    operator: str
    label: str
    encoding: str
    constant_bytes: int
    macs: int
    instructions: int | None
    output_bytes: int
    offset: int
    in_place: bool


@dataclass(frozen=True)
class Steps:
    """The steps of a model, and what is no single step's.

    Attributes:
        steps: In order of execution.
        shared_bytes: Constants that several steps use, and gaps for alignment.
        shared_instructions: Instructions around the steps; None where they cannot be told.
    """

    steps: tuple[StepFacts, ...]
    shared_bytes: int
    shared_instructions: int | None


def steps_of(data: bytes, core: str) -> Steps:
    """Return what each step of a model takes on a core; with what is shared that is all.

    Raises:
        InputError: If the file is no sound model.
        UnsupportedModelError: If the runtime cannot run it.
    """
    program = stored_program(data, core)
    plan, groups = plan_memory(program), groups_of(program)
    own, work = own_constant_bytes(groups), step_instructions(groups, core)
    encodings = encodings_of(program)
    instructions = predict_costs(groups, core).instructions

    def overlaps(step: Step) -> bool:
        begin = plan.offsets[step.output]
        end = begin + program.sizes[step.output]
        return any(
            plan.offsets[slot] < end and begin < plan.offsets[slot] + program.sizes[slot]
            for slot in step.inputs
        )

    steps = tuple(
        StepFacts(
            kernel=step.kernel,
            operator=step.operator,
            label=step.label,
            encoding=encodings.get(place, ""),
            constant_bytes=own[place],
            macs=step.macs,
            instructions=None if work is None else work.get(place),
            output_bytes=program.sizes[step.output],
            offset=plan.offsets[step.output],
            in_place=overlaps(step),
        )
        for place, step in enumerate(program.steps)
    )
    around = None
    if work is not None and instructions is not None:
        around = instructions - sum(work.values())
    return Steps(steps, constant_bytes(groups) - sum(own.values()), around)
