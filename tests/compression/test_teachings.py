"""Every kind of distillation gives a lesson, and a student that learns by it."""

import numpy as np
import pytest
from helpers_networks import blobs, family_network

from autotiny.compression.distillation import TEACHINGS, Classroom, Distillation, Hint, Lesson, Peer
from autotiny.compression.width import cut
from autotiny.networks.initial import initial_weights
from autotiny.training.forward import features, logits
from autotiny.training.loop import TrainingSettings, train

TEACHER = family_network("cnn")
SPLIT = blobs(TEACHER.input_shape, 4, 192)


@pytest.fixture(scope="module")
def teacher():
    start = initial_weights(TEACHER, 0)
    return train(TEACHER, start, SPLIT, TrainingSettings(6, 5e-3, batch_size=16)).weights


@pytest.fixture(scope="module")
def room(teacher):
    student, inherited = cut(TEACHER, teacher, 0.5)
    asked = []

    def taught(network, weights, outputs):
        asked.append((network, outputs is not None))
        alpha = 0.0 if outputs is None else 0.5
        todo = TrainingSettings(2, 5e-3, batch_size=16, distillation=Distillation(alpha))
        return train(network, weights, SPLIT, todo, lesson=Lesson(outputs)).weights

    made = Classroom(
        student, inherited, TEACHER, teacher, logits(TEACHER, teacher, SPLIT.x),
        lambda: cut(TEACHER, teacher, 0.7),
        taught,
        lambda network, weights: logits(network, weights, SPLIT.x),
        lambda network, weights, layer: features(network, weights, layer, SPLIT.x),
    )  # fmt: skip
    return made, asked


@pytest.mark.parametrize("name", TEACHINGS)
def test_a_student_learns_by_every_kind(name, room):
    made, asked = room
    asked.clear()
    lesson = TEACHINGS[name].lesson(made)
    assert lesson
    todo = TrainingSettings(6, 5e-3, batch_size=16, distillation=Distillation(0.5, kind=name))
    first, second = (
        train(made.student, made.weights, SPLIT, todo, lesson=lesson).weights for _ in range(2)
    )
    assert set(first) == set(made.weights)
    for array, again in zip(first.values(), second.values(), strict=True):
        np.testing.assert_array_equal(array, again)
    decided = logits(made.student, first, SPLIT.x).argmax(axis=1)
    assert (decided == SPLIT.y).mean() > 0.9
    sizes = [network.macs for network, _ in asked]
    if name == "progressive":
        assert [taught for _, taught in asked] == [True]
        assert made.student.macs < sizes[0] < TEACHER.macs
    elif name == "self":
        assert [(network, taught) for network, taught in asked] == [(made.student, False)]
    else:
        assert not asked


def test_hints_lead_the_students_features_to_the_teachers(room):
    made, _ = room
    lesson = TEACHINGS["features"].lesson(made)
    assert lesson.hint is not None
    layer = lesson.hint.layer

    def distance(weights):
        """Return what is left of the teacher's features when the best map is taken."""
        mine = features(made.student, weights, layer, SPLIT.x)
        mine = mine.reshape(-1, mine.shape[-1])
        theirs = lesson.hint.features.reshape(-1, lesson.hint.features.shape[-1])
        _, left, *_ = np.linalg.lstsq(mine, theirs, rcond=None)
        return float(left.sum() / np.square(theirs).sum())

    todo = TrainingSettings(24, 5e-3, batch_size=16, distillation=Distillation(0.9))
    start = initial_weights(made.student, 3)
    plain = train(made.student, start, SPLIT, todo, lesson=Lesson(lesson.outputs)).weights
    led = train(made.student, start, SPLIT, todo, lesson=lesson).weights
    assert distance(led) < 0.97 * distance(plain)


def test_a_peer_learns_from_the_student_too(room):
    made, _ = room
    fresh = initial_weights(TEACHER, 9)
    todo = TrainingSettings(6, 5e-3, batch_size=16, distillation=Distillation(0.5))
    untaught = Lesson(peer=Peer(TEACHER, fresh))
    together = train(made.student, made.weights, SPLIT, todo, lesson=untaught).weights
    decided = logits(made.student, together, SPLIT.x).argmax(axis=1)
    assert (decided == SPLIT.y).mean() > 0.9  # a peer that never learnt would pull it to chance


def test_features_of_no_common_layer_are_outputs_alone(room):
    made, _ = room
    other = family_network("mlp")
    assert TEACHINGS["features"].lesson(
        Classroom(
            other, {}, TEACHER, {}, made.teacher_outputs, made.assistant, made.train, made.outputs,
            made.features,
        )
    ).hint is None  # fmt: skip
    assert isinstance(TEACHINGS["features"].lesson(made).hint, Hint)
