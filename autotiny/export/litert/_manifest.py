"""What a folder for Linux boards says about itself; no times and no paths."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import autotiny
from autotiny.export._manifest import LITERT_FORMAT, plain


@dataclass(frozen=True)
class LitertModel:
    """One model file.

    Attributes:
        file: Its name.
        title: How its weights are stored and what it computes in.
        activations: Element type of what layers give.
        model_bytes: Size of the file.
        scores: ``validation_accuracy`` and ``test_accuracy``, or another metric.
        test: What else outputs on test data tell: confusion matrix, recall, errors.
        threshold: Of anomalies: the mean squared error above which a sample is one, chosen on
            validation data; None where nothing is decided by one.
        origins: Figure to how it is known.
    """

    file: str
    title: str
    activations: str
    model_bytes: int
    scores: Mapping[str, float]
    test: Mapping[str, Any]
    threshold: float | None
    origins: Mapping[str, str]


@dataclass(frozen=True)
class LitertManifest:
    """Content of ``manifest.json``.

    Attributes:
        project: As the user calls it.
        source: Where the model comes from, as a person would say it.
        study: Name of the study, if it comes from one.
        trial: Number of the trial, likewise.
        parameters: Hyperparameters of the trial.
        runtime: ``litert``.
        task: Kind of the task.
        metric: What the scores are.
        names: Of classes, labels or values.
        input_shape: Of a sample, without batch.
        models: Form of the weights to its file and figures.
        measured_in: What scores were measured in.
        files: SHA-256 by path of every file but the manifest.
        versions: Python packages by name.
    """

    project: str
    source: str
    study: str | None
    trial: int | None
    parameters: Mapping[str, Any]
    runtime: str
    task: str
    metric: str
    names: tuple[str, ...]
    input_shape: tuple[int, ...]
    models: Mapping[str, LitertModel]
    measured_in: str
    files: Mapping[str, str]
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """Return the file's text: sorted keys, figures that are not finite as null."""
        content = {"format": LITERT_FORMAT, "autotiny": autotiny.__version__} | plain(self)
        return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
