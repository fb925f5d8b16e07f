"""The Optuna study: asking for candidates, telling what became of them, resuming.

The only module that knows how a search proceeds. A trial that is over budget is told its footprint
as constraints and never trained. Random choices depend on the study's seed and the trial's draw
(see ``samplers``), so an interrupted and resumed study ends like one that ran through.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from autotiny.base_model import BaseModel
from autotiny.budget.limits import Budget
from autotiny.candidate import Candidate
from autotiny.compression.depth import BlockCost
from autotiny.compression.sensitivity import Sensitivity
from autotiny.errors import CandidateError, InputError
from autotiny.evaluation import device_score
from autotiny.hyperparameters import Value
from autotiny.networks.graph import Network
from autotiny.pipeline import Pipeline
from autotiny.readers.model_file import runs_code as model_runs_code
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Runtime
from autotiny.study import once
from autotiny.study.config import StudyConfig
from autotiny.study.creation import resolved
from autotiny.study.front import TrialRecord, feasible, pareto_front
from autotiny.study.given import ANYWAY, GIVEN, complete_setting, fixed_space, given_of, tell
from autotiny.study.interrupted import close_interrupted
from autotiny.study.once import build_base_network
from autotiny.study.progress import OnProgress, Progress
from autotiny.study.recording import record_rejected, record_scored
from autotiny.study.road import Road
from autotiny.study.sampling import (
    MOST_ANCHORS,
    anchor_parameters,
    fixed_parameters,
    quiet_optuna,
    suggest,
)
from autotiny.study.seeds import Purpose, seed_for
from autotiny.study.storage import StudyFolder, device_key, record_from_trial
from autotiny.study.teaching import keep_teacher, kept_teacher
from autotiny.study.trust import facts_of, is_trusted, require_trusted, sign
from autotiny.tasks import Task, load_task, runs_code
from autotiny.teacher import Teacher

#: A search goes on after a candidate that fails, but not after so many in a row: a few unforeseen
#: errors, or many candidates of which each cannot be finished for a reason of its own.
_MOST_ERRORS, _MOST_LOST = 3, 25


class Search:
    """One study, open for searching or looking."""

    def __init__(self, folder: StudyFolder, config: StudyConfig, *, trusted: bool = False) -> None:
        # As it is read back from disk: caches are keyed by what it holds, to the last detail.
        self.config = StudyConfig.model_validate(config.model_dump(mode="json"))
        self.folder, self._trusted = folder, trusted
        self._optuna = folder.open_optuna()
        self._found_anchors: list[dict[str, Any]] | None = None

    @classmethod
    def create(cls, config: StudyConfig) -> "Search":
        """Start a new study; its data is loaded and checked before anything is written.

        Raises:
            InputError: If the data is bad, the study exists, or its folder cannot be written.
        """
        config, task, teacher = resolved(config)
        search = cls(StudyFolder.create(config), config)
        if teacher is not None:
            keep_teacher(search.config, teacher, search.folder.cache)
        search.__dict__["task"] = task
        sign(search.folder.path, *facts_of(config))
        return search

    @classmethod
    def open(cls, name: str, *, trusted: bool = False) -> "Search":
        """Open an existing study.

        Args:
            name: Of the study.
            trusted: Code that the study names may run, from now on.

        Raises:
            InputError: If there is none or it is damaged.
        """
        folder = StudyFolder.open(name)
        return cls(folder, folder.config(), trusted=trusted)

    @cached_property
    def task(self) -> Task:
        """The study's data.

        Raises:
            InputError: If it is no longer the data the study was started with, or would come from
                code that a study of another machine names.
        """
        facts = facts_of(self.config)
        if self._trusted:
            sign(self.folder.path, *facts)
        elif runs_code(self.config.data):
            require_trusted(self.folder.path, *facts)
        config = self.config
        task = load_task(config.data, seed=config.seed, options=config.task_options)
        if task.fingerprint != self.config.fingerprint:
            now, was = task.digests, self.config.arrays
            changed = [
                f"{name} is {digest} and was {was[name]}"
                for name, digest in now.items()
                if was.get(name, digest) != digest
            ]
            raise InputError(
                f"A study must go on with the data it was started with; {self.config.data!r} has "
                f"changed: {'; '.join(changed) or 'its class names differ'} (shape and SHA-256)."
            )
        return task if config.input_shape is None else task.shaped(config.input_shape)

    @cached_property
    def base_network(self) -> Network:
        """The base model's layers; trains nothing."""
        if self.config.model is None:
            return build_base_network(self.task, self.config.space)
        return self.base_model().network

    @cached_property
    def runtime(self) -> Runtime:
        """What the study's models run in; those from elsewhere where they cannot crash us."""
        trusted = self._trusted or is_trusted(self.folder.path, *facts_of(self.config))
        return get_runtime(self.config.runtime, trusted=trusted)

    def records(self) -> list[TrialRecord]:
        """Return every finished trial, in order."""
        import optuna

        attributes = self._optuna.user_attrs
        complete = self._trials(optuna.trial.TrialState.COMPLETE)
        with self.folder.readable():
            metric = self.config.score
            return [record_from_trial(trial, attributes, metric) for trial in complete]

    def _trials(self, state: Any) -> list[Any]:
        """Return the Optuna trials of one state, in order."""
        with self.folder.readable():
            return list(self._optuna.get_trials(deepcopy=False, states=(state,)))

    def record(self, number: int) -> TrialRecord:
        """Return one finished trial.

        Raises:
            InputError: If there is none of that number.
        """
        records = self.records()
        for record in records:
            if record.number == number:
                return record
        have = f"0..{records[-1].number}" if records else "none yet"
        raise InputError(
            f"A trial must have finished in study {self.folder.name!r}; got {number}, "
            f"there are {have}."
        )

    def front(
        self, budget: Budget | None = None, records: Sequence[TrialRecord] | None = None
    ) -> list[TrialRecord]:
        """Return the front of trials under a budget, scored by the runtime.

        Members are scored in the target's own runtime, which may move them; that is repeated until
        every member of the front has such a score.

        Args:
            budget: The study's own by default.
            records: The study's own by default.
        """
        budget = budget or self.config.budget
        records = self.records() if records is None else records
        while True:
            front = pareto_front(feasible(records, budget), self.config.objectives)
            unscored = {record.number for record in front if record.device_score is None}
            if not unscored:
                return front
            records = [self.scored(r) if r.number in unscored else r for r in records]

    def scored(self, record: TrialRecord) -> TrialRecord:
        """Return a trial with its score in the runtime, which is kept."""
        score = self.device_score(record)
        self._optuna.set_user_attr(device_key(record.number), score)
        return dataclasses.replace(record, device_score=score)

    def device_score(self, record: TrialRecord) -> float:
        """Return a trial's validation score in the target's runtime, measured if not known.

        Raises:
            InputError: If the trial was never trained or its files are gone.
        """
        if record.device_score is not None:
            return record.device_score
        model, image = (self.folder.get_artifact(record, kind) for kind in ("model", "image"))
        return device_score(self.runtime, model, image, self.task.validation, self.task.goal)

    def run(self, *, trials: int | None = None, on_progress: OnProgress = lambda _: None) -> None:
        """Search until the study has the asked number of trials or its time is up.

        Args:
            trials: How many trials the study shall have in all; the stored number by default.
            on_progress: Told whenever something happened.

        Raises:
            KeyboardInterrupt: On Ctrl-C; every finished trial is stored.
            Exception: What stopped a candidate, if too many in a row were stopped.
        """
        total = trials or self.config.trials
        with self.folder.lock():
            close_interrupted(self._optuna, self.folder)
            started = time.monotonic()
            pipeline: Pipeline | None = None
            lost = odd = 0  # failures in a row: of candidates, and unforeseen ones
            while (done := len(self.records())) < total:
                timeout = self.config.timeout_s
                if timeout is not None and time.monotonic() - started > timeout:
                    break
                pipeline = pipeline or self.pipeline(on_progress)
                try:
                    record = self._trial(pipeline, on_progress)
                except Exception as error:
                    lost += 1
                    odd = 0 if isinstance(error, CandidateError) else odd + 1
                    if lost >= _MOST_LOST or odd >= _MOST_ERRORS:
                        raise
                    on_progress(Progress("error", done, total, error=str(error)))
                    continue
                lost = odd = 0
                on_progress(Progress("trial", done + 1, total, record))

    def attempt(
        self,
        setting: Mapping[str, Value],
        *,
        anyway: bool = False,
        again: bool = True,
        on_progress: OnProgress = lambda _: None,
    ) -> TrialRecord:
        """Add a trial with given hyperparameters and return it.

        Trials whose process was killed come first; one with the same hyperparameters is the trial.

        Args:
            setting: Hyperparameters; the others take their defaults, whatever the space.
            anyway: Train it even if it is over the budget.
            again: Make another one even if there is one with these hyperparameters.
            on_progress: Told whenever something happened.

        Raises:
            Exception: What stopped the candidate.
        """
        import optuna

        given = complete_setting(setting, self.config)
        attributes = {GIVEN: given} | ({ANYWAY: True} if anyway else {})
        with self.folder.lock():
            if not again:
                for record in self.records():
                    if record.parameters == given:
                        return record
            close_interrupted(self._optuna, self.folder)
            waiting = self._trials(optuna.trial.TrialState.WAITING)
            if given not in [given_of(trial.user_attrs) for trial in waiting]:
                self._optuna.enqueue_trial({}, user_attrs=attributes)
            while (record := self._trial(None, on_progress)).parameters != given:
                pass
        return record

    def pipeline(
        self,
        on_progress: OnProgress = lambda _: None,
        given: Mapping[str, Value] | None = None,
    ) -> Pipeline:
        """Return the candidates' road; base model and sensitivity come from the cache if there.

        Args:
            on_progress: Told of what is not there yet.
            given: Hyperparameters of the only candidate, where it is not one of the search space.
        """
        return self._road(on_progress, given).pipeline()

    def sensitivity(self, on_progress: OnProgress = lambda _: None) -> tuple[Sensitivity, ...]:
        """Return the sensitivity table of the base model."""
        return self._road(on_progress).sensitivity()

    def blocks(self, on_progress: OnProgress = lambda _: None) -> tuple[BlockCost, ...]:
        """Return what skipping each block of the base model costs."""
        return self._road(on_progress).blocks()

    def _road(self, on_progress: OnProgress, given: Mapping[str, Value] | None = None) -> Road:
        base, config = self.base_model(on_progress), self.config
        if given is not None:
            config = config.model_copy(update={"space": fixed_space(config.space, given)})
        cache, teacher = self.folder.cache, self.teacher()
        return Road(config, self.task, self.runtime, cache, base, on_progress, teacher)

    def base_model(self, on_progress: OnProgress = lambda _: None) -> BaseModel:
        """Return the base model: trained, or the user's own; from the cache if it is there.

        Raises:
            InputError: If the user's own is no longer the one the study was started with.
        """
        self._require_trusted(self.config.model)
        return once.base_model(self.config, self.task, self.folder.cache, on_progress)

    def teacher(self) -> Teacher | None:
        """Return the study's own teacher, as the study keeps it; None if the base model teaches."""
        self._require_trusted(self.config.teacher)
        return kept_teacher(self.config, self.task, self.folder.cache)

    def _require_trusted(self, model: str | None) -> None:
        """Refuse to run a user's function that makes a model, unless it may run."""
        if model is not None and model_runs_code(model) and not self._trusted:
            require_trusted(self.folder.path, *facts_of(self.config), names=model)

    def errors(self) -> int:
        """Return how many candidates ended in an error: they count as drawn, not as trials."""
        import optuna

        failed = self._trials(optuna.trial.TrialState.FAIL)
        return sum("error" in trial.user_attrs for trial in failed)

    def _anchors(self, pipeline: Pipeline) -> list[dict[str, Any]]:
        """Return the first candidates; they depend on the study alone, so they are found once."""

        def fits(parameters: dict[str, Any]) -> bool:
            fixed = fixed_parameters(self.config.space)
            prepared = pipeline.prepare(Candidate.from_parameters(fixed | parameters))
            return self.config.budget.fits(prepared.artifact.footprint)

        if self._found_anchors is None:
            self._found_anchors = anchor_parameters(self.config.space, fits)
        return self._found_anchors

    def _sampler(self, pipeline: Pipeline | None, on_progress: OnProgress) -> Any:
        """Return what proposes the candidates of this study."""
        from autotiny.study.samplers import StudySampler

        def anchor(draw: int) -> dict[str, Any] | None:
            if draw >= MOST_ANCHORS:
                return None
            anchors = self._anchors(pipeline or self.pipeline(on_progress))
            return anchors[draw] if draw < len(anchors) else None

        return StudySampler(self.config.sampler, self.config.seed, anchor)

    def _trial(self, pipeline: Pipeline | None, on_progress: OnProgress) -> TrialRecord:
        """Run the next candidate: one that waits, or one that is proposed.

        Args:
            pipeline: Of the search space; made if it is needed and not there.
            on_progress: Told of every step.
        """
        import optuna

        from autotiny.study.samplers import INTERRUPTED

        with quiet_optuna():
            self._optuna.sampler = sampler = self._sampler(pipeline, on_progress)
            trial = self._optuna.ask()
            if (given := given_of(trial.user_attrs)) is None:
                candidate = Candidate.from_parameters(suggest(trial, self.config.space))
            else:
                tell(trial, given, self.config.space)
                candidate = Candidate.from_parameters(given)
        draw = sampler.draw(self._optuna, trial)
        try:
            if given is not None or pipeline is None:
                pipeline = self.pipeline(on_progress, given)
            prepared = pipeline.prepare(candidate)
            fits = self.config.budget.fits(prepared.artifact.footprint)
            if not fits and ANYWAY not in trial.user_attrs:
                values = record_rejected(trial, self.config, prepared)
            else:
                epochs = prepared.candidate.epochs + prepared.grid_epochs
                scored = pipeline.finish(
                    prepared,
                    seed=seed_for(self.config.seed, draw, Purpose.TRAINING),
                    on_epoch=lambda epoch, _: on_progress(Progress("train", epoch, epochs)),
                )
                values = record_scored(trial, self.config, self.folder, prepared, scored)
        except KeyboardInterrupt:
            trial.set_user_attr(INTERRUPTED, True)
            raise
        except Exception as error:
            trial.set_user_attr("error", f"{type(error).__name__}: {error}")
            self._optuna.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise
        self._optuna.tell(trial, values)
        return self.record(trial.number)
