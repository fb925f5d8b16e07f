"""Parts of a search that need no training; whole searches are in ``tests/cli/test_search.py``."""

import pytest
from optuna.trial import TrialState

from autotiny.errors import DivergedError
from autotiny.study.front import objective_value
from autotiny.study.interrupted import close_interrupted
from autotiny.study.resolving import resolve_config
from autotiny.study.samplers import draw_of
from autotiny.study.sampling import anchor_parameters, fixed_parameters
from autotiny.study.search import Search
from autotiny.study.space_files import parse_space, read_space


def test_records_tell_what_was_stored(study, tiny_trials):
    search = Search.open("tiny")
    records = search.records()
    assert [r.number for r in records] == list(range(tiny_trials))
    for record in records:
        assert 0 <= record.litert_score <= 1
        assert record.seconds > 0
        assert set(record.artifacts) == {"model", "image"}
        assert record.encodings
        assert record.footprint.origins["model_bytes"] == "measured"


def test_optuna_is_told_the_objectives_and_constraints(study):
    search = Search.open("tiny")
    for trial, record in zip(search._optuna.get_trials(), search.records(), strict=True):
        told = [-trial.values[0], *trial.values[1:]]
        assert told[1:] == [objective_value(record, name) for name in ("flash", "ram")]
        assert told[0] == -record.litert_score


def test_constraints_are_shares_of_their_limits(folder):
    """So that 64 B too much weigh less than ten times too slow: Optuna adds them up."""
    options = {"study": "a", "space": "mlp", "device": "stm32l4r5zi", "sampler": "random"}
    options |= {"flash": "30KB", "latency": "1us", "trials": 2}
    search = Search.create(
        resolve_config(options, config_file=None, assignments=("base.units=[8]",))
    )
    search.run()
    for trial, record in zip(search._optuna.get_trials(), search.records(), strict=True):
        told = trial.constraints
        assert told["flash_bytes"] == pytest.approx(record.footprint.flash_bytes / 30720 - 1)
        assert told["latency_s"] == pytest.approx(record.footprint.latency_s / 1e-6 - 1)
        assert record.litert_score is None


def test_a_killed_candidate_is_tried_again_but_not_for_ever(study):
    search = Search.open("tiny")
    search._optuna.ask()  # as a process that is killed leaves it
    for attempt in (2, 3):
        close_interrupted(search._optuna, search.folder)
        again = search._optuna.ask()
        assert again.user_attrs == {"draw": 12, "retry_of": 10 + attempt, "attempt": attempt}
    close_interrupted(search._optuna, search.folder)
    assert search.errors() == 1
    last = search._optuna.get_trials()[-1]
    assert last.user_attrs["error"] == "its process was killed 3 times"
    assert draw_of(search._optuna.ask(), search._optuna.get_trials()) == 13


def test_a_retry_is_asked_for_once(study):
    """Also by a process that is killed between asking and closing."""
    search = Search.open("tiny")
    lost = search._optuna.ask()
    search._optuna.enqueue_trial({}, user_attrs={"draw": 12, "retry_of": lost.number})
    close_interrupted(search._optuna, search.folder)
    waiting = search._optuna.get_trials(states=(TrialState.WAITING,))
    assert len(waiting) == 1


def test_first_candidates_are_the_anchors(study):
    search = Search.open("tiny")
    anchors = anchor_parameters(search.config.space)
    assert [anchor["width"] for anchor in anchors] == [1.0, 0.5, 1.0, 1.0, 0.25]
    for record, anchor in zip(search.records(), anchors, strict=False):
        assert record.parameters.items() <= anchor.items()
    assert [record.parameters["sparsity"] for record in search.records()[:5]] == [0, 0, 0, 0.75, 0]


def test_anchors_of_a_narrow_or_fixed_space():
    content = read_space("mlp")
    content["parameters"]["width"] = {"low": 0.3, "high": 0.4}
    anchors = anchor_parameters(parse_space(content, "here"))
    assert [anchor["width"] for anchor in anchors] == [0.4, 0.3, 0.4, 0.4]
    content["parameters"] = {"width": 0.5, "epochs": None}
    assert anchor_parameters(parse_space(content, "here")) == []


def test_anchors_are_the_widest_that_fit():
    space = parse_space(read_space("cnn"), "here")

    def fits(parameters):
        assert set(parameters) == set(space.parameters) - set(fixed_parameters(space))
        return parameters["width"] <= (0.8 if parameters["sparsity"] else 0.6)

    anchors = anchor_parameters(space, fits)
    uncompressed, half, few_bits, sparse, _ = (anchor["width"] for anchor in anchors)
    assert 0.58 < uncompressed <= 0.6
    assert half == pytest.approx(uncompressed / 2)
    assert few_bits == uncompressed
    assert 0.78 < sparse <= 0.8
    none_fit = anchor_parameters(space, lambda _: False)
    assert {anchor["width"] for anchor in none_fit} == {0.15}


@pytest.mark.parametrize("name", ["nsga2", "random"])
def test_other_samplers_search_alike_from_one_seed(folder, name):
    """Every trial is rejected untrained, which is quick; TPE's are in the search's tests."""

    def search(study):
        config = resolve_config(
            {"study": study, "space": "mlp", "sampler": name, "flash": "1KB", "trials": 6},
            config_file=None,
            assignments=("base.units=[8]",),
        )
        made = Search.create(config)
        steps = []
        made.run(on_progress=steps.append)
        assert [s.done for s in steps if s.stage == "trial"] == [1, 2, 3, 4, 5, 6]
        return [r.parameters for r in made.records()]

    assert search("a") == search("b")


def test_failing_candidates_are_left_out_until_several_fail_in_a_row(study, monkeypatch):
    search, heard = Search.open("tiny"), []

    class Broken:
        def prepare(self, candidate):
            raise ZeroDivisionError("broken")

    monkeypatch.setattr(Search, "pipeline", lambda self, on_progress: Broken())
    with pytest.raises(ZeroDivisionError):
        search.run(trials=14, on_progress=heard.append)
    assert len(search.records()) == 12
    failed = search._optuna.get_trials()[12:]
    assert [t.state.name for t in failed] == ["FAIL"] * 3
    assert failed[0].user_attrs["error"] == "ZeroDivisionError: broken"
    assert [step.error for step in heard] == ["broken", "broken"]
    # Each counts as drawn: the next candidate is another one.
    assert failed[0].params != failed[1].params
    assert search.errors() == 3


def test_timeout_asks_for_no_more(study, monkeypatch):
    search = Search.open("tiny")
    search.config = search.config.model_copy(update={"timeout_s": 1e-9})
    monkeypatch.setattr(Search, "pipeline", lambda *_: pytest.fail("a trial was asked for"))
    search.run(trials=20)
    assert len(search.records()) == 12


def test_a_candidate_that_the_user_stops_is_tried_as_often_as_that(study, monkeypatch):
    search = Search.open("tiny")

    class Long:
        def prepare(self, candidate):
            raise KeyboardInterrupt

    monkeypatch.setattr(Search, "pipeline", lambda self, on_progress: Long())
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            search.run(trials=14)
    assert search.errors() == 0
    close_interrupted(search._optuna, search.folder)
    again = search._optuna.ask()
    assert (again.user_attrs["draw"], again.user_attrs["attempt"]) == (12, 1)


def test_candidates_that_fail_for_a_reason_of_their_own_do_not_count_with_others(
    study, monkeypatch
):
    search, heard = Search.open("tiny"), []
    errors = iter([*[DivergedError("nan")] * 8, OSError("odd")] * 3)

    class Failing:
        def prepare(self, candidate):
            raise next(errors)

    monkeypatch.setattr(Search, "pipeline", lambda self, on_progress: Failing())
    with pytest.raises(DivergedError):
        search.run(trials=14, on_progress=heard.append)
    assert search.errors() == 25
