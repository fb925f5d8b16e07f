"""What the teacher sees half-way, besides what it says in the end."""

from autotiny.compression.distillation._base import Classroom, Hint, Lesson, Teaching
from autotiny.networks.graph import Network
from autotiny.networks.layers import Shape


class Features(Teaching):
    """Hints (Romero et al. 2015, FitNets), from the middle layer that both networks have.

    The map from the student's channels to the teacher's is trained along and dropped. A teacher
    that the student was not cut from has layers of other names: of those with the same plane, the
    middle one is taken.
    """

    name = "features"
    needs_network = True

    def lesson(self, room: Classroom) -> Lesson:
        """Return the teacher's outputs and the features of one layer."""
        assert room.teacher is not None
        ours, theirs = _planes(room.student), _planes(room.teacher)
        both = [layer for layer, plane in ours.items() if plane in theirs.values()]
        if not both:
            return Lesson(room.teacher_outputs)
        layer = both[len(both) // 2]
        alike = [name for name, plane in theirs.items() if plane == ours[layer]]
        theirs_layer = layer if layer in alike else alike[len(alike) // 2]
        found = room.features(room.teacher, room.teacher_weights, theirs_layer)
        return Lesson(room.teacher_outputs, Hint(layer, found))


def _planes(network: Network) -> dict[str, Shape]:
    """Return the shape of what each layer with weights but the last gives, without channels."""
    return {layer.name: network.shapes[layer.name][:-1] for layer in network.weight_layers[:-1]}
