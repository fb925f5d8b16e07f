"""What each step of a model's C code takes: its constants, its work, its place in the buffer."""

from dataclasses import dataclass

from autotiny.runtimes.c.encoding import stored_program
from autotiny.runtimes.c.memory import plan_memory
from autotiny.runtimes.c.program import Step


@dataclass(frozen=True)
class StepFacts:
    """One step.

    Attributes:
        kernel: Which kernel does it.
        label: Name of its weights in the model; empty if it has none.
        encoding: How they are stored; empty if it has none.
        constant_bytes: Of its arrays.
        macs: Multiply-accumulate operations.
        output_bytes: Of what it writes.
        offset: Where in the work buffer that lies.
        in_place: Whether it overlaps what it reads.
    """

    kernel: str
    label: str
    encoding: str
    constant_bytes: int
    macs: int
    output_bytes: int
    offset: int
    in_place: bool


def steps_of(data: bytes, core: str) -> tuple[StepFacts, ...]:
    """Return what each step of a model takes, in order of execution.

    Raises:
        InputError: If the file is no sound model.
        UnsupportedModelError: If the runtime cannot run it.
    """
    program = stored_program(data, core)
    plan = plan_memory(program)

    def overlaps(step: Step) -> bool:
        begin = plan.offsets[step.output]
        end = begin + program.sizes[step.output]
        return any(
            plan.offsets[slot] < end and begin < plan.offsets[slot] + program.sizes[slot]
            for slot in step.inputs
        )

    return tuple(
        StepFacts(
            kernel=step.kernel,
            label=step.label,
            encoding=(step.variant or "int8") if "weights" in step.arrays else "",
            constant_bytes=sum(array.nbytes for array in step.arrays.values()),
            macs=step.macs,
            output_bytes=program.sizes[step.output],
            offset=plan.offsets[step.output],
            in_place=overlaps(step),
        )
        for step in program.steps
    )
