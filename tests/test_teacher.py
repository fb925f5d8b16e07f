"""Teachers of the user's own: what they say of a task, whatever their layers are."""

import dataclasses

import numpy as np
import pytest

from autotiny.compression.distillation import TEACHINGS, Classroom
from autotiny.errors import InputError
from autotiny.networks.graph import chain
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Conv2D, Dense
from autotiny.readers.model_file import fingerprint_of
from autotiny.readers.outputs import ModelOutputs, read_outputs
from autotiny.tasks import load_task
from autotiny.teacher import Teacher, read_teacher

SHAPE = (8, 8, 1)


def onnx_file(path, ends, *, inputs=(1, 8, 8), outputs=10):
    """Write flattened samples through a dense layer and operators that follow it."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(0)
    size = int(np.prod(inputs))
    kernel = onnx.numpy_helper.from_array(rng.normal(size=(size, outputs)).astype("f4"), "kernel")
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "kernel"], ["v0"]),
        *(helper.make_node(kind, [f"v{i}"], [f"v{i + 1}"]) for i, kind in enumerate(ends)),
    ]
    edges = (
        helper.make_tensor_value_info("x", kinds.FLOAT, ["n", *inputs]),
        helper.make_tensor_value_info(f"v{len(ends)}", kinds.FLOAT, ["n", outputs]),
    )
    graph = helper.make_graph(nodes, "g", [edges[0]], [edges[1]], [kernel])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return str(path), np.asarray(onnx.numpy_helper.to_array(kernel))


def test_onnx_of_known_and_of_unknown_operators_teach_alike(tmp_path):
    task = load_task("digits", seed=0)
    known, kernel = onnx_file(tmp_path / "known.onnx", ["Softmax"])
    teacher = read_teacher(known, fingerprint_of(known), task)
    logits = task.train.x.reshape(-1, 64) @ kernel
    assert teacher.network is not None
    np.testing.assert_allclose(teacher.train_outputs, logits, rtol=1e-4, atol=1e-4)
    unknown, kernel = onnx_file(tmp_path / "unknown.onnx", ["Erf", "Softmax"])
    teacher = read_teacher(unknown, fingerprint_of(unknown), task)
    assert teacher.network is None
    told, centred = teacher.train_outputs, lambda x: x - x.mean(axis=1, keepdims=True)
    from scipy.special import erf

    np.testing.assert_allclose(centred(told), centred(erf(logits)), atol=1e-4)
    wrong, _ = onnx_file(tmp_path / "wrong.onnx", ["Erf"], outputs=7)
    with pytest.raises(InputError, match=r"A teacher must take .* 10 outputs; .* gives 7"):
        read_teacher(wrong, fingerprint_of(wrong), task)
    other, _ = onnx_file(tmp_path / "other.onnx", ["Erf"], inputs=(1, 5, 5))
    with pytest.raises(InputError, match=r"other.onnx takes \(5, 5, 1\)"):
        read_teacher(other, fingerprint_of(other), task)
    with pytest.raises(InputError, match="has changed"):
        read_teacher(known, fingerprint_of(unknown), task)


def test_probabilities_become_logits():
    z = np.array([[2.0, -1.0, 0.5]], np.float32)
    chances = 1 / (1 + np.exp(-z))
    single = ModelOutputs((3,), "sigmoid", lambda x: chances)
    np.testing.assert_allclose(single.before_head(z), z, atol=1e-5)
    shares = np.exp(z) / np.exp(z).sum()
    several = ModelOutputs((3,), "softmax", lambda x: shares)
    told = several.before_head(z)
    np.testing.assert_allclose(told - told[:, :1], z - z[:, :1], atol=1e-5)
    sure = ModelOutputs((2,), "softmax", lambda x: np.array([[1.0, 0.0]], np.float32))
    assert np.isfinite(sure.before_head(z)).all()
    plain = ModelOutputs((3,), "linear", lambda x: z)
    np.testing.assert_array_equal(plain.before_head(z), z)


def test_two_classes_have_one_logit_or_two():
    network = chain((4,), (Dense("out", 2),))
    both = np.array([[1.0, 3.0], [2.0, -1.0]], np.float32)
    teacher = Teacher(both, 1.0, network, initial_weights(network, 0))
    assert teacher.giving(2) is teacher
    one = teacher.giving(1)
    np.testing.assert_array_equal(one.train_outputs, [[2.0], [-3.0]])
    assert (one.network, one.weights) == (None, {})  # its layers give two
    again = one.giving(2)
    np.testing.assert_array_equal(again.train_outputs, [[0.0, 2.0], [0.0, -3.0]])


def test_hints_come_from_the_teachers_own_middle():
    """Layers of other names: the middle one of those with the plane of the student's middle."""
    student = chain(SHAPE, (Conv2D("a", 3, (3, 3)), Conv2D("b", 3, (3, 3), (2, 2)), Dense("c", 4)))
    layers = [Conv2D(f"t{i}", 6, (3, 3), (2, 2) if i == 1 else (1, 1)) for i in range(4)]
    teacher = chain(SHAPE, (*layers, Dense("end", 4)))
    asked = []

    def features(network, weights, layer):
        asked.append((network, layer))
        return np.zeros((1, *network.shapes[layer]), np.float32)

    room = Classroom(
        student, {}, teacher, {}, np.zeros((1, 4), np.float32), lambda: (student, {}),
        lambda *_: {}, lambda *_: np.zeros((1, 4), np.float32), features,
    )  # fmt: skip
    lesson = TEACHINGS["features"].lesson(room)
    assert lesson.hint is not None
    assert lesson.hint.layer == "b"
    assert asked == [(teacher, "t2")]
    other = dataclasses.replace(room, teacher=chain((5, 5, 1), teacher.layers))
    assert TEACHINGS["features"].lesson(other).hint is None


def test_what_is_not_there_is_said():
    with pytest.raises(InputError, match=r"nowhere.keras is not there"):
        read_outputs("nowhere.keras")
