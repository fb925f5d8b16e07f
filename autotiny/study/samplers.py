"""The samplers, seeded per trial: what a trial is proposed depends on its draw, not on who asks.

A *draw* numbers the candidates of a study from 0. It is the trial's number, but for trials that
repeat one whose process was killed: those take over its draw, so that a study that was interrupted
proposes and trains what an undisturbed one does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

from autotiny.study.given import GIVEN, given_of
from autotiny.study.sampling import quiet_optuna
from autotiny.study.seeds import Purpose, seed_for

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState

#: User attributes of a trial that repeats another: its draw, the repeated trial, how often so far.
DRAW, RETRY_OF, ATTEMPT = "draw", "retry_of", "attempt"
#: Of a trial that the user stopped, whose process was not killed.
INTERRUPTED = "interrupted"


def draw_of(trial: Any, trials: Sequence[Any]) -> int:
    """Return which candidate of its study a trial is, from 0.

    Args:
        trial: An Optuna trial.
        trials: All trials of the study; those with a smaller number exist before this one does, so
            the draw is the same whoever asks, and when.
    """
    if DRAW in trial.user_attrs:
        return int(trial.user_attrs[DRAW])
    repeated = sum(other.number < trial.number and RETRY_OF in other.user_attrs for other in trials)
    return int(trial.number) - int(repeated)


def anchor_of(trial: Any, trials: Sequence[Any]) -> int:
    """Return which of the proposed candidates a trial is: those that the user gave are not counted.

    Args:
        trial: An Optuna trial that was not given.
        trials: As ``draw_of`` takes them.
    """
    draw = draw_of(trial, trials)
    given = [other for other in trials if GIVEN in other.user_attrs]
    return draw - len({d for other in given if (d := draw_of(other, trials)) < draw})


def make_sampler(name: str, seed: int) -> Any:
    """Return an Optuna sampler by name; TPE models all parameters together.

    Args:
        name: ``tpe``, ``nsga2`` or ``random``.
        seed: Of its random numbers.
    """
    import optuna

    if name == "tpe":
        with quiet_optuna():
            return optuna.samplers.TPESampler(
                seed=seed, multivariate=True, group=True, n_startup_trials=8
            )
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=16)
    return optuna.samplers.RandomSampler(seed=seed)


class StudySampler(BaseSampler):
    """Proposes the anchors first, then what the named sampler, seeded by the draw, proposes."""

    def __init__(
        self, name: str, seed: int, anchors: Callable[[int], Mapping[str, Any] | None]
    ) -> None:
        """Keep what decides proposals.

        Args:
            name: As ``make_sampler`` takes it.
            seed: The study's.
            anchors: Returns the values of a draw that is not left to the sampler; else None. Draws
                are counted without the trials whose values the user gave.
        """
        self._name, self._seed, self._anchors = name, seed, anchors
        self._inner: tuple[int, BaseSampler] | None = None
        self._known: tuple[int, int, int] | None = None

    def infer_relative_search_space(
        self, study: "Study", trial: "FrozenTrial"
    ) -> dict[str, "BaseDistribution"]:
        """Return what is modelled together."""
        space: dict[str, BaseDistribution]
        space = self._of(study, trial).infer_relative_search_space(study, trial)
        if self._anchor(study, trial) is None:
            return space
        # Not of an anchor. But NSGA-II counts a trial among its parents only once it was asked.
        self._of(study, trial).sample_relative(study, trial, space)
        return {}

    def sample_relative(
        self, study: "Study", trial: "FrozenTrial", search_space: dict[str, "BaseDistribution"]
    ) -> dict[str, Any]:
        """Return the values that are modelled together."""
        if self._anchor(study, trial) is not None:
            return {}
        return dict(self._of(study, trial).sample_relative(study, trial, search_space))

    def sample_independent(
        self,
        study: "Study",
        trial: "FrozenTrial",
        param_name: str,
        param_distribution: "BaseDistribution",
    ) -> Any:
        """Return one value: the anchor's, where it names one."""
        anchor = self._anchor(study, trial)
        if anchor is not None and param_name in anchor:
            return anchor[param_name]
        return self._of(study, trial).sample_independent(
            study, trial, param_name, param_distribution
        )

    def after_trial(
        self,
        study: "Study",
        trial: "FrozenTrial",
        state: "TrialState",
        values: Sequence[float] | None,
    ) -> None:
        """Let the sampler store what it keeps of a trial, such as constraints."""
        self._of(study, trial).after_trial(study, trial, state, values)

    def _anchor(self, study: "Study", trial: "FrozenTrial") -> Mapping[str, Any] | None:
        if (given := given_of(trial.user_attrs)) is not None:
            return given
        return self._anchors(self._places(study, trial)[1])

    def _of(self, study: "Study", trial: "FrozenTrial") -> BaseSampler:
        """Return the sampler of one trial, the same object as long as it is asked about that."""
        if self._inner is None or self._inner[0] != trial.number:
            seed = seed_for(self._seed, self.draw(study, trial), Purpose.PROPOSAL)
            self._inner = trial.number, make_sampler(self._name, seed)
        return self._inner[1]

    def draw(self, study: "Study", trial: Any) -> int:
        """Return a trial's draw."""
        return self._places(study, trial)[0]

    def _places(self, study: "Study", trial: Any) -> tuple[int, int]:
        """Return a trial's draw and anchor, found once however many values it is asked for."""
        if self._known is None or self._known[0] != trial.number:
            trials = study.get_trials(deepcopy=False)
            self._known = trial.number, draw_of(trial, trials), anchor_of(trial, trials)
        return self._known[1:]
