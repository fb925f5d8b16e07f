"""Whatever is wrong with what a user gives: one sentence, exit code 2, nothing written."""

import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.random((60, 5)).astype(np.float32)
Y = np.arange(60) % 3


@pytest.fixture
def no_trace(folder):
    """Whatever a test does must leave its folder as it made it."""
    yield folder
    assert not (folder / "studies").exists()


@pytest.mark.parametrize("size", ["abc", "-1KB", "0", "300Kbit", "", "1e5", "nan", "0.3B", "1TB"])
@pytest.mark.parametrize("option", ["--flash", "--ram"])
def test_size(no_trace, refused, option, size):
    sentence = refused("search", option, size)
    assert option in sentence
    assert repr(size) in sentence


def test_size_after_an_equals_sign(no_trace, refused):
    assert "'-1KB'" in refused("search", "--flash=-1KB")


@pytest.mark.parametrize("option", ["--app-flash", "--app-ram"])
def test_application_size(no_trace, refused, option):
    assert option in refused("search", option, "-1")


@pytest.mark.parametrize("option", ["--latency", "--timeout"])
@pytest.mark.parametrize("time", ["abc", "-1s", "0", "0ms", "3 parsecs", "inf"])
def test_time(no_trace, refused, option, time):
    sentence = refused("search", option, time)
    assert option in sentence
    assert repr(time) in sentence


def test_latency_without_a_clock(no_trace, refused):
    assert "--device" in refused("search", "--latency", "20ms")
    assert "--device" in refused("search", "--objectives", "accuracy,energy")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sampler", "foo"), "sampler must be 'tpe', 'nsga2' or 'random'; got 'foo'."),
        (("--objectives", "accuracy,foo"), "got 'foo'"),
        (("--objectives", ""), "got ''"),
        (("--objectives", "flash"), "objectives must hold score"),
        (("--objectives", "accuracy,accuracy"), "each objective once"),
        (("--seed", "-1"), "seed must be greater than or equal to 0; got -1."),
        (("--seed", "99999999999"), "seed must be less than"),
        (("--seed", "x"), "--seed"),
        (("--trials", "0"), "'--trials': must be greater than or equal to 1"),
        (("--trials", "many"), "'--trials': must be a valid integer"),
        (("--study", "../x"), "A study's name must be"),
        (("--study", ""), "got ''"),
        (("--study", "x" * 65), "1 to 64"),
        (("--device", "nope"), "A device must be one of"),
        (("--device", "atmega328p", "--runtime", "tflm"), "cannot run TensorFlow Lite Micro"),
        (("--data", "nope"), "Data must be one of"),
        (("--data", "nope.npz"), "No such file"),
        (("--data", "nope.py:load"), "nope"),
        (("--data", "[bold].npz"), "[bold].npz"),
        (("--space", "nope"), "squeeze, tcn or a .yaml file; got 'nope'"),
        (("--space", "nope.yaml"), "nope.yaml is not there"),
        (("-c", "nope.yaml"), "nope.yaml must be readable YAML; No such file or directory."),
        (("--nope",), "No such option: --nope"),
        (("stray",), "unexpected extra argument"),
        (("--set",), "--set"),
    ],
)
def test_option(no_trace, refused, options, sentence):
    assert sentence in refused("search", *options)


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("foo", "key=value"),
        ("=3", "key=value"),
        ("widht=0.3", "did you mean width?"),
        ("width=2", "parameters.width must be 0.01..1; got 2."),
        ("width=abc", "parameters.width must be a number; got 'abc'."),
        ("width=true", "must be a number; got True"),
        ("width=.nan", "got nan"),
        ("width=[1", "--set width must be given a YAML value"),
        ("width=[0.1, 1]", "parameters.width must be {low: …, high: …}, {choices: […]} or one"),
        ("width={low: 1, high: 0.5}", "low must not be above high; got low 1, high 0.5"),
        ("width={low: 0.5, hgh: 1}", "parameters.width.high must be given."),
        ("width={low: a, high: 1}", "parameters.width.low must be a finite number; got 'a'."),
        ("width={low: .nan, high: 1}", "must be a finite number; got nan"),
        ("width={low: 0.1, high: .inf}", "must be a finite number; got inf"),
        ("sparsity={low: 0, high: 0.9, step: .nan}", "must be a finite number; got nan"),
        ("sparsity={low: 0, high: 0.9, step: 1.0}", "step must be above 0 and at most"),
        ("sparsity={low: 0, high: 0.9, step: 0}", "step must be above 0"),
        ("sparsity={low: 0, high: 0.9, log: true}", "log range must start above 0"),
        ("width={low: 0.1, high: 0.9, log: true, step: 0.1}", "log or step"),
        ("width={low: 0.1, high: 0.9, log: maybe}", "parameters.width.log must be a valid boolean"),
        ("epochs={low: 1, high: 9, step: 0.5}", "takes whole numbers"),
        ("epochs=1.5", "must be a whole number; got 1.5"),
        ("pruning_schedule=foo", "polynomial, one_shot, iterative; got 'foo'"),
        ("pruning_schedule={low: 0, high: 1}", "takes choices, not a range"),
        ("pruning_schedule={choices: []}", "parameters.pruning_schedule.choices"),
        ("sparsity={choices: [0.1, a]}", "must be a number; got 'a'"),
        ("training.epochs=0", "training.epochs must be greater than or equal to 1; got 0."),
        ("training.epochs=many", "training.epochs must be a valid integer; got 'many'."),
        ("training.epochs.x=0", "epochs holds no keys"),
        ("training.foo=1", "training.foo is not a known key."),
        ("base.foo=1", "base.foo is not a known key."),
        ("base.filters=[8,16]", "one stride per entry of filters"),
        ("base.filters=[]", "base.filters"),
        ("base.kernel=0", "base.kernel"),
        ("family=foo", "tcn, autoencoder; got 'foo'."),
        ("parameters=3", "parameters must be a valid dictionary; got 3."),
        ("a.b=1", "parameters.a is not a hyperparameter"),
        ("widht.low=2", "did you mean width?"),
        ("width.low=2", "parameters.width: low must not be above high"),
    ],
)
def test_assignment(no_trace, refused, assignment, sentence):
    assert sentence in refused("search", "--set", assignment)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("foo: 1", "mine.yaml: foo is not a known key."),
        ("trials: many", "mine.yaml: trials must be a valid integer; got 'many'."),
        ("trials: 0", "trials must be greater than or equal to 1"),
        ("flash_bytes: 0", "flash_bytes must be greater than 0; got 0."),
        ("flash: [1]", "--flash must be a positive number"),
        ("space: 3", "A search space must be"),
        ("space: {family: cnn, foo: 1}", "foo is not a known key."),
        ("space: {parameters: {}}", "family"),
        ("target: {foo: 1}", "target must hold name, kernels"),
        ("target: {clock_hz: abc}", "target.clock_hz must be a valid integer"),
        ("3: 3", "mine.yaml: 3 is not a known key."),
        ("- a", "must hold a YAML mapping; got list"),
        ("", "must hold a YAML mapping; got NoneType"),
        ("a: [", "must be readable YAML"),
        ("a: !!python/object/apply:os.system [ls]", "must be readable YAML"),
        ("\0", "must be readable YAML"),
        ("[" * 3000, "must be readable YAML"),
    ],
)
def test_study_file(no_trace, refused, text, sentence):
    (no_trace / "mine.yaml").write_text(text)
    assert sentence in refused("search", "-c", "mine.yaml")


def test_study_file_of_bytes(no_trace, refused):
    (no_trace / "mine.yaml").write_bytes(bytes(range(256)))
    assert "must be readable YAML" in refused("search", "-c", "mine.yaml")
    assert "must be readable YAML" in refused("search", "--space", "mine.yaml")


def _changed(**arrays):
    return {"x_train": X, "y_train": Y} | arrays


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (_changed(x_train=np.where(X[7, 2] == X, np.nan, X)), "without NaN or infinity; got nan"),
        (_changed(x_train=np.where(X[7, 2] == X, np.inf, X)), "got inf in sample 7"),
        (_changed(y_train=Y - 1), "got label -1"),
        (_changed(y_train=Y * 2), "no training sample of class 1"),
        (_changed(class_names=["a", "b"]), "got label 2 with 2 class names"),
        (_changed(y_train=Y * 0), "at least two classes; got only class 0"),
        (_changed(y_train=Y[:-1]), "same length; got 60 samples and 59 labels"),
        (_changed(x_train=X[:, 0]), "got shape (60,)"),
        (_changed(x_train=X.reshape(60, 5, 1, 1, 1)), "got shape (60, 5, 1, 1, 1)"),
        (_changed(x_val=X[:0], y_val=Y[:0]), "x_val: A split must hold at least one sample"),
        ({"x_train": X, "y_val": X[:, 0]}, "key x_val must be present"),
        (_changed(x_train=X.astype(object)), "pickled Python objects"),
    ],
)
@pytest.mark.parametrize("space", [(), ("--space", "mlp")])
def test_data(no_trace, refused, arrays, sentence, space):
    np.savez(no_trace / "mine.npz", **arrays)
    assert sentence in refused("search", "--data", "mine.npz", *space)


def test_space_that_does_not_fit_the_data(no_trace, refused):
    np.savez(no_trace / "mine.npz", x_train=X, y_train=Y)
    sentence = refused("search", "--data", "mine.npz", "--space", "cnn")
    assert "does not fit samples of shape (5,)" in sentence


@pytest.mark.parametrize(
    "command",
    [
        ("resume", "nope"),
        ("front", "nope"),
        ("show", "nope", "--trial", "0"),
        ("export", "nope", "--pick", "knee", "--out", "fw"),
        ("resume", "../nope"),
        ("front", "nope/nope"),
    ],
)
def test_unknown_study(no_trace, refused, command):
    assert command[1] in refused(*command)
    assert not (no_trace / "fw").exists()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("nope",), "No such command 'nope' (see `autotiny --help`)."),
        (("show", "x"), "Missing option '--trial' (see `autotiny show --help`)."),
        (("front",), "Missing argument 'STUDY'"),
        (("front", "x", "--format", "xml"), "table, json, csv; got 'xml'"),
        (("export", "x", "--out", "y"), "exactly one"),
        (("export", "x", "--trial", "1", "--pick", "knee", "--out", "y"), "exactly one"),
        (("export", "x", "--pick", "knee", "--target", "z", "--out", "y"), "arduino, generic"),
        (("check", "nope.tflite"), "nope.tflite: No such file"),
        (("check", "."), ". is a folder"),
        (("check", "nope.tflite", "--flash", "-1KB"), "'-1KB'"),
        (("check", "nope.tflite", "--latency", "1ms"), "--device"),
        (("check", "nope.tflite", "--device", "nope"), "A device must be"),
    ],
)
def test_other_commands(no_trace, refused, command, sentence):
    assert sentence in refused(*command)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x1c\0\0\0TFL3", bytes(4000)])
def test_corrupt_model(no_trace, refused, content):
    (no_trace / "model.tflite").write_bytes(content)
    refused("check", "model.tflite", "--flash", "100KB")


def test_truncated_models(study, refused):
    whole = next(study.glob("artifacts/*")).read_bytes()
    for size in (16, len(whole) // 2, len(whole) - 1):
        (study.parent / "cut.tflite").write_bytes(whole[:size])
        refused("check", study.parent / "cut.tflite")


@pytest.mark.parametrize("where", ["file", "/proc/none"])
def test_studies_folder_that_cannot_be_written(folder, refused, monkeypatch, where):
    (folder / "file").write_text("mine")
    monkeypatch.setenv("AUTOTINY_STUDIES", where)
    assert "folder that can be written" in refused("search")
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_folder_that_is_not_a_study_is_left_alone(folder, refused):
    mine = folder / "studies" / "digits-cnn"
    mine.mkdir(parents=True)
    (mine / "notes").write_text("mine")
    assert "holds no study" in refused("search")
    assert [path.name for path in mine.parent.rglob("*")] == ["digits-cnn", "notes"]


def test_unknown_trial(study, refused):
    for number in ("12", "-1"):
        sentence = refused("show", "tiny", "--trial", number)
        assert f"got {number}, there are 0..11" in sentence
        refused("export", "tiny", "--trial", number, "--out", "fw")
    assert not (study.parent.parent / "fw").exists()


def test_unknown_pick(study, refused):
    sentence = refused("export", "tiny", "--pick", "best", "--out", "fw")
    assert "knee, score, flash, ram, latency, energy; got 'best'" in sentence


def test_output_folder(study, refused, cli):
    out = study.parent.parent / "fw"
    (out.parent / "file").write_text("mine")
    command = ("export", "tiny", "--trial", "0", "--out")
    assert "must be writable" in refused(*command, "file/fw")
    assert "is a file" in refused(*command, "file")
    out.mkdir()
    (out / "notes").write_text("mine")
    assert "must be new or empty" in refused(*command, out)
    assert "must be new or empty" in refused(*command, study)
    assert "neither" in refused(*command, out, "--force")
    assert [path.name for path in out.iterdir()] == ["notes"]


def test_lost_artifacts(study, refused, cli):
    for path in study.glob("artifacts/*"):
        path.unlink()
    assert "is gone" in refused("export", "tiny", "--trial", "0", "--out", "fw")
    code, _, err = cli("show", "tiny", "--trial", "0", "--test")
    assert code == 2
    assert "is gone" in err


def test_latency_for_a_study_without_a_clock(study, refused):
    assert "device with a clock" in refused("front", "tiny", "--latency", "1ms")


def test_new_study_over_an_old_one(study, refused, tiny):
    before = (study / "config.yaml").read_bytes()
    sentence = refused("search", *tiny, "--study", "tiny", "--trials", "3")
    assert "`autotiny resume tiny`" in sentence
    assert (study / "config.yaml").read_bytes() == before


@pytest.mark.parametrize("where", ["import", "call"])
def test_a_data_module_that_exits(no_trace, refused, where):
    body = "import sys\nsys.exit('no data here')\n"
    if where == "call":
        body = "import sys\ndef load():\n    sys.exit('no data here')\n"
    (no_trace / f"leaves_{where}.py").write_text(body)
    assert "SystemExit" in refused("search", "--data", f"leaves_{where}:load")


def test_features_that_never_differ(no_trace, refused):
    np.savez("same.npz", x=np.ones((60, 5), np.float32), y=Y)
    assert "Features must differ between samples" in refused("search", "--data", "same.npz")


def test_a_function_that_imports_tensorflow_adds_no_log_lines(folder, finish):
    lines = "import sys\nimport tensorflow\nprint('mine', file=sys.stderr)\n"
    (folder / "own.py").write_text(lines + "def load(seed=0):\n    return missing\n")
    code, out, err = finish("search", "--data", "own:load", cwd=folder)
    assert (code, out) == (2, "")
    mine, sentence = err.splitlines()
    assert mine == "mine"
    assert sentence.startswith("autotiny: own:load: the function must return a task; got NameError")
