"""Given trials among proposed ones: whose turn it is, and what a sampler is told."""

from autotiny.study.config import StudyConfig
from autotiny.study.given import complete_setting, in_space, split_assignments
from autotiny.study.samplers import anchor_of, draw_of
from autotiny.study.search import Search
from autotiny.study.space_files import parse_space, read_space


def test_settings_and_sections_are_told_apart():
    setting, sections = split_assignments(
        ("width=1", "base.filters=[4]", "epochs=3", "training.epochs=2", "parameters.sparsity=0.5")
    )
    assert setting == {"width": 1.0, "epochs": 3, "sparsity": 0.5}
    assert isinstance(setting["width"], float)
    assert sections == ("base.filters=[4]", "training.epochs=2")


def test_what_cannot_matter_is_left_out_unless_it_is_given():
    space = parse_space(read_space("cnn"), "cnn")
    config = StudyConfig(study="s", data="digits", space=space)
    plain = complete_setting({"width": 0.5}, config)
    assert (plain["width"], plain["learning_rate"]) == (0.5, 0.002)
    assert plain["importance"] == "taylor"  # as the space says
    assert "pruning_schedule" not in plain
    assert complete_setting({"sparsity": 0.5}, config)["pruning_schedule"] == "polynomial"
    assert complete_setting({"pruning_begin": 0.1}, config)["pruning_begin"] == 0.1


def test_a_teacher_of_the_users_teaches_unless_it_is_told_not_to():
    space = parse_space({"family": "mlp", "parameters": {"width": 1.0}}, "a space")
    config = StudyConfig(study="s", data="digits", space=space)
    taught = config.model_copy(update={"teacher": "big.keras"})
    assert "distillation_alpha" not in complete_setting({}, config)
    assert complete_setting({}, taught)["distillation_alpha"] == 0.5
    assert complete_setting({"distillation_alpha": 0.0}, taught)["distillation_alpha"] == 0.0


def test_optuna_is_told_what_the_space_could_propose(study):
    search = Search.open("tiny")
    within = complete_setting(
        search.records()[0].parameters | {"width": 0.5, "epochs": 2}, search.config
    )
    record = search.attempt(within)
    told = search._optuna.get_trials()[-1].params
    assert told["width"] == 0.5
    assert told.items() <= record.parameters.items()
    for name, value in (("sparsity", 0.413), ("width", 0.02), ("epochs", 1), ("mixup", 0.2)):
        assert in_space(within, search.config.space)
        assert not in_space(within | {name: value}, search.config.space)
    record = search.attempt(within | {"sparsity": 0.413})
    assert record.parameters["sparsity"] == 0.413  # between two steps of the range
    assert search._optuna.get_trials()[-1].params == {}


def test_a_trial_is_made_again_only_where_it_is_wanted(study):
    search = Search.open("tiny")
    first = search.attempt({"epochs": 1})
    assert search.attempt({"epochs": 1}, again=False).number == first.number
    second = search.attempt({"epochs": 1})
    assert second.number == first.number + 1
    # Its own draw, so its own seed.
    trials = search._optuna.get_trials()
    assert [draw_of(trial, trials) for trial in trials[-2:]] == [first.number, second.number]


def test_given_trials_take_no_anchor_away(study):
    search = Search.open("tiny")
    search.attempt({"epochs": 1})
    trials = search._optuna.get_trials()
    asked = search._optuna.ask()
    assert draw_of(asked, trials) == 13
    assert anchor_of(asked, trials) == 12
