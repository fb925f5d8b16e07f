"""The student itself, trained before."""

from autotiny.compression.distillation._base import Classroom, Lesson, Teaching


class SelfTaught(Teaching):
    """Born again (Furlanello et al. 2018): a network of the same size teaches."""

    name = "self"

    def lesson(self, room: Classroom) -> Lesson:
        """Return the outputs of the student as it is when nobody teaches it."""
        trained = room.train(room.student, room.weights, None)
        return Lesson(room.outputs(room.student, trained))
