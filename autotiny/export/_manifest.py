"""What a bundle says about itself; no times and no paths, so equal exports are equal files."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import autotiny

#: Marks a manifest.json as ours, so that ``force`` never replaces another program's folder.
FORMAT = "autotiny-bundle/1"
#: Of a folder that ``autotiny compile`` writes.
ENGINE_FORMAT = "autotiny-engine/1"
#: Of a folder for Linux boards.
LITERT_FORMAT = "autotiny-litert/1"

#: Packages whose version can change the bytes or the figures of a bundle.
_PACKAGES = (
    "ai-edge-litert",
    "ai-edge-quantizer",
    "flatbuffers",
    "numpy",
    "optuna",
    "scikit-learn",
    "tensorflow",
    "tensorflow-model-optimization",
    "tflite-micro",
)


@dataclass(frozen=True)
class Agreement:
    """How far LiteRT without delegates agrees with the runtime on the test inputs.

    Attributes:
        samples: Number of test inputs compared.
        equal_outputs: Share of output values that are equal, 0..1.
        largest_difference: In quantised steps.
        top1: Share of samples whose largest output is the same class, 0..1.
    """

    samples: int
    equal_outputs: float
    largest_difference: int
    top1: float


@dataclass(frozen=True)
class Manifest:
    """Content of ``manifest.json``.

    Attributes:
        project: As the user calls it.
        name: The same as a C identifier.
        ecosystem: Which firmware was written.
        source: Where the model comes from, as a person would say it.
        study: Name of the study, if it comes from one.
        trial: Number of the trial, likewise.
        parameters: Hyperparameters of the trial.
        scores: Scores given, and ``test_accuracy`` (or another metric) of the image on the runtime.
        task: Kind of the task; None if the outputs are but values.
        metric: What the scores are, likewise.
        test: What else outputs on test data tell: confusion matrix, recall, errors.
        names: Of classes, labels or values.
        threshold: What decides, where something is decided by one.
        target: The target's fields.
        footprint: The footprint's fields and its totals, in bytes, of the firmware's own runtime.
        runtime: Name of the runtime that was chosen.
        footprints: The same as ``footprint`` by the name of each runtime that the bundle has code
            for, with the name of the target.
        engine: What is known of the same model as C code; empty if it is not in the bundle.
        encodings: Weight tensor to encoding.
        operators: Operators that the firmware registers.
        image_sha256: Of the flashed bytes.
        golden_vectors: Test inputs that the self-test runs.
        litert: Agreement of LiteRT on ``model.tflite`` with the runtime on the image.
        files: SHA-256 by path of every file but the manifest.
        versions: Python packages by name.
    """

    project: str
    name: str
    ecosystem: str
    source: str
    study: str | None
    trial: int | None
    parameters: Mapping[str, Any]
    scores: Mapping[str, float]
    task: str | None
    metric: str | None
    test: Mapping[str, Any]
    names: tuple[str, ...]
    threshold: float | None
    target: Mapping[str, Any]
    footprint: Mapping[str, Any]
    runtime: str
    footprints: Mapping[str, Mapping[str, Any]]
    engine: Mapping[str, Any]
    encodings: Mapping[str, str]
    operators: tuple[str, ...]
    image_sha256: str
    golden_vectors: int
    litert: Agreement
    files: Mapping[str, str]
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """Return the file's text: sorted keys, figures that are not finite as null."""
        content = {"format": FORMAT, "autotiny": autotiny.__version__} | plain(self)
        return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def is_bundle_manifest(text: str) -> bool:
    """Whether a manifest.json is one of ours."""
    try:
        content = json.loads(text)
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("format") in (
        FORMAT,
        ENGINE_FORMAT,
        LITERT_FORMAT,
    )


def plain(value: Any) -> Any:
    """Return dataclasses, mappings, sequences and NumPy scalars as what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def package_versions() -> dict[str, str]:
    """Return the installed versions of the packages that shape a bundle."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an exporter without the training packages is fine
            continue
    return found
