"""What a trial is proposed depends on the study's seed and the trial's draw alone."""

import warnings

import optuna
import pytest

from autotiny.study.samplers import ATTEMPT, DRAW, RETRY_OF, StudySampler, draw_of
from autotiny.study.sampling import suggest
from autotiny.study.space_files import parse_space, read_space

SPACE = parse_space(read_space("mlp"), "here")
SAMPLERS = ("tpe", "nsga2", "random")


def study_of(name, seed, storage=None, anchors=()):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = StudySampler(name, seed, lambda d: anchors[d] if d < len(anchors) else None)
        return optuna.create_study(
            study_name="s", storage=storage, load_if_exists=True, sampler=sampler,
            directions=["maximize", "minimize"],
        )  # fmt: skip


def proposals(name, seed, count, anchors=()):
    """Run trials whose values depend on their parameters; return these."""
    study = study_of(name, seed, anchors=anchors)
    found = []
    for _ in range(count):
        trial = study.ask()
        found.append(tuple(sorted(suggest(trial, SPACE).items())))
        study.tell(trial, [trial.params["width"] ** 0.5, trial.params["width"]])
    return found


@pytest.mark.parametrize("name", SAMPLERS)
def test_neighbouring_seeds_share_no_candidate(name):
    first, again, other = (proposals(name, seed, 20) for seed in (0, 0, 1))
    assert first == again
    assert len(set(first)) == len(first)
    assert not set(first) & set(other)


@pytest.mark.parametrize("name", SAMPLERS)
def test_workers_that_ask_before_either_tells_get_two_candidates(name, tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    workers = [study_of(name, 0, storage) for _ in range(2)]
    for _ in range(6):
        trials = [worker.ask() for worker in workers]
        asked = [suggest(trial, SPACE) for trial in trials]
        assert asked[0] != asked[1]
        for worker, trial in zip(workers, trials, strict=True):
            worker.tell(trial, [trial.params["width"], trial.params["width"]])


def test_anchors_come_first_whoever_asks(tmp_path):
    anchors = [{"width": 1.0}, {"width": 0.5, "sparsity": 0.0}]
    storage = f"sqlite:///{tmp_path}/study.db"
    workers = [study_of("tpe", 0, storage, anchors) for _ in range(2)]
    asked = [suggest(worker.ask(), SPACE) for worker in workers]
    assert [values["width"] for values in asked] == [1.0, 0.5]
    assert asked[1]["sparsity"] == 0.0
    assert suggest(workers[0].ask(), SPACE)["width"] not in (1.0, 0.5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_repeated_trial_is_proposed_what_the_lost_one_was(name):
    whole = proposals(name, 3, 12, anchors=[{"width": 1.0}])
    study = study_of(name, 3, anchors=[{"width": 1.0}])
    found = []
    while len(found) < 12:
        trial = study.ask()
        asked = tuple(sorted(suggest(trial, SPACE).items()))
        if trial.number in (0, 5, 10):  # killed: tried again, under the same draw
            draw = draw_of(trial, study.get_trials())
            again = {DRAW: draw, RETRY_OF: trial.number, ATTEMPT: 2}
            study.enqueue_trial({}, user_attrs=again)
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        found.append(asked)
        study.tell(trial, [trial.params["width"] ** 0.5, trial.params["width"]])
    assert found == whole


def test_anchors_are_parents_too():
    """NSGA-II breeds from the trials that it has given a generation."""
    study = study_of("nsga2", 0, anchors=[{"width": 1.0}, {"width": 0.5}])
    for _ in range(4):
        trial = study.ask()
        suggest(trial, SPACE)
        study.tell(trial, [trial.params["width"], trial.params["width"]])
    generations = [
        [value for key, value in trial.system_attrs.items() if "generation" in key]
        for trial in study.get_trials()
    ]
    assert generations == [[0]] * 4
