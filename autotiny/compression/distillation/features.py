"""What the teacher sees half-way, besides what it says in the end."""

from autotiny.compression.distillation._base import Classroom, Hint, Lesson, Teaching


class Features(Teaching):
    """Hints (Romero et al. 2015, FitNets), from the middle layer that both networks have.

    The map from the student's channels to the teacher's is trained along and dropped.
    """

    name = "features"
    needs_network = True

    def lesson(self, room: Classroom) -> Lesson:
        """Return the teacher's outputs and the features of one layer."""
        assert room.teacher is not None
        theirs = {layer.name: room.teacher.shapes[layer.name] for layer in room.teacher.layers}
        both = [
            layer.name
            for layer in room.student.weight_layers[:-1]
            if layer.name in theirs
            and theirs[layer.name][:-1] == room.student.shapes[layer.name][:-1]
        ]
        if not both:
            return Lesson(room.teacher_outputs)
        layer = both[len(both) // 2]
        found = room.features(room.teacher, room.teacher_weights, layer)
        return Lesson(room.teacher_outputs, Hint(layer, found))
