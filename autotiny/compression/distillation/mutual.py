"""Teacher and student learn together."""

from autotiny.compression.distillation._base import Classroom, Lesson, Peer, Teaching


class Mutual(Teaching):
    """Deep mutual learning (Zhang et al. 2018): each follows the other's outputs of the moment."""

    name = "mutual"
    needs_network = True

    def lesson(self, room: Classroom) -> Lesson:
        """Return the teacher as a peer, trained as it is."""
        assert room.teacher is not None
        return Lesson(peer=Peer(room.teacher, room.teacher_weights))
