"""What became of a candidate, as it is written into its Optuna trial."""

import dataclasses
from typing import Any

from autotiny.networks.precision import PrecisionPlan
from autotiny.pipeline import Scored
from autotiny.runtimes._base import Footprint
from autotiny.students import Artifact, Prepared
from autotiny.study.config import StudyConfig
from autotiny.study.elsewhere import as_stored, in_other_runtimes
from autotiny.study.front import TrialRecord, objective_value
from autotiny.study.storage import StudyFolder
from autotiny.tasks.metrics import METRICS


def record_rejected(trial: Any, config: StudyConfig, prepared: Prepared) -> list[float]:
    """Store a candidate that is over budget and return its objective values."""
    footprint = prepared.artifact.footprint
    _set_constraints(trial, config, footprint)
    _describe(trial, prepared.artifact, prepared.plan, prepared)
    # Its constraints say why it has no score.
    return _values(trial, config, footprint, config.score.worst)


def record_scored(
    trial: Any, config: StudyConfig, folder: StudyFolder, prepared: Prepared, scored: Scored
) -> list[float]:
    """Store a trained candidate and its files, and return its objective values."""
    artifact = scored.artifact
    # Constraints come before any value: a trial without them would count as feasible.
    _set_constraints(trial, config, artifact.footprint)
    files = {"model": artifact.model, "image": artifact.packed.image}
    stored = {
        name: folder.put_artifact(trial, f"{name}.tflite", content)
        for name, content in files.items()
    }
    trial.set_user_attr("artifacts", stored)
    bound = prepared.artifact.footprint
    trial.set_user_attr("predicted", {"flash_bytes": bound.flash_bytes})
    trial.set_user_attr("accuracy", scored.score)  # as 0.1.0 calls any score
    _describe(trial, artifact, scored.plan, prepared)
    grow = prepared.candidate.encoding_ram == "budget"
    elsewhere = in_other_runtimes(config, artifact.model, grow_arena=grow)
    trial.set_user_attr("elsewhere", as_stored(elsewhere))
    return _values(trial, config, artifact.footprint, scored.score)


def _describe(trial: Any, artifact: Artifact, plan: PrecisionPlan, prepared: Prepared) -> None:
    trial.set_user_attr("footprint", dataclasses.asdict(artifact.footprint))
    trial.set_user_attr("encodings", dict(artifact.packed.encodings))
    trial.set_user_attr("plan", {layer: str(precision) for layer, precision in plan.items()})
    dropped = dict(prepared.dropped)
    if set(artifact.packed.encodings.values()) != {"int8"}:  # Huffman codes paid after training
        dropped.pop("encoding_ram", None)
    if dropped:
        trial.set_user_attr("dropped", dropped)


def _set_constraints(trial: Any, config: StudyConfig, footprint: Footprint) -> None:
    """Tell Optuna by what share each limit is overspent: it adds these up."""
    for name, excess in config.budget.relative_excess(footprint).items():
        trial.set_constraint(name, excess)


def _values(trial: Any, config: StudyConfig, footprint: Footprint, score: float) -> list[float]:
    record = TrialRecord(trial.number, {}, footprint, score, None, {}, {}, {}, 0.0)
    # Optuna is told the score itself, under its direction.
    return [
        score if name in METRICS else objective_value(record, name) for name in config.objectives
    ]
