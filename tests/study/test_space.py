import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from autotiny.candidate import Candidate
from autotiny.errors import InputError
from autotiny.hyperparameters import RULES
from autotiny.networks.families import build_network
from autotiny.study.sampling import anchor_parameters, suggest
from autotiny.study.space import Choices, Range, SearchSpace
from autotiny.study.space_files import parse_space, read_space, space_names
from autotiny.yaml_text import parse_yaml, read_yaml

#: Hyperparameters that every built-in space searches.
ASKED_FOR = {
    "width", "sparsity", "pruning_schedule", "precision_tolerance", "encoding_ram",
    "distillation_alpha", "distillation_temperature", "learning_rate", "epochs",
}  # fmt: skip
SHAPES = {"mlp": (13,), "autoencoder": (13,), "cnn1d": (40, 1, 3), "tcn": (40, 1, 3)}
IMAGE = (49, 10, 1)


def space(**parameters):
    return parse_space({"family": "mlp", "parameters": parameters}, "here")


@pytest.mark.parametrize("name", space_names())
def test_built_in_space(name):
    built_in = parse_space(read_space(name), name)
    assert built_in.family == name
    assert built_in.description.endswith(".")
    assert set(built_in.parameters) <= set(RULES)
    asked = {key for key, spec in built_in.parameters.items() if isinstance(spec, Range | Choices)}
    assert asked >= ASKED_FOR
    fixed = {key: spec for key, spec in built_in.parameters.items() if key not in asked}
    assert fixed == ({} if name == "autoencoder" else {"importance": "taylor"})
    network = build_network(name, built_in.base, SHAPES.get(name, IMAGE), 10)
    assert network.output_shape == (10,)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("1E5", 1e5), ("-2.5e3", -2500.0), (".5e1", 5.0), ("1.e2", 100.0),
     ("2e535b", "2e535b"), ("1e5f", "1e5f"), ("3", 3), ("0.5", 0.5),
     ("true", True), ("'1e-4'", "1e-4"), ("1e", "1e"), ("e-4", "e-4"),
     ("", None), ("[1e-4, 2]", [1e-4, 2])],
)  # fmt: skip
def test_yaml_numbers(text, value):
    parsed = parse_yaml(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_exponents_in_a_range():
    assert space(learning_rate=parse_yaml("{low: 1e-4, high: 1e-2, log: true}")).parameters[
        "learning_rate"
    ] == Range(low=1e-4, high=1e-2, log=True)


def test_yaml_runs_no_code():
    with pytest.raises(yaml.YAMLError):
        parse_yaml("!!python/object/apply:os.getcwd []")


@given(st.binary(max_size=200))
def test_any_file_is_a_mapping_or_one_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    sentence = "."
    try:
        assert isinstance(read_yaml(path), dict)
    except InputError as error:
        sentence = str(error)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_dropped_parameters_take_their_defaults():
    candidate = Candidate.from_parameters({})
    assert candidate.width == 1.0
    assert candidate.sparsity.final == 0.0
    assert candidate.distillation.alpha == 0.0
    assert candidate.epochs == RULES["epochs"].default


def legal_values(rule):
    if rule.kind == "choice":
        return st.sampled_from(rule.choices)
    if rule.kind == "int":
        return st.integers(int(rule.low), int(rule.high))
    return st.floats(rule.low, rule.high)


@st.composite
def specs(draw, name):
    """Anything a search space may legally say about a hyperparameter."""
    rule = RULES[name]
    values = legal_values(rule)
    kind = draw(st.sampled_from(["fixed", "choices", "range", "step", "log", "dropped"]))
    if kind == "dropped":
        return None
    if kind == "choices":
        return {"choices": draw(st.lists(values, min_size=1, max_size=4, unique=True))}
    if kind == "fixed" or rule.kind == "choice":
        return draw(values)
    low, high = sorted((draw(values), draw(values)))
    if kind == "log" and low > 0:
        return {"low": low, "high": high, "log": True}
    if kind == "step" and high - low >= 1e-3:
        step = 1 if rule.kind == "int" else draw(st.floats(1e-3, 1.0)) * (high - low)
        return {"low": low, "high": high, "step": step}
    return {"low": low, "high": high}


# A window for pruning that cannot be has a test of its own.
SPACES = st.fixed_dictionaries(
    {}, optional={name: specs(name) for name in RULES if name != "pruning_end"}
)


class Extremes:
    """Stands where Optuna's trial does and draws any legal value, the ends included."""

    def __init__(self, draw):
        self._draw = draw

    def suggest_categorical(self, name, choices):
        return self._draw(st.sampled_from(list(choices)))

    def suggest_int(self, name, low, high, *, step=1, log=False):
        assert low <= high
        return low + step * self._draw(st.integers(0, (high - low) // step))

    def suggest_float(self, name, low, high, *, step=None, log=False):
        assert low <= high
        if step is None:
            return self._draw(st.floats(low, high))
        return min(high, low + step * self._draw(st.integers(0, int((high - low) / step))))


@given(SPACES, st.data())
def test_candidates_of_any_legal_space_are_valid(parameters, data):
    legal = space(**parameters)
    chosen = suggest(Extremes(data.draw), legal)
    candidate = Candidate.from_parameters(chosen)
    for name, value in chosen.items():
        rule = RULES[name]
        if rule.kind == "choice":
            assert value in rule.choices
        else:
            assert rule.low <= value <= rule.high
    assert 0 < candidate.width <= 1
    assert 0 <= candidate.sparsity.final < 1
    assert 0 <= candidate.sparsity.begin <= candidate.sparsity.end <= 1
    assert candidate.sparsity.frequency >= 1
    assert 0 <= candidate.distillation.alpha <= 1
    assert candidate.distillation.temperature > 0
    assert candidate.learning_rate > 0
    assert candidate.epochs >= 1


@given(SPACES)
def test_anchors_lie_in_the_space(parameters):
    legal = space(**parameters)
    for anchor in anchor_parameters(legal):
        for name, value in anchor.items():
            spec = legal.parameters[name]
            if isinstance(spec, Choices):
                assert value in spec.choices
                continue
            assert spec.low <= value <= spec.high
            if spec.step is not None:
                steps = (value - spec.low) / spec.step
                assert steps == pytest.approx(round(steps), abs=1e-6)


@given(SPACES)
def test_a_space_survives_being_stored(parameters):
    legal = space(**parameters)
    stored = yaml.safe_dump(legal.model_dump(mode="json"))
    assert SearchSpace.model_validate(parse_yaml(stored)) == legal


def test_only_what_matters_is_asked_for():
    legal = parse_space(read_space("mlp"), "mlp")

    class Lowest:
        def suggest_categorical(self, name, choices):
            return choices[0]

        def suggest_float(self, name, low, high, **_):
            return low

        suggest_int = suggest_float

    chosen = suggest(Lowest(), legal)
    assert chosen["sparsity"] == chosen["distillation_alpha"] == 0
    assert not [name for name in chosen if name.startswith("pruning")]
    assert "distillation_temperature" not in chosen


def test_pruning_must_be_able_to_begin_before_it_ends():
    content = read_space("cnn")
    content["parameters"] |= {"pruning_begin": 0.9, "pruning_end": 0.8, "sparsity": 0.5}
    with pytest.raises(
        InputError, match=r"pruning_begin must be able to lie below .* 0\.9 at least"
    ):
        parse_space(content, "here")
    content["parameters"]["sparsity"] = 0.0
    parse_space(content, "here")
