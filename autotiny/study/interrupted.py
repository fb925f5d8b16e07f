"""Trials whose process was killed: closed, and their draws tried again."""

from typing import TYPE_CHECKING, Any

from autotiny.study.given import ANYWAY, GIVEN
from autotiny.study.samplers import ATTEMPT, DRAW, INTERRUPTED, RETRY_OF, draw_of
from autotiny.study.storage import StudyFolder

if TYPE_CHECKING:
    from optuna import Study

#: How often a candidate is tried whose process is killed every time.
_MOST_ATTEMPTS = 3


def close_interrupted(study: "Study", folder: StudyFolder) -> None:
    """Close trials that a killed process left running, and have their draws tried again.

    Parameters of proposed ones come again by themselves, since the sampler is seeded by the draw;
    those that the user gave are kept.

    Args:
        study: The Optuna study, locked.
        folder: Where it is.
    """
    import optuna

    with folder.readable():
        trials = study.get_trials(deepcopy=False)
    repeated = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in [t for t in trials if t.state == optuna.trial.TrialState.RUNNING]:
        killed = INTERRUPTED not in trial.user_attrs
        attempt = int(trial.user_attrs.get(ATTEMPT, 1)) + killed
        again: dict[str, Any]
        again = {DRAW: draw_of(trial, trials), RETRY_OF: trial.number, ATTEMPT: attempt}
        again |= {key: trial.user_attrs[key] for key in (GIVEN, ANYWAY) if key in trial.user_attrs}
        if attempt > _MOST_ATTEMPTS:
            reason = f"its process was killed {_MOST_ATTEMPTS} times"
            # Optuna's own object of a trial that another process began.
            optuna.trial.Trial(study, trial._trial_id).set_user_attr("error", reason)
        elif trial.number not in repeated:
            # Before the old one is closed: a kill between the two must not lose the draw.
            study.enqueue_trial({}, user_attrs=again)
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
