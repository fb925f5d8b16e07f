"""A teacher that is not so far above the student."""

from autotiny.compression.distillation._base import Classroom, Lesson, Teaching


class Progressive(Teaching):
    """A teacher assistant (Mirzadeh et al. 2020): taught by the teacher, it teaches the student."""

    name = "progressive"

    def lesson(self, room: Classroom) -> Lesson:
        """Return the assistant's outputs."""
        network, weights = room.assistant()
        trained = room.train(network, weights, room.teacher_outputs)
        return Lesson(room.outputs(network, trained))
