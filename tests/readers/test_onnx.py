"""ONNX models as PyTorch writes them: outputs equal onnxruntime's, refusals in one sentence."""

import builtins
import warnings

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from autotiny.errors import InputError  # noqa: E402
from autotiny.readers.model_file import fingerprint_of, read_model_file  # noqa: E402
from autotiny.training.forward import logits  # noqa: E402

RNG = np.random.default_rng(0)


class Graph:
    """An ONNX graph in the making."""

    def __init__(self, *shape):
        self.shape, self.nodes, self.constants = shape, [], []
        self.top, self.count = "x", 0

    def weight(self, *shape, values=None):
        array = RNG.normal(0, 0.4, shape) if values is None else np.asarray(values)
        kind = np.int64 if array.dtype.kind == "i" else np.float32
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array.astype(kind), name))
        return name

    def add(self, kind, *inputs, **fields):
        self.count += 1
        name = f"n{self.count}"
        node = helper.make_node(
            kind, inputs or (self.top,), [name], f"/{kind}_{self.count}", **fields
        )
        self.nodes.append(node)
        self.top = name
        return name

    def conv(self, channels, filters, window, bias=True, **fields):
        groups = fields.get("group", 1)
        names = [self.top, self.weight(filters, channels // groups, *window)]
        names += [self.weight(filters)] if bias else []
        return self.add("Conv", *names, **fields)

    def norm(self, channels):
        arrays = [RNG.uniform(0.4, 1.6, channels), RNG.normal(size=channels),
                  RNG.normal(size=channels), RNG.uniform(0.4, 1.6, channels)]  # fmt: skip
        names = [self.weight(values=array) for array in arrays]
        return self.add("BatchNormalization", self.top, *names)

    def gemm(self, inputs, units):
        names = (self.top, self.weight(units, inputs), self.weight(units))
        return self.add("Gemm", *names, transB=1)

    def save(self, path):
        rank = 4 if self.nodes[-1].op_type in ("Elu", "Clip", "Transpose") else 2
        source, sink = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *sides])
            for name, sides in (("x", self.shape), (self.top, ["a", "b", "c"][: rank - 1]))
        )
        graph = helper.make_graph(self.nodes, "g", [source], [sink], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, str(path))
        return path


def residual():
    g = Graph(3, 10, 8)
    g.conv(3, 6, (3, 3), pads=[1, 1, 1, 1], strides=[2, 2], bias=False)
    g.norm(6)
    start = g.add("Relu")
    g.conv(6, 6, (3, 3), pads=[1, 1, 1, 1], group=6)
    g.add("Clip", g.top, g.weight(values=0.0), g.weight(values=6.0))
    g.conv(6, 6, (1, 1))
    g.norm(6)
    g.add("Add", g.top, start)
    g.add("HardSwish")
    g.conv(6, 8, (3, 3), dilations=[2, 1], pads=[2, 1, 2, 1], group=2)
    g.add("LeakyRelu", alpha=0.2)
    g.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    g.add("Flatten")
    g.gemm(8 * 2 * 2, 7)
    g.add("Relu")
    g.gemm(7, 3)
    return g


def squeeze():
    g = Graph(4, 9, 9)
    wide = g.conv(4, 8, (1, 1))
    near = g.conv(8, 4, (1, 1))
    g.top = wide
    far = g.conv(8, 4, (3, 3), pads=[1, 1, 1, 1])
    both = g.add("Concat", near, far, axis=1)
    g.add("GlobalAveragePool")
    g.conv(8, 2, (1, 1))
    g.add("Relu")
    g.conv(2, 8, (1, 1))
    gate = g.add("Sigmoid")
    g.add("Mul", both, gate)
    g.add("PRelu", g.top, g.weight(8, 1, 1))
    g.add("Pad", g.top, g.weight(values=[0, 0, 1, 0, 0, 0, 0, 1]))
    g.add(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1
    )
    g.add("ReduceMean", axes=[2, 3], keepdims=0)
    g.add("MatMul", g.top, g.weight(8, 3))
    g.add("Add", g.top, g.weight(3))
    g.add("Softmax", axis=1)
    return g


def signal():
    g = Graph(2, 30)
    g.conv(2, 5, (5,), pads=[4, 0])
    g.norm(5)
    g.add("Tanh")
    g.add("MaxPool", kernel_shape=[2], strides=[2])
    g.conv(5, 6, (3,), strides=[2])
    g.add("Relu")
    g.add("GlobalMaxPool")
    g.add("Squeeze", g.top, g.weight(values=[2]))
    g.gemm(6, 1)
    g.add("Sigmoid")
    return g


def scaled():
    g = Graph(3, 6, 6)
    g.add("Sub", g.top, g.weight(3, 1, 1))
    g.add("Div", g.top, g.weight(values=np.array([[[2.0]], [[0.5]], [[1.5]]])))
    g.add("Sub", g.weight(3, 1, 1), g.top)
    start = g.top
    g.conv(3, 3, (3, 3), pads=[1, 1, 1, 1])
    g.add("Sub", start, g.top)
    g.conv(3, 4, (3, 3))
    g.add("Relu")
    g.add("Reshape", g.top, g.weight(values=[0, -1]))
    g.gemm(4 * 4 * 4, 2)
    return g


@pytest.mark.parametrize("build", [residual, squeeze, signal, scaled])
def test_outputs_equal_those_of_onnxruntime(build, tmp_path):
    g = build()
    path = g.save(tmp_path / "m.onnx")
    read = read_model_file(path)
    x = RNG.normal(size=(6, *g.shape)).astype(np.float32)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": x})[0].reshape(len(x), -1)
    ours = np.moveaxis(x, 1, -1).reshape(len(x), *read.network.input_shape)
    found = read.headed(logits(read.network, read.weights, ours))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(read.reference(ours), expected, atol=1e-4)
    heads = {squeeze: "softmax", signal: "sigmoid"}
    assert read.head == heads.get(build, "linear")


def test_what_pytorch_exports_is_read(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU6(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, groups=4), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 3),
    ).eval()  # fmt: skip
    x = torch.randn(5, 1, 8, 8)
    expected, ours = model(x).detach().numpy(), np.moveaxis(x.numpy(), 1, -1)
    for options in ({"dynamo": True}, {"dynamo": False, "opset_version": 17}):
        path = tmp_path / f"{options['dynamo']}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own
            torch.onnx.export(model, (x[:1],), str(path), **options)
        read = read_model_file(path)
        found = logits(read.network, read.weights, ours)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        before = fingerprint_of(path)
        if (tmp_path / f"{path.name}.data").is_file():
            (tmp_path / f"{path.name}.data").write_bytes(b"other")
            assert fingerprint_of(path) != before


def elu():
    g = Graph(3, 4, 4)
    g.conv(3, 2, (1, 1))
    g.add("Elu")
    return g


def clipped():
    g = Graph(3, 4, 4)
    g.add("Clip", g.top, g.weight(values=-1.0), g.weight(values=1.0))
    return g


def moved():
    g = Graph(3, 4, 5)
    g.conv(3, 2, (1, 1))
    g.add("Transpose", perm=[0, 2, 3, 1])
    return g


def normalised():
    g = Graph(6)
    g.norm(6)
    g.add("Tanh")
    return g


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (elu, r"'/Elu_2' \(Elu\) of .*use relu or leaky_relu"),
        (clipped, r"it clips to -1.0..1.0, not 0..6"),
        (moved, r"moves axes by \[0, 2, 3, 1\]: give the model with channels first"),
        (normalised, "must be followed by a dense layer"),
    ],
)
def test_what_no_network_of_ours_can_have_is_one_sentence(build, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        read_model_file(build().save(tmp_path / "m.onnx"))


def test_a_damaged_file_and_a_missing_package_are_told(tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="must be a sound ONNX model"):
        read_model_file(tmp_path / "m.onnx")
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnx":
            raise ImportError
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'autotiny\[onnx\]'"):
        read_model_file(tmp_path / "m.onnx")


def test_an_onnx_model_is_searched(folder, cli):
    path = scaled().save(folder / "m.onnx")
    y = np.arange(120) % 2
    x = RNG.normal(size=(120, 6, 6, 3)) + y[:, None, None, None]
    np.savez(folder / "d.npz", x_train=x.astype(np.float32), y_train=y)
    code, out, err = cli(
        "search", "--model", str(path), "--data", "d.npz", "--flash", "99KB", "--trials", "1",
        "--set", "epochs=2", "--study", "onnx",
    )  # fmt: skip
    assert code == 0, err
    assert "validation accuracy" in out


def kept_sides():
    g = Graph(3, 4, 4)
    g.conv(3, 4, (3, 3))
    g.add("GlobalAveragePool")
    g.add("Reshape", g.top, g.weight(values=[0, 0, -1]))
    g.add("Reshape", g.top, g.weight(values=[0, -1]))
    g.gemm(4, 2)
    return g


def turned():
    g = Graph(4, 4, 4)
    g.add("Transpose", g.top, perm=[0, 1, 3, 2])
    g.add("Flatten")
    g.gemm(64, 2)
    return g


def test_a_shape_may_keep_sides_by_zero(tmp_path):
    g = kept_sides()
    path = g.save(tmp_path / "m.onnx")
    assert read_model_file(path).network.output_shape == (2,)


def test_axes_of_one_size_that_change_places_are_refused(tmp_path):
    path = turned().save(tmp_path / "m.onnx")
    with pytest.raises(InputError, match="it moves axes"):
        read_model_file(path)
