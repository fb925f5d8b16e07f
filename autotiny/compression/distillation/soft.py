"""The teacher's outputs, softened."""

from autotiny.compression.distillation._base import Classroom, Lesson, Teaching


class Soft(Teaching):
    """Soft targets (Hinton, Vinyals and Dean 2015)."""

    name = "soft"

    def lesson(self, room: Classroom) -> Lesson:
        """Return the teacher's outputs."""
        return Lesson(room.teacher_outputs)
